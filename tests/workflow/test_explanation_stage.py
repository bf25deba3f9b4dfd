# SPDX-License-Identifier: Apache-2.0
"""Whoever repeats the teacher agrees with it wholly; every model of a run explains itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.data.columns import EXPLAINED_LABEL, TEXT
from dixtill_hf.data.splitting import seeded_sample
from dixtill_hf.workflow.explanation_stage import (
    _agreement,
    _explained_teacher,
    explained_models,
    study_explanations,
)
from dixtill_hf.workflow.run import FinishedRun, complete_run
from tests.headlines import write_headlines

from .conftest import small_recipe


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
    teacher_labels: list[str],
) -> FinishedRun:
    """A run that all tests read."""
    directory = tmp_path_factory.mktemp("explained")
    data_dir = write_headlines(directory / "data", sentences, teacher_labels)
    recipe = small_recipe(data_dir, tiny_teacher_dir("bert"), directory / "run")
    recipe.student = replace(recipe.student, seeds=1)
    return complete_run(recipe, "dixtill-hf run")


def test_the_teacher_agrees_with_itself(run: FinishedRun):
    sample = seeded_sample(run.annotated["test"], 12)
    found = _agreement(_explained_teacher(run, sample), sample)
    for name in ("cosine", "kendall", "spearman", "sign_agreement@3", "signed_rank_agreement@5"):
        assert found[name] == pytest.approx(1.0)


def test_every_model_explains_itself_in_every_way(run: FinishedRun):
    models = {(model.method, model.explanation): model for model in explained_models(run)}
    assert {kind for method, kind in models if method == "dixtill"} == {
        "contributions",
        "attention",
        "integrated_gradients",
        "shuffled",
        "random",
    }
    assert ("bag_of_words", "coefficients") in models
    texts, labels = run.annotated["test"][TEXT][:5], run.annotated["test"][EXPLAINED_LABEL][:5]
    own = {
        kind: models["dixtill", kind].explain(texts, labels)
        for kind in ("contributions", "shuffled", "integrated_gradients")
    }
    for spans, scores in own["contributions"]:
        assert len(spans) == len(scores)
    flat = {kind: np.concatenate([scores for _, scores in said]) for kind, said in own.items()}
    assert not np.allclose(flat["contributions"], flat["shuffled"])
    assert flat["contributions"].shape == flat["integrated_gradients"].shape


def test_a_study_has_a_row_for_every_explanation_and_is_made_once(run: FinishedRun, tmp_path):
    cache = OutputCache(tmp_path / "store")
    study = study_explanations(run, 8, cache)
    judged = [(row["model"], row["explanation"]) for row in study["agreement"]]
    assert len(judged) == len(set(judged)) == 11
    assert len(study["faithfulness"]) == 12  # and the teacher
    assert "plausibility" not in study  # the texts have no rationales
    assert study_explanations(run, 8, cache) == study
