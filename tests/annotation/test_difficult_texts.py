# SPDX-License-Identifier: Apache-2.0
"""Texts that are seldom thought of are annotated like all others, by teachers of every kind."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data import columns
from dixtill_hf.explainers.base import known_explainers
from dixtill_hf.teacher.loading import load_teacher

# Explainers whose scores are in a column of the data.
NEED_A_COLUMN = {"precomputed", "quoted_evidence"}
TEXTS = {
    "empty": "",
    "blank": " \t\n ",
    "nul": "Shares\x00 fell\x00",
    "only nul": "\x00\x00",
    "emoji": "🚀🚀 to the moon 👩‍👩‍👧‍👦🇺🇦",
    "right to left": "ارتفعت الأسهم اليوم والسوق",
    "unsegmented": "株価は本日大幅に上昇しました。市场今天大涨",
    "combining": "Cafe\u0301 u\u0308ber Zu\u0308rich",
    "control": "\u200b\u200e\ufeff\x07",
    "one character": "a",
    "special tokens": "[CLS] [PAD] </s> <|endoftext|> fell",
}


@pytest.fixture(scope="module")
def rows(each_teacher_dir, tmp_path_factory):
    """The annotated texts by name, of a teacher of each architecture."""
    data = Dataset.from_dict({"name": list(TEXTS), "text": list(TEXTS.values())})
    teacher = load_teacher(each_teacher_dir, device="cpu")
    cache = tmp_path_factory.mktemp("cache")
    return {row["name"]: row for row in annotate(data, teacher, steps=2, cache_dir=cache)}


def test_every_text_has_logits_and_scores_within_it(rows):
    assert list(rows) == list(TEXTS)
    for row in rows.values():
        assert np.isfinite(row[columns.TEACHER_LOGITS]).all()
        assert np.isfinite(row[columns.TEACHER_ATTRIBUTIONS]).all()
        assert len(row[columns.TEACHER_ATTRIBUTIONS]) == len(row[columns.TEACHER_SPANS])
        for start, end in row[columns.TEACHER_SPANS]:
            assert 0 <= start <= end <= len(row["text"])


def test_a_text_without_words_has_logits_and_nothing_to_explain(rows):
    empty = rows["empty"]
    assert empty[columns.TEACHER_SPANS] == empty[columns.TEACHER_ATTRIBUTIONS] == []
    assert empty[columns.COMPLETENESS_ERROR] == 0
    assert empty[columns.EVALUATIONS] == 1
    assert empty[columns.EXPLAINED_LABEL] == np.argmax(empty[columns.TEACHER_LOGITS])
    assert not empty[columns.TRUNCATED]


def test_a_text_of_a_hundred_thousand_characters_is_cut_and_says_so(
    each_teacher_dir, tmp_path, caplog
):
    data = Dataset.from_dict({"text": ["Shares fell. " * 7693, "x" * 100_000, "Shares fell."]})
    teacher = load_teacher(each_teacher_dir, device="cpu")
    annotated = annotate(data, teacher, steps=2, cache_dir=tmp_path)
    long, _, short = annotated
    assert long[columns.TRUNCATED]
    assert not short[columns.TRUNCATED]
    assert len(long[columns.TEACHER_SPANS]) >= teacher.max_length - 2
    assert "of 3 texts are longer than the teacher's limit" in caplog.text


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
@pytest.mark.parametrize("name", sorted(set(known_explainers()) - NEED_A_COLUMN - {"none"}))
def test_every_explainer_leaves_out_texts_without_words(
    name, architecture, tiny_teacher_dir, tmp_path
):
    teacher = load_teacher(tiny_teacher_dir(architecture), device="cpu")
    data = Dataset.from_dict({"text": ["", "Shares fell.", "\n"]})
    annotated = annotate(data, teacher, name, cache_dir=tmp_path)
    assert annotated[0][columns.TEACHER_ATTRIBUTIONS] == []
    assert annotated[0][columns.COMPLETENESS_ERROR] == 0
    assert len(annotated[1][columns.TEACHER_ATTRIBUTIONS]) > 0


@pytest.mark.parametrize("text", ["", "Shares fell."])
def test_the_true_label_and_all_labels_hold_for_texts_without_words(
    text, teacher, teacher_labels, tmp_path
):
    features = Features({"text": Value("string"), "label": ClassLabel(names=teacher_labels)})
    data = Dataset.from_dict({"text": [text], "label": [2]}, features=features)
    (true,) = annotate(data, teacher, target="true", steps=2, cache_dir=tmp_path)
    assert true[columns.EXPLAINED_LABEL] == 2
    (all_labels,) = annotate(data, teacher, target="all", steps=2, cache_dir=tmp_path)
    assert len(all_labels[columns.TEACHER_ATTRIBUTIONS]) == 3
    for scores in all_labels[columns.TEACHER_ATTRIBUTIONS]:
        assert len(scores) == len(all_labels[columns.TEACHER_SPANS])


def test_a_text_alone_is_read_as_among_others(each_teacher_dir, tmp_path):
    teacher = load_teacher(each_teacher_dir, device="cpu")
    together = annotate(
        Dataset.from_dict({"text": list(TEXTS.values())}),
        teacher,
        steps=2,
        precision="float32",
        cache_dir=tmp_path / "together",
    )
    for row in together:
        alone = annotate(
            Dataset.from_dict({"text": [row["text"]]}),
            teacher,
            steps=2,
            precision="float32",
            cache_dir=tmp_path / "alone",
        )[0]
        for name in (columns.TEACHER_LOGITS, columns.TEACHER_ATTRIBUTIONS):
            np.testing.assert_allclose(alone[name], row[name], atol=1e-4)
