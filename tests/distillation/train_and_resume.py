# SPDX-License-Identifier: Apache-2.0
"""Trains, evaluates, and resumes from a checkpoint: run by one process or by several at once.

Usage: train_and_resume.py DIRECTORY NAME, where the directory has `corpus` and `student`.
"""

import gc
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import transformers
from datasets import Dataset, load_from_disk
from torch.utils.data import Sampler
from transformers import AutoTokenizer

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

TEXTS_PER_STEP = 8
# transformers 4 asks torch to load the optimizer onto "cpu:0", which torch does not know.
CAN_RESUME_SEVERAL = transformers.__version__ >= "5"


class _FilledUp(Sampler[int]):
    """The order of another sampler, its last step filled with texts from its beginning."""

    def __init__(self, order: Sampler[int]) -> None:
        self.order = order

    def __len__(self) -> int:
        return -(-len(self.order) // TEXTS_PER_STEP) * TEXTS_PER_STEP

    def __iter__(self) -> Iterator[int]:
        order = list(self.order)
        return iter(order + order[: len(self) - len(order)])


class _FillingTrainer(DistillationTrainer):
    """Does in one process what accelerate does for several to a step that is not full."""

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        order = super()._get_train_sampler(train_dataset)
        return _FilledUp(order) if self.args.world_size == 1 else order


def build(
    directory: Path,
    name: str,
    texts: int = 48,
    trainer_class: type[DistillationTrainer] = DistillationTrainer,
) -> DistillationTrainer:
    """A trainer whose step has 8 texts over all processes and which saves within an epoch."""
    corpus = load_from_disk(str(directory / "corpus")).select(range(texts))
    args = DistillationArguments(
        output_dir=str(directory / name),
        use_cpu=True,
        per_device_train_batch_size=TEXTS_PER_STEP // int(os.environ.get("WORLD_SIZE", "1")),
        per_device_eval_batch_size=4,
        num_train_epochs=2,
        learning_rate=1e-2,
        save_strategy="steps",
        save_steps=8,
        logging_steps=3,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to="none",
    )
    return trainer_class(
        DixtillForSequenceClassification.from_pretrained(directory / "student"),
        args,
        train_dataset=corpus,
        eval_dataset=corpus.select(range(21)),
        processing_class=AutoTokenizer.from_pretrained(directory / "student"),
    )


def weights(trainer: DistillationTrainer) -> list[float]:
    """All weights of the student, one after the other."""
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()]).tolist()


def run(directory: Path, name: str) -> None:
    """Train and write what came out to NAME.json."""
    trainer = build(directory, name)
    trainer.train()
    result = {
        "processes": trainer.args.world_size,
        "weights": weights(trainer),
        "log": trainer.state.log_history,
        "metrics": trainer.evaluate(),
        "predictions": trainer.predict(trainer.eval_dataset).predictions.tolist(),
    }
    if trainer.args.world_size == 1 or CAN_RESUME_SEVERAL:
        resumed = build(directory, name)
        resumed.train(resume_from_checkpoint=f"{trainer.args.output_dir}/checkpoint-8")
        result["resumed_weights"] = weights(resumed)
    uneven = build(directory, f"{name}-uneven", 45, _FillingTrainer)
    uneven.train()
    result["uneven_weights"] = weights(uneven)
    if trainer.is_world_process_zero():
        (directory / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2])
    gc.collect()  # the trainers' communication ends before the group that it runs over
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
