# SPDX-License-Identifier: Apache-2.0
"""Trains on a stream of files and resumes: run by one process or by several at once.

Usage: train_on_stream.py DIRECTORY NAME, where the directory has `*.parquet` and `student`.
"""

import json
import os
import sys
from pathlib import Path

import torch
import transformers
from datasets import load_dataset
from transformers import AutoTokenizer

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

TEXTS_PER_STEP = 8
# transformers 4 asks torch to load the optimizer onto "cpu:0", which torch does not know.
CAN_RESUME_SEVERAL = transformers.__version__ >= "5"


def build(directory: Path, name: str) -> DistillationTrainer:
    """A trainer whose step has 8 texts over all processes, in the order of the stream."""
    files = sorted(map(str, directory.glob("*.parquet")))
    args = DistillationArguments(
        output_dir=str(directory / name),
        use_cpu=True,
        per_device_train_batch_size=TEXTS_PER_STEP // int(os.environ.get("WORLD_SIZE", "1")),
        bucket_by_length=False,
        max_steps=14,
        learning_rate=1e-2,
        save_steps=8,
        logging_steps=3,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to="none",
    )
    return DistillationTrainer(
        DixtillForSequenceClassification.from_pretrained(directory / "student"),
        args,
        train_dataset=load_dataset("parquet", data_files=files, split="train", streaming=True),
        processing_class=AutoTokenizer.from_pretrained(directory / "student"),
    )


def weights(trainer: DistillationTrainer) -> list[float]:
    """All weights of the student, one after the other."""
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()]).tolist()


def run(directory: Path, name: str) -> None:
    """Train, resume, and write the weights to NAME.json."""
    trainer = build(directory, name)
    trainer.train()
    result = {"processes": trainer.args.world_size, "weights": weights(trainer)}
    if trainer.args.world_size == 1 or CAN_RESUME_SEVERAL:
        resumed = build(directory, name)
        resumed.train(resume_from_checkpoint=f"{trainer.args.output_dir}/checkpoint-8")
        result["resumed_weights"] = weights(resumed)
    if trainer.is_world_process_zero():
        (directory / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
