# SPDX-License-Identifier: Apache-2.0
"""The page "The paper": every table and figure of it, ours next to the published.

`python -m benchmarks.the_paper` draws `benchmarks/results/the_paper.md` from the JSON files of two
measurements: the benchmark of the tweets, and the study of the paper's losses.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.experiment import over_seeds
from dixtill_hf.artifacts.files import read_json
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting import tables
from dixtill_hf.reporting.benchmark import tables as benchmark_tables
from dixtill_hf.reporting.benchmark.compared_models import (
    ComparedModel,
    citation,
    compared_models,
    published_quality,
)
from dixtill_hf.reporting.benchmark.efficiency_tables import main_setting, size_and_time_table
from dixtill_hf.reporting.measurements import Series, read_metrics, series_of

RESULTS = Path("benchmarks/results")
LOSSES = Path("research/results/paper_losses.json")
_LIBRARY = "default"  # the preset whose students the published sizes and times are compared with
_CONTROLS = ("shuffled", "random")


def main() -> None:
    """Draw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results_dir", type=Path, default=RESULTS, help="of the benchmarks")
    parser.add_argument(
        "--losses", type=Path, default=LOSSES, help="JSON of the study of the losses"
    )
    given = parser.parse_args()
    path = given.results_dir / "the_paper.md"
    metrics = read_metrics(given.results_dir / "tweets" / "metrics.json")
    path.write_text(page(metrics, read_json(given.losses)), encoding="utf-8")
    print(f"The page: {path}")


def page(metrics: Mapping[str, Any], losses: Mapping[str, Any] | None) -> str:
    """Markdown of the page.

    Args:
        metrics: Contents of the metrics.json of a benchmark with `paper: true`.
        losses: Contents of paper_losses.json; None leaves its section out.

    Raises:
        ValueError: The benchmark has no published figures.
    """
    if not citation(metrics):
        raise ValueError(
            "metrics.json has no published figures: run the benchmark with `paper: true`."
        )
    series = series_of(metrics)
    parts = [
        _INTRODUCTION.format(
            source=citation(metrics),
            teacher=f"{fmt.text(metrics['teacher']['name'])} "
            f"({fmt.count(metrics['teacher']['parameters'])} parameters)",
            all=fmt.count(sum(metrics["dataset"]["splits"].values())),
            **{name: fmt.count(size) for name, size in metrics["dataset"]["splits"].items()},
        ),
        *_quality(metrics, series),
        *_why(losses, series),
        *_compression(metrics, series),
        *_temperature(metrics),
        *_pruning(metrics),
        *_agreement(metrics),
        _OPEN,
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _quality(metrics: Mapping[str, Any], series: Sequence[Series]) -> list[str]:
    judged = [
        one for one in compared_models(metrics, series) if one.family in ("teacher", "student")
    ]
    found = {(one.method, one.preset): one.estimate("macro_f1") for one in series}

    def f1(method: str, preset: str) -> str:
        estimate = found.get((method, preset))
        return "–" if estimate is None else fmt.score(estimate.mean)

    return [
        "## Quality",
        tables.quality_table(metrics, series, published_quality(metrics, judged)),
        "![Quality of each method compared with the teacher](tweets/figures/quality.png)",
        f"- **Holds:** distillation helps. Under the paper's own training, KL raises macro F1 from "
        f"{f1('none', 'paper')} to {f1('kl', 'paper')}, MSE to {f1('mse', 'paper')}; the published "
        "figures without distillation and with KL are nearly the same.\n"
        "- **Does not hold here:** the paper's own loss under the paper's own training. It ends at "
        f"{f1('dixtill', 'paper')}, below the student without distillation. The reason is "
        "that its gradient is too small for plain SGD.\n"
        f"- **Holds with another training:** with the preset `default` it reaches "
        f"{f1('dixtill', 'default')}. There KL ({f1('kl', 'default')}) and MSE "
        f"({f1('mse', 'default')}) do as well: what the explanations add is agreement with the "
        "teacher's explanations.",
        "`dixtill-hf benchmark benchmarks/tweets.yaml`",
    ]


def _why(losses: Mapping[str, Any] | None, series: Sequence[Series]) -> list[str]:
    if losses is None:
        return []
    sizes, teacher = losses["dataset"]["splits"], losses["teacher"]
    parts = [
        "## Why the printed loss does not train here",
        _ALGEBRA,
        f"One difference at a time, with {fmt.counted(sizes['train'], 'training text')}, scored on "
        f"{fmt.counted(teacher['texts'], 'test text')}, where the teacher reaches "
        f"{fmt.score(teacher['accuracy'])} accuracy and {fmt.score(teacher['macro_f1'])} macro F1. "
        "It is a smaller setting than that of the table above: about a third of the texts, one "
        "gradient for each explanation, and no variants of the texts for the default either.",
    ]
    for group, rows in groupby(losses["rows"], key=lambda row: row["group"]):
        parts.append(f"**{fmt.text(group)}**\n\n{_settings(list(rows))}")
    return [*parts, _FOUND, *_chance(losses, series), f"`{losses['command']}`"]


def _chance(losses: Mapping[str, Any], series: Sequence[Series]) -> list[str]:
    """By how much students of the same settings differ, if rows are of one student only."""
    if all(len(row["students"]) > 1 for row in losses["rows"]):
        return []
    spread = {one.name: one.values("macro_f1") for one in series}
    name, most = max(
        ((name, max(values) - min(values)) for name, values in spread.items()),
        key=lambda item: item[1],
    )
    return [
        "Rows of one seed show only large differences: in the table of quality, the macro F1 of "
        f"students that differ only in the seed is at most {fmt.score(most)} apart "
        f"({fmt.text(name)})."
    ]


def _settings(rows: Sequence[Mapping[str, Any]]) -> str:
    measures = {
        "accuracy": "accuracy",
        "macro F1": "macro_f1",
        "agrees with teacher": "teacher_agreement",
        "cosine": "explanation.cosine",
    }
    return fmt.table(
        [
            fmt.Column("settings", [fmt.text(row["name"]) for row in rows], numeric=False),
            fmt.Column("seeds", [str(len(row["students"])) for row in rows]),
            *(
                fmt.estimates_column(title, [over_seeds(row["students"], name) for row in rows])
                for title, name in measures.items()
            ),
        ]
    )


def _compression(metrics: Mapping[str, Any], series: Sequence[Series]) -> list[str]:
    published = {row["name"] for row in metrics["published"]["compression"]}
    models = [
        one
        for one in compared_models(metrics, series)
        if one.key in published and one.preset in (None, _LIBRARY)
    ]
    halved = next(row for row in metrics["published"]["compression"] if row["name"] == "heads")
    return [
        "## Size, time and accuracy",
        f"Each model in its fastest runtime, {main_setting(metrics)}; "
        f"{metrics['environment']['cpu']}.",
        size_and_time_table(metrics, models),
        fmt.table(_accuracies(metrics, models)),
        "![Macro F1, compression and speed-up](tweets/figures/baselines.png)",
        _COMPRESSION.format(
            smaller=fmt.ratio(halved["compression"]), faster=fmt.ratio(halved["speedup"])
        ),
        "`dixtill-hf benchmark benchmarks/tweets.yaml`",
    ]


def _accuracies(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> list[fmt.Column]:
    rows = {row["name"]: row for row in metrics["published"]["compression"]}
    ours = [one.estimates.get("accuracy") for one in models]
    theirs = [rows[one.key].get("accuracy") for one in models]
    return [
        fmt.Column("model", [fmt.text(one.name) for one in models], numeric=False),
        fmt.estimates_column("accuracy", ours),
        fmt.column("published: accuracy", theirs, fmt.score),
    ]


def _temperature(metrics: Mapping[str, Any]) -> list[str]:
    return [
        "## Temperature",
        benchmark_tables.temperature_table(metrics),
        "![Macro F1 against the temperature](tweets/figures/temperature.png)",
        "**Does not hold here:** the paper finds quality to rise with the temperature from 1 to 5. "
        "With the preset `default`, no difference is larger than that between seeds.",
    ]


def _pruning(metrics: Mapping[str, Any]) -> list[str]:
    return [
        "## Heads removed",
        benchmark_tables.pruning_table(metrics),
        "![Macro F1 against the heads removed](tweets/figures/pruning.png)",
        "**Holds:** the first heads cost next to nothing, and the teacher collapses only "
        "beyond half of its heads, most clearly so if these are ranked by their gradient.",
    ]


def _agreement(metrics: Mapping[str, Any]) -> list[str]:
    explanations = metrics["explanations"]
    shown = [
        row
        for row in explanations["agreement"]
        if row.get("preset") in (None, _LIBRARY)
        and not any(control in row["explanation"] for control in _CONTROLS)
    ]
    return [
        "## Agreement of explanations",
        benchmark_tables.agreement_overview(
            {**metrics, "explanations": {**explanations, "agreement": shown}}
        ),
        "![Agreement against the number of words](tweets/figures/agreement.png)",
        "**Holds:** of all students, the one that learns from explanations agrees most with its "
        "teacher's. The paper measures feature and sign agreement (Krishna et al., 2022). "
        "The report has every k and the controls.",
    ]


_INTRODUCTION = """
# The paper

What Cantini, Orsino and Talia published, and what we measured. Columns headed "published" are from
{source}; all others are ours. Our teacher is {teacher}, because the fine-tuned FinBERT was not at
hand: so compare the order of the rows, not single figures. The published figures are of one run;
± is our standard deviation over seeds. The texts are the same tweets: {train} to learn from,
{validation} for validation, {test} to test on, {all} in all. (The card of the data, and the paper
after it, say 12,424: that is the number of lines of the files, and some tweets have several.) The
full report of the benchmark is [tweets/report.md](tweets/report.md).

`make paper` measures everything on this page again, the losses with three seeds. It takes hours,
and goes on where it was interrupted.
"""

_ALGEBRA = """
Two losses are called DiXtill: that of the text, 1 − exp(−KL), and that of the released notebook,
1 − exp(−τ²·mean KL).

- **Text.** Softened by τ, logits are divided by τ, and so is their gradient once more: the gradient
  of KL is 1/τ² of what it is at τ = 1. Hinton's loss multiplies by τ² to make up for it; the text
  does not. At τ = 5 the student's logits learn from the teacher 25 times as slowly as with KL, and
  the labels have a weight of only 0.1. SGD follows the size of the gradient, so the student stays
  undertrained. AdamW divides by that size, so it is no obstacle.
- **Notebook.** With τ² the size is right near the teacher, but the factor exp(−τ²·mean KL) is small
  if the student is far away: at a τ²·KL of 3 only a twentieth of the gradient is left. A momentum
  of 0.99 instead of 0.9 makes the steps of a lasting gradient ten times as long.
- **Explanations.** The attention score σ of a word is the same for all labels, but the teacher's
  explanation is of one label. A word that speaks for one label and against another cannot have
  both signs.

The tests of the losses have both formulas as equations.
"""

_FOUND = """
What the rows say:

- The normalised KL is what breaks the training. With Hinton's KL in its place, and nothing else
  changed, the paper's training reaches what KL alone reaches. With AdamW in the place of SGD, the
  printed loss trains too.
- The explanations are not the reason: without their term the student is hardly better.
- A temperature of 1, at which no τ² is missing, mends a part. τ² in the exponential does not mend
  it at a momentum of 0.9. A momentum of 0.99 mends a part; with it, the notebook trains without its
  τ² too, but not as far.
- Three times the epochs mend a part too: the student is undertrained.
- No reading of the article that was tried trains better than KL.
"""

_COMPRESSION = """
- **Holds:** the student is smaller and faster than every other way to compress, by an order of
  magnitude.
- **Does not hold here:** half of the heads removed does not make the teacher {smaller} smaller and
  {faster} faster. Heads are a small part of a model's weights and work.
- **Better than published:** dynamic int8. It also has the embedding in int8, and this processor has
  the instructions for it.
"""

_OPEN = """
## What is not repeated

- The fine-tuned FinBERT teacher. `dixtill-hf run examples/recipes/finbert_tweets.yaml` takes it
  from the Hub, with the paper's two presets next to ours; expected are the published figures above.
- The notebook's choice of 50 steps on the probability: add `--steps 50 --output probability`.
"""


if __name__ == "__main__":
    main()
