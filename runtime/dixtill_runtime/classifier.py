# SPDX-License-Identifier: Apache-2.0
"""A student for people: text in, label, probabilities and the part of every word out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.util import find_spec
from os import PathLike
from typing import NamedTuple, overload

from dixtill_runtime.container import EXPLANATIONS, PROBLEMS, Container, read_container
from dixtill_runtime.engine import Answer, Engine

DEFAULT_FILE = "student.dxt"
ENGINES = ("core", "reference")
_Q24 = 1 << 24


class Word(NamedTuple):
    """A word of a text and its part in the prediction.

    Attributes:
        text: The word as it stands in the text.
        start: Its first character in the text.
        end: The character behind its last.
        known: Whether the student knows it; it reads all unknown words alike.
        score: The explanation: `contributions` to the predicted label, or the attention score if
            the student explains itself by attention. Exact.
        contributions: What the word adds to the logit of each label, in the order of
            `Classifier.labels`. Exact: with the biases they sum to the logits to the last bit.
    """

    text: str
    start: int
    end: int
    known: bool
    score: float
    contributions: tuple[float, ...]


class Prediction(NamedTuple):
    """What a student says of one text.

    Attributes:
        label: The label with the largest logit.
        probability: Its probability; None for regression.
        labels: The labels that hold: `(label,)`, or those that reach their thresholds if a text
            may have several.
        probabilities: The probability of every label by name; empty for regression.
        logits: The logit of every label by name; for regression the outputs.
        words: The words that the student read.
        cut: Whether the text had more words than the student reads.
    """

    label: str
    probability: float | None
    labels: tuple[str, ...]
    probabilities: dict[str, float]
    logits: dict[str, float]
    words: tuple[Word, ...]
    cut: bool


class Classifier:
    """A student, loaded. It may be called from several threads at once.

    Args:
        data: The bytes of a `.dxt` file.
        engine: `"core"` (compiled) or `"reference"` (NumPy, slow); both give the same answers.
            Defaults to the compiled one if it is installed.

    Attributes:
        labels: Names of the labels, in the order of `Word.contributions`.
        engine: The engine that runs.
        explanation: What `Word.score` is: `"contributions"` or `"attention"`.
        logit_unit: One unit of the integer logits and contributions, a power of two.
        score_unit: One unit of the integer attention scores, a power of two.
        meta: What was measured when the file was made, licences and sources.

    Raises:
        ContainerError: The file is damaged, foreign or of another version.
        ImportError: The engine is not installed.
        ValueError: There is no such engine.
    """

    def __init__(self, data: bytes, engine: str | None = None) -> None:
        container = read_container(data)
        self.labels = container.labels
        self.meta = container.meta
        self.engine = _choose_engine() if engine is None else engine
        self._engine = _load_engine(self.engine, data)
        head = container.head
        self.logit_unit = 2.0**-head.logit_bits
        self.score_unit = 2.0**-head.score_bits
        self._problem = PROBLEMS[head.problem_type]
        self.explanation = EXPLANATIONS[head.explanation]
        self._thresholds = _thresholds(container)

    @classmethod
    def from_file(cls, path: str | PathLike[str], engine: str | None = None) -> Classifier:
        """Load a student from a `.dxt` file, or from a directory that holds `student.dxt`.

        Args:
            path: The file or directory.
            engine: See the class.

        Raises:
            OSError: The file cannot be read.
            ContainerError: It is damaged, foreign or of another version.
        """
        path = os.fspath(path)
        with open(os.path.join(path, DEFAULT_FILE) if os.path.isdir(path) else path, "rb") as file:
            return cls(file.read(), engine)

    @classmethod
    def from_hub(
        cls,
        repo_id: str,
        filename: str = DEFAULT_FILE,
        revision: str | None = None,
        engine: str | None = None,
    ) -> Classifier:
        """Load a student from the Hugging Face Hub.

        Args:
            repo_id: The model's id, `user/name`.
            filename: The file in its repository.
            revision: Branch, tag or commit. Defaults to the main branch.
            engine: See the class.

        Raises:
            ImportError: huggingface-hub is not installed.
        """
        try:
            from huggingface_hub import hf_hub_download
        except ImportError as error:
            raise ImportError(
                "Loading from the Hub needs huggingface-hub: "
                'pip install "dixtill-runtime[hub]". Or download the file and use from_file.'
            ) from error
        return cls.from_file(hf_hub_download(repo_id, filename, revision=revision), engine)

    @overload
    def __call__(self, texts: str) -> Prediction: ...

    @overload
    def __call__(self, texts: Iterable[str]) -> list[Prediction]: ...

    def __call__(self, texts: str | Iterable[str]) -> Prediction | list[Prediction]:
        """Classify and explain one text, or many.

        Raises:
            TypeError: A text is no string.
        """
        if isinstance(texts, str):
            return self._prediction(texts, Answer(*self._engine.run(texts)))
        texts = list(texts)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"texts must be strings, got {type(text).__name__} in row {row}.")
        return [self._prediction(text, Answer(*self._engine.run(text))) for text in texts]

    def integers(self, text: str) -> Answer:
        """The answer in the integers of the specification, the same on every machine."""
        return Answer(*self._engine.run(text))

    def _prediction(self, text: str, answer: Answer) -> Prediction:
        best = answer.logits.index(max(answer.logits))
        probabilities = [value / _Q24 for value in answer.probabilities]
        return Prediction(
            label=self.labels[best],
            probability=probabilities[best] if probabilities else None,
            labels=self._labels_that_hold(answer, best),
            probabilities=dict(zip(self.labels, probabilities, strict=False)),
            logits={
                name: logit * self.logit_unit
                for name, logit in zip(self.labels, answer.logits, strict=True)
            },
            words=tuple(self._words(text, answer, best)),
            cut=answer.cut,
        )

    def _labels_that_hold(self, answer: Answer, best: int) -> tuple[str, ...]:
        if self._problem != "multi_label_classification":
            return (self.labels[best],)
        reached = zip(self.labels, answer.probabilities, self._thresholds, strict=True)
        return tuple(name for name, value, threshold in reached if value >= threshold)

    def _words(self, text: str, answer: Answer, best: int) -> Iterable[Word]:
        parts = zip(answer.spans, answer.rows, answer.scores, answer.contributions, strict=True)
        for (start, end), row, score, contributions in parts:
            shown = score * self.score_unit if self.explanation == "attention" else None
            yield Word(
                text=text[start:end],
                start=start,
                end=end,
                known=row > 0,
                score=contributions[best] * self.logit_unit if shown is None else shown,
                contributions=tuple(value * self.logit_unit for value in contributions),
            )


def _choose_engine() -> str:
    if find_spec("dixtill_runtime._core") is not None:
        return "core"
    import logging  # Takes longer than everything else here, and is rarely needed.

    logging.getLogger(__name__).warning(
        "The compiled engine of dixtill-runtime is not installed: the slow one in NumPy runs "
        "instead, with the same answers."
    )
    return "reference"


def _load_engine(name: str, data: bytes) -> Engine:
    if name == "core":
        from dixtill_runtime._core import Core

        return Core(data)
    if name == "reference":
        if find_spec("numpy") is None:
            raise ImportError(
                'The engine in NumPy needs numpy: pip install "dixtill-runtime[numpy]".'
            )
        from dixtill_runtime.reference import ReferenceEngine

        return ReferenceEngine(data)
    raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}.")


def _thresholds(container: Container) -> tuple[int, ...]:
    """The thresholds of the labels, Q24; none unless a text may have several labels."""
    head = container.head
    if PROBLEMS[head.problem_type] != "multi_label_classification":
        return ()
    from struct import unpack

    data = container.sections["CLSF"][-4 * head.labels :]
    return unpack(f"<{head.labels}I", data)
