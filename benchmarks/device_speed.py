# SPDX-License-Identifier: Apache-2.0
"""Time one text at a time on one thread: the integer runtime next to ONNX Runtime.

    python benchmarks/device_speed.py STUDENT --texts tweets.csv --column text

A text goes in as a string, the label and the contributions of all words come out. In every round
each runtime takes the same text, in an order drawn anew, so that what disturbs the machine disturbs
all alike. The student is exported to a directory that is removed afterwards. Results go to
`benchmarks/results/device_speed.json`, one entry a machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers
from transformers import AutoTokenizer

from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.float_student import float_student
from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_student import OnnxStudent
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_runtime import Classifier, Prediction, Word, __version__
from dixtill_runtime._core import Core

RESULTS = Path(__file__).parent / "results" / "device_speed.json"
WARM_UP = 200
# Products of 16-bit numbers that AVX2 does at once, twice a cycle.
PRODUCTS_A_CYCLE = 32

Run = Callable[[str], object]


def read_texts(path: Path, column: str) -> list[str]:
    """The texts of a column of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def runtimes(student: Path, bits: str) -> tuple[dict[str, Run], dict[str, Any]]:
    """What is timed, by name, and the sizes of the student."""
    model = DixtillForSequenceClassification.from_pretrained(student)
    tokenizer = AutoTokenizer.from_pretrained(student)
    with tempfile.TemporaryDirectory() as directory:
        onnx = OnnxStudent(export_student(model, tokenizer, directory), threads=1)
    file = student_bytes(float_student(model, tokenizer), bits)
    classifier = Classifier(file)
    best, portable = (Core(file, Prediction, Word) for _ in range(2))
    portable.use_portable()
    runs: dict[str, Run] = {
        "ONNX Runtime": lambda text: onnx.explain(onnx.tokenize([text])),
        "C, portable": portable.run,
        f"C, {best.instructions}": best.run,
        f"C, {best.instructions}, as Python objects": classifier,
    }
    size = {"bytes": len(file), "multiply_adds_a_word": multiply_adds(model.config)}
    return runs, size


def multiply_adds(config: Any) -> int:
    """Products of a word: both directions of the LSTM, attention, evidence for all labels."""
    states = 2 * config.hidden_size
    lstm = 2 * 4 * config.hidden_size * (config.embedding_size + config.hidden_size)
    return int(lstm + config.attention_size * states + config.num_labels * states)


def measure(
    runs: dict[str, Run], texts: Sequence[str], rounds: int, seed: int
) -> dict[str, list[float]]:
    """Microseconds of each runtime in each round."""
    draw = random.Random(seed)
    names = list(runs)
    times: dict[str, list[float]] = {name: [] for name in names}
    for round_ in range(WARM_UP + rounds):
        text = draw.choice(texts)
        draw.shuffle(names)
        for name in names:
            start = time.perf_counter_ns()
            runs[name](text)
            taken = time.perf_counter_ns() - start
            if round_ >= WARM_UP:
                times[name].append(taken / 1_000)
    return times


def summary(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Percentiles, and how many times faster than ONNX Runtime the median is."""
    slowest = float(np.median(times["ONNX Runtime"]))
    return {
        name: {
            "p50_us": round(float(np.percentile(values, 50)), 1),
            "p95_us": round(float(np.percentile(values, 95)), 1),
            "times_faster": round(slowest / float(np.median(values)), 2),
        }
        for name, values in times.items()
    }


def processor() -> dict[str, Any]:
    """Name, clock and load of the processor, as far as the system tells."""
    found: dict[str, Any] = {"name": platform.machine(), "load": round(os.getloadavg()[0], 1)}
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = [line.split(":", 1) for line in information.read_text().splitlines() if ":" in line]
        fields = {name.strip(): value.strip() for name, value in lines}
        found["name"] = fields.get("model name", found["name"])
        if "cpu MHz" in fields:
            found["mhz"] = round(float(fields["cpu MHz"]))
    return found


def floor(multiply_adds_a_text: float, machine: dict[str, Any]) -> float | None:
    """Microseconds that the products of a text take at least, if nothing else took any time."""
    mhz = machine.get("mhz")
    return round(multiply_adds_a_text / PRODUCTS_A_CYCLE / mhz, 1) if mhz else None


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("student", type=Path, help="Directory of the student.")
    parser.add_argument("--texts", type=Path, required=True, help="CSV file of the texts.")
    parser.add_argument("--column", default="text", help="Its column of the texts.")
    parser.add_argument("--bits", default="8", help="Bits of the word vectors: 8, 4 or pq.")
    parser.add_argument("--rounds", type=int, default=3_000, help="Texts that are timed.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of texts and order.")
    parser.add_argument("--output", type=Path, default=RESULTS, help="The JSON file to write.")
    arguments = parser.parse_args()

    texts = read_texts(arguments.texts, arguments.column)
    runs, size = runtimes(arguments.student, arguments.bits)
    machine = processor()
    results = summary(measure(runs, texts, arguments.rounds, arguments.seed))
    core_name = next(name for name in results if name.startswith("C, ") and name != "C, portable")
    core: Any = runs[core_name]
    words = float(np.mean([len(core(text)[0]) for text in texts]))
    products = words * size["multiply_adds_a_word"]
    record = {
        "processor": machine,
        "versions": {
            "dixtill-runtime": __version__,
            "onnxruntime": onnxruntime.__version__,
            "tokenizers": tokenizers.__version__,
            "python": platform.python_version(),
        },
        "texts": arguments.texts.name,
        "rounds": arguments.rounds,
        "seed": arguments.seed,
        "bits": arguments.bits,
        **size,
        "words_a_text": round(words, 1),
        "multiply_adds_a_text": round(products),
        "floor_us": floor(products, machine),
        "load_afterwards": round(os.getloadavg()[0], 1),
        "runtimes": results,
    }
    print(json.dumps(record, indent=2))
    arguments.output.write_text(json.dumps(record, indent=2) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
