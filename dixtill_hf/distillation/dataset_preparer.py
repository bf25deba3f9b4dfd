# SPDX-License-Identifier: Apache-2.0
"""What a trainer does to the datasets it is given: annotate where needed, prepare, check."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEXT
from dixtill_hf.distillation.annotating_teacher import AnnotatingTeacher
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.dataset import (
    ATTRIBUTION_TARGETS,
    LABELS,
    SOURCES,
    TEACHER_LOGITS,
    is_prepared,
    prepare_dataset,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetPreparer:
    """Brings datasets to the form that a student is trained and evaluated on.

    Attributes:
        args: What the loss needs, and how attributions reach the words.
        tokenizer: The student's.
        student: Its configuration has the labels.
        teacher: Annotates datasets that lack what the loss takes from it; None leaves them as
            they are.
    """

    args: DistillationArguments
    tokenizer: PreTrainedTokenizerFast
    student: PreTrainedModel
    teacher: AnnotatingTeacher | None

    def for_training(self, dataset: Dataset) -> Dataset:
        """Prepare a dataset that must have all that the loss needs.

        Where the loss takes something from a teacher, labels may be missing, one by one or all.

        Raises:
            ValueError: Columns are missing or do not fit; or texts have no label and the loss
                takes nothing from a teacher.
        """
        needed = teacher_columns(self.args)
        prepared = self._prepare(dataset, required=needed or {LABELS})
        if not needed:
            _check_all_labelled(prepared)
        return prepared

    def for_evaluation(self, dataset: Dataset) -> Dataset:
        """Prepare a dataset of which only the text must be there.

        Raises:
            ValueError: There is no text, or columns do not fit.
        """
        prepared = self._prepare(dataset, required=())
        if not teacher_columns(self.args) <= set(prepared.column_names):
            logger.warning(
                "An evaluation dataset lacks columns that annotate(dataset, teacher) adds: its "
                "loss is the cross-entropy alone, and agreement that needs them is left out."
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
            required=required,
            reduction=self.args.attribution_reduction,
            max_words=self.args.max_words,
        )

    def _annotate(self, dataset: Dataset) -> Dataset:
        needed = {name for column in teacher_columns(self.args) for name in SOURCES[column]}
        if self.teacher is None or is_prepared(dataset) or needed <= set(dataset.column_names):
            return dataset
        self._check_before_annotating(dataset)
        return self.teacher.annotate(dataset, self.label_names)

    def _check_before_annotating(self, dataset: Dataset) -> None:
        """Prepare what is there already, so that wrong texts or labels cost no annotation."""
        columns = [name for name in (TEXT, LABEL) if name in dataset.column_names]
        prepare_dataset(dataset.select_columns(columns), self.tokenizer, self.label_names)

    @property
    def teacher_hub_id(self) -> str | None:
        """The teacher's name on the Hub, if there is a teacher and it has one."""
        return None if self.teacher is None else self.teacher.hub_id

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


def _check_all_labelled(dataset: Dataset) -> None:
    rows = [row for row, label in enumerate(dataset[LABELS][:]) if label == LABEL_UNKNOWN]
    if rows:
        raise ValueError(
            f"in {name_rows(rows)}, the label is unknown ({LABEL_UNKNOWN}), and nothing comes "
            "from a teacher: choose a kd_loss or an xai_weight above 0, or leave these texts out"
        )
