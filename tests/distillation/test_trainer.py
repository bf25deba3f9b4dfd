# SPDX-License-Identifier: Apache-2.0
"""The trainer: what it learns, logs, evaluates and refuses."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from transformers import (
    EvalPrediction,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.batching import DistillationCollator
from dixtill_hf.distillation.dataset import prepare_dataset
from dixtill_hf.distillation.losses.dixtill import distillation_loss
from dixtill_hf.distillation.trainer import DistillationTrainer

NAMES = ["bearish", "bullish", "neutral"]
TEACHER = ["teacher_logits", "teacher_spans", "teacher_attributions", "teacher_explained_label"]
QUALITY = {"accuracy", "macro_f1", "matthews", "roc_auc"}
AGREEMENT = {"explanation_cosine"} | {
    f"{kind}_agreement@{k}" for kind in ("feature", "sign") for k in (1, 3, 5)
}
TERMS = {"loss", "loss_ce", "loss_kd", "loss_xai"}
TIMES = {"runtime", "samples_per_second", "steps_per_second", "model_preparation_time"}
NO_TEACHER = {"alpha": 0.0, "kd_loss": "none", "xai_weight": 0.0}

MakeTrainer = Callable[..., DistillationTrainer]


def _measured(metrics: dict[str, float], prefix: str = "eval_") -> dict[str, float]:
    """The metrics without their prefix and without times."""
    bare = {name.removeprefix(prefix): value for name, value in metrics.items()}
    return {name: value for name, value in bare.items() if name not in TIMES | {"epoch"}}


def _weights(trainer: Trainer) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()]).numpy()


def test_learns_labels_and_explanations(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(num_train_epochs=8, learning_rate=3e-2)
    trainer.train()
    metrics = _measured(trainer.evaluate())
    assert metrics.keys() == TERMS | QUALITY | AGREEMENT | {"teacher_agreement"}
    assert metrics["accuracy"] == metrics["teacher_agreement"] == metrics["roc_auc"] == 1.0
    assert metrics["explanation_cosine"] > 0.95
    assert metrics["feature_agreement@1"] > 0.95


@pytest.mark.parametrize("explanation", ["attention", "contributions"])
def test_evaluation_does_not_see_padding(
    make_trainer: MakeTrainer, annotated: Dataset, explanation: str
) -> None:
    rows = annotated.select(range(21))
    long = rows.select([0]).map(lambda row: {"text": row["text"] + " stock" * 40})
    trainer = make_trainer(explanation=explanation, per_device_eval_batch_size=64)
    together = trainer.evaluate(rows)
    trainer.args.per_device_eval_batch_size = 1
    assert _measured(together) == pytest.approx(_measured(trainer.evaluate(rows)), abs=1e-6)
    trainer.args.per_device_eval_batch_size = 4
    uneven = _measured(trainer.evaluate(_rows_and(long, rows)))
    trainer.args.per_device_eval_batch_size = 1
    assert uneven == pytest.approx(_measured(trainer.evaluate(_rows_and(long, rows))), abs=1e-6)


def _rows_and(first: Dataset, rest: Dataset) -> Dataset:
    return Dataset.from_list([*first, *rest], features=rest.features)


def test_loss_terms_are_those_of_the_formula(
    make_trainer: MakeTrainer, student_tokenizer: PreTrainedTokenizerFast
) -> None:
    trainer = make_trainer(xai_weight=2.0)
    metrics = _measured(trainer.evaluate())
    batch = DistillationCollator()(trainer.eval_dataset.to_list())
    with torch.no_grad():
        output = trainer.model(
            batch["input_ids"], batch["attention_mask"], output_contributions=True
        )
    student = output.contributions[torch.arange(21), :, batch["explained_label"]]
    terms = distillation_loss(
        output.logits,
        batch["labels"],
        alpha=0.9,
        kd_loss="normalized_kl",
        temperature=5.0,
        xai_weight=2.0,
        teacher_logits=batch["teacher_logits"],
        explanations=(student, batch["attribution_targets"], batch["attention_mask"]),
    )
    expected = {f"loss_{name}": values.mean().item() for name, values in terms.items()}
    expected["loss"] = expected.pop("loss_loss")
    assert {name: metrics[name] for name in TERMS} == pytest.approx(expected, rel=1e-5)


def test_the_training_log_has_every_term(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(num_train_epochs=1, learning_rate=0.0, logging_steps=3)
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert len(logs) == 2
    for entry in logs:
        expected = 0.1 * entry["loss_ce"] + 0.9 * (entry["loss_kd"] + entry["loss_xai"])
        assert entry["loss"] == pytest.approx(expected, abs=1e-4)
    # With a learning rate of 0 the mean of the logs is the loss of the whole dataset.
    whole = _measured(trainer.evaluate(trainer.train_dataset))
    for name in TERMS - {"loss"}:
        assert np.mean([entry[name] for entry in logs]) == pytest.approx(whole[name], rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "terms"),
    [
        (NO_TEACHER, {"loss_ce"}),
        ({"kd_loss": "mse", "xai_weight": 0.0}, {"loss_ce", "loss_kd"}),
        ({"kd_loss": "none"}, {"loss_ce", "loss_xai"}),
    ],
)
def test_only_terms_of_the_loss_are_logged(
    make_trainer: MakeTrainer, settings: dict[str, Any], terms: set[str]
) -> None:
    trainer = make_trainer(num_train_epochs=1, **settings)
    trainer.train()
    entry = trainer.state.log_history[0]
    assert {name for name in entry if name.startswith("loss_")} == terms
    assert TERMS & _measured(trainer.evaluate()).keys() == terms | {"loss"}


def test_gradient_accumulation_is_the_big_batch(make_trainer: MakeTrainer) -> None:
    whole = make_trainer(per_device_train_batch_size=8)
    whole.train()
    parts = make_trainer(per_device_train_batch_size=2, gradient_accumulation_steps=4)
    parts.train()
    assert whole.state.global_step == parts.state.global_step == 12
    np.testing.assert_allclose(_weights(parts), _weights(whole), atol=1e-5)
    logged = [t.state.log_history[0]["loss_xai"] for t in (whole, parts)]
    assert logged[0] == pytest.approx(logged[1], rel=1e-4)


def test_without_a_teacher_it_is_a_plain_trainer(
    make_trainer: MakeTrainer,
    make_student: Callable,
    make_arguments: Callable[..., DistillationArguments],
    annotated: Dataset,
    student_tokenizer: PreTrainedTokenizerFast,
) -> None:
    bare = annotated.remove_columns(TEACHER)
    ours = make_trainer(train_dataset=bare, bucket_by_length=False, **NO_TEACHER)
    ours.train()
    ours_arguments = make_arguments(bucket_by_length=False, **NO_TEACHER)
    names = {field.name for field in dataclasses.fields(TrainingArguments) if field.init}
    plain_arguments = TrainingArguments(
        seed=ours_arguments.seed,
        **{name: getattr(ours_arguments, name) for name in names if name in _PLAIN},
    )
    plain = Trainer(
        make_student(),
        plain_arguments,
        train_dataset=prepare_dataset(bare, student_tokenizer, NAMES),
        data_collator=DistillationCollator(),
    )
    plain.train()
    np.testing.assert_allclose(_weights(ours), _weights(plain), atol=1e-6)


_PLAIN = (
    "output_dir",
    "use_cpu",
    "optim",
    "num_train_epochs",
    "per_device_train_batch_size",
    "learning_rate",
    "lr_scheduler_type",
    "weight_decay",
    "dataloader_pin_memory",
    "report_to",
    "save_strategy",
    "disable_tqdm",
)


def test_unlabelled_texts_are_learned_from_the_teacher(
    make_trainer: MakeTrainer, annotated: Dataset
) -> None:
    unlabelled = annotated.remove_columns("label").add_column("label", [-100] * len(annotated))
    trainer = make_trainer(train_dataset=unlabelled, kd_loss="kl", num_train_epochs=16)
    trainer.train()
    assert "loss_ce" not in trainer.state.log_history[0]
    assert trainer.evaluate()["eval_accuracy"] == 1.0
    measured = _measured(trainer.evaluate(unlabelled))
    assert measured.keys() == {"loss", "loss_kd", "loss_xai", "teacher_agreement"} | AGREEMENT
    assert measured["loss"] == pytest.approx(measured["loss_kd"] + measured["loss_xai"], rel=1e-5)


@pytest.mark.parametrize("method", ["kl", "mse", "dixtill"])
def test_texts_without_a_label_column_are_unlabelled(
    make_trainer: MakeTrainer, annotated: Dataset, method: str
) -> None:
    bare, unknown = (annotated.remove_columns("label") for _ in range(2))
    unknown = unknown.add_column("label", [-100] * len(annotated))
    ours, theirs = (make_trainer(train_dataset=data, method=method) for data in (bare, unknown))
    ours.train()
    theirs.train()
    assert "loss_ce" not in ours.state.log_history[0]
    np.testing.assert_array_equal(_weights(ours), _weights(theirs))


def test_texts_without_a_label_column_need_a_teacher(
    make_trainer: MakeTrainer, annotated: Dataset
) -> None:
    with pytest.raises(ValueError, match=r"no columns \['label'\]"):
        make_trainer(train_dataset=annotated.remove_columns("label"), method="none")


def test_evaluation_without_the_teachers_columns(
    make_trainer: MakeTrainer, annotated: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = make_trainer(eval_dataset=annotated.remove_columns(TEACHER))
    assert "lacks columns that annotate(dataset, teacher) adds" in caplog.text
    metrics = _measured(trainer.evaluate())
    assert metrics.keys() == QUALITY | {"loss", "loss_ce"}
    assert metrics["loss"] == metrics["loss_ce"]


def test_predictions_are_the_plain_logits_in_the_order_of_the_texts(
    make_trainer: MakeTrainer, annotated: Dataset, student_tokenizer: PreTrainedTokenizerFast
) -> None:
    trainer = make_trainer(per_device_eval_batch_size=4)
    output = trainer.predict(annotated)
    batch = student_tokenizer(annotated["text"][:], padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = trainer.model(batch["input_ids"], batch["attention_mask"]).logits
    np.testing.assert_allclose(output.predictions, logits, atol=1e-6)
    assert output.label_ids.tolist() == annotated["label"][:]
    texts_alone = trainer.predict(annotated.select_columns(["text"]))
    np.testing.assert_array_equal(texts_alone.predictions, output.predictions)
    assert _measured(texts_alone.metrics, "test_") == {}


def test_empty_texts_are_trained_on_and_evaluated(
    make_trainer: MakeTrainer, annotated: Dataset
) -> None:
    nothing = {"text": "", "teacher_spans": [], "teacher_attributions": []}
    emptied = annotated.map(lambda row, index: nothing if index % 2 else {}, with_indices=True)
    emptied = emptied.cast(annotated.features)
    trainer = make_trainer(
        train_dataset=emptied, eval_dataset=emptied, per_device_train_batch_size=2
    )
    trainer.train()
    assert np.isfinite(_weights(trainer)).all()
    assert all(np.isfinite(value) for value in _measured(trainer.evaluate()).values())


def test_several_evaluation_datasets(make_trainer: MakeTrainer, annotated: Dataset) -> None:
    splits = DatasetDict(dev=annotated.select(range(9)), rest=annotated.select(range(9, 30)))
    trainer = make_trainer(eval_dataset=splits, eval_strategy="epoch", num_train_epochs=1)
    trainer.train()
    logged = {name for entry in trainer.state.log_history for name in entry}
    assert {"eval_dev_macro_f1", "eval_rest_explanation_cosine", "eval_dev_loss_xai"} <= logged
    by_name = _measured(trainer.evaluate(), "eval_dev_")
    alone = _measured(trainer.evaluate(splits["dev"]))
    assert {name: by_name[name] for name in alone} == pytest.approx(alone)


def test_the_users_metrics_get_plain_arrays_and_win(make_trainer: MakeTrainer) -> None:
    def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
        assert prediction.predictions.shape == (21, 3)
        assert prediction.label_ids.shape == (21,)
        return {"mine": 1.0, "accuracy": 7.0}

    metrics = make_trainer(compute_metrics=compute_metrics).evaluate()
    assert (metrics["eval_mine"], metrics["eval_accuracy"]) == (1.0, 7.0)
    assert "eval_macro_f1" in metrics


def test_prediction_loss_only(make_trainer: MakeTrainer) -> None:
    everything = make_trainer().evaluate()
    alone = make_trainer(prediction_loss_only=True).evaluate()
    assert _measured(alone) == {"loss": pytest.approx(everything["eval_loss"], rel=1e-5)}


def test_label_smoothing_is_in_the_cross_entropy(make_trainer: MakeTrainer) -> None:
    plain = make_trainer(**NO_TEACHER)
    smooth = make_trainer(label_smoothing_factor=0.3, **NO_TEACHER)
    batch = DistillationCollator()(plain.train_dataset.to_list())
    with torch.no_grad():
        logits = plain.model(batch["input_ids"], batch["attention_mask"]).logits
    log_p = torch.log_softmax(logits, -1)
    label = log_p[torch.arange(48), batch["labels"]]
    expected = -(0.7 * label + 0.3 * log_p.mean(-1)).mean()
    assert smooth.evaluate(smooth.train_dataset)["eval_loss"] == pytest.approx(expected.item())


def test_optim_args_reach_sgd(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(optim="sgd", optim_args="momentum=0.9, nesterov=true")
    optimizer = trainer.create_optimizer()
    assert isinstance(optimizer, torch.optim.SGD)
    assert (optimizer.defaults["momentum"], optimizer.defaults["nesterov"]) == (0.9, True)
    assert optimizer.defaults["lr"] == trainer.args.learning_rate
    plain = make_trainer(optim="sgd").create_optimizer()
    assert plain.defaults["momentum"] == 0


def test_missing_columns_are_an_error_for_training(
    make_trainer: MakeTrainer, annotated: Dataset
) -> None:
    with pytest.raises(ValueError, match=r"annotate it first: annotate\(dataset, teacher\)"):
        make_trainer(train_dataset=annotated.remove_columns(TEACHER))
    logits_alone = annotated.remove_columns(TEACHER[1:])
    make_trainer(train_dataset=logits_alone, kd_loss="kl", xai_weight=0.0)
    with pytest.raises(ValueError, match="teacher_spans"):
        make_trainer(train_dataset=logits_alone)


def test_texts_that_teach_nothing_are_an_error(
    make_trainer: MakeTrainer, annotated: Dataset
) -> None:
    labels = [-100, 0, 1, -100, *annotated["label"][4:]]
    some = annotated.remove_columns("label").add_column("label", labels)
    with pytest.raises(ValueError, match=r"In rows 0, 3 .*the label is unknown"):
        make_trainer(train_dataset=some, **NO_TEACHER)


def test_wrong_parts_are_refused(
    make_trainer: MakeTrainer,
    make_student: Callable,
    make_arguments: Callable[..., DistillationArguments],
    student_tokenizer: PreTrainedTokenizerFast,
) -> None:
    with pytest.raises(TypeError, match="args must be DistillationArguments, got NoneType"):
        DistillationTrainer(make_student(), processing_class=student_tokenizer)
    with pytest.raises(TypeError, match="must be a PreTrainedTokenizerFast"):
        DistillationTrainer(make_student(), make_arguments())
    unpadded = PreTrainedTokenizerFast(
        tokenizer_object=student_tokenizer.backend_tokenizer, unk_token="[UNK]"
    )
    with pytest.raises(ValueError, match=r"no padding token.*set tokenizer\.pad_token"):
        DistillationTrainer(make_student(), make_arguments(), processing_class=unpadded)
    with pytest.raises(ValueError, match=r"The tokenizer knows 16 words.*has 4: make it with"):
        make_trainer(model=make_student(vocab_size=4))


def test_our_private_names_are_not_those_of_the_trainer(
    make_student: Callable, make_arguments: Callable[..., DistillationArguments]
) -> None:
    overridden = {"_set_signature_columns_if_needed", "_get_train_sampler", "_save"}
    overridden |= {"_hp_search_setup", "_load_from_checkpoint"}
    overridden |= {"_save_rng_state", "_load_rng_state"}
    methods = {name for name in vars(DistillationTrainer) if not name.startswith("__")}
    private = {name for name in methods if name.startswith("_")} - overridden
    plain = Trainer(make_student(), make_arguments())
    attributes = {"_users_metrics", "_term_averages", "_bucket_sampler", "_preparer"}
    attributes |= {"_problem", "_folded_ngrams"}
    assert not (private | attributes) & {*dir(Trainer), *vars(plain)}


def test_pretrained_layers_learn_more_slowly(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(learning_rate=1e-2, pretrained_lr_ratio=0.1)
    trainer.model.is_pretrained = True
    trainer.create_optimizer_and_scheduler(10)
    rates = {
        id(parameter): group["initial_lr"]
        for group in trainer.optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(rates) == len(list(trainer.model.parameters()))
    for name, parameter in trainer.model.named_parameters():
        expected = 1e-2 if name.startswith("classifier") else 1e-3
        assert rates[id(parameter)] == pytest.approx(expected), name


def test_other_students_have_one_learning_rate(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(learning_rate=1e-2)
    assert {group["lr"] for group in trainer.create_optimizer().param_groups} == {1e-2}
