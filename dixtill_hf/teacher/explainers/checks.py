# SPDX-License-Identifier: Apache-2.0
"""Settings of explainers that are numbers: each must be in its range."""

from __future__ import annotations

import math


def check_count(setting: str, given: object, least: int = 1) -> None:
    """Refuse what is not a whole number of at least `least`.

    Raises:
        ValueError: The setting is out of its range.
    """
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise ValueError(f"{setting} must be a whole number of at least {least}, got {given!r}.")


def check_positive(setting: str, given: object) -> None:
    """Refuse what is not a finite number above 0.

    Raises:
        ValueError: The setting is out of its range.
    """
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not math.isfinite(given) or given <= 0:  # type: ignore[arg-type, operator]
        raise ValueError(f"{setting} must be a finite number above 0, got {given!r}.")
