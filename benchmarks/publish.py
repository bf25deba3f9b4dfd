# SPDX-License-Identifier: Apache-2.0
"""Put a finished run's figures where readers find them.

    python benchmarks/publish.py runs/tweets

Copies metrics.json into benchmarks/results/NAME, draws report and figures there anew, and writes
the table between the markers `<!-- results: NAME -->` of README.md.
"""

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.measurements import Series, read_metrics, series_of
from dixtill_hf.reporting.report import write_report

ROOT = Path(__file__).resolve().parents[1]


def main(run: Path) -> None:
    """Publish one run under the name of its directory."""
    target = ROOT / "benchmarks" / "results" / run.name
    _refuse_paths(run / "metrics.json")
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(run / "metrics.json", target)
    write_report(target)
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    start, end = f"<!-- results: {run.name} -->", f"<!-- end: {run.name} -->"
    if start in text:
        block = f"{start}\n{readme_table(target)}\n{end}"
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        readme.write_text(pattern.sub(lambda _: block, text), encoding="utf-8")


def _refuse_paths(metrics: Path) -> None:
    """Absolute paths mean nothing to others, and tell them of a machine."""
    found = re.findall(r'"(/[^"]*)"|[ =](/[^ "]+)', metrics.read_text(encoding="utf-8"))
    if found:
        raise SystemExit(
            f"{metrics} holds absolute paths: {sorted({a or b for a, b in found})}. Run the recipe "
            "with relative ones, then publish it."
        )


def readme_table(directory: Path) -> str:
    """Quality, agreement and size in one table: the teacher, then every method."""
    metrics = read_metrics(directory / "metrics.json")
    teacher, series = metrics["teacher"], series_of(metrics)
    return fmt.table(
        [
            fmt.Column("", ["teacher", *(one.name for one in series)], numeric=False),
            _column("accuracy", "accuracy", series, fmt.score(teacher["accuracy"])),
            _column("macro F1", "macro_f1", series, fmt.score(teacher["macro_f1"])),
            _column("explanations: cosine", "explanation.cosine", series),
            _column("sign agreement @3", "explanation.sign_agreement@3", series),
            fmt.Column(
                "parameters",
                [fmt.count(n) for n in (teacher["parameters"], *_means(series, "parameters"))],
            ),
            fmt.Column("size", [fmt.size(n) for n in (teacher["bytes"], *_means(series, "bytes"))]),
        ]
    )


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
