# SPDX-License-Identifier: Apache-2.0
"""The packaged metrics, loaded by path as a user of `evaluate` does, with the network cut off."""

import ast
import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import evaluate
import numpy as np
import pytest
import yaml

from dixtill_hf.evaluation import metric_modules
from dixtill_hf.evaluation.agreement.base import explanation_agreement, known_measures

METRICS = Path(metric_modules.__file__).parent / "metrics"
FOLDERS = sorted(METRICS.glob("*_agreement"))
# What each folder promises beside `texts` and `left_out`.
PROMISED = {name: {name} for name, measure in known_measures().items() if measure.at_k}
PROMISED["explanation_agreement"] = {*known_measures(), "unranked"}


def refuse(*_: object) -> None:
    raise AssertionError("the metric reached for the network")


@pytest.fixture(autouse=True, scope="module")
def offline(tmp_path_factory):
    cache = tmp_path_factory.mktemp("evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", str(cache / "modules"))
        patch.setattr(evaluate.config, "HF_METRICS_CACHE", cache / "metrics")
        yield


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request) -> Path:
    return request.param


@pytest.fixture
def metric(folder):
    return evaluate.load(str(folder))


def load(name: str) -> evaluate.Metric:
    return evaluate.load(str(METRICS / name))


def test_there_is_one_for_every_measure_at_k_and_one_for_all():
    assert {folder.name for folder in FOLDERS} == set(PROMISED)


def test_metric_equals_the_function(metric):
    generator = np.random.default_rng(0)
    predictions, references = ([generator.normal(size=n) for n in (1, 4, 9)] for _ in range(2))
    expected = explanation_agreement(references, predictions)
    result = metric.compute(predictions=predictions, references=references)
    names = {name.partition("@")[0] for name in result}
    assert names == PROMISED[metric.name] | {"texts", "left_out"}
    assert result == {name: expected[name] for name in result}


def test_the_reference_is_the_teacher_and_ks_are_passed_on():
    # The reference scores one word, so k is 1; the other way round it would be 2, and the same
    # words would agree in half.
    metric = load("feature_agreement")
    result = metric.compute(predictions=[[1.0, 2.0]], references=[[1.0, 0.0]], ks=[2])
    assert result == {"feature_agreement@2": 0, "texts": 1, "left_out": 0}


def test_metric_collects_batches():
    metric = load("feature_agreement")
    metric.add_batch(predictions=[[1.0], [1.0, 2.0]], references=[[1.0], [2.0, 1.0]])
    metric.add(prediction=[], reference=[])
    assert metric.compute(ks=[1]) == {"feature_agreement@1": 0.5, "texts": 2, "left_out": 1}


def test_metric_describes_itself(metric, folder):
    assert metric.name == folder.name
    assert set(metric.features) == {"predictions", "references"}
    assert "Krishna" in metric.citation
    assert "Cantini" in metric.citation
    described = set(re.findall(r"^    (\w+)(?:@k)?:", metric.inputs_description, re.MULTILINE))
    inputs = {"predictions", "references", "ks"}
    assert described == inputs | PROMISED[folder.name] | {"texts", "left_out"}
    assert f"evaluation/metrics/{folder.name}" in metric.inputs_description


def test_the_card_tells_what_it_gives(folder, metric):
    card = (folder / "README.md").read_text(encoding="utf-8")
    call, result = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert folder.name in call
    arguments = call[call.index("compute(") :]
    given = eval(f"dict({arguments.removeprefix('compute(')}", {})
    assert metric.compute(**given) == pytest.approx(ast.literal_eval(result), abs=1e-4)


def test_the_space_card_starts_the_app_and_carries_the_tags(folder):
    _, front_matter, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(front_matter)
    assert card["sdk"] == "gradio"
    assert "page(__file__).launch()" in (folder / card["app_file"]).read_text(encoding="utf-8")
    assert {"evaluate", "metric"} <= set(card["tags"])
    assert card["description"].startswith("How far")


def test_the_page_shows_the_metric_and_its_errors(folder, monkeypatch):
    fake = SimpleNamespace(
        Error=type("Error", (Exception,), {}),
        Interface=lambda **given: SimpleNamespace(**given),
        Textbox=lambda **given: given,
        JSON=lambda **given: given,
    )
    monkeypatch.setitem(sys.modules, "gradio", fake)
    form = metric_modules.page(folder / f"{folder.name}.py")
    (example,) = form.examples
    assert form.fn(*example)["texts"] == 2
    with pytest.raises(fake.Error, match="shape"):
        form.fn("[[1.0]]", "[[1.0, 2.0]]")
