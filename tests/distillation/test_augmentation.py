# SPDX-License-Identifier: Apache-2.0
"""A further texts is labelled by the teacher alone, and trains a student beside the texts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from dixtill_hf import DistillationArguments, DistillationTrainer, annotate, build_student
from dixtill_hf.distillation.augmentation import (
    add_teacher_labelled_texts,
    label_variants,
    text_variants,
)
from dixtill_hf.evaluation.faithfulness import teacher_probabilities
from dixtill_hf.explainers.base import get_explainer
from dixtill_hf.teacher.ensemble import TeacherEnsemble
from dixtill_hf.teacher.loading import Teacher, load_teacher


@pytest.fixture(scope="module")
def teacher(tiny_teacher_dir: Callable[[str], Path]) -> Teacher:
    return load_teacher(tiny_teacher_dir("bert"))


@pytest.fixture(scope="module")
def train(sentences: list[str], teacher_labels: list[str]) -> Dataset:
    features = Features({"text": Value("string"), "label": ClassLabel(names=teacher_labels)})
    labels = [i % len(teacher_labels) for i in range(len(sentences))]
    return Dataset.from_dict({"text": sentences, "label": labels}, features=features)


def test_variants_have_the_teachers_logits_and_no_label(
    train: Dataset, teacher: Teacher, tmp_path: Path
):
    variants = label_variants(train, teacher, 2, cache_dir=tmp_path)
    assert set(variants["label"]) == {-100}
    assert not set(variants["text"]) & set(train["text"])
    logits = np.asarray(variants["teacher_logits"], dtype=float)
    softened = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = teacher_probabilities(teacher, variants["text"][:])
    np.testing.assert_allclose(softened, expected, atol=1e-5)


@pytest.mark.parametrize("target", ["predicted", "all"])
def test_both_train_one_student(train: Dataset, teacher: Teacher, tmp_path: Path, target: str):
    annotated = annotate(
        train, teacher, "gradient_x_input", target=target, cache_dir=tmp_path / "cache"
    )
    variants = label_variants(train, teacher, 2, cache_dir=tmp_path / "cache")
    together = add_teacher_labelled_texts(annotated, variants)
    assert together["text"][:] == train["text"][:] + variants["text"][:]

    names = train.features["label"].names
    model, tokenizer = build_student(train["text"][:], names, hidden_size=4)
    args = DistillationArguments(
        output_dir=str(tmp_path / "student"), num_train_epochs=1, report_to="none", use_cpu=True
    )
    trainer = DistillationTrainer(model, args, train_dataset=together, processing_class=tokenizer)
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "train_loss" in entry]
    assert np.isfinite(logged[0]["train_loss"])


@pytest.mark.parametrize("explained", [1, 2])
@pytest.mark.parametrize("target", ["predicted", "all"])
def test_the_first_variants_of_every_text_are_explained(
    train: Dataset, teacher: Teacher, tmp_path: Path, explained: int, target: str
):
    explainer = get_explainer("gradient_x_input", target=target)
    variants = label_variants(
        train, teacher, 2, explained=explained, explainer=explainer, cache_dir=tmp_path
    )
    assert variants["text"][:] == text_variants(train["text"][:], 2)
    first = text_variants(train["text"][:], explained)
    alone = annotate(Dataset.from_dict({"text": first}), teacher, explainer, cache_dir=tmp_path)
    column = "teacher_attributions"
    assert variants[column][: len(first)] == alone[column][:]
    for scores in variants[column][len(first) :]:
        assert scores in ([], [[]] * len(train.features["label"].names))
    annotated = annotate(train, teacher, explainer, cache_dir=tmp_path)
    assert len(add_teacher_labelled_texts(annotated, variants)) == len(train) + len(variants)


def test_of_an_ensemble_each_member_explains_variants_of_what_it_has_not_seen(
    train: Dataset, teacher: Teacher, tmp_path: Path
):
    folds = tuple(row % 2 for row in range(len(train)))
    ensemble = TeacherEnsemble((teacher, teacher), folds)
    variants = label_variants(
        train, ensemble, 2, explained=1, explainer="gradient_x_input", cache_dir=tmp_path
    )
    expected = []
    for fold in (0, 1):
        expected += text_variants(train["text"][fold::2], 2)
    assert variants["text"][:] == expected
    explained = [bool(scores) for scores in variants["teacher_attributions"]]
    assert 0 < sum(explained) < len(explained)


@pytest.mark.parametrize("explained", [-1, 3])
def test_no_more_variants_are_explained_than_there_are(
    train: Dataset, teacher: Teacher, explained: int
):
    with pytest.raises(ValueError, match=r"explained must be 0 to per_text \(2\), got"):
        label_variants(train, teacher, 2, explained=explained)


def test_texts_without_words_have_no_variants(train: Dataset, teacher: Teacher, tmp_path: Path):
    wordless = Dataset.from_dict({"text": [""]})
    assert len(label_variants(wordless, teacher, 1, explained=1, cache_dir=tmp_path)) == 0


def test_texts_without_annotation_are_refused(train: Dataset, teacher: Teacher, tmp_path: Path):
    variants = label_variants(train, teacher, 1, cache_dir=tmp_path)
    with pytest.raises(ValueError, match=r"training texts have no columns.*annotate them first"):
        add_teacher_labelled_texts(train, variants)


def test_one_label_and_all_labels_do_not_mix(train: Dataset, teacher: Teacher, tmp_path: Path):
    one, both = (
        annotate(train, teacher, "gradient_x_input", target=target, cache_dir=tmp_path)
        for target in ("predicted", "all")
    )
    with pytest.raises(ValueError, match="annotate both with the same target"):
        add_teacher_labelled_texts(one, both)


def test_training_texts_without_a_label_column_are_unlabelled(
    train: Dataset, teacher: Teacher, tmp_path: Path
):
    annotated = annotate(train.remove_columns("label"), teacher, "none", cache_dir=tmp_path)
    variants = label_variants(annotated, teacher, 1, cache_dir=tmp_path)
    together = add_teacher_labelled_texts(annotated, variants)
    assert len(together) == len(annotated) + len(variants)
    assert set(together["label"]) == {-100}
