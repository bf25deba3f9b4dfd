# SPDX-License-Identifier: Apache-2.0
"""Fields from a recipe and the command line."""

from dataclasses import dataclass, field

import pytest

from dixtill_hf.cli.arguments import UsageError, read_arguments


@dataclass
class Fields:
    """Some fields."""

    output_dir: str = field(metadata={"help": "where"})
    methods: str = field(default="none", metadata={"help": "which"})
    epochs: float | None = field(default=None, metadata={"help": "how long"})
    seeds: int = field(default=5, metadata={"help": "how many"})


def _read(*argv: str) -> Fields:
    (fields,) = read_arguments("test", "A test.", (Fields,), argv)
    return fields


def test_the_command_line_wins_over_the_recipe(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("output_dir: here\nseeds: 3\nmethods: [none, kl]\nepochs: 2\n")
    fields = _read(str(recipe), "--seeds", "7")
    assert fields == Fields("here", "none,kl", 2, 7)


def test_pairs_are_read_as_typed(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("output_dir: here\nmethods: {positive: Bullish, negative: Bearish}\n")
    assert _read(str(recipe)).methods == "positive=Bullish,negative=Bearish"


def test_words_that_yaml_takes_for_truth_values_are_refused(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("output_dir: here\nmethods: [no, yes]\n")
    with pytest.raises(UsageError, match="put them in quotes"):
        _read(str(recipe))


def test_a_number_of_the_wrong_kind_is_refused(tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("output_dir: here\nseeds: 2.5\n")
    with pytest.raises(SystemExit):
        _read(str(recipe))
    assert "invalid int value: '2.5'" in capsys.readouterr().err


def test_values_are_typed_as_declared():
    assert _read("--output_dir", "here", "--epochs", "1.5").epochs == 1.5


def test_an_unknown_field_of_a_recipe_gives_the_nearest(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("output_dir: here\nepoch: 3\n")
    with pytest.raises(UsageError, match="Did you mean epochs"):
        _read(str(recipe))


def test_a_missing_recipe_is_named():
    with pytest.raises(UsageError, match=r"no recipe 'none.yaml'"):
        _read("none.yaml")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text"])
def test_a_recipe_must_hold_fields(tmp_path, text):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text)
    with pytest.raises(UsageError, match="field: value"):
        _read(str(recipe))


def test_left_over_words_are_refused():
    with pytest.raises(UsageError, match="Not understood: stray"):
        _read("--output_dir", "here", "stray")
