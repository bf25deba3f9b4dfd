# SPDX-License-Identifier: Apache-2.0
"""The tables of size and time: one of all models, and the times under every setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.compared_models import (
    TEACHER,
    ComparedModel,
    published_size_and_time,
)
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import compression, number

Timing = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """What a time was taken under.

    Attributes:
        threads: Threads that the model may use.
        tokenization: Whether the time includes cutting the texts into tokens.
        batch_size: Texts at a time.
        pad_to: Tokens that each text is padded to, None for the longest of its batch.
    """

    threads: int
    tokenization: bool
    batch_size: int
    pad_to: int | None

    @property
    def inputs(self) -> str:
        """Batch and padding in words: "batch of 32, unpadded"."""
        padding = "unpadded" if self.pad_to is None else f"padded to {self.pad_to}"
        return f"batch of {self.batch_size}, {padding}"

    @property
    def machine(self) -> str:
        """Threads and tokenization in words: "2 threads, without tokenization"."""
        return f"{fmt.counted(self.threads, 'thread')}, {self.scope}"

    @property
    def scope(self) -> str:
        """What is timed: "with tokenization", "without tokenization"."""
        return f"{'with' if self.tokenization else 'without'} tokenization"


def timings_of(metrics: Mapping[str, Any]) -> list[Timing]:
    """All timed rows; none if nothing was timed."""
    return list((metrics.get("efficiency") or {}).get("rows") or [])


def setting_of(row: Timing) -> Setting:
    """The setting of a row."""
    return Setting(row["threads"], row["tokenization"], row["batch_size"], row["pad_to"])


def settings_of(rows: Sequence[Timing]) -> list[Setting]:
    """The settings that occur: the one that comparisons name first, the like of it after it.

    The first is a large batch and the model alone; unpadded, since no text needs padding to a
    fixed length, and with all threads.
    """
    found = dict.fromkeys(setting_of(row) for row in rows)
    return sorted(
        found,
        key=lambda one: (-one.threads, one.tokenization, -one.batch_size, one.pad_to or 0),
    )


def at(rows: Sequence[Timing], setting: Setting) -> list[Timing]:
    """The rows of one setting."""
    return [row for row in rows if setting_of(row) == setting]


def main_timings(metrics: Mapping[str, Any], tokenization: bool = False) -> list[Timing]:
    """The rows of the setting that comparisons name, or of the same with tokenization."""
    rows = timings_of(metrics)
    settings = settings_of(rows)
    return at(rows, replace(settings[0], tokenization=tokenization)) if settings else []


def fastest(rows: Sequence[Timing], model: ComparedModel) -> Timing | None:
    """The row of the model's fastest runtime, None if it was not timed."""
    own = [
        row
        for row in rows
        if row["model"] == model.timed_as and model.runtime in (None, row["runtime"])
    ]
    return min(own, key=lambda row: row["p50_ms"], default=None)


def size_and_time_table(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> str:
    """Size of every model, and its time in its fastest runtime; "" if nothing was timed."""
    alone, with_tokens = (main_timings(metrics, tokenization) for tokenization in (False, True))
    if not alone and not with_tokens:
        return ""
    rows = [fastest(alone, model) for model in models]
    whole = [fastest(with_tokens, model) for model in models]
    smaller = [compression(metrics, model.num_bytes) for model in models]
    return fmt.table(
        [
            Column("model", [fmt.text(model.name) for model in models], numeric=False),
            fmt.column("parameters", [model.parameters for model in models], fmt.count),
            fmt.column("size", [model.num_bytes for model in models], fmt.size),
            _compared("compression", smaller, models, max),
            Column("fastest runtime", [_runtime(row) for row in rows], numeric=False),
            fmt.column("time, ms", [_value(row, "p50_ms") for row in rows], fmt.milliseconds),
            _compared("peak memory", [_peak(metrics, row) for row in rows], models, min, fmt.size),
            _speedup("speed-up, same runtime", "speedup_same_runtime", rows, models),
            _speedup("speed-up, fastest teacher", "speedup_fastest_teacher", rows, models),
            _speedup("the same with tokenization", "speedup_fastest_teacher", whole, models),
            *published_size_and_time(metrics, models),
        ]
    )


def main_setting(metrics: Mapping[str, Any]) -> str:
    """In words, the setting of the times that the table of sizes and times shows."""
    rows = main_timings(metrics)
    return f"{setting_of(rows[0]).inputs}, {setting_of(rows[0]).machine}" if rows else ""


def time_tables(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """For each number of threads, with and without tokenization: its name, and all times."""
    rows = timings_of(metrics)
    machines: dict[str, list[Setting]] = {}
    for setting in settings_of(rows):
        machines.setdefault(setting.machine, []).append(setting)
    return [(name, _time_table(rows, settings)) for name, settings in machines.items()]


def memory_table(metrics: Mapping[str, Any]) -> str:
    """Peak memory of a fresh process that loads a model and predicts; "" if not measured."""
    rows = _memory(metrics)
    if not rows:
        return ""
    models = [(row["model"], row["runtime"]) for row in rows]
    values = [number(row["peak_bytes"]) for row in rows]
    return fmt.table([*_names(models), fmt.column("peak memory", values, fmt.size)])


def energy_table(metrics: Mapping[str, Any]) -> str:
    """Energy of a text; "" if the machine's counters could not be read."""
    rows = (metrics.get("efficiency") or {}).get("energy") or []
    if not rows:
        return ""
    models = [(row["model"], row["runtime"]) for row in rows]
    return fmt.table(
        [
            *_names(models),
            Column("mJ a text", [f"{1000 * row['joules_per_text']:.3g}" for row in rows]),
            Column("watts", [f"{row['watts']:.3g}" for row in rows]),
        ]
    )


def _time_table(rows: Sequence[Timing], settings: Sequence[Setting]) -> str:
    """A row for each model and runtime, a column for each batch size and padding."""
    found = {setting: _by_model(at(rows, setting)) for setting in settings}
    models = list(dict.fromkeys(model for times in found.values() for model in times))
    columns = _names(models)
    for setting in sorted(settings, key=lambda one: (one.batch_size, one.pad_to or 0)):
        times = [found[setting].get(model) for model in models]
        columns.append(_times(f"{setting.inputs}, ms", times, models))
    main = [found[settings[0]].get(model) for model in models]
    throughput = [_value(row, "texts_per_second") for row in main]
    explains = [_yes_or_no(row) for row in main]
    columns.append(fmt.column("texts per second", throughput, fmt.count))
    for title, key in (
        ("speed-up, same runtime", "speedup_same_runtime"),
        ("speed-up, fastest teacher", "speedup_fastest_teacher"),
    ):
        columns.append(fmt.column(title, [_value(row, key) for row in main], fmt.ratio))
    return fmt.table([*columns, Column("explains", explains, numeric=False)])


def _by_model(rows: Sequence[Timing]) -> dict[tuple[str, str], Timing]:
    return {(row["model"], row["runtime"]): row for row in rows}


def _names(models: Sequence[tuple[str, str]]) -> list[Column]:
    return [
        Column("model", [fmt.text(model) for model, _ in models], numeric=False),
        Column("runtime", [fmt.text(runtime) for _, runtime in models], numeric=False),
    ]


def _times(title: str, rows: Sequence[Timing | None], models: Sequence[tuple[str, str]]) -> Column:
    """Medians with the 95th percentiles in brackets; the teacher does not compete."""
    cells = [
        fmt.NOTHING
        if row is None
        else f"{fmt.milliseconds(row['p50_ms'])} ({fmt.milliseconds(row['p95_ms'])})"
        for row in rows
    ]
    values = [
        None if model == TEACHER else _value(row, "p50_ms")
        for (model, _), row in zip(models, rows, strict=True)
    ]
    return Column(title, cells, values, min)


def _speedup(
    title: str, key: str, rows: Sequence[Timing | None], models: Sequence[ComparedModel]
) -> Column:
    return _compared(title, [_value(row, key) for row in rows], models, max)


def _compared(
    title: str,
    values: Sequence[float | None],
    models: Sequence[ComparedModel],
    best: Any,
    write: Any = fmt.ratio,
) -> Column:
    """A column in which neither the teacher nor a mere reference competes."""
    competing = [
        value if model.family in ("baseline", "student") else None
        for model, value in zip(models, values, strict=True)
    ]
    return Column(title, [write(value) for value in values], competing, best)


def _peak(metrics: Mapping[str, Any], timing: Timing | None) -> float | None:
    """Peak memory of the model in the runtime that was timed."""
    if timing is None:
        return None
    known = {(row["model"], row["runtime"]): row["peak_bytes"] for row in _memory(metrics)}
    return number(known.get((timing["model"], timing["runtime"])))


def _memory(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return (metrics.get("efficiency") or {}).get("memory") or []


def _yes_or_no(row: Timing | None) -> str:
    """Whether the model explains its predictions."""
    if row is None or row.get("explains") is None:
        return fmt.NOTHING
    return "yes" if row["explains"] else "no"


def _runtime(row: Timing | None) -> str:
    return fmt.NOTHING if row is None else fmt.text(row["runtime"])


def _value(row: Timing | None, key: str) -> float | None:
    return None if row is None else number(row.get(key))
