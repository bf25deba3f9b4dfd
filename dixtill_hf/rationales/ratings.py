# SPDX-License-Identifier: Apache-2.0
"""People's ratings of rationales: a page that asks for them, and the analysis of what it saves."""

from __future__ import annotations

import html
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.evaluation.significance import Interval, interval

# What is rated from 1 to 5, as in Hendriks et al. 2025, in words of our own.
CRITERIA: Mapping[str, str] = {
    "plausibility": "The explanation is convincing.",
    "understandability": "The explanation is easy to understand.",
    "completeness": "The explanation names all that matters.",
    "satisfaction": "The explanation is good enough for me.",
    "contrastiveness": "The explanation says why it is this answer and not another.",
}
FORMAT = 1
_SCALE = range(1, 6)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; }}
article {{ border: 1px solid #8888; border-radius: 8px; padding: 1rem; margin: 1rem 0; }}
blockquote {{ margin: .5rem 0; padding-left: 1rem; border-left: 3px solid #8888; }}
blockquote {{ white-space: pre-wrap; }}
fieldset {{ border: 0; padding: .25rem 0; margin: 0; }}
fieldset {{ display: flex; flex-wrap: wrap; gap: .25rem 1rem; }}
legend {{ float: left; width: 22rem; max-width: 100%; padding: 0; }}
button {{ font: inherit; padding: .5rem 1rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Please read each text, the answer and its explanation. Say how far you agree, from 1 (not at all)
to 5 (fully). Your ratings stay on this device until you save the file and send it.</p>
<form id="form">
{items}
<p><label>A name or number for you: <input id="rater" required></label></p>
<p><button type="submit">Save the ratings</button> <output id="state"></output></p>
</form>
<script>
const study = {study};
document.getElementById("form").addEventListener("submit", event => {{
  event.preventDefault();
  const ratings = [];
  for (const input of document.querySelectorAll("input[type=radio]:checked")) {{
    const [item, criterion] = input.name.split("/");
    ratings.push({{item, criterion, rating: Number(input.value)}});
  }}
  const rater = document.getElementById("rater").value;
  const content = JSON.stringify({{format: {format}, study, rater, ratings}}, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], {{type: "application/json"}}));
  link.download = "ratings.json";
  link.click();
  document.getElementById("state").textContent = ratings.length + " ratings saved.";
}});
</script>
</body>
</html>
"""


@dataclass(frozen=True)
class RatedItem:
    """An explanation that people rate.

    Attributes:
        text: The text.
        answer: Its answer.
        rationale: The explanation.
        source: Who wrote it, such as the name of a model; the page does not show it.
    """

    text: str
    answer: str
    rationale: str
    source: str

    @property
    def key(self) -> str:
        """Names the item, without saying who wrote it."""
        return hash_json([self.text, self.answer, self.rationale, self.source])[:16]


def write_rating_form(
    items: Sequence[RatedItem], path: str | Path, title: str = "Explanations", seed: int = 0
) -> Path:
    """Write a static page that asks for ratings and saves them as JSON on the rater's device.

    Args:
        items: What is rated; it is shuffled, and the page says of none who wrote it.
        path: Where the page goes, `.html`. A key of the items is written next to it, `.json`, for
            `analyse_ratings`: keep it from the raters.
        title: Title of the page.
        seed: Seed of the order.

    Returns:
        The path of the page.

    Raises:
        ValueError: There is no item, or one is there twice.
    """
    if not items or len({item.key for item in items}) < len(items):
        raise ValueError(f"Different items to rate are needed, got {len(items)} of them.")
    order = list(items)
    random.Random(seed).shuffle(order)
    page = _PAGE.format(
        title=html.escape(title),
        items="\n".join(map(_article, order)),
        study=json.dumps(_study(items)),
        format=FORMAT,
    )
    path = Path(path)
    path.write_text(page, encoding="utf-8")
    sources = {item.key: item.source for item in items}
    content = {"format": FORMAT, "study": _study(items), "sources": sources}
    path.with_suffix(".json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def _study(items: Sequence[RatedItem]) -> str:
    return hash_json(sorted(item.key for item in items))[:16]


def _article(item: RatedItem) -> str:
    asked = "\n".join(
        f"<fieldset><legend>{html.escape(statement)}</legend>"
        + "".join(
            f'<label><input type="radio" name="{item.key}/{name}" value="{value}" required>'
            f"{value}</label>"
            for value in _SCALE
        )
        + "</fieldset>"
        for name, statement in CRITERIA.items()
    )
    return (
        f"<article><blockquote>{html.escape(item.text)}</blockquote>"
        f"<p>Answer: <b>{html.escape(item.answer)}</b></p>"
        f"<blockquote>{html.escape(item.rationale)}</blockquote>{asked}</article>"
    )


@dataclass(frozen=True)
class RatingSummary:
    """Ratings of the explanations of one source by one criterion.

    Attributes:
        source: Who wrote them.
        criterion: Name in `CRITERIA`, or "all".
        raters: People who rated them.
        ratings: Number of ratings.
        mean: Mean over raters of each rater's mean, with its 95 % interval.
    """

    source: str
    criterion: str
    raters: int
    ratings: int
    mean: Interval


def analyse_ratings(key: str | Path, files: Sequence[str | Path]) -> list[RatingSummary]:
    """Summarise the files that raters have saved.

    Each rater counts once, however many ratings are theirs: ratings of one person are not
    independent.

    Args:
        key: The JSON file that `write_rating_form` wrote next to the page.
        files: The raters' files.

    Returns:
        A summary of every source and criterion, and of all criteria of a source together.

    Raises:
        ValueError: A file is of another study or of another form, a rater is there twice, or a
            rating is not 1 to 5.
    """
    known = _read(Path(key), ("study", "sources"))
    by_rater: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    raters: set[str] = set()
    for path in map(Path, files):
        found = _read(path, ("study", "rater", "ratings"))
        if found["study"] != known["study"]:
            raise ValueError(f"{path} has ratings of another page than {key}.")
        rater = str(found["rater"])
        if rater in raters:
            raise ValueError(f"{path} is of the rater {rater!r}, who is there already.")
        raters.add(rater)
        for one in found["ratings"]:
            source, criterion = known["sources"].get(one["item"]), one["criterion"]
            if source is None or criterion not in CRITERIA or one["rating"] not in _SCALE:
                raise ValueError(f"{path} has a rating that the page does not give: {one}.")
            for name in (criterion, "all"):
                by_rater[source, name][rater].append(int(one["rating"]))
    return [
        RatingSummary(
            source,
            name,
            len(own),
            sum(map(len, own.values())),
            interval([float(np.mean(values)) for values in own.values()]),
        )
        for (source, name), own in sorted(by_rater.items())
    ]


def _read(path: Path, names: Sequence[str]) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON: {error}.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT or {*names} - {*found}:
        raise ValueError(f"{path} is no file of ratings: {', '.join(names)} are needed.")
    return found
