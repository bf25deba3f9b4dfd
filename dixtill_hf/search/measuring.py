# SPDX-License-Identifier: Apache-2.0
"""Speed and energy of the forms of a student, next to the default student and the teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dixtill_hf.data.words import word_limit
from dixtill_hf.evaluation.classifiers import Classifier
from dixtill_hf.evaluation.efficiency import EnergyMeter, find_energy_meter, measure_energy
from dixtill_hf.evaluation.latency import LatencySettings, measure_latency
from dixtill_hf.search.forms import Form, multiply_adds
from dixtill_hf.student.student import Student

JOULES, COUNTED = "joules_per_text", "multiply_adds"
_TEXTS = 512
_ENERGY_TEXTS = 64
_ENERGY_SECONDS = 1.0


@dataclass(frozen=True)
class SpeedMeter:
    """Times students on one thread of this machine, one text at a time, in turns with a reference.

    Whatever else runs on the machine slows the reference down as well, so times are scaled by how
    long it took.

    Attributes:
        texts: The texts to read.
        rounds: Texts that each student is timed on.
        reference: What takes turns with every student.
        reference_microseconds: What it takes for a text, the median of the first measurement; None
            before that.
    """

    texts: Sequence[str]
    rounds: int
    reference: Classifier
    reference_microseconds: float | None = None

    def medians(self, classifiers: Sequence[Classifier]) -> list[float]:
        """Median microseconds of a text, of each classifier and of the reference, which is last."""
        settings = LatencySettings(batch_sizes=(1,), pad_to=(None,), rounds=self.rounds)
        everyone = [*classifiers, self.reference]
        rows = measure_latency(everyone, self.texts[:_TEXTS], settings, threads=1)
        return [1000 * row["p50_ms"] for row in rows if row["tokenization"]]

    def microseconds(self, classifiers: Sequence[Classifier]) -> list[float]:
        """Median microseconds of a text, of each classifier, in units of the first measurement."""
        *found, now = self.medians(classifiers)
        scale = 1.0 if self.reference_microseconds is None else self.reference_microseconds / now
        return [scale * value for value in found]


def measured_forms(
    student: Student, forms: Sequence[Form], speed: SpeedMeter, energy: EnergyMeter | None
) -> list[dict[str, Any]]:
    """What each form of a student costs, as records have it: all but its quality.

    Returns:
        Of each form `bits`, `bytes`, `microseconds`, `multiply_adds` of a text of mean length, and
        `joules_per_text` if the processor's counter can be read.
    """
    times = speed.microseconds([form.classifier for form in forms])
    operations = multiply_adds(student.model.config, mean_words(student, speed.texts))
    joules = joules_per_text([form.classifier for form in forms], speed.texts, energy)
    return [
        {
            "bits": form.bits,
            "bytes": form.size,
            "microseconds": time,
            COUNTED: operations,
            **({} if energy is None else {JOULES: joules[place]}),
        }
        for place, (form, time) in enumerate(zip(forms, times, strict=True))
    ]


def mean_words(student: Student, texts: Sequence[str]) -> float:
    """Mean number of words of texts that a student reads."""
    limit = word_limit(student.tokenizer.model_max_length)
    lengths = [len(ids) for ids in student.tokenizer(list(texts))["input_ids"]]
    return sum(min(length, limit) for length in lengths) / max(len(lengths), 1)


def joules_per_text(
    classifiers: Sequence[Classifier], texts: Sequence[str], meter: EnergyMeter | None
) -> list[float | None]:
    """Joules of a text of each classifier; None if no counter can be read."""
    if meter is None:
        return [None for _ in classifiers]
    rows = measure_energy(classifiers, texts[:_ENERGY_TEXTS], meter, _ENERGY_SECONDS)
    return [row["joules_per_text"] for row in rows]


def energy_figure(meter: EnergyMeter | None) -> str:
    """Name of the figure by which students are compared: joules if they can be read."""
    return COUNTED if meter is None else JOULES


def find_meter() -> EnergyMeter | None:
    """The energy counter of this machine; None if it has none that this user may read."""
    return find_energy_meter()
