# SPDX-License-Identifier: Apache-2.0
"""The public data sets that are measured on, and how their files are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets import DatasetDict

from dixtill_hf.data.loading import load_text_classification


@dataclass(frozen=True)
class DataFiles:
    """Where a data set lies below `--data_dir`, and what its files do not say.

    Attributes:
        folder: Its folder.
        splits: Which split serves as which.
        labels: Names of the labels, if the files have numbers.
    """

    folder: str
    splits: dict[str, str] | None = None
    labels: tuple[str, ...] | None = None

    def load(self, data_dir: Path | str) -> DatasetDict:
        """The splits train, validation and test.

        Raises:
            ValueError: The files are not those of a data set with labels and a test split.
        """
        return load_text_classification(
            str(Path(data_dir) / self.folder),
            splits=self.splits,
            label_names=None if self.labels is None else list(self.labels),
            require_test=True,
        )


DATA_SETS = {
    "finance tweets": DataFiles(
        "twitter_financial_news_sentiment",
        {"test": "validation"},
        ("Bearish", "Bullish", "Neutral"),
    ),
    "SST-2": DataFiles("sst2", {"test": "validation"}, ("negative", "positive")),
    "TREC-6": DataFiles("trec6"),
    "tweet emotion": DataFiles("tweet_emotion"),
    "banking77": DataFiles("banking77"),
    "GermEval 2018": DataFiles("germeval18"),
    "Wisesight": DataFiles("wisesight_thai"),
    "film reviews": DataFiles("eraser_movies"),
}
"""Data sets by the name that pages give them."""
