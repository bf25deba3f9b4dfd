# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf benchmark`: a run, and its students against everything else."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.workflow.benchmark_recipe import BenchmarkArguments
from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe


def main(argv: Sequence[str]) -> None:
    """Run a benchmark and print where its report is."""
    *parts, arguments = read_arguments(
        "dixtill-hf benchmark",
        "Do all of `dixtill-hf run`, then compare the students with the teacher in int8 and with "
        "fewer attention heads: quality, size, time, memory and explanations.",
        (*RECIPE_PARTS, BenchmarkArguments),
        argv,
    )
    from dixtill_hf.workflow.benchmark import benchmark

    command = shlex.join(["dixtill-hf", "benchmark", *argv])
    print(f"\nThe report: {benchmark(Recipe(*parts), arguments, command)}")
