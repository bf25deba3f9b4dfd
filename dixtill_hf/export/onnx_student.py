# SPDX-License-Identifier: Apache-2.0
"""A student in ONNX Runtime, without torch and transformers: it predicts and explains."""

import json
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dixtill_hf.data.names import check_name
from dixtill_hf.data.problem_types import (
    DEFAULT_THRESHOLD,
    PROBLEM_TYPES,
    SINGLE_LABEL,
    predicted_labels,
)
from dixtill_hf.data.words import word_limit
from dixtill_hf.export.onnx_session import MODEL_FILE, TextEncoder, open_session

INPUTS = ("input_ids", "attention_mask")
OUTPUTS = ("logits", "attention_scores", "attention_weights", "contributions")


class ExplainedBatch(NamedTuple):
    """Predictions of a batch and what each word has to do with them.

    Attributes:
        logits: Scores of the labels, `(texts, labels)`.
        scores: Score of each word for the label that is explained, `(texts, words)`; 0 on padding.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]


class OnnxStudent:
    """A student that `export_student` saved; see `evaluation.classifiers.Classifier`.

    Args:
        directory: Where `model.onnx`, `config.json` and the tokenizer's files are.
        threads: Threads that compute one batch. Defaults to one a physical core.

    Attributes:
        labels: Names of the labels, in the order of the logits.
        problem_type: Name of the kind of task, as transformers has it.
        thresholds: Probability from which on a text has a label, for each label, if it may have
            several; else None.
        explanation: What the scores of the words are: `"contributions"` to the label's logit, or
            `"attention"` scores, which are the same for every label.

    Raises:
        ValueError: The directory holds another model, or `threads` is below 1.
    """

    name = "DiXtill"
    runtime = "onnxruntime"

    def __init__(self, directory: str | PathLike[str], threads: int | None = None) -> None:
        directory = Path(directory)
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        if config["model_type"] != "dixtill":
            raise ValueError(
                f"{directory} holds a model of the type {config['model_type']!r}, not a student: "
                "give a directory written by export_student."
            )
        self.labels = [config["id2label"][str(label)] for label in range(len(config["id2label"]))]
        self.explanation: str = config["explanation"]
        self.problem_type: str = config.get("problem_type") or SINGLE_LABEL
        self.thresholds: list[float] | None = config.get("thresholds")
        self._session = open_session(directory / MODEL_FILE, threads)
        settings = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.tokenize = TextEncoder(
            directory / "tokenizer.json",
            INPUTS,
            pad_token_id=config["pad_token_id"],
            max_length=word_limit(settings["model_max_length"]),
            split_special_tokens=settings.get("split_special_tokens", False),
        )

    def logits(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Logits `(texts, labels)` of what `tokenize` gave."""
        (logits,) = self._session.run(["logits"], inputs)
        return logits

    def predicted(self, logits: NDArray[np.float32]) -> list[list[str]]:
        """Names of the labels that are predicted for each text: one, or any number of them.

        Args:
            logits: What `logits` gave. In a regression they are the values, and no label is
                predicted.
        """
        problem = PROBLEM_TYPES[self.problem_type]
        thresholds = self.thresholds or DEFAULT_THRESHOLD
        found = predicted_labels(problem, problem.scores(logits), thresholds)
        return [[self.labels[label] for label in own] for own in found]

    def explain(
        self, inputs: dict[str, NDArray[np.int64]], label: str | None = None
    ) -> ExplainedBatch:
        """Predict what `tokenize` gave and score the words for one label of each text.

        Args:
            inputs: What `tokenize` gave.
            label: Name of the label to explain. Default: the one that scores highest.

        Raises:
            ValueError: The student does not know the label.
        """
        if label is not None:
            check_name("label", label, self.labels)
        if self.explanation == "attention":
            return ExplainedBatch(*self._session.run(["logits", "attention_scores"], inputs))
        logits, contributions = self._session.run(["logits", "contributions"], inputs)
        if label is not None:
            return ExplainedBatch(logits, contributions[..., self.labels.index(label)])
        best = logits.argmax(axis=1)[:, None, None]
        return ExplainedBatch(logits, np.take_along_axis(contributions, best, axis=2)[..., 0])
