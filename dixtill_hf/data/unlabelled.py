# SPDX-License-Identifier: Apache-2.0
"""Training texts without a label: a student learns of them what its teacher says."""

import logging
from typing import Any

from datasets import Dataset, DatasetDict, concatenate_datasets

from dixtill_hf.data.checks import check_texts
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEXT
from dixtill_hf.data.conventions import find_text_column
from dixtill_hf.data.sources import Source, read_source

logger = logging.getLogger(__name__)

# What serves of a source with several splits, the first of them that there is.
_SERVING = ("unsupervised", "unlabelled", "unlabeled", "train")


def add_unlabelled_texts(
    data: DatasetDict, source: Source, text_column: str | None = None
) -> DatasetDict:
    """Put the texts of another source behind the training texts, without a label.

    Args:
        data: The splits, as `load_text_classification` returns them.
        source: As for `load_text_classification`; its labels are not read. Of the splits of a Hub
            or saved dataset the one called unsupervised, unlabelled or unlabeled serves, else
            train, or the only one there is; of a directory of files it is train.
        text_column: Column of the text; by default the one called text, sentence, tweet or content.

    Returns:
        The splits. Texts that occur in any of them are left out, so that none which a student is
        scored on is learned from; of equal texts the first is kept.

    Raises:
        ValueError: The source has no such split or column, an empty text, or no text that is new.
        FileNotFoundError: If there is no such file, directory or dataset.
        ConnectionError: If the Hub is needed and cannot be reached.
    """
    texts = _texts_of(source, text_column)
    known = {text for split in data.values() for text in split[TEXT]}
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if not new:
        raise ValueError(
            f"All {len(texts)} texts of {source} are in the data already: name a source with "
            "other texts."
        )
    logger.info("%d texts of %s are new to the data.", len(new), source)
    train = data["train"]
    columns: dict[str, list[Any]] = {name: [None] * len(new) for name in train.column_names}
    columns |= {TEXT: new, LABEL: [LABEL_UNKNOWN] * len(new)}
    further = Dataset.from_dict(columns).cast(train.features)
    return DatasetDict({**data, "train": concatenate_datasets([train, further])})


def _texts_of(source: Source, text_column: str | None) -> list[str]:
    splits = read_source(source)
    name = next((one for one in _SERVING if one in splits), None)
    if name is None and len(splits) == 1:
        name = next(iter(splits))
    if name is None:
        raise ValueError(
            f"Of the splits of {source}, {', '.join(splits)}, none is called "
            f"{' or '.join(_SERVING)}: name a file or directory with the one that is meant."
        )
    where = f"{name} of {source}"  # the data have a split of that name themselves
    column = find_text_column(splits[name].column_names, text_column, where)
    texts = splits[name].select_columns([column])
    if column != TEXT:
        texts = texts.rename_column(column, TEXT)
    check_texts(DatasetDict({where: texts}))
    return texts[TEXT][:]
