# SPDX-License-Identifier: Apache-2.0
"""More text to learn from: variants of the training texts that the teacher labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value, concatenate_datasets

from dixtill_hf.data.columns import (
    EXPLAINED_LABEL,
    LABEL,
    LABEL_UNKNOWN,
    TEACHER_ATTRIBUTIONS,
    TEACHER_LOGITS,
    TEACHER_SPANS,
    TEXT,
)
from dixtill_hf.distillation.variants import text_variants
from dixtill_hf.teacher.annotation.annotate import annotate
from dixtill_hf.teacher.cross_fitting import TeacherEnsemble
from dixtill_hf.teacher.explainers.base import Explainer
from dixtill_hf.teacher.loading import Teacher

_COLUMNS = (TEXT, LABEL, TEACHER_LOGITS, TEACHER_SPANS, TEACHER_ATTRIBUTIONS, EXPLAINED_LABEL)


def label_variants(
    train: Dataset,
    teacher: Teacher | TeacherEnsemble | str | Path,
    per_text: int = 4,
    seed: int = 0,
    *,
    explained: int = 0,
    explainer: str | Explainer = "integrated_gradients",
    similar: Mapping[str, Sequence[str]] | None = None,
    **annotation: Any,
) -> Dataset:
    """Make variants of the training texts and let the teacher label them.

    Args:
        train: The training texts.
        teacher: The teacher, or its name or path. Of an ensemble from `cross_fit`, each member
            labels the variants of the texts that it has not seen.
        per_text: Variants of each text, at least 1. Default 4.
        seed: Of the variants.
        explained: Of so many variants of each text the teacher's predictions are explained too, for
            a student that explains itself more as its teacher does. Default 0: of none.
        explainer: As for `annotate`; that of the training texts. Default Integrated Gradients.
        similar: What may stand for a word, as `similar_words` finds it: words of every variant are
            then replaced. Default None: none are.
        **annotation: `label_map`, `tokens_per_batch` and `cache_dir` of `annotate`.

    Returns:
        The variants, annotated, each without a label of its own (−100).

    Raises:
        ValueError: `per_text` is below 1, or `explained` below 0 or above `per_text`.
    """
    if not 0 <= explained <= max(per_text, 1):
        raise ValueError(f"explained must be 0 to per_text ({per_text}), got {explained}.")
    if isinstance(teacher, TeacherEnsemble):
        settings = {
            "explained": explained,
            "explainer": explainer,
            "similar": similar,
            **annotation,
        }
        return concatenate_datasets(
            [
                label_variants(train.select(unseen), member, per_text, seed, **settings)
                for member, unseen in teacher.parts(train)
            ]
        )
    texts = text_variants(train[TEXT][:], per_text, seed, similar)
    # The second variants stand behind all first ones, so the explained ones are a beginning.
    first = len(text_variants(train[TEXT][:], explained, seed, similar)) if explained else 0
    others = annotate(_unlabelled(texts[first:], train), teacher, "none", **annotation)
    if not first:
        return others.select_columns(list(_COLUMNS))
    reasoned = annotate(_unlabelled(texts[:first], train), teacher, explainer, **annotation)
    return with_transfer_set(reasoned, others)


def _unlabelled(texts: list[str], train: Dataset) -> Dataset:
    """Texts without a label, which is of the kind that the training texts have."""
    variants = Dataset.from_dict({TEXT: texts, LABEL: [LABEL_UNKNOWN] * len(texts)})
    return variants.cast(
        Features({TEXT: variants.features[TEXT], LABEL: train.features.get(LABEL, Value("int64"))})
    )


def with_transfer_set(train: Dataset, transfer: Dataset) -> Dataset:
    """The annotated training texts and, behind them, texts that the teacher has labelled.

    A text without explanation teaches through its logits alone. Training texts without the column
    `label` are unlabelled.

    Raises:
        ValueError: One of them is not annotated; the missing columns are named.
    """
    if LABEL not in train.column_names:
        train = train.add_column(LABEL, [LABEL_UNKNOWN] * len(train), feature=Value("int64"))
    for name, dataset in (("training texts", train), ("transfer set", transfer)):
        missing = [column for column in _COLUMNS if column not in dataset.column_names]
        if missing:
            raise ValueError(
                f"The {name} have no columns {missing}: annotate them first, with annotate(...) "
                "or label_variants(...)."
            )
    kept = train.select_columns(list(_COLUMNS))
    added = _like(kept, transfer.select_columns(list(_COLUMNS)))
    return concatenate_datasets([kept, added])


def _like(train: Dataset, transfer: Dataset) -> Dataset:
    """The transfer set with attributions of all labels, none of any word, where train has them."""
    attributions = train.features[TEACHER_ATTRIBUTIONS]
    if transfer.features[TEACHER_ATTRIBUTIONS] == attributions:
        return transfer.cast(train.features)
    if any(len(scores) for scores in transfer[TEACHER_ATTRIBUTIONS]):
        raise ValueError(
            "The training texts are explained for all labels, the transfer set for one, or the "
            "other way round: annotate both with the same target."
        )
    labels = len(train[0][TEACHER_LOGITS])
    scores: list[list[list[float]]] = [[[] for _ in range(labels)]] * len(transfer)
    others = transfer.remove_columns(TEACHER_ATTRIBUTIONS)
    return others.add_column(TEACHER_ATTRIBUTIONS, scores, feature=attributions).cast(
        train.features
    )
