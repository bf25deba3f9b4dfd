# SPDX-License-Identifier: Apache-2.0
"""Calibrate a student on held-out texts, and learn from which probability on it may answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from dixtill_hf.data.columns import TEACHER_LOGITS
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.evaluation.classification import calibration_error, softmax
from dixtill_hf.evaluation.classifiers import predict_probabilities, student_classifier
from dixtill_hf.selective.temperature import divide_logits, fit_temperature
from dixtill_hf.selective.threshold import Threshold, find_threshold, texts_needed
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.unknown_words import unknown_word_share

AGREEMENT = 0.97
"""Share of answers on which student and teacher should agree, unless something else is wanted."""
CONFIDENCE = 0.95
"""Probability that they do, unless something else is wanted."""
FEWEST_TEXTS = 100
"""Held-out texts below which a temperature would be a guess."""


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` has found.

    Attributes:
        temperature: The number that the logits were divided by; None if there were too few texts.
        texts: Held-out texts.
        error_before: Expected calibration error against the teacher's labels on the texts that the
            temperature was not fitted on, before; None if there were too few texts.
        error_after: The same after.
        threshold: From which probability on the student agrees with its teacher as often as was
            wanted; None if that cannot be shown.
        unknown_words: Share of the words of the held-out texts that the student does not know.
    """

    temperature: float | None
    texts: int
    error_before: float | None
    error_after: float | None
    threshold: Threshold | None
    unknown_words: float

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


def calibrate(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerBase,
    held_out: Dataset,
    agreement: float = AGREEMENT,
    confidence: float = CONFIDENCE,
    chosen_among: int = 1,
) -> Calibration:
    """Calibrate a student against its teacher, and find the threshold from which on it may answer.

    One half of the texts gives the temperature and proposes thresholds, the other half tests them:
    "above the threshold, the student agrees with its teacher on `agreement` of the texts, with
    `confidence`". The threshold goes into `model.config.answering`, with what was shown of it, and
    the temperature into the classifier's weights, so that all runtimes give calibrated
    probabilities. The bound holds for texts that are drawn as these are, if neither teacher nor
    student has learned from them.

    Args:
        model: The student, changed in place.
        tokenizer: Its tokenizer.
        held_out: Texts with the teacher's logits, as `annotate` leaves them; the labels are not
            read.
        agreement: The wanted share of answers on which student and teacher agree, in (0, 1).
            Default 0.97.
        confidence: Probability of the bound, in (0, 1). Default 0.95.
        chosen_among: From how many students this one was chosen on these same texts, by seed or
            setting. The best of many looks better here than it is, so each of them is tested at
            a `chosen_among`-th of the risk (the union bound). Default 1: the texts chose nothing.

    Returns:
        What was found. With fewer than 100 texts the student stays as it is.

    Raises:
        ValueError: A share or the number of students is out of its range, the student has been
            calibrated already or does not choose one of several labels, or the texts have no
            teacher's logits.
    """
    texts_needed(agreement, confidence)  # refuses shares out of their range
    if not isinstance(chosen_among, int) or chosen_among < 1:
        raise ValueError(
            f"chosen_among must be a whole number of at least 1, got {chosen_among!r}: the number "
            "of students from which this one was chosen."
        )
    if model.config.answering is not None:
        raise ValueError(
            "This student has been calibrated already (config.answering): calibrate it as it was "
            "trained, or remove its threshold with model.config.answering = None."
        )
    if not can_be_calibrated(model):
        raise ValueError(
            f"A student of the problem type {model.config.problem_type!r} cannot be calibrated: "
            "only a choice of one label (single_label_classification) has one best probability."
        )
    if TEACHER_LOGITS not in held_out.column_names:
        raise ValueError(
            f"The held-out texts have no column {TEACHER_LOGITS!r}, only "
            f"{', '.join(held_out.column_names)}: add it with annotate(...)."
        )
    unknown = unknown_word_share(tokenizer, texts_of(held_out))
    if len(held_out) < FEWEST_TEXTS:
        return Calibration(None, len(held_out), None, None, None, unknown)
    probabilities = student_probabilities(model, tokenizer, texts_of(held_out))
    logits = np.log(np.maximum(probabilities, np.finfo(float).tiny))
    teacher = np.asarray(held_out[TEACHER_LOGITS]).argmax(-1)
    # The same halves for the same texts, whatever their order in a file may mean.
    order = np.random.default_rng(0).permutation(len(held_out))
    proposing, testing = np.array_split(order, 2)
    temperature = fit_temperature(logits[proposing], teacher[proposing])
    probabilities = softmax(logits / temperature)
    confidences, right = probabilities.max(-1), probabilities.argmax(-1) == teacher
    threshold = find_threshold(
        (confidences[proposing], right[proposing]),
        (confidences[testing], right[testing]),
        agreement,
        1 - (1 - confidence) / chosen_among,
    )
    if threshold is not None:  # the confidence that is left after the choice
        threshold = replace(threshold, confidence=confidence)
    divide_logits(model, temperature)
    found = Calibration(
        temperature,
        len(held_out),
        calibration_error(softmax(logits[testing]), teacher[testing]),
        calibration_error(probabilities[testing], teacher[testing]),
        threshold,
        unknown,
    )
    model.config.answering = _record(found)
    return found


def calibrate_on_validation(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerBase,
    annotated: Mapping[str, Dataset],
) -> Calibration | None:
    """Calibrate a student that was just trained, on the split `validation`, with the defaults.

    Args:
        model: The student, changed in place.
        tokenizer: Its tokenizer.
        annotated: The splits that it was trained with.

    Returns:
        What `calibrate` found; None if the student does not choose one of several labels, or there
        is no such split with the teacher's logits.
    """
    held_out = annotated.get("validation")
    if held_out is None or TEACHER_LOGITS not in held_out.column_names:
        return None
    return calibrate(model, tokenizer, held_out) if can_be_calibrated(model) else None


def can_be_calibrated(model: DixtillForSequenceClassification) -> bool:
    """Whether a student chooses one of several labels."""
    return model.config.problem_type in (None, "single_label_classification")


def student_probabilities(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
) -> NDArray[np.float64]:
    """A student's probabilities of texts, `(texts, labels)`; long texts are cut as in training."""
    return predict_probabilities(student_classifier(model, tokenizer), texts, batch_size=256)


def _record(found: Calibration) -> dict[str, Any]:
    """What the configuration keeps: the threshold with its bound, the share of unknown words."""
    return {
        "threshold": None if found.threshold is None else asdict(found.threshold),
        "unknown_words": found.unknown_words,
    }
