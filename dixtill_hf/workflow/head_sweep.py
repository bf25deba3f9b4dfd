# SPDX-License-Identifier: Apache-2.0
"""What is left of a teacher as its attention heads go, under several rankings of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from tqdm.auto import tqdm

from dixtill_hf.artifacts.hashing import hash_texts
from dixtill_hf.baselines.head_pruning import HeadMap, prune_heads, save_pruned
from dixtill_hf.baselines.head_ranking import (
    choose_heads,
    gradient_importance,
    iterative_gradient_heads,
    masking_importance,
)
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEXT
from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.sampling import seeded_sample
from dixtill_hf.workflow.scoring import score_teacher

Heads = dict[int, list[int]]
# For every number of heads removed per layer, from 1 on, the heads to remove.
Choice = Callable[[Teacher, Sequence[str], NDArray[np.integer], int], list[Heads]]


def _in_every_layer(
    rank: Callable[..., NDArray[np.float64]],
    teacher: Teacher,
    texts: Sequence[str],
    labels: NDArray[np.integer],
    most: int,
) -> list[Heads]:
    importance = rank(teacher, texts, labels)
    return [choose_heads(importance, per_layer=count) for count in range(1, most + 1)]


def _over_all_layers(
    teacher: Teacher, texts: Sequence[str], labels: NDArray[np.integer], most: int
) -> list[Heads]:
    importance = gradient_importance(teacher, texts, labels)
    layers = len(importance)
    return [choose_heads(importance, total=count * layers) for count in range(1, most + 1)]


def _round_by_round(
    teacher: Teacher, texts: Sequence[str], labels: NDArray[np.integer], most: int
) -> list[Heads]:
    layers = len(HeadMap(teacher.model).layers)
    return iterative_gradient_heads(teacher, texts, labels, per_round=layers, total=most * layers)


@dataclass(frozen=True)
class Ranking:
    """An order in which heads go.

    Attributes:
        score: What ranks them.
        scope: Whether as many go in every layer ("per_layer") or the least important of all
            ("global").
        choose: Chooses them for 1, 2, ... heads a layer.
    """

    score: str
    scope: str
    choose: Choice


RANKINGS = {
    "masking": Ranking("masking", "per_layer", partial(_in_every_layer, masking_importance)),
    "gradient": Ranking("gradient", "per_layer", partial(_in_every_layer, gradient_importance)),
    "gradient-global": Ranking("gradient", "global", _over_all_layers),
    "gradient-iterative": Ranking("gradient-iterative", "global", _round_by_round),
}
"""Rankings by the name that the user types. Cantini et al. (2024) rank by masking and remove as
many in every layer; Michel et al. (2019) rank by gradients, over all layers."""


def labelled(split: Dataset) -> Dataset:
    """The texts of a split that have a label."""
    return split.select(np.flatnonzero(np.asarray(split[LABEL]) != LABEL_UNKNOWN))


def heads_to_remove(
    ranking: str, teacher: Teacher, held_out: Dataset, most_texts: int, store: MeasurementStore
) -> list[Heads]:
    """For 1, 2, ... heads a layer, those that a ranking removes; the last leaves one a layer.

    Args:
        ranking: Name in `RANKINGS`.
        teacher: The teacher.
        held_out: Texts to rank on; not the test split.
        most_texts: Only so many of the labelled ones.
        store: Keeps the choice.
    """
    sample = seeded_sample(labelled(held_out), most_texts)
    texts, labels = sample[TEXT][:], np.asarray(sample[LABEL])
    most = HeadMap(teacher.model).heads - 1

    def choose() -> list[list[list[int]]]:
        chosen = RANKINGS[ranking].choose(teacher, texts, labels, most)
        return [[heads.get(layer, []) for layer in range(_layers(teacher))] for heads in chosen]

    depends_on = [hash_teacher(teacher), texts, labels.tolist()]
    kept = store.once(f"heads-{ranking}", depends_on, choose)
    return [{layer: heads for layer, heads in enumerate(one) if heads} for one in kept]


def sweep_heads(
    rankings: Sequence[str],
    counts: Sequence[int],
    teacher: Teacher,
    splits: tuple[Dataset, Dataset],
    most_texts: int,
    store: MeasurementStore,
) -> list[dict[str, Any]]:
    """Quality and size of the teacher without its least important heads.

    Args:
        rankings: Names in `RANKINGS`.
        counts: Heads removed per layer, on average over the layers where the scope is global.
        teacher: The teacher.
        splits: Texts to rank heads on, and texts to score on.
        most_texts: Rank on only so many.
        store: Keeps every step.

    Returns:
        A row for each ranking and number of heads removed, the whole teacher first.
    """
    held_out, test = splits
    key = [hash_teacher(teacher), hash_texts(test[TEXT][:])]
    rows = []
    with tqdm(total=len(rankings) * len(counts), desc="Heads") as progress:
        for ranking in rankings:
            choices = [{}, *heads_to_remove(ranking, teacher, held_out, most_texts, store)]
            for count in counts:
                row = store.once(
                    f"pruned-{ranking}-{count}",
                    [*key, sorted(choices[count].items())],
                    partial(_score_without, teacher, choices[count], test),
                )
                setting = {"ranking": RANKINGS[ranking].score, "scope": RANKINGS[ranking].scope}
                rows.append({**setting, "removed_per_layer": count, **row})
                progress.update()
    return rows


def _score_without(teacher: Teacher, heads: Heads, test: Dataset) -> dict[str, Any]:
    pruned = prune_heads(teacher.model, heads)
    head_map = HeadMap(teacher.model)
    with tempfile.TemporaryDirectory() as directory:
        num_bytes = directory_bytes(save_pruned(pruned, teacher.tokenizer, directory))
    return {
        "removed": sum(map(len, heads.values())),
        "heads": head_map.heads * len(head_map.layers),
        "parameters": parameter_count(pruned),
        "bytes": num_bytes,
        **score_teacher(teacher, test, model=pruned),
    }


def _layers(teacher: Teacher) -> int:
    return len(HeadMap(teacher.model).layers)
