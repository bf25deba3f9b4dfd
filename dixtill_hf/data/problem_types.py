# SPDX-License-Identifier: Apache-2.0
"""The kinds of task, by the names that transformers has for them, and how they differ.

Everything else asks here how labels are stored, what logits mean, and which outputs a text has
that can be explained. What needs PyTorch or scikit-learn is in registries with the same names:
`distillation.losses.labels` (loss on the labels), `evaluation.quality` (metrics).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np
from datasets import ClassLabel, Value
from datasets import Sequence as ListOf
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.data.names import check_name

SINGLE_LABEL = "single_label_classification"
MULTI_LABEL = "multi_label_classification"
REGRESSION = "regression"

VALUE_NAME = "score"
"""Name of the only output of a regression."""

DEFAULT_THRESHOLD = 0.5
# Groups of similar values, of which a held-out split has equal shares.
_VALUE_GROUPS = 10


class ProblemType(ABC):
    """How labels and logits of one kind of task are read.

    Attributes:
        name: The name that transformers has for it, as in `config.problem_type`.
        missing: What the column `label` holds of a text without a label.
        is_classification: Whether an output is a label, with a probability.
    """

    name: ClassVar[str]
    missing: ClassVar[int | None]
    is_classification: ClassVar[bool] = True

    @abstractmethod
    def feature(self, names: Sequence[str]) -> Any:
        """The feature of a column `label` with these names of the outputs."""

    @abstractmethod
    def names(self, feature: Any) -> list[str] | None:
        """Names of the outputs by the column's feature; None if it has none."""

    @abstractmethod
    def array(self, labels: Sequence[Any], outputs: int) -> NDArray:
        """Values of a column `label` as a loss takes them.

        Args:
            labels: The values; None and `LABEL_UNKNOWN` are unknown.
            outputs: Number of outputs.

        Returns:
            int64 `(texts,)` with `LABEL_UNKNOWN` for unknown ones if a text has one label; else
            float32 `(texts, outputs)` with NaN for unknown ones.
        """

    @abstractmethod
    def scores(self, logits: ArrayLike) -> NDArray[np.float64]:
        """What logits `(texts, outputs)` mean: probabilities, or values of a regression."""

    @abstractmethod
    def decisions(self, scores: NDArray, thresholds: ArrayLike = DEFAULT_THRESHOLD) -> NDArray:
        """What is predicted.

        Args:
            scores: As `scores` gives them, `(texts, outputs)`.
            thresholds: Probability from which on a text has a label: one number, or one for each
                label. Only of use if a text has several labels.

        Returns:
            The label, integers `(texts,)`; for several labels a text boolean `(texts, labels)`;
            for a regression the values `(texts, outputs)`.
        """

    @abstractmethod
    def explained_outputs(
        self, logits: ArrayLike, thresholds: ArrayLike = DEFAULT_THRESHOLD
    ) -> list[list[int]]:
        """For each text the outputs that explain its prediction; at least one.

        Args:
            logits: `(texts, outputs)`.
            thresholds: As for `decisions`.
        """

    @abstractmethod
    def groups(self, labels: NDArray) -> list[Hashable]:
        """A group for each text, such that a held-out split has the same share of each group.

        Args:
            labels: As `array` gives them.
        """

    def explains_several(self, outputs: int) -> bool:
        """Whether a text may have several explained outputs.

        Args:
            outputs: Number of outputs.
        """
        return outputs > 1

    def is_labelled(self, labels: NDArray) -> NDArray[np.bool_]:
        """Which texts have a label, boolean `(texts,)`; `labels` as `array` gives them."""
        return ~np.isnan(labels).any(-1)


class SingleLabel(ProblemType):
    """One label a text."""

    name = SINGLE_LABEL
    missing = LABEL_UNKNOWN

    def feature(self, names: Sequence[str]) -> Any:
        """A `ClassLabel`."""
        return ClassLabel(names=list(names))

    def names(self, feature: Any) -> list[str] | None:
        """Those of the `ClassLabel`."""
        return list(feature.names) if isinstance(feature, ClassLabel) else None

    def array(self, labels: Sequence[Any], outputs: int) -> NDArray:
        """See `ProblemType.array`."""
        return np.array([LABEL_UNKNOWN if one is None else one for one in labels], np.int64)

    def scores(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Softmax over the labels."""
        return softmax(np.asarray(logits, dtype=float), axis=-1)

    def decisions(self, scores: NDArray, thresholds: ArrayLike = DEFAULT_THRESHOLD) -> NDArray:
        """The most probable label."""
        return np.asarray(scores).argmax(-1)

    def explained_outputs(
        self, logits: ArrayLike, thresholds: ArrayLike = DEFAULT_THRESHOLD
    ) -> list[list[int]]:
        """The predicted label."""
        return [[label] for label in np.asarray(logits).argmax(-1).tolist()]

    def explains_several(self, outputs: int) -> bool:
        """Never."""
        return False

    def groups(self, labels: NDArray) -> list[Hashable]:
        """The label; unlabelled texts are a group of their own."""
        return labels.tolist()

    def is_labelled(self, labels: NDArray) -> NDArray[np.bool_]:
        """See `ProblemType.is_labelled`."""
        return labels != LABEL_UNKNOWN


class MultiLabel(ProblemType):
    """Any number of labels a text, also none: each label is a question of its own."""

    name = MULTI_LABEL
    missing = None

    def feature(self, names: Sequence[str]) -> Any:
        """A list of `ClassLabel`."""
        return ListOf(ClassLabel(names=list(names)))

    def names(self, feature: Any) -> list[str] | None:
        """Those of the `ClassLabel` in the list."""
        inner = getattr(feature, "feature", None)
        return list(inner.names) if isinstance(inner, ClassLabel) else None

    def array(self, labels: Sequence[Any], outputs: int) -> NDArray:
        """1 for each label that a text has, 0 for the others; see `ProblemType.array`."""
        found = np.zeros((len(labels), outputs), np.float32)
        for row, label in enumerate(labels):
            if label is None or label == LABEL_UNKNOWN:
                found[row] = np.nan
            else:
                found[row, label] = 1
        return found

    def scores(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Sigmoid of each logit."""
        return expit(np.asarray(logits, dtype=float))

    def decisions(self, scores: NDArray, thresholds: ArrayLike = DEFAULT_THRESHOLD) -> NDArray:
        """Whether each probability reaches its threshold."""
        return np.asarray(scores) >= np.asarray(thresholds)

    def explained_outputs(
        self, logits: ArrayLike, thresholds: ArrayLike = DEFAULT_THRESHOLD
    ) -> list[list[int]]:
        """Every predicted label; the most probable one if no label is predicted."""
        logits = np.asarray(logits)
        chosen = self.decisions(self.scores(logits), thresholds)
        best = logits.argmax(-1)
        return [
            np.flatnonzero(row).tolist() if row.any() else [int(best[place])]
            for place, row in enumerate(chosen)
        ]

    def explains_several(self, outputs: int) -> bool:
        """Always."""
        return True

    def groups(self, labels: NDArray) -> list[Hashable]:
        """The rarest label of a text; texts without any, and unlabelled ones, are groups too."""
        counts = Counter(np.nonzero(labels == 1)[1].tolist())
        found: list[Hashable] = []
        for row in labels:
            own = np.flatnonzero(row == 1).tolist()
            rarest = min(own, key=lambda label: (counts[label], label), default=-1)
            found.append(LABEL_UNKNOWN if np.isnan(row).any() else rarest)
        return found


class Regression(ProblemType):
    """One value a text, or several."""

    name = REGRESSION
    missing = None
    is_classification = False

    def feature(self, names: Sequence[str]) -> Any:
        """A number if there is one output; else numbers by name."""
        if len(names) == 1:
            return Value("float32")
        return {name: Value("float32") for name in names}

    def names(self, feature: Any) -> list[str] | None:
        """Those of the numbers; "score" if there is only one."""
        return list(feature) if isinstance(feature, dict) else [VALUE_NAME]

    def array(self, labels: Sequence[Any], outputs: int) -> NDArray:
        """The values; see `ProblemType.array`."""
        found = np.full((len(labels), outputs), np.nan, np.float32)
        for row, label in enumerate(labels):
            values = list(label.values()) if isinstance(label, dict) else [label]
            if None not in values and LABEL_UNKNOWN not in values:
                found[row] = values
        return found

    def scores(self, logits: ArrayLike) -> NDArray[np.float64]:
        """The logits are the values."""
        return np.asarray(logits, dtype=float)

    def decisions(self, scores: NDArray, thresholds: ArrayLike = DEFAULT_THRESHOLD) -> NDArray:
        """The values."""
        return np.asarray(scores)

    def explained_outputs(
        self, logits: ArrayLike, thresholds: ArrayLike = DEFAULT_THRESHOLD
    ) -> list[list[int]]:
        """All outputs."""
        texts, outputs = np.shape(logits)
        return [list(range(outputs)) for _ in range(texts)]

    def groups(self, labels: NDArray) -> list[Hashable]:
        """Tenths of the texts by the mean of their values; unlabelled texts are a group too."""
        means = labels.mean(-1)
        known = ~np.isnan(means)
        groups = np.full(len(labels), LABEL_UNKNOWN)
        if known.any():
            edges = np.quantile(means[known], np.linspace(0, 1, _VALUE_GROUPS + 1)[1:-1])
            groups[known] = np.searchsorted(edges, means[known])
        return groups.tolist()


PROBLEM_TYPES: dict[str, ProblemType] = {
    one.name: one for one in (SingleLabel(), MultiLabel(), Regression())
}
"""All kinds of task by name."""


def get_problem_type(name: str) -> ProblemType:
    """Look up a kind of task.

    Raises:
        ValueError: There is none of that name; the message has the nearest one.
    """
    check_name("problem_type", name, PROBLEM_TYPES)
    return PROBLEM_TYPES[name]


def problem_type_of_model(config: Any) -> ProblemType:
    """The kind of task of a model in transformers.

    Args:
        config: Its configuration. Without a `problem_type`, one output is a regression and
            several are one label a text, as transformers has it.

    Raises:
        ValueError: transformers does not know its `problem_type` either.
    """
    name = config.problem_type or (REGRESSION if config.num_labels == 1 else SINGLE_LABEL)
    return get_problem_type(name)


def check_single_label(config: Any, what: str) -> None:
    """Refuse a model for which something is not defined.

    Args:
        config: Its configuration.
        what: What is refused, as the beginning of a sentence.

    Raises:
        ValueError: It does not give a text one label.
    """
    found = problem_type_of_model(config).name
    if found != SINGLE_LABEL:
        raise ValueError(
            f"{what} is for models that give a text one label ({SINGLE_LABEL}); this one is of the "
            f"problem type {found}."
        )


def thresholds_of_model(config: Any) -> float | list[float]:
    """Probability from which on a text has a label, for each label of a model.

    Args:
        config: Its configuration. Those that were chosen here have `thresholds`.
    """
    return getattr(config, "thresholds", None) or DEFAULT_THRESHOLD


def predicted_labels(
    problem: ProblemType, scores: NDArray, thresholds: ArrayLike = DEFAULT_THRESHOLD
) -> list[list[int]]:
    """The labels that are predicted for each text: one, any number, or none in a regression.

    Args:
        problem: The kind of task.
        scores: As `problem.scores` gives them, `(texts, labels)`.
        thresholds: As for `ProblemType.decisions`.
    """
    if not problem.is_classification:
        return [[] for _ in scores]
    decisions = problem.decisions(scores, thresholds)
    if decisions.ndim == 1:
        return [[label] for label in decisions.tolist()]
    return [np.flatnonzero(row).tolist() for row in decisions]
