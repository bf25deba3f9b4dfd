# SPDX-License-Identifier: Apache-2.0
"""Whether a fine-tuned teacher is worth learning from, told before its texts are annotated."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from datasets import Dataset, DatasetDict
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from dixtill_hf.data.columns import LABEL, TEXT
from dixtill_hf.data.labels import label_names

logger = logging.getLogger(__name__)

# What the last epoch must have gained, in macro F1, to call a training unfinished.
_STILL_IMPROVING = 0.01


def warn_of_a_weak_teacher(
    dataset: DatasetDict, macro_f1: float, epochs: Sequence[Mapping[str, float]]
) -> None:
    """Warn if a simpler model would do as well, or if more training would have paid.

    Args:
        dataset: The labelled splits `train` and `validation`.
        macro_f1: What the teacher reaches on validation.
        epochs: What the Trainer logged after each epoch: `eval_macro_f1` and `eval_loss`.
    """
    answer, constant = _constant_answer(dataset["validation"])
    if macro_f1 <= constant:
        logger.warning(
            "The teacher's macro F1 on validation is %.3f, which always answering %r reaches too: "
            "it has learnt nothing. Try a lower learning rate, more epochs, or more texts.",
            macro_f1,
            answer,
        )
        return
    linear = _linear_baseline(dataset)
    if macro_f1 < linear:
        logger.warning(
            "The teacher's macro F1 on validation is %.3f, and that of a logistic regression on "
            "words is %.3f: a student would learn little from this teacher. Try more epochs "
            "(teacher_epochs), another encoder, or more texts.",
            macro_f1,
            linear,
        )
    elif _still_improves(epochs):
        logger.warning(
            "The teacher still improved when its fine-tuning ended (macro F1 on validation %.3f "
            "after %.3f): give it more epochs (teacher_epochs) before you annotate.",
            epochs[-1]["eval_macro_f1"],
            epochs[-2]["eval_macro_f1"],
        )


def _constant_answer(validation: Dataset) -> tuple[str, float]:
    """The most frequent label, and the macro F1 of always answering it."""
    label, count = Counter(validation[LABEL]).most_common(1)[0]
    macro_f1 = 2 * count / (len(validation) + count) / len(set(validation[LABEL]))
    return label_names(validation)[label], macro_f1


def _linear_baseline(dataset: DatasetDict) -> float:
    """Macro F1 on validation of a logistic regression on words and pairs of words (tf-idf)."""
    train, validation = dataset["train"], dataset["validation"]
    words = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, max_features=50_000, token_pattern=r"\S+"
    )
    model = make_pipeline(words, LogisticRegression(C=10, max_iter=100))
    model.fit(train[TEXT][:], train[LABEL][:])
    return f1_score(validation[LABEL][:], model.predict(validation[TEXT][:]), average="macro")


def _still_improves(epochs: Sequence[Mapping[str, float]]) -> bool:
    """Whether the last epoch was the best by loss and by macro F1, and clearly the best."""
    if len(epochs) < 2:
        return False
    last, earlier = epochs[-1], epochs[:-1]
    best = max(epoch["eval_macro_f1"] for epoch in earlier)
    lowest = min(epoch["eval_loss"] for epoch in earlier)
    return last["eval_macro_f1"] > best + _STILL_IMPROVING and last["eval_loss"] < lowest
