# SPDX-License-Identifier: Apache-2.0
"""Put a finished run's figures where readers find them.

    python -m benchmarks.publish runs/tweets

Copies metrics.json into benchmarks/results/NAME, draws report and figures there again, writes
model_cards/NAME.md, and renews README.md between its markers `<!-- headline: NAME -->` and
`<!-- table: NAME -->`. `python -m benchmarks.publish benchmarks/results/tweets` draws a published
run again.
"""

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dixtill_hf.distillation.model_card import card_text
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.compared_models import TEACHER, compared_models
from dixtill_hf.reporting.benchmark.efficiency_tables import fastest, main_timings
from dixtill_hf.reporting.measurements import compression, read_metrics, series_of
from dixtill_hf.reporting.model_card import card_contents
from dixtill_hf.reporting.report import write_report

HEADLINED = ("dixtill", "default")
# What a run cannot know about its student, and its card on the Hub needs.
CARDS: dict[str, dict[str, Any]] = {
    "tweets": {
        "model_id": "your-name/dixtill-finance-tweets",
        "dataset_id": "zeroshot/twitter-financial-news-sentiment",
        "base_model": "sentence-transformers/all-MiniLM-L6-v2",
        "language": "en",
    },
    "sst2": {
        "model_id": "your-name/dixtill-sst2",
        "dataset_id": "stanfordnlp/sst2",
        "base_model": "sentence-transformers/all-MiniLM-L6-v2",
        "language": "en",
    },
}
ROOT = Path(__file__).resolve().parents[1]


def main(run: Path) -> None:
    """Publish one run under the name of its directory."""
    target = ROOT / "benchmarks" / "results" / run.name
    _refuse_paths(run / "metrics.json")
    target.mkdir(parents=True, exist_ok=True)
    if run.resolve() != target:
        shutil.copy(run / "metrics.json", target)
    write_report(target)
    (target / "report.html").unlink()  # readers of the repository have report.md
    if run.name in CARDS:
        card = ROOT / "model_cards" / f"{run.name}.md"
        card.write_text(card_of(run.name), encoding="utf-8")
    for kind, write in BLOCKS.items():
        _renew(f"{kind}: {run.name}", partial(write, target))


def card_of(name: str) -> str:
    """The model card of a published run's best student, as it would be on the Hub."""
    metrics = read_metrics(ROOT / "benchmarks" / "results" / name / "metrics.json")
    of_method = [row for row in metrics["results"] if (row["method"], row["preset"]) == HEADLINED]
    best = max(of_method, key=lambda row: row["validation"]["macro_f1"])
    method, preset = HEADLINED
    return card_text(
        card_contents(metrics, method=method, preset=preset, seed=best["seed"], **CARDS[name])
    )


def _renew(name: str, write: Callable[[], str]) -> None:
    """Write a text between its two markers in README, if README has them."""
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
    """What the best student gains and keeps, compared with its teacher."""
    metrics = read_metrics(directory / "metrics.json")
    series = {(one.method, one.preset): one for one in series_of(metrics)}
    models = compared_models(metrics, list(series.values()))
    student = next(one for one in models if (one.method, one.preset) == HEADLINED)
    time = fastest(main_timings(metrics, tokenization=True), student)
    if time is None:
        raise SystemExit(
            f"{directory / 'metrics.json'} has no times, which the headline of README needs: run "
            "`dixtill-hf benchmark` instead of `dixtill-hf run`."
        )
    teacher = metrics["teacher"]
    share = student.estimates["macro_f1"].mean / teacher["macro_f1"]
    cosine, without = (
        series[method, "default"].mean("explanation.cosine") for method in ("dixtill", "kl")
    )
    return (
        f"On {fmt.count(metrics['dataset']['splits']['test'])} {directory.name} the student is "
        f"**{fmt.ratio(compression(metrics, student.num_bytes))} smaller** and "
        f"**{fmt.ratio(time['speedup_fastest_teacher'])} faster** than its teacher "
        f"({teacher['name']}, {fmt.count(teacher['parameters'])} parameters) and keeps "
        f"**{fmt.percent(share)} of its macro F1**. The mean cosine between the word scores of "
        f"student and teacher is **{cosine:.2f}**; for the same student trained without "
        f"explanations (KL) it is {without:.2f}."
    )


def table(directory: Path) -> str:
    """Quality, size and time of the timed models, and a caption with the setting."""
    metrics = read_metrics(directory / "metrics.json")
    timed = main_timings(metrics, tokenization=True)
    models, rows = [], []
    for model in compared_models(metrics, series_of(metrics)):
        row = fastest(timed, model)
        other_runtime = model.timed_as == TEACHER and model.family != TEACHER
        if row is not None and model.family != "reference" and not other_runtime:
            models.append(model)
            rows.append(row)
    columns = [
        fmt.Column("", [fmt.text(_plain(model.name)) for model in models], numeric=False),
        *(
            fmt.Column(title, [fmt.short_estimate(model.estimates.get(key)) for model in models])
            for title, key in (("accuracy", "accuracy"), ("macro F1", "macro_f1"))
        ),
        fmt.Column("size", [fmt.size(model.num_bytes) for model in models]),
        fmt.Column("runtime", [row["runtime"] for row in rows], numeric=False),
        fmt.Column("32 texts, ms", [fmt.milliseconds(row["p50_ms"]) for row in rows]),
        fmt.Column("speed-up", [fmt.ratio(row["speedup_fastest_teacher"]) for row in rows]),
    ]
    return f"{_caption(metrics, rows[0])}\n\n{fmt.table(columns)}"


def _caption(metrics: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    machine = metrics["environment"]
    return (
        f"{fmt.count(metrics['dataset']['splits']['test'])} test texts; median time of a batch of "
        f"{row['batch_size']} with {fmt.counted(row['threads'], 'thread')} of an {machine['cpu']} "
        f"({machine['vector_instructions']}), tokenization included, each model in its fastest "
        f"runtime; ± is the standard deviation over {fmt.counted(len(metrics['seeds']), 'seed')}."
    )


def _plain(name: str) -> str:
    """A student's name without its preset, since all have the same."""
    return name.removesuffix(" (default)")


BLOCKS: dict[str, Callable[[Path], str]] = {"headline": headline, "table": table}
"""What README shows of a run, by the name of its markers."""

if __name__ == "__main__":
    main(Path(sys.argv[1]))
