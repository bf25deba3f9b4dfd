# SPDX-License-Identifier: Apache-2.0
"""What explainers return, as the columns of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from datasets import Features, Value
from datasets import Sequence as ListOf

from dixtill_hf.data import columns
from dixtill_hf.data.checks import name_rows
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.explainers.base import Attribution, Explainer


def added_features(explainer: Explainer) -> Features:
    """The columns that an annotation adds, and their types."""
    scores = ListOf(Value("float32"))
    return Features(
        {
            columns.TEACHER_LOGITS: ListOf(Value("float32")),
            columns.TEACHER_SPANS: ListOf(ListOf(Value("int32"))),
            columns.TEACHER_ATTRIBUTIONS: ListOf(scores)
            if explainer.explains_all_labels
            else scores,
            columns.EXPLAINED_LABEL: Value("int32"),
            columns.COMPLETENESS_ERROR: Value("float32"),
            columns.EVALUATIONS: Value("int32"),
            columns.TRUNCATED: Value("bool"),
        }
    )


def as_table(
    texts: Sequence[EncodedText], results: Sequence[Attribution], schema: pa.Schema
) -> pa.Table:
    """The columns of these texts, in their order."""
    rows = [
        {
            columns.TEACHER_LOGITS: result.logits,
            columns.TEACHER_SPANS: result.spans,
            columns.TEACHER_ATTRIBUTIONS: list(result.scores),
            columns.EXPLAINED_LABEL: result.label,
            columns.COMPLETENESS_ERROR: result.completeness_error,
            columns.EVALUATIONS: result.evaluations,
            columns.TRUNCATED: text.truncated,
        }
        for text, result in zip(texts, results, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def check_results(results: Sequence[Attribution], rows: Sequence[int]) -> None:
    """Refuse what is not finite, and scores that do not fit their spans.

    Args:
        results: What the explainer returned.
        rows: The row of the dataset that each is for.

    Raises:
        ValueError: Names the rows.
    """
    infinite, misfit = [], []
    for row, result in zip(rows, results, strict=True):
        if not (np.isfinite(result.logits).all() and np.isfinite(result.scores).all()):
            infinite.append(int(row))
        if np.shape(result.scores)[-1] != len(result.spans):
            misfit.append(int(row))
    if infinite:
        raise ValueError(
            f"The teacher gave logits or gradients that are not finite for {len(infinite)} texts: "
            f"{name_rows(sorted(infinite))}. Check its weights, or load it in float32."
        )
    if misfit:
        raise ValueError(
            f"The explainer gave other numbers of scores than of spans for {len(misfit)} texts: "
            f"{name_rows(sorted(misfit))}. Its explain(...) must give one score for each span."
        )
