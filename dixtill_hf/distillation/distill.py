# SPDX-License-Identifier: Apache-2.0
"""One call from a dataset and its teacher to a student that explains its predictions."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.shards import check_cache, default_cache_dir
from dixtill_hf.artifacts.files import newest_whole_checkpoint, write_json
from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.label_column import has_unlabelled, problem_type_of
from dixtill_hf.data.labels import label_names as names_of_labels
from dixtill_hf.data.loading import load_text_classification
from dixtill_hf.data.sources import Source
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.augmentation import label_variants
from dixtill_hf.distillation.building import build_trainer, check_start, student_vocabulary
from dixtill_hf.distillation.presets import METHODS, PRESETS, student_settings
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.explainers.base import Explainer, get_explainer
from dixtill_hf.selective.calibrate import calibrate_on_validation
from dixtill_hf.student.pretrained_start import load_student_start
from dixtill_hf.student.student import Student, load_student
from dixtill_hf.teacher.checkpoints import has_classification_head, load_config
from dixtill_hf.teacher.finetuning import finetune_teacher
from dixtill_hf.teacher.loading import Teacher, load_teacher

RECORD = "distillation.json"
_FORMAT = 1


def distill(
    dataset: Source,
    teacher: Teacher | str | Path,
    output_dir: str | Path | None = None,
    *,
    preset: str = "default",
    method: str = "dixtill",
    seed: int = 0,
    explainer: str | Explainer = "integrated_gradients",
    text_column: str | None = None,
    label_column: str | Sequence[str] | None = None,
    label_names: Sequence[str] | None = None,
    problem_type: str | None = None,
    label_map: Mapping[str, str] | None = None,
    unlabelled: bool = False,
    word_vectors: str | Path | None = None,
    student_start: str | Path | None = None,
    variants: int | None = None,
    text_pair_column: str | None = None,
    leave_out_words: Sequence[str] = (),
    **arguments: Any,
) -> Student:
    """Distil a classifier and its explanations into a tiny student (Cantini et al., 2024).

    The data are loaded and checked, the teacher annotates them (it is fine-tuned first if it has no
    classification head), labels variants of the training texts, teaches a new student, and
    calibrates it on the validation texts (see `calibrate`). With an `output_dir`, a call that was
    interrupted goes on where it stopped, and a call that is made again returns the student that is
    there. `dixtill-hf run` makes the same student.

    ```python
    student = distill("texts.csv", "org/fine-tuned-teacher", "my-student")
    print(student("Veltara raises its outlook"))
    ```

    Args:
        dataset: A `Dataset`, a `DatasetDict`, a file, a directory or a Hub id: any source of
            `load_text_classification`. Without a validation split, a tenth of the training texts
            is held out.
        teacher: A fine-tuned classifier or a pretrained encoder: Hub id or directory; or a loaded
            `Teacher`.
        output_dir: Directory of the student, for `load_student` and `from_pretrained`. It also
            holds the annotations (`cache/`) and the teacher, if it is fine-tuned here
            (`teacher/`). Default: nothing but annotations and the teacher is kept, in the cache
            (see `annotate`).
        preset: Name in `PRESETS`: "default" (the default), "paper" for the settings of the paper's
            text, or "paper_notebook" for those of its released notebook.
        method: Name in `METHODS`: "dixtill" (the default), "kl", "mse" or "none".
        seed: Seed of the student's weights, the order of the texts and the dropouts. Default 0.
        explainer: How the teacher explains its predictions: a name or an explainer. Default
            "integrated_gradients".
        text_column: Column of the text. Default: the one called text, sentence, tweet or content.
        label_column: Column of the label. Default: the one called label, labels or sentiment.
            Several columns are one label each (0 and 1), or one value each.
        label_names: Names of the labels, in the order wanted. Default: those of the data; if these
            have no labels, the teacher's.
        problem_type: Name of the kind of task: "single_label_classification",
            "multi_label_classification" or "regression". Default: that of the labels as they are
            written; if the data have no labels, the teacher's.
        label_map: Teacher label → data label, if the names differ; for a `teacher` given by name.
        unlabelled: Whether texts may lack a label; they learn from the teacher only.
        word_vectors: Start of the student's embedding, a source of `load_word_vectors`; "none"
            draws it at random. Default: the preset's.
        student_start: Pretrained student to start from, of `pretrain_student`: a directory or Hub
            id, or "packaged" for the English one. Default: none.
        variants: Variants of every training text that the teacher labels. Default: the preset's.
        text_pair_column: Column of the second text, if each text is a pair. Without it and
            `text_column`, two columns with usual names for pairs are read as pairs.
        leave_out_words: Words that the student's vocabulary does not have, in any case: names of
            people, for example. It reads them as unknown words. Default: none.
        **arguments: Fields of `DistillationArguments` that differ from the preset's:
            `num_train_epochs`, `learning_rate`, `use_cpu`, ...

    Returns:
        The trained student, in evaluation mode.

    Raises:
        ValueError: The data fail a check, a name is unknown, a setting is out of its range or has
            no effect, or the output directory holds something else.
        FileNotFoundError: There is no such file of data or word vectors.
        OSError: The teacher cannot be read.
        ImportError: `word_vectors` is "glove-packaged", and it is not installed.
    """
    _refuse_several_processes()
    explainer = get_explainer(explainer)
    with ExitStack() as stack:
        if output_dir is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            directory = _own_directory(Path(output_dir))
        args = training_arguments(
            preset, directory, method, seed, resumable=output_dir is not None, **arguments
        )
        _check_settings(args, explainer, variants)
        data = load_text_classification(
            dataset,
            text_column,
            label_column,
            label_names,
            problem_type=problem_type,
            require_test=False,
            unlabelled=unlabelled,
            keep_columns=explainer.reads,
            text_pair_column=text_pair_column,
        )
        _check_learnable(args, data, word_vectors, student_start, leave_out_words)
        teacher = _ready_teacher(teacher, data, label_map, output_dir)
        args.for_problem(teacher.problem_type.name)
        cache_dir = None if output_dir is None else directory / "cache" / "annotations"
        data = annotate(data, teacher, explainer, cache_dir=cache_dir)
        per_text = args.variants_per_text if variants is None else variants
        varied = None
        if per_text:
            varied = label_variants(data["train"], teacher, per_text, cache_dir=cache_dir)
        with one_thread_on_a_cpu():
            trainer = build_trainer(
                data["train"],
                args,
                variants=varied,
                eval_dataset=data["validation"],
                label_names=_names(data) or teacher.labels,
                problem_type=teacher.problem_type.name,
                word_vectors=word_vectors,
                student_start=student_start,
                leave_out_words=leave_out_words,
            )
            return _trained(trainer, data, None if output_dir is None else directory, arguments)


@contextmanager
def one_thread_on_a_cpu() -> Iterator[None]:
    """Within it, PyTorch computes on one thread, if there is no GPU.

    A student is too small for several: one is the fastest, and the weights are the same whatever
    the number of cores.
    """
    threads = torch.get_num_threads()
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _refuse_several_processes() -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError(
            f"distill runs in one process, and this is one of {os.environ['WORLD_SIZE']}: to share "
            "a training among several, launch a script with a DistillationTrainer, such as "
            "examples/run_distillation.py."
        )


def _own_directory(directory: Path) -> Path:
    """The output directory, unless something else lies in it."""
    if directory.is_dir() and any(directory.iterdir()) and not (directory / RECORD).is_file():
        raise ValueError(
            f"The output directory {directory} is not empty, and distill did not write it (it has "
            f"no {RECORD}). Name a new directory, so that nothing of yours is overwritten."
        )
    if not (directory / RECORD).is_file():
        write_json(directory / RECORD, {"format": _FORMAT})
    found = json.loads((directory / RECORD).read_text(encoding="utf-8"))["format"]
    if found > _FORMAT:
        raise ValueError(
            f"{directory / RECORD} has format {found}, and this release of dixtill_hf reads "
            f"formats up to {_FORMAT}: upgrade it (pip install -U dixtill_hf), or name a new "
            "directory."
        )
    return directory


def training_arguments(
    preset: str,
    output_dir: Path,
    method: str,
    seed: int,
    *,
    resumable: bool = True,
    **given: Any,
) -> DistillationArguments:
    """The arguments of a training that logs and reports nothing, as `distill` and runs have it.

    Args:
        preset: Name in `PRESETS`.
        output_dir: Directory of the checkpoints.
        method: Name in `METHODS`.
        seed: Seed of the student's weights, the order of the texts and the dropouts.
        resumable: Whether a checkpoint is kept of the last epoch, to resume the training from.
        **given: Fields that differ from the preset's and from those that are set here.

    Raises:
        ValueError: There is no such preset or method, or a value is not allowed.
        TypeError: There is no such field.
    """
    defaults = {
        "save_strategy": "epoch" if resumable else "no",
        "save_total_limit": 1,
        "logging_strategy": "no",
        "report_to": "none",
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
    return DistillationArguments.from_preset(
        preset, output_dir, method, seed=seed, **{**defaults, **given}
    )


def _check_settings(
    args: DistillationArguments, explainer: Explainer, variants: int | None
) -> None:
    """Refuse settings that contradict each other, before any hour is spent."""
    if explainer.name == "none" and args.needs_explanations:
        raise ValueError(
            f"explainer is 'none', but the method {args.method!r} learns from explanations: name "
            "another explainer, or the method 'kl' or 'mse'."
        )
    if variants is not None and variants < 0:
        raise ValueError(f"variants must be at least 0, got {variants}.")
    if variants and args.alpha == 0:
        raise ValueError(
            f"variants is {variants}, but the method {args.method!r} learns from labels only, and "
            "variants have none: leave variants out, or name another method."
        )


def _check_learnable(
    args: DistillationArguments,
    data: DatasetDict,
    word_vectors: str | Path | None,
    student_start: str | Path | None,
    leave_out_words: Sequence[str],
) -> None:
    """Refuse data, word vectors and starts that no student can be made of."""
    problem = problem_type_of(data)
    if problem is not None:
        args.for_problem(problem.name)
    if args.alpha == 0 and has_unlabelled(data["train"]):
        raise ValueError(
            f"The method {args.method!r} learns from labels only, and some training texts have "
            "none: label them, leave them out, or name another method."
        )
    texts = texts_of(data["train"])
    settings = student_settings(
        args.preset, len(texts), word_vectors=word_vectors, leave_out_words=leave_out_words
    )
    start = None if student_start is None else load_student_start(student_start)
    if start is not None:
        check_start(start, word_vectors)
    student_vocabulary(texts, settings, start=start)


def _names(data: DatasetDict) -> list[str] | None:
    """Names of the labels; None if the data have no labels."""
    return None if problem_type_of(data) is None else names_of_labels(data)


def _ready_teacher(
    teacher: Teacher | str | Path,
    data: DatasetDict,
    label_map: Mapping[str, str] | None,
    output_dir: str | Path | None,
) -> Teacher:
    """Load the teacher; one without a classification head is fine-tuned first, once."""
    if isinstance(teacher, Teacher):
        if label_map is not None:
            raise ValueError(
                "label_map is for a teacher given by name or path, and this one is loaded: give "
                "the map to load_teacher(...)."
            )
        return teacher
    names, problem = _names(data), problem_type_of(data)
    problem_type = None if problem is None else problem.name
    if has_classification_head(load_config(teacher)):
        return load_teacher(teacher, names, label_map, problem_type=problem_type)
    if label_map is not None:
        raise ValueError(
            f"label_map is for a teacher that has labels of its own, and {str(teacher)!r} gets "
            "those of the data as it is fine-tuned: leave label_map out."
        )
    if output_dir is None:
        texts = [[hash_texts(texts_of(split)), list(split[LABEL])] for split in data.values()]
        key = hash_json([str(teacher), names, texts])
        directory = default_cache_dir().parent / "teachers" / key
        check_cache(directory.parent)
    else:
        directory = Path(output_dir) / "teacher"
    finetune_teacher(data, teacher, directory)
    return load_teacher(directory, names, problem_type=problem_type)


def _trained(
    trainer: DistillationTrainer,
    data: DatasetDict,
    directory: Path | None,
    given: Mapping[str, Any],
) -> Student:
    """Train the student, and keep it in the directory; one that is there already is loaded."""
    if directory is None:
        trainer.train()
        calibrate_on_validation(trainer.model, trainer.processing_class, data)
        return Student(trainer.model.eval(), trainer.processing_class)
    key = _fingerprint(trainer, given)
    record = json.loads((directory / RECORD).read_text(encoding="utf-8"))
    if record.get("student") == key:
        return load_student(directory)
    if record.get("training") != key:
        _remove_checkpoints(directory)
        write_json(directory / RECORD, {"format": _FORMAT, "training": key})
    trainer.train(resume_from_checkpoint=newest_whole_checkpoint(directory))
    calibrate_on_validation(trainer.model, trainer.processing_class, data)
    for name in ("validation", "test"):
        if name in data:
            trainer.evaluate(data[name], metric_key_prefix=name)
    trainer.save_model()
    trainer.create_model_card()
    write_json(directory / RECORD, {"format": _FORMAT, "student": key})
    _remove_checkpoints(directory)
    return Student(trainer.model.eval(), trainer.processing_class, directory)


def _remove_checkpoints(directory: Path) -> None:
    for checkpoint in directory.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)


def _fingerprint(trainer: DistillationTrainer, given: Mapping[str, Any]) -> str:
    """Hash of all that a training depends on: texts and targets, first weights and settings."""
    digest = hashlib.sha256()
    _hash_dataset(digest, trainer.train_dataset)
    for name, tensor in trainer.model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    args = trainer.args.to_dict()
    names = {"seed", "temperature", "attribution_reduction", "max_words", "bucket_by_length"}
    names |= {"pretrained_lr_ratio"}
    names |= {"num_train_epochs", "per_device_train_batch_size", *given}
    names |= {*PRESETS[trainer.args.preset].training, *METHODS[trainer.args.method]}
    settings = {name: str(args[name]) for name in names}
    return hash_json([digest.hexdigest(), trainer.processing_class.get_vocab(), settings])


def _hash_dataset(digest: Any, dataset: Dataset) -> None:
    for name in dataset.column_names:
        digest.update(name.encode())
        for chunk in dataset.data.column(name).chunks:
            for buffer in chunk.buffers():
                if buffer is not None:
                    digest.update(buffer)
