# SPDX-License-Identifier: Apache-2.0
"""Results by name in a JSON file, from which a page is drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dixtill_hf.artifacts.files import read_json


def keep_entry(path: Path, name: str, entry: Any) -> dict[str, Any]:
    """Write one result next to those of earlier runs; an older one of the same name is replaced.

    Args:
        path: The JSON file, made if it is not there.
        name: Name of the entry.
        entry: JSON values.

    Returns:
        All entries of the file.
    """
    entries: dict[str, Any] = read_json(path) or {}
    entries[name] = entry
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return entries
