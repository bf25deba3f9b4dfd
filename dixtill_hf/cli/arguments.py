# SPDX-License-Identifier: Apache-2.0
"""Read a command's fields from a recipe (YAML) and the command line, which wins."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from transformers import HfArgumentParser


class UsageError(Exception):
    """What the user typed cannot be used; the message says why and what can."""


def read_arguments(
    command: str, description: str, dataclass_types: Sequence[type], argv: Sequence[str]
) -> tuple[Any, ...]:
    """Fill dataclasses from `[recipe.yaml] [--field value ...]`.

    Args:
        command: What the help calls the command.
        description: One sentence for the help.
        dataclass_types: Dataclasses with a help text in each field's metadata.
        argv: What was typed behind the command.

    Returns:
        One instance per dataclass.

    Raises:
        UsageError: An unknown field (with the nearest name), or a recipe that is not a mapping.
    """
    parser = HfArgumentParser(
        dataclass_types,
        prog=command,
        description=description,
        usage=f"{command} [recipe.yaml] [--field value ...]",
        allow_abbrev=False,
    )
    argv = list(argv)
    known = _field_names(dataclass_types)
    recipe = _read_recipe(argv.pop(0), known) if argv and not argv[0].startswith("-") else []
    _check_names([a[2:].split("=")[0] for a in argv if a.startswith("--")], known, "option --")
    argv = recipe + argv  # of a field that is given twice, the last one counts
    *filled, rest = parser.parse_args_into_dataclasses(
        argv, return_remaining_strings=True, look_for_args_file=False
    )
    if rest:
        raise UsageError(f"Not understood: {' '.join(rest)}. Fields are given as --field value.")
    return tuple(filled)


def _field_names(dataclass_types: Sequence[type]) -> set[str]:
    return {f.name for cls in dataclass_types for f in dataclasses.fields(cls) if f.init}


def _read_recipe(path: str, known: set[str]) -> list[str]:
    """The fields of a recipe as they are typed on a command line, so that both are read alike."""
    if not Path(path).is_file():
        raise UsageError(
            f"There is no recipe {path!r}. Name a YAML file, or give fields as --field value."
        )
    try:
        recipe = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise UsageError(f"The recipe {path!r} is not YAML: {error}") from error
    if not isinstance(recipe, dict):
        raise UsageError(f"The recipe {path!r} must hold 'field: value' lines, not a list or text.")
    _check_names([str(name) for name in recipe], known, f"field in {path}: ")
    given = {name: value for name, value in recipe.items() if value is not None}
    return [f"--{name}={_as_typed(name, value)}" for name, value in given.items()]


def _as_typed(name: str, value: Any) -> str:
    """A value as it is typed: lists and pairs separated by commas, `a,b` and `a=b,c=d`."""
    parts = value.items() if isinstance(value, dict) else value
    if not isinstance(value, list | dict):
        return str(value)
    flat = [part for item in parts for part in (item if isinstance(item, tuple) else (item,))]
    if any(isinstance(part, bool | list | dict) for part in flat):
        raise UsageError(
            f"The field {name!r} holds {value}: its parts must be words or numbers. YAML reads "
            "yes, no, on and off as true and false: put them in quotes."
        )
    return ",".join("=".join(map(str, i)) if isinstance(i, tuple) else str(i) for i in parts)


def _check_names(names: Sequence[str], known: set[str], kind: str) -> None:
    for name in names:
        field = name.replace("-", "_")
        if field in known or field in ("help", *(f"no_{k}" for k in known)):
            continue
        near = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"Unknown {kind}{name}.{hint} Known: {', '.join(sorted(known))}.")
