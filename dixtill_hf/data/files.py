# SPDX-License-Identifier: Apache-2.0
"""Read files of rows: comma- and tab-separated text, JSON and Parquet.

Nothing is guessed from a part of a file, and what can be read in two ways is refused; the rules of
each kind of file are in `data.formats`. A path is a path, never a pattern, and the content of a
file is its identity: a file that was replaced is read anew, whatever its name, size and date.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from datasets import Dataset

from dixtill_hf.data.formats.json_rows import read_json
from dixtill_hf.data.formats.kinds import kind_of, naming_file
from dixtill_hf.data.formats.parquet import read_parquet
from dixtill_hf.data.formats.separated_text import read_csv, read_tsv

# Part of every fingerprint: a change of how files are read must not find what was made before.
_READER_VERSION = 1

READERS: dict[str, Callable[[bytes], pa.Table]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".json": read_json,
    ".jsonl": read_json,
    ".parquet": read_parquet,
}
"""How the content of each kind of file is read as a whole."""


def read_file(path: Path) -> Dataset:
    """Read the rows of one file; its suffix says of which kind it is.

    Args:
        path: A `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet` file.

    Returns:
        The rows, with a fingerprint of the file's content.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of another kind, damaged, empty, in another encoding than UTF-8, or can
            be read in several ways; says where and what to do.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}{_nearest_file(path)}.")
    suffix = kind_of(str(path))
    content = path.read_bytes()
    with naming_file(str(path)):
        table = READERS[suffix](content)
    digest = hashlib.blake2b(f"{_READER_VERSION} {suffix} ".encode(), digest_size=16)
    digest.update(content)
    return Dataset(table, fingerprint=f"file-{digest.hexdigest()}")


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (nor a directory {path.parent})"
    names = [entry.name for entry in path.parent.iterdir()]
    nearest = difflib.get_close_matches(path.name, names, n=1)
    return f" (did you mean {nearest[0]}?)" if nearest else ""
