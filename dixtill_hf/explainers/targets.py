# SPDX-License-Identifier: Apache-2.0
"""What is explained: which output of the teacher, and of which label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.names import check_name
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.teacher.encoding import EncodedText


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
TARGETS = ("predicted", "true", "all")


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
    return -1 if label is None else int(label)
