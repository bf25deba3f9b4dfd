# SPDX-License-Identifier: Apache-2.0
"""Scores many generated texts from Parquet to Parquet, killed twice, and measures rate and memory.

    python -m benchmarks.scoring STUDENT --texts 10000000 --output benchmarks/results/scoring.json

The texts are headlines of the embedded grammar, each with a number, so that no two are equal. The
command is killed with SIGKILL at a third and at two thirds of its parts. Then it must give every
row once, in its place, with the labels that an uninterrupted run gives (checked on the first rows).
Memory is the largest resident set of the command and its processes, read once a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.data.embedded import financial_headlines
from dixtill_hf.scoring.files import ROWS_A_PART, predict_files
from dixtill_hf.workflow.environment import describe_environment

_ROWS_A_GROUP = 100_000
_ROWS_CHECKED = 20_000


def write_texts(path: Path, count: int) -> None:
    """Write so many texts, no two of them equal."""
    splits = financial_headlines()
    headlines = [text for split in splits.values() for text in split["text"]]
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, count, _ROWS_A_GROUP):
            numbers = range(start, min(start + _ROWS_A_GROUP, count))
            texts = [f"{headlines[number % len(headlines)]} {number}" for number in numbers]
            writer.write_table(pa.table({"id": numbers, "text": texts}, schema))


def run_once(command: list[str], parts: Path, stop_at: int | None) -> Iterator[tuple[float, int]]:
    """Run the command until it ends, or kill it when so many parts are there.

    Yields:
        Seconds since the start, and bytes of the resident sets.
    """
    start = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        if stop_at is not None and len(list(parts.glob("*/*.parquet"))) >= stop_at:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()
            return
        yield time.monotonic() - start, resident(process.pid)
        time.sleep(1.0)
    if process.returncode:
        raise RuntimeError(f"The command ended with {process.returncode}.")


def resident(pid: int) -> int:
    """Bytes of the resident sets of a process and its children."""
    try:
        own = psutil.Process(pid)
        return sum(one.memory_info().rss for one in (own, *own.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("student")
    parser.add_argument("--texts", type=int, default=10_000_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--words", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    with TemporaryDirectory() as directory:
        result = measure(given, Path(directory))
    write_json(given.output, result)
    print(json.dumps(result, indent=2))


def measure(given: argparse.Namespace, directory: Path) -> dict[str, Any]:
    """Score, killed twice."""
    texts, scored = directory / "texts.parquet", directory / "scored.parquet"
    write_texts(texts, given.texts)
    command = [sys.executable, "-m", "dixtill_hf.cli.main", "predict", given.student]
    command += [str(texts), str(scored), "--processes", str(given.processes)]
    command += ["--words", str(given.words)]
    parts = -(-given.texts // ROWS_A_PART)
    memory, seconds = [], []
    folder = scored.with_name("scored.parquet.parts")
    for stop_at in (parts // 3, 2 * parts // 3, None):
        seen = list(run_once(command, folder, stop_at))
        memory += [size for _, size in seen]
        seconds.append(seen[-1][0] if seen else 0.0)
    whole = memory[len(memory) // 10 :]
    check_rows(texts, scored, given, directory)
    return {
        "command": f"python -m benchmarks.scoring STUDENT --texts {given.texts} "
        f"--processes {given.processes} --words {given.words}",
        "environment": describe_environment(),
        "texts": given.texts,
        "seconds": seconds,
        "texts_per_second": given.texts / sum(seconds),
        "largest_resident_bytes": max(memory),
        "resident_bytes_of_each_tenth": [
            max(whole[at * len(whole) // 10 : (at + 1) * len(whole) // 10] or [0])
            for at in range(10)
        ],
    }


def check_rows(texts: Path, scored: Path, given: argparse.Namespace, directory: Path) -> None:
    """Every row is there once, in its place; the first have the labels of a run of their own."""
    found = pq.read_table(scored, columns=["id"])["id"].to_pylist()
    if found != list(range(given.texts)):
        raise RuntimeError("Rows are missing, or in another place.")
    count = min(_ROWS_CHECKED, given.texts)
    first = next(pq.ParquetFile(texts).iter_batches(count))
    pq.write_table(pa.Table.from_batches([first]), directory / "first.parquet")
    predict_files(given.student, directory / "first.parquet", directory / "alone.parquet")
    alone = pq.read_table(directory / "alone.parquet", columns=["predicted_label"])
    whole = next(pq.ParquetFile(scored).iter_batches(count, columns=["predicted_label"]))
    if pa.Table.from_batches([whole]).slice(0, len(alone)) != alone.slice(0, len(whole)):
        raise RuntimeError("Labels differ from those of a run that was not killed.")


if __name__ == "__main__":
    main()
