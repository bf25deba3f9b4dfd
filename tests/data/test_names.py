# SPDX-License-Identifier: Apache-2.0
"""A mistyped name is answered with the names that there are."""

import pytest

from dixtill_hf.data.names import check_name, hub_id


def test_a_known_name_passes():
    check_name("colour", "red", iter(["green", "red"]))


def test_an_unknown_name_gives_all_and_the_nearest():
    message = r"^colour must be one of green, red, got 'gren'\. Did you mean"
    with pytest.raises(ValueError, match=message):
        check_name("colour", "gren", ["green", "red"])


@pytest.mark.parametrize("given", ["purple", 3, None])
def test_nothing_is_suggested_where_nothing_is_near(given):
    with pytest.raises(ValueError, match="colour must be one of green, red") as error:
        check_name("colour", given, ["green", "red"])
    assert "Did you mean" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("org/data", "org/data"),
        ("ag_news", "ag_news"),
        ("bert-base-uncased", "bert-base-uncased"),
        ("embedded", None),
        ("packaged", None),
        ("", None),
        ("../data/texts.csv", None),
        ("a/b/c", None),
        (".", None),
    ],
)
def test_ids_of_the_hub_are_told_from_paths(name, found):
    assert hub_id(name) == found
