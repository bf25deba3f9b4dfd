# SPDX-License-Identifier: Apache-2.0
"""The forms of a student: as it is trained, and in integers; their bytes, and what runs them.

None of this depends on the weights, so it is known before a student is trained.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dixtill_hf.evaluation.classifiers import Classifier, student_classifier
from dixtill_hf.evaluation.efficiency import directory_bytes
from dixtill_hf.export.device_student import make_device_student
from dixtill_hf.search.settings import FLOAT
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.student import Student


class DeviceClassifier:
    """A student in integers, one text after the other, as devices run it.

    Args:
        data: The bytes of a `.dxt` file.
        name: What it is called among others.

    Raises:
        ImportError: dixtill-runtime is not installed.
    """

    runtime = "dixtill-runtime"

    def __init__(self, data: bytes, name: str) -> None:
        from dixtill_runtime import Classifier

        self.name = name
        self._classifier = Classifier(data)

    def tokenize(self, texts: Sequence[str], pad_to: int | None = None) -> list[str]:
        """The texts: the runtime splits them itself, as a part of the prediction."""
        return list(texts)

    def logits(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Logits of texts, `(texts, labels)`."""
        unit = self._classifier.logit_unit
        rows = [self._classifier.integers(text).logits for text in inputs]
        return np.array(rows, dtype=np.float32) * np.float32(unit)


@dataclass(frozen=True)
class Form:
    """A student in one form.

    Attributes:
        bits: One of `BITS`.
        size: Bytes of its `.dxt` file; with float32 of its weights, settings and vocabulary.
        classifier: Runs it.
        data: The `.dxt` file; empty with float32.
    """

    bits: str
    size: int
    classifier: Classifier
    data: bytes = b""


def forms_of(student: Student, bits: Sequence[str]) -> list[Form]:
    """A student in each of several forms.

    Args:
        student: The student, trained or not.
        bits: Of `BITS`.

    Raises:
        ValueError: The student has something that a device cannot carry.
    """
    student.model.fold_ngrams()  # as at the end of its training
    return [_form(student, one) for one in bits]


def _form(student: Student, bits: str) -> Form:
    if bits == FLOAT:
        with tempfile.TemporaryDirectory() as directory:
            student.save(Path(directory))
            size = directory_bytes(directory)
        return Form(bits, size, student_classifier(student.model, student.tokenizer, FLOAT))
    data = make_device_student(student.model, student.tokenizer, "student", bits=bits).data
    return Form(bits, len(data), DeviceClassifier(data, f"{bits} bits"), data)


# Multiply-adds of a word in one direction, by the width of its input and the units.
_CELL_PRODUCTS: dict[str, Callable[[int, int], int]] = {
    "lstm": lambda width, units: 4 * units * (width + units),
    "gru": lambda width, units: 3 * units * (width + units),
    "minimal_gru": lambda width, units: 2 * units * width,
    "convolution": lambda width, units: 3 * units * width,
}


def check_runtime(bits: Sequence[str]) -> None:
    """Refuse forms in integers if nothing can run them.

    Raises:
        ImportError: The compiled dixtill-runtime is not installed.
    """
    integers = [one for one in bits if one != FLOAT]
    missing = find_spec("dixtill_runtime") is None or find_spec("dixtill_runtime._core") is None
    if integers and missing:
        raise ImportError(
            f"bits {', '.join(integers)} are run by the compiled dixtill-runtime, which is not "
            'installed: pip install "dixtill_hf[device]", or search with bits float32 only.'
        )


def multiply_adds(config: DixtillConfig, words: float) -> int:
    """Multiplications with an addition that a prediction and its explanation take.

    Counted from the layers' sizes: both directions of the recurrent layers, the attention, and what
    each word adds to each logit. Element-wise products are not counted.

    Args:
        config: The student's configuration.
        words: Words of the text, or their mean.
    """
    width, units = config.embedding_size, config.hidden_size
    wide, each = 2 * units, 0
    for _ in range(config.num_layers):
        each += 2 * _CELL_PRODUCTS[config.cell](width, units)
        width = wide
    each += config.attention_size * (wide + 1)  # U·H, and its product with v
    each += wide * config.num_labels + wide  # contributions, and the mean of the states
    return round(words * each)
