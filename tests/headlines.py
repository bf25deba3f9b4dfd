# SPDX-License-Identifier: Apache-2.0
"""Files of headlines, all different, for tests of whole runs."""

from collections.abc import Sequence
from pathlib import Path


def write_headlines(
    directory: Path,
    sentences: Sequence[str],
    labels: Sequence[str],
    train: int = 60,
    test: int = 24,
) -> Path:
    """Write train.csv and test.csv of so many texts; returns their directory, which is made."""
    directory.mkdir(parents=True)
    for split, count in (("train", train), ("test", test)):
        rows = [
            f'"{sentences[i % len(sentences)]} {split} {i}",{labels[i % len(labels)]}'
            for i in range(count)
        ]
        (directory / f"{split}.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return directory
