# SPDX-License-Identifier: Apache-2.0
"""How near an exported student is to the one that was trained: labels and explanations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import f1_score
from transformers import PreTrainedTokenizerFast

from dixtill_hf.evaluation.agreement.base import agreement
from dixtill_hf.export.float_student import (
    ONE_LABEL,
    REGRESSION,
    SEVERAL_LABELS,
    problem_type_of,
    thresholds_of,
)
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import encode_padded

_TOP = 3


@dataclass(frozen=True)
class LabelledTexts:
    """Texts to measure on.

    Attributes:
        source: What they are called in the record.
        texts: The texts.
        labels: The right answer to each: the index of its label, the indices of its labels, or the
            value or values of a regression.
    """

    source: str
    texts: Sequence[str]
    labels: Sequence[Any]


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
        macro_f1: Macro F1 of the exported student; None for a regression.
        float_macro_f1: Macro F1 of the trained one on the same texts; None for a regression.
        mean_absolute_error: Mean absolute error of the exported student's outputs; None except for
            a regression.
        float_mean_absolute_error: The same of the trained student's outputs.
        same_label: Share of texts to which both give the same label, or the same labels; None for a
            regression.
        correlation: Pearson's correlation of their outputs; None except for a regression.
        cosine: Mean cosine of their explanations of the trained student's label (of each output of
            a regression), over the texts with words.
        same_top3: Share of those explanations whose three words of largest magnitude are the same.
        texts: How many texts.
    """

    macro_f1: float | None
    float_macro_f1: float | None
    mean_absolute_error: float | None
    float_mean_absolute_error: float | None
    same_label: float | None
    correlation: float | None
    cosine: float
    same_top3: float
    texts: int

    @property
    def agreement(self) -> float:
        """How often both say the same: `same_label`, or `correlation` for a regression."""
        agreement = self.correlation if self.same_label is None else self.same_label
        assert agreement is not None
        return agreement

    def record(self) -> dict[str, float]:
        """The numbers that there are, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def float_answers(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    batch_size: int = 64,
) -> list[TextAnswer]:
    """What the trained student says of texts, with the explanation that it is made for."""
    answers: list[TextAnswer] = []
    model.eval()
    for start in range(0, len(texts), batch_size):
        encoding = encode_padded(tokenizer, texts[start : start + batch_size])
        ids, mask = encoding["input_ids"], encoding["attention_mask"].bool()
        with torch.inference_mode():
            output = model(ids, mask, output_contributions=True, return_dict=True)
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
    config: Any,
) -> Fidelity:
    """Compare an exported student with the trained one.

    Args:
        trained: Answers of the trained student to the texts.
        exported: Gives the exported student's answer to a text.
        data: The texts and their labels.
        config: Configuration of the trained student: what its logits mean, and its thresholds.
    """
    answers = [exported(text) for text in data.texts]
    before = np.stack([answer.logits for answer in trained])
    after = np.stack([answer.logits for answer in answers])
    pairs = [
        (old.explanations[:, output], new.explanations[:, output])
        for old, new in zip(trained, answers, strict=True)
        for output in _explained_outputs(old, problem_type_of(config))
        if old.explanations.any()
    ]
    return Fidelity(
        **_qualities(before, after, data.labels, config),
        cosine=float(np.mean([agreement("cosine", old, new) for old, new in pairs])),
        same_top3=float(np.mean([top_words(old) == top_words(new) for old, new in pairs])),
        texts=len(data.texts),
    )


def _explained_outputs(answer: TextAnswer, problem_type: str) -> list[int]:
    if problem_type == REGRESSION:
        return list(range(len(answer.logits)))
    return [int(answer.logits.argmax())]


def _qualities(
    before: NDArray[np.float64], after: NDArray[np.float64], labels: Sequence[Any], config: Any
) -> dict[str, float | None]:
    """Quality of both students, and how often they say the same; logits are `(texts, labels)`."""
    problem_type = problem_type_of(config)
    if problem_type == REGRESSION:
        values = np.asarray(labels, dtype=float).reshape(before.shape)
        correlations = [np.corrcoef(*pair)[0, 1] for pair in zip(before.T, after.T, strict=True)]
        return {
            "macro_f1": None,
            "float_macro_f1": None,
            "mean_absolute_error": float(np.abs(after - values).mean()),
            "float_mean_absolute_error": float(np.abs(before - values).mean()),
            "same_label": None,
            "correlation": float(np.mean(correlations)),
        }
    truth: Any = labels
    if problem_type == SEVERAL_LABELS:
        truth = np.array([np.isin(np.arange(before.shape[1]), one) for one in labels])
    old, new = (_decisions(logits, problem_type, config) for logits in (before, after))
    same = old == new if problem_type == ONE_LABEL else (old == new).all(axis=1)
    return {
        "macro_f1": _macro_f1(truth, new),
        "float_macro_f1": _macro_f1(truth, old),
        "mean_absolute_error": None,
        "float_mean_absolute_error": None,
        "same_label": float(same.mean()),
        "correlation": None,
    }


def _decisions(
    logits: NDArray[np.float64], problem_type: str, config: Any
) -> NDArray[np.int64] | NDArray[np.bool_]:
    """The label of each text, `(texts,)`, or whether it has each label, `(texts, labels)`."""
    if problem_type == ONE_LABEL:
        return logits.argmax(axis=1)
    return expit(logits) >= np.array(thresholds_of(config))


def _macro_f1(labels: Any, predicted: NDArray[Any]) -> float:
    return float(f1_score(labels, predicted, average="macro", zero_division=0.0))


def top_words(scores: NDArray[np.float64]) -> frozenset[int]:
    """The three words of largest magnitude; of equal ones the earlier."""
    return frozenset(np.argsort(-np.abs(scores), kind="stable")[:_TOP].tolist())
