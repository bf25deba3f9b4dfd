# SPDX-License-Identifier: Apache-2.0
"""The page and the picture of benchmarks/device.py, drawn only from its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dixtill_hf.reporting.plot_style import BASELINE_COLOUR, METHOD_COLOURS, SETTINGS

_FORMS = {
    "onnx float32": "ONNX, float32",
    "onnx int8, dynamic": "ONNX, dynamic int8",
    "8": "integers, 8 bits",
    "4": "integers, 4 bits",
    "pq": "integers, product-quantised",
}
_INTRODUCTION = """# Students in integers: bytes, quality, explanations

Each student is compared with itself as it was trained (PyTorch, float32), on the test split:
`loss` is what it loses in macro F1, in points, mean over the students with the standard deviation
of the paired differences; `same label` the share of texts with the label of before; `cosine` and
`top 3` compare the explanations of that label: their cosine, and the share of texts whose three
words of largest magnitude are the same. `bytes` is one file with everything; for ONNX `model.onnx`
and `tokenizer.json`. Everything below is drawn from [device.json](device.json), which
`benchmarks/device.py` writes.
"""


def write_report(entries: Mapping[str, Any], directory: Path) -> None:
    """Write device.md and, if sizes were searched, device.png."""
    parts = [_INTRODUCTION]
    for name, entry in entries.items():
        parts.append(_section(name, entry))
        if "sizes" in entry:
            parts.append(_size_section(name, entry))
    (directory / "device.md").write_text("\n".join(parts), encoding="utf-8")
    searched = {name: entry for name, entry in entries.items() if "sizes" in entry}
    if searched:
        with mpl.rc_context(SETTINGS):
            figure = _figure(searched)
            figure.savefig(directory / "device.png", metadata={"Software": None})


def _section(name: str, entry: Mapping[str, Any]) -> str:
    students = entry["students"]
    words, dimensions = students[0]["words"], students[0]["dimensions"]
    trained = np.mean([student["forms"]["8"]["float_macro_f1"] for student in students])
    environment = entry["environment"]
    lines = [
        f"\n## {name}\n",
        f"{len(students)} students trained by the method `{entry['method']}`, {words:,} words of "
        f"{dimensions} dimensions, {entry['texts']['test']:,} test texts; macro F1 as trained "
        f"{trained:.4f}. {environment['cpu']}; {_versions(environment)}.\n",
        *([f"{entry['note']}\n"] if entry.get("note") else []),
        "| form | bytes | macro F1 | loss, points | same label | cosine | top 3 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for key, title in _FORMS.items():
        forms = [student["forms"][key] for student in students]
        lost = [100 * (form["float_macro_f1"] - form["macro_f1"]) for form in forms]
        spread = f" ± {np.std(lost, ddof=1):.2f}" if len(lost) > 1 else ""
        size = max(form["bytes"] for form in forms)
        lines.append(
            f"| {title} | {size:,} | {_mean(forms, 'macro_f1'):.4f} "
            f"| {np.mean(lost):+.2f}{spread} | {_mean(forms, 'same_label'):.2%} "
            f"| {_mean(forms, 'cosine'):.5f} | {_mean(forms, 'same_top3'):.2%} |"
        )
    return "\n".join(lines) + "\n"


def _size_section(name: str, entry: Mapping[str, Any]) -> str:
    lines = [
        f"### {name}: the best within a size\n",
        "The first student, chosen on the validation split within each limit, scored on the test "
        "split. fastText's settings are tuned on the validation split for 60 seconds a size, with "
        "the words of the student; the bag of words counts words and pairs of words.\n",
        "| limit | bytes | macro F1 | top 3 | what was chosen |",
        "| ---: | ---: | ---: | ---: | --- |",
    ]
    for row in entry["sizes"]:
        if "refused" in row:
            lines.append(f"| {row['max_bytes']:,} | | | | refused: {row['refused']} |")
        else:
            chosen = row["chosen"].removeprefix("Chosen: ").rstrip(".")
            lines.append(
                f"| {row['max_bytes']:,} | {row['bytes']:,} | {row['macro_f1']:.4f} "
                f"| {row['same_top3']:.2%} | {chosen} |"
            )
    lines += ["\n| other models | bytes | macro F1 |", "| --- | ---: | ---: |"]
    for row in entry["baselines"]:
        limit = f", limit {row['max_bytes']:,}" if "max_bytes" in row else ""
        cells = "refused |" if "refused" in row else f"{row['bytes']:,} | {row['macro_f1']:.4f}"
        lines.append(f"| {row['name']}{limit} | {cells} |")
    return "\n".join(lines) + f"\n\n![Macro F1 and top-3 agreement by size, {name}](device.png)\n"


def _figure(entries: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(9.5, 3.8 * len(entries)), layout="constrained")
    axes = figure.subplots(len(entries), 2, squeeze=False)
    for (quality, agreement), (name, entry) in zip(axes, entries.items(), strict=True):
        _draw_quality(quality, name, entry)
        _draw_agreement(agreement, name, entry)
    return figure


def _draw_quality(axes: Axes, name: str, entry: Mapping[str, Any]) -> None:
    sizes = [row for row in entry["sizes"] if "refused" not in row]
    axes.plot(
        *_curve(sizes, "macro_f1"), color=METHOD_COLOURS["dixtill"], marker="o", label="student"
    )
    fasttext = [r for r in entry["baselines"] if r["name"] == "fastText" and "refused" not in r]
    if fasttext:
        axes.plot(
            *_curve(fasttext, "macro_f1"), color=BASELINE_COLOUR, marker="s", label="fastText"
        )
    for row in entry["baselines"]:
        if row["name"] == "bag of words":
            place = [row["bytes"] / 1_000], [row["macro_f1"]]
            axes.plot(*place, "D", color=METHOD_COLOURS["bag_of_words"], label=row["name"])
    trained = entry["students"][0]["forms"]["onnx float32"]
    place = [trained["bytes"] / 1_000], [trained["float_macro_f1"]]
    axes.plot(*place, "*", markersize=13, color="black", label="student, float32")
    axes.set(title=f"{name}: macro F1", xscale="log", xlabel="kilobytes")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="center right")


def _draw_agreement(axes: Axes, name: str, entry: Mapping[str, Any]) -> None:
    sizes = [row for row in entry["sizes"] if "refused" not in row]
    axes.plot(*_curve(sizes, "same_top3"), color=METHOD_COLOURS["dixtill"], marker="o")
    axes.set(title=f"{name}: texts with the same top 3 words", xlabel="kilobytes")


def _curve(rows: Sequence[Mapping[str, Any]], value: str) -> tuple[list[float], list[float]]:
    rows = sorted(rows, key=lambda row: row["bytes"])
    return [row["bytes"] / 1_000 for row in rows], [row[value] for row in rows]


def _mean(forms: Sequence[Mapping[str, Any]], name: str) -> float:
    return float(np.mean([form[name] for form in forms]))


def _versions(environment: Mapping[str, Any]) -> str:
    versions = environment["versions"]
    shown = ("torch", "transformers", "tokenizers", "numpy")
    return ", ".join(f"{name} {versions[name]}" for name in shown)
