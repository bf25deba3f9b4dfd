# SPDX-License-Identifier: Apache-2.0
"""What a `DistillationTrainer` is given: checked, annotated where needed, and prepared."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from datasets import Dataset, IterableDataset
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEXT, TEXT_PAIR
from dixtill_hf.data.label_column import problem_type_of
from dixtill_hf.data.names import hub_id
from dixtill_hf.data.problem_types import SINGLE_LABEL, problem_type_of_model
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.dataset import prepare_dataset, table_preparer
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    LABELS,
    SOURCES,
    TEACHER_LOGITS,
    is_prepared,
)
from dixtill_hf.distillation.streams import PreparedStream, check_divisible, share_of_process
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.teacher.loading import Teacher, check_same_labels, load_teacher

logger = logging.getLogger(__name__)

_AnyDataset = TypeVar("_AnyDataset", Dataset, IterableDataset)


def checked_arguments(args: object) -> DistillationArguments:
    """Return the arguments, unless they lack what a distillation needs.

    Raises:
        TypeError: They are not `DistillationArguments`.
    """
    if not isinstance(args, DistillationArguments):
        raise TypeError(
            f"args must be DistillationArguments, got {type(args).__name__}: they hold alpha, "
            "temperature and the losses, and all that TrainingArguments have."
        )
    return args


def check_student(model: PreTrainedModel) -> None:
    """Refuse a model that does not explain itself.

    Raises:
        TypeError: It is not a student.
    """
    if not hasattr(model, "explain_from"):
        raise TypeError(
            f"model is a {type(model).__name__}, which does not explain itself: make a student "
            "with build_student(...), or load one with from_pretrained."
        )


def check_padding(tokenizer: PreTrainedTokenizerFast) -> None:
    """Refuse a tokenizer that cannot make batches.

    Raises:
        ValueError: It has no padding token.
    """
    if tokenizer.pad_token_id is None:
        raise ValueError(
            "The student's tokenizer has no padding token, which batches need: set "
            "tokenizer.pad_token, for example to tokenizer.eos_token."
        )


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Refuse a student that does not know all words of its tokenizer.

    Raises:
        ValueError: Its embedding has fewer rows than there are words.
    """
    if len(tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"The tokenizer knows {len(tokenizer)} words, the student's embedding has "
            f"{model.config.vocab_size}: make it with DixtillConfig(vocab_size=len(tokenizer))."
        )


class OnTheFlyAnnotator:
    """Annotates the datasets that lack the teacher's columns; loads the teacher when one does.

    Args:
        teacher: A loaded teacher, or its Hub id or directory.
        explainer: Name of an explainer, or one with its settings.
        label_map: Teacher label → data label, if the names differ; only for a teacher given by
            name or path.

    Raises:
        ValueError: A label map is given with a loaded teacher.
    """

    def __init__(
        self,
        teacher: Teacher | str | Path,
        explainer: str | Explainer = "integrated_gradients",
        label_map: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(teacher, Teacher) and label_map is not None:
            raise ValueError(
                "label_map is for a teacher given by name or path, and this one is loaded: give "
                "the map to load_teacher(...)."
            )
        self._given = teacher
        self._explainer = explainer
        self._label_map = label_map
        self._loaded: dict[tuple[str, ...], Teacher] = {}

    @property
    def hub_id(self) -> str | None:
        """The teacher's name on the Hub; None if it has none."""
        return hub_id(self._given.name if isinstance(self._given, Teacher) else str(self._given))

    def annotate(
        self, dataset: _AnyDataset, label_names: Sequence[str], problem_type: str = SINGLE_LABEL
    ) -> _AnyDataset:
        """Add the columns of `annotate` to a dataset or a stream.

        Args:
            dataset: A dataset or a stream with a column `text`.
            label_names: Names of the labels, if those of the dataset have none.
            problem_type: Name of the student's kind of task.

        Raises:
            LabelMismatchError: The teacher's labels do not match these.
        """
        # Explainers are heavy to import, and most datasets come annotated.
        from dixtill_hf.annotation.annotate import annotate

        problem = problem_type_of(dataset)
        names = (problem and problem.names(dataset.features[LABEL])) or label_names
        return annotate(dataset, self._load(tuple(names), problem_type), self._explainer)

    def _load(self, label_names: tuple[str, ...], problem_type: str) -> Teacher:
        """The teacher with its logits in the order of these labels."""
        if isinstance(self._given, Teacher):
            check_same_labels(self._given, label_names, problem_type)
            return self._given
        if label_names not in self._loaded:
            self._loaded[label_names] = load_teacher(
                self._given, label_names, self._label_map, problem_type=problem_type
            )
        return self._loaded[label_names]


def check_best_epoch(
    args: DistillationArguments, eval_dataset: Dataset | Mapping[str, Dataset] | None
) -> None:
    """Refuse to look for the best epoch without one dataset that tells it.

    Raises:
        ValueError: `args.keep_best_epoch` is set, and there is no evaluation dataset, or several.
    """
    if args.keep_best_epoch and (eval_dataset is None or isinstance(eval_dataset, Mapping)):
        given = "none" if eval_dataset is None else f"several: {', '.join(eval_dataset)}"
        raise ValueError(
            "keep_best_epoch keeps the epoch with the lowest loss on one eval_dataset, and got "
            f"{given}. Give one, or keep_best_epoch=False for the student of the last epoch."
        )


@dataclass(frozen=True)
class DatasetPreparer:
    """Brings datasets to the form that a student is trained and evaluated on.

    Attributes:
        args: The training arguments: what the loss needs, and how attributions reach the words.
        tokenizer: The student's tokenizer.
        student: The student, whose configuration has the labels.
        annotator: Annotates datasets that lack what the loss takes from the teacher; None leaves
            them as they are.
    """

    args: DistillationArguments
    tokenizer: PreTrainedTokenizerFast
    student: PreTrainedModel
    annotator: OnTheFlyAnnotator | None

    def for_training(self, dataset: Dataset) -> Dataset:
        """Prepare a dataset that must have all that the loss needs.

        If the loss takes something from a teacher, some or all labels may be missing.

        Raises:
            ValueError: Columns are missing or do not fit; or texts have no label and the loss
                takes nothing from a teacher.
        """
        needed = teacher_columns(self.args)
        prepared = self._prepare(dataset, required=needed or {LABELS})
        if not needed:
            _check_all_labelled(prepared[LABELS][:], 0)
        return prepared

    def for_training_stream(self, stream: IterableDataset, batch_texts: int) -> PreparedStream:
        """Prepare a stream as it flows; what it must have, and errors, are as in `for_training`.

        Args:
            stream: The stream, of which this process reads its share.
            batch_texts: Texts of one optimizer step in this process.

        Raises:
            ValueError: Columns are missing or do not fit, or several processes have one stream that
                would be annotated by all of them.
        """
        stream = stream._resolve_features()
        processes = self.args.world_size
        if self._lacks_annotation(stream):
            check_divisible(stream, processes)
        stream = share_of_process(stream, self.args.process_index, processes)
        stream = self._annotate(stream)
        needed = teacher_columns(self.args)
        names, prepare = table_preparer(
            stream,
            self.tokenizer,
            self.label_names,
            problem_type=problem_type_of_model(self.student.config).name,
            required=needed or {LABELS},
            reduction=self.args.attribution_reduction,
            max_words=self.args.max_words,
        )

        def checked(table: pa.Table, first_row: int) -> pa.Table:
            prepared = prepare(table, first_row)
            if not needed:
                _check_all_labelled(prepared[LABELS].to_pylist(), first_row)
            return prepared

        return PreparedStream(
            stream.select_columns(names),
            checked,
            batch_texts,
            self.args.bucket_by_length,
            self.args.seed if self.args.data_seed is None else self.args.data_seed,
        )

    def for_evaluation(self, dataset: Dataset) -> Dataset:
        """Prepare a dataset that only needs texts.

        Raises:
            ValueError: There is no text, or columns do not fit.
        """
        prepared = self._prepare(dataset, required=())
        if not teacher_columns(self.args) <= set(prepared.column_names):
            logger.warning(
                "An evaluation dataset lacks columns that annotate(dataset, teacher) adds: its "
                "loss is only the cross-entropy, and agreement that needs them is left out."
            )
        return prepared

    def for_evaluations(
        self, datasets: Dataset | Mapping[str, Dataset] | None
    ) -> Dataset | dict[str, Dataset] | None:
        """`for_evaluation` of one dataset, of several by name, or of none."""
        if isinstance(datasets, Mapping):
            return {name: self.for_evaluation(dataset) for name, dataset in datasets.items()}
        return None if datasets is None else self.for_evaluation(datasets)

    def _prepare(self, dataset: Dataset, required: Collection[str]) -> Dataset:
        return prepare_dataset(
            self._annotate(dataset),
            self.tokenizer,
            self.label_names,
            problem_type=problem_type_of_model(self.student.config).name,
            required=required,
            reduction=self.args.attribution_reduction,
            max_words=self.args.max_words,
        )

    def _annotate(self, dataset: _AnyDataset) -> _AnyDataset:
        if self.annotator is None or not self._lacks_annotation(dataset):
            return dataset
        if isinstance(dataset, Dataset):
            self._check_before_annotating(dataset)
        problem = problem_type_of_model(self.student.config)
        return self.annotator.annotate(dataset, self.label_names, problem.name)

    def _lacks_annotation(self, dataset: Dataset | IterableDataset) -> bool:
        needed = {name for column in teacher_columns(self.args) for name in SOURCES[column]}
        return not is_prepared(dataset) and not needed <= set(dataset.column_names)

    def _check_before_annotating(self, dataset: Dataset) -> None:
        """Prepare what is there already, so that wrong texts or labels cost no annotation."""
        columns = [name for name in (TEXT, TEXT_PAIR, LABEL) if name in dataset.column_names]
        problem = problem_type_of_model(self.student.config)
        prepare_dataset(
            dataset.select_columns(columns),
            self.tokenizer,
            self.label_names,
            problem_type=problem.name,
        )

    @property
    def teacher_hub_id(self) -> str | None:
        """The teacher's name on the Hub, if there is a teacher and it has one."""
        return None if self.annotator is None else self.annotator.hub_id

    @property
    def label_names(self) -> list[str]:
        """The student's labels, in the order of its logits."""
        config = self.student.config
        return [config.id2label[index] for index in range(config.num_labels)]


def teacher_columns(args: DistillationArguments) -> set[str]:
    """The prepared columns that the loss takes from the teacher."""
    columns = {
        TEACHER_LOGITS: args.needs_teacher_logits,
        ATTRIBUTION_TARGETS: args.needs_explanations,
    }
    return {name for name, needed in columns.items() if needed}


def _check_all_labelled(given: Sequence[Any], first_row: int) -> None:
    labels = np.asarray(given)
    unknown = np.isnan(labels).any(-1) if labels.ndim == 2 else labels == LABEL_UNKNOWN
    rows = (np.flatnonzero(unknown) + first_row).tolist()
    if rows:
        raise ValueError(
            f"In {name_rows(rows)}, the label is unknown, and nothing comes "
            "from a teacher: choose a kd_loss or an xai_weight above 0, or leave these texts out."
        )
