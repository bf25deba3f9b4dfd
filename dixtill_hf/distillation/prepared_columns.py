# SPDX-License-Identifier: Apache-2.0
"""The columns of a dataset that is prepared for training, and what each is made from."""

from datasets import Dataset, IterableDataset

from dixtill_hf.data import columns

INPUT_IDS = "input_ids"
"""int32, one id per word of the student."""

TOKEN_TYPES = "token_type_ids"
"""int32, which text each word is of, as the tokenizer says it; only in datasets of pairs."""

LABELS = "labels"
"""int64, the label, or `LABEL_UNKNOWN`; or float32, one for each label or value, NaN if unknown."""

TEACHER_LOGITS = columns.TEACHER_LOGITS
"""float32, one per label; only in annotated datasets."""

ATTRIBUTION_TARGETS = "attribution_targets"
"""float32, the teacher's attribution of each word; only in annotated datasets.

If a text may have several explained labels, a list of them for each.
"""

EXPLAINED_LABEL = "explained_label"
"""int64, the label that the attribution targets explain, or a list of them."""

LENGTH = "length"
"""int32, number of words."""

EXPLANATION = (columns.TEACHER_SPANS, columns.TEACHER_ATTRIBUTIONS, columns.EXPLAINED_LABEL)
"""The columns of an annotated dataset that say how the teacher explains."""

SOURCES = {
    LABELS: (columns.LABEL,),
    TEACHER_LOGITS: (columns.TEACHER_LOGITS,),
    ATTRIBUTION_TARGETS: EXPLANATION,
}
"""Column that the trainer reads → the columns of an annotated dataset that it is made from."""


def is_prepared(dataset: Dataset | IterableDataset) -> bool:
    """Whether a dataset has the columns that every prepared one has."""
    return {INPUT_IDS, LABELS, LENGTH} <= set(dataset.column_names)
