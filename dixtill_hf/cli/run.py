# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf run`: from labelled text to a student and its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from dixtill_hf import workflow
from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe

DEMO = Path(workflow.__file__).parent / "demo.yaml"


def main(argv: Sequence[str]) -> None:
    """Run a recipe and print where its report is."""
    parts = read_arguments(
        "dixtill-hf run",
        "Distil a teacher into small students that explain themselves, and report on them. "
        "Without a recipe and without --source it is a demo: a few generated headlines, a small "
        "teacher that is fine-tuned on them, and two students.",
        RECIPE_PARTS,
        argv if names_data(argv) else [str(DEMO), *argv],
    )
    from dixtill_hf.workflow.run import run

    report = run(Recipe(*parts), shlex.join(["dixtill-hf", "run", *argv]))
    if report is None:  # another process goes on
        return
    print(f"\nThe report: {report}")
    print(f"The explanations: {report.parent / 'explanations.html'}")
    print(f"The student: {report.parent / 'student'}")


def names_data(argv: Sequence[str]) -> bool:
    """Whether the words behind the command name a recipe or a source of texts."""
    has_recipe = bool(argv) and not argv[0].startswith("-")
    return has_recipe or any(word.split("=")[0] == "--source" for word in argv)
