# SPDX-License-Identifier: Apache-2.0
"""The models of the suite: the teacher, its students, and what a user would pick instead."""

from __future__ import annotations

import copy
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline, make_union
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainingArguments

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.artifacts.hashing import hash_file, hash_json, hash_texts
from dixtill_hf.baselines.bag_of_words import BagOfWords
from dixtill_hf.data.columns import LABEL, RATIONALE, TEACHER_LOGITS, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.packaged import packaged_encoder
from dixtill_hf.data.splitting import hold_out, seeded_sample
from dixtill_hf.data.words import word_spans, words_of
from dixtill_hf.distillation.augmentation import label_variants
from dixtill_hf.distillation.building import build_trainer
from dixtill_hf.distillation.distill import one_thread_on_a_cpu
from dixtill_hf.evaluation.classifiers import (
    PyTorchClassifier,
    predict_probabilities,
    teacher_classifier,
)
from dixtill_hf.evaluation.plausibility import plausibility
from dixtill_hf.export.device_student import integer_answers, make_device_student
from dixtill_hf.export.fidelity import LabelledTexts
from dixtill_hf.pretraining.sentence_encoder import SentenceEncoder
from dixtill_hf.student.pretrained_start import identify_student_start
from dixtill_hf.student.student import Student
from dixtill_hf.teacher.finetuning import finetune_teacher
from dixtill_hf.teacher.loading import Teacher, load_teacher
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.student_jobs import job_arguments

logger = logging.getLogger(__name__)

PRESET = "default"
VARIANTS = 4
# Texts that are timed one by one.
_TIMED = 50
_LAYERS = 2
_STATIC_DIMENSIONS = 256

# From texts to the positions of the predicted labels.
Predict = Callable[[Sequence[str]], NDArray[np.integer]]


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes:
        predict: Predicts labels.
        bytes: Its size as files.
        further: Further figures for the record.
    """

    predict: Predict
    bytes: int
    further: dict[str, Any]


@dataclass
class Task:
    """A data set cut to a number of texts, its teacher and its annotations, made when asked for.

    Attributes:
        name: Name of the data set.
        size: Texts to learn from, validation included; 0 for all.
        data: Splits `train` and `validation`, which models learn and choose from, and `scored`.
        encoder: What the teacher is fine-tuned from.
        student_start: Pretrained student that students start from, or None.
        max_bytes: Size of the students in integers.
        directory: Where teacher and annotations are kept.
    """

    name: str
    size: int
    data: DatasetDict
    encoder: str | Path
    student_start: str | None
    max_bytes: int
    directory: Path

    @classmethod
    def of(cls, name: str, data: DatasetDict, size: int, scored: str, **settings: Any) -> Task:
        """Cut a data set: a random part of the texts, a tenth of which is for validation."""
        rows = seeded_sample(data["train"], size) if size else data["train"]
        train, validation = hold_out(rows, 0.1, seed=0)
        splits = DatasetDict(train=train, validation=validation, scored=data[scored])
        if settings["encoder"] == "packaged":
            settings["encoder"] = packaged_encoder()
        return cls(name, size, splits, **settings)

    @property
    def fingerprint(self) -> str:
        """Hash of the texts and labels."""
        texts = [[hash_texts(split[TEXT]), list(split[LABEL])] for split in self.data.values()]
        return hash_json([texts, label_names(self.data["train"])])

    @cached_property
    def teacher(self) -> Teacher:
        """The teacher, fine-tuned with the defaults."""
        splits = DatasetDict({name: self.data[name] for name in ("train", "validation")})
        directory = finetune_teacher(splits, self.encoder, self.directory / "teacher")
        return load_teacher(directory, label_names(self.data["train"]))

    @cached_property
    def annotated(self) -> DatasetDict:
        """The splits with the teacher's logits; those of train with its attributions too."""
        cache = self.directory / "annotations"
        return DatasetDict(
            train=annotate(self.data["train"], self.teacher, cache_dir=cache),
            scored=annotate(self.data["scored"], self.teacher, "none", cache_dir=cache),
        )

    @cached_property
    def variants(self) -> Dataset:
        """Variants of the training texts that the teacher has labelled."""
        cache = self.directory / "annotations"
        return label_variants(self.data["train"], self.teacher, VARIANTS, cache_dir=cache)

    @cached_property
    def sentence_encoder(self) -> SentenceEncoder:
        """The encoder before it is fine-tuned."""
        return SentenceEncoder(self.encoder)


def measure(task: Task, name: str, seed: int) -> dict[str, Any]:
    """Train one model and score it.

    Args:
        task: The data.
        name: Name in `MODELS`.
        seed: Its seed.

    Returns:
        `macro_f1` and `accuracy` on the scored split, `agreement` with the teacher (if it is a
        model that has one), `bytes`, `microseconds` of one text by itself (median), the predicted
        labels, and further figures.
    """
    fitted = MODELS[name].fit(task, seed)
    scored = task.data["scored"]
    texts, labels = scored[TEXT][:], np.array(scored[LABEL])
    predicted = np.asarray(fitted.predict(texts))
    cell = {
        **_quality(labels, predicted),
        "bytes": fitted.bytes,
        "microseconds": _microseconds(fitted.predict, texts),
        "predicted": predicted.tolist(),
        "labels": labels.tolist(),
        **fitted.further,
    }
    if MODELS[name].has_teacher:
        teacher = np.array(task.annotated["scored"][TEACHER_LOGITS]).argmax(-1)
        cell["agreement"] = float((predicted == teacher).mean())
    return cell


def _quality(labels: NDArray[np.integer], predicted: NDArray[np.integer]) -> dict[str, float]:
    return {
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
        "accuracy": float(accuracy_score(labels, predicted)),
    }


def _microseconds(predict: Predict, texts: Sequence[str]) -> float:
    """Median time of one text by itself, on one thread."""
    times = []
    with one_thread_on_a_cpu():
        predict(texts[:1])
        for text in texts[:_TIMED]:
            start = time.perf_counter()
            predict([text])
            times.append(time.perf_counter() - start)
    return round(float(np.median(times)) * 1e6, 1)


def _fit_teacher(task: Task, seed: int) -> Fitted:
    directory = task.directory / "teacher"
    model = teacher_classifier(task.teacher)
    size = (directory / "model.safetensors").stat().st_size
    return Fitted(_argmax(model), size, {})


def _argmax(model: PyTorchClassifier) -> Predict:
    return lambda texts: predict_probabilities(model, list(texts)).argmax(-1)


def _fit_student(method: str) -> Callable[[Task, int], Fitted]:
    def fit(task: Task, seed: int) -> Fitted:
        with tempfile.TemporaryDirectory() as directory, one_thread_on_a_cpu():
            args = job_arguments(StudentArguments(), PRESET, method, seed, Path(directory))
            trainer = build_trainer(
                task.annotated["train"] if method != "none" else task.data["train"],
                args,
                variants=task.variants if args.alpha > 0 else None,
                student_start=task.student_start,
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()
            trainer.save_model()
            size = sum(
                (Path(directory) / name).stat().st_size
                for name in ("model.safetensors", "tokenizer.json")
            )
        student = Student(trainer.model.eval(), trainer.processing_class)
        further = {"within": _within(task, student), **_plausibility(task, student)}
        model = PyTorchClassifier(student.model, student.tokenizer, method)
        return Fitted(_argmax(model), size, further)

    return fit


def _within(task: Task, student: Student) -> dict[str, Any]:
    """The student in integers of at most `max_bytes`, chosen on validation."""
    validation, scored = (task.data[name] for name in ("validation", "scored"))
    small = make_device_student(
        student.model,
        student.tokenizer,
        "suite",
        max_bytes=task.max_bytes,
        validation=LabelledTexts("validation", validation[TEXT][:], validation[LABEL][:]),
    )
    answer = integer_answers(small.data)
    predicted = np.array([np.argmax(answer(text).logits) for text in scored[TEXT]])
    labels = np.array(scored[LABEL])
    return {
        **_quality(labels, predicted),
        "bytes": len(small.data),
        "chosen": small.report[0],
        "predicted": predicted.tolist(),
    }


def _plausibility(task: Task, student: Student) -> dict[str, Any]:
    """How well the student's explanations name what people marked, where they did."""
    scored = task.data["scored"]
    if RATIONALE not in scored.column_names:
        return {}
    texts = scored[TEXT][:]
    explanations = student.explain(texts, scored[LABEL][:])
    # Words behind the student's limit have no score; they count as words that say nothing.
    scores = [
        np.pad(found.scores, (0, len(word_spans(text)) - len(found.scores)))
        for text, found in zip(texts, explanations, strict=True)
    ]
    return {"plausibility": plausibility(texts, scores, scored[RATIONALE][:])}


def _fit_bag_of_words(task: Task, seed: int) -> Fitted:
    train = task.data["train"]
    model = BagOfWords(len(label_names(train))).fit(train[TEXT][:], train[LABEL][:])
    with tempfile.TemporaryDirectory() as directory:
        model.save(directory)
        size = sum(file.stat().st_size for file in Path(directory).iterdir())
    return Fitted(lambda texts: model.predict_proba(list(texts)).argmax(-1), size, {})


def _fit_characters(task: Task, seed: int) -> Fitted:
    """Tf-idf of words, pairs of words and 2 to 5 characters, logistic regression."""
    train = task.data["train"]
    words = TfidfVectorizer(tokenizer=words_of, token_pattern=None, ngram_range=(1, 2))
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    model = make_pipeline(make_union(words, characters), LogisticRegression(C=10, max_iter=300))
    model.fit(train[TEXT][:], train[LABEL][:])
    features = sum(len(part.vocabulary_) for _, part in model[0].transformer_list)
    # Every feature has a float32 for each label and one for its idf, and its letters.
    letters = sum(len(n.encode()) for _, p in model[0].transformer_list for n in p.vocabulary_)
    size = 4 * features * (len(model[-1].coef_) + 1) + letters
    return Fitted(model.predict, size, {})


def _fit_frozen(task: Task, seed: int) -> Fitted:
    """Sentence vectors of the frozen encoder, logistic regression."""
    train, encoder = task.data["train"], task.sentence_encoder
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(encoder.encode(train[TEXT][:]).astype(np.float32), train[LABEL][:])
    size = sum(p.numel() * 4 for p in encoder.model.parameters()) + 4 * model.coef_.size
    return Fitted(
        lambda texts: model.predict(encoder.encode(list(texts)).astype(np.float32)), size, {}
    )


def _fit_static(task: Task, seed: int) -> Fitted:
    """Mean of static word vectors, as model2vec makes them, logistic regression.

    A word's vector is what the encoder gives for the word by itself, reduced to 256 principal
    components. Frequent words weigh less, a / (a + p) with a = 1e-3 (Arora et al., 2017).
    """
    train = task.data["train"]
    counts: dict[str, int] = {}
    for text in train[TEXT]:
        for word in words_of(text):
            counts[word] = counts.get(word, 0) + 1
    words = list(counts)
    vectors = task.sentence_encoder.encode(words).astype(np.float32)
    vectors -= vectors.mean(0)
    _, _, directions = np.linalg.svd(vectors, full_matrices=False)
    total = sum(counts.values())
    weights = np.array([1e-3 / (1e-3 + counts[word] / total) for word in words], np.float32)
    table = (vectors @ directions[:_STATIC_DIMENSIONS].T) * weights[:, None]
    rows = {word: row for row, word in enumerate(words)}

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        means = np.zeros((len(texts), table.shape[1]), np.float32)
        for place, text in enumerate(texts):
            known = [rows[word] for word in words_of(text) if word in rows]
            if known:
                means[place] = table[known].mean(0)
        return means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-9)

    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(embed(train[TEXT][:]), train[LABEL][:])
    size = 4 * (table.size + model.coef_.size) + sum(len(word.encode()) + 1 for word in words)
    return Fitted(lambda texts: model.predict(embed(texts)), size, {})


def _fit_fasttext(task: Task, seed: int) -> Fitted:
    """FastText with 2- to 5-grams of characters, quantised."""
    import fasttext

    train = task.data["train"]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "train.txt"
        rows = zip(train[TEXT], train[LABEL], strict=True)
        lines = [f"__label__{label} {' '.join(words_of(text))}\n" for text, label in rows]
        file.write_text("".join(lines), encoding="utf-8")
        settings = {"minn": 2, "maxn": 5, "wordNgrams": 2, "epoch": 50, "lr": 0.3, "dim": 50}
        model = fasttext.train_supervised(str(file), seed=seed, thread=1, verbose=0, **settings)
        model.quantize(input=str(file), retrain=False, cutoff=50_000, qnorm=True)
        model.save_model(str(Path(directory) / "model.ftz"))
        size = (Path(directory) / "model.ftz").stat().st_size

    def predict(texts: Sequence[str]) -> NDArray[np.integer]:
        found, _ = model.predict([" ".join(words_of(text)) for text in texts])
        return np.array([int(labels[0].removeprefix("__label__")) for labels in found])

    return Fitted(predict, size, {})


def _fit_two_layers(task: Task, seed: int) -> Fitted:
    """The teacher's first two layers, distilled by KL, its linear layers in int8."""
    torch.manual_seed(seed)
    small = first_layers(task.teacher.model, _LAYERS)
    rows = [task.annotated["train"], task.variants]
    texts = [text for part in rows for text in part[TEXT]]
    logits = np.concatenate([np.array(part[TEACHER_LOGITS], np.float32) for part in rows])
    order = task.teacher.label_order

    def collate(places: list[int]) -> dict[str, torch.Tensor]:
        batch = task.teacher.tokenizer(
            [texts[place] for place in places],
            padding=True,
            truncation=True,
            max_length=task.teacher.max_length,
            return_tensors="pt",
        )
        return {**batch, "teacher": torch.from_numpy(logits[places])}

    class KlTrainer(Trainer):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            target = torch.log_softmax(inputs.pop("teacher"), -1)
            found = torch.log_softmax(model(**inputs).logits[:, order], -1)
            kl = torch.nn.functional.kl_div
            return kl(found, target, log_target=True, reduction="batchmean")

    with tempfile.TemporaryDirectory() as directory:
        args = TrainingArguments(
            directory,
            num_train_epochs=4,
            learning_rate=2e-4,
            per_device_train_batch_size=32,
            save_strategy="no",
            report_to="none",
            remove_unused_columns=False,
            seed=seed,
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        places: Any = list(range(len(texts)))
        KlTrainer(small, args, collate, places).train()
    linear = sum(m.weight.numel() for m in small.modules() if isinstance(m, torch.nn.Linear))
    total = sum(p.numel() for p in small.parameters())
    quantized = torch.ao.quantization.quantize_dynamic(
        small.cpu().eval(), {torch.nn.Linear}, dtype=torch.qint8
    )
    model = PyTorchClassifier(
        quantized,
        task.teacher.tokenizer,
        "two layers",
        label_order=order,
        max_length=task.teacher.max_length,
    )
    return Fitted(_argmax(model), linear + 4 * (total - linear), {})


def first_layers(model: PreTrainedModel, count: int) -> PreTrainedModel:
    """A copy of a classifier with only its first layers.

    Raises:
        ValueError: Its layers are not one list of modules.
    """
    small = copy.deepcopy(model).requires_grad_(True)
    stacks = [
        (parent, name)
        for parent in small.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.ModuleList) and len(child) == model.config.num_hidden_layers
    ]
    if len(stacks) != 1:
        raise ValueError(f"The layers of a {type(model).__name__} are not one list: leave it out.")
    parent, name = stacks[0]
    setattr(parent, name, getattr(parent, name)[:count])
    small.config.num_hidden_layers = count
    return small


@dataclass(frozen=True)
class SuiteModel:
    """One row of the suite's tables.

    Attributes:
        title: How tables call it.
        fit: Trains it on a task with a seed.
        has_seeds: Whether its seed changes it.
        has_teacher: Whether it learns from the teacher, or is the teacher.
        is_student: Whether it is a student of this library.
        needs: Package that it needs.
    """

    title: str
    fit: Callable[[Task, int], Fitted]
    has_seeds: bool = False
    has_teacher: bool = False
    is_student: bool = False
    needs: str | None = None

    def settings(self, task: Task) -> list[Any]:
        """What its figures depend on, besides the texts."""
        encoder = task.encoder
        if Path(encoder).is_dir():
            encoder = hash_file(Path(encoder) / "model.safetensors")
        start = [identify_student_start(task.student_start), task.max_bytes]
        return [str(encoder), start if self.is_student else None]


MODELS = {
    "teacher": SuiteModel("teacher", _fit_teacher, has_teacher=True),
    **{
        method: SuiteModel(title, _fit_student(method), True, method != "none", True)
        for method, title in {
            "dixtill": "DiXtill",
            "kl": "student, KL",
            "mse": "student, MSE",
            "none": "student, labels only",
        }.items()
    },
    "two_layers": SuiteModel("teacher's first two layers, KL, int8", _fit_two_layers, True, True),
    "frozen": SuiteModel("frozen encoder, logistic regression", _fit_frozen),
    "static": SuiteModel("static vectors of the encoder, logistic regression", _fit_static),
    "fasttext": SuiteModel("fastText, quantised", _fit_fasttext, True, needs="fasttext"),
    "characters": SuiteModel("tf-idf of words and characters", _fit_characters),
    "bag_of_words": SuiteModel("bag of words", _fit_bag_of_words),
}
"""The models by the name that the user types."""

LINEAR = ("characters", "bag_of_words")


def available_models(names: Sequence[str]) -> list[str]:
    """Those of some models whose packages are installed; the others are named in a warning."""
    available = []
    for name in names:
        package = MODELS[name].needs
        if package is not None and find_spec(package) is None:
            logger.warning("%s is left out: the package %r is not installed.", name, package)
        else:
            available.append(name)
    return available
