# SPDX-License-Identifier: Apache-2.0
"""The checkpoint that an interrupted Trainer run goes on from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR


def newest_whole_checkpoint(directory: Path) -> str | None:
    """The path of the last checkpoint that was saved to its end, or None; delete broken ones.

    The Trainer's state is what it writes last, so where the state can be read the rest is there.
    """
    whole = {}
    for path in directory.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        step = _step(path)
        if step is None:
            shutil.rmtree(path, ignore_errors=True)  # other processes remove it as well
        else:
            whole[step] = path
    return str(whole[max(whole)]) if whole else None


def _step(checkpoint: Path) -> int | None:
    """The step at which a checkpoint was saved; None if its state is missing or cut off."""
    try:
        state = json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return state["global_step"]
