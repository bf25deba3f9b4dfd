# SPDX-License-Identifier: Apache-2.0
"""What a Trainer does besides training: stopping early, searching, pushing, annotating."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import (
    AutoModelForSequenceClassification,
    EarlyStoppingCallback,
    PreTrainedModel,
    Trainer,
)

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.teacher.loading import Teacher, load_teacher

TEACHER = ["teacher_logits", "teacher_spans", "teacher_attributions", "teacher_explained_label"]

MakeTrainer = Callable[..., DistillationTrainer]


def test_stops_early_and_loads_the_best_epoch(make_trainer: MakeTrainer) -> None:
    scores = iter([0.5, 0.9, 0.7, 0.8])
    trainer = make_trainer(
        num_train_epochs=9,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="scripted",
        compute_metrics=lambda prediction: {"scripted": next(scores)},
        callbacks=[EarlyStoppingCallback(early_stopping_patience=2)],
    )
    trainer.train()
    assert trainer.state.epoch == 4
    output, epochs = Path(trainer.args.output_dir), (6, 12, 18, 24)
    saved = {step: load_file(output / f"checkpoint-{step}/model.safetensors") for step in epochs}
    ours = trainer.model.state_dict()
    same = [step for step in epochs if all(saved[step][n].equal(w) for n, w in ours.items())]
    assert same == [12]


def test_the_notebooks_preset_keeps_the_epoch_of_the_lowest_loss(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(preset="paper_notebook", num_train_epochs=4, learning_rate=2.0)
    trainer.train()
    losses = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    assert len(losses) == 4
    assert trainer.state.best_metric == min(losses)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(min(losses))


@pytest.mark.parametrize(("several", "named"), [(False, "got none"), (True, "several: a, b")])
def test_the_best_epoch_needs_one_dataset_that_tells_it(
    make_trainer: MakeTrainer, annotated: Dataset, several: bool, named: str
) -> None:
    given = {"a": annotated, "b": annotated} if several else None
    with pytest.raises(ValueError, match=f"keep_best_epoch keeps .*{named}"):
        make_trainer(keep_best_epoch=True, eval_dataset=given)


def test_nothing_saved_holds_pickled_arguments(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(num_train_epochs=1, save_strategy="epoch", alpha=0.25)
    trainer.train()
    trainer.save_model()
    trainer.save_model(str(tmp_path / "elsewhere"))
    output = Path(trainer.args.output_dir)
    for directory in (output, output / "checkpoint-6", tmp_path / "elsewhere"):
        saved = json.loads((directory / "training_args.json").read_text())
        assert (saved["alpha"], saved["method"], saved["learning_rate"]) == (0.25, "dixtill", 1e-2)
    assert not list(tmp_path.rglob("training_args.bin"))


def test_bf16(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = make_trainer().train().training_loss
    # transformers 4 leaves the precision in the environment, for every trainer that follows.
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    half = make_trainer(bf16=True)
    assert half.train().training_loss == pytest.approx(exact, rel=0.02)
    assert next(half.model.parameters()).dtype == torch.float32
    assert np.isfinite(half.evaluate()["eval_explanation_cosine"])


def test_bf16_full_eval(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(bf16_full_eval=True)
    assert np.isfinite(trainer.evaluate()["eval_loss"])
    assert trainer.predict(trainer.eval_dataset).predictions.dtype == np.float32


@pytest.mark.slow
def test_hyperparameter_search(make_trainer: MakeTrainer, make_student: Callable) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trainer = make_trainer(
        model_init=lambda: make_student(),
        explanation="attention",
        num_train_epochs=1,
        xai_weight=0.5,
    )
    seen = []

    def objective(metrics: dict[str, float]) -> float:
        seen.append((trainer.args.alpha, trainer.model.config.explanation))
        return metrics["eval_loss"]

    best = trainer.hyperparameter_search(
        hp_space=lambda trial: {"alpha": trial.suggest_categorical("alpha", [0.25, 0.75])},
        compute_objective=objective,
        direction="minimize",
        backend="optuna",
        n_trials=2,
        sampler=optuna.samplers.GridSampler({"alpha": [0.25, 0.75]}),
    )
    assert sorted(seen) == [(0.25, "attention"), (0.75, "attention")]
    assert best.hyperparameters["alpha"] in (0.25, 0.75)


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        ({"alpha": 1.5}, r"alpha must be in \[0, 1\], got 1.5"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"xai_weight": -1.0}, "xai_weight must be 0 or more"),
        ({"max_words": 7}, "A trial changes max_words, which would have no effect"),
    ],
)
def test_a_trial_out_of_range_is_refused(
    make_trainer: MakeTrainer, make_student: Callable, trial: dict, message: str
) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    trainer = make_trainer(model_init=lambda: make_student())
    with pytest.raises(ValueError, match=message):
        trainer.hyperparameter_search(lambda _: trial, backend="optuna", n_trials=1)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (2.0, "minimize")),
        ({"metric_for_best_model": "macro_f1"}, (0.5, "maximize")),
        ({"metric_for_best_model": "eval_loss_kd"}, (0.25, "minimize")),
        ({"metric_for_best_model": "loss_kd", "greater_is_better": True}, (0.25, "maximize")),
    ],
)
def test_a_search_looks_for_the_best_models_metric(
    make_trainer: MakeTrainer,
    make_student: Callable,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict,
    expected: tuple,
) -> None:
    seen: dict[str, Any] = {}

    def search(self: Trainer, space: Any, objective: Any, trials: int, direction: str, *_: Any):
        seen.update(objective=objective, direction=direction)

    monkeypatch.setattr(Trainer, "hyperparameter_search", search)
    trainer = make_trainer(model_init=lambda: make_student(), **settings)
    trainer.hyperparameter_search()
    metrics = {"eval_loss": 2.0, "eval_macro_f1": 0.5, "eval_loss_kd": 0.25}
    assert (seen["objective"](metrics), seen["direction"]) == expected
    with pytest.raises(ValueError, match="but an evaluation returns only eval_other"):
        seen["objective"]({"eval_other": 1.0})
    with pytest.raises(ValueError, match="give both, or none of them"):
        trainer.hyperparameter_search(direction="maximize")


def test_pushing_during_the_training_is_off_by_default(make_trainer: MakeTrainer) -> None:
    assert make_trainer().args.hub_strategy == "end"


def test_the_card_has_the_last_evaluation_and_the_teacher(
    make_trainer: MakeTrainer, annotated: Dataset
) -> None:
    trainer = make_trainer(num_train_epochs=1, preset="paper")
    trainer.train()
    trainer.evaluate()
    last = trainer.evaluate(annotated, metric_key_prefix="test")
    trainer.create_model_card(finetuned_from="org/teacher", license="apache-2.0")
    card = ModelCard.load(Path(trainer.args.output_dir) / "README.md")
    assert (card.data.library_name, card.data.base_model) == ("transformers", "org/teacher")
    assert card.data.pipeline_tag == "text-classification"
    assert {"dixtill", "knowledge-distillation", "explainable-ai"} <= set(card.data.tags)
    assert f"| accuracy | {last['test_accuracy']:.4f} |" in card.text
    assert "evaluation (`test`)" in card.text
    assert "runtime" not in card.text
    for said in ("bearish, bullish, neutral", "preset paper", "attention score", "cantini2024"):
        assert said in card.text


@pytest.mark.parametrize(
    ("teacher", "hub_id"), [("org/teacher", "org/teacher"), ("local", None), (None, None)]
)
def test_the_card_names_a_teacher_of_the_hub(
    make_trainer: MakeTrainer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    teacher: str | None,
    hub_id: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("local").mkdir()
    trainer = make_trainer(teacher=teacher)
    trainer.create_model_card()
    card = ModelCard.load(Path(trainer.args.output_dir) / "README.md")
    assert card.data.base_model == hub_id
    assert "## Results" not in card.text


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple]:
    """What `load_teacher` has been called with; annotations are kept apart from other tests."""
    calls = []

    def load_and_note(*args: Any, **settings: Any) -> Teacher:
        calls.append(args)
        return load_teacher(*args, **settings)

    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path))
    monkeypatch.setattr("dixtill_hf.distillation.trainer_inputs.load_teacher", load_and_note)
    return calls


def test_a_teacher_annotates_what_lacks_its_columns(
    make_trainer: MakeTrainer,
    annotated: Dataset,
    tiny_teacher_dir: Callable[[str], Path],
    loads: list[tuple],
) -> None:
    bare = annotated.remove_columns(TEACHER).select(range(8))
    trainer = make_trainer(
        train_dataset=bare,
        eval_dataset=annotated.select(range(8)),
        teacher=tiny_teacher_dir("bert"),
        num_train_epochs=1,
    )
    ours, given = trainer.train_dataset, trainer.eval_dataset
    assert ours["input_ids"][:] == given["input_ids"][:]
    assert ours["teacher_logits"][:] != given["teacher_logits"][:]
    assert given["teacher_logits"][0] == pytest.approx(annotated["teacher_logits"][0])
    assert all(any(targets) for targets in ours["attribution_targets"])
    trainer.train()
    assert "eval_explanation_cosine" in trainer.evaluate(bare)
    assert trainer.predict(bare.remove_columns("label")).predictions.shape == (8, 3)
    assert len(loads) == 1


@pytest.mark.parametrize(
    ("columns", "settings"),
    [([], {"method": "none"}), (["teacher_logits"], {"method": "kl"}), (TEACHER, {})],
)
def test_a_teacher_is_not_asked_for_what_the_loss_does_not_need(
    make_trainer: MakeTrainer,
    annotated: Dataset,
    loads: list[tuple],
    columns: list[str],
    settings: dict[str, str],
) -> None:
    data = annotated.select_columns(["text", "label", *columns])
    make_trainer(train_dataset=data, eval_dataset=data, teacher="no/such-teacher", **settings)
    assert loads == []


def test_wrong_labels_are_found_before_the_teacher_is_asked(
    make_trainer: MakeTrainer, annotated: Dataset, loads: list[tuple]
) -> None:
    wrong = annotated.select_columns(["text"]).add_column("label", ["up"] * len(annotated))
    with pytest.raises(ValueError, match=r"'label' holds string.*class_encode_column"):
        make_trainer(train_dataset=wrong, teacher="no/such-teacher")
    assert loads == []


def test_a_stream_is_not_evaluated_on(make_trainer: MakeTrainer, annotated: Dataset) -> None:
    stream = annotated.to_iterable_dataset()
    with pytest.raises(TypeError, match=r"got IterableDataset.*only to train on"):
        make_trainer(eval_dataset=stream)
    for method in ("evaluate", "predict"):
        with pytest.raises(TypeError, match=r"got IterableDataset.*only to train on"):
            getattr(make_trainer(), method)(stream)


def test_a_label_map_reaches_the_teacher(
    make_trainer: MakeTrainer,
    make_student: Callable[..., PreTrainedModel],
    annotated: Dataset,
    tiny_teacher_dir: Callable[[str], Path],
    loads: list[tuple],
) -> None:
    ours, path = ["up", "down", "flat"], tiny_teacher_dir("bert")
    label_map = {"bullish": "up", "bearish": "down", "neutral": "flat"}
    bare = annotated.select(range(8)).select_columns(["text"])
    trainer = make_trainer(
        model=make_student(id2label=dict(enumerate(ours))),
        train_dataset=bare,
        eval_dataset=None,
        teacher=path,
        label_map=label_map,
    )
    plain = annotate(bare, load_teacher(path, ["bearish", "bullish", "neutral"]))
    logits = np.array(trainer.train_dataset["teacher_logits"])
    np.testing.assert_allclose(logits, np.array(plain["teacher_logits"])[:, [1, 0, 2]], atol=1e-5)
    teacher = load_teacher(path, ours, label_map)
    with pytest.raises(ValueError, match=r"give the map to load_teacher"):
        make_trainer(teacher=teacher, label_map=label_map)


def test_a_model_that_is_no_student_is_refused_before_anything_is_annotated(
    make_trainer: MakeTrainer, tiny_teacher_dir: Callable[[str], Path]
) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny_teacher_dir("bert"))
    with pytest.raises(TypeError, match=r"BertForSequenceClassification.*build_student"):
        make_trainer(model=model, teacher="no/such-teacher")


def test_a_card_shows_metrics_that_are_no_numbers(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(
        num_train_epochs=1, compute_metrics=lambda _: {"by_label": [0.5, 1.0], "none": None}
    )
    trainer.evaluate()
    trainer.create_model_card()
    card = (Path(trainer.args.output_dir) / "README.md").read_text()
    assert "| by_label | \\[0.5, 1.0\\] |" in card
    assert "| none | None |" in card
