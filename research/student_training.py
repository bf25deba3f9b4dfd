# SPDX-License-Identifier: Apache-2.0
"""Train and score one student with the settings of compare_settings.py."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, load_from_disk
from numpy.typing import NDArray
from scipy.special import rel_entr
from transformers import PreTrainedTokenizerFast, PrinterCallback

from benchmarks.experiment import scores_by_words
from dixtill_hf.data.columns import (
    EXPLAINED_LABEL,
    LABEL,
    TEACHER_ATTRIBUTIONS,
    TEACHER_LOGITS,
    TEXT,
)
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.splitting import hold_out
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.augmentation import add_teacher_labelled_texts
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.presets import PRESETS
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.evaluation.classification import softmax
from dixtill_hf.evaluation.faithfulness import faithfulness, teacher_probabilities
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.teacher.ensemble import TeacherEnsemble
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.predictions import assess, predict
from research.alternative_architectures import ARCHITECTURES
from research.alternative_trainers import TRAINERS
from research.character_ngrams import frequent_words_of, spell
from research.student_settings import Setting
from research.text_normalization import NORMALIZATIONS
from research.wordpieces import read_in_pieces


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


def train(task: Task) -> dict[str, Any]:
    """Train one student, and see what it makes of the split that it is scored on."""
    data = load_from_disk(str(task.annotated))
    setting, names, scored = task.setting, label_names(data), data[task.split]
    texts = _texts_seen(task, data["train"])
    transfer = None if task.transfer is None else Dataset.load_from_disk(str(task.transfer))
    if setting.normalization is not None:
        read = partial(with_normalized_texts, NORMALIZATIONS[setting.normalization])
        texts, scored, transfer = read(texts), read(scored), transfer and read(transfer)
    model, tokenizer = _student(task, texts, transfer, scored, names)
    if transfer is not None:
        texts = add_teacher_labelled_texts(texts, transfer)
    told_by = data["validation"] if setting.normalization is None else read(data["validation"])
    seconds = _trained(task, model, tokenizer, texts, told_by)
    predictions = predict(model, tokenizer, scored)
    return {
        **assess(predictions, model.config.explanation),
        "divergence": divergence(np.asarray(scored[TEACHER_LOGITS]), predictions.probabilities),
        "parameters": model.num_parameters(),
        "texts": len(texts),
        "seconds": seconds,
        "predictions": predictions.predictions.tolist(),
    }


def _texts_seen(task: Task, train: Dataset) -> Dataset:
    """The training texts that a student sees, with the explanations that it sees."""
    setting, seed = task.setting, task.seed
    rows = share_of(train, setting.text_share, seed)
    texts = train.select(rows)
    texts = alter_drawn(texts, setting.shuffled_share, seed, np.random.Generator.permutation)
    texts = alter_drawn(
        texts, setting.unexplained_share, seed, lambda _, scores: np.zeros_like(scores)
    )
    if task.faithful is not None:
        least = np.argsort(np.asarray(task.faithful)[rows], kind="stable")
        texts = alter(texts, least[: round(setting.unfaithful_share * len(rows))], np.zeros_like)
    return texts


def _student(
    task: Task, texts: Dataset, transfer: Dataset | None, scored: Dataset, names: list[str]
) -> tuple[DixtillForSequenceClassification, PreTrainedTokenizerFast]:
    """A new student and its tokenizer."""
    setting = task.setting
    further_texts = transfer[TEXT][:] if transfer and setting.replacement_words else []
    model, tokenizer = build_student(
        texts[TEXT][:],
        names,
        setting.preset,
        word_vectors=task.word_vectors,
        min_frequency=1 if setting.character_ngrams else setting.min_frequency,
        extra_vocab_size=setting.extra_vocab_size,
        variant_texts=[*further_texts, *(scored[TEXT][:] if setting.character_ngrams else [])],
        seed=task.seed,
        **{"ngram_buckets": 0, **setting.student},
    )
    if setting.character_ngrams:
        at_least = PRESETS[setting.preset].vocabulary["min_frequency"]
        frequent = frequent_words_of(texts[TEXT][:], at_least)
        spell(model, tokenizer, frequent | frequent_words_of(further_texts, at_least))
    if setting.wordpieces:
        tokenizer = read_in_pieces(model, tokenizer, texts[TEXT][:], setting.wordpieces)
    if setting.architecture is not None:
        ARCHITECTURES[setting.architecture](model)
    return model, tokenizer


def _trained(
    task: Task,
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    texts: Dataset,
    told_by: Dataset,
) -> float:
    """Train a student; returns the seconds.

    `told_by` tells the best epoch, if the setting keeps it.
    """
    setting = task.setting
    with tempfile.TemporaryDirectory() as directory:
        args = DistillationArguments.from_preset(
            setting.preset,
            directory,
            setting.method,
            seed=task.seed,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **{"explanation": "contributions", **setting.training},
        )
        kind = DistillationTrainer if setting.trainer is None else TRAINERS[setting.trainer]
        trainer = kind(
            model,
            args,
            train_dataset=texts,
            eval_dataset=told_by if args.keep_best_epoch else None,
            processing_class=tokenizer,
        )
        trainer.remove_callback(PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        return time.perf_counter() - started


def share_of(train: Dataset, share: float, seed: int) -> list[int]:
    """The rows that a student sees: a stratified share of the texts, or all of them."""
    rows = train.select_columns([TEXT, LABEL]).add_column("row", list(range(len(train))))
    return (rows if share == 1 else hold_out(rows, share, seed)[1])["row"][:]


def with_normalized_texts(normalize: Callable[[str], str], texts: Dataset) -> Dataset:
    """Normalize the texts; the other columns stay as they are."""
    changed = [normalize(text) for text in texts[TEXT]]
    return texts.remove_columns(TEXT).add_column(TEXT, changed, feature=texts.features[TEXT])


def comprehensiveness(texts: Dataset, teacher: Teacher | TeacherEnsemble) -> dict[str, list[float]]:
    """What a teacher's probability of its label loses without a fifth of a text's words.

    Raises:
        ValueError: There are several teachers.
    """
    if isinstance(teacher, TeacherEnsemble):
        raise ValueError(
            "unfaithful_share needs one teacher, the recipe has an ensemble: "
            "use a recipe without folds, such as research/recipes/one_teacher.yaml."
        )
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
