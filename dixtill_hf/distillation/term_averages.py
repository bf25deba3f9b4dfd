# SPDX-License-Identifier: Apache-2.0
"""Averages of the loss terms between two logs, over texts and processes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from dixtill_hf.data.columns import LABEL_UNKNOWN

TERMS = ("ce", "kd", "xai")


class TermAverages:
    """Sums each term on the device, so that no training step waits for a number."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}

    def add(self, terms: Mapping[str, Tensor], labels: Tensor) -> None:
        """Add the terms of a batch.

        Args:
            terms: As from `distillation_loss`, each of shape `(batch,)`.
            labels: Shape `(batch,)`; texts labelled −100 do not enter the mean cross-entropy.
        """
        labelled = (labels != LABEL_UNKNOWN).sum()
        for name in TERMS:
            if name in terms:
                texts = labelled if name == "ce" else torch.full_like(labelled, len(labels))
                sums = torch.stack([terms[name].detach().sum(), texts.to(terms[name].dtype)])
                self._sums[name] = self._sums[name] + sums if name in self._sums else sums

    def pop(self, add_up: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """The means since the last call, `loss_ce`, `loss_kd` and `loss_xai`; then start anew.

        Args:
            add_up: Adds a tensor up over all processes.

        Returns:
            The terms that were added; without the cross-entropy if no text had a label.
        """
        totals = {name: add_up(sums).tolist() for name, sums in self._sums.items()}
        self._sums = {}
        return {f"loss_{name}": total / texts for name, (total, texts) in totals.items() if texts}
