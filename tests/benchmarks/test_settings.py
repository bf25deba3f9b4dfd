# SPDX-License-Identifier: Apache-2.0
"""Settings of students compared, from a recipe and a list to the report."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from datasets import Dataset

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("settings")


@pytest.fixture
def rows(script: ModuleType) -> ModuleType:
    return importlib.import_module("settings_rows")


@pytest.fixture
def students(script: ModuleType) -> ModuleType:
    return importlib.import_module("settings_students")


@pytest.fixture
def given(recipe: Path, tmp_path: Path) -> list[str]:
    """Three settings, one of them with variants of half of the texts."""
    common = {"student": {"hidden_size": 4}}
    short = {"num_train_epochs": 1}
    settings = [
        {"name": "plain", "training": short, **common},
        {
            "name": "half",
            "group": "Few | texts",
            "share": 0.5,
            "variants": 1,
            "against": "plain",
            "architecture": "gru",
            "teaching": "annealed",
            "training": short,
            **common,
        },
        {"name": "read", "reading": "digits", "spelled": True, "training": short, **common},
    ]
    (tmp_path / "tried.yaml").write_text(yaml.safe_dump(settings))
    files = [str(recipe), str(tmp_path / "tried.yaml")]
    return [*files, "--workers=1", "--results_dir", str(tmp_path / "results")]


def test_from_settings_to_the_report(script, given, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "ProcessPoolExecutor", _Here)
    script.main(given)
    content = json.loads((tmp_path / "results" / "tried.json").read_text())
    plain, half, read = content["rows"]
    assert [len(row["students"]) for row in content["rows"]] == [2, 2, 2]
    assert {student["texts"] for student in plain["students"]} == {34}
    assert all(17 < student["texts"] <= 34 for student in half["students"])
    assert all(student["divergence"] > 0 for student in plain["students"])
    assert plain["students"][0]["parameters"] > half["students"][0]["parameters"]  # of another cell
    assert read["students"][0]["parameters"] > plain["students"][0]["parameters"]  # of characters
    assert content["split"] == "validation"
    assert content["teacher"]["texts"] == 8
    assert [row["metric"] for row in content["comparisons"]] == ["accuracy", "macro_f1"]
    for row in content["comparisons"]:
        means = [np.mean([one[row["metric"]] for one in r["students"]]) for r in content["rows"]]
        assert row["difference"] == pytest.approx(means[1] - means[0])
    report = (tmp_path / "results" / "tried.md").read_text()
    assert "## Few | texts" in report
    assert "| half |" in report
    assert content["command"] in report

    monkeypatch.setattr(script, "train", _refuse)
    script.main([*given, "--seeds=1"])
    again = json.loads((tmp_path / "results" / "tried.json").read_text())
    assert again["rows"][0]["students"] == plain["students"][:1]


def test_the_least_faithful_explanations_are_not_seen(
    script, students, given, tmp_path, monkeypatch
):
    monkeypatch.setattr(script, "ProcessPoolExecutor", _Here)
    path = tmp_path / "tried.yaml"
    settings = yaml.safe_load(path.read_text())[:1]
    path.write_text(yaml.safe_dump([{**settings[0], "unfaithful": 0.5}]))
    seen = []
    real = students.alter

    def alter(texts, rows, change):
        altered = real(texts, rows, change)
        seen.append((list(rows), altered["teacher_attributions"][:]))
        return altered

    monkeypatch.setattr(students, "alter", alter)
    script.main([*given, "--seeds=1"])
    rows, scores = seen[-1]
    assert len(rows) == 17
    assert {row for row, one in enumerate(scores) if not any(one)} == set(rows)


def test_what_does_not_differ_from_the_defaults_is_no_part_of_a_setting(rows):
    assert rows.Setting("a", "b", seeds=3, against="c").trained_as() == {}
    assert rows.Setting("a", variants=2).trained_as() == {"variants": 2}


def test_another_seed_sees_another_share(students):
    train = Dataset.from_dict({"text": list("abcdefghij"), "label": [0, 1] * 5})
    assert students.share_of(train, 1.0, 0) == list(range(10))
    first, second = (students.share_of(train, 0.4, seed) for seed in (0, 1))
    assert len(first) == len(second) == 4
    assert first != second
    assert sum(row % 2 for row in first) == 2  # stratified


def test_a_share_of_the_attributions_is_shuffled(students):
    scores = [[float(row), -1.0, 2.5] for row in range(200)]
    texts = Dataset.from_dict({"text": ["a b c"] * 200, "teacher_attributions": scores})
    shuffled = students.alter_drawn(texts, 0.5, 0, np.random.Generator.permutation)
    found = shuffled["teacher_attributions"][:]
    assert [sorted(row) for row in found] == [sorted(row) for row in scores]
    # One order in six is the one that was there.
    assert 60 < sum(one != other for one, other in zip(found, scores, strict=True)) < 110


def test_a_share_of_the_attributions_is_hidden(students):
    scores = [[row + 1.0, -1.0, 2.5] for row in range(200)]
    texts = Dataset.from_dict({"text": ["a b c"] * 200, "teacher_attributions": scores})
    hidden = students.alter_drawn(texts, 0.5, 0, lambda _, row: np.zeros_like(row))
    found = hidden["teacher_attributions"][:]
    assert all(one in (other, [0, 0, 0]) for one, other in zip(found, scores, strict=True))
    assert 80 < found.count([0, 0, 0]) < 120


def test_divergence_by_hand(students):
    logits = np.log([[0.5, 0.5], [0.9, 0.1]])
    student = np.array([[0.25, 0.75], [0.9, 0.1]])
    expected = (0.5 * np.log(2) + 0.5 * np.log(2 / 3)) / 2
    assert students.divergence(logits, student) == pytest.approx(expected)


def test_mistakes_in_the_settings_are_named(rows, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("- {name: a, variant: 4}")
    with pytest.raises(ValueError, match=r"setting 'a'.*variants"):
        rows.read_settings(path)
    path.write_text("- {name: a, against: b}")
    with pytest.raises(ValueError, match=r"row to stand against of 'a'"):
        rows.read_settings(path)
    path.write_text("- {name: a, reading: digit}")
    with pytest.raises(ValueError, match=r"reading of 'a'.*digits"):
        rows.read_settings(path)
    path.write_text("- {name: a, teaching: anealed}")
    with pytest.raises(ValueError, match=r"teaching of 'a'.*annealed"):
        rows.read_settings(path)


class _Here:
    """A pool of no processes."""

    def __init__(self, *_: object, initializer: Callable[[], None], **__: object) -> None: ...

    def __enter__(self) -> "_Here":
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, function: Callable, *arguments: object) -> "_Done":
        return _Done(function(*arguments))


class _Done:
    def __init__(self, value: object) -> None:
        self.value = value

    def result(self) -> object:
        return self.value


def _refuse(task: object) -> None:
    raise AssertionError("trained again")
