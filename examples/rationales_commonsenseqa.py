# SPDX-License-Identifier: Apache-2.0
"""Train T5 with rationales on CommonsenseQA, as published by Hendriks et al. (2025).

    python examples/rationales_commonsenseqa.py rationales/ google/t5-v1_1-base --mode both

The first argument is a directory saved with `save_to_disk`, with the splits `train` and
`validation` and the columns of `generate_rationales` (rename those of others with
`rename_rationale_columns`). It needs a GPU: 5,000 steps of 64 texts.
"""

import argparse
import json

from datasets import load_from_disk
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from dixtill_hf import RationaleArguments, RationaleTrainer, counterfactual_consistency
from dixtill_hf.rationales.measures import accuracy
from dixtill_hf.rationales.trainer import MODES


def main() -> None:
    """Train one model and print its measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("model")
    parser.add_argument("--mode", choices=MODES, default="both")
    parser.add_argument("--output_dir", default="runs/commonsenseqa")
    parser.add_argument("--max_steps", type=int, default=5000)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    data = load_from_disk(given.data)
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForSeq2SeqLM.from_pretrained(given.model)
    arguments = RationaleArguments(
        given.output_dir,
        mode=given.mode,
        max_steps=given.max_steps,
        per_device_train_batch_size=given.batch_size,
        learning_rate=5e-5,
        seed=given.seed,
        report_to=[],
    )
    trainer = RationaleTrainer(
        model, arguments, data["train"], data["validation"], processing_class=tokenizer
    )
    trainer.train()
    trainer.save_model()
    measured = {"accuracy": accuracy(model, tokenizer, data["validation"])}
    if "teacher_counterfactual_rationales" in data["validation"].column_names:
        measured["consistency"] = counterfactual_consistency(model, tokenizer, data["validation"])
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
