# SPDX-License-Identifier: Apache-2.0
"""Gradients of the terms: measured on the way, kept, and in the ratio that the algebra says."""

import json

import numpy as np
import pytest
from datasets import DatasetDict

from research import loss_gradients
from tests.distillation.conftest import annotated

__all__ = ["annotated"]


@pytest.fixture
def given(annotated, tmp_path):
    DatasetDict(train=annotated).save_to_disk(str(tmp_path / "annotated"))
    return [
        f"--annotated={tmp_path / 'annotated'}",
        "--texts=16",
        "--epochs=3",
        "--word_vectors=none",
        f"--results_dir={tmp_path}",
    ]


def test_gradients_are_measured_on_the_way_and_kept(given, tmp_path, monkeypatch):
    loss_gradients.main(given)
    content = json.loads((tmp_path / "loss_gradients.json").read_text())
    for rows in content["curves"].values():
        assert [row["step"] for row in rows] == [0, 2, 4, 5, 6]  # two steps an epoch
        assert all(np.isfinite(list(row.values())).all() for row in rows)
    first = content["curves"]["paper"][0]
    # The divergence of an untrained student is small at τ = 5, so 1 − exp(−KL) is nearly KL.
    assert first["kl"] / first["normalized_kl"] == pytest.approx(25, rel=0.1)
    report = (tmp_path / "loss_gradients.md").read_text()
    assert "| step | 1 − exp(−KL) |" in report
    monkeypatch.setattr(loss_gradients, "measure", None)
    loss_gradients.main(given)  # nothing is measured again
