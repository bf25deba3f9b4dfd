# SPDX-License-Identifier: Apache-2.0
"""The page and the picture of benchmarks/suite.py, drawn only from its JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import rankdata, wilcoxon

from benchmarks.suite_models import LINEAR, MODELS
from dixtill_hf.evaluation.significance import paired_bootstrap
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.plot_style import BASELINE_COLOUR, METHOD_COLOURS, SETTINGS

WITHIN = "within"
_OURS = "dixtill"
_INTRODUCTION = """# The suite: every model on every data set

Macro F1, mean over the seeds. `kept` is the mean share of the teacher's macro F1, over the sets on
which the teacher is better than the best linear model of words; the other sets are shown and left
out of it. `rank` is the mean rank among the models that all sets have. Settings are the same for
all sets.
Everything is drawn from [suite.json](suite.json), which `python -m benchmarks.suite` writes.
"""


@dataclass(frozen=True)
class Table:
    """The cells of one number of texts and one split.

    Attributes:
        size: Texts to learn from; 0 for all.
        split: What was scored.
        cells: Data set → model → the cells of its seeds.
    """

    size: int
    split: str
    cells: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]

    @property
    def models(self) -> list[str]:
        """Models that a set has, in the registry's order, each with its form in integers."""
        found = {model for by_model in self.cells.values() for model in by_model}
        rows = [row for name in MODELS for row in (name, f"{name} {WITHIN}")]
        return [row for row in rows if row in found]

    def score(self, data_set: str, model: str) -> float | None:
        """Mean macro F1 over the seeds; None if there is none."""
        cells = self.cells[data_set].get(model, ())
        return float(np.mean([cell["macro_f1"] for cell in cells])) if cells else None

    def counted_sets(self) -> list[str]:
        """The sets on which the teacher is better than every linear model of words."""
        counted = []
        for data_set in self.cells:
            teacher = self.score(data_set, "teacher")
            linear = [self.score(data_set, model) for model in LINEAR]
            known = [score for score in linear if score is not None]
            if teacher is not None and known and teacher > max(known):
                counted.append(data_set)
        return counted

    def kept(self, model: str) -> float | None:
        """Mean share of the teacher's macro F1 over the counted sets that have the model."""
        shares = []
        for data_set in self.counted_sets():
            own, teacher = self.score(data_set, model), self.score(data_set, "teacher")
            if own is not None and teacher:
                shares.append(own / teacher)
        return float(np.mean(shares)) if shares else None

    def mean_ranks(self) -> dict[str, float]:
        """Mean rank of each model that all sets have; 1 is the best."""
        models = [m for m in self.models if all(m in found for found in self.cells.values())]
        if not models:
            return {}
        scores = [
            [self.score(data_set, model) or 0.0 for model in models] for data_set in self.cells
        ]
        ranks = np.mean([rankdata(-np.array(row)) for row in scores], axis=0)
        return dict(zip(models, ranks.tolist(), strict=True))

    def mean_of(self, model: str, figure: str) -> float | None:
        """Mean of another figure over sets and seeds; None if no cell has it."""
        values = [
            cell[figure]
            for found in self.cells.values()
            for cell in found.get(model, ())
            if cell.get(figure) is not None
        ]
        return float(np.mean(values)) if values else None


def tables_of(content: Mapping[str, Any]) -> list[Table]:
    """The cells of a record, one table for each number of texts and split."""
    sorted_cells: dict[tuple[int, str], Any] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for key, cell in content["cells"].items():
        data_set, size, model, split, _ = key.split("|")
        by_model = sorted_cells[int(size), split][data_set]
        by_model[model].append(cell)
        if cell.get(WITHIN):
            by_model[f"{model} {WITHIN}"].append({**cell[WITHIN], "labels": cell["labels"]})
    return [Table(size, split, cells) for (size, split), cells in sorted(sorted_cells.items())]


def write_report(content: Mapping[str, Any], directory: Path) -> None:
    """Write suite.md and suite.png.

    Args:
        content: What suite.json has.
        directory: Where they go.
    """
    tables = tables_of(content)
    environment = content["environment"]
    parts = [_INTRODUCTION, f"{environment['cpu']}; {environment['date']}.\n"]
    for table in tables:
        parts += [_section(table), _tests(table)]
    (directory / "suite.md").write_text("\n".join(parts), encoding="utf-8")
    with mpl.rc_context(SETTINGS):
        figure = _figure(tables)
        figure.savefig(directory / "suite.png", metadata={"Software": None})


def _section(table: Table) -> str:
    texts = f"{table.size:,} texts" if table.size else "All texts"
    sets, ranks, models = list(table.cells), table.mean_ranks(), table.models
    counted = table.counted_sets()
    columns = [fmt.Column("model", [_title(model) for model in models], numeric=False)]
    for data_set in sets:
        scores = [table.score(data_set, model) for model in models]
        title = data_set if data_set in counted else f"{data_set} (not counted)"
        columns.append(fmt.Column(title, [fmt.score(score) for score in scores]))
    kept = [table.kept(model) for model in models]
    columns.append(fmt.Column("kept", [fmt.percent(share) for share in kept]))
    columns.append(fmt.Column("rank", [_rank(ranks.get(model)) for model in models]))
    sizes = [table.mean_of(model, "bytes") for model in models]
    columns.append(fmt.Column("size", [fmt.size(size) for size in sizes]))
    times = [table.mean_of(model, "microseconds") for model in models]
    columns.append(fmt.Column("µs a text", [fmt.count(time) for time in times]))
    agreement = [table.mean_of(model, "agreement") for model in models]
    columns.append(fmt.Column("agrees with teacher", [fmt.percent(a) for a in agreement]))
    seeds = {len(cells) for found in table.cells.values() for cells in found.values()}
    return (
        f"\n## {texts}, {table.split} split\n\n{fmt.table(columns)}\n\n"
        f"Seeds of a model: {fmt.listing([str(count) for count in sorted(seeds)])}.\n"
    )


def _tests(table: Table) -> str:
    """DiXtill against every other model: over the sets, and on each set."""
    if _OURS not in table.models:
        return ""
    lines = [
        "DiXtill against the others: difference of macro F1 in points, mean over the sets, and"
    ]
    lines.append("on how many sets it is better or worse with p < 0.05 (paired bootstrap).\n")
    for model in table.models:
        sets = [name for name in table.cells if {_OURS, model} <= set(table.cells[name])]
        if model == _OURS or not sets:
            continue
        pairs = [(table.score(name, _OURS), table.score(name, model)) for name in sets]
        differences = [(own or 0.0) - (other or 0.0) for own, other in pairs]
        tests = [_bootstrap(table.cells[name], model) for name in sets]
        better = sum(test.p_value < 0.05 and test.difference > 0 for test in tests)
        worse = sum(test.p_value < 0.05 and test.difference < 0 for test in tests)
        over_sets = ""
        if len(sets) >= 6 and any(differences):  # fewer cannot reach 0.05
            over_sets = f", p over the sets {fmt.p_value(float(wilcoxon(differences).pvalue))}"
        mean = 100 * float(np.mean(differences))
        lines.append(
            f"- {_title(model)}: {mean:+.1f} on {fmt.counted(len(sets), 'set')}, better on "
            f"{better}, worse on {worse}{over_sets}"
        )
    return "\n".join(lines) + "\n"


def _bootstrap(found: Mapping[str, Sequence[Mapping[str, Any]]], model: str) -> Any:
    own, other = ([cell["predicted"] for cell in found[name]] for name in (_OURS, model))
    return paired_bootstrap(own, other, found[_OURS][0]["labels"], resamples=1_000)


def _figure(tables: Sequence[Table]) -> Figure:
    """The share of the teacher's macro F1 that is kept, against bytes."""
    figure = Figure(figsize=(5.5 * len(tables), 4.2), layout="constrained")
    for axes, table in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables, strict=True):
        for model in table.models:
            share, size = table.kept(model), table.mean_of(model, "bytes")
            if share is None or size is None:
                continue
            method = model.split()[0]
            colour = METHOD_COLOURS.get(method, BASELINE_COLOUR)
            axes.scatter([size], [share], color=colour, s=28)
            axes.annotate(_title(model), (size, share), (5, 3), textcoords="offset points", size=7)
        axes.set_xscale("log")
        axes.set_xlabel("bytes")
        axes.set_ylabel("share of the teacher's macro F1")
        axes.set_title(f"{table.size:,} texts" if table.size else "all texts")
    return figure


def _title(model: str) -> str:
    name, _, form = model.partition(" ")
    return MODELS[name].title + (", in integers" if form else "")


def _rank(rank: float | None) -> str:
    return fmt.NOTHING if rank is None else f"{rank:.1f}"
