# SPDX-License-Identifier: Apache-2.0
"""Measure how time and peak memory of `annotate` grow with the number of texts.

    python -m benchmarks.annotation_memory runs/sst2/teacher --sizes 1000 8000
    python -m benchmarks.annotation_memory runs/sst2/teacher --explainer gradient_x_input

Each size is annotated by a process of its own, from a saved dataset into an empty cache. Results go
to benchmarks/results/annotation_memory.json, one entry for each explainer on each machine; the page
and the picture are drawn from it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from datasets import Dataset, concatenate_datasets, load_from_disk
from matplotlib.figure import Figure

from benchmarks.annotation import machine
from benchmarks.entries import keep_entry
from dixtill_hf import annotate, load_text_classification
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.plot_style import SETTINGS
from dixtill_hf.workflow.environment import describe_environment

RESULTS = Path(__file__).parent / "results"


def main(argv: Sequence[str]) -> None:
    """Annotate each size in a process of its own, then draw the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("teacher", help="Hub id or directory")
    parser.add_argument("--source", default="data/sst2/train.csv")
    parser.add_argument("--text_column")
    parser.add_argument("--label_names", nargs="+")
    parser.add_argument("--explainer", default="integrated_gradients")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 8_000, 70_000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results_dir", default=str(RESULTS), help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.child:
        print(json.dumps(annotate_here(Path(given.child), given.teacher, given.explainer)))
        return
    data = load_text_classification(
        given.source,
        text_column=given.text_column,
        label_names=given.label_names,
        require_test=False,
    )
    texts = concatenate_datasets(list(data.values())).shuffle(given.seed)
    rows = [measure(texts.select(range(min(size, len(texts)))), given) for size in given.sizes]
    directory = Path(given.results_dir)
    environment = describe_environment()
    allocator = [f"{name}={value}" for name, value in os.environ.items() if _is_mallocs(name)]
    name = ", ".join([f"{given.explainer} on {machine(environment)}", *allocator])
    entry = {
        "environment": environment,
        "command": " ".join([*allocator, "python -m benchmarks.annotation_memory", *argv]),
        "rows": rows,
    }
    write_report(keep_entry(directory / "annotation_memory.json", name, entry), directory)


def _is_mallocs(name: str) -> bool:
    """Whether glibc's allocator reads an environment variable."""
    return name.startswith("MALLOC_")


def measure(texts: Dataset, given: argparse.Namespace) -> dict[str, Any]:
    """Time and peak memory of annotating some texts in a fresh process."""
    with tempfile.TemporaryDirectory() as directory:
        texts.save_to_disk(f"{directory}/texts")
        command = [
            sys.executable,
            "-m",
            "benchmarks.annotation_memory",
            given.teacher,
            "--child",
            directory,
        ]
        command += ["--explainer", given.explainer]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row = json.loads(done.stdout.splitlines()[-1])
    print(row, flush=True)
    return row


def annotate_here(directory: Path, teacher: str, explainer: str) -> dict[str, Any]:
    """Annotate the texts of a directory; what it took of this process."""
    texts = load_from_disk(str(directory / "texts")).select_columns(["text"])
    start = time.perf_counter()
    annotated = annotate(texts, teacher, explainer, cache_dir=directory / "cache")
    return {
        "texts": len(annotated),
        "seconds": time.perf_counter() - start,
        # Kilobytes on Linux.
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "device_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
    }


def write_report(entries: Mapping[str, Any], directory: Path) -> None:
    """Write annotation_memory.md and its picture."""
    with mpl.rc_context(SETTINGS):
        figure = draw(entries)
        figure.savefig(directory / "annotation_memory.png", metadata={"Software": None})
    sections = [_section(name, entry) for name, entry in entries.items()]
    (directory / "annotation_memory.md").write_text(
        f"""# Annotation: time and memory against the number of texts

Each row is a process of its own with an empty cache; its time includes loading the teacher and
what is fitted to it, its memory everything; `on the device` is the most that tensors took there.

![Time and memory](annotation_memory.png)

{"".join(sections)}""",
        encoding="utf-8",
    )


def _section(name: str, entry: Mapping[str, Any]) -> str:
    rows, environment = entry["rows"], entry["environment"]
    table = fmt.table(
        [
            fmt.Column("texts", [fmt.count(row["texts"]) for row in rows]),
            fmt.Column("time", [fmt.duration(row["seconds"]) for row in rows]),
            fmt.Column("texts a second", [f"{row['texts'] / row['seconds']:.1f}" for row in rows]),
            fmt.Column("peak memory", [fmt.size(row["peak_bytes"]) for row in rows]),
            fmt.Column("on the device", [fmt.size(row["device_bytes"]) for row in rows]),
        ]
    )
    return f"""## {name}

`{entry["command"]}`, torch {environment["versions"]["torch"]}, {environment["date"]}.

{table}

"""


def draw(entries: Mapping[str, Any]) -> Figure:
    """Time and peak memory against the number of texts."""
    figure = Figure(figsize=(9.5, 4.4), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    for number, (name, entry) in enumerate(entries.items()):
        texts = [row["texts"] for row in entry["rows"]]
        look = {"color": f"C{number}", "marker": "o", "label": name}
        time_axes.plot(texts, [row["seconds"] for row in entry["rows"]], **look)
        memory_axes.plot(texts, [row["peak_bytes"] / 1e9 for row in entry["rows"]], **look)
    time_axes.set(xscale="log", yscale="log", xlabel="texts", ylabel="seconds", title="Time")
    memory_axes.set(xscale="log", xlabel="texts", ylabel="GB", title="Peak memory of the process")
    memory_axes.set_ylim(bottom=0)
    figure.legend(*time_axes.get_legend_handles_labels(), loc="outside lower center", fontsize=8)
    return figure


if __name__ == "__main__":
    main(sys.argv[1:])
