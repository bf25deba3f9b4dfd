# SPDX-License-Identifier: Apache-2.0
"""Read a command's fields from a recipe (YAML) and the command line, which wins.

Lists and mappings are lists and mappings in YAML. On the command line their parts are separated by
spaces: `--methods kl dixtill`, `--splits test=validation`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import yaml
from transformers import HfArgumentParser


class UsageError(Exception):
    """What the user typed cannot be used; the message says why and what can."""


class RecipeParser(HfArgumentParser):
    """`HfArgumentParser` that also reads fields of the type `dict[str, ...]`.

    A list or mapping that is typed as one word with commas is refused.

    Attributes:
        hints: Types of the fields.
        recipe: Lists and mappings that a recipe gives, by field; typed ones win.
    """

    def __init__(self, dataclass_types: Sequence[type], **settings: Any) -> None:
        super().__init__(dataclass_types, allow_abbrev=False, **settings)
        self.recipe: dict[str, Any] = {}
        self.hints = {
            name: hint
            for dataclass_type in dataclass_types
            for name, hint in typing.get_type_hints(dataclass_type).items()
        }
        for action in self._actions:
            if _origin(self.hints.get(action.dest)) is dict:
                action.nargs, action.type = "+", str

    def take(self, recipe: dict[str, Any]) -> None:
        """Take the lists and mappings of a recipe for the fields that nothing is typed for."""
        self.recipe = recipe
        self.set_defaults(**recipe)
        for action in self._actions:
            if action.dest in recipe:
                action.required = False

    def parse_args_into_dataclasses(self, *given: Any, **named: Any) -> tuple[Any, ...]:
        """Fill the dataclasses; see `HfArgumentParser`.

        Raises:
            UsageError: A list or a mapping is not written as one.
        """
        filled = super().parse_args_into_dataclasses(*given, **named)
        return tuple(map(self._finished, filled))

    def _finished(self, part: Any) -> Any:
        """An instance of a dataclass, with mappings instead of the words that were typed."""
        if not dataclasses.is_dataclass(part):  # the words that are left over
            return part
        for field in dataclasses.fields(part):
            value, hint = getattr(part, field.name), self.hints.get(field.name)
            from_recipe = value is self.recipe.get(field.name, ...)
            if field.init and isinstance(value, list) and not from_recipe:
                _refuse_commas(field.name, value)
                if _origin(hint) is dict:
                    pairs = [_pair(field.name, word) for word in value]
                    if _parts(hint)[1] is Any:
                        pairs = [(name, yaml.safe_load(text)) for name, text in pairs]
                    setattr(part, field.name, dict(pairs))
        return part


def read_arguments(
    command: str, description: str, dataclass_types: Sequence[type], argv: Sequence[str]
) -> tuple[Any, ...]:
    """Fill dataclasses from `[recipe.yaml] [--field value ...]`.

    Args:
        command: What the help calls the command.
        description: One sentence for the help.
        dataclass_types: Dataclasses with a help text in each field's metadata.
        argv: What was typed after the command.

    Returns:
        One instance per dataclass.

    Raises:
        UsageError: An unknown field (with the nearest name), a recipe that is not a mapping, or a
            value that its field cannot have.
    """
    parser = RecipeParser(
        dataclass_types,
        prog=command,
        description=description,
        usage=f"{command} [recipe.yaml] [--field value ...]",
    )
    argv = list(argv)
    known = _field_names(dataclass_types)
    recipe = _read_recipe(argv.pop(0), known) if argv and not argv[0].startswith("-") else {}
    _check_names([a[2:].split("=")[0] for a in argv if a.startswith("--")], known, "option --")
    collections, words = _split_recipe(recipe, parser.hints)
    parser.take(collections)
    *filled, rest = parser.parse_args_into_dataclasses(
        words + argv,  # if a field is given twice, the last one counts
        return_remaining_strings=True,
        look_for_args_file=False,
    )
    if rest:
        raise UsageError(f"Not understood: {' '.join(rest)}. Fields are given as --field value.")
    return tuple(filled)


def _field_names(dataclass_types: Sequence[type]) -> set[str]:
    return {f.name for cls in dataclass_types for f in dataclasses.fields(cls) if f.init}


def _read_recipe(path: str, known: set[str]) -> dict[str, Any]:
    """The fields that a recipe gives."""
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
    return {name: value for name, value in recipe.items() if value is not None}


def _split_recipe(
    recipe: dict[str, Any], hints: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """A recipe's lists and mappings, typed, and its other fields as they are typed in a shell."""
    collections: dict[str, Any] = {}
    words: list[str] = []
    for name, value in recipe.items():
        hint = hints[name]
        if _origin(hint) is list:
            collections[name] = _as_list(name, value, _parts(hint)[0])
        elif _origin(hint) is dict:
            collections[name] = _as_mapping(name, value, _parts(hint)[1])
        elif isinstance(value, dict) and dict in typing.get_args(hint):
            words.append(f"--{name}={json.dumps(value)}")  # transformers reads it as JSON
        elif isinstance(value, list | dict):
            raise UsageError(f"The field {name!r} holds {value}: it takes a single value.")
        else:
            words.append(f"--{name}={value}")
    return collections, words


def _as_list(name: str, value: Any, kind: Any) -> list[Any]:
    """A YAML value as a list; a single value is a list of one."""
    if isinstance(value, dict):
        raise UsageError(f"The field {name!r} holds {value}: it is a list, [a, b] in YAML.")
    if not isinstance(value, list):
        value = [value]
        _refuse_commas(name, value)
    return [_as_scalar(name, part, kind) for part in value]


def _as_mapping(name: str, value: Any, kind: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(
            f"The field {name!r} holds {value!r}: it is a mapping, {{name: value, ...}} in YAML."
        )
    typed = {str: str, Any: Any}[kind]
    return {
        _as_scalar(name, key, str): part if typed is Any else _as_scalar(name, part, str)
        for key, part in value.items()
    }


def _as_scalar(name: str, value: Any, kind: type) -> Any:
    if isinstance(value, bool | list | dict):
        raise UsageError(
            f"The field {name!r} holds {value}: its parts must be words or numbers. YAML reads "
            "yes, no, on and off as true and false: put them in quotes."
        )
    try:
        return kind(str(value))
    except ValueError as error:
        raise UsageError(
            f"The field {name!r} holds {value!r}, which is not of the type {kind.__name__}."
        ) from error


def _refuse_commas(name: str, words: list[Any]) -> None:
    """Refuse `a,b` for two parts: a part may hold a comma of its own."""
    if len(words) == 1 and isinstance(words[0], str) and "," in words[0]:
        raise UsageError(
            f"The field {name!r} got the single part {words[0]!r}. Its parts are separated by "
            f"spaces (--{name} a b, with quotes around a part that holds a space or a comma), or "
            "are a list or mapping in YAML."
        )


def _pair(name: str, word: str) -> tuple[str, str]:
    """`'a=b'` → `('a', 'b')`."""
    key, separator, value = word.partition("=")
    if not separator or not key.strip() or not value.strip():
        raise UsageError(
            f"The field {name!r} got {word!r}: its parts are written name=value, and separated by "
            "spaces."
        )
    return key.strip(), value.strip()


def _origin(hint: Any) -> Any:
    """`list` or `dict` for such a type, also an optional one; else None."""
    origin = typing.get_origin(_without_none(hint))
    return origin if origin in (list, dict) else None


def _parts(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(_without_none(hint))


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (Union, types.UnionType):
        others = [one for one in typing.get_args(hint) if one is not types.NoneType]
        return others[0] if len(others) == 1 else hint
    return hint


def _check_names(names: Sequence[str], known: set[str], kind: str) -> None:
    for name in names:
        field = name.replace("-", "_")
        if field in known or field in ("help", *(f"no_{k}" for k in known)):
            continue
        near = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"Unknown {kind}{name}.{hint} Known: {', '.join(sorted(known))}.")
