# SPDX-License-Identifier: Apache-2.0
"""A made-up run for the tests of the report: no figure in it was measured."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import fmean, stdev
from typing import Any

import pytest

LABELS = ["bearish", "bullish", "neutral"]
KS = (1, 3, 5)
# Method → invented means: accuracy, cosine with the teacher.
METHODS = {
    "none": (0.83, 0.07),
    "kl": (0.845, 0.31),
    "mse": (0.838, 0.28),
    "dixtill": (0.853, 0.74),
}
STUDENT_T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}


def synthetic_metrics(presets: tuple[str, ...] = ("default",), seeds: int = 5) -> dict[str, Any]:
    """Contents of a metrics.json that looks like one of a real run."""
    rng = random.Random(0)
    results = [_bag_of_words()]
    for preset in presets:
        for method, (accuracy, cosine) in METHODS.items():
            worse = 0.02 * presets.index(preset)
            results += [
                _result(rng, method, preset, seed, accuracy - worse, cosine - worse)
                for seed in range(seeds)
            ]
    return {
        "format": 2,
        "dataset": {
            "source": "made_up_headlines",
            "fingerprint": "0123456789abcdef",
            "labels": LABELS,
            "splits": {"train": 2700, "validation": 300, "test": 600},
            "label_counts": {
                "train": {"bearish": 500, "bullish": 700, "neutral": 1500},
                "validation": {"bearish": 60, "bullish": 80, "neutral": 160},
                "test": {"bearish": 110, "bullish": 150, "neutral": 340},
            },
        },
        "teacher": _teacher(),
        "environment": {
            "python": "3.11.7",
            "platform": "Linux-6.1-x86_64",
            "cpu": "Imaginary CPU @ 2.00GHz",
            "cores": 2,
            "threads": 2,
            "accelerator": None,
            "memory_bytes": 8_000_000_000,
            "versions": {"torch": "2.13.0", "transformers": "4.57.6"},
            "date": "2026-01-02T03:04:05+00:00",
        },
        "command": "dixtill-hf run --methods none,kl,mse,dixtill --seeds 5",
        "recipe": {"data": "made_up_headlines", "distillation": {"alpha": 0.9, "temperature": 5.0}},
        "seeds": list(range(seeds)),
        "fingerprint": "fedcba9876543210",
        "stages": {
            "load": 1.2,
            "finetune": 161.0,
            "annotate": 95.4,
            "distil": 140.0,
            "evaluate": 21.0,
        },
        "results": results,
        "summary": _summary(results),
        "comparisons": [row for preset in presets for row in _comparisons(preset)],
    }


def synthetic_explanations() -> dict[str, Any]:
    """Contents of an explanations.json with the texts that are hard to show."""
    rng = random.Random(1)
    texts = [
        (
            "$ACME shares jump 7% after record profit, but analysts stay cautious",
            "bullish",
            "bullish",
            "bullish",
        ),
        ("Globex fails to fall despite weak guidance", "bullish", "bullish", "bearish"),
        (
            "Profit <b>up</b> & costs <script>alert('x')</script> down at \"Initech\"",
            "bullish",
            "neutral",
            "bullish",
        ),
        ("ارتفعت أسهم الشركة بعد أرباح قياسية في الربع الثالث", "bullish", "bullish", "bullish"),
        ("הרווח של החברה ירד ב-12% ברבעון", "bearish", "bearish", "neutral"),
        ("Umbrella warns: losses widen 🚨📉 again\n(second line)", "bearish", "bearish", "bearish"),
        ("Hooli to hold its annual meeting on May 4", None, "neutral", "neutral"),
        (
            "a" * 180 + " is one very long word in a text of no great importance",
            "neutral",
            "neutral",
            "neutral",
        ),
    ]
    return {
        "labels": LABELS,
        "examples": [_example(rng, *texts[i % len(texts)]) for i in range(16)],
    }


def _example(
    rng: random.Random, text: str, label: str | None, teacher: str, student: str
) -> dict[str, Any]:
    spans, at = [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        spans.append([start, at])
    sides = {
        who: {
            "label": predicted,
            "probability": rng.uniform(0.4, 1.0),
            "spans": spans,
            "scores": [rng.gauss(0.0, 1.0) ** 3 for _ in spans],
        }
        for who, predicted in (("teacher", teacher), ("student", student))
    }
    return {"text": text, "label": label, **sides, "rationale": spans[1:3] if label else None}


def _teacher() -> dict[str, Any]:
    return {
        "name": "imaginary/tiny-encoder",
        "parameters": 22_713_219,
        "bytes": 90_868_376,
        "accuracy": 0.874,
        "macro_f1": 0.842,
        "matthews": 0.761,
        "roc_auc": 0.953,
        "split": "test",
        "finetuned": True,
        "completeness_error": {"median": 0.011, "p90": 0.083, "max": 1.94},
        "explainer": {"name": "integrated_gradients", "steps": 20, "target": "logit"},
    }


def _quality(accuracy: float) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "macro_f1": 1.5 * accuracy - 0.475,
        "matthews": 1.8 * accuracy - 0.82,
        "roc_auc": 0.5 * accuracy + 0.51,
    }


def _bag_of_words() -> dict[str, Any]:
    return {
        "method": "bag_of_words",
        "preset": None,
        "seed": None,
        "split": "test",
        "parameters": 180_003,
        "bytes": 1_440_024,
        **_quality(0.842),
        "teacher_agreement": 0.85,
        "train_seconds": 3.1,
        "validation": {"accuracy": 0.82, "macro_f1": 0.75},
        "explanation": None,
    }


def _result(
    rng: random.Random, method: str, preset: str, seed: int, accuracy: float, cosine: float
) -> dict[str, Any]:
    accuracy += rng.gauss(0.0, 0.003)
    depth = {k: 0.8 * cosine + 0.03 * k + rng.gauss(0.0, 0.01) for k in KS}
    return {
        "method": method,
        "preset": preset,
        "seed": seed,
        "split": "test",
        "parameters": 432_561,
        "bytes": 1_730_244,
        **_quality(accuracy),
        "teacher_agreement": accuracy + 0.04,
        "train_seconds": 42.0 + rng.random(),
        "validation": {"accuracy": accuracy - 0.01, "macro_f1": 1.5 * accuracy - 0.49},
        "explanation": {
            "kind": "contributions",
            "cosine": cosine + rng.gauss(0.0, 0.01),
            **{f"feature_agreement@{k}": value for k, value in depth.items()},
            **{f"sign_agreement@{k}": 0.9 * value for k, value in depth.items()},
        },
    }


def _summary(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for row in results:
        groups.setdefault((row["method"], row["preset"]), []).append(row)
    return [
        {
            "method": method,
            "preset": preset,
            "seeds": len(rows),
            "metrics": {
                metric: _estimate([_flat(row)[metric] for row in rows]) for metric in _flat(rows[0])
            },
        }
        for (method, preset), rows in groups.items()
    ]


def _flat(row: dict[str, Any]) -> dict[str, float]:
    metrics = ("accuracy", "macro_f1", "matthews", "roc_auc", "teacher_agreement")
    explanation = row["explanation"] or {}
    return {key: row[key] for key in metrics} | {
        f"explanation.{key}": value for key, value in explanation.items() if key != "kind"
    }


def _estimate(values: list[float]) -> dict[str, float | None]:
    mean = fmean(values)
    if len(values) == 1:
        return {"mean": mean, "sd": None, "low": None, "high": None}
    sd = stdev(values)
    half = STUDENT_T_95[len(values)] * sd / len(values) ** 0.5
    return {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half}


def _comparisons(preset: str) -> list[dict[str, Any]]:
    found = {
        "none": (0.034, 0.012, 0.057, 0.0004),
        "kl": (0.012, 0.001, 0.023, 0.031),
        "mse": (0.022, -0.004, 0.047, 0.094),
        "bag_of_words": (0.016, -0.009, 0.041, 0.21),
    }
    return [
        {
            "method": "dixtill",
            "preset": preset,
            "against": against,
            "metric": "macro_f1",
            **dict(zip(("difference", "low", "high", "p_value"), values, strict=True)),
        }
        for against, values in found.items()
    ]


@pytest.fixture
def make_metrics() -> Callable[..., dict[str, Any]]:
    """Makes metrics of given presets and number of seeds."""
    return synthetic_metrics


@pytest.fixture
def metrics() -> dict[str, Any]:
    """A run of four methods and a bag of words, one preset, five seeds."""
    return synthetic_metrics()


@pytest.fixture
def explanations() -> dict[str, Any]:
    """Explanations of texts with HTML, right-to-left scripts, emoji and a line break."""
    return synthetic_explanations()
