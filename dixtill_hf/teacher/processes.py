# SPDX-License-Identifier: Apache-2.0
"""The processes that torchrun or accelerate launched to work on one job."""

from __future__ import annotations

import os

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env


def launched_processes() -> PartialState | None:
    """What this process knows of the others, or None where it is alone.

    The first call joins the process group, unless a Trainer's arguments did so before.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if several or (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))
    return None
