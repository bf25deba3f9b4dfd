# SPDX-License-Identifier: Apache-2.0
"""Measurements that are made once, kept one by one: a benchmark goes on where it stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.hashing import hash_json


class MeasurementStore:
    """A directory with one JSON file for every measurement."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def once(self, name: str, depends_on: Any, measure: Callable[[], Any]) -> Any:
        """The measurement of this name, made now unless it is there and still valid.

        Args:
            name: Of the file; unique in the store.
            depends_on: All that the measurement depends on, as JSON values.
            measure: Makes it; returns JSON values.
        """
        path = self.directory / f"{name}.json"
        fingerprint = hash_json(depends_on)
        kept = _read(path)
        if kept.get("fingerprint") == fingerprint:
            return kept["value"]
        value = measure()
        write_json(path, {"fingerprint": fingerprint, "value": value})
        return value

    def directory_once(self, name: str, depends_on: Any, make: Callable[[Path], Any]) -> Path:
        """The same for what is itself a directory, such as a saved model.

        Args:
            name: Of the directory; unique in the store.
            depends_on: All that its contents depend on, as JSON values.
            make: Makes it at the path that it is given, where nothing is.
        """
        path, record = self.directory / name, self.directory / f"{name}.made.json"
        fingerprint = hash_json(depends_on)
        if not path.is_dir() or _read(record).get("fingerprint") != fingerprint:
            record.unlink(missing_ok=True)  # first: a directory broken off must not look made
            shutil.rmtree(path, ignore_errors=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
            write_json(record, {"fingerprint": fingerprint})
        return path


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
