# SPDX-License-Identifier: Apache-2.0
r"""Train students with other settings than a preset's, several seeds each, and compare them.

    python -m research.compare_settings \
        research/recipes/cross_fitted.yaml research/settings/settings_tried.yaml

The first file is a recipe as for `dixtill-hf run`: its data, teacher and annotation are found
again, or made. The second lists the settings. Students are scored on the validation split, which
no teacher was trained on, or once on the test split with --split test. What is trained is kept
beside the recipe's other outputs, so the same call goes on where an interrupted one stopped. The
report is drawn from the JSON file beside it alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import disable_progress_bars
from transformers.utils import logging as transformers_logging

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS, TEXT
from dixtill_hf.data.problem_types import PROBLEM_TYPES, SINGLE_LABEL
from dixtill_hf.distillation.augmentation import label_variants
from dixtill_hf.evaluation.classification import softmax
from dixtill_hf.evaluation.quality import quality
from dixtill_hf.evaluation.significance import paired_bootstrap
from dixtill_hf.teacher.ensemble import TeacherEnsemble
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.annotation_stage import Annotation, annotate_data
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import load_run_data
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe
from dixtill_hf.workflow.teacher_stage import prepare_teacher
from dixtill_hf.workflow.variant_stage import VariantSettings
from dixtill_hf.workflow.word_vector_stage import (
    chosen_word_vectors,
    identify_word_vectors,
    refuse_teachers_vectors,
)
from research.settings_report import write_report
from research.student_settings import Setting, read_settings
from research.student_training import Task, comprehensiveness, share_of, train

Students = dict[str, list[dict[str, Any]]]
COMPARED = ("accuracy", "macro_f1")


def main(argv: Sequence[str]) -> None:
    """Train what is not trained yet, then write the results and the report."""
    given = _parse(argv)
    parts = read_arguments(
        "python -m research.compare_settings", "A recipe.", RECIPE_PARTS, [given.recipe]
    )
    recipe, settings = Recipe(*parts), read_settings(given.settings)
    disable_progress_bars()
    context = RunContext.open(recipe)
    data = load_run_data(context)
    teacher = prepare_teacher(context, data)
    annotation = annotate_data(context, data, teacher)
    study = SettingsStudy(context, teacher.model, annotation, given.split)
    students = study.measure(settings, given.seeds, given.workers)
    comparisons = study.compare(settings, students)
    for student in chain.from_iterable(students.values()):
        del student["predictions"]
    content = {
        "command": shlex.join(["python", "-m", "research.compare_settings", *argv]),
        "environment": describe_environment(),
        "dataset": data.describe(),
        "split": given.split,
        "teacher": {"name": teacher.name, **study.teachers_quality()},
        "rows": [asdict(one) | {"students": students[one.name]} for one in settings],
        "comparisons": comparisons,
    }
    path = given.results_dir / f"{given.settings.stem}.json"
    write_json(path, content)
    print(f"The report: {write_report(path)}")


class SettingsStudy:
    """Trains students of many settings on one annotated dataset, each once."""

    def __init__(
        self,
        context: RunContext,
        teacher: Teacher | TeacherEnsemble,
        annotation: Annotation,
        split: str,
    ) -> None:
        self._context, self._teacher, self._split = context, teacher, split
        self._annotated, self._key = annotation.splits, annotation.fingerprint
        self._directory, self._cache = context.output_dir, context.cache

    def measure(self, settings: Sequence[Setting], seeds: int, workers: int) -> Students:
        """What every student reaches, by the name of its setting and in the order of the seeds."""
        tasks = [self.task(one, seed) for one in settings for seed in range(one.seeds or seeds)]
        context = multiprocessing.get_context("spawn")  # forked children share torch's threads
        students: Students = {}
        with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
            futures = [pool.submit(self._once, task) for task in tasks]
            for task, future in zip(tasks, futures, strict=True):
                students.setdefault(task.setting.name, []).append(future.result())
                print(
                    f"{task.setting.name}, seed {task.seed}: {_short(future.result())}", flush=True
                )
        return students

    def teachers_quality(self) -> dict[str, Any]:
        """Of the teacher, on the split that the students are scored on."""
        split = self._annotated[self._split]
        logits = np.asarray(split[TEACHER_LOGITS])
        problem = PROBLEM_TYPES[SINGLE_LABEL]
        found = quality(problem, softmax(logits), np.asarray(split[LABEL]))
        return found | {"texts": len(split)}

    def compare(self, settings: Sequence[Setting], students: Students) -> list[dict[str, Any]]:
        """Every setting and the one it is compared with, by the paired bootstrap."""
        labels = np.asarray(self._annotated[self._split][LABEL])
        rows = []
        for one in settings:
            if one.compared_with is None:
                continue
            ours, theirs = (
                np.asarray([student["predictions"] for student in students[name]])
                for name in (one.name, one.compared_with)
            )
            for metric in COMPARED:
                difference = paired_bootstrap(ours, theirs, labels, metric)
                row = {"name": one.name, "compared_with": one.compared_with, "metric": metric}
                rows.append(row | asdict(difference))
        return rows

    def task(self, setting: Setting, seed: int) -> Task:
        """A student to train; the variants that it needs are labelled now."""
        transfer = None
        if setting.variants:
            rows = share_of(self._annotated["train"], setting.text_share, seed)
            name = f"{setting.variants}-of-{len(rows)}-explained-{setting.explained_variants}"
            if setting.replacement_words:
                name += f"-replacements-{setting.replacement_words}"
            if setting.text_share < 1:
                name += f"-seed-{seed}"
            depends_on: list[Any] = [self._key, setting.variants, setting.explained_variants, rows]
            if setting.replacement_words:
                vectors = identify_word_vectors(self._vectors(setting))
                depends_on += [setting.replacement_words, vectors]
            make = partial(self._label, setting, rows)
            transfer = self._cache.output(f"settings/{name}", depends_on, make).directory
        annotated, faithful = self._directory / "annotated", None
        if setting.unfaithful_share:
            made = partial(comprehensiveness, self._annotated["train"], self._teacher)
            faithful = self._cache.value("settings/faithful", [self._key], made)[
                "comprehensiveness"
            ]
        vectors = self._vectors(setting)
        return Task(setting, seed, annotated, transfer, vectors, self._split, faithful)

    def _vectors(self, setting: Setting) -> str:
        student = self._context.recipe.student
        vectors = setting.word_vectors or chosen_word_vectors(student.word_vectors, setting.preset)
        refuse_teachers_vectors(vectors)
        return vectors

    def _label(self, setting: Setting, rows: list[int], path: Path) -> None:
        teacher = self._teacher
        if isinstance(teacher, TeacherEnsemble):
            teacher = replace(teacher, folds=tuple(teacher.folds[row] for row in rows))
        wanted = VariantSettings(
            setting.variants,
            setting.explained_variants,
            setting.replacement_words,
            self._vectors(setting),
        )
        labelled = label_variants(
            self._annotated["train"].select(rows),
            teacher,
            setting.variants,
            explained=setting.explained_variants,
            explainer=self._context.explainer,
            similar=wanted.similar(self._annotated["train"][TEXT][:]),
            cache_dir=self._directory / "cache" / "annotations",
        )
        labelled.save_to_disk(str(path))

    def _once(self, task: Task) -> dict[str, Any]:
        depends_on = [
            self._key,
            task.setting.trained_as(),
            task.seed,
            identify_word_vectors(task.word_vectors),
            task.split,
        ]
        name = f"settings/{hash_json(depends_on)}"
        return self._cache.value(name, depends_on, partial(train, task))

    def __getstate__(self) -> dict[str, Any]:
        """What a worker needs: all but the teacher and the texts."""
        return {"_key": self._key, "_cache": self._cache}


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("recipe", help="YAML, as for dixtill-hf run")
    parser.add_argument("settings", type=Path, help="YAML, a list of settings")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results_dir", type=Path, default=Path("research/results"))
    return parser.parse_args(argv)


def _short(student: Mapping[str, Any]) -> str:
    shown = ("accuracy", "macro_f1", "teacher_agreement", "divergence")
    return ", ".join(f"{name} {student[name]:.4f}" for name in shown)


def _one_thread() -> None:
    """A student this small trains fastest on one thread."""
    torch.set_num_threads(1)
    disable_progress_bars()
    transformers_logging.set_verbosity_error()


if __name__ == "__main__":
    main(sys.argv[1:])
