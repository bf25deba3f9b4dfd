# SPDX-License-Identifier: Apache-2.0
"""Explainers by name: those that come with the library, and those that were registered."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from dixtill_hf.data.names import check_name
from dixtill_hf.teacher.explainers import (  # noqa: F401 - each registers itself
    attention_rollout,
    deep_lift,
    gradient_shap,
    gradient_x_input,
    integrated_gradients,
    kernel_shap,
    lime,
    no_explainer,
    occlusion,
    precomputed,
    saliency,
    shapley_sampling,
)
from dixtill_hf.teacher.explainers.base import EXPLAINERS, Explainer


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
    known = [field.name for field in fields(cls) if field.init]
    for name in settings:
        check_name(f"a setting of {explainer!r}", name, known)
    return cls(**settings)
