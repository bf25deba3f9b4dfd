# SPDX-License-Identifier: Apache-2.0
"""How numbers, Markdown tables and templates are written in reports and model cards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dixtill_hf.artifacts import markdown
from dixtill_hf.reporting.measurements import Estimate

NOTHING = "–"
# Figures of a score in a table; two that agree in all of them count as equally good.
_DIGITS = 3
text = markdown.escaped
_TEMPLATES = Path(__file__).with_name("templates")
_SIZE_UNITS = ("B", "kB", "MB", "GB", "TB")


def score(value: float | None) -> str:
    """A metric between -1 and 1: "0.802"."""
    return NOTHING if value is None else f"{value:.{_DIGITS}f}"


def estimate(value: Estimate | None) -> str:
    """A metric over seeds, its interval on a second line: "0.802 ± 0.003<br>[0.799, 0.805]"."""
    if value is None:
        return NOTHING
    spread = "" if value.sd is None else f" ± {score(value.sd)}"
    interval = value.interval
    second = "" if interval is None else f"<br>[{score(interval[0])}, {score(interval[1])}]"
    return score(value.mean) + spread + second


def short_estimate(value: Estimate | None) -> str:
    """A metric over seeds on one line: "0.802 ± 0.003"."""
    if value is None:
        return NOTHING
    return score(value.mean) + ("" if value.sd is None else f" ± {score(value.sd)}")


def percent(share: float | None) -> str:
    """A share: 0.953 as "95.3 %"."""
    return NOTHING if share is None else f"{100 * share:.1f} %"


def count(value: float | None) -> str:
    """A whole number with its thousands marked: "22,713,219"."""
    return NOTHING if value is None else f"{value:,.0f}"


def counted(value: int, noun: str) -> str:
    """A whole number and what it counts: "1 text", "2,388 texts"."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def size(num_bytes: float | None) -> str:
    """A size in decimal units with three figures: "3.45 MB"."""
    if num_bytes is None:
        return NOTHING
    power = 0
    while num_bytes >= 1000 and power < len(_SIZE_UNITS) - 1:
        num_bytes /= 1000
        power += 1
    return (
        f"{num_bytes:.0f} B" if power == 0 else f"{_three_figures(num_bytes)} {_SIZE_UNITS[power]}"
    )


def ratio(value: float | None) -> str:
    """How many times: "127×", "1.20×"."""
    return NOTHING if value is None else f"{_three_figures(value)}×"


def duration(seconds: float | None) -> str:
    """A time as people say it: "0.42 s", "42 s", "3 min 05 s", "1 h 02 min"."""
    if seconds is None:
        return NOTHING
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def milliseconds(value: float | None) -> str:
    """A time in milliseconds with three figures, without the unit: "0.61", "12.3", "1,204"."""
    return NOTHING if value is None else _three_figures(value)


def p_value(value: float | None) -> str:
    """A p-value, never printed as 0: "0.031", "< 0.001"."""
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def signed(value: float | None) -> str:
    """A difference of scores with its sign: "+0.012"."""
    return NOTHING if value is None else f"{value:+.{_DIGITS}f}"


def listing(items: Sequence[str]) -> str:
    """Items in a sentence: "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


@dataclass(frozen=True)
class Column:
    """A column of a Markdown table.

    Attributes:
        title: Its heading.
        cells: The contents of its rows, as Markdown.
        values: Numbers by which the best cell is found and set in bold; None for a row that does
            not compete. Empty: nothing is in bold.
        best: `max` or `min`.
        numeric: Whether the cells are aligned to the right.
    """

    title: str
    cells: Sequence[str]
    values: Sequence[float | None] = ()
    best: Callable[..., float] = max
    numeric: bool = True


def column(
    title: str,
    values: Sequence[float | None],
    write: Callable[[float | None], str],
    best: Callable[..., float] | None = None,
) -> Column:
    """A column of numbers, the best of them in bold if `best` is `max` or `min`."""
    cells = [write(value) for value in values]
    return Column(title, cells) if best is None else Column(title, cells, values, best)


def estimates_column(
    title: str, found: Sequence[Estimate | None], best: Callable[..., float] = max
) -> Column:
    """A column of "mean ± sd", the best mean in bold."""
    means = [None if value is None else value.mean for value in found]
    return Column(title, [short_estimate(value) for value in found], means, best)


def table(columns: Sequence[Column]) -> str:
    """A Markdown table; columns without a single value are left out."""
    columns = [column for column in columns if any(cell != NOTHING for cell in column.cells)]
    lines = [
        [column.title for column in columns],
        ["---:" if column.numeric else ":---" for column in columns],
        *zip(*(_with_best_in_bold(column) for column in columns), strict=True),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _with_best_in_bold(column: Column) -> list[str]:
    competing = [round(value, _DIGITS) for value in column.values if value is not None]
    if len(set(competing)) < 2:
        return list(column.cells)
    best = column.best(competing)
    return [
        _bold(cell) if value is not None and round(value, _DIGITS) == best else cell
        for cell, value in zip(column.cells, column.values, strict=True)
    ]


def _bold(cell: str) -> str:
    """The first line of a cell in bold: the interval below it stays plain."""
    first, *rest = cell.split("<br>", 1)
    return "<br>".join([f"**{first}**", *rest])


def _three_figures(value: float) -> str:
    """Three significant figures, without an exponent."""
    for digits, limit in ((2, 9.995), (1, 99.95)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def render(template: str, **values: Any) -> str:
    """Text of a template in templates/; a value that it needs and does not get is an error."""
    return markdown.render(_TEMPLATES, template, **values)
