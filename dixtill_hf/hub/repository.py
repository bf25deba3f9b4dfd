# SPDX-License-Identifier: Apache-2.0
"""What the repository of a student holds, written into a directory before anything is published."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.artifacts.markdown import one_line
from dixtill_hf.data.names import check_name
from dixtill_hf.distillation.model_card import (
    CARD_FILE,
    CardContents,
    card_text,
    read_card,
    write_card,
)
from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_session import MODEL_FILE
from dixtill_hf.export.targets.base import ExportRequest, export
from dixtill_hf.hub.facts import CardFacts
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.explanation_picture import PICTURE, explanation_svg
from dixtill_hf.student.student import Student

METRICS, EXPLANATIONS, HANDLER = "metrics.json", "explanations.html", "handler.py"
DEVICE_FILE, RUNTIME = "student.dxt", "dixtill_runtime"
MANAGED = (
    METRICS,
    EXPLANATIONS,
    HANDLER,
    DEVICE_FILE,
    MODEL_FILE,
    PICTURE,
    "requirements.txt",
    f"{RUNTIME}/*",
    "*.safetensors",
    "*.py",
    "tokenizer*.json",
)
"""Files that a later push without them deletes."""


@dataclass(frozen=True)
class StudentRepository:
    """What was written.

    Attributes:
        card: What its card shows.
        left_out: Parts that could not be written, each with the reason.
    """

    card: CardContents
    left_out: tuple[str, ...]


def write_repository(
    student: Student,
    repo_id: str,
    facts: CardFacts,
    directory: Path,
    without: Sequence[str] = (),
) -> StudentRepository:
    """Write all files of a student's repository.

    Args:
        student: The student.
        repo_id: Where it will be found: "you/name".
        facts: What its card says; what is not given stays as the card has it.
        directory: An empty directory.
        without: Names of `PARTS` that are not written.

    Raises:
        ValueError: A part is unknown.
    """
    for part in without:
        check_name("without", part, PARTS)
    student.save(directory)
    left_out = []
    for name, write in PARTS.items():
        if name in without:
            continue
        try:
            write(student, repo_id, directory)
        except (ImportError, ValueError) as error:
            left_out.append(f"{name}: {error}")
    card = described(student, repo_id, facts)
    if (directory / DEVICE_FILE).is_file():
        card = replace(card, device=fmt.size((directory / DEVICE_FILE).stat().st_size))
    if card.example:
        explanation = student.explain([card.shown_example])[0]
        card = replace(card, picture=f"{explanation.label}: {one_line(explanation.text)}")
        (directory / PICTURE).write_text(explanation_svg(explanation), encoding="utf-8")
    _write_card(student, card, directory)
    return StudentRepository(card, tuple(left_out))


def described(student: Student, repo_id: str, facts: CardFacts) -> CardContents:
    """What the card of a published student shows.

    Args:
        student: The student; its directory may hold what its card is drawn from.
        repo_id: Where it will be found.
        facts: What the card says; what is not given stays as it is there.
    """
    known = read_card(student.directory) if student.directory else None
    if known is None:
        known = CardContents(
            name=repo_id,
            model_id=repo_id,
            labels=student.labels,
            explanation=student.model.config.explanation,
            method="",
            text_pairs=student.model.config.text_pairs,
            cell=student.model.config.cell,
            distilled=False,
        )
    given: dict[str, Any] = {
        "license": facts.license,
        "language": list(facts.language),
        "datasets": [facts.dataset_id] if facts.dataset_id else None,
        "dataset": facts.dataset_id,
        "base_model": facts.teacher_id,
        "teacher": facts.teacher_id,
    }
    return replace(
        known,
        name=repo_id.rsplit("/", 1)[-1],
        model_id=repo_id,
        **{name: value for name, value in given.items() if value},
    )


def known_facts(student: Student) -> CardFacts:
    """What the card of a student says already.

    Args:
        student: The student.
    """
    card = described(student, "you/name", CardFacts())
    languages = [card.language] if isinstance(card.language, str) else card.language or []
    dataset = next(iter(card.datasets), None)
    return CardFacts(card.license, list(languages), dataset, card.base_model)


def _write_card(student: Student, card: CardContents, directory: Path) -> None:
    """Write the card; one that a person has changed stays as it is."""
    write_card(directory, card)
    if student.directory is None or not (student.directory / CARD_FILE).is_file():
        return
    drawn_from = read_card(student.directory)
    there = (student.directory / CARD_FILE).read_text(encoding="utf-8")
    if drawn_from is None or card_text(drawn_from) != there:
        (directory / CARD_FILE).write_text(there, encoding="utf-8")


def beside(student: Student, name: str) -> Path | None:
    """A file of the run that made the student, None if there is none.

    Args:
        student: The student.
        name: The file, in the student's directory or, for OUTPUT_DIR/student, next to it.
    """
    if student.directory is None:
        return None
    directory = student.directory.resolve()
    places = [directory, *([directory.parent] if directory.name == "student" else [])]
    return next((place / name for place in places if (place / name).is_file()), None)


def _write_metrics(student: Student, repo_id: str, directory: Path) -> None:
    path = beside(student, METRICS)
    if path is not None:
        write_json(directory / METRICS, _without_paths(read_json(path)))


def _write_explanations(student: Student, repo_id: str, directory: Path) -> None:
    path = beside(student, EXPLANATIONS)
    if path is not None:
        shutil.copyfile(path, directory / EXPLANATIONS)


def _write_onnx(student: Student, repo_id: str, directory: Path) -> None:
    with tempfile.TemporaryDirectory() as exported:
        export_student(student.model, student.tokenizer, exported)
        shutil.copyfile(Path(exported) / MODEL_FILE, directory / MODEL_FILE)


def _write_device(student: Student, repo_id: str, directory: Path) -> None:
    """The device file, and what Inference Endpoints run it with."""
    if find_spec(RUNTIME) is None:
        raise ImportError('the device file needs its runtime: pip install "dixtill_hf[device]".')
    export("dxt", ExportRequest(student.model, student.tokenizer, repo_id, directory))
    code = resources.files("dixtill_hf.hub") / HANDLER
    (directory / HANDLER).write_text(code.read_text(encoding="utf-8"), encoding="utf-8")
    (directory / "requirements.txt").write_text("numpy\n", encoding="utf-8")
    (directory / RUNTIME).mkdir()
    for file in resources.files(RUNTIME).iterdir():
        if file.name.endswith(".py"):
            text = file.read_text(encoding="utf-8")
            (directory / RUNTIME / file.name).write_text(text, encoding="utf-8")


PARTS: Mapping[str, Callable[[Student, str, Path], None]] = {
    "metrics": _write_metrics,
    "explanations": _write_explanations,
    "onnx": _write_onnx,
    "device": _write_device,
}
"""Parts of the repository that a student can be published without."""


def _without_paths(value: Any) -> Any:
    """JSON values with the last parts of absolute paths, which mean nothing on another machine."""
    if isinstance(value, dict):
        return {key: _without_paths(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_paths(part) for part in value]
    if isinstance(value, str):
        words = value.split(" ")
        return " ".join(PurePath(w).name if PurePath(w).is_absolute() else w for w in words)
    return value
