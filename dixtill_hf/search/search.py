# SPDX-License-Identifier: Apache-2.0
"""Search for the best small students within a budget: the teacher annotates once, many learn."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.data.label_column import labelled_rows
from dixtill_hf.data.names import check_name
from dixtill_hf.data.problem_types import REGRESSION
from dixtill_hf.data.text_pairs import refuse_pairs
from dixtill_hf.evaluation.efficiency import EnergyMeter
from dixtill_hf.search.candidates import Candidates
from dixtill_hf.search.forms import check_runtime
from dixtill_hf.search.measuring import energy_figure, find_meter
from dixtill_hf.search.report import write_search_report
from dixtill_hf.search.sampling import ArchitectureSampler, import_optuna, within
from dixtill_hf.search.settings import SearchedStudentArguments, SearchSettings
from dixtill_hf.search.space import Architecture, SearchSpace
from dixtill_hf.search.summary import pareto_front, points_of, with_savings
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe, StudentArguments
from dixtill_hf.workflow.run import OpenedRun, annotate_run, open_run

RESULTS = "search.json"
FORMAT = 1
_FOLDER = "search"
_DEFAULT = Architecture(cell="lstm", hidden_size=50, embedding_size=50, min_frequency=2)


def search_students(
    recipe: Recipe | Mapping[str, Any],
    settings: SearchSettings | None = None,
    command: str = "search_students",
) -> Path:
    """Search for students that are good, small, fast and cheap, within limits.

    The teacher annotates the texts once. Then architectures are tried one after the other: Optuna
    names one, a student of it is trained, and each of its forms (as trained, and in integers) is
    measured on the validation texts. What cannot keep the limits is not trained. The test texts
    take no part in the choice.

    ```python
    from dixtill_hf import SearchSettings, search_students

    page = search_students(
        {"source": "texts.csv", "test_fraction": 0.2, "output_dir": "runs/search"},
        SearchSettings(max_bytes=300_000, trials=30),
    )
    ```

    Args:
        recipe: What `dixtill-hf run` takes, as a mapping of its fields or a `Recipe`. It has one
            method (default "dixtill") and one preset; a size that it gives is not searched.
        settings: What is searched, and the limits. Default: `SearchSettings()`.
        command: What the report says was called.

    Returns:
        Path of the report, `search.md` in the output directory. Next to it are `search.json` with
        all figures, `search.png`, and in `front/` a recipe of every point of the Pareto front,
        which `dixtill-hf run` accepts. A call that was interrupted goes on where it stopped, and
        one with more trials adds to what is there.

    Raises:
        ValueError: A field is unknown or out of range, the limits cannot be met (the message has
            the least that can), the task is a regression, or the data fail a check.
        ImportError: Optuna, or for students in integers dixtill-runtime, is not installed.
        OSError: Something cannot be read or written.
    """
    settings = settings or SearchSettings()
    if isinstance(recipe, Mapping):
        recipe = recipe_of(recipe)
    import_optuna()
    check_runtime(settings.bits)
    _check_recipe(recipe)
    search = _Search.begin(recipe, settings, command)
    search.run()
    return write_search_report(search.results(), search.directory)


def recipe_of(given: Mapping[str, Any]) -> Recipe:
    """A recipe from its fields in one mapping, with the defaults of a search.

    Raises:
        ValueError: There is no such field.
    """
    parts = [SearchedStudentArguments if p is StudentArguments else p for p in RECIPE_PARTS]
    known = {part: [field.name for field in fields(part)] for part in parts}
    for name in given:
        check_name("field", name, [field for names in known.values() for field in names])
    made: list[Any] = [
        part(**{name: given[name] for name in names if name in given})
        for part, names in known.items()
    ]
    return Recipe(*made)


def _check_recipe(recipe: Recipe) -> None:
    student = recipe.student
    for name, values in (("methods", student.methods), ("presets", student.presets)):
        if len(values) != 1:
            raise ValueError(
                f"{name} has {len(values)} values, {', '.join(values) or 'none'}: all students of "
                "a search are trained in the same way, so name one."
            )


@dataclass
class _Search:
    """A search under way.

    Attributes:
        opened: The run whose texts and teacher it uses.
        settings: Its settings.
        command: What was called.
        space: What is searched.
        meter: The energy counter of the machine; None if there is none.
        cache: Keeps the records of all architectures.
        candidates: Builds, measures and trains students.
    """

    opened: OpenedRun
    settings: SearchSettings
    command: str
    space: SearchSpace
    meter: EnergyMeter | None
    cache: OutputCache
    candidates: Candidates

    @classmethod
    def begin(cls, recipe: Recipe, settings: SearchSettings, command: str) -> _Search:
        """Check everything, the limits too, and only then have the teacher annotate the texts."""
        space = SearchSpace.of(settings, recipe.student)
        largest = replace(recipe.student, embedding_size=max(space.values["embedding_size"]))
        if recipe.student.student_start is not None:
            largest = recipe.student
        opened = open_run(replace(recipe, student=largest), ProcessGroup())
        opened = replace(opened, recipe=replace(opened.recipe, student=recipe.student))
        refuse_pairs(opened.data.splits["train"].column_names, "A search")
        if opened.data.problem_type.name == REGRESSION:
            raise ValueError(
                "A search compares students by macro F1, and these data are of the problem type "
                "regression: compare sizes with dixtill-hf run and --hidden_size instead."
            )
        if not labelled_rows(opened.data.splits["validation"]).any():
            raise ValueError(
                "No validation text has a label, so no student can be chosen: label some."
            )
        meter = find_meter()
        candidates = Candidates.open(opened, settings, meter)
        cache = OutputCache(opened.context.output_dir / _FOLDER)
        search = cls(opened, settings, command, space, meter, cache, candidates)
        search._check_limits()
        return search

    @property
    def directory(self) -> Path:
        """The output directory."""
        return self.opened.context.output_dir

    def _check_limits(self) -> None:
        """Refuse limits that the smallest student cannot keep, before anything is annotated."""
        if not self.settings.limits:
            return
        forms = [form for one in self.space.smallest() for form in self.candidates.costs(one)]
        if any(within(form, self.settings.limits) for form in forms):
            return
        least = {name: min(form[name] for form in forms) for name in self.settings.limits}
        units = {"bytes": "{:,.0f} bytes", "microseconds": "{:,.0f} microseconds"}
        wanted = ", ".join(f"max_{name}={most:g}" for name, most in self.settings.limits.items())
        raise ValueError(
            f"{wanted} cannot be met: the smallest students to choose from take at least "
            f"{' and '.join(units[name].format(value) for name, value in least.items())} "
            f"(cells {', '.join(self.space.values['cell'])}; bits "
            f"{', '.join(self.settings.bits)}). Allow as much, or let the search choose from fewer "
            "units, dimensions or words (hidden_sizes, embedding_sizes, min_frequencies)."
        )

    def run(self) -> None:
        """Try architectures until there are as many as wanted, or no others."""
        self.candidates.annotate(annotate_run(self.opened))
        sampler = ArchitectureSampler(
            self.cache.directory,
            self.space,
            self.settings,
            self.candidates.depends_on,
            energy_figure(self.meter),
        )
        if _DEFAULT in self.space.architectures():
            sampler.first(_DEFAULT)
        sampler.add_known(self.records())
        done = len(self.records())
        with tqdm(total=self.settings.trials, initial=done, desc="Search") as progress:
            while done < self.settings.trials:
                architecture = sampler.next()
                if architecture is None:
                    break
                with self._paid():
                    costs = self.candidates.costs(architecture)
                    if not any(within(form, self.settings.limits) for form in costs):
                        sampler.refuse(architecture)
                        continue
                    record = self.cache.value(
                        architecture.name,
                        self._key(architecture),
                        partial(self.candidates.trained, architecture, costs),
                    )
                sampler.tell(record)
                done += 1
                progress.update()

    def records(self) -> list[dict[str, Any]]:
        """What is known of the architectures of this search, by earlier calls too."""
        found = []
        for architecture in self.space.architectures():
            kept = read_json(self.cache.directory / f"{architecture.name}.json")
            if kept is not None and kept["fingerprint"] == hash_json(self._key(architecture)):
                found.append(kept["value"])
        return found

    def _key(self, architecture: Architecture) -> Any:
        return [self.candidates.depends_on, asdict(architecture), energy_figure(self.meter)]

    @contextmanager
    def _paid(self) -> Iterator[None]:
        """Add what the block costs to the cost of the search, which is kept between calls."""
        path = self.cache.directory / "cost.json"
        before = None if self.meter is None else self.meter.read()
        start = time.perf_counter()
        try:
            yield
        finally:
            paid = self._cost()
            paid["seconds"] += time.perf_counter() - start
            if self.meter is None or before is None:
                paid["joules"] = None
            elif paid["joules"] is not None:
                paid["joules"] += self.meter.joules_since(before)
            write_json(path, paid)

    def _cost(self) -> dict[str, Any]:
        kept = read_json(self.cache.directory / "cost.json")
        return kept or {"seconds": 0.0, "joules": None if self.meter is None else 0.0}

    def results(self) -> dict[str, Any]:
        """Contents of `search.json`."""
        records = self.records()
        with self._paid():
            records, references = self._measured_together(records)
        energy = energy_figure(self.meter)
        points = points_of(records)
        objectives = ("bytes", "microseconds", energy)
        front = pareto_front(points, self.settings.limits, objectives)
        cost = self._cost()
        results = {
            "format": FORMAT,
            "command": self.command,
            "environment": describe_environment(),
            "dataset": self.opened.data.describe(),
            "recipe": self.opened.recipe.to_dict(),
            "settings": asdict(self.settings),
            "space": {name: list(values) for name, values in self.space.values.items()},
            "energy": energy,
            "cost": {**cost, "annotation": self.opened.context.cache.seconds()},
            "architectures": len(records),
            "of": len(self.space.architectures()),
            "references": references,
            "points": points,
            "front": with_savings(front, cost, references),
        }
        write_json(self.directory / RESULTS, results)
        return results

    def _measured_together(
        self, records: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """The records with the times of the best forms measured anew, all in the same rounds."""
        front = pareto_front(
            points_of(records),
            self.settings.limits,
            ("bytes", "microseconds", energy_figure(self.meter)),
        )
        times, references = self.candidates.measured_together(front)
        for record in records:
            for form in record["forms"]:
                name = f"{record['name']}_{form['bits']}"
                form["microseconds"] = times.get(name, form["microseconds"])
        return records, references
