# SPDX-License-Identifier: Apache-2.0
"""The registry of explainers: names, settings, and what is said when they are mistyped."""

import pytest

from dixtill_hf.explainers.base import get_explainer
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients


def test_a_name_and_settings_make_an_explainer():
    explainer = get_explainer("integrated_gradients", steps=8)
    assert explainer == IntegratedGradients(steps=8)
    assert explainer.settings() == {
        "name": "integrated_gradients",
        "output": "logit",
        "target": "predicted",
        "steps": 8,
        "tolerance": 0.1,
        "max_steps": 56,
        "precision": "auto",
        "calibration": None,
    }


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'integrated_gradients'"):
        get_explainer("integrated_gradient")


def test_an_unknown_setting_gives_the_nearest():
    with pytest.raises(ValueError, match=r"got 'step'\. Did you mean 'steps'"):
        get_explainer("integrated_gradients", step=8)


def test_settings_beside_an_explainer_are_refused():
    with pytest.raises(ValueError, match="its own"):
        get_explainer(IntegratedGradients(), steps=8)


@pytest.mark.parametrize(("target", "reads"), [("predicted", ()), ("true", ("label",))])
def test_labels_are_read_only_where_they_are_explained(target, reads):
    assert IntegratedGradients(target=target).reads == reads
