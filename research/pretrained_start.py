# SPDX-License-Identifier: Apache-2.0
r"""What a pretrained student is worth as a start, next to word vectors, where texts are few.

    python -m research.pretrained_start --annotated runs/trec6/annotated \
        --variants runs/trec6/variants/4 --student_start english-student --seeds 2

Both directories are those of `dixtill-hf annotate`. Every student is kept in the results as it is
finished, so the same call goes on where an interrupted one stopped. The page is drawn from the JSON
file next to it.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, load_from_disk
from transformers import PrinterCallback

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.distillation.building import build_trainer
from dixtill_hf.distillation.distill import one_thread_on_a_cpu
from dixtill_hf.evaluation.classifiers import PyTorchClassifier, predict_probabilities
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.student_jobs import job_arguments
from research.rows_report import measured_with, rows_table, scores

BASELINE = "word vectors"
SPLITS = ("validation", "test")
# Each row: arguments of the student, and the learning rate of pretrained layers as a share.
ROWS: dict[str, tuple[dict[str, Any], float]] = {
    BASELINE: ({"extra_vocab_size": 0}, 1.0),
    "10,000 further words": ({"extra_vocab_size": 10_000}, 1.0),
    "10,000 further words, 100 units": ({"extra_vocab_size": 10_000, "hidden_size": 100}, 1.0),
    "pretrained, a quarter of the learning rate": ({"student_start": None}, 0.25),
    "pretrained, the whole learning rate": ({"student_start": None}, 1.0),
}


def main(argv: Sequence[str]) -> None:
    """Train the students that are missing, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annotated", type=Path, required=True)
    parser.add_argument("--variants", type=Path, required=True)
    parser.add_argument("--student_start", required=True)
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--note", default="", help="what readers must know of the annotation")
    parser.add_argument("--results_dir", type=Path, default=Path("research/results"))
    given = parser.parse_args(argv)
    data = load_from_disk(str(given.annotated))
    variants = Dataset.load_from_disk(str(given.variants))
    path = given.results_dir / "pretrained_start.json"
    content = read_json(path) or {"rows": {}}
    content |= {
        "command": shlex.join(["python", "-m", "research.pretrained_start", *argv]),
        "environment": describe_environment(),
        "note": given.note,
        "texts": len(data["train"]),
        "splits": {name: teachers_scores(data[name]) for name in SPLITS},
    }
    for seed in range(given.seeds):
        for name in given.rows:
            students = content["rows"].setdefault(name, {})
            if str(seed) not in students:
                students[str(seed)] = train(name, seed, data, variants, given.student_start)
                write_json(path, content)
                write_page(content, path.with_suffix(".md"))


def teachers_scores(split: Dataset) -> dict[str, Any]:
    """Labels of a split, and what the teacher reaches on it."""
    return {"labels": list(split[LABEL]), **_scores(split, _teacher(split))}


def train(
    name: str, seed: int, data: DatasetDict, variants: Dataset, student_start: str
) -> dict[str, Any]:
    """Train one student of a row, and score it on both splits."""
    student, ratio = ROWS[name]
    given: dict[str, Any] = dict(student)
    if "student_start" in given:
        given["student_start"] = student_start
    with tempfile.TemporaryDirectory() as directory, one_thread_on_a_cpu():
        args = job_arguments(StudentArguments(), "default", "dixtill", seed, Path(directory))
        args.pretrained_lr_ratio = ratio
        args.save_strategy = "no"
        names = label_names(data["train"])
        trainer = build_trainer(data["train"], args, variants=variants, label_names=names, **given)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    model = PyTorchClassifier(trainer.model, trainer.processing_class, name)
    found = {}
    for split in SPLITS:
        predicted = predict_probabilities(model, data[split][TEXT][:]).argmax(-1)
        found[split] = {**_scores(data[split], predicted), "predicted": predicted.tolist()}
    return found


def _scores(split: Dataset, predicted: np.ndarray) -> dict[str, float]:
    return scores(split[LABEL][:], predicted, _teacher(split))


def _teacher(split: Dataset) -> np.ndarray:
    return np.array(split[TEACHER_LOGITS][:]).argmax(-1)


def write_page(content: Mapping[str, Any], path: Path) -> None:
    """Write the page of a record."""
    parts = [
        "# A pretrained student as a start",
        f"`{content['command']}`",
        f"{content['texts']:,} training texts with variants; students of the preset `default`, "
        f"means over their seeds. {measured_with(content['environment'])}",
        *([content["note"]] if content.get("note") else []),
    ]
    for split, teacher in content["splits"].items():
        parts += [f"## {split}, {len(teacher['labels']):,} texts", _table(content, split, teacher)]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _table(content: Mapping[str, Any], split: str, teacher: Mapping[str, Any]) -> str:
    rows = {
        name: [student[split] for student in content["rows"][name].values()]
        for name in ROWS
        if content["rows"].get(name)
    }
    return rows_table(rows, teacher, BASELINE)


if __name__ == "__main__":
    main(sys.argv[1:])
