# SPDX-License-Identifier: Apache-2.0
"""The registry of export targets, and what each of them is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from transformers import PreTrainedTokenizerFast

from dixtill_hf.data.names import check_name
from dixtill_hf.export.device_student import DeviceStudent, make_device_student
from dixtill_hf.export.fidelity import LabelledTexts
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification


@dataclass(frozen=True)
class TeacherExplanation:
    """What the student's teacher says of a text.

    Attributes:
        label: Name of the label that it explains.
        spans: First character of each attributed token and the one behind its last.
        scores: The attribution of each token.
    """

    label: str
    spans: Sequence[tuple[int, int]]
    scores: Sequence[float]


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and how.

    Attributes:
        model: The student.
        tokenizer: Its tokenizer.
        name: What the student is called.
        output_dir: The directory that is written to, made if it does not exist.
        bits: `"8"`, `"4"` or `"pq"`; None leaves the choice to the target.
        max_bytes: Most bytes of the student; None for no limit. Device targets only.
        validation: Texts on which the exported student is measured and, with `max_bytes`, chosen.
        licences: Further licences to name in the file, each as one line.
        teacher: What the teacher says of the validation texts, by text. Only the page shows it.
    """

    model: DixtillForSequenceClassification
    tokenizer: PreTrainedTokenizerFast
    name: str
    output_dir: Path
    bits: str | None = None
    max_bytes: int | None = None
    validation: LabelledTexts | None = None
    licences: tuple[str, ...] = ()
    teacher: Mapping[str, TeacherExplanation] = field(default_factory=dict)

    def device_student(self) -> DeviceStudent:
        """The student in integers, as device targets carry it.

        Raises:
            ValueError: The student has something that a device cannot carry, or is larger than
                `max_bytes` at its smallest.
        """
        return make_device_student(
            self.model,
            self.tokenizer,
            self.name,
            bits=self.bits,
            max_bytes=self.max_bytes,
            validation=self.validation,
            licences=self.licences,
        )


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        files: The files.
        report: Lines for people: sizes, what was measured, what was given up.
    """

    files: tuple[Path, ...]
    report: tuple[str, ...]


Exporter = Callable[[ExportRequest], ExportResult]

_TARGETS: dict[str, Exporter] = {}


def register_target(name: str) -> Callable[[Exporter], Exporter]:
    """Make a function known as the target of this name.

    Raises:
        ValueError: There is one already.
    """
    if name in _TARGETS:
        raise ValueError(f"There already is an export target {name!r}.")

    def register(exporter: Exporter) -> Exporter:
        _TARGETS[name] = exporter
        return exporter

    return register


def known_targets() -> Mapping[str, Exporter]:
    """All targets by name: the modules of this folder."""
    _import_this_folder()
    return _TARGETS


def export(target: str, request: ExportRequest) -> ExportResult:
    """Export a student.

    Args:
        target: Name of the target.
        request: What to export, and how.

    Raises:
        ValueError: The target is unknown, or cannot carry the student or meet the request; the
            message says what stands in the way.
    """
    targets = known_targets()
    check_name("target", target, targets)
    return targets[target](request)


@cache
def _import_this_folder() -> None:
    folder = import_module(__package__)
    for module in iter_modules(folder.__path__):
        import_module(f"{__package__}.{module.name}")
