# SPDX-License-Identifier: Apache-2.0
"""Who is timed: the teacher, its compressed forms and the students, in every runtime they have."""

from __future__ import annotations

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

from dixtill_hf.compression.bag_of_words import BagOfWords
from dixtill_hf.compression.head_pruning import load_pruned, save_pruned
from dixtill_hf.compression.quantization import QUANTIZED, load_compressed
from dixtill_hf.deployment.onnx_export import export_student
from dixtill_hf.deployment.onnx_student import OnnxStudent
from dixtill_hf.evaluation.classifiers import Classifier, PyTorchClassifier
from dixtill_hf.evaluation.efficiency import parameter_count
from dixtill_hf.reporting.measurements import display_name
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.metrics import BAG_OF_WORDS, fit_bag_of_words
from dixtill_hf.workflow.rivals import (
    half_the_heads,
    half_the_heads_label,
    has_known_heads,
    quantized_teacher,
)
from dixtill_hf.workflow.run import FinishedRun, best_student
from dixtill_hf.workflow.scoring import teacher_classifier

# The paper's teacher is of this size; what its weights are changes nothing about its time.
BERT_BASE = "BERT-base, random weights"
BERT_BASE_FORMS = ("onnx", "int8-dynamic")

# What a fresh process runs to classify one batch, for its memory: of each kind of model what its
# users would import, and no more. Arguments: the directory, and a JSON file of texts.
_ASK = """
import json, sys
texts = json.load(open(sys.argv[2], encoding="utf-8"))
model = load(sys.argv[1])
model.logits(model.tokenize(texts))
"""
_LOAD_TRANSFORMERS = """
import dixtill_hf
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from dixtill_hf.evaluation.efficiency import parameter_count
from dixtill_hf.evaluation.classifiers import PyTorchClassifier
def load(path):
    model = AutoModelForSequenceClassification.from_pretrained(path)
    return PyTorchClassifier(model, AutoTokenizer.from_pretrained(path), "")
"""
_LOAD_PRUNED = """
from transformers import AutoTokenizer
from dixtill_hf.compression.head_pruning import load_pruned
from dixtill_hf.evaluation.efficiency import parameter_count
from dixtill_hf.evaluation.classifiers import PyTorchClassifier
def load(path):
    return PyTorchClassifier(load_pruned(path), AutoTokenizer.from_pretrained(path), "")
"""
_LOAD_COMPRESSED = "from dixtill_hf.compression.quantization import load_compressed as load\n"
_LOAD_ONNX_STUDENT = "from dixtill_hf.deployment.onnx_student import OnnxStudent as load\n"
_LOAD_BAG_OF_WORDS = """
from dixtill_hf.compression.bag_of_words import BagOfWords
load = BagOfWords.load
"""


@dataclass(frozen=True)
class Entrant:
    """A saved model in one runtime.

    Attributes:
        name: What tables call it.
        directory: Where it lies.
        open: Loads it for a number of threads.
        probe: Python code that loads it and classifies one batch, for `measure_peak_memory`.
        explains: Whether it explains its predictions in the pass that makes them.
        parameters: How many it has, where that is told of it.
    """

    name: str
    directory: str
    open: Callable[[int], Classifier]
    probe: str
    explains: bool = False
    parameters: int | None = None

    def load(self, threads: int) -> Classifier:
        """The classifier, under the name that tables call it."""
        classifier = self.open(threads)
        classifier.name = self.name
        return classifier


def line_up(
    run: FinishedRun,
    rivals: Sequence[str],
    ranking_texts: int,
    bert_base: bool,
    store: MeasurementStore,
) -> list[Entrant]:
    """Make every model that is timed, where it is not there yet.

    Args:
        run: The finished run, whose best student stands for its students.
        rivals: Names in `QUANTIZED`.
        ranking_texts: Texts on which attention heads are ranked, at most.
        bert_base: Whether a BERT-base with random weights stands beside the teacher.
        store: Keeps the models.
    """
    entrants = [
        _in_pytorch("teacher", run.teacher),
        *_quantized(run.teacher, rivals, run, store),
        *([_pruned(run, ranking_texts, store)] if has_known_heads(run.teacher) else []),
        *_students(run, store),
        _bag_of_words(run, store),
    ]
    return [*entrants, *_bert_base(run, store)] if bert_base else entrants


def _in_pytorch(name: str, teacher: Teacher) -> Entrant:
    return Entrant(
        name, teacher.name, lambda _threads: teacher_classifier(teacher), _LOAD_TRANSFORMERS + _ASK
    )


def _quantized(
    teacher: Teacher, methods: Sequence[str], run: FinishedRun, store: MeasurementStore
) -> list[Entrant]:
    entrants = []
    for method in methods:
        directory = quantized_teacher(teacher, method, run.annotated, store)
        opened = partial(load_compressed, directory)
        probe = _LOAD_COMPRESSED + _ASK
        entrants.append(Entrant(QUANTIZED[method].label, str(directory), opened, probe))
    return entrants


def _pruned(run: FinishedRun, ranking_texts: int, store: MeasurementStore) -> Entrant:
    teacher = run.teacher
    directory = half_the_heads(teacher, run.annotated["validation"], ranking_texts, store)
    return Entrant(
        half_the_heads_label(teacher),
        str(directory),
        lambda _threads: teacher_classifier(teacher, model=load_pruned(directory)),
        _LOAD_PRUNED + _ASK,
    )


def _students(run: FinishedRun, store: MeasurementStore) -> list[Entrant]:
    """The best student in eager PyTorch and in ONNX Runtime."""
    rows = [row for row in run.metrics["results"] if row["method"] != BAG_OF_WORDS]
    job = run.jobs[best_student(rows)]
    name = display_name(job.method, job.preset, several=len({row["preset"] for row in rows}) > 1)
    directory = str(run.output_dir / "student")
    model = AutoModelForSequenceClassification.from_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    exported = store.directory_once(
        "student-onnx", job.fingerprint, lambda path: export_student(model, tokenizer, path)
    )
    return [
        Entrant(
            name,
            directory,
            lambda _threads: PyTorchClassifier(model, tokenizer, name),
            _LOAD_TRANSFORMERS + _ASK,
            explains=True,
        ),
        Entrant(
            name,
            str(exported),
            partial(OnnxStudent, exported),
            _LOAD_ONNX_STUDENT + _ASK,
            explains=True,
        ),
    ]


def _bag_of_words(run: FinishedRun, store: MeasurementStore) -> Entrant:
    directory = store.directory_once(
        BAG_OF_WORDS,
        run.annotated["train"]._fingerprint,
        lambda path: fit_bag_of_words(run.annotated).save(path),
    )
    return Entrant(
        display_name(BAG_OF_WORDS, None, several=False),
        str(directory),
        lambda _threads: BagOfWords.load(directory),
        _LOAD_BAG_OF_WORDS + _ASK,
        explains=True,
    )


def _bert_base(run: FinishedRun, store: MeasurementStore) -> list[Entrant]:
    """A BERT-base with the teacher's tokenizer, in eager PyTorch and in ONNX Runtime."""
    tokenizer, labels = run.teacher.tokenizer, len(run.teacher.label_order)
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
    parameters = parameter_count(stand_in.model)
    return [
        replace(_in_pytorch(BERT_BASE, stand_in), parameters=parameters),
        *(
            replace(entrant, name=f"{BERT_BASE}{_suffix(entrant.name)}")
            for entrant in _quantized(stand_in, BERT_BASE_FORMS, run, forms)
        ),
    ]


def _suffix(form: str) -> str:
    """Nothing for float32, whose label is the teacher's own."""
    return "" if form == "teacher" else f", {form}"
