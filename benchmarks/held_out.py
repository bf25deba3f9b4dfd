# SPDX-License-Identifier: Apache-2.0
"""Try settings on the validation split, so that the test split stays untouched.

    python benchmarks/held_out.py runs/tweets --name lr4 learning_rate=4e-3
    python benchmarks/held_out.py runs/tweets --name no-xai xai_weight=0
    python benchmarks/held_out.py runs/tweets --name kl --method kl
    python benchmarks/held_out.py runs/tweets --name variants --variants 4

Prints one JSON line a seed: quality on the validation texts, and agreement with the teacher there.
With --variants, settings that are not given are those of the preset for them.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml
from datasets import Dataset, disable_progress_bars, load_from_disk

from dixtill_hf import (
    DistillationArguments,
    DistillationTrainer,
    build_student,
    label_names,
    label_variants,
    load_teacher,
    with_transfer_set,
)
from dixtill_hf.distillation.presets import PRESETS
from dixtill_hf.workflow.assessment import ask, assess


def main() -> None:
    """Train one student a seed and print what it reaches on the held-out texts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path, help="output directory of a run, with its teacher")
    parser.add_argument("settings", nargs="*", help="fields of DistillationArguments, name=value")
    parser.add_argument("--name", default="default", help="what the rows are called")
    parser.add_argument("--method", default="dixtill")
    parser.add_argument("--preset", default="default")
    parser.add_argument(
        "--student", nargs="*", default=[], help="fields of DixtillConfig, name=value"
    )
    parser.add_argument("--variants", type=int, default=0, help="variants of every text")
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_intermixed_args()  # settings may stand behind options
    torch.set_num_threads(1)  # a student this small trains fastest on one thread
    disable_progress_bars()
    data = load_from_disk(str(given.run / "annotated"))
    texts = data["train"]
    if given.variants:
        teacher = load_teacher(given.run / "teacher", label_names(texts))
        cache = given.run / "cache" / "annotations"
        variants = label_variants(texts, teacher, given.variants, cache_dir=cache)
        texts = with_transfer_set(texts, variants)
    for seed in range(given.seeds):
        scores = train(given, data["train"], texts, data["validation"], seed)
        print(json.dumps({"name": given.name, "seed": seed, **scores}), flush=True)


def train(
    given: argparse.Namespace, known: Dataset, texts: Dataset, held_out: Dataset, seed: int
) -> dict[str, Any]:
    """Quality and agreement on held-out texts of one student; its words are those of `known`."""
    of_variants = PRESETS[given.preset].training_on_variants if given.variants else {}
    model, tokenizer = build_student(
        known["text"][:],
        label_names(known),
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
            **{"explanation": "contributions", **of_variants, **_read(given.settings)},
        )
        trainer = DistillationTrainer(model, args, train_dataset=texts, processing_class=tokenizer)
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
