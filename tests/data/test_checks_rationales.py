# SPDX-License-Identifier: Apache-2.0
"""Gold rationales are spans inside their texts; anything else is left out or refused."""

import logging

import pytest
from datasets import Dataset, DatasetDict

from dixtill_hf.data.checks import RATIONALE_FEATURE, check_rationales


def data(rationales: list) -> DatasetDict:
    texts = ["sales rise"] * len(rationales)
    return DatasetDict(train=Dataset.from_dict({"text": texts, "rationale": rationales}))


def test_spans_are_kept_and_get_one_type():
    spans = [[[0, 5], [6, 10]], [], None]
    checked = check_rationales(data(spans))["train"]
    assert checked["rationale"][:] == spans
    assert checked.features["rationale"] == RATIONALE_FEATURE


def test_data_without_rationales_stay_as_they_are():
    plain = DatasetDict(train=Dataset.from_dict({"text": ["a"]}))
    assert check_rationales(plain)["train"].column_names == ["text"]


@pytest.mark.parametrize("span", [[0, 11], [-1, 3], [4, 4], [5, 2], [1], [1, 2, 3]])
def test_spans_that_do_not_lie_in_their_text_name_the_rows(span):
    with pytest.raises(ValueError, match=r"'train' has 1 texts whose rationale .* row 1 "):
        check_rationales(data([[[0, 5]], [span]]))


@pytest.mark.parametrize("rationales", [["because it rose"], [[1, 0]], [[["sales"]]]])
def test_rationales_that_are_no_spans_are_left_out_with_a_warning(rationales, caplog):
    with caplog.at_level(logging.WARNING):
        checked = check_rationales(data(rationales))
    assert checked["train"].column_names == ["text"]
    assert "left out" in caplog.text
