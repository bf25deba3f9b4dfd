# SPDX-License-Identifier: Apache-2.0
"""Measure Integrated Gradients side by side: Captum as it is used, and this library's engine.

    python -m benchmarks.annotation runs/tweets/teacher --name MiniLM-L6
    python -m benchmarks.annotation random-bert-base --reference_texts 32

All methods explain the same seeded sample of texts, block by block, in an order that turns from
block to block, so that whatever else the machine does meets them alike. Results go to
benchmarks/results/annotation.json, one entry for each teacher on each machine; the page
annotation.md and its picture are drawn only from it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from benchmarks.annotation_methods import Method, Scores, captum_batched, captum_one_by_one, ours
from benchmarks.annotation_report import chip, write_report
from benchmarks.entries import keep_entry
from dixtill_hf import load_text_classification
from dixtill_hf.annotation.worker import default_tokens
from dixtill_hf.data.packaged import packaged_encoder
from dixtill_hf.explainers.embeddings import EmbeddedTexts, resolve_precision
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.teacher.encoding import EncodedText, encode_texts
from dixtill_hf.teacher.loading import Teacher, load_teacher
from dixtill_hf.workflow.environment import describe_environment

RESULTS = Path(__file__).parent / "results"
RANDOM_BERT = "random-bert-base"
REFERENCE_STEPS = 200


def main(argv: Sequence[str]) -> None:
    """Measure one teacher, add it to the results, and draw the page anew."""
    parser = parser_of(__doc__, texts=256)
    parser.add_argument("--reference_texts", type=int, help="how many get a reference; all")
    parser.add_argument("--block", type=int, default=32, help="texts between turns")
    parser.add_argument("--tokens_per_batch", type=int, help="what suits the device")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args(argv)
    torch.set_num_threads(given.threads)
    teacher = load(given.teacher)
    result = measure(teacher, sample(teacher, given), given)
    directory = Path(given.results_dir)
    name = f"{given.name or given.teacher} on {machine(result['environment'])}"
    write_report(keep_entry(directory / "annotation.json", name, result), directory)


def parser_of(description: str | None, texts: int) -> argparse.ArgumentParser:
    """What every measurement of one teacher on a sample of texts is asked for."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("teacher", help=f"Hub id, directory, or {RANDOM_BERT!r}")
    parser.add_argument("--name", help="what the teacher is called; its own name if not given")
    parser.add_argument(
        "--source",
        default="data/twitter_financial_news_sentiment/train.csv",
        help="the texts, as load_text_classification takes them",
    )
    parser.add_argument("--texts", type=int, default=texts)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results_dir", default=str(RESULTS), help=argparse.SUPPRESS)
    return parser


def machine(environment: Mapping[str, Any]) -> str:
    """What computed: an accelerator, or so many threads of a processor."""
    threads = fmt.counted(environment["threads"], "thread")
    return chip(environment) if environment["accelerator"] else f"{threads} of {chip(environment)}"


def load(name: str) -> Teacher:
    """A teacher; BERT-base with random weights stands for the size of the paper's."""
    if name != RANDOM_BERT:
        return load_teacher(name)
    torch.manual_seed(0)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(packaged_encoder())
    model = BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), num_labels=3))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Teacher(model.to(device), tokenizer, range(3), RANDOM_BERT)


def sample(teacher: Teacher, given: argparse.Namespace) -> tuple[list[EncodedText], ...]:
    """Texts to calibrate with and, apart from them, texts to measure on, shortest first.

    `annotate` too puts texts of like length together.
    """
    train = load_text_classification(given.source, require_test=False)["train"]
    count = given.texts + IntegratedGradients().texts_to_prepare
    texts = train.shuffle(given.seed).select(range(count))["text"][:]
    encoded = encode_texts(teacher, texts)
    return encoded[given.texts :], sorted(encoded[: given.texts], key=len)


def measure(
    teacher: Teacher, texts: tuple[list[EncodedText], ...], given: argparse.Namespace
) -> dict[str, Any]:
    """Time and accuracy of every method on the same texts."""
    calibration_texts, measured = texts
    tokens = given.tokens_per_batch or default_tokens(teacher)
    budget = TokenBudget(tokens)
    precisions = _precisions(teacher)
    started = time.perf_counter()
    prepared = {
        precision: IntegratedGradients(precision=precision).prepared(
            teacher, calibration_texts, budget
        )
        for precision in precisions
    }
    calibration_seconds = (time.perf_counter() - started) / len(prepared)
    methods: dict[str, Method] = {
        "captum, one text at a time": captum_one_by_one,
        "captum, batched": captum_batched,
    }
    for precision in precisions:
        fixed = IntegratedGradients(steps=50, precision=precision)
        methods[f"ours, 50 fixed steps, {precision}"] = ours(fixed)
    for precision in precisions:
        methods[f"ours, adaptive, {precision}"] = ours(prepared[precision])
    seconds, rates, found = _race(teacher, methods, measured, tokens, given.block)
    count = given.reference_texts or len(measured)
    referred = np.linspace(0, len(measured) - 1, count).astype(int)  # of all lengths
    exact = IntegratedGradients(steps=REFERENCE_STEPS, precision="float32")
    explained = exact.explain(teacher, [measured[row] for row in referred], budget)
    reference = dict(zip(referred, (one.scores for one in explained), strict=True))
    changes = _changes(teacher, measured, budget)
    return {
        "environment": describe_environment(),
        "settings": {
            "source": given.source,
            "texts": len(measured),
            "block": given.block,
            "seed": given.seed,
            "threads": given.threads,
            "tokens_per_batch": tokens,
            "reference_steps": REFERENCE_STEPS,
        },
        "tokens_per_text": float(np.mean([len(text) for text in measured])),
        "weights_in_matrices": _matrix_weights(teacher),
        "reference_texts": len(referred),
        "calibration_seconds": calibration_seconds,
        "matrix_flops_per_second": {name: float(np.median(all_)) for name, all_ in rates.items()},
        "methods": {
            name: _summary(found[name], changes, reference)
            | {
                "seconds_by_block": seconds[name],
                "operations_by_block": _operations_by_block(
                    teacher, measured, found[name], given.block
                ),
            }
            for name in methods
        },
    }


def _precisions(teacher: Teacher) -> tuple[str, ...]:
    """Those that the device computes in: where bfloat16 is emulated, it can be 100 times slower."""
    fast = resolve_precision("auto", teacher.device) == "bfloat16"
    return ("float32", "bfloat16") if fast else ("float32",)


def _race(
    teacher: Teacher,
    methods: dict[str, Method],
    texts: Sequence[EncodedText],
    tokens: int,
    block: int,
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[Scores]]]:
    """Every method on every block; the first turns to the end of the order after each block."""
    names = list(methods)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    rates: dict[str, list[float]] = {name: [] for name in _precisions(teacher)}
    found: dict[str, list[Scores]] = {name: [] for name in names}
    warming_up = texts[:2] if teacher.device.type == "cpu" else texts[-block:]
    for name in names:  # the first call of a kernel is slower, and a GPU has one for each size
        methods[name](teacher, warming_up, tokens)
    for start in range(0, len(texts), block):
        part = texts[start : start + block]
        for name in names:
            before = time.perf_counter()
            found[name] += methods[name](teacher, part, tokens)
            seconds[name].append(time.perf_counter() - before)
        for name in rates:
            rates[name].append(_matrix_rate(teacher, getattr(torch, name), tokens))
        print(f"{start + len(part)} texts: ", *(f"{seconds[n][-1]:.2f}" for n in names), flush=True)
        names = names[1:] + names[:1]
    return seconds, rates, found


def _matrix_rate(teacher: Teacher, dtype: torch.dtype, tokens: int, times: int = 8) -> float:
    """Operations a second of the largest matrix product of a layer, the best of some."""
    size = teacher.model.config.hidden_size
    left = torch.randn(tokens, size, device=teacher.device, dtype=dtype)
    right = torch.randn(size, 4 * size, device=teacher.device, dtype=dtype)
    best = float("inf")
    for _ in range(times):
        before = time.perf_counter()
        (left @ right)[0, 0].item()
        best = min(best, time.perf_counter() - before)
    return 2 * tokens * size * 4 * size / best


def _matrix_weights(teacher: Teacher) -> int:
    """Weights that every token is multiplied with: those of the encoder's linear layers."""
    return sum(
        module.weight.numel()
        for name, module in teacher.model.named_modules()
        if isinstance(module, torch.nn.Linear) and "layer" in name
    )


def _changes(teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget) -> np.ndarray:
    """F(text) − F(baseline) of every text."""
    found = np.zeros(len(texts))
    embedded = EmbeddedTexts(teacher, texts)

    def compute(rows: list[int]) -> None:
        logits = embedded.logits(rows)
        labels = logits.argmax(-1, keepdim=True)
        change = logits.gather(1, labels) - embedded.baseline_logits(rows).gather(1, labels)
        found[rows] = change[:, 0].cpu().numpy()

    budget.run(embedded.lengths, compute)
    return found


def _summary(
    found: Sequence[Scores],
    changes: np.ndarray,
    reference: Mapping[int, np.ndarray],
) -> dict[str, Any]:
    """How exact a method is, and the evaluations that it spent."""
    sums = np.array([one.scores.sum() for one in found])
    missed = [
        abs(total - change) if one.missed is None else one.missed
        for one, total, change in zip(found, sums, changes, strict=True)
    ]
    pairs = [(found[row].scores, exact) for row, exact in reference.items()]
    cosines = [a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairs]
    distances = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in pairs]
    return {
        "evaluations": float(np.mean([one.evaluations for one in found])),
        "completeness_error": {
            "mean": float(np.mean(missed)),
            "median": float(np.median(missed)),
            "returned_mean": float(np.abs(sums - changes).mean()),
        },
        "cosine": {
            "mean": float(np.mean(cosines)),
            "p10": float(np.quantile(cosines, 0.1)),
            "min": float(np.min(cosines)),
        },
        "relative_distance": float(np.mean(distances)),
    }


def _operations_by_block(
    teacher: Teacher, texts: Sequence[EncodedText], found: Sequence[Scores], block: int
) -> list[int]:
    """Floating-point operations that a method spent on each block."""
    pairs = list(zip(texts, found, strict=True))
    return [
        sum(_operations(teacher, len(text), one.evaluations - 1) for text, one in part)
        for part in (pairs[start : start + block] for start in range(0, len(pairs), block))
    ]


def _operations(teacher: Teacher, tokens: int, gradients: int) -> int:
    """Floating-point operations of a text: a forward pass, and gradients of two passes each."""
    config = teacher.model.config
    dense = 2 * _matrix_weights(teacher) * tokens
    attention = 4 * tokens**2 * config.hidden_size * config.num_hidden_layers
    return (1 + 2 * gradients) * (dense + attention)


if __name__ == "__main__":
    main(sys.argv[1:])
