# SPDX-License-Identifier: Apache-2.0
"""Distil any text classifier into a self-explainable student, the Trainer way.

On one machine:

    python examples/run_distillation.py --source embedded --teacher runs/demo/teacher \
        --output_dir runs/student

On several GPUs, each step shared among them:

    accelerate launch --num_processes 4 examples/run_distillation.py ...

The finance tweets of the README, whose source has no test split, with the paper's settings:

    python examples/run_distillation.py --source zeroshot/twitter-financial-news-sentiment \
        --splits test=validation --label_names Bearish Bullish Neutral \
        --teacher your-fine-tuned-classifier --preset paper --output_dir runs/tweets

Every field of `TrainingArguments` works: --push_to_hub, --eval_strategy epoch, --bf16, ...
"""

import sys
from dataclasses import dataclass, field

from transformers import HfArgumentParser

from dixtill_hf import (
    DistillationArguments,
    DistillationTrainer,
    add_teacher_labelled_texts,
    annotate,
    build_student,
    label_names,
    label_variants,
)
from dixtill_hf.cli.arguments import RecipeParser
from dixtill_hf.selective.calibrate import calibrate_on_validation
from dixtill_hf.workflow.context import explainer_of
from dixtill_hf.workflow.data_stage import load_data
from dixtill_hf.workflow.recipe import AnnotationArguments, DataArguments


@dataclass
class ScriptArguments:
    """Who teaches, and what the student starts from."""

    teacher: str = field(
        default="runs/demo/teacher",
        metadata={"help": "Fine-tuned classifier: Hub id or directory."},
    )
    label_map: dict[str, str] | None = field(
        default=None,
        metadata={"help": "Teacher label=data label, if they differ: positive=Bullish ..."},
    )
    word_vectors: str | None = field(
        default=None,
        metadata={"help": "'glove-packaged', a file, or 'none' (random). Default: the preset's."},
    )


def read_arguments() -> tuple[
    DataArguments, AnnotationArguments, ScriptArguments, DistillationArguments
]:
    """Read our fields, then the Trainer's from what is left: it has a `label_names` of its own."""
    ours = RecipeParser(
        (DataArguments, AnnotationArguments, ScriptArguments),
        description=__doc__.splitlines()[0],
        epilog="All fields of DistillationArguments work too, and so those of TrainingArguments.",
    )
    *fields, rest = ours.parse_args_into_dataclasses(return_remaining_strings=True)
    trainers = HfArgumentParser(DistillationArguments, allow_abbrev=False)
    return (*fields, *trainers.parse_args_into_dataclasses(rest))


def main() -> None:
    """Annotate, label variants, distil, evaluate, save."""
    source, annotation, script, args = read_arguments()
    explainer = explainer_of(annotation)
    data = load_data(source, keep_columns=explainer.reads)
    how = {
        "label_map": script.label_map,
        "tokens_per_batch": annotation.tokens_per_batch,
    }
    data = annotate(data, script.teacher, explainer, **how)  # shared among the processes

    model, tokenizer = build_student(
        data["train"]["text"][:], label_names(data), args, word_vectors=script.word_vectors
    )
    train = data["train"]
    if args.variants_per_text:
        variants = label_variants(train, script.teacher, args.variants_per_text, **how)
        train = add_teacher_labelled_texts(train, variants)
    trainer = DistillationTrainer(
        model,
        args,
        train_dataset=train,
        eval_dataset=data["validation"],
        processing_class=tokenizer,
    )
    trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)
    calibrate_on_validation(trainer.model, tokenizer, data)
    metrics = trainer.evaluate(data["test"], metric_key_prefix="test")
    trainer.log_metrics("test", metrics)
    trainer.save_metrics("test", metrics)
    trainer.save_model()
    if args.push_to_hub:
        trainer.push_to_hub()


if __name__ == "__main__":
    sys.exit(main())
