# SPDX-License-Identifier: Apache-2.0
"""Where the data come from: the embedded corpus, files, saved directories or the Hub.

Each gives the source's own splits, with its own split names and columns.
"""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from datasets import Dataset, DatasetDict, load_dataset, load_from_disk
from datasets.exceptions import DatasetNotFoundError

from dixtill_hf.data.conventions import split_of
from dixtill_hf.data.embedded import financial_headlines
from dixtill_hf.data.files import read_file
from dixtill_hf.data.formats.kinds import KINDS

EMBEDDED = "embedded"

Source: TypeAlias = str | PathLike[str] | Mapping[str, str | PathLike[str]] | Dataset | DatasetDict


def read_source(source: Source, config_name: str | None = None) -> DatasetDict:
    """Read every split of a source, under the names that the source gives them.

    Args:
        source: ``"embedded"``; a directory written by ``save_to_disk``; a directory of
            ``train.*``, ``validation.*`` and ``test.*`` files; one file, read as ``train``; a
            mapping from split to file; a ``Dataset``, read as ``train``, or a ``DatasetDict``; or,
            if no such path exists, the id of a Hub dataset.
        config_name: The configuration of a Hub dataset that has several (``"sst2"`` of GLUE).

    Returns:
        The splits, unformatted.

    Raises:
        FileNotFoundError: If a path, or a dataset on the Hub, does not exist.
        ConnectionError: If the Hub cannot be reached.
        ValueError: If a file is of a kind that is not read, or cannot be read.
    """
    if isinstance(source, Dataset):
        data = DatasetDict({"train": source})
    elif isinstance(source, DatasetDict):
        data = source
    elif isinstance(source, Mapping):
        data = _read_mapping(source)
    elif not isinstance(source, str | PathLike):
        raise TypeError(
            f"source is a {type(source).__name__}; give a path, a Hub id, {EMBEDDED!r}, a mapping "
            "from split to file, a Dataset or a DatasetDict."
        )
    elif source == EMBEDDED:
        data = financial_headlines()
    elif Path(source).exists() or _looks_like_path(source):
        data = _read_path(Path(source).expanduser())
    else:
        return _read_hub(str(source), config_name).with_format(None)
    if config_name is not None:
        raise ValueError(f"config_name {config_name!r} is for Hub datasets; the source is not one.")
    return data.with_format(None)


def _looks_like_path(source: str | PathLike[str]) -> bool:
    if not isinstance(source, str):
        return True
    return (
        source.startswith((".", "/", "~"))
        or source.count("/") > 1
        or Path(source).suffix.lower() in KINDS
    )


def _read_mapping(files: Mapping[str, str | PathLike[str]]) -> DatasetDict:
    splits = {}
    for split, file in files.items():
        if not isinstance(file, str | PathLike):
            raise TypeError(f"Split {split!r} is a {type(file).__name__}; give the path of a file.")
        splits[split] = read_file(Path(file).expanduser())
    return DatasetDict(splits)


def _read_path(path: Path) -> DatasetDict:
    if not path.is_dir():
        return DatasetDict({"train": read_file(path)})
    saved = any((path / name).exists() for name in ("dataset_dict.json", "state.json"))
    if not saved:
        return _read_mapping(_split_files(path))
    if "::" in str(path):
        raise ValueError(
            f"{path} holds a saved dataset, and datasets takes '::' in a path for a chain of file "
            "systems. Rename the directory."
        )
    data = load_from_disk(str(path))
    return DatasetDict({"train": data}) if isinstance(data, Dataset) else data


def _split_files(directory: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        if path.suffix.lower() not in KINDS or split_of(path.stem) is None:
            continue
        if path.stem in files:
            raise ValueError(
                f"{directory} has two files for the split {path.stem!r}: "
                f"{files[path.stem].name} and {path.name}. Name the files: "
                'source={"train": "...", "test": "..."}.'
            )
        files[path.stem] = path
    if not files:
        names = ", ".join(sorted(path.name for path in directory.iterdir())) or "nothing"
        raise FileNotFoundError(
            f"{directory} is neither a dataset written by save_to_disk nor a directory with "
            f"train.*, validation.* and test.* files ({', '.join(KINDS)}); it holds: {names}."
        )
    return files


def _read_hub(name: str, config_name: str | None) -> DatasetDict:
    try:
        return load_dataset(name, config_name)
    except ConnectionError as error:
        raise ConnectionError(
            f"{name!r} is no path here, so it was taken for a dataset on the Hugging Face Hub; it "
            "is not in the local cache and the Hub cannot be reached. Connect to the network "
            "once, or give the path of a file or directory with the data."
        ) from error
    except DatasetNotFoundError as error:
        raise FileNotFoundError(
            f"{name!r} is neither a path here nor a dataset on the Hugging Face Hub that you may "
            "read. Check its spelling; for a private one run `hf auth login` first."
        ) from error
