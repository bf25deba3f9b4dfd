# SPDX-License-Identifier: Apache-2.0
"""Gold rationales that come with the data: which parts of a text carry its label."""

import logging

from datasets import Dataset, DatasetDict, List, Value

from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.columns import RATIONALE, TEXT

logger = logging.getLogger(__name__)

RATIONALE_FEATURE = List(List(Value("int32")))

Spans = list[list[int]]


def check_rationales(data: DatasetDict) -> DatasetDict:
    """Bring the rationales of every split that has them to lists of int32 [start, end) pairs.

    A column of that name that holds anything else, such as an explanation in words, is left out
    with a warning. A missing rationale (null) stays missing.

    Raises:
        ValueError: If a span does not lie inside its text; names the rows.
    """
    return DatasetDict({split: _check_split(dataset, split) for split, dataset in data.items()})


def _check_split(dataset: Dataset, split: str) -> Dataset:
    if RATIONALE not in dataset.column_names:
        return dataset
    feature = dataset.features[RATIONALE]
    rationales = dataset[RATIONALE][:]
    dataset = dataset.remove_columns(RATIONALE)
    if not _holds_spans(feature):
        logger.warning(
            "The column %r of split %r is left out: it holds %s, not lists of [start, end) "
            "character pairs.",
            RATIONALE,
            split,
            feature,
        )
        return dataset
    texts = dataset[TEXT]
    rows = [row for row, text in enumerate(texts) if not _inside(rationales[row], text)]
    if rows:
        raise ValueError(
            f"Split {split!r} has {len(rows)} texts whose {RATIONALE} is not made of [start, end) "
            f"pairs with 0 <= start < end <= length of the text: {name_rows(rows)}."
        )
    return dataset.add_column(RATIONALE, rationales, feature=RATIONALE_FEATURE)


def _holds_spans(feature: object) -> bool:
    if not isinstance(feature, List) or not isinstance(feature.feature, List):
        return False
    inner = feature.feature.feature
    return isinstance(inner, Value) and inner.dtype.startswith(("int", "uint"))


def _inside(spans: Spans | None, text: str) -> bool:
    return all(len(span) == 2 and 0 <= span[0] < span[1] <= len(text) for span in spans or [])
