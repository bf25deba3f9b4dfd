# SPDX-License-Identifier: Apache-2.0
"""Try settings on a tenth of the training texts, so that the test split stays untouched.

    python benchmarks/held_out.py runs/tweets/annotated --name lr4 learning_rate=4e-3
    python benchmarks/held_out.py runs/tweets/annotated --name no-xai xai_weight=0
    python benchmarks/held_out.py runs/tweets/annotated --name kl --method kl

Prints one JSON line a seed: quality on the held-out tenth, and agreement with the teacher there.
"""

import argparse
import json
import tempfile
from typing import Any

import torch
import yaml
from datasets import Dataset, disable_progress_bars, load_from_disk

from dixtill_hf import DistillationArguments, DistillationTrainer, build_student, label_names
from dixtill_hf.data.splitting import hold_out
from dixtill_hf.workflow.assessment import ask, assess

HELD_OUT, SPLIT_SEED = 0.1, 1


def main() -> None:
    """Train one student a seed and print what it reaches on the held-out texts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("annotated", help="directory of an annotated dataset")
    parser.add_argument("settings", nargs="*", help="fields of DistillationArguments, name=value")
    parser.add_argument("--name", default="default", help="what the rows are called")
    parser.add_argument("--method", default="dixtill")
    parser.add_argument("--preset", default="default")
    parser.add_argument(
        "--student", nargs="*", default=[], help="fields of DixtillConfig, name=value"
    )
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_intermixed_args()  # settings may stand behind options
    torch.set_num_threads(1)  # a student this small trains fastest on one thread
    disable_progress_bars()
    rest, held_out = hold_out(load_from_disk(given.annotated)["train"], HELD_OUT, SPLIT_SEED)
    for seed in range(given.seeds):
        scores = train(given, rest, held_out, seed)
        print(json.dumps({"name": given.name, "seed": seed, **scores}), flush=True)


def train(given: argparse.Namespace, rest: Dataset, held_out: Dataset, seed: int) -> dict[str, Any]:
    """Quality and agreement of one student on the held-out texts."""
    model, tokenizer = build_student(
        rest["text"][:],
        label_names(rest),
        given.preset,
        word_vectors="glove-packaged",
        seed=seed,
        **_read(given.student),
    )
    with tempfile.TemporaryDirectory() as directory:
        args = DistillationArguments.from_preset(
            given.preset,
            directory,
            given.method,
            seed=seed,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **{"explanation": "contributions", **_read(given.settings)},
        )
        trainer = DistillationTrainer(model, args, train_dataset=rest, processing_class=tokenizer)
        seconds = trainer.train().metrics["train_runtime"]
    scores = assess(ask(model, tokenizer, held_out), model.config.explanation)
    return {"seconds": seconds, "parameters": model.num_parameters(), **scores}


def _read(settings: list[str]) -> dict[str, Any]:
    """`["alpha=0.5", "kd_loss=mse"]` → `{"alpha": 0.5, "kd_loss": "mse"}`."""
    pairs = (setting.split("=", 1) for setting in settings)
    return {name: _number(value) for name, value in pairs}


def _number(value: str) -> Any:
    try:
        return float(value) if "e-" in value else yaml.safe_load(value)  # YAML reads 4e-3 as text
    except ValueError:
        return value


if __name__ == "__main__":
    main()
