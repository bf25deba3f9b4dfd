# SPDX-License-Identifier: Apache-2.0
"""Files that carry the checksum of their content in their name, and the version of their format."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from dixtill_hf.artifacts.files import TEMPORARY, unfinished_file

_BYTES_AT_ONCE = 1 << 20
# No write pauses for so long: an unfinished file that is older was left by a killed process.
_LEFT_OVER_SECONDS = 3600


class DamagedFileError(OSError):
    """A file is not there, or is not what was once written."""


def write_whole(
    directory: Path, name: str, suffix: str, write: Callable[[BinaryIO], object]
) -> str:
    """Write `<name>-<checksum><suffix>`: under a temporary name, synced, and then renamed.

    Args:
        directory: The folder, made if it is not there.
        name: What the file's name begins with; the checksum of its bytes follows.
        suffix: What the file's name ends with.
        write: Function that writes the content to the open file.

    Returns:
        The name of the file.

    Raises:
        OSError: The disk is full or cannot be written to; no other file is touched.
    """
    try:
        with unfinished_file(directory) as temporary:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            path = directory / f"{name}-{_checksum(temporary)}{suffix}"
            _put_in_place(temporary, path)
        _sync_names(directory)
    except DamagedFileError:
        raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"Nothing could be written to {directory}: {error}. What was finished before is "
            "intact: free some space, or copy the cache to a larger disk and name it as "
            "cache_dir, and make the same call again.",
        ) from error
    return path.name


def _put_in_place(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except PermissionError:
        # Windows replaces no file that a process has open. One of this name has this content.
        if not (path.is_file() and is_whole(path)):
            raise


def read_whole(path: Path) -> bytes:
    """The content of a file of `write_whole`.

    Raises:
        DamagedFileError: It is not there, or its content does not match its checksum.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DamagedFileError(f"{path} is not there") from error
    if _checksum_in(path) != hashlib.blake2b(data, digest_size=16).hexdigest():
        raise DamagedFileError(f"{path} is damaged: its content does not match its checksum")
    return data


def is_whole(path: Path) -> bool:
    """Whether the content of a file of `write_whole` matches its checksum."""
    return _checksum_in(path) == _checksum(path)


def remove_leftovers(directory: Path) -> None:
    """Remove what killed processes have left unfinished, but nothing that may still be written."""
    for path in directory.glob(f"*{TEMPORARY}"):
        try:
            if path.stat().st_mtime < time.time() - _LEFT_OVER_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except FileNotFoundError:
            continue  # its process lives after all, and has just given it its name


def _checksum_in(path: Path) -> str:
    return path.stem.rpartition("-")[2]


def _checksum(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BYTES_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def _sync_names(directory: Path) -> None:
    """Bring the names in a directory to the disk, where its system lets them be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_version(path: Path, found: object, newest: int) -> None:
    """Refuse a file whose format is newer than this release.

    Args:
        path: The file, for the message.
        found: The version that it carries; None counts as 1.
        newest: The newest version that this release reads.

    Raises:
        ValueError: The version is newer, or is no whole number of at least 1.
    """
    version = 1 if found is None else found
    if isinstance(version, int) and 1 <= version <= newest:
        return
    raise ValueError(
        f"{path} has format version {version!r}; this release of dixtill_hf reads versions 1 to "
        f"{newest}. Upgrade dixtill_hf, or let the file be written anew in another directory."
    )
