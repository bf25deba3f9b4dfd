# SPDX-License-Identifier: Apache-2.0
"""The registry of explainers: names, settings, and what is said when they are mistyped."""

import pytest

from dixtill_hf.teacher.explainers import get_explainer
from dixtill_hf.teacher.integrated_gradients import IntegratedGradients


def test_a_name_and_settings_make_an_explainer():
    explainer = get_explainer("integrated_gradients", steps=8)
    assert explainer == IntegratedGradients(steps=8)
    assert explainer.settings() == {
        "name": "integrated_gradients",
        "steps": 8,
        "output": "logit",
        "target": "predicted",
    }


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'integrated_gradients'"):
        get_explainer("integrated_gradient")


def test_an_unknown_setting_gives_the_nearest():
    with pytest.raises(ValueError, match="got 'step'; did you mean 'steps'"):
        get_explainer("integrated_gradients", step=8)


def test_settings_beside_an_explainer_are_refused():
    with pytest.raises(ValueError, match="its own"):
        get_explainer(IntegratedGradients(), steps=8)


@pytest.mark.parametrize(
    "settings", [{"steps": 0}, {"steps": 2.5}, {"output": "logits"}, {"target": "gold"}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        IntegratedGradients(**settings)


@pytest.mark.parametrize(("target", "uses"), [("predicted", False), ("true", True)])
def test_labels_are_used_only_where_they_are_explained(target, uses):
    assert IntegratedGradients(target=target).uses_labels is uses
