# SPDX-License-Identifier: Apache-2.0
"""From a trained student to its integers: rounded as asked, or the best that fits, and measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from transformers import PreTrainedTokenizerFast

from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.fidelity import (
    Fidelity,
    LabelledTexts,
    TextAnswer,
    float_answers,
    measure_fidelity,
)
from dixtill_hf.export.float_student import LONGEST_WORD, float_student
from dixtill_hf.export.row_codes import ENCODERS
from dixtill_hf.export.size_search import Choice, choices_within
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

DEFAULT_BITS = "8"
_UNICODE_LICENCE = "Unicode character tables: Unicode-3.0, by way of tokenizers (Apache-2.0)"


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
        return data, measure_fidelity(trained, integer_answers(data), validation)

    if max_bytes is None:
        choice = Choice(student, bits or DEFAULT_BITS)
    else:
        kinds = list(ENCODERS) if bits is None else [bits]
        choice = _best(choices_within(student, kinds, max_bytes, record), measured)
        lines.append(_choice_line(choice, len(student.words), student.dimensions))
    _, fidelity = measured(choice)
    measurement = {"data": validation.source, **asdict(fidelity)}
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
        return fidelity.same_label + fidelity.same_top3

    return max(choices, key=kept)


def _choice_line(choice: Choice, words: int, dimensions: int) -> str:
    return (
        f"Chosen: {choice.bits} bits, {len(choice.student.words):,} of {words:,} words, "
        f"{choice.student.dimensions} of {dimensions} dimensions."
    )


def _size_line(data: bytes) -> str:
    return f"{len(data):,} bytes."


def _fidelity_lines(fidelity: Fidelity) -> list[str]:
    lost = 100 * (fidelity.float_macro_f1 - fidelity.macro_f1)
    return [
        f"Macro F1 {fidelity.macro_f1:.4f} on {fidelity.texts:,} texts, {lost:+.2f} points below "
        f"the trained student ({fidelity.float_macro_f1:.4f}).",
        f"Same label as before {fidelity.same_label:.2%}, same three most important words "
        f"{fidelity.same_top3:.2%}, cosine of the explanations {fidelity.cosine:.4f}.",
    ]


def _version() -> str:
    from dixtill_hf import __version__

    return __version__
