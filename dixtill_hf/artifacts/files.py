# SPDX-License-Identifier: Apache-2.0
"""Files and directories that are there whole or not at all, and the newest whole checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

# What the names of unfinished files end with.
TEMPORARY = ".tmp"
# What the Trainer of transformers calls its checkpoints, and what it writes into each of them last.
_CHECKPOINTS = "checkpoint-*"
_TRAINER_STATE = "trainer_state.json"


@contextmanager
def unfinished_file(directory: Path) -> Iterator[Path]:
    """A path at which a file is written before it gets its name, by `Path.replace`.

    Several processes may write the same file: each has a path of its own. What is there at the end
    was not named, and is removed.

    Args:
        directory: The directory of the file, made if it is not there.
    """
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / f"{uuid4().hex}{TEMPORARY}"
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that the file is there whole or not at all.

    Args:
        path: The file; its directory is made if it is not there.
        value: JSON values.

    Raises:
        ValueError: A number is infinite or not a number.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with unfinished_file(path.parent) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)


def read_json(path: Path) -> Any:
    """The value in a JSON file; None if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def unfinished_path(directory: Path) -> Path:
    """Where a directory is written before it gets its name."""
    return directory.with_name(f"{directory.name}.unfinished")


def replace_directory(directory: Path) -> None:
    """Give the directory at `unfinished_path(directory)` its name; an older one is removed."""
    shutil.rmtree(directory, ignore_errors=True)
    unfinished_path(directory).replace(directory)


def newest_whole_checkpoint(directory: Path) -> str | None:
    """The path of a Trainer's last checkpoint that was saved to its end, or None.

    The state is what the Trainer writes last, so where the state can be read the rest is there.
    Checkpoints without a whole state are deleted.
    """
    whole = {}
    for path in directory.glob(_CHECKPOINTS):
        step = _step(path)
        if step is None:
            shutil.rmtree(path, ignore_errors=True)  # other processes remove it as well
        else:
            whole[step] = path
    return str(whole[max(whole)]) if whole else None


def _step(checkpoint: Path) -> int | None:
    """The step at which a checkpoint was saved; None if its state is missing or cut off."""
    try:
        state = json.loads((checkpoint / _TRAINER_STATE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return state["global_step"]
