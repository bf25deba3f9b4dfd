# SPDX-License-Identifier: Apache-2.0
"""Texts that are longer than a teacher reads."""

from itertools import pairwise

import numpy as np
import pytest
from datasets import Dataset, DatasetDict

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.windows import annotate_long_texts, windows_of
from dixtill_hf.teacher.function import FunctionTeacher
from dixtill_hf.teacher.loading import load_teacher

EXACT = {"steps": 8, "precision": "float32"}


@pytest.mark.parametrize("kind", ["bert", "roberta", "llama"])
def test_windows_are_even_and_join_to_the_text(tiny_teacher_dir, sentences, kind):
    teacher = load_teacher(tiny_teacher_dir(kind), device="cpu")
    text = "  " + " ".join(sentences)
    windows = windows_of(teacher, text)
    assert len(windows) > 2
    assert "".join(window.text for window in windows) == text
    assert [text[window.start :].startswith(window.text) for window in windows]
    assert sum(window.weight for window in windows) == pytest.approx(1)
    assert max(window.weight for window in windows[:-1]) < 2 * min(
        window.weight for window in windows[:-1]
    )
    for window in windows:
        assert len(teacher.tokenizer(window.text)["input_ids"]) <= teacher.max_length
    for before, after in pairwise(windows):
        assert not (before.text[-1].isalnum() and after.text[0].isalnum())
    assert windows_of(teacher, sentences[0])[0].text == sentences[0]


def test_a_long_text_is_the_weighted_mean_of_its_windows(teacher, sentences, tmp_path):
    text = " ".join(sentences)
    data = Dataset.from_dict({"text": [sentences[0], text, sentences[1]], "number": [0, 1, 2]})
    found = annotate_long_texts(data, teacher, cache_dir=tmp_path, **EXACT)
    assert found["number"][:] == [0, 1, 2]
    plain = annotate(data.select([0, 2]), teacher, cache_dir=tmp_path, **EXACT)
    assert found.select([0, 2])["teacher_attributions"][:] == plain["teacher_attributions"][:]
    windows = windows_of(teacher, text)
    weights = [window.weight for window in windows]
    parts = Dataset.from_dict({"text": [window.text for window in windows]})
    logits = np.array(annotate(parts, teacher, "none", cache_dir=tmp_path)["teacher_logits"][:])
    long = found[1]
    np.testing.assert_allclose(long["teacher_logits"], weights @ logits, atol=1e-6)
    label = int((weights @ logits).argmax())
    assert long["teacher_explained_label"] == label
    each = annotate(
        parts.add_column("label", [label] * len(parts)),
        teacher,
        cache_dir=tmp_path,
        target="true",
        **EXACT,
    )
    expected = [
        weight * np.array(row["teacher_attributions"])
        for weight, row in zip(weights, each, strict=True)
    ]
    np.testing.assert_allclose(long["teacher_attributions"], np.concatenate(expected), atol=1e-6)
    words = [text[start:end] for start, end in long["teacher_spans"]]
    assert "".join(words) == "".join(text.split())
    assert not long["teacher_truncated"]


def test_all_labels_are_explained_too(teacher, sentences, tmp_path):
    splits = DatasetDict(train=Dataset.from_dict({"text": [" ".join(sentences)]}))
    given = {"cache_dir": tmp_path, "target": "all", **EXACT}
    row = annotate_long_texts(splits, teacher, **given)["train"][0]
    assert np.shape(row["teacher_attributions"]) == (3, len(row["teacher_spans"]))


def test_what_is_not_joined_is_refused(teacher, sentences):
    with pytest.raises(ValueError, match=r"columns \['text'\] are missing"):
        annotate_long_texts(Dataset.from_dict({"body": sentences}), teacher)
    with pytest.raises(ValueError, match="output is 'probability'"):
        annotate_long_texts(Dataset.from_dict({"text": sentences}), teacher, output="probability")


def test_a_function_reads_any_length():
    text = "word " * 2000
    (window,) = windows_of(FunctionTeacher(len, ["a", "b"], key="k"), text)
    assert (window.start, window.text) == (0, text)
