# SPDX-License-Identifier: Apache-2.0
"""The runtime finds the words, and where they stand, that the `tokenizers` library finds."""

import random
import sys

import pytest

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")

from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.float_student import float_student
from dixtill_hf.export.unicode_profile import unicode_tables
from dixtill_runtime.container import read_container
from dixtill_runtime.tokenizer import WordTokenizer

from .conftest import random_student

SPECIAL = (
    *("[PAD]", "[UNK]", "[unk]", "i\u0307", "I\u0307\u0301", "i\x01\u0307", "\r\n"),
    *("e\u0301\u0327", "\u1112\u1161\u11ab", "\u0e01\u0e33"),
)


@pytest.fixture(scope="module")
def both(sentences):
    """Words, rows and spans of a text by the library, and by the runtime."""
    words = "東 か \u0e01 é ss i\u0307 \u03c2 \u0130k \ufb1f \u8c48"
    model, tokenizer = random_student([*sentences, words])
    container = read_container(student_bytes(float_student(model, tokenizer)))
    repeated = WordTokenizer(container)
    names = {row: word.decode() for row, word in enumerate(container.words, start=1)}
    names |= {0: "[UNK]"}

    def library(text):
        encoding = tokenizer(text, return_offsets_mapping=True)
        tokens = tokenizer.convert_ids_to_tokens(encoding["input_ids"])
        return list(zip(tokens, encoding["offset_mapping"], strict=True))

    def runtime(text):
        return [(names[row], (start, end)) for row, start, end in repeated(text)[0]]

    return library, runtime


def test_every_kind_of_character(both):
    library, runtime = both
    tables = unicode_tables()
    told = [*tables.flags, *tables.lower, *tables.combining, *tables.composed, *tables.decomposed]
    codes = {*range(0x300), *random.Random(0).sample(sorted(set(told)), 4_000), sys.maxunicode}
    for code in codes:
        for text in (chr(code), f"a{chr(code)}b\u0e01{chr(code)}\u0301"):
            assert runtime(text) == library(text), hex(code)


@pytest.mark.slow
def test_random_texts(both):
    library, runtime = both
    generator = random.Random(1)
    tables = unicode_tables()
    busy = [*map(chr, tables.combining), *map(chr, tables.composed), *map(chr, tables.lower)]
    kinds = ([chr(code) for code in range(32, 127)], busy, SPECIAL, [*map(chr, tables.flags)])
    for _ in range(3_000):
        text = "".join(
            generator.choice(generator.choice(kinds)) for _ in range(generator.randint(0, 20))
        )
        assert runtime(text) == library(text), ascii(text)


def test_tables_for_some_words_are_smaller():
    tables = unicode_tables()
    assert len(tables.for_words(["abc"]).decomposed) < 200 < len(tables.decomposed)
    assert 0xF900 in tables.for_words(["\u8c48"]).decomposed
