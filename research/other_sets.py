# SPDX-License-Identifier: Apache-2.0
r"""What makes a better student on data that no setting was tuned for.

    python -m research.other_sets --data_dir data --sets "TREC-6" "tweet emotion" \
        --general general.txt --seeds 2

Students are scored on a tenth of the training texts that neither teacher nor student has seen.
Every student is kept in the results as it is finished, so the same call goes on where an
interrupted one stopped. The page is drawn from the JSON file next to it.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, concatenate_datasets
from tqdm.auto import tqdm
from transformers import PrinterCallback

from benchmarks.data_sets import DATA_SETS
from benchmarks.suite_task import Task
from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.names import check_name
from dixtill_hf.data.splitting import seeded_sample
from dixtill_hf.distillation.building import build_trainer
from dixtill_hf.distillation.distill import one_thread_on_a_cpu
from dixtill_hf.evaluation.classifiers import PyTorchClassifier, predict_probabilities
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.student_jobs import job_arguments
from research.rows_report import measured_with, rows_table, scores

SCORED = "scored"


@dataclass(frozen=True)
class Row:
    """How a student is made.

    Attributes:
        student: Arguments of `build_student`.
        method: Name of the method.
        general: Texts of the general corpus that the teacher labels for the student.
    """

    student: Mapping[str, Any] = field(default_factory=dict)
    method: str = "dixtill"
    general: int = 0


_WORDS = {"extra_vocab_size": 10_000}
_PRETRAINED = {"student_start": "packaged"}
_NO_WORDS = {"extra_vocab_size": 0}
BASELINE = "words of the texts only"
ROWS = {
    BASELINE: Row(_NO_WORDS),
    "words of the texts only, KL": Row(_NO_WORDS, method="kl"),
    "10,000 further words": Row(_WORDS),
    "10,000 further words, 100 units": Row({**_WORDS, "hidden_size": 100}),
    "10,000 further words, 12,000 general texts": Row(_WORDS, general=12_000),
    "pretrained": Row(_PRETRAINED),
    "pretrained, 12,000 general texts": Row(_PRETRAINED, general=12_000),
}


@dataclass
class Study:
    """One data set with its teacher, and what students learn from.

    Attributes:
        task: The data set.
        corpus: File of general texts, one on each line, or None.
    """

    task: Task
    corpus: Path | None

    @cached_property
    def teacher_says(self) -> np.ndarray:
        """The labels that the teacher gives the scored texts."""
        return np.array(self.task.annotated[SCORED][TEACHER_LOGITS][:]).argmax(-1)

    def further_texts(self, general: int) -> Dataset:
        """Texts without a label that the teacher has labelled: variants, and general ones."""
        if not general:
            return self.task.variants
        if self.corpus is None:
            raise ValueError("This row learns from general texts: give --general a file.")
        lines = self.corpus.read_text(encoding="utf-8").splitlines()
        chosen = seeded_sample(Dataset.from_dict({TEXT: lines}), general)
        cache = self.task.directory / "annotations"
        labelled = annotate(chosen, self.task.teacher, "none", cache_dir=cache)
        columns = [TEXT, TEACHER_LOGITS]
        parts = [part.select_columns(columns) for part in (self.task.variants, labelled)]
        return concatenate_datasets([parts[0], parts[1].cast(parts[0].features)])

    def train(self, row: Row, seed: int) -> dict[str, Any]:
        """Train one student, and score it."""
        data = self.task.annotated["train"]
        with tempfile.TemporaryDirectory() as directory, one_thread_on_a_cpu():
            args = job_arguments(StudentArguments(), "default", row.method, seed, Path(directory))
            args.save_strategy = "no"
            trainer = build_trainer(
                data,
                args,
                variants=self.further_texts(row.general),
                label_names=label_names(data),
                **row.student,
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        model = PyTorchClassifier(trainer.model, trainer.processing_class, "student")
        predicted = predict_probabilities(model, self.task.data[SCORED][TEXT][:]).argmax(-1)
        parameters = sum(p.numel() for p in trainer.model.parameters())
        return {
            **scores(self.task.data[SCORED][LABEL][:], predicted, self.teacher_says),
            "parameters": parameters,
            "predicted": predicted.tolist(),
        }


def main(argv: Sequence[str]) -> None:
    """Train the students that are missing, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--sets", nargs="+", default=["TREC-6", "tweet emotion", "banking77"])
    parser.add_argument("--texts", type=int, default=3_000)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--general", type=Path)
    parser.add_argument("--store", type=Path, default=Path("runs/suite"))
    parser.add_argument("--results_dir", type=Path, default=Path("research/results"))
    given = parser.parse_args(argv)
    for name in given.sets:
        check_name("set", name, DATA_SETS)
    logging.getLogger("dixtill_hf").setLevel(logging.WARNING)
    path = given.results_dir / "other_sets.json"
    content = read_json(path) or {"sets": {}}
    content |= {
        "command": shlex.join(["python", "-m", "research.other_sets", *argv]),
        "environment": describe_environment(),
        "texts": given.texts,
    }
    studies = {name: _study(name, given) for name in given.sets}
    for seed in range(given.seeds):
        for name, study in studies.items():
            record = content["sets"].setdefault(name, {"rows": {}})
            if "labels" not in record:
                labels = study.task.data[SCORED][LABEL][:]
                says = study.teacher_says
                record |= {"labels": list(labels), **scores(labels, says, says)}
            for row in tqdm(given.rows, desc=f"{name}, seed {seed}"):
                students = record["rows"].setdefault(row, {})
                if str(seed) not in students:
                    students[str(seed)] = study.train(ROWS[row], seed)
                    write_json(path, content)
                    write_page(content, path.with_suffix(".md"))


def _study(name: str, given: argparse.Namespace) -> Study:
    known = DATA_SETS[name]
    task = Task.of(
        name,
        known.load(given.data_dir),
        given.texts,
        scored="validation",
        encoder="packaged",
        student_start=None,
        max_bytes=500_000,
        directory=given.store / "tasks" / f"{known.folder}-{given.texts}",
    )
    return Study(task, given.general)


def write_page(content: Mapping[str, Any], path: Path) -> None:
    """Write the page of a record."""
    parts = [
        "# Students on data that no setting was tuned for",
        f"`{content['command']}`",
        f"{content['texts']:,} texts with variants; students of the preset `default` with the "
        "change that the row names, means over their seeds, scored on texts held out of the "
        f"training split. {measured_with(content['environment'])}",
    ]
    for name, record in content["sets"].items():
        parts += [f"## {name}, {len(record['labels']):,} texts", _table(record)]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _table(record: Mapping[str, Any]) -> str:
    rows = {name: list(record["rows"][name].values()) for name in ROWS if record["rows"].get(name)}
    sizes = [f"{students[0]['parameters']:,}" for students in rows.values()]
    return rows_table(rows, record, BASELINE, [fmt.Column("parameters", ["", *sizes])])


if __name__ == "__main__":
    main(sys.argv[1:])
