# SPDX-License-Identifier: Apache-2.0
"""The processes that torchrun or accelerate launched, and what they tell one another."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import torch
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


# A process may wait for the others for as long as the cost of their shares was guessed wrongly;
# the group of a training gives up after minutes.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Team:
    """This process and the others that were launched with it, or this one alone.

    All processes must make the same calls in the same order. What they tell one another travels
    between their CPUs.

    Attributes:
        rank: Number of this process.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1
    group: dist.ProcessGroup | None = None

    @classmethod
    def launched(cls) -> Team:
        """All processes that were launched with this one; each of them must make the call."""
        processes = launched_processes()
        if processes is None or processes.num_processes == 1:
            return cls()
        group = dist.new_group(backend="gloo", timeout=_PATIENCE)
        return cls(processes.process_index, processes.num_processes, group)

    @property
    def is_main(self) -> bool:
        """Whether this process does what only one may do."""
        return self.rank == 0

    def gather(self, data: bytes) -> list[bytes]:
        """What each process gives, in the order of the processes."""
        if self.group is None:
            return [data]
        sizes = self._gather(torch.tensor([len(data)]))
        longest = int(max(sizes))
        padded = torch.frombuffer(bytearray(data).ljust(longest + 1), dtype=torch.uint8)
        parts = self._gather(padded)
        return [part.numpy()[: int(n)].tobytes() for part, n in zip(parts, sizes, strict=True)]

    def from_main(self, look: Callable[[], str]) -> str:
        """What `look` says in the main process, which alone calls it."""
        return self.gather(look().encode() if self.is_main else b"")[0].decode()

    def share(self, rows: int) -> range:
        """This process's part of so many rows: consecutive ones, in the order of the processes."""
        return range(self.rank * rows // self.size, (self.rank + 1) * rows // self.size)

    def _gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        dist.all_gather(parts, tensor, group=self.group)
        return parts
