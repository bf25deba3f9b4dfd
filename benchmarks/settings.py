# SPDX-License-Identifier: Apache-2.0
"""Train students with other settings than a preset's, several seeds each, and compare them.

    python benchmarks/settings.py benchmarks/cross_fitted.yaml benchmarks/held_out.yaml

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
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from architectures import ARCHITECTURES
from datasets import Dataset, DatasetDict, disable_progress_bars, load_from_disk
from numpy.typing import NDArray
from scipy.special import rel_entr
from settings_report import write_report
from teachings import TEACHINGS
from transformers import PrinterCallback
from transformers.utils import logging as transformers_logging
from trials import scores_by_words

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.data.columns import (
    EXPLAINED_LABEL,
    LABEL,
    TEACHER_ATTRIBUTIONS,
    TEACHER_LOGITS,
    TEXT,
)
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.names import check_name
from dixtill_hf.data.splitting import hold_out
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.distillation.transfer_set import label_variants, with_transfer_set
from dixtill_hf.evaluation.classification import softmax
from dixtill_hf.evaluation.faithfulness import faithfulness, teacher_probabilities
from dixtill_hf.evaluation.significance import paired_bootstrap
from dixtill_hf.teacher.cross_fitting import TeacherEnsemble
from dixtill_hf.teacher.fingerprint import hash_json
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.assessment import ask, assess, quality
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.inputs import (
    annotate_data,
    explainer_of,
    load_data,
    prepare_teacher,
    teacher_name,
)
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.metrics import describe_dataset
from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe
from dixtill_hf.workflow.stages import StageLog, write_json
from dixtill_hf.workflow.transfer import VariantSettings
from dixtill_hf.workflow.vectors import word_vector_source

Students = dict[str, list[dict[str, Any]]]
COMPARED = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    Attributes:
        name: What the row is called.
        group: Rows of one group stand in one table.
        method: Name in `METHODS`.
        preset: Name in `PRESETS`.
        variants: Variants of every text that the teacher labels.
        explained: Of these, so many are explained too.
        unexplained: Share of the texts whose explanations the student does not see.
        share: Share of the training texts that the student sees; another draw for every seed.
        poisoned: Share of the texts whose attributions are shuffled among their words.
        unfaithful: Share of the texts whose explanations the student does not see: those whose
            most important words the teacher needs least.
        min_frequency: Words seen less often are unknown; the preset's if not given.
        further_words: Words of the word vectors that are known beside those of the texts.
        replacement_words: Of the word vectors, that may stand for words of the variants.
        word_vectors: Start of the embedding, as a recipe names it; that of the recipe if not given.
        architecture: Name in `ARCHITECTURES`, for a student of another shape than the library's.
        teaching: Name in `TEACHINGS`, for another trainer than the library's.
        training: Fields of `DistillationArguments`.
        student: Fields of `DixtillConfig`.
        seeds: How many; that of the command line if not given.
        against: Row that this one is compared with by the paired bootstrap.
    """

    name: str
    group: str = ""
    method: str = "dixtill"
    preset: str = "default"
    variants: int = 0
    explained: int = 0
    unexplained: float = 0.0
    share: float = 1.0
    poisoned: float = 0.0
    unfaithful: float = 0.0
    min_frequency: int | None = None
    further_words: int = 0
    replacement_words: int = 0
    word_vectors: str | None = None
    architecture: str | None = None
    teaching: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    student: dict[str, Any] = field(default_factory=dict)
    seeds: int | None = None
    against: str | None = None

    def trained_as(self) -> dict[str, Any]:
        """All that its students depend on: what differs from the defaults, the name apart."""
        others = asdict(Setting(self.name, self.group, seeds=self.seeds, against=self.against))
        return {name: value for name, value in asdict(self).items() if value != others[name]}


@dataclass(frozen=True)
class Task:
    """One student to train.

    Attributes:
        setting: Its setting.
        seed: Of its weights, the order of its texts, and the share of them that it sees.
        annotated: Directory of the annotated splits.
        transfer: Directory of the labelled variants; None without.
        word_vectors: Start of its embedding, as a recipe names them.
        split: What it is scored on.
        faithful: Of every training text, how faithful its explanation is; None where it is not
            asked for.
    """

    setting: Setting
    seed: int
    annotated: Path
    transfer: Path | None
    word_vectors: str
    split: str
    faithful: list[float] | None = None


def main(argv: Sequence[str]) -> None:
    """Train what is not trained yet, then write the results and the report."""
    given = _parse(argv)
    parts = read_arguments("benchmarks/settings.py", "A recipe.", RECIPE_PARTS, [given.recipe])
    recipe, settings = Recipe(*parts), read_settings(given.settings)
    disable_progress_bars()
    output_dir = Path(recipe.output.output_dir)
    log = StageLog(output_dir)
    data = load_data(recipe.data)
    teacher, _ = prepare_teacher(recipe.teacher, data, output_dir, log)
    annotated, key = annotate_data(recipe.annotation, data, teacher, output_dir, log)
    bench = Bench(teacher, annotated, recipe, key, given.split)
    students = bench.measure(settings, given.seeds, given.workers)
    comparisons = bench.compare(settings, students)
    for student in chain.from_iterable(students.values()):
        del student["predictions"]
    content = {
        "command": shlex.join(["python", "benchmarks/settings.py", *argv]),
        "environment": describe_environment(),
        "dataset": describe_dataset(recipe.data.source, data, key),
        "split": given.split,
        "teacher": {"name": teacher_name(recipe.teacher), **bench.teachers_quality()},
        "rows": [asdict(one) | {"students": students[one.name]} for one in settings],
        "comparisons": comparisons,
    }
    path = given.results_dir / f"{given.settings.stem}.json"
    write_json(path, content)
    print(f"The report: {write_report(path)}")


class Bench:
    """Trains students of many settings on one annotated dataset, each once."""

    def __init__(
        self,
        teacher: Teacher | TeacherEnsemble,
        annotated: DatasetDict,
        recipe: Recipe,
        key: str,
        split: str,
    ) -> None:
        self._teacher, self._annotated, self._split = teacher, annotated, split
        self._recipe, self._key = recipe, key
        self._directory = Path(recipe.output.output_dir)
        self._store = MeasurementStore(self._directory / "settings")

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
        return quality(softmax(logits), np.asarray(split[LABEL])) | {"texts": len(split)}

    def compare(self, settings: Sequence[Setting], students: Students) -> list[dict[str, Any]]:
        """Every setting and the one it stands against, by the paired bootstrap."""
        labels = np.asarray(self._annotated[self._split][LABEL])
        rows = []
        for one in settings:
            if one.against is None:
                continue
            ours, theirs = (
                np.asarray([student["predictions"] for student in students[name]])
                for name in (one.name, one.against)
            )
            for metric in COMPARED:
                difference = paired_bootstrap(ours, theirs, labels, metric)
                row = {"name": one.name, "against": one.against, "metric": metric}
                rows.append(row | asdict(difference))
        return rows

    def task(self, setting: Setting, seed: int) -> Task:
        """A student to train; the variants that it needs are labelled now."""
        transfer = None
        if setting.variants:
            rows = share_of(self._annotated["train"], setting.share, seed)
            name = f"{setting.variants}-of-{len(rows)}-explained-{setting.explained}"
            if setting.replacement_words:
                name += f"-replacements-{setting.replacement_words}"
            if setting.share < 1:
                name += f"-seed-{seed}"
            depends_on: list[Any] = [self._key, setting.variants, setting.explained, rows]
            if setting.replacement_words:
                depends_on += [setting.replacement_words, self._vectors(setting)]
            make = partial(self._label, setting, rows)
            transfer = self._store.directory_once(name, depends_on, make)
        annotated, faithful = self._directory / "annotated", None
        if setting.unfaithful:
            made = partial(comprehensiveness, self._annotated["train"], self._teacher)
            faithful = self._store.once("faithful", [self._key], made)["comprehensiveness"]
        vectors = self._vectors(setting)
        return Task(setting, seed, annotated, transfer, vectors, self._split, faithful)

    def _vectors(self, setting: Setting) -> str:
        return setting.word_vectors or self._recipe.student.word_vectors

    def _label(self, setting: Setting, rows: list[int], path: Path) -> None:
        teacher = self._teacher
        if isinstance(teacher, TeacherEnsemble):
            teacher = replace(teacher, folds=tuple(teacher.folds[row] for row in rows))
        wanted = VariantSettings(
            setting.variants,
            setting.explained,
            setting.replacement_words,
            self._vectors(setting),
        )
        labelled = label_variants(
            self._annotated["train"].select(rows),
            teacher,
            setting.variants,
            explained=setting.explained,
            explainer=explainer_of(self._recipe.annotation),
            similar=wanted.similar(self._annotated["train"][TEXT][:]),
            cache_dir=self._directory / "cache" / "annotations",
        )
        labelled.save_to_disk(str(path))

    def _once(self, task: Task) -> dict[str, Any]:
        depends_on = [
            self._key,
            task.setting.trained_as(),
            task.seed,
            task.word_vectors,
            task.split,
        ]
        return self._store.once(hash_json(depends_on), depends_on, partial(train, task))

    def __getstate__(self) -> dict[str, Any]:
        """What a worker needs: all but the teacher and the texts."""
        return {"_key": self._key, "_store": self._store}


def train(task: Task) -> dict[str, Any]:
    """Train one student, and see what it makes of the split that it is scored on."""
    data = load_from_disk(str(task.annotated))
    setting, seed = task.setting, task.seed
    rows = share_of(data["train"], setting.share, seed)
    texts = data["train"].select(rows)
    texts = alter_drawn(texts, setting.poisoned, seed, np.random.Generator.permutation)
    texts = alter_drawn(texts, setting.unexplained, seed, lambda _, scores: np.zeros_like(scores))
    if task.faithful is not None:
        least = np.argsort(np.asarray(task.faithful)[rows], kind="stable")
        texts = alter(texts, least[: round(setting.unfaithful * len(rows))], np.zeros_like)
    transfer = None if task.transfer is None else Dataset.load_from_disk(str(task.transfer))
    model, tokenizer = build_student(
        texts[TEXT][:],
        label_names(data),
        setting.preset,
        word_vectors=word_vector_source(task.word_vectors),
        min_frequency=setting.min_frequency,
        further_words=setting.further_words,
        further_texts=transfer[TEXT][:] if transfer and setting.replacement_words else [],
        seed=seed,
        **setting.student,
    )
    if setting.architecture is not None:
        ARCHITECTURES[setting.architecture](model)
    if transfer is not None:
        texts = with_transfer_set(texts, transfer)
    with tempfile.TemporaryDirectory() as directory:
        args = DistillationArguments.from_preset(
            setting.preset,
            directory,
            setting.method,
            seed=seed,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **{"explanation": "contributions", **setting.training},
        )
        kind = DistillationTrainer if setting.teaching is None else TEACHINGS[setting.teaching]
        trainer = kind(model, args, train_dataset=texts, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        seconds = trainer.train().metrics["train_runtime"]
    split = data[task.split]
    answers = ask(model, tokenizer, split)
    return {
        **assess(answers, model.config.explanation),
        "divergence": divergence(np.asarray(split[TEACHER_LOGITS]), answers.probabilities),
        "parameters": model.num_parameters(),
        "texts": len(texts),
        "seconds": seconds,
        "predictions": answers.predictions.tolist(),
    }


def share_of(train: Dataset, share: float, seed: int) -> list[int]:
    """The rows that a student sees: a stratified share of the texts, or all of them."""
    rows = train.select_columns([TEXT, LABEL]).add_column("row", list(range(len(train))))
    return (rows if share == 1 else hold_out(rows, share, seed)[1])["row"][:]


def comprehensiveness(texts: Dataset, teacher: Teacher | TeacherEnsemble) -> dict[str, list[float]]:
    """What a teacher's probability of its label loses without a fifth of a text's words.

    Raises:
        ValueError: There are several teachers.
    """
    if isinstance(teacher, TeacherEnsemble):
        raise ValueError("unfaithful: explanations are measured on a single teacher alone.")
    labels = np.asarray(texts[EXPLAINED_LABEL])
    found = faithfulness(
        partial(teacher_probabilities, teacher),
        texts[TEXT][:],
        scores_by_words(texts),
        labels,
        shares=(0.2,),
    )
    return {"comprehensiveness": found.comprehensiveness_aopc.tolist()}


def alter_drawn(
    texts: Dataset,
    share: float,
    seed: int,
    change: Callable[[np.random.Generator, list[float]], NDArray[np.floating]],
) -> Dataset:
    """The texts with the attributions of a random share of them changed."""
    generator = np.random.default_rng(seed)
    rows = np.flatnonzero(generator.random(len(texts)) < share)
    return alter(texts, rows, partial(change, generator))


def alter(
    texts: Dataset,
    rows: NDArray[np.integer],
    change: Callable[[list[float]], NDArray[np.floating]],
) -> Dataset:
    """The texts with the attributions of some of them changed."""
    if not len(rows):
        return texts
    attributions = texts[TEACHER_ATTRIBUTIONS][:]
    for row in rows:
        attributions[row] = change(attributions[row]).tolist()
    feature = texts.features[TEACHER_ATTRIBUTIONS]
    return texts.remove_columns(TEACHER_ATTRIBUTIONS).add_column(
        TEACHER_ATTRIBUTIONS, attributions, feature=feature
    )


def divergence(teacher_logits: NDArray[np.floating], student: NDArray[np.floating]) -> float:
    """Mean `KL(teacher ‖ student)` over the texts, in nats.

    Args:
        teacher_logits: `(texts, labels)`.
        student: Probabilities, `(texts, labels)`.
    """
    return float(rel_entr(softmax(teacher_logits), student).sum(-1).mean())


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("recipe", help="YAML, as for dixtill-hf run")
    parser.add_argument("settings", type=Path, help="YAML, a list of settings")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results_dir", type=Path, default=Path("benchmarks/results"))
    return parser.parse_args(argv)


def read_settings(path: Path) -> list[Setting]:
    """The settings of a file, in their order.

    Raises:
        ValueError: A field, an architecture or a teaching is unknown, or a row stands against one
            that is not there.
    """
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {one.name for one in fields(Setting)}
    for row in rows:
        for name in row:
            check_name(f"field of the setting {row.get('name')!r}", name, known)
    settings = [Setting(**row) for row in rows]
    names = [one.name for one in settings]
    for one in settings:
        for name, value, among in (
            ("row to stand against", one.against, names),
            ("architecture", one.architecture, ARCHITECTURES),
            ("teaching", one.teaching, TEACHINGS),
        ):
            if value is not None:
                check_name(f"{name} of {one.name!r}", value, among)
    return settings


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
