# SPDX-License-Identifier: Apache-2.0
"""Annotates a dataset again and again, in processes that are killed at random points.

Usage: annotate_and_kill.py DIRECTORY SEEDS, where the directory has `corpus` and its `teacher`.
Each seed's annotation goes to a cache of its own, `seed-0` and so on; that of `whole` is never
killed, and that of `assembly` is killed while it is put together. Prints how often each was killed.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from datasets import disable_progress_bars, load_from_disk
from tqdm.auto import tqdm

from dixtill_hf.annotation import annotator as assembly
from dixtill_hf.annotation import planning
from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.teacher.loading import load_teacher

# What a process with several threads forks may wait for them for ever.
torch.set_num_threads(1)
disable_progress_bars()
planning.CPU_SHARD = planning.ShardSize(4, 1e15)
planning.SHARDS_PER_WINDOW = 4
assembly._ROWS_AT_ONCE = 8

DIRECTORY = Path(sys.argv[1])
CORPUS = load_from_disk(str(DIRECTORY / "corpus"))
TEACHER = load_teacher(DIRECTORY / "teacher", device="cpu")


def start(cache: str, before: Callable[[], None] = lambda: None) -> int:
    """Annotate in a process of its own."""
    process = os.fork()
    if process == 0:
        # Forked processes share the lock of progress bars: one that is killed while it draws would
        # keep it, and all later ones wait for it for ever.
        tqdm.set_lock(threading.RLock())
        before()
        settings = {"steps": 2, "precision": "float32"}
        annotate(CORPUS, TEACHER, cache_dir=DIRECTORY / cache, **settings)
        os._exit(0)
    return process


def finished(process: int) -> bool:
    """Wait for a process, and say whether it came to its end."""
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise RuntimeError(f"A process ended with {status}.")
    return status == 0


def running(process: int) -> bool:
    """Whether a process has not ended yet; it can still be waited for."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def shards(cache: str) -> int:
    """How many shards there are."""
    return len(list((DIRECTORY / cache).glob("*/shards/*.parquet")))


def kill_at_random(seed: int, whole: int) -> int:
    """Annotate until a process comes to its end, with `whole` shards; count the kills."""
    chance, cache = random.Random(seed), f"seed-{seed}"
    for kills in range(100):
        # When there are so many shards, some of which may have been there before, or never.
        last = chance.randint(shards(cache), whole + 1)
        process = start(cache)
        while running(process) and shards(cache) < last:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.03))
        os.kill(process, signal.SIGKILL)
        if finished(process):
            return kills
    raise RuntimeError("It never came to its end.")


def die_in_the_assembly() -> None:
    """Let this process be killed when it gathers rows for the third time."""
    take, calls = assembly.take_rows, []

    def fatal(*args):
        calls.append(args)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return take(*args)

    assembly.take_rows = fatal


def main() -> None:
    """Annotate whole, killed in the assembly, and killed at random points."""
    finished(start("whole"))
    killed = {"assembly": int(not finished(start("assembly", die_in_the_assembly)))}
    finished(start("assembly"))
    for seed in range(int(sys.argv[2])):
        killed[f"seed-{seed}"] = kill_at_random(seed, shards("whole"))
    print(json.dumps(killed))


if __name__ == "__main__":
    main()
