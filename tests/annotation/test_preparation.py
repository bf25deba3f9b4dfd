# SPDX-License-Identifier: Apache-2.0
"""Settings that are left to the teacher are filled in once, and stay."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from datasets import Dataset

from dixtill_hf.annotation.preparation import sample_rows
from dixtill_hf.data import columns
from dixtill_hf.explainers import integrated_gradients
from dixtill_hf.explainers.base import Attribution, Explainer

NUMBERED = Dataset.from_dict({"text": [f"text {number}" for number in range(40)]})


@dataclass(frozen=True)
class Measured(Explainer):
    """Scores are a measure of the texts that it was prepared with."""

    name: ClassVar[str] = "measured"
    preparations: ClassVar[list[list[str]]] = []

    measure: float | None = None

    @property
    def texts_to_prepare(self) -> int:
        return 4 if self.measure is None else 0

    def prepared(self, teacher, texts, budget):
        if self.measure is not None:
            return self
        self.preparations.append([text.text for text in texts])
        return replace(self, measure=float(np.mean([len(text) for text in texts])))

    def evaluations(self, words):
        return 1

    def explain(self, teacher, texts, budget):
        return [
            Attribution(np.zeros(3), 0, t.spans, np.full(len(t.spans), self.measure), 0.0, 1)
            for t in texts
        ]


@pytest.fixture(autouse=True)
def preparations() -> list[list[str]]:
    Measured.preparations.clear()
    return Measured.preparations


def _measure(annotated):
    (measure,) = {score for row in annotated[columns.TEACHER_ATTRIBUTIONS] for score in row}
    return measure


def test_what_was_filled_in_is_kept_while_a_dataset_grows(cheaply, computed, preparations):
    first = cheaply(NUMBERED.select(range(10)), Measured())
    assert len(preparations) == 1
    grown = cheaply(NUMBERED, Measured())
    assert len(preparations) == 1
    assert len(computed) == 40
    assert _measure(grown) == _measure(first)


def test_settings_given_in_full_are_the_same_annotation(cheaply, computed):
    first = cheaply(NUMBERED, Measured())
    computed.clear()
    again = cheaply(NUMBERED, Measured(measure=_measure(first)))
    assert computed == []
    assert again.to_dict() == first.to_dict()


def test_too_few_texts_serve_until_there_are_more(cheaply, computed, preparations):
    for count in (2, 2, 1, 3, 9, 12, 2):
        cheaply(NUMBERED.select(range(count)), Measured())
    assert [len(texts) for texts in preparations] == [2, 3, 4]


def _let_machines_choose(monkeypatch, chosen):
    """A machine for which `auto` is this precision."""
    monkeypatch.setattr(
        integrated_gradients,
        "resolve_precision",
        lambda precision, device: chosen if precision == "auto" else precision,
    )


def test_the_precision_of_another_machine_is_kept_and_told(cheaply, computed, monkeypatch, caplog):
    _let_machines_choose(monkeypatch, "float32")
    first = cheaply(NUMBERED.select(range(10)), precision="auto")
    again = cheaply(NUMBERED.select(range(10)), precision="auto")
    assert "is kept" not in caplog.text
    _let_machines_choose(monkeypatch, "bfloat16")
    grown = cheaply(NUMBERED, precision="auto")
    assert "precision='float32' is kept: it was chosen by the machine that began" in caplog.text
    assert "would choose 'bfloat16'; give precision='bfloat16'" in caplog.text
    assert len(computed) == 40
    assert grown.select(range(10)).to_dict() == again.to_dict() == first.to_dict()


def test_a_precision_that_was_given_is_no_other_machines(cheaply, monkeypatch, caplog):
    for chosen in ("float32", "bfloat16"):
        _let_machines_choose(monkeypatch, chosen)
        cheaply(NUMBERED.select(range(10)), precision="float32")
    assert "is kept" not in caplog.text


def test_damaged_settings_are_named_and_filled_in_anew(cheaply, preparations, tmp_path, caplog):
    cheaply(NUMBERED, Measured())
    (kept,) = (tmp_path / "cache/prepared").glob("*/*")
    kept.write_text("{}")
    cheaply(NUMBERED, Measured())
    assert len(preparations) == 2
    assert kept.name in caplog.text


def test_jobs_that_begin_together_go_on_with_the_same_settings(
    cheaply, computed, preparations, monkeypatch
):
    longer = NUMBERED.map(lambda row: {"text": row["text"] + " and more"})
    prepared = Measured.prepared

    def while_another_job_begins(self, teacher, texts, budget):
        monkeypatch.setattr(Measured, "prepared", prepared)
        cheaply(longer, Measured())
        return prepared(self, teacher, texts, budget)

    monkeypatch.setattr(Measured, "prepared", while_another_job_begins)
    annotated = cheaply(NUMBERED, Measured())
    assert [len(texts) for texts in preparations] == [4, 4]
    assert _measure(annotated) == _measure(cheaply(longer, Measured()))
    assert len(computed) == 80


def test_the_sample_is_from_all_over_the_longest_dataset():
    short = NUMBERED.select([3, 4])
    rows = sample_rows([short, NUMBERED], Measured())
    assert [row["text"] for row in rows] == ["text 0", "text 10", "text 20", "text 30"]
    assert sample_rows([short], Measured()) == [{"text": "text 3"}, {"text": "text 4"}]
    assert sample_rows([NUMBERED], Measured(measure=1.0)) == []
    assert sample_rows([], Measured()) == []


def test_the_sample_of_a_stream_is_its_beginning():
    rows = sample_rows([NUMBERED.to_iterable_dataset()], Measured())
    assert [row["text"] for row in rows] == [f"text {number}" for number in range(4)]


def test_rows_without_a_text_are_no_sample():
    data = Dataset.from_dict({"text": [None, "a", None]})
    assert sample_rows([data], Measured()) == [{"text": "a"}]
