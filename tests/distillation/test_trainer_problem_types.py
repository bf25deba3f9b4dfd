# SPDX-License-Identifier: Apache-2.0
"""Training on several labels a text and on values: losses, explanations, thresholds, metrics."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Sequence as ListOf

from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION
from dixtill_hf.distillation.augmentation import add_teacher_labelled_texts
from dixtill_hf.distillation.batching import DistillationCollator
from dixtill_hf.distillation.dataset import prepare_dataset
from dixtill_hf.distillation.losses.dixtill import distillation_loss
from dixtill_hf.distillation.trainer import DistillationTrainer

from .conftest import NAMES, SIGNALS

MakeTrainer = Callable[..., DistillationTrainer]


@pytest.fixture(scope="module")
def several(annotated: Dataset) -> Dataset:
    """Each text has the label of its signal word, and "neutral" if it has five words or more."""

    def change(row: dict[str, Any]) -> dict[str, Any]:
        own = [row["label"]] + [2] * (len(row["text"].split()) >= 5)
        labels = sorted(set(own))
        logits = np.where(np.isin(np.arange(3), labels), 2.0, -2.0)
        scores = np.asarray(row["teacher_attributions"])
        return {
            "label": labels,
            "teacher_logits": logits.tolist(),
            "teacher_attributions": [(scores * (1 + place)).tolist() for place in labels],
            "teacher_explained_label": labels,
        }

    features = Features(
        {
            **annotated.features,
            "label": ListOf(ClassLabel(names=NAMES)),
            "teacher_attributions": ListOf(ListOf(Value("float32"))),
            "teacher_explained_label": ListOf(Value("int32")),
        }
    )
    return Dataset.from_list([{**row, **change(row)} for row in annotated], features=features)


@pytest.fixture(scope="module")
def values(annotated: Dataset) -> Dataset:
    """Each text has the value −1, 0 or 1 of its signal word."""

    def change(row: dict[str, Any]) -> dict[str, Any]:
        value = (-1.0, 1.0, 0.0)[row["label"]]
        return {"label": value, "teacher_logits": [value], "teacher_explained_label": 0}

    features = Features({**annotated.features, "label": Value("float32")})
    rows = [{**row, **change(row)} for row in annotated]
    return Dataset.from_list(rows, features=features)


def test_several_explained_labels_are_prepared_and_padded(
    several: Dataset, student_tokenizer: Any
) -> None:
    prepared = prepare_dataset(several, student_tokenizer, NAMES, problem_type=MULTI_LABEL)
    batch = DistillationCollator()(prepared.to_list())
    assert batch["labels"].shape == (len(several), 3)
    labels, targets = batch["explained_label"], batch["attribution_targets"]
    assert targets.shape == (len(several), 2, batch["input_ids"].shape[1])
    for row, text in enumerate(several):
        count, words = len(text["label"]), len(text["teacher_spans"])
        assert labels[row, :count].tolist() == text["label"]
        assert (labels[row, count:] == -100).all()
        expected = torch.tensor(text["teacher_attributions"])
        torch.testing.assert_close(targets[row, :count, :words], expected)
        assert not targets[row, count:].any()
        assert not targets[row, :, words:].any()
        assert batch["labels"][row].nonzero().flatten().tolist() == text["label"]


def test_several_labels_are_learned_with_their_explanations(
    make_trainer: MakeTrainer, make_student: Callable[..., Any], several: Dataset
) -> None:
    student = make_student(problem_type=MULTI_LABEL)
    evaluated = several.select(range(21))
    trainer = make_trainer(
        model=student, train_dataset=several, eval_dataset=evaluated, num_train_epochs=30
    )
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    assert after["eval_loss"] < before["eval_loss"]
    assert after["eval_explanation_cosine"] > max(0.5, before["eval_explanation_cosine"])
    assert after["eval_mean_average_precision"] > 0.85
    assert after["eval_teacher_agreement"] > 0.7
    assert {"eval_micro_f1", "eval_macro_f1", "eval_exact_match"} <= set(after)
    assert len(student.config.thresholds) == 3


def test_loss_terms_of_several_labels_are_those_of_the_formula(
    make_trainer: MakeTrainer, make_student: Callable[..., Any], several: Dataset
) -> None:
    student = make_student(problem_type=MULTI_LABEL)
    trainer = make_trainer(model=student, train_dataset=several, eval_dataset=several)
    batch = DistillationCollator()(trainer.train_dataset.to_list())
    model = trainer.model.eval()
    with torch.no_grad():
        output = model(batch["input_ids"], batch["attention_mask"], output_contributions=True)
        terms = trainer._loss_terms(output, batch)
    for row in range(len(several)):
        labels = batch["explained_label"][row]
        labels = labels[labels >= 0]
        words = batch["attention_mask"][row].bool()
        scores = output.contributions[row][:, labels].T
        alone = distillation_loss(
            output.logits[row : row + 1],
            batch["labels"][row : row + 1],
            alpha=0.9,
            kd_loss="normalized_kl",
            temperature=5.0,
            xai_weight=1.0,
            teacher_logits=batch["teacher_logits"][row : row + 1],
            explanations=(
                scores[None, :, words],
                batch["attribution_targets"][row : row + 1, : len(labels)][:, :, words],
                torch.ones(1, len(labels), int(words.sum())),
            ),
            problem_type=MULTI_LABEL,
        )
        torch.testing.assert_close(terms["loss"][row], alone["loss"][0])


def test_values_are_learned_with_their_explanations(
    make_trainer: MakeTrainer, make_student: Callable[..., Any], values: Dataset
) -> None:
    student = make_student(problem_type=REGRESSION, id2label={0: "score"}, label2id={"score": 0})
    trainer = make_trainer(
        model=student,
        train_dataset=values,
        eval_dataset=values.select(range(21)),
        num_train_epochs=30,
    )
    assert trainer.args.kd_loss == "mse"
    trainer.train()
    after = trainer.evaluate()
    assert after["eval_pearson"] > 0.9
    assert after["eval_mae"] < 0.5
    assert after["eval_teacher_agreement"] == pytest.approx(after["eval_pearson"])
    assert after["eval_explanation_cosine"] > 0.5


def test_variants_without_labels_are_added_to_texts_with_several(several: Dataset) -> None:
    further = several.select(range(3)).map(
        lambda row: {"label": None, "teacher_attributions": [[]] * len(row["label"])},
        features=several.features,
    )
    together = add_teacher_labelled_texts(several, further)
    assert together["label"][-3:] == [None] * 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "kl"}, "compares probabilities, and a regression has none"),
        ({"kd_loss": "kl"}, "compares probabilities, and a regression has none"),
        ({"label_smoothing_factor": 0.1}, "no labels to be smoothed"),
    ],
)
def test_what_compares_probabilities_is_refused_for_values(
    make_trainer: MakeTrainer,
    make_student: Callable[..., Any],
    values: Dataset,
    settings: dict[str, Any],
    message: str,
) -> None:
    student = make_student(problem_type=REGRESSION, id2label={0: "score"}, label2id={"score": 0})
    with pytest.raises(ValueError, match=message):
        make_trainer(model=student, train_dataset=values, **settings)


def test_a_student_of_another_kind_of_task_is_refused(
    make_trainer: MakeTrainer, several: Dataset, values: Dataset
) -> None:
    with pytest.raises(ValueError, match=f"labels are of the problem type {MULTI_LABEL}"):
        make_trainer(train_dataset=several)
    with pytest.raises(ValueError, match=f"labels are of the problem type {REGRESSION}"):
        make_trainer(train_dataset=values)


def test_signals_are_what_the_fixtures_say(several: Dataset) -> None:
    for row in several:
        words = row["text"].split()
        assert any(word in SIGNALS[label] for word in words for label in row["label"])
