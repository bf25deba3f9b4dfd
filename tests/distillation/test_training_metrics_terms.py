# SPDX-License-Identifier: Apache-2.0
"""Averages between two logs: over texts, not over batches."""

import pytest
import torch
from torch import Tensor

from dixtill_hf.distillation.training_metrics import TermAverages


def _one_process(sums: Tensor) -> Tensor:
    return sums


def test_means_are_over_texts_and_the_cross_entropy_over_labelled_ones() -> None:
    averages = TermAverages()
    averages.add(
        {"ce": torch.tensor([4.0, 0.0]), "kd": torch.tensor([1.0, 2.0]), "loss": torch.zeros(2)},
        labels=torch.tensor([1, -100]),
    )
    averages.add({"ce": torch.tensor([2.0]), "kd": torch.tensor([6.0])}, labels=torch.tensor([0]))
    assert averages.pop(_one_process) == {"loss_ce": 3.0, "loss_kd": 3.0}


def test_a_text_without_explanation_does_not_enter_the_mean_of_its_term() -> None:
    averages = TermAverages()
    attributions = torch.tensor([[0.0, 0.5], [0.0, 0.0]])
    averages.add({"xai": torch.tensor([0.25, 0.5])}, torch.tensor([0, 1]), attributions)
    assert averages.pop(_one_process) == {"loss_xai": 0.25}


def test_every_log_starts_anew() -> None:
    averages = TermAverages()
    explained = torch.ones(1, 3)
    averages.add({"xai": torch.tensor([1.0])}, torch.tensor([0]), explained)
    averages.pop(_one_process)
    assert averages.pop(_one_process) == {}
    averages.add({"xai": torch.tensor([0.25])}, torch.tensor([0]), explained)
    assert averages.pop(_one_process) == {"loss_xai": 0.25}


def test_sums_and_counts_of_all_processes_are_added_up() -> None:
    averages = TermAverages()
    averages.add({"xai": torch.tensor([1.0, 1.0])}, torch.tensor([0, 1]), torch.ones(2, 3))
    other_process = torch.tensor([4.0, 6.0])
    assert averages.pop(lambda sums: sums + other_process) == {
        "loss_xai": pytest.approx((2 + 4) / (2 + 6))
    }


def test_without_a_labelled_text_there_is_no_cross_entropy() -> None:
    averages = TermAverages()
    averages.add({"ce": torch.zeros(2), "kd": torch.ones(2)}, labels=torch.tensor([-100, -100]))
    assert averages.pop(_one_process) == {"loss_kd": 1.0}


def test_no_gradient_is_kept() -> None:
    averages = TermAverages()
    term = torch.ones(2, requires_grad=True)
    averages.add({"kd": 2 * term}, labels=torch.tensor([0, 1]))

    def check(sums: Tensor) -> Tensor:
        assert not sums.requires_grad
        return sums

    assert averages.pop(check) == {"loss_kd": 2.0}
