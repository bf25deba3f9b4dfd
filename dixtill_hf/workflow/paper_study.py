# SPDX-License-Identifier: Apache-2.0
"""What only the study of the paper needs (Cantini et al. 2024, section 5).

Students at several temperatures, the published figures, and a model of the size of the paper's
teacher in the timings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification

from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.baselines.attention_heads import load_pruned, save_pruned
from dixtill_hf.baselines.base import get_baseline
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.presets import METHODS
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.efficiency_stage import TimedModel, in_pytorch, saved_model
from dixtill_hf.workflow.run import FinishedRun
from dixtill_hf.workflow.student_jobs import student_jobs
from dixtill_hf.workflow.student_stage import train_students

# The paper's teacher is of this size; what its weights are changes nothing about its time.
BERT_BASE = "BERT-base, random weights"
BERT_BASE_FORMS = ("onnx", "int8-dynamic")
_COLUMNS = (
    "method",
    "preset",
    "seed",
    "accuracy",
    "macro_f1",
    "matthews",
    "roc_auc",
    "teacher_agreement",
)


PUBLISHED: dict[str, Any] = {
    "source": "Cantini, Orsino and Talia, Journal of Big Data 11:63 (2024): the same finance "
    "tweets, a FinBERT teacher of 110 M parameters, one run",
    "quality": [
        {"name": "teacher", "accuracy": 0.855, "macro_f1": 0.810},
        {"name": "none", "accuracy": 0.802, "macro_f1": 0.725},
        {"name": "kl", "accuracy": 0.827, "macro_f1": 0.762},
        {"name": "mse", "accuracy": 0.816, "macro_f1": 0.752},
        {"name": "dixtill", "accuracy": 0.843, "macro_f1": 0.789},
    ],
    "compression": [
        {"name": "teacher", "bytes": 439e6, "milliseconds": 610.0, "accuracy": 0.855},
        {
            "name": "heads",
            "bytes": 365e6,
            "compression": 1.20,
            "milliseconds": 280.0,
            "speedup": 2.18,
        },
        {
            "name": "int8-dynamic",
            "bytes": 182.5e6,
            "compression": 2.40,
            "milliseconds": 400.0,
            "speedup": 1.52,
            "accuracy": 0.852,
        },
        {
            "name": "dixtill",
            "bytes": 3.45e6,
            "compression": 127.0,
            "milliseconds": 70.0,
            "speedup": 8.7,
            "accuracy": 0.843,
        },
    ],
}
"""Cantini et al. (2024), section 5; `name` is that of a method or of a baseline."""


def study_temperatures(
    run: FinishedRun,
    temperatures: Sequence[float],
    presets: Sequence[str] | None = None,
    seeds: int | None = None,
) -> list[dict[str, Any]]:
    """Train the students of the run that know a temperature at each of these temperatures.

    For the run's own temperature its students are taken. The others are kept in
    `temperatures/`, and are trained only if they are not there yet.

    Args:
        run: The finished run.
        temperatures: The temperatures.
        presets: Only students of these presets, which the run must have; all when None.
        seeds: Only so many of the run's seeds; all when None.

    Returns:
        The result of every student, with its `temperature`.
    """
    arguments = run.recipe.student
    methods = [method for method in arguments.methods if _knows_temperature(method)]
    presets = list(presets or arguments.presets)
    seeds = min(seeds or arguments.seeds, arguments.seeds)
    own = arguments.temperature or DistillationArguments.temperature
    rows = []
    for temperature in temperatures if methods else []:
        if temperature == own:
            results = [
                row
                for row in run.metrics["results"]
                if row["method"] in methods and row["preset"] in presets and row["seed"] < seeds
            ]
        else:
            chosen = replace(
                arguments,
                methods=methods,
                presets=presets,
                seeds=seeds,
                temperature=temperature,
            )
            directory = run.output_dir / "temperatures" / f"{temperature:g}"
            jobs = student_jobs(chosen, run.annotation, run.variants, run.word_vectors, directory)
            results = train_students(jobs, arguments.workers)
        rows += [
            {"temperature": temperature, **{name: result[name] for name in _COLUMNS}}
            for result in results
        ]
    return rows


def _knows_temperature(method: str) -> bool:
    return METHODS[method]["kd_loss"] not in ("none", "mse")


def bert_base_models(run: FinishedRun, cache: OutputCache) -> list[TimedModel]:
    """A BERT-base with the teacher's tokenizer, in eager PyTorch and in ONNX Runtime."""
    tokenizer, labels = run.one_teacher.tokenizer, len(run.one_teacher.label_order)
    config = BertConfig(num_labels=labels)
    config.vocab_size = max(config.vocab_size, len(tokenizer))

    def make(path: Path) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            save_pruned(BertForSequenceClassification(config), tokenizer, path)

    depends_on = [config.to_dict(), tokenizer.get_vocab()]
    directory = cache.output("bert-base", depends_on, make).directory
    stand_in = Teacher(
        load_pruned(directory),
        tokenizer,
        range(labels),
        str(directory),
        config.max_position_embeddings,
    )
    forms = cache.within("bert-base-forms")
    return [
        replace(in_pytorch(BERT_BASE, stand_in), is_reference=True),
        *(
            replace(model, name=f"{BERT_BASE}{_suffix(model.name)}")
            for model in (
                saved_model(get_baseline(form), stand_in, run, forms) for form in BERT_BASE_FORMS
            )
        ),
    ]


def _suffix(form: str) -> str:
    """Nothing for float32, whose label is the teacher's own."""
    return "" if form == "teacher" else f", {form}"
