# SPDX-License-Identifier: Apache-2.0
"""The group of processes that torchrun or accelerate launched, and their messages."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import torch
import torch.distributed as dist
from accelerate import PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import parse_flag_from_env


def launched_processes() -> PartialState | None:
    """The state of the process group, or None if this is the only process.

    The first call joins the process group, unless a Trainer's arguments did so before.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if several or (dist.is_available() and dist.is_initialized()):
        _leave_at_exit()
        # The main process may first do what only one can, and the others wait for it to join.
        settings = {} if dist.is_initialized() else {"timeout": _TIMEOUT}
        return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"), **settings)
    return None


def launched_rank() -> int | None:
    """Number of this process among those that a launcher started; None if it is the only one."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return int(os.environ.get("RANK", "0"))
    return None


@contextmanager
def by_itself() -> Iterator[None]:
    """Within it, a launched process that has not joined its group works as if it were the only one.

    Libraries find no launcher in its environment, so that a Trainer trains as in one process.
    """
    launcher = _forget_launcher()
    try:
        yield
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
        os.environ.update(launcher)


def leave_process_group() -> None:
    """Leave the group for good: from now on this process is the only one."""
    _leave()
    _forget_launcher()


_LAUNCHER_PREFIXES = ("TORCHELASTIC_", "GROUP_", "ROLE_")
_LAUNCHER_NAMES = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"),
)


def _forget_launcher() -> dict[str, str]:
    """Take what a launcher has set out of the environment; returns it."""
    AcceleratorState._reset_state(reset_partial_state=True)
    names = [
        name
        for name in os.environ
        if name in _LAUNCHER_NAMES or name.startswith(_LAUNCHER_PREFIXES)
    ]
    return {name: os.environ.pop(name) for name in names}


@cache
def _leave_at_exit() -> None:
    """Have this process leave its groups before it ends.

    If Gloo's threads outlive the interpreter, they sometimes abort a process that is done.
    """
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


# A process that has finished its share may wait long for the others, since costs are estimates; the
# default group gives up after minutes.
_TIMEOUT = timedelta(days=7)


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that were launched together; by default only this one.

    All processes must make the same calls in the same order. Messages travel between their CPUs.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of processes.
        group: PyTorch's group for the messages; None if this is the only process.
    """

    rank: int = 0
    size: int = 1
    group: dist.ProcessGroup | None = None

    @classmethod
    def launched(cls) -> ProcessGroup:
        """The group of all launched processes; each of them must make this call."""
        processes = launched_processes()
        if processes is None or processes.num_processes == 1:
            return cls()
        group = dist.new_group(backend="gloo", timeout=_TIMEOUT)
        return cls(processes.process_index, processes.num_processes, group)

    @property
    def is_main(self) -> bool:
        """Whether this is the main process, which does what only one may do."""
        return self.rank == 0

    def gather(self, data: bytes) -> list[bytes]:
        """The data of every process, in the order of their ranks."""
        if self.group is None:
            return [data]
        sizes = self._gather(torch.tensor([len(data)]))
        longest = int(max(sizes))
        padded = torch.frombuffer(bytearray(data).ljust(longest + 1), dtype=torch.uint8)
        parts = self._gather(padded)
        return [part.numpy()[: int(n)].tobytes() for part, n in zip(parts, sizes, strict=True)]

    def from_main(self, function: Callable[[], str]) -> str:
        """The result of a function that only the main process calls, given to all processes."""
        return self.gather(function().encode() if self.is_main else b"")[0].decode()

    def share(self, rows: int) -> range:
        """The rows, of so many, that this process works on: consecutive, in the order of ranks."""
        return range(self.rank * rows // self.size, (self.rank + 1) * rows // self.size)

    def _gather(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        dist.all_gather(parts, tensor, group=self.group)
        return parts
