# SPDX-License-Identifier: Apache-2.0
"""Which variants the students of a recipe need, and what is refused before any is labelled."""

import json
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from dixtill_hf import load_teacher
from dixtill_hf.artifacts.stage_cache import RECORD
from dixtill_hf.workflow import variant_stage
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import RunData
from dixtill_hf.workflow.recipe import Recipe, StudentArguments
from dixtill_hf.workflow.student_jobs import check_students
from dixtill_hf.workflow.teacher_stage import RunTeacher
from dixtill_hf.workflow.variant_stage import (
    VariantSettings,
    all_variant_settings,
    label_all_variants,
)


def _label(recipe: Recipe, sentences: list[str]) -> dict[VariantSettings, Path]:
    """The variants of a recipe, labelled."""
    teacher = RunTeacher("tiny", load_teacher(recipe.teacher.teacher), finetuned=False)
    data = RunData("sentences", DatasetDict(train=Dataset.from_dict({"text": sentences})))
    check_students(recipe.student)
    wanted = all_variant_settings(recipe.student, recipe.student.word_vectors)
    return label_all_variants(RunContext.open(recipe), data, teacher, wanted)


@pytest.mark.parametrize("explained", [0, 1])
def test_variants_are_labelled_and_explained_once(recipe, sentences, explained, monkeypatch):
    recipe.student.variants, recipe.student.explained_variants = 2, explained
    ((settings, made),) = _label(recipe, sentences).items()
    assert settings == VariantSettings(2, explained, word_vectors="none")
    scores = Dataset.load_from_disk(str(made))["teacher_attributions"]
    assert any(len(one) for one in scores) == bool(explained)
    monkeypatch.setattr(variant_stage, "label_variants", None)
    assert _label(recipe, sentences) == {settings: made}


def test_variants_of_an_older_version_are_found(recipe, sentences, monkeypatch):
    recipe.student.variants = 2
    ((_, made),) = _label(recipe, sentences).items()
    fingerprint = json.loads((made / RECORD).read_text())["fingerprint"]
    (made / RECORD).unlink()
    (made.parent / "2.made.json").write_text(json.dumps({"fingerprint": fingerprint}))
    monkeypatch.setattr(variant_stage, "label_variants", None)
    _label(recipe, sentences)


def test_words_of_the_vectors_come_into_the_variants(recipe, sentences, tmp_path):
    vectors = tmp_path / "vectors.txt"
    # 120 words of grammar, then "surges" beside "rockets", which no text has.
    lines = [f"grammar{chr(97 + i % 26)}{chr(97 + i // 26)} 0 1" for i in range(120)]
    vectors.write_text("\n".join([*lines, "rockets 1 0", "surges 1 0.1"]) + "\n")
    recipe.student.word_vectors = str(vectors)
    recipe.student.variants, recipe.student.replacement_words = 20, 200
    (made,) = _label(recipe, sentences).values()
    assert made == Path(recipe.output.output_dir) / "variants" / "20-replacements-200"
    texts = Dataset.load_from_disk(str(made))["text"]
    assert any("rockets" in text.lower() for text in texts)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"replacement_words": 9, "word_vectors": "none"}, "come from word_vectors"),
        ({"replacement_words": 9, "variants": 0}, "no student learns from variants"),
        ({"replacement_words": 9, "methods": ["none"]}, "no student learns from variants"),
        ({"replacement_words": -1}, "replacement_words must be at least 0, got -1"),
    ],
)
def test_words_that_cannot_be_replaced_are_refused(fields, message, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("word 0 1\n")
    with pytest.raises(ValueError, match=message):
        check_students(StudentArguments(**{"word_vectors": str(path), **fields}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"explained_variants": 5}, "0 to the variants of every text, 4 here, got 5"),
        ({"explained_variants": 1, "variants": 0}, "0 here, got 1"),
        (
            {"explained_variants": 1, "methods": ["none", "kl"]},
            "the methods none, kl learns",
        ),
        ({"explained_variants": -1}, "explained_variants must be at least 0, got -1"),
    ],
)
def test_explained_variants_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        check_students(StudentArguments(word_vectors="none", **fields))
