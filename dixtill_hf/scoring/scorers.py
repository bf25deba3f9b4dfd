# SPDX-License-Identifier: Apache-2.0
"""The engines that score texts with a student: integers on dixtill-runtime, or torch.

dixtill-runtime is several times faster on a CPU. Its student is rounded to 8 bits, so single
probabilities differ in the third decimal; what rounding costs in labels is measured when a student
is exported with validation texts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dixtill_hf.data.names import check_name
from dixtill_hf.data.problem_types import REGRESSION, problem_type_of_model
from dixtill_hf.student.inputs import refuse_student_of_pairs

if TYPE_CHECKING:
    from dixtill_hf.student.explaining import Explanation
    from dixtill_hf.student.student import Student
    from dixtill_runtime import Classifier, Prediction

logger = logging.getLogger(__name__)

ENGINES = ("auto", "runtime", "torch")
_TEXTS_AT_ONCE = 256


class ScoredWord(NamedTuple):
    """A word that decided.

    Attributes:
        label: Position of the label, or value, that it speaks for or against.
        word: The word as the text has it.
        start: Its first character in the text.
        end: The character behind its last.
        score: What it adds to the logit of the label, or its attention score, as the student
            explains itself.
    """

    label: int
    word: str
    start: int
    end: int
    score: float


class Score(NamedTuple):
    """What a student says of a text.

    Attributes:
        label: Position of the most probable label among the student's.
        labels: Positions of the labels that are predicted: `(label,)`, or those that reach their
            thresholds if a text may have several; none for a regression.
        values: One number a label: its probability; for a regression the values.
        words: The words that decided, for each label that is explained one after the other, first
            the one with the largest magnitude. Explained are the predicted labels, the most
            probable one, and all values of a regression.
    """

    label: int
    labels: tuple[int, ...]
    values: tuple[float, ...]
    words: list[ScoredWord]


class Scorer(Protocol):
    """A student that scores texts, on one engine.

    Attributes:
        engine: `"runtime"` or `"torch"`.
        labels: Names of its labels, or values.
        problem_type: Name of its kind of task.
    """

    engine: str
    labels: list[str]
    problem_type: str

    def score(self, texts: Sequence[str], words: int = 0) -> list[Score]:
        """Score texts.

        Args:
            texts: The texts.
            words: How many words that decided are named for each explained label. Default 0.
        """


class RuntimeScorer:
    """A student in integers; see `Scorer`."""

    engine = "runtime"

    def __init__(self, data: bytes) -> None:
        """Load a student.

        Args:
            data: The bytes of a `.dxt` file.

        Raises:
            ImportError: dixtill-runtime is not installed.
            ValueError: The file is damaged.
        """
        self._classifier = _load_classifier(data)
        self.labels = list(self._classifier.labels)
        self.problem_type = self._classifier.problem_type

    def score(self, texts: Sequence[str], words: int = 0) -> list[Score]:
        """Score texts; see `Scorer`."""
        return [self._score(text, words) for text in texts]

    def _score(self, text: str, words: int) -> Score:
        prediction = self._classifier(text)
        best = self.labels.index(prediction.label)
        numbers = prediction.probabilities or prediction.logits
        labels = tuple(self.labels.index(label) for label in prediction.labels)
        return Score(
            best,
            () if self.problem_type == REGRESSION else labels,
            tuple(numbers.values()),
            self._deciding(prediction, best, labels, words) if words else [],
        )

    def _deciding(
        self, prediction: Prediction, best: int, labels: tuple[int, ...], most: int
    ) -> list[ScoredWord]:
        explained = sorted({best, *labels})
        if self.problem_type == REGRESSION:
            explained = list(range(len(self.labels)))
        by_attention = self._classifier.explanation == "attention"
        found = prediction.words
        deciding = []
        for label in explained:
            scores = [
                word.score if by_attention or label == best else word.contributions[label]
                for word in found
            ]
            deciding += [
                ScoredWord(label, found[at].text, found[at].start, found[at].end, scores[at])
                for at in _largest(scores, most)
            ]
        return deciding


class TorchScorer:
    """A student in floating point, on its own device; see `Scorer`."""

    engine = "torch"

    def __init__(self, student: Student) -> None:
        """Take a student."""
        self._student = student
        self.labels = student.labels
        self.problem_type = problem_type_of_model(student.model.config).name

    def score(self, texts: Sequence[str], words: int = 0) -> list[Score]:
        """Score texts; see `Scorer`."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))  # little padding
        explained = self._student.explain([texts[row] for row in order], batch_size=_TEXTS_AT_ONCE)
        scores: list[Score | None] = [None] * len(texts)
        for row, one in zip(order, explained, strict=True):
            regression = self.problem_type == REGRESSION
            numbers = one.logits if regression else one.probabilities
            scores[row] = Score(
                self.labels.index(one.label),
                () if regression else tuple(self.labels.index(name) for name in one.labels),
                tuple(numbers[name] for name in self.labels),
                self._deciding(one, words) if words else [],
            )
        return [score for score in scores if score is not None]

    def _deciding(self, one: Explanation, most: int) -> list[ScoredWord]:
        by_label = {self.labels.index(name): name for name in one.scores_by_label}
        return [
            ScoredWord(label, one.words[at], *one.spans[at], one.scores_by_label[name][at])
            for label, name in sorted(by_label.items())
            for at in _largest(one.scores_by_label[name], most)
        ]


def _largest(scores: Sequence[float], count: int) -> list[int]:
    """Places of the scores of largest magnitude, of equal ones the earlier."""
    return sorted(range(len(scores)), key=lambda at: -abs(scores[at]))[:count]


@dataclass(frozen=True)
class ScorerSource:
    """What a scorer is loaded from, small enough to be sent to another process.

    Attributes:
        student: The bytes of a `.dxt` file for dixtill-runtime; directory or Hub id for torch.
    """

    student: str | bytes

    @property
    def engine(self) -> str:
        """`"runtime"` or `"torch"`."""
        return "runtime" if isinstance(self.student, bytes) else "torch"

    def load(self) -> Scorer:
        """Load the scorer."""
        if isinstance(self.student, bytes):
            return RuntimeScorer(self.student)
        from dixtill_hf.student.student import load_student

        return TorchScorer(load_student(self.student))


def find_scorer(student: str | Path, engine: str = "auto") -> ScorerSource:
    """Choose the engine for a student, and round the student to integers if it is dixtill-runtime.

    Args:
        student: Directory or Hub id of a student, or a `.dxt` file.
        engine: `"runtime"` for dixtill-runtime, `"torch"`, or `"auto"`: dixtill-runtime if its
            compiled engine is installed and the student can be exported, else torch. A log line
            says which and why.

    Raises:
        FileNotFoundError: There is no such `.dxt` file.
        ImportError: dixtill-runtime is asked for and not installed.
        OSError: There is no such student.
        ValueError: The engine is unknown, or the student cannot be run on it.
    """
    check_name("engine", engine, ENGINES)
    name = str(student)
    if name.endswith(".dxt"):
        if engine == "torch":
            raise ValueError(f"{name} is a student in integers: it runs on dixtill-runtime only.")
        if not Path(name).is_file():
            raise FileNotFoundError(f"There is no file {name}.")
        return ScorerSource(Path(name).read_bytes())
    from dixtill_hf.student.student import load_student

    loaded = load_student(name)  # before anything else, so that a wrong name is told
    data = rounded_student(loaded, engine)
    return ScorerSource(name if data is None else data)


def rounded_student(student: Student, engine: str = "auto") -> bytes | None:
    """The `.dxt` file of a student if it shall run on dixtill-runtime; None if on torch.

    Args:
        student: The student.
        engine: As for `find_scorer`.

    Raises:
        ImportError: dixtill-runtime is asked for and not installed.
        ValueError: The engine is unknown, dixtill-runtime cannot carry the student, or it reads
            pairs of texts.
    """
    check_name("engine", engine, ENGINES)
    refuse_student_of_pairs(student.model.config, "Scoring tables, files and requests")
    if engine == "torch":
        return None
    if engine == "auto" and not _has_compiled_runtime():
        logger.info("Engine: torch (the compiled dixtill-runtime is not installed).")
        return None
    from dixtill_hf.export.device_student import make_device_student

    try:
        data = make_device_student(student.model, student.tokenizer, "student").data
    except ValueError as error:
        if engine == "runtime":
            raise
        logger.info("Engine: torch (%s)", error)
        return None
    logger.info("Engine: dixtill-runtime, the student rounded to 8 bits.")
    return data


def scorer_of(student: Student, engine: str = "auto") -> Scorer:
    """The scorer of a student that is loaded; see `find_scorer`."""
    data = rounded_student(student, engine)
    return TorchScorer(student) if data is None else RuntimeScorer(data)


def _has_compiled_runtime() -> bool:
    return find_spec("dixtill_runtime") is not None and (
        find_spec("dixtill_runtime._core") is not None
    )


def _load_classifier(data: bytes) -> Classifier:
    try:
        from dixtill_runtime import Classifier
    except ImportError as error:
        raise ImportError(
            'A student in integers needs dixtill-runtime: pip install "dixtill_hf[device]".'
        ) from error
    return Classifier(data)
