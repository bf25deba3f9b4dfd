# SPDX-License-Identifier: Apache-2.0
"""The tables of explanations: agreement with the teacher, faithfulness, plausibility."""

from collections.abc import Mapping, Sequence
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.sweep_tables import SeedGroup, seed_groups
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import EXPLANATION_NAMES, number

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
    """Agreement over all words, and at one k of those measured; "" where there is none."""
    groups = agreement_groups(metrics)
    if not groups:
        return ""
    measures = dict(_CORRELATIONS)
    depths = agreement_depths(groups)
    if depths:
        k = depths[(len(depths) - 1) // 2]
        measures |= {f"{key}@{k}": f"{name} @{k}" for key, name in AGREEMENT_NAMES.items()}
    return fmt.table([*_names(groups), *_estimates(groups, measures)])


def agreement_at_every_k(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name of each measure at k, and its table over all k."""
    groups = agreement_groups(metrics)
    depths = agreement_depths(groups)
    found = []
    for key, name in AGREEMENT_NAMES.items():
        measures = {f"{key}@{k}": f"@{k}" for k in depths}
        if any(group.estimate(measure) for group in groups for measure in measures):
            table = fmt.table([*_names(groups), *_estimates(groups, measures)])
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
            *_names(groups),
            # No best cell: each explanation is judged by the probabilities of its own model.
            Column("comprehensiveness", [fmt.short_estimate(value) for value in lost]),
            Column("sufficiency", [fmt.short_estimate(value) for value in kept]),
            _texts(groups),
        ]
    )


def plausibility_table(metrics: Mapping[str, Any]) -> str:
    """Explanations beside the words that carry the label; "" where these are not known."""
    groups = _groups(metrics, "plausibility")
    if not groups:
        return ""
    measures = {"token_f1": "token F1", "auprc": "AUPRC"}
    return fmt.table([*_names(groups), *_estimates(groups, measures), _texts(groups)])


def explanation_name(kind: str) -> str:
    """What readers see of a kind of explanation."""
    return EXPLANATION_NAMES.get(kind, kind)


def _groups(metrics: Mapping[str, Any], key: str) -> list[SeedGroup]:
    rows = (metrics.get("explanations") or {}).get(key) or []
    return seed_groups(rows, "model", "explanation")


def _names(groups: Sequence[SeedGroup]) -> list[Column]:
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
