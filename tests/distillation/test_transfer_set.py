# SPDX-License-Identifier: Apache-2.0
"""A transfer set is labelled by the teacher alone, and trains a student beside the texts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from dixtill_hf import DistillationArguments, DistillationTrainer, annotate, build_student
from dixtill_hf.distillation.transfer_set import label_variants, with_transfer_set
from dixtill_hf.evaluation.faithfulness import teacher_probabilities
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
    together = with_transfer_set(annotated, variants)
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


def test_texts_without_annotation_are_refused(train: Dataset, teacher: Teacher, tmp_path: Path):
    variants = label_variants(train, teacher, 1, cache_dir=tmp_path)
    with pytest.raises(ValueError, match=r"training texts have no columns.*annotate them first"):
        with_transfer_set(train, variants)


def test_one_label_and_all_labels_do_not_mix(train: Dataset, teacher: Teacher, tmp_path: Path):
    one, both = (
        annotate(train, teacher, "gradient_x_input", target=target, cache_dir=tmp_path)
        for target in ("predicted", "all")
    )
    with pytest.raises(ValueError, match="annotate both with the same target"):
        with_transfer_set(one, both)
