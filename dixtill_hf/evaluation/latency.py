# SPDX-License-Identifier: Apache-2.0
"""How long classifiers take, interleaved on the same batches, and their speed-up on the teacher."""

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from dixtill_hf.evaluation.classifiers import Classifier

_FEWEST_ROUNDS = 5
_SETTING = ("threads", "batch_size", "pad_to", "tokenization")

Row = dict[str, Any]


@dataclass(frozen=True)
class LatencySettings:
    """What is timed and how often.

    Attributes:
        batch_sizes: Texts in a batch.
        pad_to: Tokens that a batch is padded to; None pads to its longest text.
        rounds: Timed batches of each classifier, at least 5.
        warmup: Batches before them that do not count, at least 1.
        seconds_per_row: A classifier that has taken longer than this takes no more rounds of a
            batch size and padding once it has done 5, and no more warm-up once it has done 1.
        seed: Seed of the batches' texts and of the order of the classifiers.
    """

    batch_sizes: tuple[int, ...] = (1, 32)
    pad_to: tuple[int | None, ...] = (None, 150)
    rounds: int = 20
    warmup: int = 3
    seconds_per_row: float = 20.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges before anything is timed."""
        least = {"rounds": _FEWEST_ROUNDS, "warmup": 1}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ValueError(f"{name} must be at least {smallest}, got {getattr(self, name)}")
        if not self.batch_sizes or min(self.batch_sizes) < 1:
            raise ValueError(f"batch_sizes must be at least 1 each, got {self.batch_sizes}")
        if not self.pad_to or any(tokens is not None and tokens < 1 for tokens in self.pad_to):
            raise ValueError(f"pad_to must be None or at least 1 token each, got {self.pad_to}")
        if self.seconds_per_row <= 0:
            raise ValueError(f"seconds_per_row must be above 0, got {self.seconds_per_row}")


def measure_latency(
    classifiers: Sequence[Classifier], texts: Sequence[str], settings: LatencySettings, threads: int
) -> list[Row]:
    """Time classifiers side by side, so that what disturbs the machine disturbs all alike.

    In every round each classifier reads the same batch of texts, another one in each round, in an
    order drawn anew. PyTorch computes with `threads` threads meanwhile, and tokenizers work in
    parallel only where that is more than 1; classifiers of other runtimes must have been loaded
    for as many threads.

    Args:
        classifiers: What to time; name and runtime together tell them apart.
        texts: The texts that batches are drawn from.
        settings: What is timed and how often.
        threads: Threads that a classifier may use.

    Returns:
        For each batch size, padding and classifier two rows, with tokenization and without:
        `model`, `runtime`, `threads`, `batch_size`, `pad_to`, `tokenization`, `p50_ms` and
        `p95_ms` (percentiles over rounds of the time of a batch), `texts_per_second` (at the
        median), `rounds`.

    Raises:
        ValueError: There is no classifier or text, two classifiers have the same name and runtime,
            or `threads` is below 1.
    """
    _check_arguments(classifiers, texts, threads)
    generator = np.random.default_rng(settings.seed)
    rows: list[Row] = []
    with _using_threads(threads):
        timed = list(product(settings.batch_sizes, settings.pad_to))
        # The bar moves between the settings only: nothing is drawn while a model is timed.
        for batch_size, pad_to in tqdm(timed, desc="Timing", unit="setting"):
            batches = _draw_batches(texts, batch_size, settings, generator)
            for classifier, seconds in zip(
                classifiers,
                _time_round_by_round(classifiers, batches, pad_to, settings, generator),
                strict=True,
            ):
                setting = {"threads": threads, "batch_size": batch_size, "pad_to": pad_to}
                rows += _rows(classifier, setting, seconds)
    return rows


def speed_ups(
    rows: Sequence[Mapping[str, Any]],
    reference: str = "teacher",
    fastest_teachers: Collection[str] = ("teacher",),
) -> list[Row]:
    """Say how many times faster each model is than the teacher, by medians.

    Models are compared at the same threads, batch size, padding and tokenization.

    Args:
        rows: From `measure_latency`, of any number of runs.
        reference: The name of the teacher; in each runtime where a model of that name was timed,
            it is the measure of the others.
        fastest_teachers: Names of the models that do the teacher's work; the fastest of them, in
            any runtime, is the second measure.

    Returns:
        The rows with `speedup_same_runtime` and `speedup_fastest_teacher`; None where there is
        nothing to compare with.
    """
    return [
        {
            **row,
            "speedup_same_runtime": _speed_up(
                row,
                [r for r in rows if (r["model"], r["runtime"]) == (reference, row["runtime"])],
            ),
            "speedup_fastest_teacher": _speed_up(
                row, [r for r in rows if r["model"] in fastest_teachers]
            ),
        }
        for row in rows
    ]


def _speed_up(row: Mapping[str, Any], teachers: Sequence[Mapping[str, Any]]) -> float | None:
    alike = [t["p50_ms"] for t in teachers if all(t[name] == row[name] for name in _SETTING)]
    return min(alike) / row["p50_ms"] if alike else None


def _draw_batches(
    texts: Sequence[str], size: int, settings: LatencySettings, generator: np.random.Generator
) -> list[list[str]]:
    """The texts of every round, warm-up first; no text twice in a batch where there are enough."""
    return [
        [texts[row] for row in generator.choice(len(texts), size, replace=len(texts) < size)]
        for _ in range(settings.warmup + settings.rounds)
    ]


def _time_round_by_round(
    classifiers: Sequence[Classifier],
    batches: Sequence[Sequence[str]],
    pad_to: int | None,
    settings: LatencySettings,
    generator: np.random.Generator,
) -> list[NDArray[np.float64]]:
    """Seconds of each classifier, `(rounds, 2)`: tokenizing, and computing the logits.

    Those of the warm-up, which comes first, are forgotten.
    """
    phases = [(batches[: settings.warmup], 1), (batches[settings.warmup :], _FEWEST_ROUNDS)]
    for part, fewest in phases:
        times: list[list[tuple[float, float]]] = [[] for _ in classifiers]
        for batch in part:
            for place in generator.permutation(len(classifiers)):
                spent = np.sum(times[place])
                if len(times[place]) < fewest or spent < settings.seconds_per_row:
                    times[place].append(_time_once(classifiers[place], batch, pad_to))
    return [np.array(seconds) for seconds in times]


def _time_once(
    classifier: Classifier, batch: Sequence[str], pad_to: int | None
) -> tuple[float, float]:
    start = time.perf_counter()
    inputs = classifier.tokenize(batch, pad_to)
    tokenized = time.perf_counter()
    classifier.logits(inputs)
    return tokenized - start, time.perf_counter() - tokenized


def _rows(
    classifier: Classifier, setting: Mapping[str, Any], seconds: NDArray[np.float64]
) -> Iterator[Row]:
    for tokenization, batch_seconds in ((True, seconds.sum(axis=1)), (False, seconds[:, 1])):
        median, high = np.quantile(batch_seconds, [0.5, 0.95])
        yield {
            "model": classifier.name,
            "runtime": classifier.runtime,
            **setting,
            "tokenization": tokenization,
            "p50_ms": 1000 * float(median),
            "p95_ms": 1000 * float(high),
            "texts_per_second": setting["batch_size"] / float(median),
            "rounds": len(batch_seconds),
        }


@contextmanager
def _using_threads(threads: int) -> Iterator[None]:
    """PyTorch and the tokenizers with so many threads, and afterwards as they were."""
    before, parallelism = torch.get_num_threads(), os.environ.get("TOKENIZERS_PARALLELISM")
    torch.set_num_threads(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if parallelism is None:
            del os.environ["TOKENIZERS_PARALLELISM"]
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = parallelism


def _check_arguments(classifiers: Sequence[Classifier], texts: Sequence[str], threads: int) -> None:
    if not classifiers or len(texts) == 0 or threads < 1:
        raise ValueError(
            f"got {len(classifiers)} classifiers, {len(texts)} texts and {threads} threads: give "
            "at least one of each."
        )
    names = [(classifier.name, classifier.runtime) for classifier in classifiers]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(
            f"several classifiers have the same name and runtime, {doubled[0]}: give each its own "
            "name, or their rows could not be told apart."
        )
