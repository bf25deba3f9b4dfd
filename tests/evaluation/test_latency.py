# SPDX-License-Identifier: Apache-2.0
"""Timing on a clock that only the timed classifiers move: what is timed, how often, in what order.

No real time is measured here.
"""

import os
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from dixtill_hf.evaluation import latency
from dixtill_hf.evaluation.latency import LatencySettings, measure_latency, speed_ups

TEXTS = [f"text {number}" for number in range(50)]
ONE = LatencySettings(batch_sizes=(4,), pad_to=(None,), rounds=6, warmup=2)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@dataclass
class Fake:
    """A classifier that takes a known time, longer while it warms up, and remembers its batches."""

    clock: Clock
    name: str = "teacher"
    runtime: str = "pytorch"
    tokenizing: float = 1.0
    computing: float = 2.0
    cold_batches: int = 0
    log: list = field(default_factory=list)

    def tokenize(self, texts, pad_to=None):
        self.clock.now += self.tokenizing
        self.log.append((self.name, tuple(texts), pad_to))
        return texts

    def logits(self, inputs):
        self.clock.now += self.computing
        if self.cold_batches:
            self.cold_batches -= 1
            self.clock.now += 100
        return np.zeros((len(inputs), 3), np.float32)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(latency, "time", clock)
    return clock


def test_rows_with_and_without_tokenization(clock):
    with_tokenization, without = measure_latency([Fake(clock)], TEXTS, ONE, threads=2)
    common = {"model": "teacher", "runtime": "pytorch", "threads": 2, "batch_size": 4}
    common |= {"pad_to": None, "rounds": 6}
    expected = {"tokenization": True, "p50_ms": 3000, "p95_ms": 3000, "texts_per_second": 4 / 3}
    assert with_tokenization == pytest.approx({**common, **expected})
    expected = {"tokenization": False, "p50_ms": 2000, "p95_ms": 2000, "texts_per_second": 2}
    assert without == pytest.approx({**common, **expected})


def test_the_warm_up_does_not_count(clock):
    settings = LatencySettings(batch_sizes=(1,), pad_to=(None,), rounds=5, warmup=3)
    rows = measure_latency([Fake(clock, cold_batches=1)], TEXTS, settings, threads=1)
    assert rows[0]["p95_ms"] == 3000


def test_percentiles_are_over_the_rounds(clock):
    classifier = Fake(clock, tokenizing=0.0)
    times = iter([0.0, *range(1, 22)])  # one of warm-up, then 1 to 21 seconds
    classifier.logits = lambda _: setattr(clock, "now", clock.now + next(times))
    settings = LatencySettings((1,), (None,), rounds=21, warmup=1, seconds_per_row=1000)
    row, _ = measure_latency([classifier], TEXTS, settings, threads=1)
    assert (row["p50_ms"], row["p95_ms"]) == (11000, 20000)


def test_all_read_the_same_batches_round_by_round(clock):
    log: list = []
    classifiers = [Fake(clock, name, log=log) for name in ("a", "b", "c")]
    measure_latency(classifiers, TEXTS, ONE, threads=1)
    rounds = [log[start : start + 3] for start in range(0, len(log), 3)]
    assert len(rounds) == ONE.warmup + ONE.rounds
    assert all({name for name, *_ in one} == {"a", "b", "c"} for one in rounds)
    assert all(len({texts for _, texts, _ in one}) == 1 for one in rounds)
    assert len({one[0][1] for one in rounds}) == len(rounds)
    assert len({tuple(name for name, *_ in one) for one in rounds}) > 1
    assert all(len(set(texts)) == 4 for _, texts, _ in log)


def test_the_seed_decides_the_batches(clock):
    logs = []
    for seed in (0, 0, 1):
        classifier = Fake(clock)
        measure_latency([classifier], TEXTS, LatencySettings((2,), (None,), seed=seed), threads=1)
        logs.append(classifier.log)
    assert logs[0] == logs[1] != logs[2]


def test_every_batch_size_and_padding_has_its_rows(clock):
    settings = LatencySettings(rounds=5, warmup=1)
    classifier = Fake(clock)
    rows = measure_latency([classifier], TEXTS[:3], settings, threads=1)
    seen = [(row["batch_size"], row["pad_to"]) for row in rows if row["tokenization"]]
    assert seen == [(1, None), (1, 150), (32, None), (32, 150)]
    assert [(len(texts), pad_to) for _, texts, pad_to in classifier.log[::6]] == seen


def test_slow_classifiers_take_fewer_rounds_but_five(clock):
    settings = LatencySettings((1,), (None,), rounds=20, warmup=3, seconds_per_row=30)
    classifiers = [
        Fake(clock, "quick", tokenizing=0.5, computing=0.5),
        Fake(clock, "slow", tokenizing=1.0, computing=4.0),
        Fake(clock, "slower", computing=100.0),
    ]
    rows = measure_latency(classifiers, TEXTS, settings, threads=1)
    rounds = {row["model"]: row["rounds"] for row in rows}
    assert rounds == {"quick": 20, "slow": 6, "slower": 5}
    assert len(classifiers[2].log) == 1 + 5


def test_threads_are_those_asked_for_and_then_those_before(clock, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM")
    before = torch.get_num_threads()
    seen = []

    class Watching(Fake):
        def logits(self, inputs):
            seen.append((torch.get_num_threads(), os.environ["TOKENIZERS_PARALLELISM"]))
            return super().logits(inputs)

    for threads in (1, 2):
        measure_latency([Watching(clock)], TEXTS, ONE, threads)
    assert set(seen) == {(1, "false"), (2, "true")}
    assert torch.get_num_threads() == before
    assert "TOKENIZERS_PARALLELISM" not in os.environ


def test_speed_ups_are_ratios_of_medians_in_the_same_setting():
    def row(model: str, runtime: str, median: float, batch_size: int = 1) -> dict:
        setting = {"threads": 1, "batch_size": batch_size, "pad_to": None, "tokenization": True}
        return {"model": model, "runtime": runtime, "p50_ms": median, **setting}

    rows = speed_ups(
        [
            row("teacher", "pytorch", 60),
            row("teacher", "onnxruntime", 30),
            row("int8", "onnxruntime", 20),
            row("int8", "openvino", 15),
            row("student", "pytorch", 3),
            row("student", "pytorch", 5, batch_size=32),
        ],
        fastest_teachers={"teacher", "int8"},
    )
    found = [(r["speedup_same_runtime"], r["speedup_fastest_teacher"]) for r in rows]
    assert found == [(1, 0.25), (1, 0.5), (1.5, 0.75), (None, 1), (20, 5), (None, None)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rounds": 4}, "rounds must be at least 5, got 4"),
        ({"warmup": 0}, "warmup must be at least 1, got 0"),
        ({"batch_sizes": ()}, "batch_sizes must be at least 1 each"),
        ({"batch_sizes": (0,)}, "batch_sizes must be at least 1 each"),
        ({"pad_to": (0,)}, "pad_to must be None or at least 1"),
        ({"seconds_per_row": 0}, "seconds_per_row must be above 0"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        LatencySettings(**settings)


def test_what_cannot_be_timed_is_named(clock):
    for classifiers, texts, threads in ([], TEXTS, 1), ([Fake(clock)], [], 1):
        with pytest.raises(ValueError, match="at least one of each"):
            measure_latency(classifiers, texts, ONE, threads)
    with pytest.raises(ValueError, match=r"same name and runtime, \('teacher', 'pytorch'\)"):
        measure_latency([Fake(clock), Fake(clock)], TEXTS, ONE, threads=1)
