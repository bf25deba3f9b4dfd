# SPDX-License-Identifier: Apache-2.0
"""Names that the user types: an unknown one is answered with the nearest."""

import difflib
from collections.abc import Iterable


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
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"{setting} must be one of {', '.join(allowed)}, got {given!r}{hint}")
