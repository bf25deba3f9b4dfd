# SPDX-License-Identifier: Apache-2.0
"""Labels of teacher and data meet by name, never by position."""

import pytest

from dixtill_hf.teacher.loading import LabelMismatchError, match_labels


def test_names_in_another_order_give_a_permutation():
    assert match_labels(["neutral", "bullish", "bearish"], ["bearish", "bullish", "neutral"]) == [
        2,
        1,
        0,
    ]


def test_case_and_outer_space_do_not_matter():
    assert match_labels([" Bullish", "BEARISH"], ["bearish", "bullish"]) == [1, 0]


def test_names_that_differ_only_in_case_are_matched_as_they_are():
    assert match_labels(["May", "may", "it"], ["may", "it", "May"]) == [1, 2, 0]


def test_a_map_renames_only_what_it_names():
    order = match_labels(
        ["positive", "neutral", "negative"],
        ["Bearish", "Bullish", "Neutral"],
        {"Positive": "Bullish", "negative": "Bearish"},
    )
    assert order == [2, 0, 1]


def test_a_mismatch_prints_both_lists_and_an_example():
    with pytest.raises(LabelMismatchError) as error:
        match_labels(["LABEL_0", "LABEL_1"], ["no", "yes"])
    message = str(error.value)
    assert "['LABEL_0', 'LABEL_1']" in message
    assert "['no', 'yes']" in message
    assert "label_map={'LABEL_0': 'no', 'LABEL_1': 'yes'}" in message


@pytest.mark.parametrize(
    ("teacher", "data", "label_map"),
    [
        (["a", "b", "c"], ["a", "b"], None),  # the teacher has one more
        (["a", "b"], ["a", "b", "c"], None),  # the data have one more
        (["a", "b"], ["a", "b"], {"a": "b"}),  # two outputs for one label
        (["a", "b"], ["a", "b"], {"z": "b"}),  # the map names what is not there
    ],
)
def test_anything_left_over_is_an_error(teacher, data, label_map):
    with pytest.raises(LabelMismatchError):
        match_labels(teacher, data, label_map)


def test_another_number_of_labels_gets_advice_that_helps():
    with pytest.raises(LabelMismatchError, match=r"2 labels and the data 3.*\n.*\n.*\n.*fine-tune"):
        match_labels(["no", "yes"], ["bearish", "bullish", "neutral"])
