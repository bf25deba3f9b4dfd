# SPDX-License-Identifier: Apache-2.0
"""A file that has its name is whole, and tells when it no longer is."""

import errno
import os
import resource
import time
from pathlib import Path

import pytest

from dixtill_hf.artifacts.checksummed_files import (
    DamagedFileError,
    check_version,
    is_whole,
    read_whole,
    remove_leftovers,
    write_whole,
)


def _write(directory, content):
    return directory / write_whole(directory, "name", ".bin", lambda file: file.write(content))


def test_what_was_written_is_read_under_a_name_that_its_content_has(tmp_path):
    path = _write(tmp_path / "new", b"content")
    assert path.name.startswith("name-")
    assert path.suffix == ".bin"
    assert read_whole(path) == b"content"
    assert is_whole(path)
    assert _write(tmp_path / "new", b"content") == path
    assert _write(tmp_path / "new", b"other") != path
    assert len(list(path.parent.iterdir())) == 2


def test_a_changed_file_is_no_longer_whole(tmp_path):
    path = _write(tmp_path, b"content")
    path.write_bytes(b"contend")
    assert not is_whole(path)
    with pytest.raises(DamagedFileError, match=r"name-.*\.bin is damaged"):
        read_whole(path)
    path.unlink()
    with pytest.raises(DamagedFileError, match=r"name-.*\.bin is not there"):
        read_whole(path)


@pytest.fixture
def little_room():
    """No file of this process may grow beyond 1,000 bytes, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_an_error_that_leaves_nothing_half_done(tmp_path, little_room):
    kept = _write(tmp_path, b"content")
    with pytest.raises(OSError, match="before is intact: free some space") as error:
        _write(tmp_path, b"x" * 2000)
    assert error.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_any_failing_step_leaves_nothing_half_done(tmp_path, monkeypatch, owner, step):
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(owner, step, full)
    with pytest.raises(OSError, match="No space left on device"):
        _write(tmp_path, b"content")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_nothing_half_done(tmp_path):
    def interrupted(file):
        file.write(b"cont")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path, "name", ".bin", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_only_what_no_process_still_writes_is_a_leftover(tmp_path):
    old, young, folder = (tmp_path / name for name in ("old.tmp", "young.tmp", "folder.tmp"))
    for path in (old, young):
        path.write_bytes(b"half")
    _write(folder, b"content")
    whole = _write(tmp_path, b"content")
    yesterday = time.time() - 24 * 3600
    for path in (old, whole, folder):
        os.utime(path, (yesterday, yesterday))
    remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {young, whole}


def test_a_file_that_windows_does_not_let_go_of_is_kept_if_it_is_the_same(tmp_path, monkeypatch):
    """Windows refuses to replace a file that another process has mapped."""
    kept = _write(tmp_path, b"content")

    def refused(self, target):
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(Path, "replace", refused)
    assert _write(tmp_path, b"content") == kept
    assert list(tmp_path.iterdir()) == [kept]
    with pytest.raises(OSError, match="Access is denied"):
        _write(tmp_path, b"other")


@pytest.mark.parametrize("found", [None, 1, 2])
def test_older_and_own_versions_are_read(found):
    check_version(Path("file"), found, newest=2)


@pytest.mark.parametrize("found", [3, 0, "2", 1.5])
def test_newer_and_unknown_versions_are_refused_by_name(found):
    with pytest.raises(ValueError, match=r"the/file has format version .* reads versions 1 to 2"):
        check_version(Path("the/file"), found, newest=2)
