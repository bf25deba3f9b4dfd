# SPDX-License-Identifier: Apache-2.0
"""The report of a search: table, picture and recipes, drawn from `search.json` only."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.search.measuring import JOULES
from dixtill_hf.search.settings import EXPORTED_CELL, FLOAT, SearchedStudentArguments
from dixtill_hf.workflow.recipe import Recipe

PAGE, PICTURE, RECIPES = "search.md", "search.png", "front"
_NOT_READABLE = "not readable here"


def write_search_report(results: Mapping[str, Any], directory: Path) -> Path:
    """Write table, picture and recipes of a search.

    Args:
        results: Contents of `search.json`.
        directory: Where they go.

    Returns:
        Path of the page.
    """
    recipes = directory / RECIPES
    shutil.rmtree(recipes, ignore_errors=True)
    recipes.mkdir(parents=True)
    for point in results["front"]:
        path = recipes / f"{point['name']}.yaml"
        path.write_text(recipe_text(results, point), encoding="utf-8")
    drawn = _draw(results, directory / PICTURE)
    page = directory / PAGE
    page.write_text(_page(results, drawn), encoding="utf-8")
    return page


def recipe_text(results: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    """The recipe of a point, as `dixtill-hf run` takes it; what is at its default is left out."""
    student = SearchedStudentArguments()
    plain = Recipe().to_dict()
    fields = {
        name: value
        for name, value in results["recipe"].items()
        if value != plain[name] or hasattr(student, name)
    }
    start = fields.get("student_start") is not None
    searched = ("cell", "hidden_size", "embedding_size", "min_frequency")
    sizes = searched[-1:] if start else searched
    fields |= {name: point[name] for name in sizes}
    kept = {name: value for name, value in fields.items() if value is not None}
    comment = "# dixtill-hf run trains this student."
    if point["cell"] != EXPORTED_CELL:
        comment += f"\n# It cannot be exported in integers: its cell is {point['cell']}."
    if point["bits"] != FLOAT:
        comment += (
            f"\n# Then: dixtill-hf export {kept['output_dir']}/student --target dxt "
            f"--bits {point['bits']}"
        )
    return f"{comment}\n{yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)}"


def _page(results: Mapping[str, Any], drawn: bool) -> str:
    environment, settings, front = results["environment"], results["settings"], results["front"]
    versions = ", ".join(
        f"{name} {environment['versions'][name]}" for name in ("dixtill_hf", "torch")
    )
    limits = [
        f"at most {settings[f'max_{name}']:,g} {name}"
        for name in ("bytes", "microseconds")
        if settings[f"max_{name}"] is not None
    ]
    parts = [
        "# Students within a budget",
        f"`{results['command']}`",
        f"{results['architectures']:,} of {results['of']:,} architectures were trained, and each "
        f"measured in {fmt.listing(settings['bits'])} on the validation texts"
        f"{', within ' + fmt.listing(limits) if limits else ''}. No student of the table is beaten "
        "by another in all of macro F1, bytes, time and energy. Since the best of many are shown, "
        "their macro F1 is optimistic: `dixtill-hf run` with a recipe of `front/` scores a student "
        "on the test texts.",
        _front_table(results),
        "Time is the median for one text on one thread, all in the same rounds, tokenization "
        f"included ({environment['cpu']}; {versions}; {environment['date']}). "
        + _energy_note(results),
        *([f"![Macro F1 against bytes and time]({PICTURE})"] if drawn else []),
        "## What the search cost",
        _cost(results),
        _payback_table(results) if front else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_table(results: Mapping[str, Any]) -> str:
    front = results["front"]
    if not front:
        return "No student that was trained keeps the limits: allow more `trials`."
    columns = [
        fmt.Column("recipe", [f"[{p['name']}]({RECIPES}/{p['name']}.yaml)" for p in front]),
        fmt.Column("bits", [point["bits"] for point in front]),
        fmt.column("macro F1", [point["macro_f1"] for point in front], fmt.score, max),
        fmt.Column("size", [fmt.size(point["bytes"]) for point in front]),
        fmt.Column("µs a text", [fmt.milliseconds(point["microseconds"]) for point in front]),
    ]
    if results["energy"] == JOULES:
        values = [fmt.milliseconds(1e6 * point[JOULES]) for point in front]
        columns.append(fmt.Column("µJ a text", values))
    columns.append(
        fmt.Column("multiply-adds a text", [fmt.count(p["multiply_adds"]) for p in front])
    )
    return fmt.table(columns)


def _energy_note(results: Mapping[str, Any]) -> str:
    if results["energy"] == JOULES:
        return "Energy is that of the whole processor (RAPL), other programs included."
    return (
        "The energy counter of the processor is not readable here: students are compared by the "
        "multiplications with an addition that a text of mean length takes, counted from the sizes "
        "of the layers. Integer and float operations count alike."
    )


def _cost(results: Mapping[str, Any]) -> str:
    cost = results["cost"]
    annotation = sum(cost["annotation"].values())
    joules = _NOT_READABLE if cost["joules"] is None else f"{cost['joules']:,.0f} J"
    return (
        f"Training and measuring all students took {fmt.duration(cost['seconds'])}; energy: "
        f"{joules}. Any student needs the teacher and its annotation: "
        f"{fmt.duration(annotation)}, once."
    )


def _payback_table(results: Mapping[str, Any]) -> str:
    """After how many texts the search has paid for itself."""
    front = results["front"]
    columns = [fmt.Column("student", [point["name"] for point in front], numeric=False)]
    for reference, figures in results["references"].items():
        title = f"in time, against the {reference} ({fmt.milliseconds(figures['microseconds'])} µs)"
        columns.append(fmt.Column(title, _texts(front, reference, "by_seconds")))
        if results["cost"]["joules"] is not None:
            title = f"in energy, against the {reference}"
            columns.append(fmt.Column(title, _texts(front, reference, "by_joules")))
    return (
        "Texts after which a student has made up for the cost of the search; “–” if it saves "
        "nothing:\n\n" + fmt.table(columns)
    )


def _texts(front: Sequence[Mapping[str, Any]], reference: str, by: str) -> list[str]:
    return [fmt.count(point["pays_after"][reference][by]) for point in front]


def _draw(results: Mapping[str, Any], path: Path) -> bool:
    """Draw all points and the front; False if matplotlib is not installed or there is no point."""
    try:
        from dixtill_hf.search.picture import draw_search
    except ImportError:
        path.unlink(missing_ok=True)
        return False
    return draw_search(results, path)
