# SPDX-License-Identifier: Apache-2.0
"""Two processes train, log, evaluate and resume as one does."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerFast

ROOT = Path(__file__).parents[2]


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


@pytest.mark.slow
def test_two_processes_train_as_one(results: dict[str, dict[str, Any]]) -> None:
    one, two = results["one"], results["two"]
    assert (one["processes"], two["processes"]) == (1, 2)
    np.testing.assert_allclose(two["weights"], one["weights"], atol=1e-5)


@pytest.mark.slow
def test_two_processes_fill_the_last_step_from_the_beginning_of_the_epoch(
    results: dict[str, dict[str, Any]],
) -> None:
    one, two = (results[name]["uneven_weights"] for name in ("one", "two"))
    np.testing.assert_allclose(two, one, atol=1e-5)


@pytest.mark.slow
def test_two_processes_log_as_one(results: dict[str, dict[str, Any]]) -> None:
    logs = [[entry for entry in results[name]["log"] if "loss" in entry] for name in results]
    assert len(logs[0]) == len(logs[1]) == 4
    for one, two in zip(*logs, strict=True):
        assert {"loss_ce", "loss_kd", "loss_xai"} <= one.keys()
        assert two == pytest.approx(one, abs=1e-4)


@pytest.mark.slow
def test_two_processes_evaluate_as_one(results: dict[str, dict[str, Any]]) -> None:
    one, two = (
        {n: v for n, v in r["metrics"].items() if "per_second" not in n and "time" not in n}
        for r in results.values()
    )
    assert two == pytest.approx(one, abs=1e-4)
    np.testing.assert_allclose(
        results["two"]["predictions"], results["one"]["predictions"], atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one", "two"])
def test_resuming_within_an_epoch_on_any_number_of_processes(
    results: dict[str, dict[str, Any]], name: str
) -> None:
    result = results[name]
    if "resumed_weights" not in result:
        pytest.skip("transformers 4 cannot resume several processes on the CPU")
    np.testing.assert_allclose(result["resumed_weights"], result["weights"], atol=1e-6)
