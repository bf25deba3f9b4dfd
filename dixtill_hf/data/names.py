# SPDX-License-Identifier: Apache-2.0
"""Names that the user gives: unknown ones, those given twice, and those that are ids on the Hub."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

# What comes with the library, under names that look like those of the Hub.
_OURS = ("embedded", "packaged")


def hub_id(name: str) -> str | None:
    """The name of a model or dataset if it is an id on the Hub; None of a path, or what is ours."""
    if not name or name in _OURS or Path(name).exists():
        return None
    try:
        validate_repo_id(name)
    except HFValidationError:
        return None
    return name


def check_name(setting: str, given: str, allowed: Iterable[str]) -> None:
    """Refuse a name that is not among the allowed ones.

    Args:
        setting: What the name is given for, as the user knows it.
        given: The name.
        allowed: All names that there are.

    Raises:
        ValueError: The name is unknown; the message lists the names and has the nearest one.
    """
    allowed = list(allowed)
    if given in allowed:
        return
    nearest = difflib.get_close_matches(str(given), allowed, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"{setting} must be one of {', '.join(allowed)}, got {given!r}.{hint}")


def refuse_twice(names: Sequence[str], what: str) -> None:
    """Refuse a name that occurs more than once.

    Raises:
        ValueError: One does; `what` begins the message.
    """
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise ValueError(f"{what} {twice!r} more than once")
