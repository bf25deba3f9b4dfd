# SPDX-License-Identifier: Apache-2.0
"""Labels of every kind become one ClassLabel, and what cannot be one class a text is refused."""

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.data.label_column import problem_type_of
from dixtill_hf.data.labels import encode_labels, label_names


def data(feature=None, **splits) -> DatasetDict:
    """Splits of texts with these labels; None for a split without a label column."""

    def dataset(labels):
        if labels is None:
            return Dataset.from_dict({"text": ["a", "b"]})
        columns = {"text": [str(row) for row in range(len(labels))], "label": labels}
        features = Features(text=Value("string"), label=feature) if feature else None
        return Dataset.from_dict(columns, features=features)

    return DatasetDict({split: dataset(labels) for split, labels in splits.items()})


def named(dataset: Dataset) -> list[str]:
    return [dataset.features["label"].int2str(label) for label in dataset["label"]]


def test_strings_become_ids_in_their_natural_order():
    encoded = encode_labels(data(train=["sell", "buy", "hold"], test=["buy", "sell"]))
    assert label_names(encoded) == ["buy", "hold", "sell"]
    assert encoded["train"]["label"][:] == [2, 0, 1]
    assert encoded["test"]["label"][:] == [0, 2]


def test_strings_that_look_alike_are_refused_unless_named():
    wrong = data(train=["neg", "neg ", "pos", "POS"])
    with pytest.raises(ValueError, match="'POS', 'pos'; 'neg', 'neg '"):
        encode_labels(wrong)
    assert label_names(encode_labels(data(train=["us", "US"]), ["US", "us"])) == ["US", "us"]


def test_integers_keep_their_order():
    encoded = encode_labels(data(train=[10, 2, 1, 2]))
    assert label_names(encoded) == ["1", "2", "10"]
    assert encoded["train"]["label"][:] == [2, 1, 0, 1]


def test_truth_values_are_two_classes_of_these_names():
    encoded = encode_labels(data(train=[True, False]))
    assert encoded["train"]["label"][:] == [1, 0]
    assert label_names(encoded) == ["False", "True"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["02", "01"], ["01", "02"]),
        (["1", "01", "10"], ["1", "01", "10"]),
        (["False", "True"], ["False", "True"]),
        ([str(number) for number in range(12)], [str(number) for number in range(12)]),
        (["11", "2", "A7"], ["2", "11", "A7"]),
        (["A10", "A2", "B1"], ["A2", "A10", "B1"]),
        (["v1.0", "v1.1"], ["v1.0", "v1.1"]),
        (["1.0", "1.1b"], ["1.0", "1.1b"]),
        (["1.0", "0.0"], ["0", "1"]),
        ([1.0, 0.0], ["0", "1"]),
        (["-2", "-10", "3"], ["-10", "-2", "3"]),
        (["2 stars", "10 stars"], ["2 stars", "10 stars"]),
        (["NA", "null", "None"], ["NA", "None", "null"]),
        (["Bosnia, Herzegovina", "Bosnia"], ["Bosnia", "Bosnia, Herzegovina"]),
    ],
)
def test_labels_are_named_as_they_are_written_in_natural_order(labels, names):
    encoded = encode_labels(data(train=labels, test=labels[:1]))
    assert label_names(encoded) == names
    if len({str(label) for label in labels} & set(names)) == len(names):
        assert named(encoded["train"]) == labels


@pytest.mark.parametrize("test", [[0.0, 1.0], ["0.0", "1.0"], ["0", "1"], [0, 1], [1.0, None]])
@pytest.mark.parametrize("train", [[0, 1], ["0", "1"], ["0.0", "1.0"], [0.0, 1.0]])
def test_whole_numbers_are_the_same_however_they_are_written(train, test):
    encoded = encode_labels(data(train=train, test=test), unlabelled=True)
    assert label_names(encoded) == ["0", "1"]
    assert encoded["train"]["label"][:] == [0, 1]
    expected = [LABEL_UNKNOWN if label is None else int(float(label)) for label in test]
    assert encoded["test"]["label"][:] == expected


@pytest.mark.parametrize("labels", [["0", "1", "-1"], ["0.0", "1.0", "-1.0"], [0.0, 1.0, -1.0]])
def test_minus_one_among_whole_numbers_is_a_missing_label(labels):
    with pytest.raises(ValueError, match="1 texts without a label"):
        encode_labels(data(train=labels))
    assert encode_labels(data(train=labels), unlabelled=True)["train"]["label"][2] == LABEL_UNKNOWN


@pytest.mark.parametrize("feature", [None, ClassLabel(names=["-1", "0", "1"])])
def test_minus_one_is_a_label_if_it_is_named(feature):
    labels = ["-1", "0", "1"]
    encoded = encode_labels(data(feature, train=labels), labels if feature is None else None)
    assert named(encoded["train"]) == labels


def test_numbers_are_matched_with_names_before_they_are_indices():
    assert named(encode_labels(data(train=["1", "2"]), ["2", "1"])["train"]) == ["1", "2"]
    assert named(encode_labels(data(train=["0", "1"]), ["down", "up"])["train"]) == ["down", "up"]
    assert named(encode_labels(data(train=["0.5", "1.5"]), ["0.5", "1.5"])["train"]) == [
        "0.5",
        "1.5",
    ]


def test_an_unknown_label_is_not_said_to_be_meant_as_itself():
    with pytest.raises(ValueError, match=r"The first is 'up '\. Did you mean 'up'\?"):
        encode_labels(data(train=["up", "down"], test=["up "]))
    with pytest.raises(ValueError, match=r"The first is '7'\. Correct"):
        encode_labels(data(train=["0", "1"], test=[7.0]))


@pytest.mark.parametrize(
    ("labels", "lists"),
    [
        (["joy", "love", "joy,love"], [[0], [1], [0, 1]]),
        (["joy", "love", "love; joy"], [[0], [1], [0, 1]]),
        (["joy", "love", "joy|love"], [[0], [1], [0, 1]]),
        (["0", "2", "0, 2"], [[0], [1], [0, 1]]),
        (["[0, 2]", "[0]"], [[0, 1], [0]]),
        (["['joy']", "joy"], [[0], [0]]),
        (["[]", "joy"], [[], [0]]),
        (["{'joy'}", "joy"], [[0], [0]]),
        ([["love", "joy"], ["joy"], []], [[0, 1], [0], []]),
        ([[0, 10], [2], []], [[0, 2], [1], []]),
        ([{"b": 1, "a": 0}, {"b": 1, "a": 1}], [[0], [0, 1]]),
    ],
)
def test_several_labels_of_one_text_are_recognised_and_read(labels, lists, caplog):
    encoded = encode_labels(data(train=labels))
    assert encoded["train"]["label"][:] == lists
    assert problem_type_of(encoded).name == "multi_label_classification"
    assert "The labels are those of multi_label_classification" in caplog.text


def test_joined_labels_that_are_named_or_said_to_be_single_are_single():
    labels = ["joy", "love", "joy,love"]
    assert label_names(encode_labels(data(train=labels), labels)) == labels
    single = encode_labels(data(train=labels), problem_type="single_label_classification")
    assert label_names(single) == ["joy", "joy,love", "love"]


def test_names_order_several_labels_and_name_their_numbers():
    encoded = encode_labels(data(train=[["joy"], ["love", "joy"]]), ["love", "joy"])
    assert encoded["train"]["label"][:] == [[1], [0, 1]]
    encoded = encode_labels(data(train=[[0], [2, 0]]), ["sad", "joy", "love"])
    assert encoded["train"]["label"][:] == [[0], [0, 2]]


def test_columns_of_zeros_and_ones_keep_their_order_and_say_which_cell_is_neither():
    encoded = encode_labels(data(train=[{"love": "1", "joy": "0"}, {"love": "0", "joy": "1"}]))
    assert label_names(encoded) == ["love", "joy"]
    wrong = data(train=[{"love": "1", "joy": "no"}])
    with pytest.raises(ValueError, match=r"row 0 .*'joy' holds 'no', not 0 or 1\."):
        encode_labels(wrong, problem_type="multi_label_classification")


def test_an_empty_list_is_no_label_and_an_empty_cell_is_unknown():
    with pytest.raises(ValueError, match="1 texts without a label"):
        encode_labels(data(train=["['joy']", "", "[]"]))
    encoded = encode_labels(data(train=["['joy']", "", "[]"]), unlabelled=True)
    assert encoded["train"]["label"][:] == [[0], None, []]


def test_an_unknown_label_among_several_is_named():
    source = data(train=[["joy"], ["love"]], test=[["joy", "jo"]])
    with pytest.raises(
        ValueError, match=r"'test' .* row 0 .*The first is 'jo'. Did you mean 'joy'"
    ):
        encode_labels(source)


def test_what_looks_like_a_list_and_is_none_is_refused():
    with pytest.raises(ValueError, match="neither a list in JSON nor in Python"):
        encode_labels(data(train=["[joy", "[joy, love]"]))


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ([0.5, 1.0], [0.5, 1.0]),
        (["0.5", "-1e-3"], [0.5, -1e-3]),
        ([{"x": 0.5, "y": 1.0}, {"x": 2.0, "y": 3.0}], None),
    ],
)
def test_real_numbers_are_values_of_a_regression(labels, values, caplog):
    encoded = encode_labels(data(train=labels))
    assert "The labels are those of regression" in caplog.text
    if values is None:
        assert label_names(encoded) == ["x", "y"]
        assert encoded["train"]["label"][:] == labels
    else:
        assert label_names(encoded) == ["score"]
        assert encoded["train"]["label"][:] == pytest.approx(values)


def test_whole_numbers_are_values_if_they_are_said_to_be():
    encoded = encode_labels(data(train=["1", "5", "3"]), problem_type="regression")
    assert encoded["train"]["label"][:] == [1.0, 5.0, 3.0]


@pytest.mark.parametrize("bad", ["0,5", "high", "nan", True])
def test_a_value_that_is_no_number_names_its_row(bad):
    with pytest.raises(ValueError, match=r"Row 1 of split 'train' .* no finite number"):
        encode_labels(data(train=["0.5", str(bad)]), problem_type="regression")


def test_missing_values_are_kept_only_if_texts_may_be_unlabelled():
    with pytest.raises(ValueError, match="1 texts without a label"):
        encode_labels(data(train=[0.5, None]))
    encoded = encode_labels(data(train=[0.5, None]), unlabelled=True)
    assert encoded["train"]["label"][:] == [0.5, None]


def test_an_unknown_kind_of_task_has_its_nearest_name():
    with pytest.raises(ValueError, match=r"problem_type must be one of .*Did you mean"):
        encode_labels(data(train=[0, 1]), problem_type="multi_label_clasification")


def test_class_labels_keep_their_names_and_order():
    encoded = encode_labels(data(ClassLabel(names=["neg", "pos"]), train=[1, 0], test=[1]))
    assert label_names(encoded) == ["neg", "pos"]
    assert encoded["train"]["label"][:] == [1, 0]


def test_class_labels_of_another_order_are_matched_by_name():
    mixed = DatasetDict(
        train=data(ClassLabel(names=["neg", "pos"]), train=[0, 1])["train"],
        test=data(ClassLabel(names=["pos", "neg"]), train=[0, 0, 1])["train"],
    )
    assert named(encode_labels(mixed)["test"]) == ["pos", "pos", "neg"]


def test_given_names_order_strings():
    encoded = encode_labels(data(train=["buy", "sell"]), ["sell", "buy"])
    assert encoded["train"]["label"][:] == [1, 0]


def test_given_names_name_integers_by_index():
    encoded = encode_labels(data(train=[0, 2, 1]), ["down", "up", "flat"])
    assert named(encoded["train"]) == ["down", "flat", "up"]


def test_given_names_that_are_the_same_reorder_class_labels():
    encoded = encode_labels(data(ClassLabel(names=["neg", "pos"]), train=[0, 1]), ["pos", "neg"])
    assert label_names(encoded) == ["pos", "neg"]
    assert named(encoded["train"]) == ["neg", "pos"]


def test_other_given_names_rename_class_labels_one_for_one():
    source = data(ClassLabel(names=["LABEL_0", "neutral"]), train=[0, 1])
    assert named(encode_labels(source, ["bad", "neutral"])["train"]) == ["bad", "neutral"]


@pytest.mark.parametrize("names", [["neutral", "bad"], ["bad", "neutral", "good"]])
def test_given_names_that_would_move_or_miss_a_class_are_refused(names):
    source = data(ClassLabel(names=["LABEL_0", "neutral"]), train=[0, 1])
    with pytest.raises(ValueError, match="do not fit the labels of the data"):
        encode_labels(source, names)


@pytest.mark.parametrize(
    ("names", "error"),
    [("bad", TypeError), ([0, 1], TypeError), (["one"], ValueError), (["a", "a"], ValueError)],
)
def test_label_names_must_be_two_or_more_different_strings(names, error):
    with pytest.raises(error, match="label_names must be"):
        encode_labels(data(train=[0, 1]), names)


@pytest.mark.parametrize("bad", [3, -2])
def test_a_label_out_of_range_names_its_rows(bad):
    with pytest.raises(ValueError, match=r"'train' has 2 texts .* rows 1, 3 \(counted from 0\)"):
        encode_labels(data(train=[0, bad, 2, bad]), ["a", "b", "c"])


def test_a_label_that_train_lacks_names_its_rows_and_the_nearest():
    with pytest.raises(ValueError, match=r"'test' .* row 1 .*'Buy'. Did you mean 'buy'\?"):
        encode_labels(data(train=["buy", "sell"], test=["sell", "Buy"]))


@pytest.mark.parametrize(
    ("feature", "labels"),
    [
        (None, ["up", None, "down", None]),
        (None, ["up", "", "down", ""]),
        (None, [0, -1, 1, -1]),
        (Value("float64"), [0, None, 1, None]),
        (ClassLabel(names=["down", "up"]), [0, -1, 1, -1]),
    ],
)
def test_missing_labels_name_their_rows_unless_unlabelled_text_is_wanted(feature, labels):
    source = data(feature, train=labels)
    with pytest.raises(ValueError, match=r"'train' has 2 texts without a label .* rows 1, 3 "):
        encode_labels(source)
    encoded = encode_labels(source, unlabelled=True)
    assert [label == LABEL_UNKNOWN for label in encoded["train"]["label"]] == [False, True] * 2
    assert len(label_names(encoded)) == 2


def test_labels_of_unlabelled_text_may_be_known_from_another_split():
    encoded = encode_labels(data(train=None, test=["down", "up"]), unlabelled=True)
    assert encoded["train"]["label"][:] == [LABEL_UNKNOWN, LABEL_UNKNOWN]
    assert named(encoded["test"]) == ["down", "up"]


def test_wholly_unlabelled_text_takes_the_names_that_are_given():
    encoded = encode_labels(data(train=None), ["down", "up"], unlabelled=True)
    assert label_names(encoded) == ["down", "up"]
    assert encoded["train"]["label"][:] == [LABEL_UNKNOWN, LABEL_UNKNOWN]


def test_wholly_unlabelled_text_has_no_names_unless_given():
    encoded = encode_labels(data(train=None), unlabelled=True)
    assert encoded["train"].features["label"] == Value("int64")
    with pytest.raises(ValueError, match="the labels have no names"):
        label_names(encoded)


def test_a_list_is_no_single_label():
    with pytest.raises(ValueError, match="each text has a single label"):
        encode_labels(data(train=[[0, 1], [1]]), problem_type="single_label_classification")


def test_dates_are_no_labels():
    source = data(Value("timestamp[s]"), train=[0, 1])
    with pytest.raises(ValueError, match=r"of type timestamp\[s\]"):
        encode_labels(source)
