# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf push STUDENT --repo_id you/name`: publish a student on the Hugging Face Hub."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dixtill_hf.hub.facts import CardFacts

# What is asked for, in this order; a card needs the first two.
_QUESTIONS = {
    "license": "Licence of the student, as the Hub names it (apache-2.0, mit, cc-by-4.0, other)",
    "language": "Language of the texts, ISO 639 codes (en; several with spaces)",
    "dataset_id": "Hub id of the data (empty if they are not on the Hub)",
    "teacher_id": "Hub id of the teacher (empty if it is not on the Hub)",
}
_NEEDED = ("license", "language")


def main(argv: Sequence[str]) -> None:
    """Publish a student and print what was published."""
    given = _parser().parse_args(argv)
    from dixtill_hf.data.word_lists import read_words
    from dixtill_hf.hub.facts import CardFacts
    from dixtill_hf.hub.push import push_student
    from dixtill_hf.hub.repository import known_facts
    from dixtill_hf.hub.upload import Destination
    from dixtill_hf.student.student import load_student

    facts = CardFacts(given.license, given.language, given.dataset_id, given.teacher_id)
    student = load_student(given.student)
    facts = _completed(facts, known_facts(student))
    words = read_words(given.leave_out_words)
    published = push_student(
        student,
        Destination(given.repo_id, private=given.private or None, revision=given.revision),
        facts,
        message=given.commit_message,
        space=given.space,
        leave_out_words=words,
        without=given.without,
    )
    print(f"Published: {published.url} ({len(published.files)} files)")
    if published.space_url:
        print(f"Space: {published.space_url}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dixtill-hf push",
        description="Publish a student on the Hugging Face Hub, in one commit: weights, code, "
        "tokenizer, card, figures, explanations, ONNX model, device file and the handler of "
        "Inference Endpoints. Log in with `hf auth login` first.",
        allow_abbrev=False,
    )
    parser.add_argument("student", help="directory of the student, such as runs/demo/student")
    parser.add_argument("--repo_id", required=True, help="where it goes: you/name")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--revision", help="branch, made if it is not there (default: main)")
    parser.add_argument(
        "--space",
        action="store_true",
        help="also publish a static Space of the same name, where it can be tried in the browser",
    )
    parser.add_argument("--license", help="as the Hub names it: apache-2.0")
    parser.add_argument("--language", nargs="+", default=[], help="ISO 639 codes: en")
    parser.add_argument("--dataset_id", help="Hub id of the data")
    parser.add_argument("--teacher_id", help="Hub id of the teacher")
    parser.add_argument(
        "--leave_out_words",
        help="a file with a word a line: these are taken out of the published vocabulary, names "
        "for example",
    )
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        help="parts that are not published: metrics, explanations (which show texts of the data), "
        "onnx, device",
    )
    parser.add_argument("--commit_message", default="Add student", help="default: %(default)s")
    return parser


def _completed(given: CardFacts, known: CardFacts, ask: Callable[[str], str] = input) -> CardFacts:
    """The facts that were typed, those that the card has, and those that are asked for.

    Raises:
        ValueError: The licence or the language is missing, and nobody can be asked.
    """
    facts = replace(
        known,
        **{
            field.name: getattr(given, field.name)
            for field in fields(given)
            if getattr(given, field.name)
        },
    )
    missing = facts.missing()
    if not set(missing) & set(_NEEDED):
        return facts
    if not sys.stdin.isatty():
        options = " and ".join(f"--{name}" for name in _NEEDED if name in missing)
        raise ValueError(
            f"The card needs {options}, for example --license apache-2.0 --language en: say under "
            "which licence the student is published and which language its texts have."
        )
    for name in missing:
        answer = ask(f"{_QUESTIONS[name]}: ").strip()
        if answer:
            value: Any = answer.split() if name == "language" else answer
            facts = replace(facts, **{name: value})
    return facts
