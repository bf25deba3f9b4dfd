# SPDX-License-Identifier: Apache-2.0
"""A search trains what keeps the limits, once, goes on where it stopped, and leaves recipes."""

import json
from pathlib import Path

import pytest
import yaml

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.cli.main import main
from dixtill_hf.search import candidates
from dixtill_hf.search import search as searching
from dixtill_hf.search.search import recipe_of, search_students
from dixtill_hf.search.settings import SearchSettings
from dixtill_hf.student.student import load_student
from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe
from dixtill_hf.workflow.student_stage import PROBABILITIES

pytest.importorskip("optuna")
pytest.importorskip("dixtill_runtime._core", reason="needs the compiled dixtill-runtime")

SMALL = {
    "cells": ["lstm"],
    "hidden_sizes": [3, 5],
    "embedding_sizes": [4],
    "min_frequencies": [1, 2],
    "rounds": 5,
}


def results_of(page: Path) -> dict:
    return json.loads((page.parent / "search.json").read_text("utf-8"))


def trainings(monkeypatch) -> list:
    """The names of the architectures that are trained from here on."""
    names, train = [], candidates.train_students

    def noted(jobs, workers, **settings):
        names.extend(str(job.directory) for job in jobs)
        return train(jobs, workers, **settings)

    monkeypatch.setattr(candidates, "train_students", noted)
    return names


@pytest.mark.slow
def test_a_search_goes_on_to_the_whole_space(recipe, still_clock, monkeypatch):
    trained = trainings(monkeypatch)
    settings = {**SMALL, "bits": ["float32", "8", "4"]}
    first = results_of(search_students(recipe, SearchSettings(trials=1, **settings)))
    assert (first["architectures"], first["of"], len(trained)) == (1, 4, 1)
    page = search_students(recipe, SearchSettings(trials=9, **settings))
    results = results_of(page)
    assert (results["architectures"], len(trained), len(set(trained))) == (4, 4, 4)
    assert len(results["points"]) == 12
    assert first["points"][0] in results["points"]
    assert results["cost"]["seconds"] > first["cost"]["seconds"]
    assert results["cost"]["joules"] is None
    assert set(results["references"]) == {"default student", "teacher"}
    # Nothing is trained again, and the teacher is not asked again.
    monkeypatch.setattr(candidates, "train_students", None)
    assert results_of(search_students(recipe, SearchSettings(trials=4, **settings)))["front"]
    text = page.read_text("utf-8")
    assert "energy: not readable here" in text
    assert (page.parent / "search.png").is_file()
    for point in results["front"]:
        assert f"front/{point['name']}.yaml" in text


@pytest.mark.slow
def test_no_point_of_the_front_is_beaten_and_its_recipe_runs(recipe, still_clock):
    page = search_students(recipe, SearchSettings(trials=2, bits=["8", "pq"], **SMALL))
    results = results_of(page)
    costs = ("bytes", "microseconds", "multiply_adds")
    for point in results["front"]:
        for other in results["points"]:
            better = other["macro_f1"] >= point["macro_f1"]
            better &= all(other[cost] <= point[cost] for cost in costs)
            same = all(other[cost] == point[cost] for cost in (*costs, "macro_f1"))
            assert not better or same
        path = page.parent / "front" / f"{point['name']}.yaml"
        parts = read_arguments("dixtill-hf run", "", RECIPE_PARTS, [str(path)])
        written = Recipe(*parts).to_dict()
        assert written["hidden_size"] == point["hidden_size"]
        assert written["methods"] == ["dixtill"]
        assert f"--bits {point['bits']}" in path.read_text("utf-8")
        student = load_student(page.parent / point["students"][0])
        assert student.model.config.hidden_size == point["hidden_size"]


def test_what_is_too_large_is_not_trained(recipe, still_clock, monkeypatch):
    trained = trainings(monkeypatch)
    wide = {**SMALL, "hidden_sizes": [3, 200], "min_frequencies": [1]}
    page = search_students(recipe, SearchSettings(trials=5, bits=["8"], max_bytes=40_000, **wide))
    results = results_of(page)
    assert len(trained) == 1
    assert [point["hidden_size"] for point in results["front"]] == [3]
    assert "at most 40,000 bytes" in page.read_text("utf-8")


@pytest.mark.parametrize("limit", [{"max_bytes": 500}, {"max_microseconds": 10.0}])
def test_limits_that_nothing_keeps_are_refused_before_any_work(
    recipe, still_clock, monkeypatch, limit
):
    monkeypatch.setattr(searching, "annotate_run", None)
    with pytest.raises(ValueError, match=r"cannot be met: the smallest .* at least [\d,]+"):
        search_students(recipe, SearchSettings(bits=["8"], **SMALL, **limit))


@pytest.mark.slow
def test_an_interrupted_search_keeps_what_it_has(recipe, still_clock, monkeypatch):
    train, calls = candidates.train_students, []

    def interrupted(jobs, workers, **settings):
        calls.append(jobs)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(jobs, workers, **settings)

    monkeypatch.setattr(candidates, "train_students", interrupted)
    settings = SearchSettings(trials=2, bits=["8"], **SMALL)
    with pytest.raises(KeyboardInterrupt):
        search_students(recipe, settings)
    assert results_of(search_students(recipe, settings))["architectures"] == 2
    assert len(calls) == 3
    assert calls[2][0].directory == calls[1][0].directory  # goes on with what was interrupted


def test_a_search_has_one_method_and_no_values(recipe, still_clock, tmp_path):
    two = recipe_of({"methods": ["kl", "dixtill"], "source": "x.csv"})
    with pytest.raises(ValueError, match="methods has 2 values, kl, dixtill"):
        search_students(two)
    with pytest.raises(ValueError, match=r"field must be one of .*Did you mean 'hidden_size'"):
        search_students({"hiden_size": 3})
    data = tmp_path / "numbers.csv"
    rows = [f"headline {i} of {i % 7},{i % 7}.5" for i in range(60)]
    data.write_text("\n".join(["text,label", *rows]))
    fields = {**recipe.to_dict(), "source": str(data), "test_fraction": 0.2}
    fields = {name: value for name, value in fields.items() if value is not None}
    fields |= {"teacher": "packaged", "output_dir": str(tmp_path / "numbers")}
    with pytest.raises((ValueError, ImportError), match=r"macro F1|not installed"):
        search_students(fields, SearchSettings(bits=["float32"]))


def test_the_command_asks_for_data(capsys):
    assert main(["search", "--max_bytes", "1000"]) == 2
    assert "--source" in capsys.readouterr().err


def test_the_command_searches(recipe, still_clock, tmp_path, capsys):
    fields = {name: value for name, value in recipe.to_dict().items() if value is not None}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(fields))
    sizes = ["--cells", "gru", "--hidden_sizes", "3", "--embedding_sizes", "4"]
    sizes += ["--min_frequencies", "1", "--bits", "float32"]
    assert main(["search", str(path), "--trials", "1", "--rounds", "5", *sizes]) == 0
    page = tmp_path / "found" / "search.md"
    printed = capsys.readouterr()
    assert f"The report: {page}" in printed.out
    assert "Search" in printed.err
    assert "Students" not in printed.err  # one bar, that of the search
    assert "dixtill-hf search" in page.read_text("utf-8")
    (found,) = (page.parent / "front").iterdir()
    assert "cannot be exported in integers: its cell is gru" in found.read_text("utf-8")
    (point,) = results_of(page)["front"]
    student = page.parent / point["students"][0]
    assert load_student(student).model.config.cell == "gru"
    assert not (student / PROBABILITIES).exists()  # the test texts take no part in a search
