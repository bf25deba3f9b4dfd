# SPDX-License-Identifier: Apache-2.0
"""Time and memory of the teacher, the baselines and the students, in every runtime they have."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.baselines.base import Baseline, get_baseline
from dixtill_hf.data.columns import TEXT
from dixtill_hf.data.words import word_limit
from dixtill_hf.evaluation.classifiers import Classifier, student_classifier, teacher_classifier
from dixtill_hf.evaluation.efficiency import (
    can_measure_memory,
    directory_bytes,
    find_energy_meter,
    measure_energy,
    measure_peak_memory,
    parameter_count,
)
from dixtill_hf.evaluation.latency import LatencySettings, measure_latency, speed_ups
from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_student import OnnxStudent
from dixtill_hf.reporting.measurements import display_name
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.baseline_stage import saved_baseline
from dixtill_hf.workflow.evaluation_stage import BAG_OF_WORDS
from dixtill_hf.workflow.run import FinishedRun
from dixtill_hf.workflow.student_publication import best_student

TEXTS = 512
_BATCH = 32

# What a fresh process runs to classify one batch, for its memory: of each kind of model what its
# users would import, and no more. Arguments: the directory, a JSON file of texts, and the most
# tokens that the model reads.
_ASK = """
import json, sys
directory, texts, limit = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8")), sys.argv[3]
"""
_ASK_TRANSFORMERS = """
import torch
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(directory)
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
model.config.pad_token_id = tokenizer.pad_token_id
inputs = tokenizer(
    texts, padding=True, truncation=True, max_length=int(limit), return_tensors="pt"
)
with torch.inference_mode():
    model(**{name: inputs[name] for name in ("input_ids", "attention_mask")})
"""
PROBE_TRANSFORMERS = f"""{_ASK}
import dixtill_hf, torch
from transformers import AutoModelForSequenceClassification
model = AutoModelForSequenceClassification.from_pretrained(directory, dtype=torch.float32).eval()
{_ASK_TRANSFORMERS}"""
_PROBE_SAVED = """{ask}
from {module} import {name}
model = {name}{load}(directory)
model.logits(model.tokenize(texts))
"""
PROBE_ONNX_STUDENT = _PROBE_SAVED.format(
    ask=_ASK, module="dixtill_hf.export.onnx_student", name="OnnxStudent", load=""
)


def probe_of(baseline: Baseline) -> str:
    """The same for a saved baseline."""
    cls = type(baseline)
    return _PROBE_SAVED.format(ask=_ASK, module=cls.__module__, name=cls.__name__, load=".load")


@dataclass(frozen=True)
class TimedModel:
    """A saved model in one runtime.

    Attributes:
        name: What tables call it.
        runtime: What computes it.
        directory: Where it is saved.
        open: Loads it for a number of threads.
        probe: Python code that loads it and classifies one batch, for `measure_peak_memory`.
        max_length: The most tokens that it reads.
        explains: Whether it explains its predictions in the pass that makes them.
        parameters: How many it has, if that is known.
        is_reference: Whether its size is reported too, since it is no model of the run.
    """

    name: str
    runtime: str
    directory: str
    open: Callable[[int], Classifier]
    probe: str
    max_length: int
    explains: bool = False
    parameters: int | None = None
    is_reference: bool = False

    def load(self, threads: int) -> Classifier:
        """The classifier, under the name that tables call it."""
        classifier = self.open(threads)
        classifier.name = self.name
        return classifier


def timed_models(
    run: FinishedRun, baselines: Sequence[Baseline], cache: OutputCache
) -> list[TimedModel]:
    """Make every model that is timed, unless it is there already. All of them run on the CPU.

    Args:
        run: The finished run, whose best student stands for its students.
        baselines: The baselines that can be made of the run's teacher.
        cache: Keeps the models.
    """
    teacher = _on_cpu(run.one_teacher)
    return [
        in_pytorch("teacher", teacher),
        *(saved_model(one, teacher, run, cache) for one in baselines),
        *_students(run, cache),
        *_bag_of_words(run, cache),
    ]


def _on_cpu(teacher: Teacher) -> Teacher:
    """The teacher on the CPU, as its baselines: only times on one device can be compared."""
    if teacher.model.device.type == "cpu":
        return teacher
    return replace(teacher, model=copy.deepcopy(teacher.model).cpu())


def in_pytorch(name: str, teacher: Teacher) -> TimedModel:
    """A teacher in eager PyTorch."""
    return TimedModel(
        name,
        "pytorch",
        teacher.name,
        lambda _threads: teacher_classifier(teacher),
        PROBE_TRANSFORMERS,
        teacher.max_length,
        parameters=parameter_count(teacher.model),
    )


def saved_model(
    baseline: Baseline, teacher: Teacher, run: FinishedRun, cache: OutputCache
) -> TimedModel:
    """A baseline that is made of a teacher."""
    directory = saved_baseline(baseline, teacher, run.annotated, cache)
    return TimedModel(
        baseline.label_for(teacher),
        baseline.runtime,
        str(directory),
        partial(baseline.load, directory),
        probe_of(baseline),
        teacher.max_length,
        explains=baseline.explains,
    )


def _students(run: FinishedRun, cache: OutputCache) -> list[TimedModel]:
    """The best student in eager PyTorch and in ONNX Runtime."""
    rows = [row for row in run.metrics["results"] if row["method"] != BAG_OF_WORDS]
    job = run.jobs[best_student(rows)]
    name = display_name(job.method, job.preset, several=len({row["preset"] for row in rows}) > 1)
    directory = str(run.output_dir / "student")
    model = AutoModelForSequenceClassification.from_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    limit = word_limit(tokenizer.model_max_length)

    def export(path: Path) -> None:
        export_student(model, tokenizer, path)

    exported = cache.output("student-onnx", job.fingerprint, export).directory
    eager = TimedModel(
        name,
        "pytorch",
        directory,
        lambda _threads: student_classifier(model, tokenizer, name),
        PROBE_TRANSFORMERS,
        limit,
        explains=True,
    )
    in_onnx = replace(
        eager,
        runtime="onnxruntime",
        directory=str(exported),
        open=partial(OnnxStudent, exported),
        probe=PROBE_ONNX_STUDENT,
    )
    return [eager, in_onnx]


def _bag_of_words(run: FinishedRun, cache: OutputCache) -> list[TimedModel]:
    """The linear baseline, if the run has one."""
    if not any(row["method"] == BAG_OF_WORDS for row in run.metrics["results"]):
        return []
    model = saved_model(get_baseline(BAG_OF_WORDS), run.one_teacher, run, cache)
    return [replace(model, name=display_name(BAG_OF_WORDS, None, several=False))]


def measure_efficiency(
    run: FinishedRun,
    models: Sequence[TimedModel],
    threads: Sequence[int],
    settings: LatencySettings,
    cache: OutputCache,
) -> dict[str, Any]:
    """Time every model in every runtime that it has, all of them interleaved, and its memory.

    Args:
        run: The finished run, whose test texts are read.
        models: From `timed_models`.
        threads: Numbers of threads to measure with.
        settings: What is timed and how often; texts are padded to no more than the teacher reads.
        cache: Keeps the measurements.

    Returns:
        `settings`, `rows` (see `measure_latency` and `speed_ups`), `references`, `memory` and
        `energy`.
    """
    texts = run.annotated["test"][TEXT][:TEXTS]
    limit = min(model.max_length for model in models)
    pad_to = tuple(t if t is None else min(t, limit) for t in settings.pad_to)
    settings = replace(settings, pad_to=pad_to)
    names = [[model.name, model.runtime] for model in models]
    machine = {name: run.metrics["environment"][name] for name in ("cpu", "cores", "versions")}
    key = [names, machine, hash_teacher(run.one_teacher), run.metrics["fingerprint"], texts]
    rows: list[dict[str, Any]] = []
    for number in threads:
        rows += cache.value(
            f"latency-{number}-threads",
            [key, asdict(settings)],
            partial(_measure_latency, models, texts, settings, number),
        )
    explaining = {model.name for model in models if model.explains}
    return {
        "settings": {
            **asdict(settings),
            "threads": list(threads),
            "texts": len(texts),
            "device": "cpu",
        },
        "rows": [{**row, "explains": row["model"] in explaining} for row in speed_ups(rows)],
        "references": [
            {
                "model": model.name,
                "parameters": model.parameters,
                "bytes": directory_bytes(model.directory),
            }
            for model in models
            if model.is_reference
        ],
        "memory": cache.value("memory", key, lambda: _measure_memory(models, texts)),
        "energy": cache.value("energy", key, lambda: _measure_energy(models, texts, threads)),
    }


def _measure_latency(
    models: Sequence[TimedModel], texts: Sequence[str], settings: LatencySettings, threads: int
) -> list[dict[str, Any]]:
    return measure_latency([model.load(threads) for model in models], texts, settings, threads)


def _measure_energy(
    models: Sequence[TimedModel], texts: Sequence[str], threads: Sequence[int]
) -> list[dict[str, Any]] | None:
    """Energy of each model with the most threads; None if no counter can be read."""
    meter = find_energy_meter()
    if meter is None:
        return None
    classifiers = [model.load(max(threads)) for model in models]
    return measure_energy(classifiers, texts[:_BATCH], meter)


def _measure_memory(models: Sequence[TimedModel], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Peak memory of a fresh process for each model that loads it and classifies one batch.

    Empty on Windows, which does not count it.
    """
    if not can_measure_memory():
        return []
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(list(texts[:_BATCH]), file)
        file.flush()
        return [
            {
                "model": model.name,
                "runtime": model.runtime,
                "peak_bytes": measure_peak_memory(
                    model.probe, model.directory, file.name, str(model.max_length)
                ),
            }
            for model in models
        ]
