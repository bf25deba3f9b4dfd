# SPDX-License-Identifier: Apache-2.0
"""Temperature scaling: one number that makes a student's probabilities mean what they say."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

# A student whose every prediction is right has no best temperature: the search ends here.
LOWEST, HIGHEST = 0.05, 20.0


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Find the temperature whose softmax gives the labels the largest likelihood.

    Temperature scaling (Guo et al., 2017, arXiv:1706.04599, section 4.2): the logits are divided by
    one positive number, which changes no prediction.

    Args:
        logits: Logits of texts that the model was not trained on, shape `(texts, labels)`.
        labels: The right label of each text, integers in [0, labels), shape `(texts,)`.

    Returns:
        The temperature, between 0.05 and 20. Above 1 the model was too sure of itself.

    Raises:
        ValueError: There is no text, the shapes do not match, a logit is not finite, or a label is
            out of range.
    """
    logits, labels = np.asarray(logits, dtype=float), np.asarray(labels)
    if logits.ndim != 2 or not len(logits) or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits have shape {logits.shape} and labels {labels.shape}: expected (texts, labels) "
            "and (texts,), with at least one text."
        )
    if not np.isfinite(logits).all():
        raise ValueError("The logits hold NaN or infinity: only finite numbers can be calibrated.")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"The labels reach from {labels.min()} to {labels.max()}: allowed are 0 to "
            f"{logits.shape[1] - 1}. Leave out texts without a label."
        )
    rows = np.arange(len(labels))

    def negative_log_likelihood(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean())

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


@torch.no_grad()
def divide_logits(model: DixtillForSequenceClassification, temperature: float) -> None:
    """Divide a student's logits by a temperature, within its classifier.

    So the probabilities are calibrated wherever the student goes (pipeline, ONNX, device), at no
    cost. Predictions stay as they are; contributions become smaller by the same factor and still
    add up to the logits.

    Args:
        model: The student, changed in place.
        temperature: A positive number.

    Raises:
        ValueError: The temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}.")
    for parameter in model.classifier.parameters():
        parameter.div_(temperature)
