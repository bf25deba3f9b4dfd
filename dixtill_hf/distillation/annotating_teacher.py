# SPDX-License-Identifier: Apache-2.0
"""The teacher of a trainer: loaded when a dataset first needs it, and once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from datasets import ClassLabel, Dataset

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.names import hub_id
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.teacher.loading import Teacher, check_same_labels, load_teacher


class AnnotatingTeacher:
    """A teacher, or the name or path of one, and how it explains its predictions.

    Args:
        teacher: A loaded teacher, or its Hub id or directory.
        explainer: Name of an explainer, or one with its settings.
        label_map: Teacher label → data label where the names differ; with a name or path only.

    Raises:
        ValueError: A label map is given beside a loaded teacher.
    """

    def __init__(
        self,
        teacher: Teacher | str | Path,
        explainer: str | Explainer = "integrated_gradients",
        label_map: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(teacher, Teacher) and label_map is not None:
            raise ValueError(
                "label_map goes with the name or path of a teacher; this one is loaded: give the "
                "map to load_teacher(...)"
            )
        self._given = teacher
        self._explainer = explainer
        self._label_map = label_map
        self._loaded: dict[tuple[str, ...], Teacher] = {}

    @property
    def hub_id(self) -> str | None:
        """The teacher's name on the Hub; None if it came from a directory or has no name."""
        return hub_id(self._given.name if isinstance(self._given, Teacher) else str(self._given))

    def annotate(self, dataset: Dataset, label_names: Sequence[str]) -> Dataset:
        """Add the columns of `teacher.annotation.annotate` to a dataset.

        Args:
            dataset: With a column `text`.
            label_names: The labels where those of the dataset have no names.

        Raises:
            LabelMismatchError: The teacher's labels do not match these.
        """
        # Explainers are heavy to import, and most datasets come annotated.
        from dixtill_hf.annotation.annotate import annotate

        label = dataset.features.get(LABEL)
        names = label.names if isinstance(label, ClassLabel) else label_names
        return annotate(dataset, self._load(tuple(names)), self._explainer)

    def _load(self, label_names: tuple[str, ...]) -> Teacher:
        """The teacher with its logits in the order of these labels."""
        if isinstance(self._given, Teacher):
            check_same_labels(self._given, label_names)
            return self._given
        if label_names not in self._loaded:
            self._loaded[label_names] = load_teacher(self._given, label_names, self._label_map)
        return self._loaded[label_names]
