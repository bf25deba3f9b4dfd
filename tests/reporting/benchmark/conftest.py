# SPDX-License-Identifier: Apache-2.0
"""A made-up benchmark for the tests of its sections: no figure in it was measured."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

METHODS = ("none", "kl", "mse", "dixtill")
# Name, what readers see, runtime, bytes, accuracy.
BASELINES = [
    ("onnx", "teacher", "onnxruntime", 90_900_000, 0.874),
    ("int8-dynamic", "int8 dynamic", "onnxruntime", 23_100_000, 0.871),
    (
        "int8-static",
        "int8 static, calibrated on the training texts",
        "onnxruntime",
        23_300_000,
        0.85,
    ),
    ("openvino", "teacher", "openvino", 90_900_000, 0.874),
    ("openvino-int8", "int8 dynamic", "openvino", 23_400_000, 0.872),
    ("heads", "6 of 12 heads a layer", "pytorch", 83_700_000, 0.81),
]
PRUNINGS = [
    ("masking", "per_layer"),
    ("gradient", "per_layer"),
    ("gradient", "global"),
    ("gradient-iterative", "global"),
]
PUBLISHED = {
    "source": "Nobody et al. (2024), Journal of Invented Figures",
    "quality": [
        {"name": "teacher", "accuracy": 0.955, "macro_f1": 0.911},
        {"name": "dixtill", "accuracy": 0.943, "macro_f1": 0.889},
    ],
    "compression": [
        {"name": "teacher", "bytes": 439e6, "milliseconds": 610, "accuracy": 0.955},
        {
            "name": "dixtill",
            "bytes": 3.45e6,
            "compression": 127,
            "milliseconds": 70,
            "speedup": 8.7,
            "accuracy": 0.943,
        },
    ],
}
REFERENCE = "BERT-base (random weights)"
BATCHES = ((1, None), (1, 150), (32, None), (32, 150))


def synthetic_benchmark(metrics: dict[str, Any]) -> dict[str, Any]:
    """The same run with everything that a benchmark adds."""
    rng = random.Random(2)
    labels, seeds = metrics["dataset"]["labels"], len(metrics["seeds"])
    presets = list(dict.fromkeys(row["preset"] for row in metrics["results"] if row["preset"]))
    for row in (metrics["teacher"], *metrics["results"]):
        row["calibration_error"] = 0.04 + 0.02 * rng.random()
        row["f1_per_class"] = {label: row["macro_f1"] + rng.gauss(0.0, 0.03) for label in labels}
    students = [("bag_of_words", None), *((m, p) for p in presets for m in METHODS)]
    return metrics | {
        "temperatures": [
            _quality(
                (0.84 if method == "kl" else 0.85) + 0.002 * temperature + rng.gauss(0.0, 0.002)
            )
            | {"method": method, "preset": preset, "temperature": temperature, "seed": seed}
            | {"teacher_agreement": 0.89}
            for method in ("kl", "dixtill")
            for preset in presets
            for temperature in range(1, 6)
            for seed in range(seeds)
        ],
        "baselines": [_baseline(*row) for row in BASELINES],
        "pruning": [
            _pruned(ranking, scope, removed) for ranking, scope in PRUNINGS for removed in range(12)
        ],
        "efficiency": _efficiency(students, several=len(presets) > 1),
        "explanations": _explanations(rng, students, seeds),
        "published": PUBLISHED,
    }


def _quality(accuracy: float) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "macro_f1": accuracy - 0.05,
        "matthews": accuracy - 0.15,
        "roc_auc": accuracy + 0.08,
    }


def _baseline(
    name: str, label: str, runtime: str, num_bytes: int, accuracy: float
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "runtime": runtime,
        "bytes": num_bytes,
        "parameters": None,
        **_quality(accuracy),
        "calibration_error": 0.05,
        "teacher_agreement": 0.97,
        "settings": {"method": name, "operators": ["MatMul"], "calibration_texts": None},
    }


def _pruned(ranking: str, scope: str, removed: int) -> dict[str, Any]:
    worse = {"masking": 0.03, "gradient": 0.022}.get(ranking, 0.014)
    return {
        "ranking": ranking,
        "scope": scope,
        "removed_per_layer": removed,
        "removed": 6 * removed,
        "heads": 72,
        "accuracy": 0.874 - 0.02 * removed,
        "macro_f1": 0.842 - worse * removed * (removed > 2),
        "parameters": 22_700_000 - 300_000 * removed,
        "bytes": 90_900_000 - 1_200_000 * removed,
    }


def _efficiency(students: list[tuple[str, str | None]], several: bool) -> dict[str, Any]:
    """Times that are proportional to each other: of batch 32 on one thread in PyTorch."""
    names = {"none": "no distillation", "kl": "KL", "mse": "MSE", "dixtill": "DiXtill"}
    timed = [("teacher", "pytorch", 400.0), ("teacher", "onnxruntime", 250.0)]
    timed += [("teacher", "openvino", 200.0), (REFERENCE, "pytorch", 1600.0)]
    timed += [(row[1], row[2], 100.0) for row in BASELINES if row[0] not in ("onnx", "openvino")]
    for method, preset in students:
        if preset is None:
            timed.append(("bag of words", "scikit-learn", 2.0))
        else:
            name = f"{names[method]} ({preset})" if several else names[method]
            timed += [(name, "pytorch", 10.0), (name, "onnxruntime", 4.0)]
    rows = [
        _timing(model, runtime, cost, *setting)
        for model, runtime, cost in timed
        for setting in itertools.product((1, 2), (False, True), BATCHES)
    ]
    memory = [
        {"model": model, "runtime": runtime, "peak_bytes": int(3e8 + 1e6 * cost)}
        for model, runtime, cost in timed
    ]
    references = [{"model": REFERENCE, "parameters": 109_484_547, "bytes": 437_938_188}]
    settings = {"rounds": 20, "warmup": 3}
    return {"settings": settings, "rows": rows, "memory": memory, "references": references}


def _timing(
    model: str,
    runtime: str,
    cost: float,
    threads: int,
    tokenization: bool,
    batch: tuple[int, int | None],
) -> dict[str, Any]:
    size, pad_to = batch
    scale = size / 32 * (3 if pad_to else 1) / threads
    milliseconds = cost * scale + 3.0 * tokenization
    of_teacher = {"pytorch": 400.0, "onnxruntime": 250.0, "openvino": 200.0}
    same = of_teacher.get(runtime)
    return {
        "model": model,
        "runtime": runtime,
        "threads": threads,
        "batch_size": size,
        "pad_to": pad_to,
        "tokenization": tokenization,
        "p50_ms": milliseconds,
        "p95_ms": 1.2 * milliseconds,
        "texts_per_second": 1000 * size / milliseconds,
        "rounds": 20,
        "explains": "DiXtill" in model,
        "real": model != REFERENCE,
        "speedup_same_runtime": same and (same * scale + 3.0 * tokenization) / milliseconds,
        "speedup_fastest_teacher": (200.0 * scale + 3.0 * tokenization) / milliseconds,
    }


def _explanations(
    rng: random.Random, students: list[tuple[str, str | None]], seeds: int
) -> dict[str, Any]:
    kinds = []
    for method, preset in students:
        if preset is None:
            kinds.append((method, preset, "coefficients", 0.35))
            continue
        kinds.append((method, preset, "integrated_gradients", 0.3))
        if method == "dixtill":
            kinds += [(method, preset, "contributions", 0.75), (method, preset, "attention", 0.5)]
            kinds += [(method, preset, "shuffled", 0.03), (method, preset, "random", 0.0)]
    agreement = [
        {"model": method, "preset": preset, "seed": seed, "explanation": kind}
        | _agreement(rng, cosine)
        for method, preset, kind, cosine in kinds
        for seed in range(1 if preset is None else seeds)
    ]
    found = [{"model": m, "preset": p, "explanation": k, "texts": 500} for m, p, k, _ in kinds]
    lost = {"comprehensiveness": 0.31, "sufficiency": 0.12}
    marked = {"token_f1": 0.62, "auprc": 0.71}
    return {
        "agreement": agreement,
        "faithfulness": [row | lost for row in found],
        "plausibility": [row | marked for row in found],
    }


def _agreement(rng: random.Random, cosine: float) -> dict[str, float]:
    cosine += rng.gauss(0.0, 0.01)
    shares = {"feature": 1.0, "sign": 0.85, "rank": 0.5, "signed_rank": 0.45}
    at_k = {
        f"{measure}_agreement@{k}": share * (0.1 + 0.6 * cosine + 0.03 * k)
        for measure, share in shares.items()
        for k in range(1, 11)
    }
    return {"cosine": cosine, "kendall": 0.6 * cosine, "spearman": 0.8 * cosine, **at_k}


@pytest.fixture
def make_benchmark(make_metrics: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Makes a benchmark of given presets and number of seeds."""
    return lambda **settings: synthetic_benchmark(make_metrics(**settings))


@pytest.fixture
def benchmark(metrics: dict[str, Any]) -> dict[str, Any]:
    """A benchmark of four methods, a bag of words and six compressed teachers."""
    return synthetic_benchmark(metrics)


@pytest.fixture
def read_table() -> Callable[[str], list[dict[str, str]]]:
    """Reads a Markdown table: for each row its cells by the headings."""

    def read(table: str) -> list[dict[str, str]]:
        titles, _, *rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
        return [dict(zip(titles, row, strict=True)) for row in rows]

    return read
