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
    recipe = _read_recipe(argv.pop(0), known) if argv and not argv[0].startswith("-") else {}
    _check_names([a[2:].split("=")[0] for a in argv if a.startswith("--")], known, "option --")
    required = [action for action in parser._actions if action.dest in recipe and action.required]
    for action in required:
        action.required = False
    parser.set_defaults(**recipe)
    *filled, rest = parser.parse_args_into_dataclasses(
        argv, return_remaining_strings=True, look_for_args_file=False
    )
    if rest:
        raise UsageError(f"Not understood: {' '.join(rest)}. Fields are given as --field value.")
    return tuple(filled)


def _field_names(dataclass_types: Sequence[type]) -> set[str]:
    return {f.name for cls in dataclass_types for f in dataclasses.fields(cls) if f.init}


def _read_recipe(path: str, known: set[str]) -> dict[str, Any]:
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
    return {name: _as_typed(value) for name, value in recipe.items()}


def _as_typed(value: Any) -> Any:
    """Lists of a recipe as they are typed on a command line: separated by commas."""
    return ",".join(str(part) for part in value) if isinstance(value, list) else value


def _check_names(names: Sequence[str], known: set[str], kind: str) -> None:
    for name in names:
        field = name.replace("-", "_")
        if field in known or field in ("help", *(f"no_{k}" for k in known)):
            continue
        near = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"Unknown {kind}{name}.{hint} Known: {', '.join(sorted(known))}.")
