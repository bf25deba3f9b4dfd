# SPDX-License-Identifier: Apache-2.0
"""What a trainer does to the datasets it is given: annotate where needed, prepare, check."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.preparation import (
    ATTRIBUTION_TARGETS,
    LABELS,
    SOURCES,
    TEACHER_LOGITS,
    is_prepared,
    prepare_dataset,
)
from dixtill_hf.teacher.explainers import Explainer
from dixtill_hf.teacher.loading import Teacher

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetPreparer:
    """Brings datasets to the form that a student is trained and evaluated on.

    Attributes:
        args: What the loss needs, and how attributions reach the words.
        tokenizer: The student's.
        student: Its configuration has the labels.
        teacher: Annotates datasets that lack the teacher's columns; None leaves them as they are.
        explainer: How the teacher explains its predictions.
    """

    args: DistillationArguments
    tokenizer: PreTrainedTokenizerFast
    student: PreTrainedModel
    teacher: Teacher | str | Path | None
    explainer: str | Explainer

    def for_training(self, dataset: Dataset) -> Dataset:
        """Prepare a dataset that must have all that the loss needs.

        Raises:
            ValueError: Columns are missing or do not fit; or texts have no label and the loss
                takes nothing from a teacher.
        """
        needed = teacher_columns(self.args)
        prepared = self._prepare(dataset, required={LABELS, *needed})
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
        config = self.student.config
        return prepare_dataset(
            self._annotate(dataset),
            self.tokenizer,
            [config.id2label[index] for index in range(config.num_labels)],
            required=required,
            reduction=self.args.attribution_reduction,
            max_words=self.args.max_words,
        )

    def _annotate(self, dataset: Dataset) -> Dataset:
        sources = {name for names in SOURCES.values() for name in names}
        if self.teacher is None or is_prepared(dataset) or sources <= set(dataset.column_names):
            return dataset
        # Explainers are heavy to import, and most datasets come annotated.
        from dixtill_hf.teacher.annotation import annotate

        # The other processes find the main one's answers in the cache.
        with self.args.main_process_first(desc="annotation"):
            return annotate(dataset, self.teacher, self.explainer)


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
