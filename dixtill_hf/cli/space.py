# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf space STUDENT DIR`: write the files of a static Space that runs a student."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str]) -> None:
    """Write the Space and print its files."""
    given = _parser().parse_args(argv)
    from dixtill_hf.hub.facts import CardFacts
    from dixtill_hf.hub.space import write_space
    from dixtill_hf.student.student import load_student

    facts = CardFacts(license=given.license)
    student = load_student(given.student)
    for path in write_space(student, Path(given.dir), given.repo_id, facts, given.examples):
        print(f"Written: {path} ({path.stat().st_size:,} bytes)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dixtill-hf space",
        description="Write a static Space: a page that runs the student in the browser, without "
        "server and network. `dixtill-hf push --space` publishes it.",
        allow_abbrev=False,
    )
    parser.add_argument("student", help="directory or Hub id of the student")
    parser.add_argument("dir", help="where the files go")
    parser.add_argument("--repo_id", help="where the student is published, to link to: you/name")
    parser.add_argument("--license", help="of the Space, as the Hub names it: apache-2.0")
    parser.add_argument(
        "--examples",
        nargs="+",
        help="texts that the page offers to try (default: some of the run's)",
    )
    return parser
