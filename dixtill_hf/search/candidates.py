# SPDX-License-Identifier: Apache-2.0
"""The students that a search compares: built to know their costs, trained to know their quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from dixtill_hf.artifacts.hashing import hash_texts
from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.data.columns import TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.distill import one_thread_on_a_cpu
from dixtill_hf.evaluation.classifiers import Classifier, student_classifier, teacher_classifier
from dixtill_hf.evaluation.efficiency import EnergyMeter
from dixtill_hf.export.device_student import integer_answers
from dixtill_hf.export.fidelity import float_answers, measure_fidelity
from dixtill_hf.search.forms import forms_of
from dixtill_hf.search.measuring import JOULES, SpeedMeter, joules_per_text, measured_forms
from dixtill_hf.search.settings import FLOAT, SearchSettings
from dixtill_hf.search.space import Architecture
from dixtill_hf.student.student import Student, load_student
from dixtill_hf.workflow.device_stage import labelled_texts
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.run import AnnotatedRun, OpenedRun
from dixtill_hf.workflow.student_jobs import StudentJob, building_arguments, student_jobs
from dixtill_hf.workflow.student_stage import train_students
from dixtill_hf.workflow.word_vector_stage import without_teachers_vectors

DEFAULT_STUDENT, TEACHER = "default student", "teacher"


@dataclass
class Candidates:
    """Builds, trains and measures the students of a search.

    Attributes:
        opened: The run whose texts and teacher are used.
        settings: The settings of the search.
        meter: The energy counter of the machine; None if there is none.
        speed: Times students in turns with the default student.
        annotated: What the teacher has made for the students; None before `annotate`.
    """

    opened: OpenedRun
    settings: SearchSettings
    meter: EnergyMeter | None
    speed: SpeedMeter
    annotated: AnnotatedRun | None = None

    @classmethod
    def open(
        cls, opened: OpenedRun, settings: SearchSettings, meter: EnergyMeter | None
    ) -> Candidates:
        """Build the default student, and time it once for all calls of a search."""
        arguments = without_teachers_vectors(opened.recipe.student)
        default = _build(opened, arguments)
        texts = opened.data.splits["validation"][TEXT][:]
        classifier = student_classifier(default.model, default.tokenizer, DEFAULT_STUDENT)
        speed = SpeedMeter(texts, settings.rounds, classifier)
        cache = OutputCache(opened.context.output_dir / "search")
        depends_on = [hash_texts(opened.data.train_texts), hash_texts(texts), asdict(arguments)]
        microseconds = cache.value("speed", depends_on, lambda: speed.medians([])[0])
        return cls(opened, settings, meter, replace(speed, reference_microseconds=microseconds))

    def annotate(self, annotated: AnnotatedRun) -> None:
        """Take what the teacher has made."""
        self.annotated = annotated

    @property
    def _made(self) -> AnnotatedRun:
        assert self.annotated is not None, "annotate comes first"
        return self.annotated

    @property
    def depends_on(self) -> Any:
        """All that the figures of every architecture depend on, as JSON values."""
        jobs = self._jobs(self.opened.recipe.student)
        return [[job.fingerprint for job in jobs], self.settings.bits, self.settings.rounds]

    def costs(self, architecture: Architecture) -> list[dict[str, Any]]:
        """Bytes, microseconds and energy of every form of a student that is not trained."""
        arguments = without_teachers_vectors(architecture.student(self.opened.recipe.student))
        student = _build(self.opened, arguments)
        forms = forms_of(student, self.settings.bits_of(student.model.config.cell))
        return measured_forms(student, forms, self.speed, self.meter)

    def trained(
        self, architecture: Architecture, costs: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Train the students of an architecture, and measure their forms on the validation texts.

        Args:
            architecture: The architecture.
            costs: From `costs`.

        Returns:
            `name`, `architecture`, `students` (directories, relative to that of the run) and
            `forms`, the costs with `macro_f1`, the mean over the seeds, `macro_f1_of_seeds`, and
            the bytes of the first trained student.
        """
        jobs = self._jobs(architecture.student(self.opened.recipe.student))
        with one_thread_on_a_cpu():
            results = train_students(jobs, self.opened.recipe.student.workers, shows_progress=False)
        scores = [self._scores(job, result) for job, result in zip(jobs, results, strict=True)]
        first = load_student(jobs[0].directory)
        bits = [cost["bits"] for cost in costs]
        sizes = {form.bits: form.size for form in forms_of(first, bits)}
        forms = []
        for cost in costs:
            of_seeds = [score[cost["bits"]] for score in scores]
            forms.append(
                {
                    **cost,
                    "bytes": sizes[cost["bits"]],
                    "macro_f1": float(np.mean(of_seeds)),
                    "macro_f1_of_seeds": of_seeds,
                }
            )
        return {
            "name": architecture.name,
            "architecture": asdict(architecture),
            "students": [
                job.directory.relative_to(self.opened.context.output_dir).as_posix() for job in jobs
            ],
            "forms": forms,
        }

    def _jobs(self, arguments: StudentArguments) -> list[StudentJob]:
        made, directory = self._made, self.opened.context.output_dir / "search"
        sizes = (arguments.hidden_size, arguments.embedding_size, arguments.min_frequency)
        folder = directory / "trained" / "-".join(map(str, [arguments.cell, *sizes]))
        jobs = student_jobs(arguments, made.annotation, made.variants, made.word_vectors, folder)
        return [replace(job, on_test=False) for job in jobs]  # the test texts take no part

    def _scores(self, job: StudentJob, result: Mapping[str, Any]) -> dict[str, float]:
        """Macro F1 of every form of a trained student on the validation texts."""
        student = load_student(job.directory)
        texts = labelled_texts(self._made.annotation.splits["validation"], "validation")
        trained = float_answers(student.model, student.tokenizer, texts.texts)
        scores = {FLOAT: float(result["validation"]["macro_f1"])}
        bits = self.settings.bits_of(student.model.config.cell)
        for form in forms_of(student, [one for one in bits if one != FLOAT]):
            answers = integer_answers(form.data)
            found = measure_fidelity(trained, answers, texts, student.model.config)
            assert found.macro_f1 is not None  # a regression is refused
            scores[form.bits] = found.macro_f1
        return scores

    def measured_together(
        self, points: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
        """Time the points of a front, the default student and the teacher in the same rounds.

        Args:
            points: From `points_of`, with `students`.

        Returns:
            Microseconds by the name of the point, and for each of the other two `microseconds`
            and `joules_per_text`, None if it cannot be read.
        """
        classifiers: list[Classifier] = []
        for point in points:
            student = load_student(self.opened.context.output_dir / point["students"][0])
            (form,) = forms_of(student, [point["bits"]])
            form.classifier.name = point["name"]
            classifiers.append(form.classifier)
        teacher = self._teacher()
        *times, default = self.speed.medians([*classifiers, *teacher])
        others = {DEFAULT_STUDENT: default}
        if teacher:
            others[TEACHER] = times.pop()
        joules = joules_per_text([self.speed.reference, *teacher], self.speed.texts, self.meter)
        names = [point["name"] for point in points]
        return dict(zip(names, times, strict=True)), {
            name: {"microseconds": time, JOULES: joules[place]}
            for place, (name, time) in enumerate(others.items())
        }

    def _teacher(self) -> list[Classifier]:
        """The teacher, unless it is several or a language model with a prompt."""
        members = self._made.teacher.members
        if len(members) != 1 or self.opened.context.teacher_source.prompted:
            return []
        return [teacher_classifier(members[0], TEACHER)]


def _build(opened: OpenedRun, arguments: StudentArguments) -> Student:
    """A student that is not trained."""
    data = opened.data
    model, tokenizer = build_student(
        data.train_texts,
        label_names(data.splits),
        arguments.presets[0],
        problem_type=data.problem_type.name,
        word_vectors=arguments.word_vectors,
        # N-grams are folded into the words' own vectors at the end of the training.
        **{**building_arguments(arguments), "ngram_buckets": 0},
    )
    return Student(model.eval(), tokenizer)
