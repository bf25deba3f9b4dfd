# SPDX-License-Identifier: Apache-2.0
"""Arguments: what is allowed, what a refusal says, presets and methods, the command line."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from transformers import HfArgumentParser, SchedulerType, TrainingArguments
from transformers.training_args import OptimizerNames

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.losses.base import known_kd_losses
from dixtill_hf.distillation.presets import METHODS, PRESETS, method_settings
from dixtill_hf.student.configuration_dixtill import DixtillConfig


def _arguments(tmp_path: Path, **settings: Any) -> DistillationArguments:
    return DistillationArguments(output_dir=str(tmp_path), use_cpu=True, **settings)


def _settings(arguments: DistillationArguments) -> dict[str, Any]:
    """All fields but the one whose default has the time in it, to the second (transformers 4)."""
    return {name: value for name, value in arguments.to_dict().items() if name != "logging_dir"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 1.5}, r"alpha must be in \[0, 1\], got 1.5"),
        ({"alpha": float("nan")}, "alpha must be in"),
        ({"temperature": 0.0}, "temperature must be above 0 and finite, got 0.0"),
        ({"temperature": float("inf")}, "temperature must be above 0 and finite"),
        ({"xai_weight": -1.0}, "xai_weight must be 0 or more"),
        ({"max_words": 0}, "max_words must be at least 1, got 0"),
        ({"kd_loss": "normalised_kl"}, "Did you mean 'normalized_kl'"),
        ({"explanation": "contribution"}, "explanation must be one of attention, contributions"),
        ({"attribution_reduction": "max"}, "attribution_reduction must be one of sum, mean"),
        ({"kd_loss": "none", "xai_weight": 0.0}, "nothing comes from the teacher: set alpha=0"),
        ({"batch_eval_metrics": True}, "batch_eval_metrics=True"),
        ({"eval_do_concat_batches": False}, "eval_do_concat_batches=False"),
    ],
)
def test_what_is_not_allowed_is_refused(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _arguments(tmp_path, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": 0.0, "kd_loss": "none", "xai_weight": 0.0},
        {"alpha": 1.0, "kd_loss": "none", "xai_weight": 0.5},
        {"alpha": 0.0},
    ],
)
def test_the_edges_are_allowed(tmp_path: Path, settings: dict[str, Any]) -> None:
    arguments = _arguments(tmp_path, **settings)
    assert arguments.needs_teacher_logits == (arguments.kd_loss != "none")
    assert arguments.needs_explanations == (arguments.xai_weight > 0)


def test_two_orders_of_the_texts_contradict_each_other(tmp_path: Path) -> None:
    names = {field.name for field in dataclasses.fields(TrainingArguments)}
    other = (
        {"group_by_length": True}
        if "group_by_length" in names
        else {"train_sampling_strategy": "sequential"}
    )
    with pytest.raises(ValueError, match=r"bucket_by_length=True and .* contradict each other"):
        _arguments(tmp_path, **other)
    assert not _arguments(tmp_path, bucket_by_length=False, **other).bucket_by_length


def test_left_alone_they_are_the_default_preset_with_dixtill(tmp_path: Path) -> None:
    named = DistillationArguments.from_preset("default", tmp_path, use_cpu=True)
    assert _settings(_arguments(tmp_path)) == _settings(named)


def test_the_paper_preset(tmp_path: Path) -> None:
    arguments = DistillationArguments.from_preset("paper", tmp_path, use_cpu=True)
    assert (arguments.alpha, arguments.temperature, arguments.xai_weight) == (0.9, 5.0, 1.0)
    assert (arguments.kd_loss, arguments.explanation) == ("normalized_kl", "attention")
    assert (arguments.optim, arguments.optim_args) == (OptimizerNames.SGD, "momentum=0.9")
    assert arguments.lr_scheduler_type == SchedulerType.CONSTANT
    assert (arguments.learning_rate, arguments.num_train_epochs) == (0.01, 15)
    assert (arguments.max_words, arguments.attribution_reduction) == (150, "sum")
    assert not arguments.load_best_model_at_end


def test_the_presets_of_paper_and_notebook_differ_where_the_notebook_does(tmp_path: Path) -> None:
    paper, notebook = (
        DistillationArguments.from_preset(preset, tmp_path, use_cpu=True).to_dict()
        for preset in ("paper", "paper_notebook")
    )
    differ = {name: notebook[name] for name in paper if paper[name] != notebook[name]}
    assert differ == {
        "preset": "paper_notebook",
        "kd_loss": "normalized_kl_notebook",
        "optim_args": "momentum=0.99",
        "attribution_reduction": "mean",
        "keep_best_epoch": True,
        "do_eval": True,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "load_best_model_at_end": True,
        "metric_for_best_model": "loss",
        "greater_is_better": False,
    }
    assert PRESETS["paper_notebook"].student["attention_size"] == 50


def test_the_best_epoch_may_be_told_by_another_metric(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path, keep_best_epoch=True, metric_for_best_model="macro_f1")
    assert (arguments.metric_for_best_model, arguments.greater_is_better) == ("macro_f1", True)
    kept = _arguments(tmp_path, preset="paper_notebook", keep_best_epoch=False)
    assert not kept.load_best_model_at_end


def test_fields_that_only_some_presets_name_have_a_default(tmp_path: Path) -> None:
    plain = _arguments(tmp_path)
    assert (plain.max_words, plain.attribution_reduction) == (512, "sum")
    assert not plain.keep_best_epoch


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_goes_with_every_method(tmp_path: Path, preset: str, method: str) -> None:
    arguments = DistillationArguments.from_preset(
        preset, tmp_path, method, use_cpu=True, num_train_epochs=1
    )
    of_method = method_settings(preset, method)
    assert {name: getattr(arguments, name) for name in of_method} == of_method
    taught = arguments.xai_weight > 0
    expected = PRESETS[preset].training["explanation"] if taught else "contributions"
    assert arguments.explanation == expected
    assert arguments.num_train_epochs == 1
    DixtillConfig(**PRESETS[preset].student)


def test_fields_that_are_given_win_over_the_preset_and_the_method(tmp_path: Path) -> None:
    given = {"optim": "adamw_torch", "learning_rate": 0.5, "alpha": 0.0, "max_grad_norm": 2.0}
    arguments = _arguments(tmp_path, preset="paper", method="kl", **given)
    assert {name: getattr(arguments, name) for name in given} == given
    assert (arguments.kd_loss, arguments.num_train_epochs) == ("kl", 15)


def test_presets_and_methods_are_chosen_on_the_command_line(tmp_path: Path) -> None:
    parser = HfArgumentParser(DistillationArguments)
    given = ["--output_dir", str(tmp_path), "--use_cpu", "--preset", "paper", "--method", "mse"]
    (arguments,) = parser.parse_args_into_dataclasses([*given, "--learning_rate", "0.5"])
    expected = _arguments(tmp_path, preset="paper", method="mse", learning_rate=0.5)
    assert _settings(arguments) == _settings(expected)
    assert (arguments.optim, arguments.kd_loss) == (OptimizerNames.SGD, "mse")


def test_unknown_presets_methods_and_fields_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"preset must be one of .*got 'papers'\. Did you mean"):
        DistillationArguments.from_preset("papers", tmp_path)
    with pytest.raises(ValueError, match="method must be one of none, kl, mse, dixtill"):
        DistillationArguments.from_preset("paper", tmp_path, "hinton")
    with pytest.raises(TypeError, match="alfa"):
        DistillationArguments.from_preset("paper", tmp_path, alfa=1)


def test_every_field_of_ours_has_a_help_text_for_the_command_line(tmp_path: Path) -> None:
    inherited = {field.name: field for field in dataclasses.fields(TrainingArguments)}
    for field in dataclasses.fields(DistillationArguments):
        if field != inherited.get(field.name):
            assert field.metadata.get("help"), field.name
    parser = HfArgumentParser(DistillationArguments)
    help_text = parser.format_help()
    assert f"{{{','.join(['none', *known_kd_losses()])}}}" in help_text
    given = ["--output_dir", str(tmp_path), "--use_cpu", "--alpha", "0.5", "--kd_loss", "kl"]
    (arguments,) = parser.parse_args_into_dataclasses(given)
    assert (arguments.alpha, arguments.kd_loss, arguments.xai_weight) == (0.5, "kl", 1.0)


@pytest.mark.parametrize(
    ("texts", "epochs", "batch"),
    [(0, 200, 64), (8_589, 25, 64), (42_900, 10, 128), (10**9, 2, 128)],
)
def test_the_default_presets_length_depends_on_the_texts(
    tmp_path: Path, texts, epochs, batch
) -> None:
    arguments = _arguments(tmp_path)
    filled = arguments.for_texts(texts)
    assert (filled.num_train_epochs, filled.train_batch_size) == (epochs, batch)
    assert arguments.num_train_epochs is None  # of the next dataset it may be another


def test_several_devices_share_the_batch() -> None:
    schedule = PRESETS["default"].schedule
    assert [schedule.training(10_000, n)["per_device_train_batch_size"] for n in (1, 8, 100)] == [
        64,
        8,
        1,
    ]


def test_a_length_that_is_given_stays(tmp_path: Path) -> None:
    given = _arguments(tmp_path, num_train_epochs=3, per_device_train_batch_size=8)
    assert given.for_texts(100) is given
    paper = _arguments(tmp_path, preset="paper")
    assert paper.for_texts(100) is paper
