# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf search`: the best students within a budget of bytes and time."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dixtill_hf.cli.arguments import UsageError, read_arguments
from dixtill_hf.cli.run import names_data


def main(argv: Sequence[str]) -> None:
    """Search, and print where the report is."""
    from dixtill_hf.search.settings import SearchedStudentArguments, SearchSettings
    from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe, StudentArguments

    if not names_data(argv) and not {"-h", "--help"} & set(argv):
        raise UsageError("Name a recipe or the data: dixtill-hf search --source texts.csv.")
    parts = [SearchedStudentArguments if p is StudentArguments else p for p in RECIPE_PARTS]
    *recipe, settings = read_arguments(
        "dixtill-hf search",
        "Search for students that are good, small, fast and cheap: the teacher annotates once, "
        "then students of many sizes are trained and measured, as trained and in integers. The "
        "result is the Pareto front, with a recipe for dixtill-hf run of every point.",
        [*parts, SearchSettings],
        argv,
    )
    from dixtill_hf.search.search import search_students

    page = search_students(Recipe(*recipe), settings, shlex.join(["dixtill-hf", "search", *argv]))
    print(f"\nThe report: {page}")
    print(f"The recipes: {page.parent / 'front'}")
