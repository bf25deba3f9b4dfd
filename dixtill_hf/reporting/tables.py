# SPDX-License-Identifier: Apache-2.0
"""The Markdown tables of a report, each only from metrics.json."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import (
    EXPLANATION_NAMES,
    METRIC_NAMES,
    Series,
    compression,
    main_metric,
    number,
    quality_of,
    stages_of,
)


def quality_table(
    metrics: Mapping[str, Any], series: Sequence[Series], published: Sequence[Column] = ()
) -> str:
    """Quality on the test split: the teacher, then every series as mean ± sd and interval.

    Columns of published figures, a cell for each of these rows, come last.
    """
    teacher = metrics["teacher"]
    columns = [
        _names(series),
        Column("seeds", [fmt.NOTHING, *(_seeds(one) for one in series)]),
    ]
    quality = quality_of(metrics)
    for key, title in quality.names.items():
        best = min if key in quality.lower_is_better else max
        columns.append(_estimates(title, key, series, fmt.score(number(teacher.get(key))), best))
    columns.append(_estimates("agrees with teacher", "teacher_agreement", series, fmt.NOTHING))
    errors = [one.mean("calibration_error") for one in series]
    if any(error is not None for error in errors):
        columns.append(
            _against_teacher(
                "calibration error", errors, teacher.get("calibration_error"), fmt.score
            )
        )
    return fmt.table([*columns, *published])


def size_table(metrics: Mapping[str, Any], series: Sequence[Series]) -> str:
    """Parameters, bytes, compression, share of the teacher's main metric kept, training time."""
    teacher = metrics["teacher"]
    sizes = [one.mean("bytes") for one in series]
    ratios = [compression(metrics, size) for size in sizes]
    main = main_metric(metrics)
    kept = [_divide(one.mean(main), number(teacher.get(main))) for one in series]
    seconds = [one.mean("train_seconds") for one in series]
    parameters = [one.mean("parameters") for one in series]
    return fmt.table(
        [
            _names(series),
            _against_teacher("parameters", parameters, teacher.get("parameters"), fmt.count),
            _against_teacher("size", sizes, teacher.get("bytes"), fmt.size),
            Column(
                "compression",
                [fmt.NOTHING, *map(fmt.ratio, ratios)],
                [None, *ratios],
            ),
            Column(
                f"{METRIC_NAMES[main]} kept", [fmt.NOTHING, *map(fmt.percent, kept)], [None, *kept]
            ),
            Column("training, one seed", [fmt.NOTHING, *map(fmt.duration, seconds)]),
        ]
    )


def agreement_table(series: Sequence[Series]) -> str:
    """Agreement of each student's explanations with the teacher's; "" if none was measured."""
    explained = [one for one in series if one.explanation_kinds]
    if not explained:
        return ""
    columns = [
        Column("model", [fmt.text(one.name) for one in explained], numeric=False),
        Column("its explanation", [_kind_cell(one) for one in explained], numeric=False),
        _estimates("cosine", "explanation.cosine", explained),
    ]
    depths = sorted({k for one in explained for k in one.depths})
    for measure in ("feature", "sign"):
        for k in depths:
            key = f"explanation.{measure}_agreement@{k}"
            columns.append(_estimates(f"{measure} @{k}", key, explained))
    return fmt.table(columns)


def comparison_table(metrics: Mapping[str, Any], series: Sequence[Series]) -> str:
    """Paired bootstrap of each method against the others; "" if none was made."""
    rows = metrics.get("comparisons") or []
    if not rows:
        return ""
    return fmt.table(
        [
            Column(
                "model", [comparison_name(row, "method", series) for row in rows], numeric=False
            ),
            Column(
                "against", [comparison_name(row, "against", series) for row in rows], numeric=False
            ),
            Column("metric", [_metric_name(row["metric"]) for row in rows], numeric=False),
            Column("difference", [fmt.signed(row["difference"]) for row in rows]),
            Column(
                "95 % interval",
                [f"[{fmt.signed(row['low'])}, {fmt.signed(row['high'])}]" for row in rows],
            ),
            Column("p", [fmt.p_value(row.get("p_value")) for row in rows]),
            Column("verdict", [verdict(row) for row in rows], numeric=False),
        ]
    )


def annotation_table(metrics: Mapping[str, Any]) -> str:
    """How exact the teacher's attributions are and what they cost; "" if nothing is known."""
    teacher = metrics["teacher"]
    error = teacher.get("completeness_error") or {}
    rows = [
        ("completeness error, median", error.get("median"), ".3g"),
        ("completeness error, 90th percentile", error.get("p90"), ".3g"),
        ("completeness error, largest", error.get("max"), ".3g"),
        ("passes of the teacher per text", teacher.get("evaluations_per_text"), ".1f"),
        ("texts longer than the teacher reads", teacher.get("truncated_texts"), ",.0f"),
    ]
    known = [(name, format(value, spec)) for name, value, spec in rows if number(value) is not None]
    return _facts(("on all texts", "value"), known) if known else ""


def data_table(metrics: Mapping[str, Any]) -> str:
    """Texts per split: a row for each label, and one for all texts."""
    dataset = metrics["dataset"]
    counts = dataset.get("label_counts") or {}
    labels = dataset["labels"]
    columns = [Column("texts", [*map(fmt.text, labels), "all"], numeric=False)]
    for split, size in dataset["splits"].items():
        of_split = counts.get(split, {})
        cells = [fmt.count(of_split.get(label)) for label in labels]
        columns.append(Column(split, [*cells, fmt.count(size)]))
    return fmt.table(columns)


def vocabulary_table(metrics: Mapping[str, Any]) -> str:
    """Words that the students of each preset know, and how many start with a word vector."""
    presets = metrics.get("vocabularies") or {}
    if not presets:
        return ""
    rows = presets.values()
    return fmt.table(
        [
            Column("preset", list(presets), numeric=False),
            Column("seen at least", [fmt.count(row.get("min_frequency")) for row in rows]),
            Column("words", [fmt.count(row["words"]) for row in rows]),
            Column("with a vector", [fmt.count(row["with_vector"]) for row in rows]),
            Column("share", [fmt.percent(row["share"]) for row in rows]),
        ]
    )


def stage_table(metrics: Mapping[str, Any]) -> str:
    """Wall time of each stage; "" if none was written."""
    stages = stages_of(metrics)
    if not stages:
        return ""
    rows = [(name, fmt.duration(seconds)) for name, seconds in stages.items()]
    total = ("**total**", f"**{fmt.duration(sum(stages.values()))}**")
    return _facts(("stage", "wall time"), [*rows, total])


def environment_table(metrics: Mapping[str, Any]) -> str:
    """Hardware and versions of the run; "" if they were not written."""
    found = metrics.get("environment") or {}
    versions = [f"{name} {v}" for name, v in found.get("versions", {}).items() if v is not None]
    memory = found.get("memory_bytes")
    rows = [
        ("processor", found.get("cpu")),
        ("cores, threads used", _pair(found.get("cores"), found.get("threads"))),
        ("memory", memory and fmt.size(memory)),
        ("accelerator", found.get("accelerator") or "none"),
        ("platform", found.get("platform")),
        ("Python", found.get("python")),
        ("packages", ", ".join(versions)),
        ("date", found.get("date")),
        ("fingerprint of the run", metrics.get("fingerprint")),
    ]
    known = [(name, fmt.text(value)) for name, value in rows if value]
    return _facts(("what", "value"), known, numeric=False) if found else ""


def settings_table(settings: Mapping[str, Any]) -> str:
    """Settings, nested ones by dotted names; those that are None are left out."""
    rows = [(fmt.text(name), fmt.text(value)) for name, value in flattened(settings)]
    return _facts(("setting", "value"), rows, numeric=False) if rows else ""


def flattened(settings: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Pairs of dotted name and value; settings that are None are left out."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value


def verdict(comparison: Mapping[str, Any]) -> str:
    """What the interval of a paired difference says in words."""
    if comparison["low"] > 0:
        return "better"
    return "worse" if comparison["high"] < 0 else "no clear difference"


def comparison_name(row: Mapping[str, Any], side: str, series: Sequence[Series]) -> str:
    """Name of the model on one side ("method" or "against") of a comparison.

    Both sides have the same preset. A baseline without presets (the bag of words) has one series.
    """
    of_method = [one for one in series if one.method == row[side]]
    same_preset = [one for one in of_method if one.preset == row.get("preset")]
    return fmt.text((same_preset or of_method)[0].name if of_method else row[side])


def _names(series: Sequence[Series]) -> Column:
    return Column("model", ["teacher", *(fmt.text(one.name) for one in series)], numeric=False)


def _seeds(one: Series) -> str:
    return str(len(one.results)) if one.results[0].get("seed") is not None else fmt.NOTHING


def _estimates(
    title: str,
    metric: str,
    series: Sequence[Series],
    teacher: str | None = None,
    best: Any = max,
) -> Column:
    """A column of estimates, below the teacher's own value if one is given."""
    found = [one.estimate(metric) for one in series]
    cells = [fmt.estimate(value) for value in found]
    means = [None if value is None else value.mean for value in found]
    if teacher is None:
        return Column(title, cells, means, best)
    return Column(title, [teacher, *cells], [None, *means], best)


def _against_teacher(
    title: str, values: Sequence[float | None], teacher: float | None, write: Any
) -> Column:
    return Column(title, [write(number(teacher)), *map(write, values)], [None, *values], min)


def _facts(titles: tuple[str, str], rows: Iterable[tuple[str, str]], numeric: bool = True) -> str:
    names, values = zip(*rows, strict=True)
    return fmt.table(
        [Column(titles[0], names, numeric=False), Column(titles[1], values, numeric=numeric)]
    )


def _kind_cell(one: Series) -> str:
    names = [EXPLANATION_NAMES.get(kind, kind) for kind in one.explanation_kinds]
    return fmt.listing([fmt.text(name) for name in names])


def _metric_name(metric: str) -> str:
    return METRIC_NAMES.get(metric, fmt.text(metric))


def _pair(first: object, second: object) -> str | None:
    return None if first is None else f"{first}, {fmt.NOTHING if second is None else second}"


def _divide(first: float | None, second: float | None) -> float | None:
    return None if first is None or not second else first / second
