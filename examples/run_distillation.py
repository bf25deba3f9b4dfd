# SPDX-License-Identifier: Apache-2.0
"""Distil any text classifier into a self-explainable student, the Trainer way.

On one machine:

    python examples/run_distillation.py --source embedded --teacher runs/demo/teacher \
        --output_dir runs/student

On several GPUs, each step shared among them:

    accelerate launch --num_processes 4 examples/run_distillation.py ...

Every field of `TrainingArguments` works: --push_to_hub, --eval_strategy epoch, --bf16, ...
"""

import sys
from dataclasses import dataclass, field

from transformers import HfArgumentParser, set_seed

from dixtill_hf import (
    DistillationArguments,
    DistillationTrainer,
    annotate,
    build_student,
    label_names,
    load_text_classification,
)


@dataclass
class ScriptArguments:
    """What is distilled."""

    source: str = field(
        default="embedded", metadata={"help": "Data: 'embedded', a Hub id, a directory or a file."}
    )
    test_source: str | None = field(default=None, metadata={"help": "A file of test texts."})
    teacher: str = field(
        default="runs/demo/teacher",
        metadata={"help": "Fine-tuned classifier: Hub id or directory."},
    )
    steps: int = field(default=10, metadata={"help": "Nodes of Integrated Gradients."})
    word_vectors: str | None = field(
        default=None, metadata={"help": "'glove-packaged' or a file; random when not given."}
    )


def main() -> None:
    """Annotate, distil, evaluate, save."""
    script, args = HfArgumentParser(
        (ScriptArguments, DistillationArguments)
    ).parse_args_into_dataclasses()
    set_seed(args.seed)
    data = load_text_classification(script.source, test_source=script.test_source)

    # The main process annotates; the others find its answers in the cache.
    with args.main_process_first(desc="annotation"):
        data = annotate(data, script.teacher, steps=script.steps)

    model, tokenizer = build_student(
        data["train"]["text"][:],
        label_names(data),
        word_vectors=script.word_vectors,
        seed=args.seed,
    )
    trainer = DistillationTrainer(
        model,
        args,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
    )
    trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)
    metrics = trainer.evaluate(data["test"], metric_key_prefix="test")
    trainer.log_metrics("test", metrics)
    trainer.save_metrics("test", metrics)
    trainer.save_model()
    if args.push_to_hub:
        trainer.push_to_hub()


if __name__ == "__main__":
    sys.exit(main())
