# SPDX-License-Identifier: Apache-2.0
"""What a loss on the teacher's logits is, and the registry that names them.

Every loss returns one value per text, so that texts with and without a label can share a batch.
Training minimises the mean over texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import torch
from torch import Tensor
from torch.nn import functional

from dixtill_hf.data.names import check_name

KdLoss = Callable[[Tensor, Tensor, float], Tensor]
"""Student's logits `(batch, questions, outcomes)`, teacher's, temperature → one value for each
question, `(batch, questions)`.

A text with one label asks one question: which label. Where a text may have several, each label is a
question of two outcomes, with the logits z and 0. Each value of a regression is one outcome.
"""

NO_KD_LOSS = "none"

_KD_LOSSES: dict[str, KdLoss] = {}
_OF_VALUES: set[str] = set()


def register_kd_loss(name: str, of_values: bool = False) -> Callable[[KdLoss], KdLoss]:
    """Decorate a loss to make it known under the name that `kd_loss` takes.

    Args:
        name: The name.
        of_values: Whether it also compares the values of a regression, which are no logits of
            probabilities.
    """

    def register(loss: KdLoss) -> KdLoss:
        _KD_LOSSES[name] = loss
        if of_values:
            _OF_VALUES.add(name)
        return loss

    return register


def known_kd_losses() -> Mapping[str, KdLoss]:
    """All losses by name: those of this folder, and those that were registered elsewhere."""
    _import_this_folder()
    return _KD_LOSSES


def compares_values(name: str) -> bool:
    """Whether a loss can be used in a regression; so can "none"."""
    return name == NO_KD_LOSS or (name in known_kd_losses() and name in _OF_VALUES)


def check_kd_loss(name: str) -> None:
    """Refuse a name that is neither a loss nor "none".

    Raises:
        ValueError: There is no loss of that name; the message has the nearest one.
    """
    check_name("kd_loss", name, [NO_KD_LOSS, *known_kd_losses()])


def get_kd_loss(name: str) -> KdLoss | None:
    """Look up a loss by its name; None for "none".

    Raises:
        ValueError: There is no loss of that name; the message has the nearest one.
    """
    check_kd_loss(name)
    return known_kd_losses().get(name)


@cache
def _import_this_folder() -> None:
    """Import the modules of this folder: each loss in them registers itself."""
    folder = import_module(__package__)
    for module in iter_modules(folder.__path__):
        import_module(f"{__package__}.{module.name}")


def kl_divergence(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """`KL(p^T(τ) ‖ p^S(τ))` over the last dimension, with `p(τ) = softmax(z / τ)`, in nats.

    It is computed from log-probabilities, so that no probability is 0.
    """
    wide = at_least_float32(student_logits)
    student = functional.log_softmax(student_logits.to(wide) / temperature, dim=-1)
    teacher = functional.log_softmax(teacher_logits.to(wide) / temperature, dim=-1)
    return functional.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)


def at_least_float32(tensor: Tensor) -> torch.dtype:
    """The type to compute a loss in: under autocast terms would lose their small differences."""
    return torch.promote_types(tensor.dtype, torch.float32)
