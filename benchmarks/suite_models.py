# SPDX-License-Identifier: Apache-2.0
"""The models of the suite: the teacher, its students, and what a user would pick instead."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score
from transformers import PrinterCallback

from benchmarks.suite_alternatives import (
    fit_bag_of_words,
    fit_characters,
    fit_fasttext,
    fit_frozen,
    fit_static,
    fit_two_layers,
)
from benchmarks.suite_task import Fitted, Predict, Task, best_labels
from dixtill_hf.artifacts.hashing import hash_file
from dixtill_hf.data.columns import LABEL, RATIONALE, TEACHER_LOGITS, TEXT
from dixtill_hf.data.words import word_spans
from dixtill_hf.distillation.building import build_trainer
from dixtill_hf.distillation.distill import one_thread_on_a_cpu
from dixtill_hf.evaluation.classifiers import PyTorchClassifier, teacher_classifier
from dixtill_hf.evaluation.plausibility import plausibility
from dixtill_hf.export.device_student import integer_answers, make_device_student
from dixtill_hf.export.fidelity import LabelledTexts
from dixtill_hf.student.pretrained_start import identify_student_start
from dixtill_hf.student.student import Student
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.student_jobs import job_arguments

logger = logging.getLogger(__name__)

PRESET = "default"
# Texts that are timed one by one.
_TIMED = 50


def measure(task: Task, name: str, seed: int) -> dict[str, Any]:
    """Train one model and score it.

    Args:
        task: The data.
        name: Name in `MODELS`.
        seed: Its seed.

    Returns:
        `macro_f1` and `accuracy` on the scored split, `agreement` with the teacher (if it is a
        model that has one), `bytes`, `microseconds` of one text by itself (median), the predicted
        labels, and further figures.
    """
    fitted = MODELS[name].fit(task, seed)
    scored = task.data["scored"]
    texts, labels = scored[TEXT][:], np.array(scored[LABEL])
    predicted = np.asarray(fitted.predict(texts))
    cell = {
        **_quality(labels, predicted),
        "bytes": fitted.bytes,
        "microseconds": _microseconds(fitted.predict, texts),
        "predicted": predicted.tolist(),
        "labels": labels.tolist(),
        **fitted.further,
    }
    if MODELS[name].has_teacher:
        teacher = np.array(task.annotated["scored"][TEACHER_LOGITS]).argmax(-1)
        cell["agreement"] = float((predicted == teacher).mean())
    return cell


def _quality(labels: NDArray[np.integer], predicted: NDArray[np.integer]) -> dict[str, float]:
    return {
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
        "accuracy": float(accuracy_score(labels, predicted)),
    }


def _microseconds(predict: Predict, texts: Sequence[str]) -> float:
    """Median time of one text by itself, on one thread."""
    times = []
    with one_thread_on_a_cpu():
        predict(texts[:1])
        for text in texts[:_TIMED]:
            start = time.perf_counter()
            predict([text])
            times.append(time.perf_counter() - start)
    return round(float(np.median(times)) * 1e6, 1)


def _fit_teacher(task: Task, seed: int) -> Fitted:
    directory = task.directory / "teacher"
    model = teacher_classifier(task.teacher)
    size = (directory / "model.safetensors").stat().st_size
    return Fitted(best_labels(model), size, {})


def _fit_student(method: str) -> Callable[[Task, int], Fitted]:
    def fit(task: Task, seed: int) -> Fitted:
        with tempfile.TemporaryDirectory() as directory, one_thread_on_a_cpu():
            args = job_arguments(StudentArguments(), PRESET, method, seed, Path(directory))
            trainer = build_trainer(
                task.annotated["train"] if method != "none" else task.data["train"],
                args,
                variants=task.variants if args.alpha > 0 else None,
                student_start=task.student_start,
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()
            trainer.save_model()
            size = sum(
                (Path(directory) / name).stat().st_size
                for name in ("model.safetensors", "tokenizer.json")
            )
        student = Student(trainer.model.eval(), trainer.processing_class)
        further = {"within": _within(task, student), **_plausibility(task, student)}
        model = PyTorchClassifier(student.model, student.tokenizer, method)
        return Fitted(best_labels(model), size, further)

    return fit


def _within(task: Task, student: Student) -> dict[str, Any]:
    """The student in integers of at most `max_bytes`, chosen on validation."""
    validation, scored = (task.data[name] for name in ("validation", "scored"))
    small = make_device_student(
        student.model,
        student.tokenizer,
        "suite",
        max_bytes=task.max_bytes,
        validation=LabelledTexts("validation", validation[TEXT][:], validation[LABEL][:]),
    )
    answer = integer_answers(small.data)
    predicted = np.array([np.argmax(answer(text).logits) for text in scored[TEXT]])
    labels = np.array(scored[LABEL])
    return {
        **_quality(labels, predicted),
        "bytes": len(small.data),
        "chosen": small.report[0],
        "predicted": predicted.tolist(),
    }


def _plausibility(task: Task, student: Student) -> dict[str, Any]:
    """How well the student's explanations name what people marked, where they did."""
    scored = task.data["scored"]
    if RATIONALE not in scored.column_names:
        return {}
    texts = scored[TEXT][:]
    explanations = student.explain(texts, scored[LABEL][:])
    # Words behind the student's limit have no score; they count as words that say nothing.
    scores = [
        np.pad(found.scores, (0, len(word_spans(text)) - len(found.scores)))
        for text, found in zip(texts, explanations, strict=True)
    ]
    return {"plausibility": plausibility(texts, scores, scored[RATIONALE][:])}


@dataclass(frozen=True)
class SuiteModel:
    """One row of the suite's tables.

    Attributes:
        title: How tables call it.
        fit: Trains it on a task with a seed.
        has_seeds: Whether its seed changes it.
        has_teacher: Whether it learns from the teacher, or is the teacher.
        is_student: Whether it is a student of this library.
        needs: Package that it needs.
    """

    title: str
    fit: Callable[[Task, int], Fitted]
    has_seeds: bool = False
    has_teacher: bool = False
    is_student: bool = False
    needs: str | None = None

    def settings(self, task: Task) -> list[Any]:
        """What its figures depend on, besides the texts."""
        encoder = task.encoder
        if Path(encoder).is_dir():
            encoder = hash_file(Path(encoder) / "model.safetensors")
        start = [identify_student_start(task.student_start), task.max_bytes]
        return [str(encoder), start if self.is_student else None]


MODELS = {
    "teacher": SuiteModel("teacher", _fit_teacher, has_teacher=True),
    **{
        method: SuiteModel(title, _fit_student(method), True, method != "none", True)
        for method, title in {
            "dixtill": "DiXtill",
            "kl": "student, KL",
            "mse": "student, MSE",
            "none": "student, labels only",
        }.items()
    },
    "two_layers": SuiteModel("teacher's first two layers, KL, int8", fit_two_layers, True, True),
    "frozen": SuiteModel("frozen encoder, logistic regression", fit_frozen),
    "static": SuiteModel("static vectors of the encoder, logistic regression", fit_static),
    "fasttext": SuiteModel("fastText, quantised", fit_fasttext, True, needs="fasttext"),
    "characters": SuiteModel("tf-idf of words and characters", fit_characters),
    "bag_of_words": SuiteModel("bag of words", fit_bag_of_words),
}
"""The models by the name that the user types."""

LINEAR = ("characters", "bag_of_words")


def available_models(names: Sequence[str]) -> list[str]:
    """Those of some models whose packages are installed; the others are named in a warning."""
    available = []
    for name in names:
        package = MODELS[name].needs
        if package is not None and find_spec(package) is None:
            logger.warning("%s is left out: the package %r is not installed.", name, package)
        else:
            available.append(name)
    return available
