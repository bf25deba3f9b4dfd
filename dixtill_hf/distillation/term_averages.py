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

    def add(
        self, terms: Mapping[str, Tensor], labels: Tensor, attributions: Tensor | None = None
    ) -> None:
        """Add the terms of a batch.

        Args:
            terms: As from `distillation_loss`, each of shape `(batch,)`.
            labels: Shape `(batch,)`; texts labelled −100 do not enter the mean cross-entropy.
            attributions: The teacher's, `(batch, words)`; texts that it gives none for, which
                cost a constant, do not enter the mean of the explanation term. Needed for it.
        """
        counted = {"ce": labels != LABEL_UNKNOWN, "kd": torch.ones_like(labels, dtype=torch.bool)}
        if attributions is not None:
            counted["xai"] = (attributions != 0).any(-1)
        for name in TERMS:
            if name in terms:
                chosen = counted[name].to(terms[name].dtype)
                sums = torch.stack([(terms[name].detach() * chosen).sum(), chosen.sum()])
                self._sums[name] = self._sums[name] + sums if name in self._sums else sums

    def pop(self, add_up: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """The means since the last call, `loss_ce`, `loss_kd` and `loss_xai`; then start anew.

        Args:
            add_up: Adds a tensor up over all processes.

        Returns:
            Those of the terms that any text entered.
        """
        totals = {name: add_up(sums).tolist() for name, sums in self._sums.items()}
        self._sums = {}
        return {f"loss_{name}": total / texts for name, (total, texts) in totals.items() if texts}
