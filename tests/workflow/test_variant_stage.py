# SPDX-License-Identifier: Apache-2.0
"""Which variants the students of a recipe need, and what is refused before any is labelled."""

from dataclasses import replace
from pathlib import Path

import pytest
from datasets import Dataset

from dixtill_hf import load_teacher
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.recipe import Recipe, StudentArguments
from dixtill_hf.workflow.student_jobs import check_comparison, student_jobs, texts_with_new_words
from dixtill_hf.workflow.teacher_stage import RunTeacher
from dixtill_hf.workflow.variant_stage import (
    VariantSettings,
    all_variant_settings,
    label_variants_of,
)


def _label(recipe: Recipe, train: Dataset, settings: VariantSettings) -> Path:
    teacher = RunTeacher("tiny", load_teacher(recipe.teacher.teacher), finetuned=False)
    return label_variants_of(RunContext.open(recipe), train, teacher, settings)


def test_students_find_the_variants_that_were_made_for_them(recipe, sentences):
    run, train = Path(recipe.output.output_dir), Dataset.from_dict({"text": sentences})
    for explained in (0, 1):
        asked = StudentArguments(
            word_vectors="none", methods=["dixtill"], variants=2, explained_variants=explained
        )
        made = _label(recipe, train, VariantSettings(2, explained))
        (job, *_) = student_jobs(asked, run / "annotated", "key", run)
        assert job.transfer == made
        scores = Dataset.load_from_disk(str(made))["teacher_attributions"]
        assert any(len(one) for one in scores) == bool(explained)


def test_words_of_the_vectors_come_into_the_variants(recipe, sentences, tmp_path):
    vectors, run = tmp_path / "vectors.txt", Path(recipe.output.output_dir)
    # 120 words of grammar, then "surges" beside "rockets", which no text has.
    lines = [f"grammar{chr(97 + i % 26)}{chr(97 + i // 26)} 0 1" for i in range(120)]
    vectors.write_text("\n".join([*lines, "rockets 1 0", "surges 1 0.1"]) + "\n")
    asked = StudentArguments(
        word_vectors=str(vectors), methods=["none", "kl"], variants=20, replacement_words=200
    )
    check_comparison(asked)
    (settings,) = all_variant_settings(asked)
    made = _label(recipe, Dataset.from_dict({"text": sentences}), settings)
    assert made == run / "variants" / "20-replacements-200"
    texts = Dataset.load_from_disk(str(made))["text"]
    assert any("rockets" in text.lower() for text in texts)
    none, kl = student_jobs(asked, run / "annotated", "key", run)[:2]
    assert (none.transfer, kl.transfer) == (None, made)
    assert texts_with_new_words(asked, made) == texts[:]
    assert texts_with_new_words(asked, None) == []
    # A mark that was left out joins two words to one that is no word.
    assert texts_with_new_words(replace(asked, replacement_words=0), made) == []


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
        check_comparison(StudentArguments(**{"word_vectors": str(path), **fields}))


def test_the_paper_preset_has_no_variants_beside_one_that_has():
    asked = StudentArguments(
        word_vectors="none", presets=["paper", "default"], methods=["dixtill"], explained_variants=1
    )
    check_comparison(asked)
    paper, default = student_jobs(asked, Path("annotated"), "key", Path("out"))[:2]
    assert paper.transfer is None
    assert default.transfer == Path("variants/4-explained-1")


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
        check_comparison(StudentArguments(word_vectors="none", **fields))
