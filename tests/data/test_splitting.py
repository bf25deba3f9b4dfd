# SPDX-License-Identifier: Apache-2.0
"""Held-out texts are stratified and seeded; folds are even and keep copies of a text together."""

from collections import Counter

import pytest
from datasets import Dataset

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.data.splitting import assign_folds, hold_out


def dataset(**counts: int) -> Dataset:
    """Texts whose labels are the numbers after the underscore: `_0=3` is three of label 0."""
    labels = [int(name[1:]) for name, count in counts.items() for _ in range(count)]
    return Dataset.from_dict({"text": [str(i) for i in range(len(labels))], "label": labels})


def test_each_label_gives_its_share():
    train, validation = hold_out(dataset(_0=60, _1=30, _2=10), 0.1)
    assert Counter(validation["label"]) == {0: 6, 1: 3, 2: 1}
    assert Counter(train["label"]) == {0: 54, 1: 27, 2: 9}


def test_the_largest_remainders_are_rounded_up_to_the_whole_share():
    # 0.2 * (7, 6, 3) = 1.4, 1.2, 0.6: one each for the first two, and the third text of
    # round(3.2) goes to the largest remainder.
    _, validation = hold_out(dataset(_0=7, _1=6, _2=3), 0.2)
    assert Counter(validation["label"]) == {0: 1, 1: 1, 2: 1}


def test_no_label_wins_every_tie():
    many = dataset(**{f"_{label}": 3 for label in range(100)})
    held_out = [set(hold_out(many, 0.1, seed)[1]["label"]) for seed in range(20)]
    assert all(len(labels) == 30 for labels in held_out)
    assert len(set().union(*held_out)) > 90


def test_copies_of_a_text_are_held_out_together():
    texts = [f"text {row % 40}" for row in range(200)]
    data = Dataset.from_dict({"text": texts, "label": [row % 2 for row in range(200)]})
    train, validation = hold_out(data, 0.2)
    assert not set(train["text"]) & set(validation["text"])
    assert Counter(validation["label"]) == {0: 20, 1: 20}


def test_nothing_is_lost_or_doubled_and_the_order_is_kept():
    data = dataset(_0=23, _1=17)
    train, validation = hold_out(data, 0.25, seed=3)
    rows = [[int(text) for text in split["text"]] for split in (train, validation)]
    assert sorted(rows[0] + rows[1]) == list(range(40))
    assert rows == [sorted(part) for part in rows]


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_a_label_with_one_text_stays_in_train(fraction):
    train, validation = hold_out(dataset(_0=20, _1=1), fraction)
    assert 1 in train["label"]
    assert 1 not in validation["label"]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_train_keeps_a_text_of_each_label_however_large_the_fraction(count):
    train, _ = hold_out(dataset(_0=50, _1=count), 0.99)
    assert set(train["label"]) == {0, 1}


def test_unlabelled_texts_are_a_group_of_their_own():
    data = dataset(_0=10)
    data = Dataset.from_dict({"text": data["text"], "label": [0] * 5 + [LABEL_UNKNOWN] * 5})
    _, validation = hold_out(data, 0.4)
    assert Counter(validation["label"]) == {0: 2, LABEL_UNKNOWN: 2}


def test_the_seed_decides_the_choice():
    data = dataset(_0=50, _1=50)
    first, second, other = (hold_out(data, 0.1, seed)[1]["text"][:] for seed in (0, 0, 1))
    assert first == second
    assert first != other


@pytest.mark.parametrize("fraction", [-0.1, 0, 1, 1.5])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        hold_out(dataset(_0=4), fraction)


def test_holding_out_nothing_is_refused():
    with pytest.raises(ValueError, match=r"0\.1 of 4 training texts holds none out"):
        hold_out(dataset(_0=4), 0.1)


def _folds_of(rows: Dataset, folds: list[int]) -> dict[int, list[dict]]:
    return {
        fold: [row for row, own in zip(rows, folds, strict=True) if own == fold]
        for fold in set(folds)
    }


def test_folds_share_texts_and_labels_evenly():
    rows = Dataset.from_dict(
        {"text": [f"text {i}" for i in range(103)], "label": [i % 3 for i in range(103)]}
    )
    dealt = _folds_of(rows, assign_folds(rows, 5))
    assert sorted(map(len, dealt.values())) == [20, 20, 21, 21, 21]
    for label in range(3):
        counts = [sum(row["label"] == label for row in part) for part in dealt.values()]
        assert max(counts) - min(counts) <= 1


def test_copies_of_a_text_stay_together():
    rows = Dataset.from_dict(
        {"text": ["a", "b", "c", "a", "a", "b"], "label": [0, 1, 0, 1, 0, -100]}
    )
    folds = assign_folds(rows, 3)
    assert folds[0] == folds[3] == folds[4]
    assert folds[1] == folds[5]
    assert len(set(folds)) == 3


def test_the_seed_decides_the_folds():
    rows = Dataset.from_dict({"text": [str(i) for i in range(40)], "label": [0] * 40})
    assert assign_folds(rows, 4, 1) == assign_folds(rows, 4, 1) != assign_folds(rows, 4, 2)


@pytest.mark.parametrize("folds", [1, 4])
def test_a_wrong_number_of_folds_is_refused(folds):
    rows = Dataset.from_dict({"text": ["a", "b", "c", "a"], "label": [0, 1, 0, 0]})
    with pytest.raises(ValueError, match=f"from 2 to 3.*got {folds}"):
        assign_folds(rows, folds)
