# SPDX-License-Identifier: Apache-2.0
"""Metrics that need only their own file give what our functions give, and what their card says."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import evaluate
import pytest

import dixtill_hf.evaluation.plausibility as ours

METRICS = Path(ours.__file__).parent / "metrics"
NAMES = ["explanation_faithfulness", "explanation_plausibility"]


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


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_what_it_gives_and_nothing_of_ours_is_needed(name: str) -> None:
    folder = METRICS / name
    assert "dixtill_hf" not in (folder / f"{name}.py").read_text("utf-8")
    assert "dixtill" not in (folder / "requirements.txt").read_text("utf-8")
    call, result = re.findall(
        r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.S
    )
    given = eval(f"dict({call[call.index('compute(') + 8 :]}", {})
    metric = evaluate.load(str(folder))
    assert metric.compute(**given) == pytest.approx(ast.literal_eval(result))


def test_plausibility_is_that_of_our_function() -> None:
    texts = ["up we go", "down they fell", "nothing marked"]
    scores = [[0.2, 0.9, -0.1], [0.5, 0.5, 0.1], [1.0, 2.0]]
    marked, spans = [[1, 0, 0], [0, 1, 1], [0, 0]], [[[0, 2]], [[5, 14]], None]
    metric = evaluate.load(str(METRICS / "explanation_plausibility"))
    expected = ours.plausibility(texts, scores, spans)
    assert metric.compute(predictions=scores, references=marked) == pytest.approx(expected)


def test_what_does_not_fit_is_named() -> None:
    plausibility, faithfulness = (evaluate.load(str(METRICS / name)) for name in NAMES[::-1])
    with pytest.raises(ValueError, match="text 0 has 1 scores and 2 marks"):
        plausibility.compute(predictions=[[1.0]], references=[[1, 0]])
    with pytest.raises(ValueError, match="text 0 has 1 probabilities without"):
        faithfulness.compute(full=[0.5], removed=[[0.1]], kept=[[]])
