# SPDX-License-Identifier: Apache-2.0
"""The base classes of explainers, the checks of their settings, and the registry of their names."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.names import check_name
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, collate
from dixtill_hf.teacher.loading import Teacher


def read_logits(teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget) -> np.ndarray:
    """A teacher's logits for texts, `(texts, labels)`, float32, read in batches.

    Of no texts: `(0, 0)`.
    """

    def read(rows: list[int]) -> torch.Tensor:
        with torch.inference_mode():
            return teacher.logits(collate(teacher, [texts[row] for row in rows]).inputs).cpu()

    logits = budget.collect([len(text) for text in texts], read)
    return torch.stack(logits).numpy() if logits else np.empty((0, 0), np.float32)


_EXPLAINERS: dict[str, type[Explainer]] = {}
TARGETS = ("predicted", "true", "all")


def check_count(setting: str, given: object, least: int = 1) -> None:
    """Refuse what is not a whole number of at least `least`.

    Raises:
        ValueError: The setting is out of its range.
    """
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise ValueError(f"{setting} must be a whole number of at least {least}, got {given!r}.")


def check_positive(setting: str, given: object) -> None:
    """Refuse what is not a finite number above 0.

    Raises:
        ValueError: The setting is out of its range.
    """
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not math.isfinite(given) or given <= 0:  # type: ignore[arg-type, operator]
        raise ValueError(f"{setting} must be a finite number above 0, got {given!r}.")


def text_seed(seed: int, text: str) -> int:
    """A seed for one text, in [0, 2^63)."""
    encoded = f"{seed}\0{text}".encode("utf-8", errors="surrogatepass")
    return int.from_bytes(hashlib.sha256(encoded).digest()[:8], "little") >> 1


@contextmanager
def seeded_for(seed: int, text: str) -> Iterator[None]:
    """Within it, torch's random numbers on the CPU are the text's; afterwards as if never drawn."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed the accelerators too, whose states are not restored.
        torch.default_generator.manual_seed(text_seed(seed, text))
        yield


@dataclass(frozen=True)
class Attribution:
    """A teacher's logits for one text, and their explanation.

    Attributes:
        logits: `(labels,)`, float32, in the order of the data's labels.
        label: The label whose output is explained; a list of them where a text may have several.
        spans: `[start, end)` characters of every attributed piece of the text.
        scores: float32, one per span: `(spans,)`, or `(labels, spans)` where all or several labels
            are explained.
        completeness_error: How far the sum of the scores is from F(x) − F(baseline), in absolute
            terms (Captum's convergence delta); the largest over the labels that are explained. NaN
            for an explainer that does not promise completeness.
        evaluations: Points at which the teacher was evaluated, with or without a gradient.
    """

    logits: np.ndarray
    label: int | list[int]
    spans: Sequence[tuple[int, int]]
    scores: np.ndarray
    completeness_error: float
    evaluations: int


@dataclass(frozen=True)
class Explainer(ABC):
    """Computes the attribution of every token of a text for one output of the teacher.

    A subclass is a frozen dataclass: its fields are its settings. Its result for a text depends on
    them, on the teacher, and on what it `reads`, but never on the other texts it is given.

    Attributes:
        name: Name in the registry, which users type.
        signed: Whether a negative score speaks against the label; if not, scores are magnitudes.
        uses_gradients: Whether an evaluation includes a gradient, which doubles its cost.
    """

    name: ClassVar[str]
    signed: ClassVar[bool] = True
    uses_gradients: ClassVar[bool] = False

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the dataset that the result depends on, in addition to the text."""
        return ()

    @property
    def explains_all_labels(self) -> bool:
        """Whether there are scores for every label, `(labels, spans)`."""
        return False

    @property
    def texts_to_prepare(self) -> int:
        """Number of texts that `prepared` needs; 0 if it needs none."""
        return 0

    def prepared(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> Explainer:
        """Return the explainer with settings that depend on the teacher and the machine filled in.

        They are part of `settings`, so that they can be given again.

        Args:
            teacher: The teacher whose predictions will be explained.
            texts: Some of the texts that will be explained, `texts_to_prepare` of them.
            budget: Most tokens in memory at once.
        """
        return self

    def chosen_here(self, teacher: Teacher) -> dict[str, Any]:
        """Settings that `prepared` would choose on this machine, by name."""
        return {}

    @abstractmethod
    def evaluations(self, words: int) -> float:
        """Number of teacher evaluations for a text with this many words; used to share the work."""

    @abstractmethod
    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Explain texts, with no more tokens in memory at once than the budget allows.

        Args:
            teacher: The teacher whose predictions are explained.
            texts: The texts, encoded for the teacher.
            budget: Most tokens in memory at once.

        Returns:
            One attribution per text, in their order.
        """

    def attribution(
        self,
        text: EncodedText,
        logits: torch.Tensor,
        label: int,
        scores: np.ndarray,
        completeness_error: float,
        evaluations: int,
    ) -> Attribution:
        """The result for a text, from the scores `(outputs, spans)` of all chosen outputs."""
        return Attribution(
            logits=logits.cpu().numpy(),
            label=label,
            spans=text.spans,
            scores=(scores if self.explains_all_labels else scores[0]).astype(np.float32),
            completeness_error=completeness_error,
            evaluations=evaluations,
        )

    def settings(self) -> dict[str, Any]:
        """Name and settings, as JSON values."""
        return {"name": self.name, **asdict(self)}


_ExplainerType = TypeVar("_ExplainerType", bound=type[Explainer])


def register_explainer(name: str) -> Callable[[_ExplainerType], _ExplainerType]:
    """Register an explainer class under the name that users type (a class decorator).

    Args:
        name: The name, as for `annotate(dataset, teacher, name)`.

    Returns:
        The decorator, which returns the class with its `name` set.
    """

    def register(cls: _ExplainerType) -> _ExplainerType:
        cls.name = name
        _EXPLAINERS[name] = cls
        return cls

    return register


def get_explainer(explainer: str | Explainer, **settings: Any) -> Explainer:
    """Make an explainer from its name and settings; an explainer passes through.

    Raises:
        ValueError: The name is unknown, a setting is unknown or out of range, or settings are
            given together with an explainer that has its own.
    """
    if isinstance(explainer, Explainer):
        if settings:
            raise ValueError(
                f"The settings {sorted(settings)} were given with a {type(explainer).__name__} "
                "that already has its own: give them to its constructor instead."
            )
        return explainer
    explainers = known_explainers()
    check_name("explainer", explainer, explainers)
    cls = explainers[explainer]
    known = [field.name for field in fields(cls) if field.init]
    for name in settings:
        check_name(f"a setting of {explainer!r}", name, known)
    return cls(**settings)


def known_explainers() -> Mapping[str, type[Explainer]]:
    """All explainers by name: the modules of this folder, and what was registered elsewhere."""
    _import_this_folder()
    return _EXPLAINERS


@cache
def _import_this_folder() -> None:
    """Import the modules of this folder: each explainer in them registers itself."""
    folder = import_module(__package__)
    for module in iter_modules(folder.__path__):
        import_module(f"{__package__}.{module.name}")


def _margin(logits: torch.Tensor) -> torch.Tensor:
    """Each label's logit over the mean of the others'."""
    others = (logits.sum(-1, keepdim=True) - logits) / (logits.shape[-1] - 1)
    return logits - others


# From logits `(rows, labels)` to one output per label.
OUTPUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "logit": lambda logits: logits,
    "margin": _margin,
    "probability": lambda logits: torch.softmax(logits, dim=-1),
    "log_probability": lambda logits: torch.log_softmax(logits, dim=-1),
}


@dataclass(frozen=True)
class TargetedExplainer(Explainer):
    """An explainer of an output that can be chosen.

    Attributes:
        output: What is attributed: the `logit` of a label, its `margin` over the mean of the other
            logits, its `probability` (the paper's notebook), or its `log_probability`.
        target: The label that is explained: the teacher's `predicted` one, the `true` one (the
            predicted one where a text has no label), or `all` of them, one row of scores each.
    """

    output: str = "logit"
    target: str = "predicted"

    def __post_init__(self) -> None:
        """Check the settings before anything is computed."""
        check_name("output", self.output, OUTPUTS)
        check_name("target", self.target, TARGETS)

    @property
    def reads(self) -> tuple[str, ...]:
        """The label, where it is the one explained."""
        return (LABEL,) if self.target == "true" else ()

    @property
    def explains_all_labels(self) -> bool:
        """Whether every label is explained."""
        return self.target == "all"

    def outputs(self, logits: torch.Tensor) -> torch.Tensor:
        """The output that is explained, of every label: `(rows, labels)` → `(rows, labels)`."""
        return OUTPUTS[self.output](logits)

    def labels(self, logits: torch.Tensor, texts: Sequence[EncodedText]) -> torch.Tensor:
        """The label of every text that is explained, `(texts,)`; the predicted one for `all`."""
        predicted = logits.argmax(-1)
        if self.target != "true":
            return predicted
        given = torch.tensor([_label_of(text) for text in texts], device=logits.device)
        return torch.where(given >= 0, given, predicted)

    def chosen(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The outputs that are explained, `(rows, outputs)`: that of the label, or of every one.

        Args:
            logits: `(rows, labels)`.
            labels: The label of every row that is explained, `(rows,)`.
        """
        outputs = self.outputs(logits)
        return outputs if self.explains_all_labels else outputs.gather(1, labels.unsqueeze(1))


def _label_of(text: EncodedText) -> int:
    label = text.row.get(LABEL)
    return label if isinstance(label, int) else -1
