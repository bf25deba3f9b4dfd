# SPDX-License-Identifier: Apache-2.0
"""The compiled engine gives the integers of the reference, whatever file or text it gets."""

import random
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from dixtill_runtime import Classifier, Prediction, Word
from dixtill_runtime.container import ContainerError, read_container
from dixtill_runtime.reference import ReferenceEngine

_core = pytest.importorskip("dixtill_runtime._core", reason="The compiled engine is not built.")

INSTRUCTIONS = ["best", "portable"]
# Dimensions, hidden units, rows of the attention matrix and labels: vectors of every remainder.
SIZES = [
    (1, 1, 1, 2),
    (10, 6, 11, 3),
    (15, 9, 7, 2),
    (50, 50, 100, 3),
    (33, 17, 24, 5),
    (96, 40, 64, 2),
]
# Pieces of texts, with what has no UTF-8, what is removed, composed, and one word by itself.
ODD = [
    "[UNK]",
    "[PAD]",
    "[",
    ".",
    "é",
    "e\u0301",
    "\ud800",
    "\x00",
    "\u200b",
    "東京",
    "กำ",
    "İ",
    "Σ",
]


def core(data: bytes, instructions: str = "best") -> Any:
    engine = _core.Core(data, Prediction, Word)
    if instructions == "portable":
        engine.use_portable()
    return engine


def random_text(random_: random.Random, words: list[str]) -> str:
    pieces = []
    for _ in range(random_.randrange(40)):
        kind = random_.random()
        if kind < 0.6:
            pieces.append(random_.choice(words))
        elif kind < 0.8:
            pieces.append(random_.choice(ODD))
        else:
            pieces.append(chr(random_.randrange(0x11000)))
        pieces.append(random_.choice(["", " "]))
    return "".join(pieces)


def place(data: bytes, name: str) -> tuple[int, int]:
    """Offset and size of a section."""
    for entry in range(32, 32 + 16 * struct.unpack_from("<I", data, 20)[0], 16):
        tag, offset, size, _ = struct.unpack_from("<4sIII", data, entry)
        if tag.decode() == name:
            return offset, size
    raise KeyError(name)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_answers_are_those_written_down(
    student: bytes, answers: list[dict[str, Any]], instructions: str
) -> None:
    engine = core(student, instructions)
    for expected in answers:
        for value, name in zip(engine.run(expected["text"]), list(expected)[1:], strict=True):
            assert np.array_equal(value, expected[name]), (expected["text"], name)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("extreme", [False, True])
def test_any_text_and_any_weights_give_the_integers_of_the_reference(
    random_file: Callable[..., bytes], bits: str, sizes: tuple[int, ...], extreme: bool
) -> None:
    data = random_file(sizes, extreme)
    words = [word.decode() for word in read_container(data).words]
    engine, portable, reference = core(data), core(data, "portable"), ReferenceEngine(data)
    random_ = random.Random(bits)
    for _ in range(40):
        text = random_text(random_, words)
        expected = tuple(reference.run(text))
        assert engine.run(text) == expected, ascii(text)
        assert portable.run(text) == expected, ascii(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"problem_type": 0},
        {"problem_type": 0, "answer_threshold": 1 << 23},
        {"problem_type": 0, "explanation": 1},
        {"problem_type": 1},
        {"problem_type": 2},
    ],
)
def test_predictions_are_those_of_the_reference(
    student: bytes,
    answers: list[dict[str, Any]],
    changed: Callable[..., bytes],
    fields: dict[str, int],
) -> None:
    thresholds = [1 << 22, 1 << 23, 3 << 22] if fields["problem_type"] == 1 else []
    data = changed(thresholds, **fields)
    fast, slow = Classifier(data, "core"), Classifier(data, "reference")
    for name in ("labels", "problem_type", "explanation", "logit_unit", "score_unit", "meta"):
        assert getattr(fast, name) == getattr(slow, name)
    assert fast.thresholds == slow.thresholds == tuple(value / (1 << 24) for value in thresholds)
    assert fast.answer_threshold == slow.answer_threshold
    for answer in answers:
        prediction = fast(answer["text"])
        assert prediction == slow(answer["text"])
        assert isinstance(prediction, Prediction)
        assert all(isinstance(word, Word) for word in prediction.words)
        sure = prediction.probability is None or prediction.probability >= fast.answer_threshold
        assert prediction.answered == sure


def test_predictions_free_what_they_take(student: bytes) -> None:
    engine = core(student)
    label, before = engine.labels[0], sys.getrefcount(engine.labels[0])
    for _ in range(100):
        engine.predict("profit falls and rises")
    assert sys.getrefcount(label) == before


def test_classes_that_are_no_tuples_are_refused(student: bytes) -> None:
    with pytest.raises(TypeError, match="must be tuples"):
        _core.Core(student, dict, Word)


def test_contributions_and_biases_sum_to_every_logit(student: bytes) -> None:
    engine = core(student)
    bias = engine.run("")[4]
    for text in ("profit falls", "word " * 3_000, "\ud800"):
        contributions = np.array(engine.run(text)[3], int).reshape(-1, len(bias))
        assert tuple(bias + contributions.sum(axis=0)) == engine.run(text)[4]


def test_eight_threads_get_the_answers_of_one(student: bytes) -> None:
    engine = core(student)
    words = [word.decode() for word in read_container(student).words]
    random_ = random.Random(0)
    texts = [random_text(random_, words) for _ in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(engine.run, texts * 8)) == [engine.run(text) for text in texts] * 8


def test_a_text_beyond_the_word_limit_is_cut_and_says_so(student: bytes) -> None:
    limit = read_container(student).head.word_limit
    engine = core(student)
    assert not engine.run("a " * limit)[6]
    spans, *_, cut = engine.run("a " * (limit + 1))
    assert cut
    assert len(spans) == limit


def test_a_text_of_many_megabytes_takes_no_memory_for_what_is_not_read(student: bytes) -> None:
    engine = core(student)
    assert engine.run("x" * 20_000_000)[0] == [(0, 20_000_000)]
    assert engine.run("\u0301" * 1_000_000)[0] == [(0, 1_000_000)]
    assert engine.run(" " * 20_000_000)[0] == []


def test_spans_count_characters(student: bytes) -> None:
    spans = core(student).run("é e\u0301x 東京\U0001f600 \ud800a")[0]
    assert spans == [(0, 1), (2, 5), (6, 7), (7, 8), (8, 9), (11, 12)]


@pytest.mark.parametrize("given", [b"bytes", None, 3])
def test_what_is_no_string_is_refused(student: bytes, given: object) -> None:
    with pytest.raises(TypeError, match="string"):
        core(student).run(given)


def test_damaged_files_are_refused_as_the_reference_refuses_them(
    student: bytes, repaired: Callable[[bytearray], bytes]
) -> None:
    random_ = random.Random(0)
    # The core does not read section `meta`. Structure is in the first bytes of file and sections.
    starts = [0, *(place(student, t)[0] for t in read_container(student).sections if t != "meta")]
    end = place(student, "meta")[0]
    for _ in range(200):
        damaged = bytearray(student)
        for _ in range(random_.randrange(1, 4)):
            at = min(random_.choice(starts) + int(random_.expovariate(1 / 40)), end - 1)
            bit = damaged[at] ^ 1 << random_.randrange(8)
            damaged[at] = random_.choice([0, 1, 127, 128, 255, bit])
        data = repaired(damaged)
        assert is_refused(core, data) == is_refused(read_container, data)


def is_refused(read: Callable[[bytes], object], data: bytes) -> bool:
    try:
        read(data)
    except (ContainerError, ValueError):
        return True
    return False


@pytest.mark.parametrize("size", [0, 7, 31, 32, 100])
def test_truncated_files_are_refused(student: bytes, size: int) -> None:
    with pytest.raises(ValueError, match="file"):
        core(student[:size])


def test_a_classifier_takes_the_compiled_engine_by_itself(student: bytes) -> None:
    classifier, slow = Classifier(student), Classifier(student, engine="reference")
    assert classifier.engine == "core"
    assert classifier("Profit falls.") == slow("Profit falls.")


def test_the_engine_frees_what_it_takes(student: bytes) -> None:
    before = sys.getrefcount(student)
    engine = core(student)
    engine.run("a b c")
    assert sys.getrefcount(student) == before + 1
    del engine
    assert sys.getrefcount(student) == before
