# SPDX-License-Identifier: Apache-2.0
"""What people see: labels, probabilities, words with their exact parts."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dixtill_runtime
from dixtill_runtime import Classifier, ContainerError

TEXT = "Profit warning: ACME cuts 1,200 jobs!"


@pytest.fixture
def classifier(student_file: Path) -> Classifier:
    return Classifier.from_file(student_file, engine="reference")


def test_words_stand_in_the_text_with_parts_that_sum_exactly(classifier: Classifier) -> None:
    prediction = classifier(TEXT)
    empty = classifier("")
    assert [word.text for word in prediction.words[:3]] == ["Profit", "warning", ":"]
    for index, name in enumerate(classifier.labels):
        parts = sum(word.contributions[index] for word in prediction.words)
        assert empty.logits[name] + parts == prediction.logits[name]
    best = classifier.labels.index(prediction.label)
    assert [word.score for word in prediction.words] == [
        word.contributions[best] for word in prediction.words
    ]
    assert {word.text: word.known for word in prediction.words}["cuts"] is False


def test_the_label_has_the_largest_probability(classifier: Classifier) -> None:
    prediction = classifier(TEXT)
    assert prediction.probability == max(prediction.probabilities.values())
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert prediction.labels == (prediction.label,)


def test_a_batch_gives_what_single_texts_give(classifier: Classifier) -> None:
    texts = [TEXT, "", "the café falls"]
    assert classifier(texts) == [classifier(text) for text in texts]
    assert classifier(iter(texts)) == classifier(texts)


def test_long_texts_are_cut_and_it_is_said(classifier: Classifier) -> None:
    assert classifier("the " * 17).cut
    assert not classifier("the " * 16).cut


def test_threads_give_the_same_answers(classifier: Classifier) -> None:
    texts = [TEXT, "the café falls", "", "shares of acme rise"] * 20
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(classifier, texts)) == classifier(texts)


def test_a_directory_is_searched_for_the_student(tmp_path: Path, student: bytes) -> None:
    (tmp_path / "student.dxt").write_bytes(student)
    assert Classifier.from_file(tmp_path, engine="reference").labels == ("down", "up", "même")


def test_wrong_arguments_are_named(
    classifier: Classifier, student: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TypeError, match="got int in row 1"):
        classifier(["a", 2])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="engine must be one of core, reference, got 'gpu'"):
        Classifier(student, engine="gpu")
    (tmp_path / "x.dxt").write_bytes(b"")
    with pytest.raises(ContainerError, match="truncated"):
        Classifier.from_file(tmp_path / "x.dxt")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"dixtill-runtime\[hub\]"):
        Classifier.from_hub("user/student")


def test_importing_loads_nothing_that_takes_long() -> None:
    # An editable installation is found by a hook of `site`, which is not loaded here.
    path = [str(Path(dixtill_runtime.__file__).parents[1]), *sys.path]
    slow = {"typing", "enum", "re", "dataclasses", "json", "numpy", "logging", "struct"}
    code = (
        "import sys; before = set(sys.modules); import dixtill_runtime; "
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {path}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not slow & set(done.stdout.split())


def test_the_record_is_read_when_it_is_asked_for(
    student: bytes, repaired: Callable[[bytearray], bytes]
) -> None:
    damaged = bytearray(student)
    damaged[damaged.index(b'{"bytes"')] = 0
    classifier = Classifier(repaired(damaged), engine=None)
    if classifier.engine == "core":
        with pytest.raises(ContainerError, match="meta is not JSON"):
            _ = classifier.meta
