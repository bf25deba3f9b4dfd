# SPDX-License-Identifier: Apache-2.0
"""A model without dropout for as long as it is measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout off, and put the model back into its mode; gradients are as before.

    Args:
        model: Any module.
    """
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
