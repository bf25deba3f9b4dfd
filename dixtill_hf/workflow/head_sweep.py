# SPDX-License-Identifier: Apache-2.0
"""What is left of a teacher as its attention heads go, under several rankings of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from typing import Any

from datasets import Dataset
from tqdm.auto import tqdm

from dixtill_hf.artifacts.hashing import hash_texts
from dixtill_hf.baselines.attention_heads import HeadMap, prune_heads, save_pruned
from dixtill_hf.baselines.pruned_heads import RANKINGS, Heads, heads_to_remove
from dixtill_hf.data.columns import TEXT
from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.scoring import score_teacher


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
            choices = [{}, *heads_to_remove(ranking, teacher, held_out, most_texts, store.once)]
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
