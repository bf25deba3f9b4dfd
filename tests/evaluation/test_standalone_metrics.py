# SPDX-License-Identifier: Apache-2.0
"""The metrics of the `evaluate` library need only their own files, and our functions agree."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
import pytest
import yaml

import dixtill_hf.evaluation.plausibility as ours
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.evaluation.classification import (
    calibration_error,
    classification_metrics,
    softmax,
)

METRICS = Path(ours.__file__).parent / "metrics"
FOLDERS = sorted(path.parent for path in METRICS.glob("*/README.md"))
NAMES = [
    "classification_quality",
    "explanation_agreement",
    "explanation_faithfulness",
    "explanation_plausibility",
]
# What a Space has beside the metric's requirements: they come with `evaluate`.
COME_ALONG = {"datasets", "numpy"}

# As in a Space: neither this package nor the network is there.
SCRIPT = """
import json, socket, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dixtill_hf", "dixtill_runtime"):
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Blocker())
def refuse(*_):
    raise OSError("the metric reached for the network")
socket.socket.connect = refuse
import evaluate
print(json.dumps([evaluate.load(f).compute(**given) for f, given in json.loads(sys.argv[1])]))
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Evaluate copies scripts into a package, which other tests have elsewhere."""
    monkeypatch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", tmp_path / "metrics")
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    _forget_copies()
    yield
    _forget_copies()


def _forget_copies() -> None:
    for name in [name for name in sys.modules if name.startswith("evaluate_modules")]:
        del sys.modules[name]


def load(name: str) -> evaluate.Metric:
    return evaluate.load(str(METRICS / name))


def example(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the card of a metric gives to it, and what it says comes back."""
    card = (folder / "README.md").read_text("utf-8")
    call, result = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert f"metrics/{folder.name}" in call
    return eval(f"dict({call[call.index('compute(') + 8 :]}", {}), ast.literal_eval(result)


def test_these_are_the_metrics() -> None:
    assert [folder.name for folder in FOLDERS] == NAMES


@pytest.mark.slow
def test_they_load_without_this_package_and_give_what_their_cards_say(tmp_path: Path) -> None:
    examples = [example(folder) for folder in FOLDERS]
    given = [(str(f), call) for f, (call, _) in zip(FOLDERS, examples, strict=True)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(given)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for (_, expected), result in zip(examples, json.loads(done.stdout), strict=True):
        assert result == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_requirements_name_what_the_script_imports(folder: Path) -> None:
    tree = ast.parse((folder / f"{folder.name}.py").read_text("utf-8"))
    froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    whole = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    top = {name.split(".")[0] for name in froms | whole} - set(sys.stdlib_module_names)
    lines = (folder / "requirements.txt").read_text("utf-8").split()
    required = {re.split(r"[<>=~]", line)[0] for line in lines}
    needed = {packages_distributions()[name][0] for name in top}
    assert required == needed - COME_ALONG


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_card_is_that_of_a_space_and_tells_all_that_is_returned(folder: Path) -> None:
    _, front, _ = (folder / "README.md").read_text("utf-8").split("---\n", 2)
    card = yaml.safe_load(front)
    assert card["sdk"] == "static"
    assert {"evaluate", "metric"} <= set(card["tags"])
    metric = load(folder.name)
    described = set(re.findall(r"^    (\w+)(?:@k)?:", metric.inputs_description, re.MULTILINE))
    returned = {name.partition("@")[0] for name in example(folder)[1]}
    assert set(metric.features) | returned <= described


def test_agreement_is_that_of_our_function() -> None:
    generator = np.random.default_rng(0)
    sizes = (1, 4, 9, 0, 3, 5)
    references, predictions = ([generator.normal(size=n) for n in sizes] for _ in range(2))
    references[1][2:] = 0  # scores fewer words than k
    predictions[2][:7] = 0
    references[4][:], predictions[5][:] = 0.5, 0  # not ranked; agrees in nothing
    references.append(np.array([0.0, 0.0]))  # left out
    predictions.append(np.array([1.0, 2.0]))
    for ks in ((1, 3, 5), (2, 20)):
        result = load("explanation_agreement").compute(
            predictions=predictions, references=references, ks=ks
        )
        assert result == pytest.approx(explanation_agreement(references, predictions, ks))


def test_metric_collects_batches() -> None:
    metric = load("explanation_agreement")
    metric.add_batch(predictions=[[1.0], [1.0, 2.0]], references=[[1.0], [2.0, 1.0]])
    metric.add(prediction=[], reference=[])
    result = metric.compute(ks=[1])
    assert (result["feature_agreement@1"], result["texts"], result["left_out"]) == (0.5, 2, 1)


@pytest.mark.parametrize("labels", [2, 3])
def test_classification_quality_is_that_of_our_functions(labels: int) -> None:
    generator = np.random.default_rng(labels)
    probabilities = softmax(generator.normal(size=(40, labels)))
    right = generator.integers(0, labels, size=40)
    result = load("classification_quality").compute(
        predictions=probabilities, references=right, bins=10
    )
    expected = {
        **classification_metrics(probabilities, right),
        "calibration_error": calibration_error(probabilities, right, 10),
        "texts": 40,
    }
    assert result == pytest.approx(expected)


def test_plausibility_is_that_of_our_function() -> None:
    texts = ["up we go", "down they fell", "nothing marked"]
    scores = [[0.2, 0.9, -0.1], [0.5, 0.5, 0.1], [1.0, 2.0]]
    marked, spans = [[1, 0, 0], [0, 1, 1], [0, 0]], [[[0, 2]], [[5, 14]], None]
    result = load("explanation_plausibility").compute(predictions=scores, references=marked)
    assert result == pytest.approx(ours.plausibility(texts, scores, spans))


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("explanation_plausibility", {"predictions": [[1.0]], "references": [[1, 0]]}, "1 scores"),
        ("explanation_plausibility", {"predictions": [], "references": []}, "no text"),
        ("explanation_faithfulness", {"full": [0.5], "removed": [[0.1]], "kept": [[]]}, "text 0"),
        ("explanation_faithfulness", {"full": [], "removed": [], "kept": []}, "no text"),
        ("explanation_agreement", {"predictions": [[1.0]], "references": [[1, 0]]}, "text 0 has 1"),
        ("explanation_agreement", {"predictions": [], "references": []}, "no text"),
        (
            "explanation_agreement",
            {"predictions": [[np.nan]], "references": [[1.0]]},
            "not finite",
        ),
        ("classification_quality", {"predictions": [[2.0, 1]], "references": [0]}, "softmax"),
        ("classification_quality", {"predictions": [[0.5, 0.5]], "references": [2]}, "0 to 1"),
        ("classification_quality", {"predictions": [], "references": []}, "no text"),
    ],
)
def test_what_does_not_fit_is_named(name: str, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        load(name).compute(**given)
