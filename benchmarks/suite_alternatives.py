# SPDX-License-Identifier: Apache-2.0
"""What a user would pick instead of a student, each trained on a task of the suite."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from transformers import PreTrainedModel, Trainer, TrainingArguments

from benchmarks.suite_task import Fitted, Task, best_labels
from dixtill_hf.baselines.bag_of_words import BagOfWords
from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.words import words_of
from dixtill_hf.evaluation.classifiers import PyTorchClassifier

_LAYERS = 2
_STATIC_DIMENSIONS = 256


def fit_bag_of_words(task: Task, seed: int) -> Fitted:
    """The bag of words that every comparison has."""
    train = task.data["train"]
    model = BagOfWords(len(label_names(train))).fit(train[TEXT][:], train[LABEL][:])
    with tempfile.TemporaryDirectory() as directory:
        model.save(directory)
        size = sum(file.stat().st_size for file in Path(directory).iterdir())
    return Fitted(lambda texts: model.predict_proba(list(texts)).argmax(-1), size, {})


def fit_characters(task: Task, seed: int) -> Fitted:
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


def fit_frozen(task: Task, seed: int) -> Fitted:
    """Sentence vectors of the frozen encoder, logistic regression."""
    train, encoder = task.data["train"], task.sentence_encoder
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(encoder.encode(train[TEXT][:]).astype(np.float32), train[LABEL][:])
    size = sum(p.numel() * 4 for p in encoder.model.parameters()) + 4 * model.coef_.size
    return Fitted(
        lambda texts: model.predict(encoder.encode(list(texts)).astype(np.float32)), size, {}
    )


def fit_static(task: Task, seed: int) -> Fitted:
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


def fit_fasttext(task: Task, seed: int) -> Fitted:
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


def fit_two_layers(task: Task, seed: int) -> Fitted:
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
    return Fitted(best_labels(model), linear + 4 * (total - linear), {})


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
