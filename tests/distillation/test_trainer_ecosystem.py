# SPDX-License-Identifier: Apache-2.0
"""What a Trainer does beside training: stopping early, searching, pushing, several processes."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from huggingface_hub import HfApi
from transformers import EarlyStoppingCallback, PreTrainedModel, PreTrainedTokenizerFast

from dixtill_hf.distillation.trainer import DistillationTrainer

TEACHER = ["teacher_logits", "teacher_spans", "teacher_attributions", "teacher_explained_label"]
ROOT = Path(__file__).parents[2]

MakeTrainer = Callable[..., DistillationTrainer]


def test_stops_early_and_loads_the_best_epoch(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(
        num_train_epochs=9,
        learning_rate=0.0,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        callbacks=[EarlyStoppingCallback(early_stopping_patience=2)],
    )
    trainer.train()
    assert trainer.state.epoch == 3
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-6")


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


def test_push_to_hub(make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: dict[str, Any] = {}

    def create_repo(*args: Any, **kwargs: Any) -> SimpleNamespace:
        return SimpleNamespace(repo_id="somebody/student")

    def upload_folder(*args: Any, **kwargs: Any) -> str:
        pushed.update(kwargs, files={path.name for path in Path(kwargs["folder_path"]).iterdir()})
        return "url"

    monkeypatch.setattr(HfApi, "create_repo", create_repo)
    monkeypatch.setattr(HfApi, "upload_folder", upload_folder)
    # transformers 4 has taken the functions out of the hub's module when it was imported.
    monkeypatch.setattr("transformers.trainer.create_repo", create_repo, raising=False)
    monkeypatch.setattr("transformers.trainer.upload_folder", upload_folder, raising=False)
    trainer = make_trainer(num_train_epochs=1)
    trainer.train()
    assert trainer.push_to_hub() == "url"
    assert pushed["repo_id"] == "somebody/student"
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= pushed["files"]


def test_a_teacher_annotates_what_lacks_its_columns(
    make_trainer: MakeTrainer,
    annotated: Dataset,
    tiny_teacher_dir: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path))
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


@pytest.fixture(scope="module")
def results(
    annotated: Dataset,
    student_tokenizer: PreTrainedTokenizerFast,
    make_student: Callable[..., PreTrainedModel],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, Any]]:
    """What one process and two processes made of the same training."""
    directory = tmp_path_factory.mktemp("processes")
    annotated.save_to_disk(str(directory / "corpus"))
    student_tokenizer.save_pretrained(directory / "student")
    make_student().save_pretrained(directory / "student")
    script = str(Path(__file__).with_name("train_and_resume.py"))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [*command, "--nproc_per_node", "2", script, str(directory), "two"],
        env=environment | {"OMP_NUM_THREADS": "1"},
        check=True,
        timeout=300,
    )
    runpy.run_path(script)["run"](directory, "one")
    return {name: json.loads((directory / f"{name}.json").read_text()) for name in ("one", "two")}


def test_two_processes_train_as_one(results: dict[str, dict[str, Any]]) -> None:
    one, two = results["one"], results["two"]
    assert (one["processes"], two["processes"]) == (1, 2)
    np.testing.assert_allclose(two["weights"], one["weights"], atol=1e-5)


def test_two_processes_log_as_one(results: dict[str, dict[str, Any]]) -> None:
    logs = [[entry for entry in results[name]["log"] if "loss" in entry] for name in results]
    assert len(logs[0]) == len(logs[1]) == 4
    for one, two in zip(*logs, strict=True):
        assert {"loss_ce", "loss_kd", "loss_xai"} <= one.keys()
        assert two == pytest.approx(one, abs=1e-4)


def test_two_processes_evaluate_as_one(results: dict[str, dict[str, Any]]) -> None:
    one, two = (
        {n: v for n, v in r["metrics"].items() if "per_second" not in n and "time" not in n}
        for r in results.values()
    )
    assert two == pytest.approx(one, abs=1e-4)
    np.testing.assert_allclose(
        results["two"]["predictions"], results["one"]["predictions"], atol=1e-4
    )


@pytest.mark.parametrize("name", ["one", "two"])
def test_resuming_within_an_epoch_on_any_number_of_processes(
    results: dict[str, dict[str, Any]], name: str
) -> None:
    result = results[name]
    if "resumed_weights" not in result:
        pytest.skip("transformers 4 cannot resume several processes on the CPU")
    np.testing.assert_allclose(result["resumed_weights"], result["weights"], atol=1e-6)
