# SPDX-License-Identifier: Apache-2.0
"""A student for people: text in, label, probabilities and the part of every word out.

Nothing is imported here that a call does not need: the package is loaded in milliseconds.
"""

from __future__ import annotations

import os

from dixtill_runtime.errors import ContainerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, overload

    from dixtill_runtime.engine import Answer, Engine
    from dixtill_runtime.predictions import Prediction

DEFAULT_FILE = "student.dxt"
ENGINES = ("core", "reference")


class Classifier:
    """A student, loaded. It may be called from several threads at once.

    Args:
        data: The bytes of a `.dxt` file.
        engine: `"core"` (compiled) or `"reference"` (NumPy, slow); both give the same answers.
            Defaults to the compiled one if it is installed.

    Attributes:
        labels: Names of the labels, in the order of `Word.contributions`.
        engine: The engine that runs.
        problem_type: `"single_label_classification"`, `"multi_label_classification"` or
            `"regression"`.
        explanation: What `Word.score` is: `"contributions"` or `"attention"`.
        logit_unit: One unit of the integer logits and contributions, a power of two.
        score_unit: One unit of the integer attention scores, a power of two.
        thresholds: Probability from which on a text has each label; empty unless a text may have
            several.
        answer_threshold: Least probability of a prediction that is an answer; 0 if every one is.

    Raises:
        ContainerError: The file is damaged, foreign or of another version.
        ImportError: The engine is not installed.
        ValueError: There is no such engine.
    """

    def __init__(self, data: bytes, engine: str | None = None) -> None:
        if engine is None:
            engine = "core" if _has_core() else "reference"
        self.engine = engine
        self._engine = loaded = _load_engine(engine, data)
        self._predict = loaded.predict
        self.labels = loaded.labels
        self.problem_type = loaded.problem_type
        self.explanation = loaded.explanation
        self.logit_unit = loaded.logit_unit
        self.score_unit = loaded.score_unit
        self.thresholds = loaded.thresholds
        self.answer_threshold = loaded.answer_threshold

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], engine: str | None = None) -> Classifier:
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

    @property
    def meta(self) -> dict[str, Any]:
        """What was measured when the file was made, licences and sources.

        Raises:
            ContainerError: The record is damaged.
        """
        from dixtill_runtime.container import read_meta

        return read_meta(self._engine.meta)

    if TYPE_CHECKING:

        @overload
        def __call__(self, texts: str) -> Prediction: ...  # type: ignore[overload-overlap]

        @overload
        def __call__(self, texts: Iterable[str]) -> list[Prediction]: ...

    def __call__(self, texts: str | Iterable[str]) -> Prediction | list[Prediction]:
        """Classify and explain one text, or many.

        Raises:
            TypeError: A text is no string.
        """
        if isinstance(texts, str):
            return self._predict(texts)
        texts = list(texts)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"texts must be strings, got {type(text).__name__} in row {row}.")
        return [self._predict(text) for text in texts]

    def integers(self, text: str) -> Answer:
        """The answer in the integers of the specification, the same on every machine."""
        from dixtill_runtime.engine import Answer

        return Answer(*self._engine.run(text))


def _has_core() -> bool:
    try:
        import dixtill_runtime._core  # noqa: F401 - only whether it is there
    except ImportError:
        import logging  # Takes longer than everything else here, and is rarely needed.

        logging.getLogger(__name__).warning(
            "The compiled engine of dixtill-runtime is not installed: the slow one in NumPy runs "
            "instead, with the same answers."
        )
        return False
    return True


def _load_engine(name: str, data: bytes) -> Engine:
    if name == "core":
        return _load_core(data)
    if name == "reference":
        try:
            from dixtill_runtime.reference import ReferenceEngine
        except ModuleNotFoundError as error:
            raise ImportError(
                'The engine in NumPy needs numpy: pip install "dixtill-runtime[numpy]".'
            ) from error
        return ReferenceEngine(data)
    raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}.")


def _load_core(data: bytes) -> Engine:
    from dixtill_runtime._core import Core
    from dixtill_runtime.predictions import Prediction, Word

    try:
        return Core(data, Prediction, Word)
    except ValueError as error:
        from dixtill_runtime.container import read_container

        read_container(data)  # Its message has the numbers.
        raise ContainerError(str(error)) from error
