# SPDX-License-Identifier: Apache-2.0
"""Compare the ways of choosing the texts that a teacher is asked about, at a few budgets.

    python -m research.asking_the_teacher --annotated runs/tweets/annotated

Training texts count as unlabelled, and the annotation of one as a call of the teacher. A third of a
budget goes to texts at random, from which a first student learns; it chooses the other two thirds.
All ways share the first third and its student. Students are measured on the validation split.
Records are written one by one; the same call goes on where an interrupted one stopped.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, disable_progress_bars, load_from_disk
from scipy.stats import ttest_rel

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEXT
from dixtill_hf.distillation.building import build_trainer
from dixtill_hf.distillation.distill import one_thread_on_a_cpu, training_arguments
from dixtill_hf.distillation.selection import SELECTIONS, select_for_teacher
from dixtill_hf.evaluation.significance import interval
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.student.student import Student
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.predictions import assess, predict

_MEASURES = {"accuracy": "accuracy", "macro_f1": "macro F1", "cosine": "cosine"}


@dataclass
class AskingArguments:
    """What is compared, on which annotated data."""

    annotated: str = field(metadata={"help": "Directory of annotated splits."})
    shares: list[float] = field(
        default_factory=lambda: [0.03, 0.1, 0.3],
        metadata={"help": "Budgets, as shares of the training texts."},
    )
    seeds: int = field(default=5, metadata={"help": "Seeds of the choices and the students."})
    results_dir: str = field(
        default="research/results", metadata={"help": "Where results and report go."}
    )


def main(argv: Sequence[str]) -> None:
    """Measure what is not measured yet, and write the report after each record."""
    (arguments,) = read_arguments(
        "python -m research.asking_the_teacher",
        "Compare the ways of choosing the texts that a teacher is asked about.",
        (AskingArguments,),
        argv,
    )
    disable_progress_bars()
    data = load_from_disk(arguments.annotated)
    path = Path(arguments.results_dir) / "asking_the_teacher.json"
    content = read_json(path) or {"records": []}
    content |= {
        "command": shlex.join(["python", "-m", "research.asking_the_teacher", *argv]),
        "arguments": asdict(arguments),
        "environment": describe_environment(),
        "texts": len(data["train"]),
    }
    train = _without_labels(data["train"])
    done = {(row["share"], row["seed"]) for row in content["records"]}
    for share in arguments.shares:
        for seed in range(arguments.seeds):
            if (share, seed) not in done:
                content["records"] += measure(train, data["validation"], share, seed)
                write_json(path, content)
                path.with_suffix(".md").write_text(report(content), encoding="utf-8")


def measure(train: Dataset, validation: Dataset, share: float, seed: int) -> list[dict[str, Any]]:
    """One record for each way of choosing, of one budget and seed."""
    budget = round(share * len(train))
    first = select_for_teacher(train[TEXT][:], None, budget // 3, "random", seed=seed)
    left = sorted({*range(len(train))} - {*first})
    texts = train.select(left)[TEXT][:]
    student, _ = _taught(train.select(first), validation, seed)
    records = []
    for way in SELECTIONS:
        chosen = select_for_teacher(texts, student, budget - len(first), way, seed=seed + 1000)
        asked = train.select([*first, *(left[place] for place in chosen)])
        _, scores = _taught(asked, validation, seed)
        records.append({"share": share, "seed": seed, "by": way, "calls": len(asked), **scores})
    return records


def _taught(texts: Dataset, validation: Dataset, seed: int) -> tuple[Student, dict[str, float]]:
    """A student of annotated texts, and what it reaches on the validation texts."""
    names = validation.features[LABEL].names
    with tempfile.TemporaryDirectory() as directory, one_thread_on_a_cpu():
        args = training_arguments(
            "default", Path(directory), "dixtill", seed, resumable=False, use_cpu=True
        )
        trainer = build_trainer(texts, args, label_names=names)
        trainer.train()
        student = Student(trainer.model, trainer.processing_class)
        predictions = predict(student.model, student.tokenizer, validation)
        found = assess(predictions, student.model.config.explanation)
    scores = {name: found[name] for name in ("accuracy", "macro_f1", "teacher_agreement")}
    return student, {**scores, "cosine": found["explanation"]["cosine"]}


def _without_labels(split: Dataset) -> Dataset:
    names = split.features[LABEL].names
    plain = split.remove_columns(LABEL)
    unknown = [LABEL_UNKNOWN] * len(plain)
    return plain.add_column(LABEL, unknown, feature=ClassLabel(names=names))


def report(content: dict[str, Any]) -> str:
    """The records as a Markdown table, with paired tests against the choice at random."""
    environment, lines = content["environment"], []
    for share in sorted({row["share"] for row in content["records"]}):
        rows = [row for row in content["records"] if row["share"] == share]
        by_way = {way: [row for row in rows if row["by"] == way] for way in SELECTIONS}
        for way, own in by_way.items():
            cells = []
            for measure_name in _MEASURES:
                values = [row[measure_name] for row in own]
                found = interval(values)
                cells.append(f"{found.mean:.3f} ± {np.std(values, ddof=len(values) > 1):.3f}")
            drawn = by_way["random"]
            p = "–"
            if way != "random" and len(own) > 1:
                p = f"{_p(own, drawn, 'macro_f1'):.2f}, {_p(own, drawn, 'cosine'):.2f}"
            lines.append(
                f"| {share:.0%} | {own[0]['calls']} | {way} | {' | '.join(cells)} | {p} "
                f"| {len(own)} |"
            )
    titles = " | ".join(_MEASURES.values())
    versions = environment["versions"]
    return "\n".join(
        [
            "# Which texts to ask a teacher about",
            "",
            f"`{content['command']}`",
            "",
            f"A budget is a share of {content['texts']} training texts, which count as unlabelled. "
            "A third of it goes to texts at random; the student of those chooses the rest. Mean ± "
            "standard deviation over seeds, on the validation texts; cosine is with the teacher's "
            "attributions. p: paired t-tests of macro F1 and of the cosine against the choice at "
            "random, not corrected for their number.",
            "",
            f"{fmt.text(environment['accelerator'] or environment['cpu'])}, torch "
            f"{versions['torch']}, transformers {versions['transformers']}, {environment['date']}.",
            "",
            f"| budget | calls | chosen by | {titles} | p | seeds |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *lines,
            "",
        ]
    )


def _p(own: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]], name: str) -> float:
    return float(ttest_rel([row[name] for row in own], [row[name] for row in other]).pvalue)


if __name__ == "__main__":
    main(sys.argv[1:])
