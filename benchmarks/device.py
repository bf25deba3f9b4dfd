# SPDX-License-Identifier: Apache-2.0
"""What a student loses in 8 bits, in 4, product-quantised, and at each size; next to ONNX.

The students come from `dixtill-hf run` (or from anything else that saves students); those of all
seeds are measured on the test split, each against itself as it was trained:

    dixtill-hf run --source data/trec6 --methods none --seeds 5 --output_dir runs/trec6
    python -m benchmarks.device trec6 --data_dir data --students runs/trec6/students/default/none

`--sizes` searches, for the first student, the best one within each number of bytes, on the
validation split; fastText, if its package is installed, is tuned to the same sizes. Results go to
`results/device.json`, one entry a data set, and the page and the picture are drawn from it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from datasets import DatasetDict
from sklearn.metrics import f1_score

from benchmarks import data_sets
from benchmarks.device_report import write_report
from benchmarks.entries import keep_entry
from dixtill_hf.baselines.bag_of_words import BagOfWords
from dixtill_hf.data.columns import LABEL, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.words import words_of
from dixtill_hf.export.device_student import integer_answers, make_device_student
from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.fidelity import (
    LabelledTexts,
    TextAnswer,
    float_answers,
    measure_fidelity,
)
from dixtill_hf.export.float_student import float_student
from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_session import MODEL_FILE
from dixtill_hf.export.onnx_student import INPUTS, OnnxStudent
from dixtill_hf.export.targets.onnx import quantize_dynamically
from dixtill_hf.student.student import Student, load_student
from dixtill_hf.workflow.environment import describe_environment

RESULTS = Path(__file__).parent / "results"
BITS = ("8", "4", "pq")
SIZES = (100_000, 150_000, 200_000, 300_000, 500_000)
_FASTTEXT_SECONDS = 60
# By the names that results/device.json has.
DATA_SETS = {
    "tweets": data_sets.DATA_SETS["finance tweets"],
    "tweet_emotion": data_sets.DATA_SETS["tweet emotion"],
    "trec6": data_sets.DATA_SETS["TREC-6"],
}


def main() -> None:
    """Measure the students of one data set and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_set", choices=DATA_SETS)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--students", type=Path, required=True, help="directory of seed-* students")
    parser.add_argument("--method", default="none", help="how they were trained, for the record")
    parser.add_argument("--sizes", type=int, nargs="*", default=[], help=f"such as {SIZES}")
    given = parser.parse_args()
    data = DATA_SETS[given.data_set].load(given.data_dir)
    directories = sorted(given.students.glob("seed-*[0-9]"))  # without checkpoints of a training
    if not directories:
        raise SystemExit(f"There are no seed-* students in {given.students}.")
    test = _labelled(data, "test")
    entry: dict[str, Any] = {
        "method": given.method,
        "texts": {name: len(split) for name, split in data.items()},
        "students": [_measure_student(load_student(path), test) for path in directories],
        "environment": describe_environment(),
    }
    _save(given.data_set, entry)
    if given.sizes:
        entry["sizes"] = _within_sizes(load_student(directories[0]), data, given.sizes)
        entry["baselines"] = [_bag_of_words(data)]
        _save(given.data_set, entry)
        for size in given.sizes if find_spec("fasttext") else ():
            entry["baselines"].append(_fasttext(data, size))
            _save(given.data_set, entry)


def _save(data_set: str, entry: dict[str, Any]) -> None:
    """Write what is measured so far, since fastText takes minutes."""
    write_report(keep_entry(RESULTS / "device.json", data_set, entry), RESULTS)


def _labelled(data: DatasetDict, split: str) -> LabelledTexts:
    return LabelledTexts(split, data[split][TEXT][:], data[split][LABEL][:])


def _measure_student(student: Student, test: LabelledTexts) -> dict[str, Any]:
    """Every form of a student: its bytes, and its fidelity to the trained one."""
    model, tokenizer = student.model, student.tokenizer
    trained = float_answers(model, tokenizer, test.texts)
    whole = float_student(model, tokenizer)
    forms: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as directory:
        path = export_student(model, tokenizer, directory)
        for name in ("onnx float32", "onnx int8, dynamic"):
            if name != "onnx float32":
                quantize_dynamically(path / MODEL_FILE)
            size = sum((path / file).stat().st_size for file in (MODEL_FILE, "tokenizer.json"))
            forms[name] = _form(
                size, measure_fidelity(trained, _onnx_answers(path), test, model.config)
            )
    for bits in BITS:
        data = student_bytes(whole, bits)
        forms[bits] = _form(
            len(data), measure_fidelity(trained, integer_answers(data), test, model.config)
        )
    return {"words": len(whole.words), "dimensions": whole.dimensions, "forms": forms}


def _form(size: int, fidelity: Any) -> dict[str, Any]:
    return {"bytes": size, **fidelity.record()}


def _onnx_answers(directory: Path) -> Callable[[str], TextAnswer]:
    """The answers of an ONNX student, one text at a time."""
    tokenize = OnnxStudent(directory, threads=1).tokenize
    session = onnxruntime.InferenceSession(
        str(directory / MODEL_FILE), providers=["CPUExecutionProvider"]
    )

    def answer(text: str) -> TextAnswer:
        inputs = {name: value for name, value in tokenize([text]).items() if name in INPUTS}
        logits, contributions = session.run(["logits", "contributions"], inputs)
        real = inputs["attention_mask"][0].astype(bool)
        return TextAnswer(logits[0].astype(float), contributions[0][real].astype(float))

    return answer


def _within_sizes(student: Student, data: DatasetDict, sizes: Sequence[int]) -> list[Any]:
    """The best student within each size, chosen on validation and measured on test."""
    test, validation = _labelled(data, "test"), _labelled(data, "validation")
    trained = float_answers(student.model, student.tokenizer, test.texts)
    found = []
    for size in sizes:
        try:
            small = make_device_student(
                student.model,
                student.tokenizer,
                "benchmark",
                max_bytes=size,
                validation=validation,
            )
        except ValueError as refusal:
            found.append({"max_bytes": size, "refused": str(refusal)})
            continue
        fidelity = measure_fidelity(
            trained, integer_answers(small.data), test, student.model.config
        )
        chosen = {"max_bytes": size, "chosen": small.report[0]}
        found.append({**chosen, **_form(len(small.data), fidelity)})
    return found


def _bag_of_words(data: DatasetDict) -> dict[str, Any]:
    """Logistic regression on words and pairs of words."""
    train, test = data["train"], data["test"]
    model = BagOfWords(len(label_names(data))).fit(train[TEXT][:], train[LABEL][:])
    predicted = model.predict_proba(test[TEXT][:]).argmax(axis=1)
    with tempfile.TemporaryDirectory() as directory:
        model.save(directory)
        size = sum(file.stat().st_size for file in Path(directory).iterdir())
    return {"name": "bag of words", "bytes": size, "macro_f1": _macro_f1(test[LABEL][:], predicted)}


def _fasttext(data: DatasetDict, size: int) -> dict[str, Any]:
    """fastText, its settings tuned on validation for a size, quantised."""
    import fasttext

    record: dict[str, Any] = {"name": "fastText", "max_bytes": size}
    with tempfile.TemporaryDirectory() as directory:
        files = {}
        for split in ("train", "validation"):
            files[split] = Path(directory) / f"{split}.txt"
            lines = zip(data[split][TEXT][:], data[split][LABEL][:], strict=True)
            text = "".join(f"__label__{label} {' '.join(words_of(t))}\n" for t, label in lines)
            files[split].write_text(text, encoding="utf-8")
        try:
            model = fasttext.train_supervised(
                str(files["train"]),
                autotuneValidationFile=str(files["validation"]),
                autotuneModelSize=f"{size // 1_000}k",
                autotuneDuration=_FASTTEXT_SECONDS,
                verbose=0,
            )
        except (RuntimeError, ValueError) as refusal:
            return {**record, "refused": str(refusal)}
        path = Path(directory) / "model.ftz"
        model.save_model(str(path))
        record["bytes"] = path.stat().st_size
    texts = [" ".join(words_of(text)) for text in data["test"][TEXT][:]]
    predicted = [int(names[0].removeprefix("__label__")) for names in model.predict(texts)[0]]
    return {**record, "macro_f1": _macro_f1(data["test"][LABEL][:], predicted)}


def _macro_f1(labels: Sequence[int], predicted: Sequence[int] | np.ndarray) -> float:
    return float(f1_score(labels, predicted, average="macro", zero_division=0.0))


if __name__ == "__main__":
    main()
