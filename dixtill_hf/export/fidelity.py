# SPDX-License-Identifier: Apache-2.0
"""How near an exported student is to the one that was trained: labels and explanations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from transformers import PreTrainedTokenizerFast

from dixtill_hf.data.words import word_limit
from dixtill_hf.evaluation.agreement import cosine
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

_TOP = 3


@dataclass(frozen=True)
class LabelledTexts:
    """Texts to measure on.

    Attributes:
        source: What they are called in the record.
        texts: The texts.
        labels: The right label of each, as an index.
    """

    source: str
    texts: Sequence[str]
    labels: Sequence[int]


class TextAnswer(NamedTuple):
    """What a student says of one text.

    Attributes:
        logits: `(labels,)`.
        explanations: The scores of the words for every label, `(words, labels)`.
    """

    logits: NDArray[np.float64]
    explanations: NDArray[np.float64]


@dataclass(frozen=True)
class Fidelity:
    """How near an exported student is to the one that was trained.

    Attributes:
        macro_f1: Of the exported student.
        float_macro_f1: Of the trained one, on the same texts.
        same_label: Share of texts to which both give the same label.
        cosine: Mean cosine of their explanations of the trained student's label, over the texts
            with words.
        same_top3: Share of those texts whose three words of largest magnitude are the same.
        texts: How many texts.
    """

    macro_f1: float
    float_macro_f1: float
    same_label: float
    cosine: float
    same_top3: float
    texts: int


def float_answers(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    batch_size: int = 64,
) -> list[TextAnswer]:
    """What the trained student says of texts, with the explanation that it is made for."""
    answers: list[TextAnswer] = []
    limit = word_limit(tokenizer.model_max_length)
    model.eval()
    for start in range(0, len(texts), batch_size):
        encoding = tokenizer(
            list(texts[start : start + batch_size]),
            padding=True,
            truncation=True,
            max_length=limit,
            return_tensors="pt",
        )
        ids, mask = encoding["input_ids"], encoding["attention_mask"].bool()
        with torch.inference_mode():
            output = model(input_ids=ids, attention_mask=mask, return_dict=True)
        for row, real in enumerate(mask):
            logits = output.logits[row].double().numpy()
            if model.config.explanation == "attention":
                scores = output.attention_scores[row][real, None].double().numpy()
                explanations = np.repeat(scores, len(logits), axis=1)
            else:
                explanations = output.contributions[row][real].double().numpy()
            answers.append(TextAnswer(logits, explanations))
    return answers


def measure_fidelity(
    trained: Sequence[TextAnswer],
    exported: Callable[[str], TextAnswer],
    data: LabelledTexts,
) -> Fidelity:
    """Compare an exported student with the trained one.

    Args:
        trained: Answers of the trained student to the texts.
        exported: Gives the exported student's answer to a text.
        data: The texts and their labels.
    """
    answers = [exported(text) for text in data.texts]
    before = [int(answer.logits.argmax()) for answer in trained]
    after = [int(answer.logits.argmax()) for answer in answers]
    pairs = [
        (old.explanations[:, label], new.explanations[:, label])
        for old, new, label in zip(trained, answers, before, strict=True)
        if old.explanations.any()
    ]
    return Fidelity(
        macro_f1=float(f1_score(data.labels, after, average="macro", zero_division=0.0)),
        float_macro_f1=float(f1_score(data.labels, before, average="macro", zero_division=0.0)),
        same_label=float(np.mean(np.array(before) == np.array(after))),
        cosine=float(np.mean([cosine(old, new) for old, new in pairs])),
        same_top3=float(np.mean([top_words(old) == top_words(new) for old, new in pairs])),
        texts=len(data.texts),
    )


def top_words(scores: NDArray[np.float64]) -> frozenset[int]:
    """The three words of largest magnitude; of equal ones the earlier."""
    return frozenset(np.argsort(-np.abs(scores), kind="stable")[:_TOP].tolist())
