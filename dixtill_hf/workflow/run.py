# SPDX-License-Identifier: Apache-2.0
"""The whole road: load, fine-tune if needed, annotate, distil, evaluate, report."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN
from dixtill_hf.data.names import hub_id
from dixtill_hf.distillation.presets import METHODS
from dixtill_hf.evaluation.efficiency import directory_bytes
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.reporting.measurements import METRICS_FORMAT
from dixtill_hf.reporting.model_card import model_card
from dixtill_hf.reporting.report import write_report
from dixtill_hf.teacher.ensemble import TeacherEnsemble
from dixtill_hf.teacher.loading import Teacher, load_config
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.evaluation_stage import (
    BAG_OF_WORDS,
    NO_PRESET,
    compare,
    describe_dataset,
    describe_teacher,
    labelled_classes,
    score_bag_of_words,
    summarise,
)
from dixtill_hf.workflow.examples import explained_examples
from dixtill_hf.workflow.inputs import (
    PACKAGED_HUB_ID,
    annotate_data,
    check_teacher,
    data_fingerprint,
    explainer_of,
    is_packaged,
    load_data,
    prepare_teacher,
    split_names,
    teacher_name,
    teacher_source,
)
from dixtill_hf.workflow.recipe import Recipe
from dixtill_hf.workflow.scoring import calibration
from dixtill_hf.workflow.stages import StageLog
from dixtill_hf.workflow.student_jobs import (
    StudentJob,
    check_comparison,
    describe_vocabularies,
    student_jobs,
)
from dixtill_hf.workflow.student_stage import (
    PROBABILITIES,
    RESULT,
    probabilities_on_test,
    train_students,
)
from dixtill_hf.workflow.variant_stage import all_variant_settings, label_variants_of
from dixtill_hf.workflow.word_vector_stage import (
    check_teachers_vectors,
    with_teachers_vectors,
    without_teachers_vectors,
)


@dataclass(frozen=True)
class FinishedRun:
    """What a run has left, for whoever measures more of it.

    Attributes:
        recipe: What was asked for, with a file in the place of the teacher's word vectors.
        annotated: The splits, with the teacher's annotation.
        annotation_key: Hash of all that the annotation depends on.
        teacher: The teacher, or the teachers of the folds.
        jobs: The students, which lie in the directories of their jobs.
        metrics: What stands in metrics.json.
    """

    recipe: Recipe
    annotated: DatasetDict
    annotation_key: str
    teacher: Teacher | TeacherEnsemble
    jobs: list[StudentJob]
    metrics: dict[str, Any]

    @property
    def one_teacher(self) -> Teacher:
        """The teacher, for what can be done with a single one alone.

        Raises:
            ValueError: There are several.
        """
        if isinstance(self.teacher, TeacherEnsemble):
            raise ValueError(
                f"The run has {len(self.teacher.members)} teachers (teacher_folds), and only a "
                "single one can be compressed: leave teacher_folds out."
            )
        return self.teacher

    @property
    def output_dir(self) -> Path:
        """Where everything lies."""
        return Path(self.recipe.output.output_dir)


def run(recipe: Recipe, command: str) -> Path:
    """Run a recipe from its data to its report.

    Each stage is skipped when its output is there and still valid, so the same call goes on where
    a killed one stopped.

    Args:
        recipe: All that the run depends on.
        command: What was typed to start it; it stands in the report.

    Returns:
        Path of the report. Beside it lie `student/`, `teacher/` (when fine-tuned here),
        `annotated/`, `students/`, `metrics.json`, `figures/` and `explanations.html`.

    Raises:
        ValueError: A field is out of range, or the data fail a check.
        OSError: Something cannot be read or written.
    """
    return write_report(complete_run(recipe, command).output_dir)


def complete_run(recipe: Recipe, command: str) -> FinishedRun:
    """Do all of `run` but write the report."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError(
            "dixtill-hf run is one process, which trains students side by side (--workers). To "
            "share one training among several processes, launch examples/run_distillation.py."
        )
    check_comparison(recipe.student)  # before any hour is spent
    explainer = _checked_explainer(recipe)
    check_teacher(recipe.teacher)
    output_dir = Path(recipe.output.output_dir)
    log = StageLog(output_dir)
    with log.timed("load", hash_json(recipe.to_dict())):
        data = load_data(recipe.data, keep_columns=explainer.reads)
    _check_labelled(recipe, data)
    # Which find what cannot be built.
    check_teachers_vectors(recipe.student, load_config(teacher_source(recipe.teacher)), data)
    describe_vocabularies(without_teachers_vectors(recipe.student), data, {})
    teacher, finetuned = prepare_teacher(recipe.teacher, data, output_dir, log)
    asked = recipe.to_dict()
    student = with_teachers_vectors(recipe.student, teacher, data, output_dir)
    recipe = replace(recipe, student=student)
    annotated, key = annotate_data(recipe.annotation, data, teacher, output_dir, log)
    for variants in all_variant_settings(recipe.student):
        label_variants_of(data["train"], variants, recipe.annotation, teacher, output_dir, log)
    jobs = student_jobs(recipe.student, output_dir / "annotated", key, output_dir)
    transfer = {job.preset: job.transfer for job in jobs if job.transfer is not None}
    with log.timed("distil", hash_json([job.fingerprint for job in jobs])):
        results = train_students(jobs, recipe.student.workers)
    with log.timed("evaluate", hash_json([job.fingerprint for job in jobs])):
        measured = _measure(data, annotated, jobs, results)
    metrics = {
        "format": METRICS_FORMAT,
        "dataset": describe_dataset(recipe.data.source, data, data_fingerprint(data)),
        "teacher": _describe_teacher(recipe, teacher, finetuned, annotated),
        "environment": describe_environment(),
        "command": command,
        "recipe": asked,
        "vocabularies": describe_vocabularies(recipe.student, data, transfer),
        "seeds": list(range(recipe.student.seeds)),
        "fingerprint": hash_json([job.fingerprint for job in jobs]),
        "stages": log.seconds(),
        **measured,
    }
    write_json(output_dir / "metrics.json", metrics)
    _publish_student(recipe, jobs, results, metrics, annotated)
    return FinishedRun(recipe, annotated, key, teacher, jobs, metrics)


def _checked_explainer(recipe: Recipe) -> Explainer:
    """The explainer, unless it is wrong, or gives nothing where a method learns from it."""
    methods = split_names(recipe.student.methods) or []
    explainer = explainer_of(recipe.annotation)
    learning = [method for method in methods if METHODS[method]["xai_weight"] > 0]
    if explainer.name == "none" and learning:
        raise ValueError(
            f"The explainer 'none' explains nothing, and {', '.join(learning)} learns from "
            "explanations: name another explainer, or leave the method out."
        )
    return explainer


def _check_labelled(recipe: Recipe, data: DatasetDict) -> None:
    """Refuse what needs labels where there are none, before anything is computed."""
    if (
        "none" in (split_names(recipe.student.methods) or [])
        and LABEL_UNKNOWN in data["train"][LABEL]
    ):
        raise ValueError(
            "The method 'none' learns from labels alone, and some training texts have none: leave "
            "it out with --methods kl,mse,dixtill."
        )
    if not labelled_classes(data["test"]):
        raise ValueError("No test text has a label, so nothing can be scored: label some.")


def _measure(
    data: DatasetDict,
    annotated: DatasetDict,
    jobs: list[StudentJob],
    results: list[dict[str, Any]],
) -> dict[str, Any]:
    """Results, their summary over seeds, and the paired comparisons."""
    test = annotated["test"]
    series: dict[tuple[str, str], list[np.ndarray]] = {}
    everything: list[dict[str, Any]] = []
    if len(labelled_classes(data["train"])) > 1:  # else there is nothing to fit
        bag_of_words, probabilities = score_bag_of_words(annotated)
        series[BAG_OF_WORDS, NO_PRESET] = [probabilities.argmax(-1)]
        everything.append(bag_of_words | calibration(probabilities, test))
    for job, result in zip(jobs, results, strict=True):
        probabilities = probabilities_on_test(job)
        series.setdefault((job.method, job.preset), []).append(probabilities.argmax(-1))
        everything.append(result | calibration(probabilities, test))
    predictions = {name: np.stack(seeds) for name, seeds in series.items()}
    return {
        "results": everything,
        "summary": summarise(everything),
        "comparisons": compare(predictions, np.asarray(data["test"][LABEL])),
    }


def _describe_teacher(
    recipe: Recipe, teacher: Teacher | TeacherEnsemble, finetuned: bool, annotated: DatasetDict
) -> dict[str, Any]:
    members = teacher.members if isinstance(teacher, TeacherEnsemble) else (teacher,)
    num_bytes = sum(map(_bytes_of, members))
    return {
        **describe_teacher(members, teacher_name(recipe.teacher), finetuned, num_bytes, annotated),
        "explainer": explainer_of(recipe.annotation).settings(),
    }


def _bytes_of(teacher: Teacher) -> int:
    """Bytes of what inference needs; of a teacher that lies in the Hub's cache, of its weights."""
    if Path(teacher.name).is_dir():
        return directory_bytes(Path(teacher.name))
    return sum(p.numel() * p.element_size() for p in teacher.model.parameters())


def _publish_student(
    recipe: Recipe,
    jobs: list[StudentJob],
    results: list[dict[str, Any]],
    metrics: dict[str, Any],
    annotated: DatasetDict,
) -> None:
    """Put the best student by validation macro F1 into `student/`, with its card and examples."""
    output_dir = Path(recipe.output.output_dir)
    best = best_student(results)
    source, target = jobs[best].directory, output_dir / "student"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(RESULT, PROBABILITIES))
    result = results[best]
    card = model_card(
        metrics,
        # A path of this machine would mean nothing to those who read the card.
        target.name if target.is_absolute() else target.as_posix(),
        method=result["method"],
        preset=result["preset"],
        seed=result["seed"],
        base_model=hub_id(
            PACKAGED_HUB_ID if is_packaged(recipe.teacher) else recipe.teacher.teacher
        ),
        dataset_id=hub_id(recipe.data.source),
    )
    (target / "README.md").write_text(card, encoding="utf-8")
    model = AutoModelForSequenceClassification.from_pretrained(target)
    tokenizer = AutoTokenizer.from_pretrained(target)
    examples = explained_examples(annotated["test"], model, tokenizer)
    write_json(output_dir / "explanations.json", examples)


def best_student(results: list[dict[str, Any]]) -> int:
    """Position of the best DiXtill student on validation; of any method where there is none.

    Without a labelled validation text, the best is the one that agrees most with the teacher.
    """
    positions = [i for i, r in enumerate(results) if r["method"] == "dixtill"]

    def score(position: int) -> float:
        validation = results[position]["validation"]
        macro_f1 = validation["macro_f1"]
        return validation["teacher_agreement"] if macro_f1 is None else macro_f1

    return max(positions or range(len(results)), key=score)
