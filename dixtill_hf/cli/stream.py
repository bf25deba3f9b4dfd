# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf stream`: distil a student from files that are read and annotated as they flow.

torchrun and accelerate can launch it as several processes: `accelerate launch ... -m
dixtill_hf.cli.main stream ...`.
"""

from __future__ import annotations

from collections.abc import Sequence

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.workflow.stream_training import StreamArguments


def main(argv: Sequence[str]) -> None:
    """Train one student on a stream with the `DistillationTrainer` and save it."""
    given, args = read_arguments(
        "dixtill-hf stream",
        "Distil Parquet files, read as they flow, into one student. All fields of "
        "TrainingArguments work; max_steps is needed.",
        (StreamArguments, DistillationArguments),
        argv,
    )
    from dixtill_hf.selective.calibrate import calibrate_on_validation
    from dixtill_hf.workflow.stream_training import load_validation, stream_trainer

    validation = load_validation(given.annotated)
    trainer = stream_trainer(given, args, validation)
    trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)
    if trainer.is_world_process_zero() and validation is not None:
        calibrate_on_validation(trainer.model, trainer.processing_class, {"validation": validation})
    trainer.save_model()
    if args.push_to_hub:
        trainer.push_to_hub()
    if trainer.is_world_process_zero():
        print(f"The student: {args.output_dir}")
