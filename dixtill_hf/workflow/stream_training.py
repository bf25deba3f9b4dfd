# SPDX-License-Identifier: Apache-2.0
"""A student that is distilled from a stream of files: `dixtill-hf stream`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset, IterableDataset
from datasets.distributed import split_dataset_by_node
from transformers import PreTrainedTokenizerFast

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.data.streams import name_labels, open_text_stream
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.stream_variants import add_variants
from dixtill_hf.distillation.streams import check_divisible
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.student import load_student
from dixtill_hf.student.word_counts import count_words
from dixtill_hf.teacher.loading import Teacher, load_teacher
from dixtill_hf.workflow.annotation_stage import load_annotated
from dixtill_hf.workflow.recipe import described

UNTRAINED = "untrained"


@dataclass
class StreamArguments:
    """What flows, and who annotates it."""

    files: list[str] = field(
        metadata={
            "help": "Parquet files of texts: paths, patterns in quotes, or URLs such as "
            "'s3://bucket/texts/*.parquet'."
        },
    )
    teacher: str | None = described(
        None,
        "The fine-tuned classifier that annotates the texts as they flow: Hub id or directory. "
        "Default: none; the files then have the columns of dixtill-hf annotate.",
    )
    explainer: str = described(
        "integrated_gradients", "With teacher: how it explains its predictions."
    )
    variants: int | None = described(
        None,
        "With teacher: variants of every text that it labels as they flow. Default: the preset's.",
    )
    keep_annotations: bool = described(
        True,
        "With teacher: whether annotations are kept in the cache, so that no text is annotated "
        "twice; takes disk space, and 24 bytes of memory a text.",
    )
    annotated: str | None = described(
        None,
        "Directory of an annotated dataset, as dixtill-hf annotate saves it, whose split "
        "validation the student is evaluated and calibrated on. Default: none.",
    )
    text_column: str | None = described(
        None, "Column of the text. Default: found by its usual names."
    )
    label_column: str | None = described(
        None, "Column of the label. Default: found by its usual names; there may be none."
    )
    labels: list[str] | None = described(
        None, "Names of the labels in the order of the logits. Default: the teacher's."
    )
    word_vectors: str | None = described(
        None,
        "Start of the embedding: 'glove-packaged', a file, or 'none' (random). Default: the "
        "preset's.",
    )
    student_start: str | None = described(
        None, "Pretrained student to start from: a directory, a Hub id, or 'packaged'."
    )
    embedding_size: int | None = described(
        None, "Embedding dimensions. Default: those of the word vectors, 50 without them."
    )
    hidden_size: int | None = described(
        None, "Units of the bi-LSTM in each direction. Default: those of student_start, else 50."
    )
    min_frequency: int | None = described(
        None, "Words seen less often become [UNK]. Default: the preset's."
    )


_STUDENT = ("word_vectors", "student_start", "embedding_size", "hidden_size", "min_frequency")


def stream_trainer(
    given: StreamArguments, args: DistillationArguments, validation: Dataset | None = None
) -> DistillationTrainer:
    """The trainer of a student that learns from files as they are read.

    Each of several processes must make the call; the main one counts the words.

    Args:
        given: What flows.
        args: What the student is trained with. With `resume_from_checkpoint` the vocabulary is the
            checkpoint's.
        validation: What the student is evaluated on.

    Raises:
        ValueError: Settings contradict each other, or the data do not fit.
        OSError: Files or the teacher cannot be read.
    """
    _check(given, args)
    texts = open_text_stream(given.files, given.text_column, given.label_column)
    teacher = None
    if given.teacher is not None:
        teacher = load_teacher(given.teacher, given.labels)
    names = _label_names(given, texts, teacher, validation)
    texts = name_labels(texts, names)
    problem = None if teacher is None else teacher.problem_type.name
    processes = ProcessGroup.launched()
    model, tokenizer = _student(given, args, texts, names, problem, processes)
    stream = texts if teacher is None else _annotated(given, args, texts, teacher, processes)
    if args.n_gpu > 1:
        args._n_gpu = 1  # the Trainer would multiply the batch by the number of GPUs
    return DistillationTrainer(
        model, args, train_dataset=stream, eval_dataset=validation, processing_class=tokenizer
    )


def _check(given: StreamArguments, args: DistillationArguments) -> None:
    """Refuse what is not possible, before texts are read."""
    args.for_stream()
    if given.teacher is None and given.variants:
        raise ValueError(
            f"variants is {given.variants}, but there is no teacher to label them: name a teacher, "
            "or leave variants out."
        )
    if given.variants is not None and given.variants < 0:
        raise ValueError(f"variants must be at least 0, got {given.variants}.")
    if args.eval_strategy != "no" and given.annotated is None:
        raise ValueError(
            f"eval_strategy is {args.eval_strategy.value!r}, but there are no texts to evaluate "
            "on: name an annotated dataset with a split validation (annotated)."
        )


def load_validation(annotated: str | None) -> Dataset | None:
    """The split `validation` of an annotated dataset that was saved, if one is named."""
    return None if annotated is None else load_annotated(annotated, "validation")["validation"]


def _label_names(
    given: StreamArguments,
    texts: IterableDataset,
    teacher: Teacher | None,
    validation: Dataset | None,
) -> list[str]:
    """The labels in the order of the logits."""
    if given.labels is not None:
        return given.labels
    if teacher is not None:
        return list(teacher.labels)
    for dataset in (texts, validation):
        feature = None if dataset is None else dataset.features.get("label")
        names = getattr(feature, "names", None)
        if names is not None:
            return names
    raise ValueError(
        "The order of the labels is not known: name them in the order of the teacher's logits, "
        "--labels Bearish Bullish Neutral, or name the teacher."
    )


def _student(
    given: StreamArguments,
    args: DistillationArguments,
    texts: IterableDataset,
    names: list[str],
    problem_type: str | None,
    processes: ProcessGroup,
) -> tuple[DixtillForSequenceClassification, PreTrainedTokenizerFast]:
    """The untrained student of all processes, made by the main one; or that of a checkpoint."""

    def make() -> str:
        directory = Path(args.output_dir) / UNTRAINED
        settings: Mapping[str, Any] = {name: getattr(given, name) for name in _STUDENT}
        model, tokenizer = build_student(
            count_words(texts), names, args, problem_type=problem_type, **settings
        )
        model.save_pretrained(directory)
        tokenizer.save_pretrained(directory)
        return str(directory)

    checkpoint = args.resume_from_checkpoint
    student = load_student(processes.from_main(make) if checkpoint is None else checkpoint)
    return student.model, student.tokenizer


def _annotated(
    given: StreamArguments,
    args: DistillationArguments,
    texts: IterableDataset,
    teacher: Teacher,
    processes: ProcessGroup,
) -> IterableDataset:
    """The texts of this process, annotated, and their variants."""
    check_divisible(texts, processes.size)
    if processes.size > 1:
        texts = split_dataset_by_node(texts, processes.rank, processes.size)
    keep = given.keep_annotations
    explainer = given.explainer if args.needs_explanations else "none"
    stream = annotate(texts, teacher, explainer, keep=keep)
    per_text = args.variants_per_text if given.variants is None else given.variants
    return add_variants(stream, teacher, per_text, keep=keep) if per_text else stream
