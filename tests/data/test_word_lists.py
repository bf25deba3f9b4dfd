# SPDX-License-Identifier: Apache-2.0
"""A list of words is read as people write it, and what is none is refused."""

from pathlib import Path

import pytest

from dixtill_hf.data.word_lists import read_words


def test_a_word_a_line(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffAnna\r\n\r\n  Müller \r\nAnna Schmidt".encode())
    assert read_words(path) == ["Anna", "Müller", "Anna Schmidt"]
    assert read_words(None) == []


@pytest.mark.parametrize(
    ("content", "error", "told"),
    [
        (None, FileNotFoundError, "no file of words"),
        (b" \n", ValueError, "holds no word"),
        (b"M\xfcller", ValueError, "not UTF-8"),
    ],
)
def test_what_is_no_list_is_refused(
    tmp_path: Path, content: bytes | None, error: type[Exception], told: str
) -> None:
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=told):
        read_words(path)
