# SPDX-License-Identifier: Apache-2.0
"""Preparation: what comes out, row by row, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from dixtill_hf.data.alignment import align_spans
from dixtill_hf.distillation.dataset import prepare_dataset
from dixtill_hf.distillation.prepared_columns import is_prepared
from dixtill_hf.student.tokenization import train_word_tokenizer

NAMES = ["bearish", "bullish", "neutral"]
EXPLANATION = ["teacher_spans", "teacher_attributions", "teacher_explained_label"]
PREPARED = {"input_ids", "labels", "length"}

TEXTS = ["Shares of Übermut fell.", "", "It's up 4%", "   "]
ROWS = {
    "text": TEXTS,
    "label": [0, 2, -100, 1],
    "teacher_logits": [[1.0, 2.0, 3.0]] * 4,
    # "Shares of" is one span; the blank texts have a token of the teacher, or none.
    "teacher_spans": [[[0, 9], [9, 17], [17, 22], [22, 23]], [], [[0, 4], [4, 10]], [[1, 2]]],
    "teacher_attributions": [[8.0, 1.0, 2.0, 0.5], [], [1.0, 3.0], [7.0]],
    "teacher_explained_label": [2, 2, 2, 2],
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_word_tokenizer(TEXTS)


def _dataset(**changes: Any) -> Dataset:
    rows = {**ROWS, **changes}
    return Dataset.from_dict({name: rows[name] for name in rows if rows[name] is not None})


def test_prepared_rows_by_hand(tokenizer: PreTrainedTokenizerFast) -> None:
    prepared = prepare_dataset(_dataset(), tokenizer, NAMES)
    words = [tokenizer.convert_ids_to_tokens(ids) for ids in prepared["input_ids"]]
    assert words[0] == ["shares", "of", "übermut", "fell", "."]
    assert words[1] == words[3] == []
    assert words[2] == ["it", "'", "s", "up", "4", "%"]
    assert prepared["length"][:] == [5, 0, 6, 0]
    assert prepared["labels"][:] == [0, 2, -100, 1]
    assert prepared["explained_label"][:] == [2, 2, 2, 2]
    assert prepared["teacher_logits"][:] == [[1.0, 2.0, 3.0]] * 4
    targets = prepared["attribution_targets"]
    assert targets[0] == pytest.approx([6.0, 2.0, 1.0, 2.0, 0.5])
    assert targets[1] == targets[3] == []
    assert targets[2] == pytest.approx([0.5, 0.25, 0.25, 1.5, 0.75, 0.75])


def _explaining_all(flat: list[list[float]], explained: list[int]) -> list[list[list[float]]]:
    """Attributions of three labels, of which only those of the explained one are right."""
    return [
        [row if label == own else [9.0] * len(row) for label in range(3)]
        for row, own in zip(flat, explained, strict=True)
    ]


def test_of_all_labels_the_explained_one_is_taken(tokenizer: PreTrainedTokenizerFast) -> None:
    explained = [2, 0, 1, 0]
    plain = _dataset(teacher_explained_label=explained)
    rows = _explaining_all(ROWS["teacher_attributions"], explained)
    every = _dataset(teacher_explained_label=explained, teacher_attributions=rows)
    expected = prepare_dataset(plain, tokenizer, NAMES).to_list()
    assert prepare_dataset(every, tokenizer, NAMES).to_list() == expected
    later = prepare_dataset(every.select([3, 2]), tokenizer, NAMES).to_list()
    assert later == [expected[3], expected[2]]


def test_a_text_does_not_depend_on_its_company(
    annotated: Dataset, student_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = prepare_dataset(annotated, student_tokenizer, NAMES).to_list()
    monkeypatch.setattr("dixtill_hf.distillation.dataset._TEXTS_AT_ONCE", 5)
    assert prepare_dataset(annotated, student_tokenizer, NAMES).to_list() == together
    reversed_rows = annotated.select(range(len(annotated))[::-1])
    assert prepare_dataset(reversed_rows, student_tokenizer, NAMES).to_list() == together[::-1]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_targets_are_the_aligned_attributions(
    annotated: Dataset, student_tokenizer: PreTrainedTokenizerFast, reduction: str
) -> None:
    prepared = prepare_dataset(annotated, student_tokenizer, NAMES, reduction=reduction)
    for row, targets in zip(annotated, prepared["attribution_targets"], strict=True):
        offsets = student_tokenizer(row["text"], return_offsets_mapping=True)["offset_mapping"]
        expected = align_spans(
            row["teacher_spans"], row["teacher_attributions"], offsets, reduction
        )
        np.testing.assert_allclose(targets, expected, rtol=1e-6)


def test_long_texts_are_cut_after_the_alignment(tokenizer: PreTrainedTokenizerFast) -> None:
    prepared = prepare_dataset(_dataset(), tokenizer, NAMES, max_words=2)
    assert prepared["length"][:] == [2, 0, 2, 0]
    assert tokenizer.convert_ids_to_tokens(prepared["input_ids"][0]) == ["shares", "of"]
    # What lies on the words cut off is not pushed onto those that stay.
    assert prepared["attribution_targets"][0] == pytest.approx([6.0, 2.0])


def test_special_tokens_of_word_pieces_have_no_attribution(
    tiny_teacher_dir: Callable[[str], Path],
) -> None:
    bert = AutoTokenizer.from_pretrained(tiny_teacher_dir("bert"))
    prepared = prepare_dataset(_dataset(), bert, NAMES)
    for row, attributions in zip(prepared, ROWS["teacher_attributions"], strict=True):
        tokens, targets = bert.convert_ids_to_tokens(row["input_ids"]), row["attribution_targets"]
        assert (tokens[0], tokens[-1], targets[0], targets[-1]) == ("[CLS]", "[SEP]", 0, 0)
        assert len(tokens) == len(targets) == row["length"]
        blank = len(tokens) == 2
        assert sum(targets) == pytest.approx(0 if blank else sum(attributions), rel=1e-6)
    offsets = bert(TEXTS[0], return_offsets_mapping=True)["offset_mapping"]
    targets = prepared["attribution_targets"][0]
    for (first, end), attribution in {(10, 17): 1.0, (18, 22): 2.0, (22, 23): 0.5}.items():
        pieces = [i for i, (start, _) in enumerate(offsets) if first <= start < end]
        assert sum(targets[i] for i in pieces) == pytest.approx(attribution)


def test_any_fast_tokenizer_serves_as_the_students(
    each_teacher_dir: Path, annotated: Dataset
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(each_teacher_dir)
    prepared = prepare_dataset(annotated, tokenizer, NAMES)
    assert prepared["input_ids"][:] == tokenizer(annotated["text"][:])["input_ids"]
    for row, targets in zip(annotated, prepared["attribution_targets"], strict=True):
        assert sum(targets) == pytest.approx(sum(row["teacher_attributions"]), rel=1e-5)


def test_only_what_is_there_is_prepared(tokenizer: PreTrainedTokenizerFast) -> None:
    bare = prepare_dataset(_dataset().select_columns(["text"]), tokenizer, NAMES)
    assert set(bare.column_names) == PREPARED
    assert bare["labels"][:] == [-100] * 4
    logits = prepare_dataset(_dataset().remove_columns(EXPLANATION), tokenizer, NAMES)
    assert set(logits.column_names) == PREPARED | {"teacher_logits"}


def test_prepared_datasets_pass_through(tokenizer: PreTrainedTokenizerFast) -> None:
    prepared = prepare_dataset(_dataset(), tokenizer, NAMES)
    assert is_prepared(prepared)
    required = {"labels", "teacher_logits", "attribution_targets"}
    assert prepare_dataset(prepared, tokenizer, NAMES, required=required) is prepared
    without = prepared.remove_columns("attribution_targets")
    with pytest.raises(ValueError, match=r"no columns \['attribution_targets'\].*prepare it again"):
        prepare_dataset(without, tokenizer, NAMES, required=required)


@pytest.mark.parametrize("row_format", ["torch", "numpy", "arrow"])
def test_the_format_of_the_dataset_does_not_matter(
    tokenizer: PreTrainedTokenizerFast, row_format: str
) -> None:
    plain = prepare_dataset(_dataset(), tokenizer, NAMES).to_list()
    assert prepare_dataset(_dataset().with_format(row_format), tokenizer, NAMES).to_list() == plain


def test_missing_columns_are_named_with_the_call_that_makes_them(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    plain = _dataset().select_columns(["text", "label"])
    required = {"labels", "teacher_logits", "attribution_targets"}
    with pytest.raises(ValueError, match=r"annotate it first: annotate\(dataset, teacher\)") as e:
        prepare_dataset(plain, tokenizer, NAMES, required=required)
    assert all(name in str(e.value) for name in ["teacher_logits", *EXPLANATION])
    with pytest.raises(ValueError, match=r"no columns \['text'\].*load_text_classification"):
        prepare_dataset(plain.rename_column("text", "tweet"), tokenizer, NAMES)
    with pytest.raises(ValueError, match=r"no columns \['label'\].*load_text_classification"):
        prepare_dataset(plain.remove_columns("label"), tokenizer, NAMES, required={"labels"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": [0, 1, 3, 2]}, "in row 2 .*the label is none of 0 to 2"),
        ({"label": [0, None, 1, -1]}, "in rows 1, 3 .*the label is none of 0 to 2"),
        (
            {"label": [0.5, 1, 1, 1]},
            "labels are of the problem type regression, the student's is single_label",
        ),
        ({"text": ["a", None, "b", "c"]}, "in row 1 .*the text is missing"),
        ({"text": [1, 2, 3, 4]}, "the column 'text' holds int64, not strings"),
        (
            {"teacher_logits": [[1.0, 2.0, 3.0]] * 3 + [[1.0, 2.0]]},
            "in row 3 .*teacher_logits must have 3 values",
        ),
        (
            {"teacher_logits": [[1.0, 2.0, float("nan")]] + [[1.0, 2.0, 3.0]] * 3},
            "in row 0 .*teacher_logits is not finite",
        ),
        (
            {"teacher_attributions": [[8.0, 1.0], [], [1.0, 3.0], [7.0]]},
            "in row 0 .*teacher_spans and teacher_attributions differ in length",
        ),
        (
            {"teacher_attributions": [[8.0, 1.0, 2.0, 0.5], [], [1.0, float("inf")], [7.0]]},
            "in row 2 .*teacher_attributions is not finite",
        ),
        (
            {"teacher_attributions": [[[8.0, 1.0, 2.0, 0.5]] * 3, [[]] * 3, [[1.0, 3.0]] * 2, []]},
            "in rows 2, 3 .*must be one list of spans, or 3 of them, one for each label",
        ),
        (
            {
                "teacher_attributions": [
                    [[8.0, 1.0, 2.0, 0.5]] * 3,
                    [[]] * 3,
                    [[1.0]] * 3,
                    [[7.0]] * 3,
                ]
            },
            "in row 2 .*teacher_spans and teacher_attributions differ in length",
        ),
        (
            {"teacher_explained_label": [2, 3, 2, 2]},
            "in row 1 .*teacher_explained_label is none of 0 to 2",
        ),
    ],
)
def test_rows_that_do_not_fit_are_named(
    tokenizer: PreTrainedTokenizerFast, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        prepare_dataset(_dataset(**changes), tokenizer, NAMES)


def test_rows_are_counted_over_the_whole_dataset(
    tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dixtill_hf.distillation.dataset._TEXTS_AT_ONCE", 2)
    with pytest.raises(ValueError, match="in row 3 "):
        prepare_dataset(_dataset(label=[0, 1, 2, 7]), tokenizer, NAMES)


def test_labels_of_other_names_or_order_are_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    named = _dataset(label=[0, 2, 1, 1]).cast_column("label", ClassLabel(names=NAMES))
    prepare_dataset(named, tokenizer, NAMES)
    prepare_dataset(named, tokenizer, ["LABEL_0", "LABEL_1", "LABEL_2"])
    with pytest.raises(ValueError, match=r"the dataset's labels are .* the student's are"):
        prepare_dataset(named, tokenizer, NAMES[::-1])


def test_what_is_no_dataset_or_no_fast_tokenizer_is_refused(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    with pytest.raises(TypeError, match="got DatasetDict: give one split"):
        prepare_dataset(DatasetDict(train=_dataset()), tokenizer, NAMES)
    with pytest.raises(TypeError, match=r"must be a PreTrainedTokenizerFast.* got NoneType"):
        prepare_dataset(_dataset(), None, NAMES)
    with pytest.raises(ValueError, match="the dataset has no rows"):
        prepare_dataset(_dataset().select([]), tokenizer, NAMES)
