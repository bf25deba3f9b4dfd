# SPDX-License-Identifier: Apache-2.0
"""Put a finished run's figures where readers find them.

    python benchmarks/publish.py runs/tweets

Copies metrics.json into benchmarks/results/NAME, draws report and figures there anew, and writes
what README.md says of it between its markers `<!-- headline: NAME -->`, `<!-- results: NAME -->`
and `<!-- baselines: NAME -->`.
"""

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.compared_models import ComparedModel, compared_models
from dixtill_hf.reporting.benchmark.efficiency_tables import (
    Setting,
    fastest,
    main_timings,
    setting_of,
    timings_of,
)
from dixtill_hf.reporting.measurements import Series, compression, read_metrics, series_of
from dixtill_hf.reporting.report import write_report

PAPER, HEADLINED = "paper", ("dixtill", "default")
ROOT = Path(__file__).resolve().parents[1]


def main(run: Path) -> None:
    """Publish one run under the name of its directory."""
    target = ROOT / "benchmarks" / "results" / run.name
    _refuse_paths(run / "metrics.json")
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(run / "metrics.json", target)
    write_report(target)
    written = {"headline": headline, "results": quality_table, "baselines": baselines_table}
    for kind, write in written.items():
        _renew(f"{kind}: {run.name}", partial(write, target))


def _renew(name: str, write: Callable[[], str]) -> None:
    """Write a text between its two markers in README, where README has them."""
    readme = ROOT / "README.md"
    start, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    before = readme.read_text(encoding="utf-8")
    after = pattern.sub(lambda _: f"{start}\n{write()}\n{end}", before)
    readme.write_text(after, encoding="utf-8")


def _refuse_paths(metrics: Path) -> None:
    """Absolute paths mean nothing to others, and tell them of a machine."""
    found = re.findall(r'"(/[^"]*)"|[ =](/[^ "]+)', metrics.read_text(encoding="utf-8"))
    if found:
        raise SystemExit(
            f"{metrics} holds absolute paths: {sorted({a or b for a, b in found})}. Run the recipe "
            "with relative ones, then publish it."
        )


def headline(directory: Path) -> str:
    """What the best student is worth beside its teacher, in one sentence."""
    metrics = read_metrics(directory / "metrics.json")
    series = series_of(metrics)
    best = next(
        one for one in compared_models(metrics, series) if (one.method, one.preset) == HEADLINED
    )
    many = fastest(main_timings(metrics, tokenization=True), best)
    alone = [row for row in timings_of(metrics) if setting_of(row) == Setting(1, True, 1, None)]
    one, teacher = fastest(alone, best), metrics["teacher"]
    share = best.estimates["macro_f1"].mean / teacher["macro_f1"]
    return (
        f"On {fmt.count(metrics['dataset']['splits']['test'])} {directory.name}: "
        f"**{fmt.ratio(compression(metrics, best.num_bytes))} smaller** than its teacher of "
        f"{fmt.count(teacher['parameters'])} parameters, "
        f"**{fmt.ratio(many['speedup_fastest_teacher'])} faster** with tokenizing and explanation "
        f"included ({fmt.milliseconds(one['p50_ms'])} ms for one tweet on one thread), "
        f"**{fmt.percent(share)} of its macro F1**, and what each word added to the decision, "
        "exactly, in the same forward pass."
    )


def quality_table(directory: Path) -> str:
    """Quality and agreement in one table: the teacher, then every method but the paper's preset."""
    metrics = read_metrics(directory / "metrics.json")
    teacher = metrics["teacher"]
    series = [one for one in series_of(metrics) if one.preset != PAPER]
    return fmt.table(
        [
            fmt.Column("", ["teacher", *(_plain(one.name) for one in series)], numeric=False),
            _column("accuracy", "accuracy", series, fmt.score(teacher["accuracy"])),
            _column("macro F1", "macro_f1", series, fmt.score(teacher["macro_f1"])),
            _column("explanations: cosine", "explanation.cosine", series),
            _column("sign agreement @3", "explanation.sign_agreement@3", series),
            fmt.Column(
                "parameters",
                [fmt.count(n) for n in (teacher["parameters"], *_means(series, "parameters"))],
            ),
        ]
    )


def baselines_table(directory: Path) -> str:
    """Quality, size and time of whatever was timed, each in its fastest runtime."""
    metrics = read_metrics(directory / "metrics.json")
    timed = main_timings(metrics, tokenization=True)
    found = [
        (model, fastest(timed, model)) for model in compared_models(metrics, series_of(metrics))
    ]
    shown = [(model, row) for model, row in found if row is not None]
    models, rows = [model for model, _ in shown], [row for _, row in shown]
    return fmt.table(
        [
            fmt.Column("", [fmt.text(_plain(model.name)) for model in models], numeric=False),
            *(
                fmt.Column(title, [_short(model, key) for model in models])
                for title, key in (("accuracy", "accuracy"), ("macro F1", "macro_f1"))
            ),
            fmt.Column("size", [fmt.size(model.num_bytes) for model in models]),
            fmt.Column("runtime", [row["runtime"] for row in rows], numeric=False),
            fmt.Column("32 texts, ms", [fmt.milliseconds(row["p50_ms"]) for row in rows]),
            fmt.Column("speed-up", [fmt.ratio(row.get("speedup_fastest_teacher")) for row in rows]),
        ]
    )


def _plain(name: str) -> str:
    """A student's name without its preset, where all shown have the same."""
    return name.removesuffix(" (default)")


def _short(model: ComparedModel, measure: str) -> str:
    return fmt.short_estimate(model.estimates.get(measure))


def _column(
    title: str, key: str, series: Sequence[Series], teacher: str = fmt.NOTHING
) -> fmt.Column:
    estimates = [one.estimate(key) for one in series]
    cells = [fmt.NOTHING if e is None else fmt.short_estimate(e) for e in estimates]
    return fmt.Column(title, [teacher, *cells], [None, *(e and e.mean for e in estimates)])


def _means(series: Sequence[Series], key: str) -> list[float | None]:
    return [one.mean(key) for one in series]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
