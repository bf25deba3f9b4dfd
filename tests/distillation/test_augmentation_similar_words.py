# SPDX-License-Identifier: Apache-2.0
"""Words that may stand for the words of texts."""

from math import cos, pi, sin
from pathlib import Path

import pytest

from dixtill_hf.distillation import augmentation as module
from dixtill_hf.distillation.augmentation import similar_words

# In order of frequency; the angle of each vector in hundredths of a right angle.
ANGLES = {"the": 10, "up": 0, "rises": 5, "3m": 1, "!": 2, "falls": 30, "bank": 95, "loan": 100}


@pytest.fixture
def vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of word vectors of which the first word alone is grammar."""
    monkeypatch.setattr(module, "GRAMMAR", 1)
    path = tmp_path / "vectors.txt"
    lines = [
        f"{word} {cos(angle / 200 * pi)} {sin(angle / 200 * pi)}" for word, angle in ANGLES.items()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_nearest_words_come_first(vectors):
    found = similar_words(["RISES the 3m!", "Loan, unheard"], vectors)
    # From "rises" it is 5 to "up" and "the", 25 to "falls"; "the" may come in, but is not replaced.
    assert set(found) == {"rises", "loan"}
    assert sorted(found["rises"][:2]) == ["the", "up"]
    assert found["rises"][2:] == ["falls"]
    assert found["loan"] == ["bank"]


def test_only_frequent_words_come_in_and_no_more_than_asked_for(vectors):
    found = similar_words(["rises loan"], vectors, pool=2)
    assert {word: sorted(near) for word, near in found.items()} == {"rises": ["the", "up"]}
    assert len(similar_words(["falls"], vectors, most=1)["falls"]) == 1


def test_without_a_near_word_there_is_nothing(vectors):
    assert similar_words(["bank"], vectors, pool=3) == {}
    assert similar_words([], vectors) == {}


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt"):
        similar_words(["a text"], tmp_path / "nothing.txt")


@pytest.mark.parametrize("name", ["pool", "most"])
def test_a_number_below_one_is_refused(vectors, name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        similar_words(["a text"], vectors, **{name: 0})
