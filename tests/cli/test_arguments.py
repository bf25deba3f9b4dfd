# SPDX-License-Identifier: Apache-2.0
"""Fields from a recipe and the command line."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from dixtill_hf.cli.arguments import UsageError, read_arguments


@dataclass
class Fields:
    """Some fields."""

    output_dir: str = field(metadata={"help": "where"})
    methods: list[str] = field(default_factory=lambda: ["none"], metadata={"help": "which"})
    threads: list[int] | None = field(default=None, metadata={"help": "numbers"})
    splits: dict[str, str] | None = field(default=None, metadata={"help": "pairs"})
    settings: dict[str, Any] | None = field(default=None, metadata={"help": "values"})
    epochs: float | None = field(default=None, metadata={"help": "how long"})
    seeds: int = field(default=5, metadata={"help": "how many"})


def _read(*argv: str) -> Fields:
    (fields,) = read_arguments("test", "A test.", (Fields,), argv)
    return fields


def test_the_command_line_wins_over_the_recipe(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("output_dir: here\nseeds: 3\nmethods: [none, kl]\nepochs: 2\n")
    fields = _read(str(recipe), "--seeds", "7")
    assert fields == Fields("here", ["none", "kl"], epochs=2, seeds=7)


def test_lists_and_mappings_are_typed_with_spaces():
    fields = _read(
        *("--output_dir", "here", "--methods", "kl", "a, b", "--threads", "1", "2"),
        *(
            "--splits",
            "test=validation",
            "train=all, of it",
            "--settings",
            "samples=64",
            "exact=no",
        ),
    )
    assert fields.methods == ["kl", "a, b"]
    assert fields.threads == [1, 2]
    assert fields.splits == {"test": "validation", "train": "all, of it"}
    assert fields.settings == {"samples": 64, "exact": False}


def test_lists_and_mappings_of_a_recipe_are_those_of_yaml(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "output_dir: here\nmethods: ['a, b']\nthreads: 2\nsplits: {0: -down, 1: up}\n"
        "settings: {samples: 64, names: [a]}\n"
    )
    fields = _read(str(recipe))
    assert fields.methods == ["a, b"]
    assert fields.threads == [2]
    assert fields.splits == {"0": "-down", "1": "up"}
    assert fields.settings == {"samples": 64, "names": ["a"]}
    assert _read(str(recipe), "--splits", "a=b", "--threads", "1").splits == {"a": "b"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "kl,dixtill"], r"single part 'kl,dixtill'.*--methods a b"),
        (["--splits", "a=b,c=d"], r"single part 'a=b,c=d'"),
        (["--splits", "validation"], r"'splits' got 'validation'.*name=value"),
        (["--splits", "=b"], "name=value"),
    ],
)
def test_what_is_no_list_or_mapping_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        _read("--output_dir", "here", *words)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("methods: kl,dixtill", "single part 'kl,dixtill'"),
        ("methods: {a: b}", "it is a list"),
        ("splits: test=validation", "it is a mapping"),
        ("threads: [1.5]", "holds 1.5, which is not of the type int"),
        ("seeds: [1, 2]", "it takes a single value"),
        ("splits: {test: yes}", "put them in quotes"),
    ],
)
def test_a_wrong_value_in_a_recipe_is_refused(tmp_path, line, message):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"output_dir: here\n{line}\n")
    with pytest.raises(UsageError, match=message):
        _read(str(recipe))


def test_a_required_list_may_come_from_the_recipe(tmp_path):
    @dataclass
    class Required:
        names: list[str] = field(metadata={"help": "names"})

    (tmp_path / "recipe.yaml").write_text("names: [a, b]\n")
    (fields,) = read_arguments("test", "A test.", (Required,), [str(tmp_path / "recipe.yaml")])
    assert fields.names == ["a", "b"]


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
