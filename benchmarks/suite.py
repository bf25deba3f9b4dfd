# SPDX-License-Identifier: Apache-2.0
"""The same models on eight data sets, at several numbers of texts: one cell for each seed.

`python -m benchmarks.suite --data_dir data --sizes 3000 --seeds 2` measures what is missing of the
cells that it names, keeps each as soon as it is finished, and draws the page from all of them. So
it goes on where it was interrupted, and cells can be measured on different days.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from benchmarks.data_sets import DATA_SETS
from benchmarks.suite_models import MODELS, available_models, measure
from benchmarks.suite_report import write_report
from benchmarks.suite_task import Task
from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.data.names import check_name
from dixtill_hf.workflow.environment import describe_environment

SPLITS = ("test", "validation")
# Raised when the same cell comes to have other figures.
_VERSION = 1


@dataclass
class SuiteArguments:
    """Which cells, and where everything is."""

    data_dir: str = field(metadata={"help": "Directory of the data sets' folders."})
    sets: list[str] = field(
        default_factory=lambda: list(DATA_SETS),
        metadata={"help": f"Any of {', '.join(DATA_SETS)}."},
    )
    sizes: list[int] = field(
        default_factory=lambda: [3000],
        metadata={"help": "Numbers of texts to learn from; 0: all there are."},
    )
    models: list[str] = field(
        default_factory=lambda: list(MODELS),
        metadata={"help": f"Any of {', '.join(MODELS)}."},
    )
    seeds: int = field(default=5, metadata={"help": "Seeds of each model that has any."})
    split: str = field(
        default="test",
        metadata={
            "help": "What is scored: the test split, or a tenth of train, for choosing settings.",
            "choices": list(SPLITS),
        },
    )
    encoder: str = field(
        default="packaged",
        metadata={"help": "Directory or Hub id of the encoder that teachers are fine-tuned from."},
    )
    student_start: str | None = field(
        default=None, metadata={"help": "Pretrained student that the students start from."}
    )
    max_bytes: int = field(
        default=500_000, metadata={"help": "Size of the students in integers, in bytes."}
    )
    store: str = field(
        default="runs/suite", metadata={"help": "Directory of the finished cells and the teachers."}
    )
    results_dir: str = field(
        default="benchmarks/results", metadata={"help": "Where suite.json and suite.md go."}
    )


def main() -> None:
    """Measure the cells that are missing, and draw the page."""
    (given,) = read_arguments(
        "python -m benchmarks.suite",
        "Measure models on eight data sets; finished cells are kept.",
        (SuiteArguments,),
        sys.argv[1:],
    )
    run_suite(given)


def run_suite(given: SuiteArguments) -> dict[str, Any]:
    """Measure the cells that are missing, one after the other.

    Args:
        given: Which cells, and where everything is.

    Returns:
        What `suite.json` has: the cells, and what they were measured with.

    Raises:
        ValueError: A set or a model is unknown.
        FileNotFoundError: A data set is not there.
    """
    for name in given.sets:
        check_name("set", name, DATA_SETS)
    for name in given.models:
        check_name("model", name, MODELS)
    models = available_models(given.models)
    cells = [
        (name, size, model, seed)
        for name, size, model in product(given.sets, given.sizes, models)
        for seed in range(given.seeds if MODELS[model].has_seeds else 1)
    ]
    results = Path(given.results_dir) / "suite.json"
    content = read_json(results) or {"cells": {}}
    content["environment"] = describe_environment()
    task: Task | None = None
    for name, size, model, seed in tqdm(cells, desc="Cells"):
        if task is None or (task.name, task.size) != (name, size):
            task = make_task(name, size, given)
        cell = measured_cell(task, model, seed, given)
        content["cells"][f"{name}|{size}|{model}|{given.split}|{seed}"] = cell
        write_json(results, content)
        write_report(content, results.parent)
    return content


def make_task(name: str, size: int, given: SuiteArguments) -> Task:
    """A data set cut to a number of texts, the same ones for every model."""
    known = DATA_SETS[name]
    return Task.of(
        name,
        known.load(given.data_dir),
        size,
        scored=given.split,
        encoder=given.encoder,
        student_start=given.student_start,
        max_bytes=given.max_bytes,
        directory=Path(given.store) / "tasks" / f"{known.folder}-{size}",
    )


def measured_cell(task: Task, model: str, seed: int, given: SuiteArguments) -> dict[str, Any]:
    """The figures of one cell, measured now unless they are in the store."""
    cache = OutputCache(Path(given.store) / "cells" / task.directory.name / model)
    depends_on = [_VERSION, task.fingerprint, model, seed, MODELS[model].settings(task)]

    def compute() -> dict[str, Any]:
        start = time.perf_counter()
        cell = measure(task, model, seed)
        return {**cell, "seconds": round(time.perf_counter() - start, 1)}

    cell: dict[str, Any] = cache.value(f"{given.split}-{seed}", depends_on, compute)
    return cell


if __name__ == "__main__":
    main()
