# SPDX-License-Identifier: Apache-2.0
"""The files that are scored: found by path, directory or pattern, and checked before scoring."""

from __future__ import annotations

import glob
import logging
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from dixtill_hf.artifacts.storage import is_remote
from dixtill_hf.data.formats.kinds import KINDS
from dixtill_hf.data.formats.row_file import RowFile

if TYPE_CHECKING:
    from os import PathLike

logger = logging.getLogger(__name__)

ON_ERROR = ("refuse", "keep")
"""What can happen to rows without a usable text; see `dixtill_hf.scoring.files.predict_files`."""


def expand_inputs(inputs: str | PathLike[str] | Sequence[str | PathLike[str]]) -> list[str]:
    """The files that are meant by paths, directories and patterns, in their order.

    Args:
        inputs: As in `dixtill_hf.scoring.files.predict_files`.

    Raises:
        FileNotFoundError: A path, directory or pattern has no file.
        ValueError: `inputs` is empty.
    """
    given = [inputs] if isinstance(inputs, str) or not isinstance(inputs, Sequence) else inputs
    if not given:
        raise ValueError("inputs is empty: name a file, a directory or a pattern.")
    return [name for one in given for name in _files_of(str(one))]


def _files_of(name: str) -> list[str]:
    if is_remote(name):
        return _remote_files_of(name)
    path = Path(name).expanduser()
    if path.is_file():  # also one whose name looks like a pattern
        return [str(path)]
    if path.is_dir():
        found = [str(one) for one in sorted(path.iterdir()) if one.suffix.lower() in KINDS]
    else:
        found = sorted(one for one in glob.glob(str(path), recursive=True) if Path(one).is_file())
    return _some(found, name)


def _remote_files_of(name: str) -> list[str]:
    import fsspec

    system, path = fsspec.core.url_to_fs(name)
    if system.isfile(path):
        return [name]
    if system.isdir(path):
        listed = system.ls(path, detail=False)
        found = [one for one in listed if PurePath(one).suffix.lower() in KINDS]
    else:
        found = system.glob(path)
    return _some(sorted(system.unstrip_protocol(one) for one in found), name)


def _some(found: list[str], name: str) -> list[str]:
    if not found:
        raise FileNotFoundError(
            f"There is no file {name!r}, no directory of that name with {', '.join(KINDS)} files,"
            " and no file that it matches as a pattern."
        )
    return found


def check_rows(files: Sequence[RowFile], on_error: str) -> None:
    """Refuse rows without a usable text, or warn of them.

    Args:
        files: The inputs.
        on_error: One of `ON_ERROR`.

    Raises:
        ValueError: There are such rows, and `on_error` is `"refuse"`; names the first of them.
    """
    for file in files:
        if not file.invalid.count:
            continue
        found = f"{file.address} has {file.invalid.count} rows without a usable text: "
        if on_error == "refuse":
            raise ValueError(
                f"{found}{file.invalid}. Correct them, or keep them without a prediction: "
                'on_error="keep" (--on_error keep).'
            )
        logger.warning("%s%s. They are kept without a prediction.", found, file.invalid)


def check_same_columns(files: Sequence[RowFile]) -> None:
    """Refuse files whose rows cannot be in one output.

    Raises:
        ValueError: Two files differ in the names or types of their columns; names both files.
    """
    first = files[0]
    for other in files[1:]:
        if not other.schema.equals(first.schema):
            differing = [str(column) for column in {*first.schema} ^ {*other.schema}]
            raise ValueError(
                f"{first.address} and {other.address} have different columns "
                f"({', '.join(sorted(differing))}), so that one file cannot hold both. Name a "
                "directory as the output: it gets one file for each input."
            )
