# SPDX-License-Identifier: Apache-2.0
"""A model without dropout for as long as it is measured."""

import pytest
from torch import nn

from dixtill_hf.artifacts.evaluation_mode import evaluating


def measure(model: nn.Sequential) -> None:
    """A measurement that fails."""
    with evaluating(model):
        assert not model.training
        assert not model[0].training
        raise ZeroDivisionError


@pytest.mark.parametrize("training", [True, False])
def test_a_model_is_put_back_into_its_mode(training: bool) -> None:
    model = nn.Sequential(nn.Dropout()).train(training)
    with pytest.raises(ZeroDivisionError):
        measure(model)
    assert model.training == model[0].training == training
