# SPDX-License-Identifier: Apache-2.0
"""The data of a recipe."""

from dixtill_hf.workflow.data_stage import data_fingerprint, load_data


def test_a_subset_of_train_keeps_the_shares_of_the_labels(recipe):
    recipe.data.max_train_texts = 30
    labels = load_data(recipe.data)["train"]["label"][:]
    assert [labels.count(label) for label in range(3)] == [10, 10, 10]


def test_texts_without_a_label_come_behind_the_subset(recipe, data_dir):
    recipe.data.max_train_texts = 30
    recipe.data.unlabelled_source = str(data_dir / "train.csv")
    train = load_data(recipe.data)["train"]
    labels = train["label"][:]
    assert len(set(labels[:30])) == 3
    assert set(labels[30:]) == {-100}
    assert len(set(train["text"][:])) == len(train)


def test_no_text_of_the_test_source_is_learned_from(recipe, data_dir, tmp_path):
    recipe.data.max_test_texts = 5
    more = tmp_path / "more.csv"
    lines = (data_dir / "test.csv").read_text().splitlines()
    more.write_text("\n".join([*lines, '"A text of its own.",']) + "\n")
    recipe.data.unlabelled_source = str(more)
    data = load_data(recipe.data)
    assert len(data["test"]) == 5
    assert data["train"]["text"][-1] == "A text of its own."
    assert data["train"]["label"][:].count(-100) == 1


def test_scores_of_the_users_own_are_read_with_the_data(recipe, data_dir, tmp_path):
    for path in data_dir.iterdir():
        head, *rows = path.read_text().splitlines()
        lines = [f"{row},{number}.5" for number, row in enumerate(rows)]
        path.write_text("\n".join([f"{head},marks", *lines]) + "\n")
    data = load_data(recipe.data, keep_columns=["marks"])
    assert data_fingerprint(data) != data_fingerprint(load_data(recipe.data))
    assert data["train"]["marks"][0].endswith(".5")


def test_a_label_that_holds_a_comma_stays_one_label(recipe, data_dir):
    for path in data_dir.iterdir():
        path.write_text(path.read_text().replace("bearish", '"down, or worse"'))
    recipe.data.label_names = ["down, or worse", "bullish", "neutral"]
    assert load_data(recipe.data)["train"].features["label"].names == recipe.data.label_names
