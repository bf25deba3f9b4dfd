# SPDX-License-Identifier: Apache-2.0
"""Pairs of texts: one string of two texts, in datasets two columns."""

import copy
import pickle

import pytest
from datasets import Dataset

from dixtill_hf.data.conventions import find_text_columns
from dixtill_hf.data.loading import add_unlabelled_texts, load_text_classification
from dixtill_hf.data.text_pairs import (
    TextPair,
    are_pairs,
    as_text,
    columns_of_texts,
    place_in_pair,
    refuse_pairs,
    shifted_parts,
    texts_of,
)

PAIR = TextPair("A man sleeps.", "He is awake.")


def test_a_pair_is_both_texts_with_a_line_break():
    assert str(PAIR) == "A man sleeps.\nHe is awake."
    assert PAIR[PAIR.border :] == PAIR.text_pair
    assert PAIR.map(str.upper).parts == ("A MAN SLEEPS.", "HE IS AWAKE.")


def test_pairs_are_equal_only_if_both_texts_are():
    assert TextPair(*PAIR.parts) == PAIR
    assert hash(PAIR) == hash(TextPair(*PAIR.parts))
    assert TextPair("a\nb", "c") != TextPair("a", "b\nc")
    assert PAIR not in {str.__str__(PAIR)[:]}
    assert len({TextPair("a", "b"), TextPair("b", "a"), TextPair("a", "b")}) == 2


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_are_pairs(copied):
    assert copied(PAIR) == PAIR
    assert copied(PAIR).parts == PAIR.parts


def test_a_span_belongs_to_one_of_the_texts():
    start = PAIR.index("He")
    assert place_in_pair(PAIR, start, start + 2) == ("text_pair", 0, 2)
    assert place_in_pair(PAIR, 2, 5) == ("text", 2, 5)
    assert place_in_pair("He is", 0, 2) == ("text", 0, 2)
    assert [PAIR[at : at + len(part)] for at, part in shifted_parts(PAIR)] == list(PAIR.parts)


def test_inputs_of_pipelines_are_texts():
    assert as_text({"text": "a", "text_pair": "b"}) == TextPair("a", "b")
    assert as_text({"text": "a", "text_pair": None}) == as_text({"text": "a"}) == as_text("a")
    for wrong in (["a", "b"], {"text": 3}, {"text": "a", "other": "b"}):
        with pytest.raises(TypeError, match="must be a string, or"):
            as_text(wrong)
    with pytest.raises(TypeError, match="text_pair of a pair must be a string, got 3"):
        TextPair("a", 3)


def test_texts_of_a_dataset_and_back():
    data = Dataset.from_dict({"text": ["a", "b"], "text_pair": ["c", "d"]})
    assert texts_of(data) == [TextPair("a", "c"), TextPair("b", "d")]
    assert columns_of_texts(texts_of(data)) == data.to_dict()
    assert texts_of({"text": ["a"]}) == ["a"]
    with pytest.raises(ValueError, match="1 of 2 texts are pairs"):
        are_pairs(["a", PAIR])


def test_what_reads_single_texts_refuses_pairs_by_name():
    with pytest.raises(ValueError, match="Serving reads single texts"):
        refuse_pairs(["text", "text_pair"], "Serving")
    refuse_pairs(["text", "label"], "Serving")


@pytest.mark.parametrize(
    ("columns", "wanted", "expected"),
    [
        (["hypothesis", "premise", "label"], (None, None), ("premise", "hypothesis")),
        (["text", "text_pair"], (None, None), ("text", "text_pair")),
        (["text", "text_pair"], ("text", None), ("text", None)),
        (["text", "remark"], (None, None), ("text", None)),
        (["text", "remark"], (None, "remark"), ("text", "remark")),
        (["question1", "question2"], (None, "question2"), ("question1", "question2")),
        (["a", "b"], ("b", "a"), ("b", "a")),
    ],
)
def test_columns_of_pairs_are_found_or_named(columns, wanted, expected):
    assert find_text_columns(columns, *wanted, "train") == expected


def test_wrong_columns_of_pairs_are_refused():
    with pytest.raises(ValueError, match="are both 'text'"):
        find_text_columns(["text"], "text", "text", "train")
    with pytest.raises(ValueError, match=r"no column 'txt' \(text_pair_column\)"):
        find_text_columns(["text"], None, "txt", "train")


def rows(count: int = 20) -> dict[str, list[str]]:
    return {
        "premise": [f"The man number {row // 2} sleeps." for row in range(count)],
        "hypothesis": ["He is awake." if row % 2 else "He sleeps." for row in range(count)],
        "label": ["no" if row % 2 else "yes" for row in range(count)],
    }


def test_pairs_are_loaded_and_split_as_pairs(caplog):
    data = load_text_classification(Dataset.from_dict(rows()), test_fraction=0.2)
    assert set(data["train"].column_names) == {"text", "text_pair", "label"}
    seen = [pair for split in data.values() for pair in texts_of(split)]
    assert len(set(seen)) == 20
    assert "occur in train" not in caplog.text  # the same premise with another hypothesis


def test_one_text_of_a_pair_is_read_if_it_is_named():
    data = load_text_classification(
        Dataset.from_dict(rows()),
        text_column="premise",
        require_test=False,
    )
    assert set(data["train"].column_names) == {"text", "label"}


def test_columns_may_change_places():
    given = rows()
    swapped = {"text_pair": given["premise"], "text": given["hypothesis"], "label": given["label"]}
    data = load_text_classification(
        Dataset.from_dict(swapped), "text_pair", text_pair_column="text", require_test=False
    )
    assert all(text.startswith("The man") for text in data["train"]["text"])


def test_missing_second_texts_are_named():
    given = rows()
    given["hypothesis"][3] = "  "
    with pytest.raises(ValueError, match=r"1 empty or missing second texts: row 3"):
        load_text_classification(Dataset.from_dict(given), require_test=False)


def test_splits_of_pairs_and_of_single_texts_are_refused(tmp_path):
    single = Dataset.from_dict({"text": ["He sleeps."], "label": ["yes"]})
    with pytest.raises(ValueError, match="texts of 'train' are pairs, those of 'test' are not"):
        load_text_classification(Dataset.from_dict(rows()), test_source=single)


def test_unlabelled_pairs_are_added():
    data = load_text_classification(Dataset.from_dict(rows()), require_test=False)
    further = Dataset.from_dict(
        {"premise": ["A dog runs.", rows()["premise"][0]]}
        | {"hypothesis": ["It rests.", rows()["hypothesis"][0]]}
    )
    more = add_unlabelled_texts(data, further)
    assert len(more["train"]) == len(data["train"]) + 1
    assert texts_of(more["train"])[-1] == TextPair("A dog runs.", "It rests.")
    with pytest.raises(ValueError, match="The data are pairs of texts, and"):
        add_unlabelled_texts(data, Dataset.from_dict({"text": ["A dog runs."]}))
