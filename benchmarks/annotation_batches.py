# SPDX-License-Identifier: Apache-2.0
"""Measure the annotation engine by tokens per batch and by precision, on one device.

    python -m benchmarks.annotation_batches runs/tweets/teacher --name MiniLM-L6

Adaptive Integrated Gradients of the same texts, the median of a few runs that take turns. Results
go to benchmarks/results/annotation_batches.json, one entry for each teacher on each machine; the
page and the picture are drawn only from it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.annotation import REFERENCE_STEPS, load, machine, parser_of, sample
from benchmarks.entries import keep_entry
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.plot_style import SETTINGS
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.environment import describe_environment


@dataclass(frozen=True)
class Precision:
    """How numbers are represented.

    Attributes:
        gradients: Precision of the gradients.
        weights: Of the teacher's weights, and so of its logits.
        tf32: Whether products of float32 matrices may be computed in TensorFloat-32.
    """

    gradients: str = "float32"
    weights: torch.dtype = torch.float32
    tf32: bool = False

    @contextmanager
    def of(self, teacher: Teacher) -> Iterator[IntegratedGradients]:
        """Within it the teacher computes so; yields the explainer."""
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if self.tf32 else "highest")
        own = dict(teacher.model.state_dict())
        teacher.model.to(self.weights)
        try:
            yield IntegratedGradients(precision=self.gradients)
        finally:
            torch.set_float32_matmul_precision(before)
            teacher.model.to(torch.float32).load_state_dict(own)


PRECISIONS = {
    "float32": Precision(),
    "float32, products in TF32": Precision(tf32=True),
    "gradients in bfloat16": Precision("bfloat16"),
    "gradients in bfloat16, products in TF32": Precision("bfloat16", tf32=True),
    "all in bfloat16": Precision(weights=torch.bfloat16),
}


def main(argv: Sequence[str]) -> None:
    """Measure one teacher, add it to the results, and draw the page anew."""
    parser = parser_of(__doc__, texts=1024)
    parser.add_argument("--reference_texts", type=int, default=64)
    parser.add_argument("--tokens", type=int, nargs="+", default=[4096, 16384, 65536, 262144])
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(argv)
    teacher = load(given.teacher)
    environment = describe_environment()
    directory = Path(given.results_dir)
    entry = {
        "environment": environment,
        "settings": {"source": given.source, "texts": given.texts, "seed": given.seed},
        "rows": measure(teacher, sample(teacher, given), given),
    }
    name = f"{given.name or given.teacher} on {machine(environment)}"
    write_report(keep_entry(directory / "annotation_batches.json", name, entry), directory)


def measure(
    teacher: Teacher, texts: tuple[list[EncodedText], ...], given: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row for each precision and each number of tokens."""
    calibration_texts, measured = texts
    referred = np.linspace(0, len(measured) - 1, given.reference_texts).astype(int)
    some = [measured[row] for row in referred]
    budget = TokenBudget(min(given.tokens))
    exact = IntegratedGradients(steps=REFERENCE_STEPS, precision="float32")
    reference = [one.scores for one in exact.explain(teacher, some, budget)]
    rows = []
    for name, precision in PRECISIONS.items():
        with precision.of(teacher) as explainer:
            fitted = explainer.prepared(teacher, calibration_texts, budget)
            found = [one.scores for one in fitted.explain(teacher, some, budget)]
            cosines = [
                a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
                for a, b in zip(found, reference, strict=True)
            ]
            for row in _race(teacher, fitted, measured, given):
                rows.append({"precision": name, "cosine": float(np.mean(cosines)), **row})
                print(rows[-1], flush=True)
    return rows


def _race(
    teacher: Teacher,
    explainer: IntegratedGradients,
    texts: Sequence[EncodedText],
    given: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Seconds a text and peak memory with each number of tokens, which take turns."""
    seconds: dict[int, list[float]] = {tokens: [] for tokens in given.tokens}
    memory: dict[int, int | None] = dict.fromkeys(given.tokens)
    for turn in range(given.repeats + 1):
        for tokens in given.tokens:
            on_gpu = teacher.device.type == "cuda"
            if on_gpu:
                torch.cuda.reset_peak_memory_stats()
            before = time.perf_counter()
            explainer.explain(teacher, texts, TokenBudget(tokens))
            if turn:  # the first one warms up
                seconds[tokens].append((time.perf_counter() - before) / len(texts))
            if on_gpu:
                memory[tokens] = torch.cuda.max_memory_allocated()
    return [
        {
            "tokens": tokens,
            "seconds": float(np.median(all_)),
            "seconds_all": all_,
            "device_bytes": memory[tokens],
        }
        for tokens, all_ in seconds.items()
    ]


def write_report(entries: Mapping[str, Any], directory: Path) -> None:
    """Write annotation_batches.md and its picture."""
    with mpl.rc_context(SETTINGS):
        figure = draw(entries)
        figure.savefig(directory / "annotation_batches.png", metadata={"Software": None})
    sections = [_section(name, entry) for name, entry in entries.items()]
    (directory / "annotation_batches.md").write_text(
        f"""# Annotation: tokens per batch and precision

Adaptive Integrated Gradients (`benchmarks/annotation_batches.py`); milliseconds a text, the median
of runs that take turns. `cosine` is that with {REFERENCE_STEPS} steps in float32, the mean over
texts; `memory` the most that tensors took on the device. `gradients in bfloat16` is what
`precision="auto"` takes there; products in TF32 are PyTorch's switch
(`torch.set_float32_matmul_precision("high")`), and `all in bfloat16` is a teacher loaded in it.

![Time and memory against tokens per batch](annotation_batches.png)

{"".join(sections)}""",
        encoding="utf-8",
    )


def _section(name: str, entry: Mapping[str, Any]) -> str:
    rows, environment, settings = entry["rows"], entry["environment"], entry["settings"]
    table = fmt.table(
        [
            fmt.Column("precision", [row["precision"] for row in rows], numeric=False),
            fmt.Column("cosine", [f"{row['cosine']:.5f}" for row in rows]),
            fmt.Column("tokens per batch", [fmt.count(row["tokens"]) for row in rows]),
            fmt.Column("ms a text", [f"{1e3 * row['seconds']:.3f}" for row in rows]),
            fmt.Column("memory", [fmt.size(row["device_bytes"]) for row in rows]),
        ]
    )
    return f"""## {name}

{settings["texts"]} texts of {settings["source"]} (seed {settings["seed"]}); torch
{environment["versions"]["torch"]}, transformers {environment["versions"]["transformers"]},
{environment["date"]}.

{table}

"""


def draw(entries: Mapping[str, Any]) -> Figure:
    """Time and memory against tokens per batch, a line for each precision."""
    figure = Figure(figsize=(9.5, 3.4 * len(entries)), layout="constrained")
    grid = figure.subplots(len(entries), 2, squeeze=False)
    for (time_axes, memory_axes), (name, entry) in zip(grid, entries.items(), strict=True):
        for number, precision in enumerate(PRECISIONS):
            rows = [row for row in entry["rows"] if row["precision"] == precision]
            tokens = [row["tokens"] for row in rows]
            look = {"color": f"C{number}", "marker": "o", "label": precision}
            time_axes.plot(tokens, [1e3 * row["seconds"] for row in rows], **look)
            if all(row["device_bytes"] for row in rows):
                memory_axes.plot(tokens, [row["device_bytes"] / 1e9 for row in rows], **look)
        time_axes.set(ylabel="ms a text", title=name)
        memory_axes.set(ylabel="GB", title="Memory on the device")
        for axes in (time_axes, memory_axes):
            axes.set(xscale="log", xlabel="tokens per batch", ylim=(0, None))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    return figure


if __name__ == "__main__":
    main(sys.argv[1:])
