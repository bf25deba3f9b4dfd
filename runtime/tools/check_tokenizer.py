# SPDX-License-Identifier: Apache-2.0
"""Compare the tokenizer of the compiled engine with the student's, word by word and span by span.

    python runtime/tools/check_tokenizer.py --strings 1000000 --data_dir DATA --output RESULT.json

Every code point is read by itself and between letters, then random strings, then every text of the
files below `--data_dir` (fields of CSV, strings of JSON lines, lines of other files, .xz or not).
A file is written whose words are all words of the texts, so that equal rows are equal words.
Needs dixtill_hf.
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import random
import struct
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import tokenizers

from dixtill_hf.export.dxt import container, labels_section, words_section
from dixtill_hf.export.unicode_profile import unicode_section, unicode_tables
from dixtill_hf.student.tokenization import SPECIAL_TOKENS, WordTokenizer, train_word_tokenizer
from dixtill_runtime import Prediction, Word
from dixtill_runtime._core import Core

WORD_LIMIT = 65_535
LONGEST_WORD = 255
TEXTS_AT_A_TIME = 20_000
SURROGATES = range(0xD800, 0xE000)
# Where characters interact: marks and what they compose with, conjoining jamo, scripts without
# spaces, both cases, what is removed, white space, punctuation, literals.
POOLS = (
    [chr(c) for c in range(0x20, 0x7F)],
    [chr(c) for c in (*range(0x300, 0x370), *range(0x591, 0x5C8), *range(0x64B, 0x660))],
    [chr(c) for c in (*range(0xE31, 0xE4F), *range(0x93C, 0x94E), 0x3099, 0x309A, 0x344, 0xF73)],
    [chr(c) for c in (*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A8, 0x11C3))],
    [chr(c) for c in (*range(0xA0, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x2000))],
    [chr(c) for c in (*range(0x900, 0x1100), *range(0x1780, 0x17F0), *range(0x3040, 0x3100))],
    [chr(c) for c in (*range(0x4E00, 0x4E20), *range(0xAC00, 0xAC40), *range(0xF900, 0xFB50))],
    ["\u0130", "I", "i", "i\u0307", "\u0307", "\u03c3", "\u03c2", "\u03a3"],
    ["\u200d", "\ufeff", "\ufffd", "\x00", "\x01", "\t"],
    ["\n", "\r", "\u2028", "\u00ad", "\u3000", " ", " ", "[PAD]", "[UNK]", "[", "PAD]", "[PA"],
)


def code_point_texts(every: int = 1) -> Iterator[str]:
    """Every code point, or one of so many, by itself between spaces, and between letters."""
    codes = [c for c in range(0, 0x110000, every) if c not in SURROGATES]
    for start in range(0, len(codes), 10_000):
        part = [chr(code) for code in codes[start : start + 10_000]]
        yield " ".join(part)
        yield "".join(f"a{character}b " for character in part)


def random_texts(count: int, seed: int) -> Iterator[str]:
    """Strings of up to 24 characters, most of them from places where characters interact."""
    draw = random.Random(seed)
    for _ in range(count):
        pools = draw.choices(POOLS, k=draw.randint(1, 4))
        characters = []
        for _ in range(draw.randint(1, 24)):
            if draw.random() < 0.05:
                code = draw.randrange(0x110000)
                characters.append("" if code in SURROGATES else chr(code))
            else:
                characters.append(draw.choice(draw.choice(pools)))
        yield "".join(characters)


def texts_of_files(directory: Path) -> Iterator[str]:
    """All texts of the files below a directory."""
    csv.field_size_limit(sys.maxsize)
    for path in sorted(directory.rglob("*")):
        if not path.is_file():
            continue
        with _opened(path) as file:
            if path.suffix == ".csv":
                for row in csv.reader(file):
                    yield from row
            elif path.suffix == ".jsonl":
                for line in file:
                    yield from _strings(json.loads(line))
            else:
                yield from file


def _opened(path: Path) -> TextIO:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8", newline="")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def differences(texts: Iterable[str], literals: bool = False) -> tuple[int, list[str]]:
    """How many texts were compared, and those of which words or spans differ.

    Args:
        texts: The texts.
        literals: Whether special tokens in a text are read as such, not as plain words.
    """
    texts, compared, different = iter(texts), 0, []
    while part := list(islice(texts, TEXTS_AT_A_TIME)):
        tokenizer = train_word_tokenizer([*part, "a"])
        tokenizer.backend_tokenizer.encode_special_tokens = not literals
        core, rows = _core_with_words(tokenizer, literals)
        encodings = tokenizer.backend_tokenizer.encode_batch(part, add_special_tokens=False)
        for text, encoding in zip(part, encodings, strict=True):
            spans, found, *_ = core.run(text)
            expected = [rows[token] for token in encoding.ids]
            if found != expected[:WORD_LIMIT] or spans != encoding.offsets[:WORD_LIMIT]:
                different.append(text)
        compared += len(part)
    return compared, different


def _core_with_words(tokenizer: WordTokenizer, with_literals: bool) -> tuple[Core, dict[int, int]]:
    """An engine that knows the words of the tokenizer, and the row of each of its ids."""
    ids = tokenizer.get_vocab()
    words = sorted(
        (word for word in ids if word not in SPECIAL_TOKENS and len(word.encode()) <= LONGEST_WORD),
        key=str.encode,
    )
    literals = {"[PAD]": len(words) + 1, "[UNK]": 0} if with_literals else {}
    rows = dict.fromkeys(ids.values(), 0)
    rows |= {ids[word]: row for row, word in enumerate(words, 1)}
    rows |= {ids[literal]: row for literal, row in literals.items()}
    return Core(_smallest_file(words, literals), Prediction, Word), rows


def _smallest_file(words: list[str], literals: dict[str, int]) -> bytes:
    """A student of one dimension and one unit, whose weights are 0."""
    count = len(words)
    head = [0, 2, count, count + 2, 1, 1, 1, WORD_LIMIT, 0, 0, 1, 2, 0, 1, 1, 0, 7, 0, 0, 0]
    rows = bytes(2 * (count + 2))
    return container(
        {
            "HEAD": struct.pack("<20If3I", *head, 1.0, 0, 0, 0),
            "LABL": labels_section(["a", "b"]),
            "UNIC": unicode_section(unicode_tables(), splits_words=True, literals=literals),
            "WORD": words_section([word.encode() for word in words]),
            "ROWS": rows + bytes(-len(rows) % 4) + bytes(count + 2),
            "LSTM": bytes(2 * (3 * 4 * 4 + 4 + 4)),
            "ATTN": bytes(4 + 4 + 2),
            "CLSF": bytes(2 * 4 + 2 * 2 * 2),
        }
    )


def main() -> None:
    """Compare, and write down how many texts were compared and which differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strings", type=int, default=1_000_000, help="Number of random strings.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the random strings.")
    parser.add_argument("--data_dir", type=Path, help="Directory of the files.")
    parser.add_argument("--output", type=Path, help="The JSON file to write.")
    arguments = parser.parse_args()
    jobs = {
        "code_points": code_point_texts(),
        "random_strings": random_texts(arguments.strings, arguments.seed),
        "literals": random_texts(arguments.strings, arguments.seed + 1),
        "files": texts_of_files(arguments.data_dir) if arguments.data_dir else (),
    }
    result: dict[str, Any] = {"tokenizers": tokenizers.__version__, "seed": arguments.seed}
    for name, texts in jobs.items():
        compared, different = differences(texts, literals=name == "literals")
        result[name] = {"texts": compared, "different": len(different), "first": different[:10]}
        print(name, json.dumps(result[name]))
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
