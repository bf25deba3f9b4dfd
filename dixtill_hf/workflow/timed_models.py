# SPDX-License-Identifier: Apache-2.0
"""Who is timed: the teacher, its compressed forms and the students, in every runtime they have."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
)

from dixtill_hf.baselines.attention_heads import load_pruned, save_pruned
from dixtill_hf.baselines.base import Baseline, get_baseline
from dixtill_hf.data.words import word_limit
from dixtill_hf.evaluation.classifiers import Classifier, PyTorchClassifier
from dixtill_hf.evaluation.efficiency import parameter_count
from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_student import OnnxStudent
from dixtill_hf.reporting.measurements import display_name
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.baseline_stage import saved_baseline
from dixtill_hf.workflow.evaluation_stage import BAG_OF_WORDS
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.run import FinishedRun
from dixtill_hf.workflow.scoring import teacher_classifier
from dixtill_hf.workflow.student_publication import best_student

# The paper's teacher is of this size; what its weights are changes nothing about its time.
BERT_BASE = "BERT-base, random weights"
BERT_BASE_FORMS = ("onnx", "int8-dynamic")

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
class Entrant:
    """A saved model in one runtime.

    Attributes:
        name: What tables call it.
        runtime: What computes it.
        directory: Where it lies.
        open: Loads it for a number of threads.
        probe: Python code that loads it and classifies one batch, for `measure_peak_memory`.
        max_length: The most tokens that it reads.
        explains: Whether it explains its predictions in the pass that makes them.
        parameters: How many it has, where that is told of it.
    """

    name: str
    runtime: str
    directory: str
    open: Callable[[int], Classifier]
    probe: str
    max_length: int
    explains: bool = False
    parameters: int | None = None

    def load(self, threads: int) -> Classifier:
        """The classifier, under the name that tables call it."""
        classifier = self.open(threads)
        classifier.name = self.name
        return classifier


def line_up(
    run: FinishedRun,
    baselines: Sequence[Baseline],
    bert_base: bool,
    store: MeasurementStore,
) -> list[Entrant]:
    """Make every model that is timed, where it is not there yet. All of them work on the CPU.

    Args:
        run: The finished run, whose best student stands for its students.
        baselines: The baselines that can be made of the run's teacher.
        bert_base: Whether a BERT-base with random weights stands beside the teacher.
        store: Keeps the models.
    """
    teacher = _on_cpu(run.one_teacher)
    entrants = [
        _in_pytorch("teacher", teacher),
        *(_saved(one, teacher, run, store) for one in baselines),
        *_students(run, store),
        *_bag_of_words(run, store),
    ]
    return [*entrants, *_bert_base(run, store)] if bert_base else entrants


def _on_cpu(teacher: Teacher) -> Teacher:
    """The teacher on the CPU, where its baselines are: times compare only on one device."""
    if teacher.model.device.type == "cpu":
        return teacher
    return replace(teacher, model=copy.deepcopy(teacher.model).cpu())


def _in_pytorch(name: str, teacher: Teacher) -> Entrant:
    return Entrant(
        name,
        "pytorch",
        teacher.name,
        lambda _threads: teacher_classifier(teacher),
        PROBE_TRANSFORMERS,
        teacher.max_length,
        parameters=parameter_count(teacher.model),
    )


def _saved(
    baseline: Baseline, teacher: Teacher, run: FinishedRun, store: MeasurementStore
) -> Entrant:
    directory = saved_baseline(baseline, teacher, run.annotated, store)
    return Entrant(
        baseline.label_for(teacher),
        baseline.runtime,
        str(directory),
        partial(baseline.load, directory),
        probe_of(baseline),
        teacher.max_length,
        explains=baseline.explains,
    )


def _students(run: FinishedRun, store: MeasurementStore) -> list[Entrant]:
    """The best student in eager PyTorch and in ONNX Runtime."""
    rows = [row for row in run.metrics["results"] if row["method"] != BAG_OF_WORDS]
    job = run.jobs[best_student(rows)]
    name = display_name(job.method, job.preset, several=len({row["preset"] for row in rows}) > 1)
    directory = str(run.output_dir / "student")
    model = AutoModelForSequenceClassification.from_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    limit = word_limit(tokenizer.model_max_length)
    exported = store.directory_once(
        "student-onnx", job.fingerprint, lambda path: export_student(model, tokenizer, path)
    )
    in_pytorch = Entrant(
        name,
        "pytorch",
        directory,
        lambda _threads: PyTorchClassifier(model, tokenizer, name, max_length=limit),
        PROBE_TRANSFORMERS,
        limit,
        explains=True,
    )
    in_onnx = replace(
        in_pytorch,
        runtime="onnxruntime",
        directory=str(exported),
        open=partial(OnnxStudent, exported),
        probe=PROBE_ONNX_STUDENT,
    )
    return [in_pytorch, in_onnx]


def _bag_of_words(run: FinishedRun, store: MeasurementStore) -> list[Entrant]:
    """The linear baseline, if the run has one."""
    if not any(row["method"] == BAG_OF_WORDS for row in run.metrics["results"]):
        return []
    entrant = _saved(get_baseline(BAG_OF_WORDS), run.one_teacher, run, store)
    return [replace(entrant, name=display_name(BAG_OF_WORDS, None, several=False))]


def _bert_base(run: FinishedRun, store: MeasurementStore) -> list[Entrant]:
    """A BERT-base with the teacher's tokenizer, in eager PyTorch and in ONNX Runtime."""
    tokenizer, labels = run.one_teacher.tokenizer, len(run.one_teacher.label_order)
    config = BertConfig(num_labels=labels)
    config.vocab_size = max(config.vocab_size, len(tokenizer))

    def make(path: Path) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            save_pruned(BertForSequenceClassification(config), tokenizer, path)

    directory = store.directory_once("bert-base", [config.to_dict(), tokenizer.get_vocab()], make)
    stand_in = Teacher(
        load_pruned(directory),
        tokenizer,
        range(labels),
        str(directory),
        config.max_position_embeddings,
    )
    forms = MeasurementStore(store.directory / "bert-base-forms")
    return [
        _in_pytorch(BERT_BASE, stand_in),
        *(
            replace(entrant, name=f"{BERT_BASE}{_suffix(entrant.name)}")
            for entrant in (
                _saved(get_baseline(form), stand_in, run, forms) for form in BERT_BASE_FORMS
            )
        ),
    ]


def _suffix(form: str) -> str:
    """Nothing for float32, whose label is the teacher's own."""
    return "" if form == "teacher" else f", {form}"
