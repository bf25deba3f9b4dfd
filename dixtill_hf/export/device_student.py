# SPDX-License-Identifier: Apache-2.0
"""From a trained student to its integers: rounded as asked, or the best that fits, and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from dixtill_hf.export.dxt import student_bytes, student_size, unicode_of
from dixtill_hf.export.fidelity import (
    Fidelity,
    LabelledTexts,
    TextAnswer,
    float_answers,
    measure_fidelity,
)
from dixtill_hf.export.float_student import LONGEST_WORD, FloatStudent, float_student
from dixtill_hf.export.row_codes import ENCODERS, matched_basis
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

# Shares of the dimensions that are tried, and the least share of the words.
_DIMENSIONS = (1.0, 0.8, 0.6, 0.4, 0.2)
_LEAST_WORDS = 0.1
# The record of what was measured, which is written last.
_MEASUREMENT_ROOM = 512
DEFAULT_BITS = "8"
_UNICODE_LICENCE = "Unicode character tables: Unicode-3.0, by way of tokenizers (Apache-2.0)"


@dataclass(frozen=True)
class Choice:
    """A way to round a student.

    Attributes:
        student: The student, with the words and dimensions that are kept.
        bits: How its word vectors are rounded: "8", "4" or "pq".
    """

    student: FloatStudent
    bits: str


def choices_within(
    student: FloatStudent, kinds: Sequence[str], max_bytes: int, meta: Mapping[str, Any]
) -> list[Choice]:
    """For all bits and dimensions, the student with as many words as fit.

    Args:
        student: The whole student.
        kinds: Bits to try.
        max_bytes: Most bytes of the file.
        meta: Its record, without what is measured.

    Raises:
        ValueError: None fits; the message has the smallest size that can be met.
    """
    least = max(1, round(_LEAST_WORDS * len(student.words)))
    unicode = unicode_of(student)

    def size(choice: Choice) -> int:
        return student_size(choice.student, choice.bits, unicode, meta) + _MEASUREMENT_ROOM

    choices, smallest = [], []
    for dimensions in _dimension_steps(student.dimensions):
        narrow = with_dimensions(student, dimensions)
        for bits in kinds:
            smallest.append(size(Choice(narrow.with_words(least), bits)))
            if smallest[-1] <= max_bytes:
                choices.append(_with_most_words(Choice(narrow, bits), size, max_bytes, least))
    if not choices:
        raise ValueError(
            f"max_bytes={max_bytes:,} cannot be met: with {'/'.join(kinds)} bits, a tenth of the "
            f"words and a fifth of the dimensions this student has {min(smallest):,} bytes. Allow "
            "as many, or train a smaller student (hidden_size, embedding_size)."
        )
    return [choice for choice in choices if not _is_dominated(choice, choices)]


def with_dimensions(student: FloatStudent, dimensions: int) -> FloatStudent:
    """The student with fewer dimensions of its word vectors: those that its gates read most.

    The vectors are projected on their principal components after `matched_basis`, so the gates
    change as little as possible; the input weights absorb the projection.
    """
    if dimensions == student.dimensions:
        return student
    forth, back = matched_basis(student)
    turned = student.vectors @ forth
    _, _, axes = np.linalg.svd(turned, full_matrices=False)
    kept = axes[:dimensions].T
    forward, backward = (
        direction._replace(input_weight=direction.input_weight @ back @ kept)
        for direction in student.directions
    )
    return replace(student, vectors=turned @ kept, directions=(forward, backward))


def _dimension_steps(dimensions: int) -> list[int]:
    """Dimensions to try, multiples of 5 if there are as many: codes of 5 dimensions divide them."""
    unit = 5 if dimensions % 5 == 0 else 1
    steps = {max(unit, round(share * dimensions / unit) * unit) for share in _DIMENSIONS}
    return sorted(steps, reverse=True)


def _with_most_words(
    choice: Choice, size: Callable[[Choice], int], max_bytes: int, least: int
) -> Choice:
    """The choice with as many words as fit, found by halving; `least` of them are known to."""
    low, high = least, len(choice.student.words)
    while low < high:
        middle = (low + high + 1) // 2
        if size(Choice(choice.student.with_words(middle), choice.bits)) <= max_bytes:
            low = middle
        else:
            high = middle - 1
    return Choice(choice.student.with_words(low), choice.bits)


def _is_dominated(choice: Choice, others: Sequence[Choice]) -> bool:
    """Whether another has the same bits, as many words and more dimensions."""
    return any(
        other.bits == choice.bits
        and len(other.student.words) >= len(choice.student.words)
        and other.student.dimensions > choice.student.dimensions
        for other in others
    )


@dataclass(frozen=True)
class DeviceStudent:
    """A student in integers.

    Attributes:
        data: The bytes of its `.dxt` file.
        report: Lines for people.
        fidelity: What was measured; None without validation texts.
    """

    data: bytes
    report: tuple[str, ...]
    fidelity: Fidelity | None


def make_device_student(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    name: str,
    bits: str | None = None,
    max_bytes: int | None = None,
    validation: LabelledTexts | None = None,
    licences: Sequence[str] = (),
) -> DeviceStudent:
    """Round a student to integers.

    With `max_bytes`, several ways to fit are tried: bits, dimensions, and as many of the most
    frequent words as there is room for. The one that is taken keeps the labels and the three most
    important words of most validation texts. Its macro F1 does not decide: between ways to round
    the same student it differs by less than its error on a validation split.

    Args:
        model: The student.
        tokenizer: Its tokenizer.
        name: What the student is called.
        bits: `"8"`, `"4"` or `"pq"`. Defaults to `"8"`, with `max_bytes` to the best of them.
        max_bytes: Most bytes of the file. Defaults to no limit.
        validation: Texts to measure and choose on.
        licences: Further licences to name in the file.

    Raises:
        ImportError: dixtill-runtime is not installed, and something is to be measured.
        ValueError: The student has something that a device cannot carry, does not fit into
            `max_bytes` in any way, or is to be chosen without validation texts.
    """
    if max_bytes is not None and validation is None:
        raise ValueError(
            "max_bytes needs texts to choose on: give --validation, the data that the student was "
            "trained from."
        )
    student = float_student(model, tokenizer)
    record = {
        "generator": f"dixtill_hf {_version()}",
        "student": name,
        "licences": [_UNICODE_LICENCE, *licences],
    }
    lines = []
    left_out = len(tokenizer) - len(student.words) - len(tokenizer.added_tokens_decoder)
    if left_out:
        lines.append(f"{left_out} word(s) longer than {LONGEST_WORD} bytes are unknown to it.")
    if validation is None:
        data = student_bytes(student, bits or DEFAULT_BITS, record)
        return DeviceStudent(data, (*lines, _size_line(data)), None)
    trained = float_answers(model, tokenizer, validation.texts)

    def measured(choice: Choice) -> tuple[bytes, Fidelity]:
        data = student_bytes(choice.student, choice.bits, record)
        return data, measure_fidelity(trained, integer_answers(data), validation, model.config)

    if max_bytes is None:
        choice = Choice(student, bits or DEFAULT_BITS)
    else:
        kinds = list(ENCODERS) if bits is None else [bits]
        choice = _best(choices_within(student, kinds, max_bytes, record), measured)
        lines.append(_choice_line(choice, len(student.words), student.dimensions))
    _, fidelity = measured(choice)
    measurement = {"data": validation.source, **fidelity.record()}
    data = student_bytes(choice.student, choice.bits, {**record, "measured": measurement})
    return DeviceStudent(data, (*lines, _size_line(data), *_fidelity_lines(fidelity)), fidelity)


def integer_answers(data: bytes) -> Callable[[str], TextAnswer]:
    """A function that gives the answer of a student in integers, as real numbers.

    Args:
        data: The bytes of a `.dxt` file.

    Raises:
        ImportError: dixtill-runtime is not installed.
    """
    try:
        from dixtill_runtime import Classifier
    except ImportError as error:
        raise ImportError(
            'Measuring a device student needs its runtime: pip install "dixtill_hf[device]".'
        ) from error
    classifier = Classifier(data)

    def answer(text: str) -> TextAnswer:
        integers = classifier.integers(text)
        if classifier.explanation == "attention":
            scores = [(score,) * len(integers.logits) for score in integers.scores]
        else:
            scores = integers.contributions
        return TextAnswer(
            np.array(integers.logits, dtype=float) * classifier.logit_unit,
            np.array(scores, dtype=float).reshape(-1, len(integers.logits)),
        )

    return answer


def _best(
    choices: Sequence[Choice], measured: Callable[[Choice], tuple[bytes, Fidelity]]
) -> Choice:
    def kept(choice: Choice) -> float:
        _, fidelity = measured(choice)
        return fidelity.agreement + fidelity.same_top3

    return max(choices, key=kept)


def _choice_line(choice: Choice, words: int, dimensions: int) -> str:
    return (
        f"Chosen: {choice.bits} bits, {len(choice.student.words):,} of {words:,} words, "
        f"{choice.student.dimensions} of {dimensions} dimensions."
    )


def _size_line(data: bytes) -> str:
    return f"{len(data):,} bytes."


def _fidelity_lines(fidelity: Fidelity) -> list[str]:
    same = (
        f"same three most important words {fidelity.same_top3:.2%}, cosine of the explanations "
        f"{fidelity.cosine:.4f}."
    )
    if fidelity.macro_f1 is None or fidelity.float_macro_f1 is None:
        return [
            f"Mean absolute error {fidelity.mean_absolute_error:.4f} on {fidelity.texts:,} texts; "
            f"of the trained student {fidelity.float_mean_absolute_error:.4f}.",
            f"Correlation with its outputs {fidelity.agreement:.5f}, {same}",
        ]
    lost = 100 * (fidelity.float_macro_f1 - fidelity.macro_f1)
    return [
        f"Macro F1 {fidelity.macro_f1:.4f} on {fidelity.texts:,} texts, {lost:+.2f} points below "
        f"the trained student ({fidelity.float_macro_f1:.4f}).",
        f"Same labels as before {fidelity.agreement:.2%}, {same}",
    ]


def _version() -> str:
    from dixtill_hf import __version__

    return __version__
