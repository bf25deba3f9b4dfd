# SPDX-License-Identifier: Apache-2.0
"""A student is published on the Hub: everything is written and checked first, then committed."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dixtill_hf.hub.facts import CardFacts
from dixtill_hf.hub.repository import MANAGED, StudentRepository, write_repository
from dixtill_hf.hub.space import write_space
from dixtill_hf.hub.upload import Destination, PublishingError, full_id, upload_directory
from dixtill_hf.student.student import Student
from dixtill_hf.student.vocabulary import without_words

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """What was published.

    Attributes:
        url: Address of the repository.
        space_url: Address of the Space; None if there is none.
        files: Files of the repository.
        left_out: Parts that could not be written, each with the reason.
    """

    url: str
    space_url: str | None
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def push_student(
    student: Student,
    destination: Destination,
    facts: CardFacts,
    *,
    message: str = "Add student",
    space: bool = False,
    leave_out_words: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Published:
    """Publish a student in one commit.

    Args:
        student: The student.
        destination: Where it goes.
        facts: What its card says; what is not given stays as the card of the student has it.
        message: What the commit is called.
        space: Whether a static Space of the same name is published too.
        leave_out_words: Words that are taken out of the vocabulary first.
        without: Parts that are not published: names of `repository.PARTS`.

    Raises:
        PublishingError: The Hub does not take it; nothing of it is there.
        ValueError: A part is unknown, or the Hub does not accept the card.
    """
    student = without_words(student, leave_out_words)
    repo_id = full_id(destination)  # finds a wrong token before the files are written
    destination = replace(destination, repo_id=repo_id)
    with tempfile.TemporaryDirectory() as folder:
        directory, page = Path(folder) / "model", Path(folder) / "space"
        written = write_repository(student, repo_id, facts, directory, without)
        if space:  # written before anything is published, too
            # Texts of the data are shown by both or by none.
            examples = () if "explanations" in without else None
            write_space(student, page, repo_id, facts, examples)
        _warn(written)
        files = sorted(
            path.relative_to(directory).as_posix()
            for path in directory.rglob("*")
            if path.is_file()
        )
        url = upload_directory(directory, destination, message, MANAGED)
        space_url = None
        if space:
            there = replace(destination, kind="space", revision=None)
            try:
                space_url = upload_directory(page, there, message)
            except PublishingError as error:
                raise PublishingError(
                    f"The student is published ({url}), its Space is not: {error}"
                ) from error
    return Published(url, space_url, tuple(files), written.left_out)


def _warn(written: StudentRepository) -> None:
    """Say what the card lacks, and which parts could not be written."""
    missing = [name for name in ("license", "language") if not getattr(written.card, name)]
    if missing:
        logger.warning(
            "The card does not say %s: give it to push_to_hub, or complete the card on the Hub.",
            " and ".join(missing),
        )
    for reason in written.left_out:
        logger.warning("Not published: %s", reason)
