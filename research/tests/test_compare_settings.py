# SPDX-License-Identifier: Apache-2.0
"""Settings of students compared, from a recipe and a list to the report."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from datasets import Dataset

from research import compare_settings, student_training
from research.student_settings import Setting, read_settings


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
            "text_share": 0.5,
            "variants": 1,
            "compared_with": "plain",
            "architecture": "gru",
            "trainer": "annealed",
            "training": short,
            **common,
        },
        {
            "name": "read",
            "normalization": "digits",
            "character_ngrams": True,
            "training": short,
            **common,
        },
    ]
    (tmp_path / "tried.yaml").write_text(yaml.safe_dump(settings))
    files = [str(recipe), str(tmp_path / "tried.yaml")]
    return [*files, "--workers=1", "--results_dir", str(tmp_path / "results")]


def test_from_settings_to_the_report(given, tmp_path, monkeypatch):
    monkeypatch.setattr(compare_settings, "ProcessPoolExecutor", _Here)
    compare_settings.main(given)
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

    monkeypatch.setattr(compare_settings, "train", _refuse)
    compare_settings.main([*given, "--seeds=1"])
    again = json.loads((tmp_path / "results" / "tried.json").read_text())
    assert again["rows"][0]["students"] == plain["students"][:1]


def test_the_least_faithful_explanations_are_not_seen(given, tmp_path, monkeypatch):
    monkeypatch.setattr(compare_settings, "ProcessPoolExecutor", _Here)
    path = tmp_path / "tried.yaml"
    settings = yaml.safe_load(path.read_text())[:1]
    path.write_text(yaml.safe_dump([{**settings[0], "unfaithful_share": 0.5}]))
    seen = []
    real = student_training.alter

    def alter(texts, rows, change):
        altered = real(texts, rows, change)
        seen.append((list(rows), altered["teacher_attributions"][:]))
        return altered

    monkeypatch.setattr(student_training, "alter", alter)
    compare_settings.main([*given, "--seeds=1"])
    rows, scores = seen[-1]
    assert len(rows) == 17
    assert {row for row, one in enumerate(scores) if not any(one)} == set(rows)


def test_what_does_not_differ_from_the_defaults_is_no_part_of_a_setting():
    assert Setting("a", "b", seeds=3, compared_with="c").trained_as() == {}
    assert Setting("a", variants=2).trained_as() == {"variants": 2}


def test_another_seed_sees_another_share():
    train = Dataset.from_dict({"text": list("abcdefghij"), "label": [0, 1] * 5})
    assert student_training.share_of(train, 1.0, 0) == list(range(10))
    first, second = (student_training.share_of(train, 0.4, seed) for seed in (0, 1))
    assert len(first) == len(second) == 4
    assert first != second
    assert sum(row % 2 for row in first) == 2  # stratified


def test_a_share_of_the_attributions_is_shuffled():
    scores = [[float(row), -1.0, 2.5] for row in range(200)]
    texts = Dataset.from_dict({"text": ["a b c"] * 200, "teacher_attributions": scores})
    shuffled = student_training.alter_drawn(texts, 0.5, 0, np.random.Generator.permutation)
    found = shuffled["teacher_attributions"][:]
    assert [sorted(row) for row in found] == [sorted(row) for row in scores]
    # One order in six is the one that was there.
    assert 60 < sum(one != other for one, other in zip(found, scores, strict=True)) < 110


def test_a_share_of_the_attributions_is_hidden():
    scores = [[row + 1.0, -1.0, 2.5] for row in range(200)]
    texts = Dataset.from_dict({"text": ["a b c"] * 200, "teacher_attributions": scores})
    hidden = student_training.alter_drawn(texts, 0.5, 0, lambda _, row: np.zeros_like(row))
    found = hidden["teacher_attributions"][:]
    assert all(one in (other, [0, 0, 0]) for one, other in zip(found, scores, strict=True))
    assert 80 < found.count([0, 0, 0]) < 120


def test_divergence_by_hand():
    logits = np.log([[0.5, 0.5], [0.9, 0.1]])
    student = np.array([[0.25, 0.75], [0.9, 0.1]])
    expected = (0.5 * np.log(2) + 0.5 * np.log(2 / 3)) / 2
    assert student_training.divergence(logits, student) == pytest.approx(expected)


def test_mistakes_in_the_settings_are_named(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("- {name: a, variant: 4}")
    with pytest.raises(ValueError, match=r"setting 'a'.*variants"):
        read_settings(path)
    path.write_text("- {name: a, compared_with: b}")
    with pytest.raises(ValueError, match=r"row to compare with of 'a'"):
        read_settings(path)
    path.write_text("- {name: a, normalization: digit}")
    with pytest.raises(ValueError, match=r"normalization of 'a'.*digits"):
        read_settings(path)
    path.write_text("- {name: a, trainer: anealed}")
    with pytest.raises(ValueError, match=r"trainer of 'a'.*annealed"):
        read_settings(path)


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
