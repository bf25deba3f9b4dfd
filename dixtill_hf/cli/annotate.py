# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf annotate`: add a teacher's logits and word attributions to a dataset.

torchrun and accelerate can launch it as several processes: `torchrun ... -m dixtill_hf.cli.main
annotate ...`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.workflow.recipe import AnnotationArguments, DataArguments, TeacherArguments


@dataclass
class AnnotatedOutput:
    """Where the annotated dataset goes."""

    output_dir: str = field(
        metadata={"help": "Run directory; the dataset goes to its folder annotated/."}
    )


def main(argv: Sequence[str]) -> None:
    """Annotate the splits of a source and save them."""
    data, teacher, annotation, output = read_arguments(
        "dixtill-hf annotate",
        "Add a teacher's logits and word attributions to a dataset.",
        (DataArguments, TeacherArguments, AnnotationArguments, AnnotatedOutput),
        argv,
    )
    from dixtill_hf.teacher.annotation.team import Team
    from dixtill_hf.workflow.inputs import annotate_data, load_data, prepare_teacher
    from dixtill_hf.workflow.stages import StageLog

    directory = Path(output.output_dir)
    log = StageLog(directory, Team.launched())
    splits = load_data(data, require_test=False)
    loaded, _ = prepare_teacher(teacher, splits, directory, log)
    annotate_data(annotation, splits, loaded, directory, log)
    if log.team.is_main:
        print(f"Annotated: {directory / 'annotated'}")
