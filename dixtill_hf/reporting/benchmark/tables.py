# SPDX-License-Identifier: Apache-2.0
"""The tables of quality and explanations that only a benchmark has.

Baselines and students, F1 of each label, temperatures, pruned heads, and how good explanations
are. A table is "" if metrics.json lacks its key.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting import tables
from dixtill_hf.reporting.benchmark.compared_models import (
    TEACHER,
    ComparedModel,
    baseline_name,
    published_accuracy,
)
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import (
    EXPLANATION_NAMES,
    QUALITY_METRICS,
    Estimate,
    SeedGroup,
    number,
    seed_groups,
)


def baselines_table(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> str:
    """Quality, what of it was lost, and calibration; "" if nothing was compressed."""
    if not metrics.get("baselines"):
        return ""
    judged = [model for model in models if model.estimates]
    teacher = judged[0].estimates if judged[0].family == TEACHER else {}
    columns = [_names(judged)]
    columns += [_measure(title, key, judged) for key, title in QUALITY_METRICS.items()]
    columns += [
        _drop(f"drop of {title}", key, judged, teacher.get(key))
        for key, title in QUALITY_METRICS.items()
    ]
    columns.append(_measure("calibration error", "calibration_error", judged, min))
    columns.append(_measure("agrees with teacher", "teacher_agreement", judged))
    return fmt.table([*columns, *published_accuracy(metrics, judged)])


def baseline_settings(metrics: Mapping[str, Any]) -> str:
    """How each compressed teacher was made; "" if that was not written."""
    rows = metrics.get("baselines") or []
    return tables.settings_table(
        {baseline_name(row): _shown(row.get("settings") or {}) for row in rows}
    )


def _shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Without paths, which mean nothing elsewhere, and what is told in other tables."""
    return {name: value for name, value in settings.items() if name not in ("teacher", "format")}


def per_class_table(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> str:
    """F1 of each label; "" if it was not measured."""
    keys = {label: f"f1_per_class.{label}" for label in metrics["dataset"]["labels"]}
    judged = [model for model in models if any(key in model.estimates for key in keys.values())]
    if not judged:
        return ""
    columns = [_measure(fmt.text(label), key, judged) for label, key in keys.items()]
    return fmt.table([_names(judged), *columns])


def _names(models: Sequence[ComparedModel]) -> Column:
    return Column("model", [fmt.text(model.name) for model in models], numeric=False)


def _measure(title: str, key: str, models: Sequence[ComparedModel], best: Any = max) -> Column:
    """A measure of each model; the teacher does not compete."""
    found = [model.estimates.get(key) for model in models]
    means = [
        None if value is None or model.family == TEACHER else value.mean
        for model, value in zip(models, found, strict=True)
    ]
    return Column(title, [fmt.short_estimate(value) for value in found], means, best)


def _drop(
    title: str, key: str, models: Sequence[ComparedModel], teacher: Estimate | None
) -> Column:
    """1 − measure / the teacher's measure, as a share: negative if the model is better."""
    drops: list[float | None] = []
    for model in models:
        found = model.estimates.get(key)
        if found is None or teacher is None or not teacher.mean or model.family == TEACHER:
            drops.append(None)
        else:
            drops.append(1 - found.mean / teacher.mean)
    return fmt.column(title, drops, fmt.percent, min)


RANKING_NAMES = {
    "masking": "drop when masked",
    "gradient": "gradient",
    "gradient-iterative": "gradient, step by step",
}
SCOPE_NAMES = {"per_layer": "in every layer", "global": "over all layers"}
# Ranking and scope.
Way = tuple[str, str]


def temperature_groups(metrics: Mapping[str, Any]) -> list[SeedGroup]:
    """Models by temperature, rising within each method and preset."""
    rows = sorted(metrics.get("temperatures") or [], key=lambda row: row["temperature"])
    return seed_groups(rows, "method", "temperature")


def temperature_table(metrics: Mapping[str, Any]) -> str:
    """Quality of each method at each temperature as mean ± sd; "" if it was not varied."""
    groups = temperature_groups(metrics)
    if not groups:
        return ""
    measures = QUALITY_METRICS | {"teacher_agreement": "agrees with teacher"}
    return fmt.table(
        [
            Column("model", [fmt.text(group.name) for group in groups], numeric=False),
            Column("temperature", [f"{group.setting:g}" for group in groups]),
            Column("seeds", [fmt.count(len(group.rows)) for group in groups]),
            *(
                fmt.estimates_column(title, [group.estimate(key) for group in groups])
                for key, title in measures.items()
            ),
        ]
    )


def pruning_ways(metrics: Mapping[str, Any]) -> dict[Way, list[Mapping[str, Any]]]:
    """Ranking and scope → its rows, by how many heads were removed."""
    ways: dict[Way, list[Mapping[str, Any]]] = {}
    for row in sorted(metrics.get("pruning") or [], key=lambda row: row["removed"]):
        ways.setdefault((row["ranking"], row["scope"]), []).append(row)
    return ways


def way_name(way: Way) -> str:
    """What readers see of a way to choose heads: "gradient, over all layers"."""
    ranking, scope = way
    return f"{RANKING_NAMES.get(ranking, ranking)}, {SCOPE_NAMES.get(scope, scope)}"


def pruning_table(metrics: Mapping[str, Any]) -> str:
    """Macro F1 by heads removed, a column for each way to choose them; "" if none were."""
    ways = pruning_ways(metrics)
    if not ways:
        return ""
    steps = {row["removed"]: row for rows in ways.values() for row in rows}
    shown = [steps[removed] for removed in sorted(steps)]
    columns = [
        Column("heads removed", [f"{row['removed']} of {row['heads']}" for row in shown]),
        Column("in a layer", [f"{row['removed_per_layer']:.3g}" for row in shown]),
        fmt.column("parameters", [number(row.get("parameters")) for row in shown], fmt.count),
        fmt.column("size", [number(row.get("bytes")) for row in shown], fmt.size),
    ]
    columns += [
        _macro_f1(way_name(way), rows, [row["removed"] for row in shown])
        for way, rows in ways.items()
    ]
    return fmt.table(columns)


def _macro_f1(title: str, rows: Sequence[Mapping[str, Any]], steps: Sequence[int]) -> Column:
    found = {row["removed"]: number(row["macro_f1"]) for row in rows}
    return fmt.column(f"macro F1: {title}", [found.get(step) for step in steps], fmt.score, max)


AGREEMENT_NAMES = {
    "feature_agreement": "feature agreement",
    "sign_agreement": "sign agreement",
    "rank_agreement": "rank agreement",
    "signed_rank_agreement": "signed rank agreement",
}
_CORRELATIONS = {"cosine": "cosine", "kendall": "Kendall", "spearman": "Spearman"}


def agreement_groups(metrics: Mapping[str, Any]) -> list[SeedGroup]:
    """Explanations that were compared with the teacher's, over the seeds."""
    rows = (metrics.get("explanations") or {}).get("agreement") or []
    return seed_groups(rows, "model", "explanation")


def agreement_depths(groups: Sequence[SeedGroup]) -> list[int]:
    """The numbers of words k at which explanations were compared, increasing."""
    names = (name for group in groups for row in group.rows for name in row)
    return sorted({int(name.split("@")[1]) for name in names if "@" in name})


def agreement_overview(metrics: Mapping[str, Any]) -> str:
    """Agreement over all words, and at one k of those measured; "" if there is none."""
    groups = agreement_groups(metrics)
    if not groups:
        return ""
    measures = dict(_CORRELATIONS)
    depths = agreement_depths(groups)
    if depths:
        k = depths[(len(depths) - 1) // 2]
        measures |= {f"{key}@{k}": f"{name} @{k}" for key, name in AGREEMENT_NAMES.items()}
    return fmt.table([*_explained(groups), *_estimates(groups, measures)])


def agreement_at_every_k(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name of each measure at k, and its table over all k."""
    groups = agreement_groups(metrics)
    depths = agreement_depths(groups)
    found = []
    for key, name in AGREEMENT_NAMES.items():
        measures = {f"{key}@{k}": f"@{k}" for k in depths}
        if any(group.estimate(measure) for group in groups for measure in measures):
            table = fmt.table([*_explained(groups), *_estimates(groups, measures)])
            found.append((name, table))
    return found


def faithfulness_table(metrics: Mapping[str, Any]) -> str:
    """What a model's prediction loses with the words that its explanation names; "" if unknown."""
    groups = _groups(metrics, "faithfulness")
    if not groups:
        return ""
    lost = [group.estimate("comprehensiveness") for group in groups]
    kept = [group.estimate("sufficiency") for group in groups]
    return fmt.table(
        [
            *_explained(groups),
            # No best cell: each explanation is judged by the probabilities of its own model.
            Column("comprehensiveness", [fmt.short_estimate(value) for value in lost]),
            Column("sufficiency", [fmt.short_estimate(value) for value in kept]),
            _texts(groups),
        ]
    )


def plausibility_table(metrics: Mapping[str, Any]) -> str:
    """Explanations compared with the words that carry the label; "" if these are not known."""
    groups = _groups(metrics, "plausibility")
    if not groups:
        return ""
    measures = {"token_f1": "token F1", "auprc": "AUPRC"}
    return fmt.table([*_explained(groups), *_estimates(groups, measures), _texts(groups)])


def explanation_name(kind: str) -> str:
    """What readers see of a kind of explanation."""
    return EXPLANATION_NAMES.get(kind, kind)


def _groups(metrics: Mapping[str, Any], key: str) -> list[SeedGroup]:
    rows = (metrics.get("explanations") or {}).get(key) or []
    return seed_groups(rows, "model", "explanation")


def _explained(groups: Sequence[SeedGroup]) -> list[Column]:
    kinds = [fmt.text(explanation_name(group.setting)) for group in groups]
    return [
        Column("model", [fmt.text(group.name) for group in groups], numeric=False),
        Column("its explanation", kinds, numeric=False),
    ]


def _estimates(groups: Sequence[SeedGroup], measures: Mapping[str, str]) -> list[Column]:
    return [
        fmt.estimates_column(title, [group.estimate(key) for group in groups])
        for key, title in measures.items()
    ]


def _texts(groups: Sequence[SeedGroup]) -> Column:
    """How many texts the means are over; those of the first seed."""
    return fmt.column("texts", [number(group.rows[0].get("texts")) for group in groups], fmt.count)
