# SPDX-License-Identifier: Apache-2.0
"""The processes that torchrun or accelerate launched to work on one job."""

from __future__ import annotations

import atexit
import os
from functools import cache

import torch.distributed as dist
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


def launched_processes() -> PartialState | None:
    """What this process knows of the others, or None where it is alone.

    The first call joins the process group, unless a Trainer's arguments did so before.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if several or (dist.is_available() and dist.is_initialized()):
        _leave_at_exit()
        return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))
    return None


@cache
def _leave_at_exit() -> None:
    """Have this process leave its groups before it ends.

    Gloo's threads, where they outlive the interpreter, now and then abort a process that is done.
    """
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
