# SPDX-License-Identifier: Apache-2.0
"""The page and the picture of benchmarks/annotation.py, drawn only from its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.plot_style import SETTINGS

_BASELINE = "captum, one text at a time"
_RESAMPLES = 10_000
# The methods whose time the cost model is held against.
_PREDICTED = (
    "ours, 50 fixed steps, float32",
    "ours, adaptive, float32",
    "ours, adaptive, bfloat16",
)

_INTRODUCTION = """# Annotation: speed and accuracy

Integrated Gradients of the predicted label's logit, all methods on the same texts in the same run,
block by block in turns (`benchmarks/annotation.py`; everything below is drawn from
[annotation.json](annotation.json)). `seconds` a text, `speed-up` and `share of matrix rate` are
medians over blocks; the speed-up is against Captum one unpadded text at a time with 50 steps, with
its 95 % bootstrap interval. `missed` is the mean completeness error of the integral,
|Σ scores − (F(text) − F(baseline))|. The adaptive engine then shares what is missed among the
tokens, so that what it returns is complete to float32; how near the scores are to the exact
integral is what `cosine` and `distance` say (the latter relative, in L2), against 200 steps in
float32. Where a processor only emulates bfloat16, nothing is measured in it.

![Speed-up of each method, and its cosine with the exact integral](annotation.png)
"""


def write_report(entries: Mapping[str, Any], directory: Path) -> None:
    """Write annotation.md and annotation.png for the teachers measured so far."""
    machines = _by_machine(entries)
    with mpl.rc_context(SETTINGS):
        _figure(machines).savefig(directory / "annotation.png", metadata={"Software": None})
    parts = [_INTRODUCTION, *(_section(name, entry) for name, entry in entries.items())]
    if any(len(teachers) > 1 for teachers in machines):
        parts.append(_cost_model(machines))
    (directory / "annotation.md").write_text("\n".join(parts), encoding="utf-8")


def _by_machine(entries: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries of each processor or accelerator."""
    machines: dict[str, dict[str, Any]] = {}
    for name, entry in entries.items():
        machines.setdefault(chip(entry["environment"]), {})[name] = entry
    return list(machines.values())


def chip(environment: Mapping[str, Any]) -> str:
    """What computed: the accelerator, or the processor with its vector instructions."""
    vectors = environment.get("vector_instructions")  # the oldest entries do not know them
    processor = f"{environment['cpu']} ({vectors})" if vectors else environment["cpu"]
    return environment["accelerator"] or processor


def _section(teacher: str, entry: Mapping[str, Any]) -> str:
    environment, settings = entry["environment"], entry["settings"]
    versions = ", ".join(
        f"{name} {environment['versions'][name]}" for name in ("torch", "transformers", "captum")
    )
    rates = entry["matrix_flops_per_second"]
    return f"""## {teacher}

{settings["texts"]} texts of {settings["source"]} (seed {settings["seed"]}),
{entry["tokens_per_text"]:.0f} tokens each on average, {settings["tokens_per_batch"]} tokens a
batch; cosine and distance on {entry["reference_texts"]} of them.
{chip(environment)}, {settings["threads"]} threads; {versions};
{environment["date"]}. A plain matrix product of the same shape reached
{" and ".join(f"{rate / 1e9:,.0f} GFLOP/s in {name}" for name, rate in rates.items())} in between.
Fitting the rule to the teacher took {entry["calibration_seconds"]:.1f} s, once.

{_table(entry)}
"""


def _cost_model(machines: Sequence[Mapping[str, Any]]) -> str:
    """What the share of the matrix rate of a machine's first teacher predicts for its others."""
    rows = [
        (teacher, name, _share(known, name), entry, entry["methods"][name])
        for (_, known), *others in (teachers.items() for teachers in machines)
        for teacher, entry in others
        for name in _PREDICTED
        if name in entry["methods"] and name in known["methods"]
    ]
    predicted = [
        np.divide(one["operations_by_block"], share * _rate(entry, name))
        for _, name, share, entry, one in rows
    ]
    measured = [np.array(one["seconds_by_block"]) for *_, one in rows]
    blocks = [entry["settings"]["block"] for *_, entry, _ in rows]

    def per_text(seconds: list[np.ndarray]) -> list[str]:
        return [f"{np.median(t) / n:.4f}" for t, n in zip(seconds, blocks, strict=True)]

    table = fmt.table(
        [
            fmt.Column("teacher", [row[0] for row in rows], numeric=False),
            fmt.Column("", [row[1] for row in rows], numeric=False),
            fmt.Column("predicted, s a text", per_text(predicted)),
            fmt.Column("measured, s a text", per_text(measured)),
            fmt.Column(
                "measured / predicted",
                [f"{np.median(m / p):.2f}" for m, p in zip(measured, predicted, strict=True)],
            ),
        ]
    )
    return f"""## What the cost model predicts

Operations of a text of n tokens: (1 + 2 · gradients) · (2 · W · n + 4 · n² · hidden size · layers),
W the weights of the encoder's matrices, a gradient being a forward and a backward pass. Divided by
the rate of a plain matrix product of the machine and by the share of it that the first teacher
measured on it reached above:

{table}
"""


def _precision(method: str) -> str:
    return "bfloat16" if "bfloat16" in method else "float32"


def _share(entry: Mapping[str, Any], method: str) -> float:
    """Share of the matrix product's rate that a method reached."""
    one = entry["methods"][method]
    rate = np.median(np.divide(one["operations_by_block"], one["seconds_by_block"]))
    return float(rate / _rate(entry, method))


def _rate(entry: Mapping[str, Any], method: str) -> float:
    """Rate of a plain matrix product in the precision of a method."""
    return entry["matrix_flops_per_second"][_precision(method)]


def _table(entry: Mapping[str, Any]) -> str:
    methods = entry["methods"]

    def column(title: str, cell: Any) -> fmt.Column:
        return fmt.Column(title, [cell(name, one) for name, one in methods.items()])

    texts, block = entry["settings"]["texts"], entry["settings"]["block"]
    return fmt.table(
        [
            fmt.Column("", list(methods), numeric=False),
            column("evaluations", lambda _, one: f"{one['evaluations']:.1f}"),
            column(
                "seconds", lambda _, one: f"{_seconds(one['seconds_by_block'], texts, block):.4f}"
            ),
            column("speed-up", lambda _, one: _speed_up(methods[_BASELINE], one)),
            column("share of matrix rate", lambda name, _: f"{_share(entry, name):.0%}"),
            column("missed", lambda _, one: f"{one['completeness_error']['mean']:.4f}"),
            column(
                "missed, returned",
                lambda _, one: f"{one['completeness_error']['returned_mean']:.1e}",
            ),
            column("cosine", lambda _, one: f"{one['cosine']['mean']:.5f}"),
            column("cosine, least", lambda _, one: f"{one['cosine']['min']:.4f}"),
            column("distance", lambda _, one: f"{one['relative_distance']:.4f}"),
        ]
    )


def _seconds(by_block: list[float], texts: int, block: int) -> float:
    """Median time of a text."""
    sizes = [min(block, texts - start) for start in range(0, texts, block)]
    return float(np.median(np.array(by_block) / sizes))


def _speed_up(baseline: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    if one is baseline:
        return "1"
    middle, low, high = _ratio(baseline, one)
    return f"{middle:.1f} ({low:.1f}–{high:.1f})"


def _ratio(baseline: Mapping[str, Any], one: Mapping[str, Any]) -> tuple[float, float, float]:
    """How many times faster: the median over blocks, and its bootstrap interval."""
    ratios = np.divide(baseline["seconds_by_block"], one["seconds_by_block"])
    drawn = np.random.default_rng(0).integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(ratios[drawn], 1), [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


def _figure(machines: Sequence[Mapping[str, Any]]) -> Figure:
    """A row of pictures for each machine, one for each teacher."""
    widest = max(len(teachers) for teachers in machines)
    figure = Figure(figsize=(9.5, 3.1 * len(machines)), layout="constrained")
    grid = figure.subplots(len(machines), widest, sharey=True, squeeze=False)
    for line, teachers in zip(grid, machines, strict=True):
        for axes, (teacher, entry) in zip(line, teachers.items(), strict=False):
            _bars(axes, teacher, entry["methods"])
        for axes in line[len(teachers) :]:
            axes.set_axis_off()
    grid[0, 0].invert_yaxis()
    return figure


def _bars(axes: Axes, teacher: str, methods: Mapping[str, Any]) -> None:
    """Speed-up of every method, with its interval, and how near it is to the exact integral."""
    longest = 0.0
    for name, one in methods.items():
        middle, low, high = _ratio(methods[_BASELINE], one)
        axes.barh(name, middle, color="#D55E00" if name.startswith("ours") else "#0072B2")
        axes.plot([low, high], [name, name], color="#333333", linewidth=1.2)
        axes.annotate(
            f"{middle:.1f}×, cosine {one['cosine']['mean']:.4f}",
            (high, name),
            (6, 0),
            textcoords="offset points",
            verticalalignment="center",
            fontsize=8,
        )
        longest = max(longest, high)
    axes.set_title(teacher.replace(" on ", "\non "), fontsize=9)
    axes.set(xlabel="times faster", xlim=(0, 1.75 * longest))
    axes.grid(axis="y", visible=False)
