# SPDX-License-Identifier: Apache-2.0
"""What every explainer is, and the registry that names them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar

import torch

from dixtill_hf.data.names import check_name
from dixtill_hf.teacher.encoding import EncodedBatch
from dixtill_hf.teacher.loading import Teacher


@dataclass(frozen=True)
class Attributions:
    """What a teacher says of a batch of texts, and why.

    Attributes:
        logits: `(texts, labels)`, float32, in the order of the data's labels.
        explained_labels: `(texts,)`, the label whose score is explained.
        scores: `(texts, tokens)`, float32, signed; 0 on special tokens and padding.
        completeness_errors: `(texts,)`, |Σ scores − (F(x) − F(baseline))|; NaN for explainers
            that do not promise completeness.
        evaluations: `(texts,)`, passes of the teacher spent on each text.
    """

    logits: torch.Tensor
    explained_labels: torch.Tensor
    scores: torch.Tensor
    completeness_errors: torch.Tensor
    evaluations: torch.Tensor


@dataclass(frozen=True)
class Explainer(ABC):
    """Computes the attribution of every token of a text for one output of the teacher.

    A subclass is a frozen dataclass: its fields are its settings, and all that its result depends
    on beside the text and the teacher.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def evaluations_per_text(self) -> int:
        """Passes of the teacher that one text costs: the unit of the token budget."""

    @property
    def uses_labels(self) -> bool:
        """Whether the result depends on the texts' labels; otherwise it is given none of them."""
        return False

    @abstractmethod
    def explain(self, teacher: Teacher, batch: EncodedBatch, max_tokens: int) -> Attributions:
        """Explain a batch, holding at most about `max_tokens` tokens in memory at once."""

    def settings(self) -> dict[str, Any]:
        """Name and settings, as JSON values."""
        return {"name": self.name, **asdict(self)}


EXPLAINERS: dict[str, type[Explainer]] = {}

_ExplainerType = TypeVar("_ExplainerType", bound=type[Explainer])


def register_explainer(name: str) -> Callable[[_ExplainerType], _ExplainerType]:
    """Class decorator: make an explainer known under the name that the user types."""

    def register(cls: _ExplainerType) -> _ExplainerType:
        cls.name = name
        EXPLAINERS[name] = cls
        return cls

    return register


def get_explainer(explainer: str | Explainer, **settings: Any) -> Explainer:
    """Make an explainer from its name and settings; an explainer passes through.

    Raises:
        ValueError: The name is unknown, a setting is unknown or out of range, or settings are
            given beside an explainer that has its own.
    """
    if isinstance(explainer, Explainer):
        if settings:
            raise ValueError(
                f"The settings {sorted(settings)} were given beside a {type(explainer).__name__} "
                "that already has its own: give them to its constructor instead."
            )
        return explainer
    check_name("explainer", explainer, EXPLAINERS)
    cls = EXPLAINERS[explainer]
    for name in settings:
        check_name(f"a setting of {explainer!r}", name, cls.__dataclass_fields__)
    return cls(**settings)
