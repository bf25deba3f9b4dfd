# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf run`: from labelled text to a student and its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe


def main(argv: Sequence[str]) -> None:
    """Run a recipe and print where its report is."""
    parts = read_arguments(
        "dixtill-hf run",
        "Distil a teacher into small students that explain themselves, and report on them. "
        "Without a recipe: the embedded headlines.",
        RECIPE_PARTS,
        argv,
    )
    from dixtill_hf.workflow.run import run

    report = run(Recipe(*parts), shlex.join(["dixtill-hf", "run", *argv]))
    print(f"\nThe report: {report}")
    print(f"The explanations: {report.parent / 'explanations.html'}")
    print(f"The student: {report.parent / 'student'}")
