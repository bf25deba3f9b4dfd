# SPDX-License-Identifier: Apache-2.0
"""Pairs of texts are read in one sequence, and the words of both are explained."""

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, IterableDataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.shards import row_keys
from dixtill_hf.annotation.windows import annotate_long_texts
from dixtill_hf.data.text_pairs import TextPair, place_in_pair, texts_of
from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.function import FunctionTeacher
from dixtill_hf.teacher.loading import load_teacher

COLUMNS = ("teacher_logits", "teacher_spans", "teacher_attributions")


@pytest.fixture
def pairs(sentences) -> Dataset:
    return Dataset.from_dict({"text": sentences[:4], "text_pair": sentences[4:8]})


def words_of(row: dict) -> list[tuple[str, str]]:
    """The text that each span is in, and its characters there."""
    pair = TextPair(row["text"], row["text_pair"])
    places = [place_in_pair(pair, *span) for span in row["teacher_spans"]]
    return [(name, row[name][start:end]) for name, start, end in places]


def test_a_teacher_reads_a_pair_as_its_tokenizer_does(each_teacher_dir, teacher_labels, pairs):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, texts_of(pairs))
    for row, one in zip(pairs, encoded, strict=True):
        expected = teacher.tokenizer(
            row["text"], row["text_pair"], truncation=True, max_length=teacher.max_length
        )
        for name, values in one.inputs.items():
            assert values == expected[name]
        pair = TextPair(row["text"], row["text_pair"])
        for name in ("text", "text_pair"):
            places = [place_in_pair(pair, *span) for span in one.spans]
            covered = {i for side, start, end in places if side == name for i in range(start, end)}
            assert (
                one.truncated
                or {i for i, sign in enumerate(row[name]) if not sign.isspace()} <= covered
            )


def test_the_longer_text_of_a_pair_is_cut(tiny_teacher_dir, teacher_labels):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    long, short = "Acme fell. " * 100, "Up"
    for pair in (TextPair(long, short), TextPair(short, long)):
        (encoded,) = encode_texts(teacher, [pair])
        assert encoded.truncated
        assert len(encoded) == teacher.max_length
        places = [place_in_pair(pair, *span) for span in encoded.spans]
        short_side = "text_pair" if pair.text == long else "text"
        words = [short[start:end] for side, start, end in places if side == short_side]
        assert "".join(words) == short
    (both,) = encode_texts(teacher, [TextPair(long, long)])
    sides = [place_in_pair(both.text, *span)[0] for span in both.spans]
    assert abs(sides.count("text") - sides.count("text_pair")) <= 1


@pytest.mark.parametrize(
    ("explainer", "settings"),
    [
        ("integrated_gradients", {}),
        ("gradient_x_input", {}),
        ("deep_lift", {}),
        ("occlusion", {}),
        ("kernel_shap", {"samples": 64}),
        ("attention_rollout", {}),
    ],
)
def test_words_of_both_texts_are_explained(
    explainer, settings, tiny_teacher_dir, teacher_labels, pairs, tmp_path
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels, attn_implementation="eager")
    annotated = annotate(pairs, teacher, explainer, cache_dir=tmp_path, **settings)
    for row in annotated:
        assert {name for name, _ in words_of(row)} == {"text", "text_pair"}
        assert len(row["teacher_attributions"]) == len(row["teacher_spans"])
        assert np.abs(row["teacher_attributions"]).sum() > 0


def test_attributions_of_both_texts_sum_to_the_change_of_the_logit(
    tiny_teacher_dir, teacher_labels, pairs, tmp_path
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    annotated = annotate(pairs, teacher, cache_dir=tmp_path)
    for row, one in zip(annotated, encode_texts(teacher, texts_of(pairs)), strict=True):
        batch = collate(teacher, [one])
        baseline = {**batch.inputs}
        baseline["input_ids"] = batch.inputs["input_ids"].masked_fill(
            batch.ordinary, teacher.tokenizer.pad_token_id
        )
        label = row["teacher_explained_label"]
        change = row["teacher_logits"][label] - teacher.logits(baseline)[0, label].item()
        assert sum(row["teacher_attributions"]) == pytest.approx(change, abs=2e-3)


def test_the_order_of_the_texts_matters_and_single_texts_are_others(
    tiny_teacher_dir, teacher_labels, pairs, tmp_path
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    turned = pairs.rename_columns({"text": "text_pair", "text_pair": "text"})
    single = pairs.remove_columns("text_pair")
    found = [
        np.asarray(annotate(data, teacher, "none", cache_dir=tmp_path)["teacher_logits"][:])
        for data in (single, pairs, turned, single)
    ]
    np.testing.assert_array_equal(found[0], found[3])
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(found[first] - found[second]).max() > 1e-3


def test_keys_of_single_texts_stay_as_they_were():
    """Annotations that were computed before there were pairs must be found."""
    (key,) = row_keys({"text": ["Acme rises"]}, (), [0])
    assert key.hex() == SINGLE_KEY
    keys = row_keys({"text": ["a", "a\nb"], "text_pair": ["b\nc", "c"]}, (), [0, 1])
    assert keys[0] != keys[1]


SINGLE_KEY = "555c37441c2aa371ae2b9b3cb02cc697"


def test_streams_of_pairs_are_annotated_alike(tiny_teacher_dir, teacher_labels, pairs, tmp_path):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    whole = annotate(pairs, teacher, "occlusion", cache_dir=tmp_path / "whole")
    stream: IterableDataset = pairs.to_iterable_dataset()
    streamed = annotate(stream, teacher, "occlusion", cache_dir=tmp_path / "streamed")
    for ours, theirs in zip(whole, streamed, strict=True):
        for name in COLUMNS:
            np.testing.assert_allclose(ours[name], theirs[name], atol=1e-5)


def test_a_function_reads_pairs(tmp_path):
    asked: list[TextPair] = []

    def shared_words(texts: list[str]) -> list[list[float]]:
        asked.extend(texts)
        return [
            [0.0, float(len({*text.text.split()} & {*text.text_pair.split()}))] for text in texts
        ]

    teacher = FunctionTeacher(shared_words, ["other", "same"], key="shared")
    data = Dataset.from_dict({"text": ["Acme rises"], "text_pair": ["shares rises  now"]})
    (row,) = annotate(data, teacher, "occlusion", cache_dir=tmp_path)
    assert TextPair("Acme rises", "shares rises  now") in asked
    scores = dict(zip(words_of(row), row["teacher_attributions"], strict=True))
    assert scores["text", "rises"] == scores["text_pair", "rises"] == 1
    assert scores["text", "Acme"] == scores["text_pair", "now"] == 0


def test_a_lexicon_scores_the_words_of_both_texts(tiny_teacher_dir, teacher_labels, tmp_path):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    data = Dataset.from_dict({"text": ["it is not"], "text_pair": ["good it is"]})
    lexicon = {"not good": -1.0, "it": 2.0}
    (row,) = annotate(data, teacher, "precomputed", lexicon=lexicon, cache_dir=tmp_path)
    assert words_of(row)[:1] == [("text", "it")]
    assert row["teacher_attributions"] == [2, 0, 0, 0, 2, 0]


def test_what_cannot_be_annotated_is_refused_by_name(
    tiny_teacher_dir, teacher_labels, pairs, tmp_path
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    single = pairs.remove_columns("text_pair")
    with pytest.raises(ValueError, match=r"Only the splits \['train'\] have the column"):
        annotate(DatasetDict(train=pairs, test=single), teacher, "none", cache_dir=tmp_path)
    with pytest.raises(ValueError, match="annotate_long_texts reads single texts"):
        annotate_long_texts(pairs, teacher, cache_dir=tmp_path)
    missing = Dataset.from_dict({"text": ["a"], "text_pair": [None]})
    with pytest.raises(ValueError, match="Row 0 has no second text"):
        annotate(missing, teacher, "none", cache_dir=tmp_path)
    teacher.reads_pairs = False
    with pytest.raises(ValueError, match="reads single texts, and the data are pairs"):
        annotate(pairs, teacher, "none", cache_dir=tmp_path)
