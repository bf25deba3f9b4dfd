# SPDX-License-Identifier: Apache-2.0
"""A static Space: a page that runs the student in the browser, without server and network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dixtill_hf.artifacts.files import read_json
from dixtill_hf.distillation.model_card import CARD_FILE, CardContents
from dixtill_hf.export.device_student import make_device_student
from dixtill_hf.hub.facts import CardFacts
from dixtill_hf.hub.repository import METRICS, beside, described
from dixtill_hf.hub.upload import TAG
from dixtill_hf.reporting.highlights import segments
from dixtill_hf.reporting.summary import short_name
from dixtill_hf.student.inputs import refuse_student_of_pairs
from dixtill_hf.student.student import Student

PAGE = "index.html"
# The Hub takes no longer description.
_LONGEST_DESCRIPTION = 60
_EXAMPLES = 3


def write_space(
    student: Student,
    directory: Path,
    repo_id: str | None = None,
    facts: CardFacts | None = None,
    examples: Sequence[str] | None = None,
) -> list[Path]:
    """Write the files of a static Space.

    The page shows label and coloured words of what is typed, keeps the text in the address that it
    offers to share, and compares the student with its teacher: in size and, with the time of the
    student measured in the visitor's browser, in speed.

    Args:
        student: The student.
        directory: Where the files go; it is made if it is not there.
        repo_id: Where the student is published: "you/name"; the page links to it.
        facts: What the Space's card says; what is not given stays as the card of the student has
            it.
        examples: Texts that the page offers to try. Default: three texts of the run that made the
            student, next to the teacher's explanations; none if no run is known.

    Returns:
        The files.

    Raises:
        ImportError: The extra device is not installed.
        ValueError: The student has something that a device cannot carry.
    """
    refuse_student_of_pairs(student.model.config, "A Space")
    try:
        from dixtill_runtime.browser import page
    except ImportError as error:
        raise ImportError(
            'The page needs the runtime of the student: pip install "dixtill_hf[device]".'
        ) from error
    name = repo_id or (student.directory.name if student.directory else "student")
    card = described(student, name, facts or CardFacts())
    data = make_device_student(student.model, student.tokenizer, name).data
    address = f"https://huggingface.co/{repo_id}" if repo_id else None
    offered: list[Any] = _examples_of_the_run(student)
    if examples is not None:
        offered = [{"text": text, "teacher": None} for text in examples]
    text = page(data, card.name, offered, _teacher(student, card), address)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / PAGE).write_text(text, encoding="utf-8")
    (directory / CARD_FILE).write_text(_card(card, repo_id), encoding="utf-8")
    return [directory / PAGE, directory / CARD_FILE]


def _examples_of_the_run(student: Student) -> list[Any]:
    """Texts that the run explained, one of each label, with the teacher's explanations."""
    path = beside(student, "explanations.json")
    explanations = {} if path is None else read_json(path)
    found: dict[str, Any] = {}
    for example in explanations.get("examples", []):
        text, teacher = example["text"], example["teacher"]
        if teacher["label"] == example["student"]["label"] == example["label"]:
            parts = segments(text, teacher["spans"], teacher["scores"])
            says = {"label": teacher["label"], "segments": [(p.text, p.score) for p in parts]}
            found.setdefault(teacher["label"], {"text": text, "teacher": says})
    return list(found.values())[:_EXAMPLES]


def _card(card: CardContents, repo_id: str | None) -> str:
    """The Space's README.md (https://huggingface.co/docs/hub/spaces-config-reference)."""
    described_as = "A tiny text classifier that explains itself"
    metadata: dict[str, Any] = {
        "title": card.name,
        "emoji": "💬",
        "colorFrom": "blue",
        "colorTo": "yellow",
        "sdk": "static",
        "app_file": PAGE,
        "pinned": False,
        "short_description": described_as[:_LONGEST_DESCRIPTION],
        "tags": [TAG, "explainable-ai"],
    }
    if card.license:
        metadata["license"] = card.license
    if repo_id:
        metadata["models"] = [repo_id]
    if card.datasets:
        metadata["datasets"] = list(card.datasets)
    front = yaml.safe_dump(metadata, allow_unicode=True, sort_keys=False)
    where = f" of [{repo_id}](https://huggingface.co/{repo_id})" if repo_id else ""
    return (
        f"---\n{front}---\n\nThe student{where} runs in the browser, in one file: no text leaves "
        "the device.\n"
    )


def _teacher(student: Student, card: CardContents) -> Any:
    """What the run measured of the teacher; None if no run is known."""
    from dixtill_runtime.browser import TeacherFigures

    path = beside(student, METRICS)
    metrics = None if path is None else read_json(path)
    if not metrics or not (metrics.get("teacher") or {}).get("bytes"):
        return None
    teacher = metrics["teacher"]
    name = card.teacher or short_name(teacher["name"])
    row = _fastest(metrics)
    if row is None:
        return TeacherFigures(
            name, teacher["bytes"], None, "The run did not measure the teacher's time."
        )
    machine = (metrics.get("environment") or {}).get("cpu") or "a CPU"
    setting = f"The teacher's time is of {row['runtime']} on one thread of {machine}."
    return TeacherFigures(name, teacher["bytes"], row["p50_ms"], setting)


def _fastest(metrics: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The fastest way in which the teacher reads one text on one thread, tokenization included."""
    wanted = {"model": "teacher", "threads": 1, "batch_size": 1, "tokenization": True}
    rows = (metrics.get("efficiency") or {}).get("rows") or []
    found = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
    return min(found, key=lambda row: row["p50_ms"], default=None)
