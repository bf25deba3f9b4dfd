# SPDX-License-Identifier: Apache-2.0
"""Reads thousands of files that are written here from known rows, in odd forms and with damage.

    python -m benchmarks.fuzz_files --files 10000 --output benchmarks/results/fuzz_files.json

A file in an odd form must give the known rows or be refused. A damaged file must give rows that its
bytes still hold or be refused: if it was cut, these are the known rows up to the cut. A refusal is
a `ValueError` or `OSError`; any other exception, and any other row, is a failure. The writers share
no code with the readers. Files of word vectors and the checkpoints of a teacher are treated in the
same way.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import platform
import random
import shutil
import struct
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import torch
import transformers

from benchmarks.fuzz_writers import Case, damage, data_case
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.loading import load_text_classification
from dixtill_hf.student.vector_files import open_vectors
from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.loading import load_teacher


def check_data(case: Case) -> str:
    """Read a file of texts; "rows" or "refused".

    Raises:
        AssertionError: Other rows were read.
    """
    path = case.path
    try:
        data = load_text_classification({"train": path, "validation": path}, require_test=False)
    except (ValueError, OSError) as error:
        if str(error).rstrip().endswith((".", "?")):
            return "refused"
        raise AssertionError(f"a refusal without an end: {error}") from error
    names = label_names(data)
    found = [(row["text"], names[row["label"]]) for row in data["train"].to_list()]
    if case.damaged:
        return "rows of a changed file"
    whole = {"0.0": "0", "1.0": "1"}
    expected = [(text, whole.get(label, label)) for text, label in case.rows]
    if not case.cut:
        assert found == expected, f"{case.path}: other rows"
        assert names == list(case.names), f"{case.path}: labels {names}"
        return "rows"
    before, last = found[:-1], found[-1:]
    assert before == expected[: len(before)], f"{case.path}: other rows before the cut"
    for (text, _), (original, _) in zip(last, expected[len(before) :], strict=False):
        # A quoted cell that lost its end is a text that begins with a quotation mark.
        read = (text, text[1:].replace('""', '"') if text.startswith('"') else text)
        assert original.startswith(read), f"{case.path}: another row at the cut"
    return "rows before the cut"


WORDS = {"the": (1.0, 2.0, -3.0), "café": (0.5, 0.25, 0.0), "up": (9.0, 8.0, 7.0)}


def check_vectors(draw: random.Random, directory: Path) -> tuple[str, str]:
    """Write, damage and read a file of word vectors; its kind and what came of it."""
    header = draw.random() < 0.5
    lines = [f"{len(WORDS)} 3"] * header
    lines += [" ".join([word, *map(str, values)]) for word, values in WORDS.items()]
    content = (draw.choice(("\n", "\r\n", " \n")).join(lines) + "\n").encode()
    kind = draw.choice(("vectors, text", "vectors, gzip", "vectors, binary"))
    if kind == "vectors, binary":
        rows = [word.encode() + b" " + struct.pack("<3f", *v) for word, v in WORDS.items()]
        content = f"{len(WORDS)} 3\n".encode() + b"".join(rows)
    if kind == "vectors, gzip":
        content = gzip.compress(content)
    path = directory / ("v.bin" if kind == "vectors, binary" else "v.txt")
    damaged, only_cut = draw.random() < 0.5, False
    if damaged:
        kind += ", damaged"
        content, only_cut = damage(draw, content)
    path.write_bytes(content)
    try:
        with open_vectors(path) as vectors:
            found = {word: tuple(vectors.vector(row)) for word, row in vectors.rows}
    except (ValueError, OSError):
        return kind, "refused"
    if damaged and not only_cut:
        return kind, "rows of a changed file"
    assert found.items() <= WORDS.items() or only_cut, f"{path}: other vectors"
    assert damaged or found == WORDS, f"{path}: not all vectors"
    return kind, "rows before the cut" if damaged else "rows"


LABELS_OF_TEACHER = ("bearish", "bullish", "neutral")
TEXTS = ["Shares of Acme fell.", "Globex raises its outlook and rises", ""]


def make_teacher(directory: Path) -> Path:
    """A tiny BERT with random weights, for its configuration to be changed."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = ["[PAD]", "[UNK]", *sorted({w for t in TEXTS for w in t.lower().split()})]
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32
    ).save_pretrained(directory)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
        hidden_act="relu",
        id2label=dict(enumerate(LABELS_OF_TEACHER)),
        label2id={label: number for number, label in enumerate(LABELS_OF_TEACHER)},
    )
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(directory)
    return directory


def teacher_logits(directory: Path) -> torch.Tensor:
    """The teacher's logits of the texts, in the order of its labels' names."""
    teacher = load_teacher(directory, LABELS_OF_TEACHER, device="cpu")
    with torch.inference_mode():
        return teacher.logits(collate(teacher, encode_texts(teacher, TEXTS)).inputs)


# A key that changes what the model computes, and that no other file of the checkpoint tells.
_ONLY_IN_CONFIG = {"hidden_act", "layer_norm_eps", "num_attention_heads"}


def check_teacher(draw: random.Random, whole: Path, directory: Path) -> tuple[str, str]:
    """Change a checkpoint and load it: the same logits, or a refusal.

    Raises:
        AssertionError: Other logits.
    """
    path = Path(shutil.copytree(whole, directory / "teacher"))
    expected = teacher_logits(whole)
    kind = draw.choice(("key removed", "labels", "layers", "file cut", "file removed"))
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    if kind == "key removed":
        key = draw.choice([key for key in config if key not in _ONLY_IN_CONFIG])
        del config[key]
    elif kind == "labels":
        numbers = draw.sample(range(4), 3)
        config["id2label"] = {
            str(number): LABELS_OF_TEACHER[place] for place, number in enumerate(numbers)
        }
        config["label2id"] = {label: int(n) for n, label in config["id2label"].items()}
    elif kind == "layers":
        key = draw.choice(("num_hidden_layers", "hidden_size", "vocab_size", "intermediate_size"))
        config[key] = draw.choice((1, 3, 8, 64))
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    if kind.startswith("file"):
        file = draw.choice(sorted(path.iterdir()))
        content = file.read_bytes()
        file.unlink()
        if kind == "file cut":
            file.write_bytes(content[: draw.randrange(len(content))])
    try:
        found = teacher_logits(path)
    except (ValueError, OSError):
        return f"teacher, {kind}", "refused"
    if kind == "labels":  # the names say which logit is which, in whatever order they come
        places = [config["label2id"][label] for label in LABELS_OF_TEACHER]
        expected = expected[:, places]
    assert torch.allclose(found, expected, atol=1e-6), f"other logits: {kind} {config}"
    return f"teacher, {kind}", "rows"


def run(files: int, seed: int, teachers: int) -> dict[str, Any]:
    """Write and read files; what came of them, by kind, and the failures.

    Args:
        files: How many files, those of teachers included.
        seed: Seed of all choices.
        teachers: How many of them are checkpoints of a teacher.
    """
    counts: dict[str, Counter[str]] = {}
    failures = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as kept:
        whole = make_teacher(Path(kept) / "whole") if teachers else Path()
        for number in range(files):
            draw = random.Random(f"{seed} {number}")
            directory = Path(kept) / draw.choice((str(number), f"{number}[ab]", f"{number}::x"))
            directory.mkdir()
            kind = ""
            try:
                if number < teachers:
                    kind, outcome = check_teacher(draw, whole, directory)
                elif draw.random() < 0.1:
                    kind, outcome = check_vectors(draw, directory)
                else:
                    case = data_case(draw, directory)
                    kind, outcome = case.kind, check_data(case)
            except Exception as error:  # whatever it is, it is what is looked for
                failures.append(f"file {number}, {kind}: {type(error).__name__}: {error}"[:500])
                outcome = "failed"
            counts.setdefault(kind, Counter())[outcome] += 1
            shutil.rmtree(directory)
    total: Counter[str] = sum(counts.values(), Counter())
    return {
        "files": files,
        "seed": seed,
        "outcomes": dict(sorted(total.items())),
        "by_kind": {kind: dict(sorted(found.items())) for kind, found in sorted(counts.items())},
        "failures": failures,
    }


def main() -> None:
    """Fuzz, and write down what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000, help="Number of files.")
    parser.add_argument("--teachers", type=int, default=500, help="Of these, teachers.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of all choices.")
    parser.add_argument("--output", type=Path, help="The JSON file to write.")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    datasets.disable_progress_bars()
    start = time.time()
    result = run(given.files, given.seed, given.teachers)
    result |= {
        "command": f"python -m benchmarks.fuzz_files --files {given.files} --seed {given.seed}",
        "seconds": round(time.time() - start),
        "versions": {
            "python": platform.python_version(),
            "datasets": datasets.__version__,
            "pyarrow": pa.__version__,
            "transformers": transformers.__version__,
        },
    }
    print(json.dumps({key: result[key] for key in ("outcomes", "seconds")}, indent=2))
    for failure in result["failures"][:20]:
        print(failure)
    if given.output:
        given.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    raise SystemExit(bool(result["failures"]))


if __name__ == "__main__":
    main()
