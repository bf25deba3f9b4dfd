# SPDX-License-Identifier: Apache-2.0
"""Serves a student on Hugging Face Inference Endpoints, without torch and without remote code.

This file travels to the Hub with the student, and with it the Python files of dixtill-runtime. The
service puts the repository on the path, loads this file and calls
`EndpointHandler(repository)({"inputs": ...})`.
"""

import os
from typing import Any

from dixtill_runtime import Classifier, Prediction

PARAMETERS = ("top_k",)


class EndpointHandler:
    """Answers requests as the pipeline "explained-text-classification" does."""

    def __init__(self, path: str = "") -> None:
        """Load `student.dxt`.

        Args:
            path: Directory of the repository.
        """
        self.classifier = Classifier.from_file(os.path.join(path, "student.dxt"))

    def __call__(self, data: dict[str, Any]) -> list[Any]:
        """Classify and explain one text, or several.

        Args:
            data: `inputs`, one text or a list of texts, and optionally `parameters`: `top_k`, the
                number of labels to return, 1 by default; None returns all.

        Returns:
            For each label `label`, `score` (its probability) and `attributions`, one
            `{"word", "start", "end", "score"}` a word; a list of such lists for a list of texts.

        Raises:
            ValueError: The request holds something else.
        """
        inputs = data.get("inputs")
        parameters = data.get("parameters") or {}
        unknown = sorted(set(parameters) - set(PARAMETERS))
        if unknown:
            raise ValueError(
                f"Unknown parameter(s) {', '.join(unknown)}: {', '.join(PARAMETERS)} is allowed."
            )
        top_k = parameters.get("top_k", 1)
        if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"top_k must be a number from 1 on, or null for all, got {top_k!r}.")
        if isinstance(inputs, str):
            return self._labels(self.classifier(inputs), top_k)
        if not isinstance(inputs, list) or not all(isinstance(text, str) for text in inputs):
            raise ValueError("inputs must be one text or a list of texts.")
        return [self._labels(prediction, top_k) for prediction in self.classifier(inputs)]

    def _labels(self, prediction: Prediction, top_k: int | None) -> list[dict[str, Any]]:
        # A regression has no probabilities: its outputs are the scores.
        scores = prediction.probabilities or prediction.logits
        ranked = sorted(scores, key=lambda label: -scores[label])[:top_k]
        return [
            {
                "label": label,
                "score": scores[label],
                "attributions": self._attributions(prediction, label),
            }
            for label in ranked
        ]

    def _attributions(self, prediction: Prediction, label: str) -> list[dict[str, Any]]:
        at = self.classifier.labels.index(label)
        by_attention = self.classifier.explanation == "attention"
        return [
            {
                "word": word.text,
                "start": word.start,
                "end": word.end,
                "score": word.score if by_attention else word.contributions[at],
            }
            for word in prediction.words
        ]
