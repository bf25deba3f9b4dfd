# SPDX-License-Identifier: Apache-2.0
"""A whole run: load, fine-tune if needed, annotate, distil, evaluate, report."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets import DatasetDict

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.artifacts.process_group import (
    ProcessGroup,
    by_itself,
    launched_rank,
    leave_process_group,
)
from dixtill_hf.data.label_column import has_unlabelled, labelled_rows
from dixtill_hf.data.problem_types import REGRESSION, SINGLE_LABEL
from dixtill_hf.distillation.presets import METHODS
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.reporting.measurements import METRICS_FORMAT
from dixtill_hf.reporting.report import write_report
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.annotation_stage import Annotation, annotate_data, without_labels
from dixtill_hf.workflow.answering_stage import calibrate_published
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import RunData, load_run_data
from dixtill_hf.workflow.device_stage import measure_on_device
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.evaluation_stage import describe_teacher, evaluate_students
from dixtill_hf.workflow.recipe import Recipe, StudentArguments
from dixtill_hf.workflow.student_jobs import (
    StudentJob,
    check_students,
    describe_vocabularies,
    job_arguments,
    student_jobs,
)
from dixtill_hf.workflow.student_publication import (
    best_student,
    candidates,
    card_facts,
    describe_student,
    publish_student,
)
from dixtill_hf.workflow.student_stage import train_students
from dixtill_hf.workflow.teacher_stage import RunTeacher, prepare_teacher
from dixtill_hf.workflow.variant_stage import (
    VariantSettings,
    all_variant_settings,
    label_all_variants,
)
from dixtill_hf.workflow.word_vector_stage import (
    check_teachers_vectors,
    make_word_vectors,
    without_teachers_vectors,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinishedRun:
    """What a run has left, for whoever measures more of it.

    Attributes:
        context: What the stages were given.
        teacher: The teacher, or the teachers of the folds.
        annotation: The splits, with the teacher's annotation.
        variants: Directories of the variants that the teacher has labelled.
        word_vectors: Start of the students' embedding; None is the preset's.
        jobs: The students, which are in the directories of their jobs.
        metrics: Contents of metrics.json.
    """

    context: RunContext
    teacher: RunTeacher
    annotation: Annotation
    variants: Mapping[VariantSettings, Path]
    word_vectors: str | None
    jobs: list[StudentJob]
    metrics: dict[str, Any]

    @property
    def one_teacher(self) -> Teacher:
        """The teacher, for what can be done with a single one only.

        Raises:
            ValueError: There are several.
        """
        if len(self.teacher.members) > 1:
            raise ValueError(
                f"The run has {len(self.teacher.members)} teachers (teacher_folds), and only a "
                "single one can be compressed: leave teacher_folds out."
            )
        return self.teacher.members[0]

    @property
    def recipe(self) -> Recipe:
        """What was asked for."""
        return self.context.recipe

    @property
    def annotated(self) -> DatasetDict:
        """The annotated splits."""
        return self.annotation.splits

    @property
    def annotation_key(self) -> str:
        """Hash of all that the annotation depends on."""
        return self.annotation.fingerprint

    @property
    def output_dir(self) -> Path:
        """The directory of the run."""
        return self.context.output_dir


def run(recipe: Recipe, command: str) -> Path | None:
    """Run a recipe from its data to its report.

    Processes that a launcher has started share the annotation and the variants. The main one
    fine-tunes the teacher before, and trains and evaluates the students after, as if it were the
    only one: the student is the same.

    A stage is skipped if its output is there and still valid, so the same call goes on where a
    killed one stopped.

    Args:
        recipe: All that the run depends on.
        command: What was typed to start it; the report shows it.

    Returns:
        Path of the report. Next to it are `student/`, `teacher/` (if it was fine-tuned here),
        `annotated/`, `students/`, `metrics.json`, `figures/` and `explanations.html`. None in a
        process that has only helped the main one.

    Raises:
        ValueError: A field is out of range, or the data fail a check.
        OSError: Something cannot be read or written.
    """
    if not share_annotation(recipe):
        return None
    return write_report(complete_run(recipe, command).output_dir)


def share_annotation(recipe: Recipe) -> bool:
    """Annotate texts and variants on all processes that a launcher has started.

    Each of them makes the call, and finds itself the only one after it. What was made is found by
    `complete_run`.

    Returns:
        Whether this process goes on; the others are done.
    """
    rank = launched_rank()
    if rank is None:
        return True
    if rank == 0:
        with by_itself():
            opened = open_run(recipe, ProcessGroup())
            prepare_teacher(opened.context, opened.data)
    processes = ProcessGroup.launched()
    annotate_run(open_run(recipe, processes))
    leave_process_group()
    return processes.is_main


@dataclass(frozen=True)
class OpenedRun:
    """A run whose recipe and data are checked.

    Attributes:
        recipe: The recipe, with what it takes from the data.
        context: What the stages are given.
        data: The data.
    """

    recipe: Recipe
    context: RunContext
    data: RunData


@dataclass(frozen=True)
class AnnotatedRun:
    """What a teacher has made for the students of a run; attributes as in `FinishedRun`."""

    teacher: RunTeacher
    annotation: Annotation
    word_vectors: str | None
    variants: Mapping[VariantSettings, Path]


def open_run(recipe: Recipe, processes: ProcessGroup) -> OpenedRun:
    """Check a recipe and its data, before any hour is spent."""
    check_students(recipe.student)
    card_facts(recipe)  # refuses what the Hub would refuse, before any hour is spent
    context = RunContext.open(recipe, processes)
    _check_explainer(recipe, context.explainer)
    data = load_run_data(context)
    prompted = context.teacher_source.prompted
    recipe = _of_problem_type(recipe, data)
    if prompted:
        recipe = _taught_by_prompt(recipe, data)
    context = replace(context, recipe=recipe)
    _check_labelled(recipe, data, test_by_teacher=prompted)
    # These find what cannot be built.
    check_teachers_vectors(recipe.student, context.teacher_source.config, data.splits)
    untaught = without_teachers_vectors(recipe.student)
    describe_vocabularies(untaught, data.train_texts, {}, untaught.word_vectors)
    return OpenedRun(recipe, context, data)


def annotate_run(opened: OpenedRun) -> AnnotatedRun:
    """Have the teacher annotate the texts and label their variants."""
    context, data = opened.context, opened.data
    teacher = prepare_teacher(context, data)
    annotation = annotate_data(context, data, teacher)
    vectors = make_word_vectors(context, data, teacher)
    wanted = all_variant_settings(opened.recipe.student, vectors)
    variants = label_all_variants(context, data, teacher, wanted)
    return AnnotatedRun(teacher, annotation, vectors, variants)


def complete_run(recipe: Recipe, command: str) -> FinishedRun:
    """Do all of `run` but write the report."""
    if launched_rank() is not None:
        raise ValueError(
            "This command is one process: start it without a launcher. Of dixtill-hf run and "
            "dixtill-hf annotate, several processes share the annotation."
        )
    opened = open_run(recipe, ProcessGroup())
    recipe, context, data = opened.recipe, opened.context, opened.data
    made = annotate_run(opened)
    teacher, annotation = made.teacher, made.annotation
    vectors, variants = made.word_vectors, made.variants
    jobs = student_jobs(recipe.student, annotation, variants, vectors, context.output_dir)
    fingerprints = [job.fingerprint for job in jobs]
    with context.cache.timed("distil", fingerprints):
        results = train_students(jobs, recipe.student.workers)
    with context.cache.timed("evaluate", fingerprints):
        measured = evaluate_students(annotation.splits, jobs, results)
    metrics = {
        "format": METRICS_FORMAT,
        "dataset": {
            **data.describe(),
            "labelled_by_teacher": without_labels(data.splits)
            if context.teacher_source.prompted
            else [],
        },
        "teacher": {
            **describe_teacher(teacher, annotation.splits),
            "explainer": context.explainer.settings(),
        },
        "environment": describe_environment(),
        "command": command,
        "recipe": recipe.to_dict(),
        "vocabularies": describe_vocabularies(
            recipe.student,
            data.train_texts,
            {job.preset: job.variants for job in jobs if job.variants is not None},
            vectors,
        ),
        "seeds": list(range(recipe.student.seeds)),
        "fingerprint": hash_json(fingerprints),
        **measured,
    }
    best = best_student(results)
    publish_student(context, jobs[best])
    if data.problem_type.name == SINGLE_LABEL:  # else there is no one best probability
        metrics["answering"] = calibrate_published(
            context.student_dir, annotation.splits, chosen_among=len(candidates(results))
        )
    with context.cache.timed("device", [jobs[best].fingerprint]):
        metrics["device"] = measure_on_device(context, jobs[best], annotation.splits["test"])
    metrics["stages"] = context.cache.seconds()
    write_json(context.output_dir / "metrics.json", metrics)
    describe_student(context, results[best], metrics, annotation.splits["test"])
    return FinishedRun(context, teacher, annotation, variants, vectors, jobs, metrics)


def _check_explainer(recipe: Recipe, explainer: Explainer) -> None:
    """Refuse an explainer that gives nothing if a method learns from it."""
    methods = recipe.student.methods
    learning = [method for method in methods if METHODS[method]["xai_weight"] > 0]
    if explainer.name == "none" and learning:
        raise ValueError(
            f"The explainer 'none' explains nothing, and {', '.join(learning)} learns from "
            "explanations: name another explainer, or leave the method out."
        )


def _of_problem_type(recipe: Recipe, data: RunData) -> Recipe:
    """The recipe for the kind of task of the data.

    In a regression there is no method 'kl': it is left out if no methods were chosen.

    Raises:
        ValueError: Something that was asked for is not defined for this kind of task.
    """
    problem = data.problem_type.name
    if problem == SINGLE_LABEL:
        return recipe
    output = recipe.annotation.output
    if output not in (None, "logit"):
        raise ValueError(
            f"output is {output!r}, which compares the labels of a text, and these data are of the "
            f"problem type {problem}: leave it out."
        )
    if recipe.teacher.teacher_folds:
        raise ValueError(
            "teacher_folds is for texts with one label each, and these data are of the problem "
            f"type {problem}: leave it out."
        )
    if problem == REGRESSION and recipe.student.methods == StudentArguments().methods:
        methods = [name for name in recipe.student.methods if name != "kl"]
        recipe = replace(recipe, student=replace(recipe.student, methods=methods))
    for method in recipe.student.methods:
        for preset in recipe.student.presets:
            arguments = job_arguments(recipe.student, preset, method, 0, Path())
            arguments.for_problem(problem)
    return recipe


def _taught_by_prompt(recipe: Recipe, data: RunData) -> Recipe:
    """The recipe without the method 'none' if a training text has no label to learn from."""
    methods = [name for name in recipe.student.methods if name != "none"]
    if not has_unlabelled(data.splits["train"]) or methods == recipe.student.methods:
        return recipe
    logger.warning("The method 'none' learns only from labels, and texts have none: left out.")
    return replace(recipe, student=replace(recipe.student, methods=methods))


def _check_labelled(recipe: Recipe, data: RunData, test_by_teacher: bool) -> None:
    """Refuse what needs labels if there are none, before anything is computed."""
    if "none" in recipe.student.methods and has_unlabelled(data.splits["train"]):
        raise ValueError(
            "The method 'none' learns only from labels, and some training texts have none: leave "
            "it out with --methods kl mse dixtill."
        )
    if not test_by_teacher and not labelled_rows(data.splits["test"]).any():
        raise ValueError("No test text has a label, so nothing can be scored: label some.")
