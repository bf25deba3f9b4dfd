# SPDX-License-Identifier: Apache-2.0
"""Time one text at a time on one thread: the integer runtime next to other classifiers.

    python -m benchmarks.device_speed STUDENT --texts test.csv --teacher TEACHER --train train.csv

A text goes in as a string; of the students the label and the contributions of all words come out,
of the others the label. In every round each of them takes the same text, in an order drawn anew, so
that what disturbs the machine disturbs all alike. `--teacher` adds the fine-tuned teacher in int8
(ONNX Runtime, the extra onnx); `--train` adds fastText (word vectors of 50 dimensions, pairs of
words) and model2vec, if their packages are installed. model2vec's vectors are random numbers of the
size of potion-base-8M, with the teacher's tokenizer: only the time counts. Results go to
`benchmarks/results/device_speed.json`.
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
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers
from transformers import AutoTokenizer

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.baselines.quantization import compress_teacher, load_compressed
from dixtill_hf.data.words import words_of
from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.float_student import float_student
from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_student import OnnxStudent
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.teacher.loading import load_teacher
from dixtill_runtime import Classifier, Prediction, Word, __version__
from dixtill_runtime._core import Core

RESULTS = Path(__file__).parent / "results" / "device_speed.json"
ONNX = "student, ONNX Runtime"
PORTABLE = "student, dixtill-runtime, portable C"
OTHERS = ("model2vec", "fasttext-numpy2-wheel")
WARM_UP = 100
# Products of 16-bit numbers that AVX2 does at once, twice a cycle.
PRODUCTS_A_CYCLE = 32

Run = Callable[[str], object]


def read_texts(path: Path, column: str) -> list[str]:
    """The texts of a column of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.DictReader(file)]


def runtimes(student: Path, bits: str) -> tuple[dict[str, Run], dict[str, Any]]:
    """The student in every runtime, by name, and its sizes."""
    model = DixtillForSequenceClassification.from_pretrained(student)
    tokenizer = AutoTokenizer.from_pretrained(student)
    with tempfile.TemporaryDirectory() as directory:
        onnx = OnnxStudent(export_student(model, tokenizer, directory), threads=1)
    file = student_bytes(float_student(model, tokenizer), bits)
    best, portable = (Core(file, Prediction, Word) for _ in range(2))
    portable.use_portable()
    runs: dict[str, Run] = {
        ONNX: lambda text: onnx.explain(onnx.tokenize([text])),
        PORTABLE: portable.predict,
        f"student, dixtill-runtime, {best.instructions}": Classifier(file),
    }
    size = {"bytes": len(file), "multiply_adds_a_word": multiply_adds(model.config)}
    return runs, size


def int8_teacher(directory: Path) -> dict[str, Run]:
    """The teacher in int8, by ONNX Runtime's dynamic quantisation."""
    with tempfile.TemporaryDirectory() as name:
        saved = Path(name) / "int8"
        compress_teacher(load_teacher(directory), "int8-dynamic", saved)
        teacher = load_compressed(saved, threads=1)
    return {"teacher, int8, ONNX Runtime": lambda text: teacher.logits(teacher.tokenize([text]))}


def fasttext_model(train: Path, column: str, label: str) -> dict[str, Run]:
    """A fastText classifier."""
    import fasttext

    with train.open(encoding="utf-8", newline="") as file, tempfile.TemporaryDirectory() as name:
        rows = [
            f"__label__{r[label]} {' '.join(words_of(r[column]))}" for r in csv.DictReader(file)
        ]
        lines = Path(name) / "train.txt"
        lines.write_text("\n".join(rows) + "\n", encoding="utf-8")
        model = fasttext.train_supervised(
            str(lines), dim=50, wordNgrams=2, epoch=5, thread=1, verbose=0
        )
    return {"fastText": lambda text: model.predict(text.replace("\n", " "))}


def model2vec_model(tokenizer: Path) -> dict[str, Run]:
    """A static model with a linear layer on its vectors, all of random numbers."""
    from model2vec import StaticModel

    words = tokenizers.Tokenizer.from_file(str(tokenizer))
    words.no_padding()
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((words.get_vocab_size(), 256)).astype(np.float32)
    model, weight = StaticModel(vectors, words), draw.standard_normal((256, 3))
    return {"model2vec": lambda text: (model.encode([text]) @ weight).argmax()}


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
    """Percentiles, and how many times faster the median is than the student's in ONNX Runtime."""
    slowest = float(np.median(times[ONNX]))
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
    parser.add_argument("--teacher", type=Path, help="Directory of the fine-tuned teacher.")
    parser.add_argument("--train", type=Path, help="CSV file of texts and labels for fastText.")
    parser.add_argument("--label_column", default="label", help="Its column of the labels.")
    parser.add_argument("--bits", default="8", help="Bits of the word vectors: 8, 4 or pq.")
    parser.add_argument("--rounds", type=int, default=3_000, help="Texts that are timed.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of texts and order.")
    parser.add_argument("--output", type=Path, default=RESULTS, help="The JSON file to write.")
    arguments = parser.parse_args()

    texts = read_texts(arguments.texts, arguments.column)
    runs, size = runtimes(arguments.student, arguments.bits)
    if arguments.teacher:
        runs |= int8_teacher(arguments.teacher)
        if find_spec("model2vec"):
            runs |= model2vec_model(arguments.teacher / "tokenizer.json")
    if arguments.train and find_spec("fasttext"):
        runs |= fasttext_model(arguments.train, arguments.column, arguments.label_column)
    machine = processor()
    results = summary(measure(runs, texts, arguments.rounds, arguments.seed))
    classify: Any = runs[PORTABLE]
    words = float(np.mean([len(classify(text).words) for text in texts]))
    products = words * size["multiply_adds_a_word"]
    record = {
        "processor": machine,
        "versions": {
            "dixtill-runtime": __version__,
            "onnxruntime": onnxruntime.__version__,
            "tokenizers": tokenizers.__version__,
            **{name: version(name) for name in OTHERS if find_spec(name.partition("-")[0])},
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
    write_json(arguments.output, record)


if __name__ == "__main__":
    main()
