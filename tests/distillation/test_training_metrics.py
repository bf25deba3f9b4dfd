# SPDX-License-Identifier: Apache-2.0
"""Metrics of gathered rows, which the Trainer has filled up with −100."""

import numpy as np
import pytest

from dixtill_hf.distillation.training_metrics import evaluation_metrics

FILL = -100.0
LOGITS = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 5.0]])
PREDICTIONS = {
    "logits": LOGITS,
    "loss": np.array([1.0, 2.0, 3.0, 6.0]),
    "ce": np.array([0.5, 1.5, 0.0, 4.0]),
    "kd": np.array([0.0, 1.0, 2.0, 3.0]),
    "xai": np.array([0.5, 0.5, 0.0, 0.0]),
    "explanation": np.array(
        [[1.0, 0.0, FILL], [3.0, -4.0, 0.0], [0.5, FILL, FILL], [FILL, FILL, FILL]]
    ),
}
REFERENCES = {
    "labels": np.array([0, 0, -100, 1]),
    "length": np.array([2, 3, 1, 0]),
    "teacher_logits": np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]),
    "attribution_targets": np.array(
        [[0.0, 2.0, FILL], [3.0, 4.0, 0.0], [2.0, FILL, FILL], [FILL, FILL, FILL]]
    ),
}


def test_by_hand() -> None:
    metrics = evaluation_metrics(PREDICTIONS, REFERENCES)
    assert metrics["loss"] == 3.0
    assert (metrics["loss_ce"], metrics["loss_kd"]) == (2.0, 1.5)
    assert metrics["loss_xai"] == pytest.approx(1 / 3)  # the text that is not explained, neither
    assert metrics["accuracy"] == pytest.approx(2 / 3)  # the unlabelled text does not count
    assert metrics["teacher_agreement"] == 0.75
    # The empty text is left out; the cosines of the others are 0, (9 - 16) / 25 and 1.
    assert metrics["explanation_cosine"] == pytest.approx((0 - 7 / 25 + 1) / 3)
    assert metrics["feature_agreement@1"] == pytest.approx((0 + 1 + 1) / 3)
    assert metrics["sign_agreement@1"] == pytest.approx((0 + 0 + 1) / 3)


def test_what_the_teacher_has_not_said_is_absent() -> None:
    predictions = {name: PREDICTIONS[name] for name in ("logits", "loss", "ce")}
    references = {name: REFERENCES[name] for name in ("labels", "length")}
    names = evaluation_metrics(predictions, references).keys()
    assert names == {"loss", "loss_ce", "accuracy", "macro_f1", "matthews", "roc_auc"}


def test_what_is_undefined_is_absent() -> None:
    references = {**REFERENCES, "labels": np.zeros(4, dtype=int)}
    references["attribution_targets"] = np.zeros((4, 3))
    metrics = evaluation_metrics(PREDICTIONS, references)
    assert "roc_auc" not in metrics
    assert "explanation_cosine" not in metrics
    assert "loss_xai" not in metrics
    assert metrics["accuracy"] == 0.5


def test_unlabelled_texts_that_nobody_has_taught_have_no_loss() -> None:
    predictions = {name: PREDICTIONS[name] for name in ("logits", "loss", "ce")}
    assert evaluation_metrics(predictions, {"labels": np.full(4, -100)}) == {}
