# SPDX-License-Identifier: Apache-2.0
"""The comparison of quadrature rules, from texts to its page."""

import json

import pytest

from research import path_quadrature


def test_rules_are_compared_on_the_same_derivatives(experiment_options, tiny_teacher_dir, tmp_path):
    path_quadrature.main(
        [
            str(tiny_teacher_dir("bert")),
            next(option for option in experiment_options if option.startswith("--source=")),
            "--texts=6",
            "--calibration_texts=6",
            f"--results_dir={tmp_path}",
        ]
    )
    rules = json.loads((tmp_path / "path_quadrature.json").read_text())["rules"]
    plain = {one["steps"]: one for one in rules if one["rule"] == "Gauss-Legendre"}
    assert plain[28]["missed"] < plain[5]["missed"]
    assert plain[56]["as it is"]["cosine"] == pytest.approx(1, abs=1e-5)
    assert all(one["shared"]["cosine"] > 0.9 for one in rules)
    assert "| fitted to the teacher |" in (tmp_path / "path_quadrature.md").read_text()
