# SPDX-License-Identifier: Apache-2.0
"""What the Hub of the tests refuses in the metadata of a card."""

from __future__ import annotations

import re
from typing import Any

import yaml

LICENCES = ("apache-2.0", "mit", "cc-by-4.0", "cc0-1.0", "gpl-3.0", "other", "unknown")


def card_errors(content: str, kind: str) -> list[str]:
    """What the Hub would refuse in the metadata of a card.

    These are the rules of https://huggingface.co/docs/hub/model-cards and
    https://huggingface.co/docs/hub/spaces-config-reference that concern what students have.
    """
    match = re.match(r"---\n(.*?)\n---\n", content, flags=re.DOTALL)
    if match is None:
        return []
    try:
        data = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        return [f"The metadata is not YAML: {error}"]
    errors = []
    if "license" in data and data["license"] not in LICENCES:
        errors.append(f'"license" must be one of {", ".join(LICENCES)}')
    for language in _as_list(data.get("language")):
        if not isinstance(language, str) or not re.fullmatch(r"[a-z]{2,3}|multilingual", language):
            errors.append(f'"language" must be ISO 639 codes, got {language!r}')
    for key in ("base_model", "datasets"):
        for name in _as_list(data.get(key)):
            if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(name)):
                errors.append(f'"{key}" must be ids, got {name!r}')
    for model in _as_list(data.get("model-index")):
        for result in model["results"]:
            for part, keys in (("task", ["type"]), ("dataset", ["name", "type"])):
                errors += [f"model-index: {part}.{key}" for key in keys if key not in result[part]]
            for metric in result["metrics"]:
                if not isinstance(metric.get("value"), int | float):
                    errors.append('"model-index": a metric needs a value')
    if kind == "space":
        errors += [f'"{key}" is missing' for key in ("sdk", "title") if key not in data]
        if len(data.get("short_description", "")) > 60:
            errors.append('"short_description" must be at most 60 characters')
    return errors


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
