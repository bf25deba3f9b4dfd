# SPDX-License-Identifier: Apache-2.0
"""An experiment on explainers: a teacher, texts, the students that it teaches, and their records.

All texts are from the training split of the source. Teachers know their training texts; only
experiments are compared with one another here, on the same ones.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PrinterCallback

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.data import columns
from dixtill_hf.data.alignment import explained_scores
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.splitting import hold_out
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.distill import one_thread_on_a_cpu
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.evaluation.faithfulness import word_scores
from dixtill_hf.evaluation.significance import interval
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.measurements import Estimate
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import load_teacher
from dixtill_hf.workflow.data_stage import load_data
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.predictions import assess, predict
from dixtill_hf.workflow.recipe import DataArguments, StudentArguments
from dixtill_hf.workflow.student_jobs import job_arguments

PRESET = "default"
QUALITY = ("accuracy", "macro_f1")


def option(default: Any, text: str) -> Any:
    """A field of arguments with its help text."""
    return field(default=default, metadata={"help": text})


@dataclass
class ExperimentArguments:
    """Who teaches, on how many texts, and where the results go."""

    teacher: str = field(metadata={"help": "Directory or Hub id of a fine-tuned classifier."})
    label_map: dict[str, str] | None = option(
        None, "Teacher label → data label, if the names differ: --label_map positive=Bullish."
    )
    texts: int = option(600, "Annotated texts that the students learn from.")
    held_out: int = option(1500, "Other texts that the students are scored on.")
    measured: int = option(96, "Of these, the texts whose attributions are compared.")
    seeds: int = option(3, "Students of each kind.")
    epochs: float | None = option(None, "Passes over the texts; those of the preset if not given.")
    word_vectors: str = option("glove-packaged", "Start of the students' embedding, or 'none'.")
    tokens_per_batch: int = option(4096, "Most tokens that the teacher reads at once.")
    results_dir: str = option("benchmarks/results", "Where results and report go.")
    cache_dir: str = option(
        "runs/experiments", "Where annotations are kept, for a call to go on from."
    )


class Experiment:
    """A teacher, three sets of texts, and the students that learn from one of them.

    Attributes:
        teacher: The teacher.
        texts: What the students learn from.
        held_out: What they are scored on.
        measured: Texts of these whose attributions are compared.
        fingerprint: Hash of all that every result depends on.
    """

    def __init__(self, data: DataArguments, arguments: ExperimentArguments) -> None:
        rows = load_data(data, require_test=False)["train"]
        rest, self.held_out = _split(rows, arguments.held_out, data.data_seed)
        self.texts = _split(rest, arguments.texts, data.data_seed)[1]
        self.measured = _split(self.held_out, arguments.measured, data.data_seed)[1]
        names, renamed = label_names(rows), arguments.label_map
        self.teacher = load_teacher(arguments.teacher, names, renamed)
        self._names, self._arguments = names, arguments
        sets = (self.texts, self.held_out, self.measured)
        self.fingerprint = hash_json(
            [
                [[hash_texts(part[columns.TEXT]), list(part[columns.LABEL])] for part in sets],
                hash_teacher(self.teacher),
                [arguments.seeds, arguments.epochs, arguments.word_vectors],
            ]
        )

    def annotate(self, texts: Dataset, explainer: Explainer) -> Dataset:
        """Texts with the teacher's logits and attributions; what is done already is looked up."""
        return annotate(
            texts,
            self.teacher,
            explainer,
            tokens_per_batch=self._arguments.tokens_per_batch,
            cache_dir=Path(self._arguments.cache_dir) / "annotations",
        )

    def students(
        self,
        texts: Dataset,
        measured: Dataset,
        method: str = "dixtill",
        xai_weight: float | None = None,
        trainer: type[DistillationTrainer] = DistillationTrainer,
    ) -> list[dict[str, Any]]:
        """Train one student a seed; what each reaches.

        Args:
            texts: Annotated; what they learn from.
            measured: Annotated; their explanations are compared with these.
            method: Name in `METHODS`.
            xai_weight: Weight of the explanation term; that of the method if not given.
            trainer: The library's, or one of `TRAINERS`.

        Returns:
            Accuracy and macro F1 on the held-out texts, and agreement on the measured ones.
        """
        settings = StudentArguments(epochs=self._arguments.epochs, xai_weight=xai_weight)
        with one_thread_on_a_cpu():
            return [
                self._student(texts, measured, settings, method, seed, trainer)
                for seed in range(self._arguments.seeds)
            ]

    def _student(
        self,
        texts: Dataset,
        measured: Dataset,
        settings: StudentArguments,
        method: str,
        seed: int,
        kind: type[DistillationTrainer],
    ) -> dict[str, Any]:
        model, tokenizer = build_student(
            texts[columns.TEXT][:],
            self._names,
            PRESET,
            word_vectors=self._arguments.word_vectors,
            extra_vocab_size=0,  # as the kept records were made
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as directory:
            args = job_arguments(settings, PRESET, method, seed, Path(directory))
            trainer = kind(model, args, train_dataset=texts, processing_class=tokenizer)
            trainer.remove_callback(PrinterCallback)
            trainer.train()
            scores = trainer.evaluate(self.held_out)
        predictions = predict(model, tokenizer, measured)
        return {
            "seed": seed,
            **{name: scores[f"eval_{name}"] for name in QUALITY},
            "explanation": assess(predictions, model.config.explanation)["explanation"],
        }


class ExperimentRecords:
    """Records by name, kept in a JSON file as they are made.

    Records of other texts, another teacher or other students are not gone on with.
    """

    def __init__(
        self, path: Path, experiment: Experiment, command: str, described: Mapping[str, Any]
    ) -> None:
        self.path = path
        earlier = read_json(path) or {}
        same = earlier.get("fingerprint") == experiment.fingerprint
        self._content: dict[str, Any] = {
            "fingerprint": experiment.fingerprint,
            "command": command,
            "environment": earlier["environment"] if same else describe_environment(),
            "arguments": dict(described),
            "records": earlier["records"] if same else {},
        }

    def keep(
        self, name: str, settings: Mapping[str, Any], make: Callable[[], dict[str, Any]]
    ) -> None:
        """Make a record, unless there is one of the same name and settings."""
        records, settings = self._content["records"], json.loads(json.dumps(settings))
        if name in records and records[name]["settings"] == settings:
            return
        records[name] = {"settings": settings, **make()}
        write_json(self.path, self._content)


def scores_by_words(annotated: Dataset) -> list[NDArray[np.float64]]:
    """The attributions of every text, summed to words."""
    return [
        word_scores(
            row[columns.TEXT],
            row[columns.TEACHER_SPANS],
            explained_scores(row[columns.TEACHER_ATTRIBUTIONS], row[columns.EXPLAINED_LABEL]),
        )
        for row in annotated
    ]


def over_seeds(students: Sequence[Mapping[str, Any]], name: str) -> Estimate | None:
    """Mean and spread of a figure of the students; None where a seed has none."""
    values = [_look_up(student, name) for student in students]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    found = interval(known)
    return Estimate(found.mean, found.sd, found.low, found.high)


def estimates(title: str, found: Sequence[Estimate | None]) -> fmt.Column:
    """A column of a table, the best mean in bold."""
    cells = [fmt.NOTHING if one is None else fmt.short_estimate(one) for one in found]
    return fmt.Column(title, cells, [None if one is None else one.mean for one in found])


def circumstances(content: Mapping[str, Any]) -> str:
    """What a report's figures depend on, in a few lines of Markdown."""
    given, environment = content["arguments"], content["environment"]
    versions = environment["versions"]
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("torch", "transformers"))
    hardware = environment["accelerator"] or environment["cpu"]
    return (
        f"`{content['command']}`\n\n"
        f"{given['texts']} training texts of {fmt.text(given['source'])} are annotated by "
        f"{fmt.text(given['teacher'])}; students (preset `{PRESET}`, "
        f"{fmt.counted(given['seeds'], 'seed')}) learn from them and are scored on "
        f"{given['held_out']} other texts, of which {given['measured']} serve to compare "
        f"attributions. {hardware}, {fmt.counted(environment['threads'], 'thread')}, {libraries}, "
        f"{environment['date']}."
    )


def _look_up(row: Mapping[str, Any], name: str) -> float | None:
    """`explanation.cosine` of a row is `row["explanation"]["cosine"]`."""
    value: Any = row
    for key in name.split("."):
        value = value[key]
    return value


def _split(rows: Dataset, size: int, seed: int) -> tuple[Dataset, Dataset]:
    """The rest, and a stratified random part of that size."""
    if not 0 < size < len(rows):
        raise ValueError(
            f"{size} texts were to be taken from {len(rows)}: lower texts, held_out or measured."
        )
    return hold_out(rows, size / len(rows), seed)
