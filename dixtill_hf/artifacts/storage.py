# SPDX-License-Identifier: Apache-2.0
"""Files on a disk or in an object store, by one address; written files are whole or absent.

An address is a path, or a URL of any file system that fsspec knows: `s3://`, `gs://`, `hf://`.
Credentials come from where that file system looks for them. An object store shows an object only
when its upload is complete; on a disk a file is written under another name, synced and renamed.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from dixtill_hf.artifacts.files import unfinished_file

_BYTES_AT_ONCE = 1 << 16


def is_remote(address: str | os.PathLike[str]) -> bool:
    """Whether an address is a URL, such as `s3://bucket/folder`, and not a path."""
    return isinstance(address, str) and "://" in address


@dataclass(frozen=True)
class Storage:
    """A folder on a disk or in an object store.

    Attributes:
        address: Its path or URL, without a slash at the end.
    """

    address: str

    @classmethod
    def at(cls, address: str | os.PathLike[str]) -> Storage:
        """The folder at an address.

        Raises:
            ImportError: The package of its file system is not installed; says which.
            ValueError: No file system has such addresses.
        """
        text = str(address) if is_remote(address) else os.fspath(Path(address).expanduser())
        storage = cls(text.rstrip("/") or "/")
        if is_remote(text):
            _ = storage._system
        return storage

    @property
    def is_remote(self) -> bool:
        """Whether it is in an object store."""
        return is_remote(self.address)

    @cached_property
    def _system(self) -> Any:
        """The fsspec file system of a URL."""
        import fsspec

        return fsspec.core.url_to_fs(self.address)[0]

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say which object store could not be reached, whatever its library raises.

        Libraries try again by themselves before they give up.
        """
        try:
            yield
        except OSError:
            raise
        except Exception as error:
            raise OSError(
                f"{self.address} cannot be reached or refuses this: {error}. What was finished is "
                "kept: make the same call again when it can."
            ) from error

    def within(self, name: str) -> Storage:
        """A folder in this one."""
        return Storage(f"{self.address}/{name}")

    def path(self, name: str) -> str:
        """The address of a file in this folder."""
        return f"{self.address}/{name}"

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        if self.is_remote:
            with self._reached():
                self._system.invalidate_cache()
                return self._system.exists(self.path(name))
        return os.path.exists(self.path(name))

    def names(self) -> list[str]:
        """Names of the files and folders in it, sorted; none if it is not there."""
        if self.is_remote:
            with self._reached():
                self._system.invalidate_cache()
                try:
                    found = self._system.ls(self.address, detail=False)
                except FileNotFoundError:
                    return []
            return sorted({path.rstrip("/").rpartition("/")[2] for path in found} - {""})
        return sorted(os.listdir(self.address)) if os.path.isdir(self.address) else []

    def open(self, name: str) -> BinaryIO:
        """Open a file to read it, from any place in it.

        Raises:
            FileNotFoundError: There is none.
        """
        if self.is_remote:
            with self._reached():
                opened = self._system.open(self.path(name), "rb")
            return io.BufferedReader(_RemoteFile(opened, self._reached), _BYTES_AT_ONCE)
        return open(self.path(name), "rb")

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: There is none.
        """
        if self.is_remote:
            with self._reached():
                return self._system.cat_file(self.path(name))
        return Path(self.path(name)).read_bytes()

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Write a file, so that it is there whole or not at all.

        Args:
            name: Its name.
            write: Function that writes the content to an open file on a disk.

        Raises:
            OSError: It cannot be written; an older file of this name is untouched.
        """
        if self.is_remote:
            with tempfile.TemporaryDirectory() as directory:
                local = Path(directory) / "file"
                with local.open("wb") as file:
                    write(file)
                with self._reached():
                    self._system.put_file(str(local), self.path(name))
            return
        path = Path(self.path(name))
        with unfinished_file(path.parent) as temporary:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to a path on this machine, whole or not at all.

        Raises:
            FileNotFoundError: There is none.
            OSError: The object store cannot be reached.
        """
        with unfinished_file(target.parent) as temporary:
            with self._reached():
                self._system.get_file(self.path(name), str(temporary))
            temporary.replace(target)

    def remove(self, name: str) -> None:
        """Remove a file or folder, if it is there."""
        if self.is_remote:
            if self.exists(name):
                self._system.rm(self.path(name), recursive=True)
        elif os.path.isdir(self.path(name)):
            shutil.rmtree(self.path(name))
        else:
            Path(self.path(name)).unlink(missing_ok=True)


class _RemoteFile(io.RawIOBase):
    """A file of an object store; what its library raises while it is read becomes an OSError.

    Args:
        file: The file, opened.
        reached: Says which object store could not be reached.
    """

    def __init__(self, file: Any, reached: Callable[[], AbstractContextManager[None]]) -> None:
        self._file, self._reached = file, reached

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._reached():
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


def split_address(address: str | os.PathLike[str]) -> tuple[Storage, str]:
    """The folder of a file, and the file's name in it."""
    text = os.fspath(address) if not is_remote(address) else str(address)
    if is_remote(text):
        folder, _, name = text.rstrip("/").rpartition("/")
        return Storage.at(folder), name
    path = Path(text).expanduser()
    return Storage.at(path.parent), path.name
