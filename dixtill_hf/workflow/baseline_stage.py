# SPDX-License-Identifier: Apache-2.0
"""The baselines of a benchmark: made, saved and scored; and the teacher as its heads go."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict
from tqdm.auto import tqdm

from dixtill_hf.artifacts.hashing import hash_texts
from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.baselines.attention_heads import HeadMap, prune_heads, save_pruned
from dixtill_hf.baselines.base import Baseline, get_baseline
from dixtill_hf.baselines.pruned_heads import RANKINGS, Heads, PrunedHeads, heads_to_remove
from dixtill_hf.data.columns import TEXT
from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.predictions import score, score_teacher

logger = logging.getLogger(__name__)


def chosen_baselines(names: Sequence[str], ranking_texts: int) -> list[Baseline]:
    """The baselines of these names, with the benchmark's settings.

    Args:
        names: Names of registered baselines.
        ranking_texts: Texts on which attention heads are ranked, at most.
    """
    return [
        replace(one, ranking_texts=ranking_texts) if isinstance(one, PrunedHeads) else one
        for one in map(get_baseline, names)
    ]


def saved_baseline(
    baseline: Baseline, teacher: Teacher, data: DatasetDict, cache: OutputCache
) -> Path:
    """Directory of a baseline, made if it is missing."""
    return cache.output(
        baseline.name,
        baseline.depends_on(teacher, data),
        lambda path: baseline.make(teacher, data, path, cache.value),
    ).directory


def possible_baselines(
    baselines: Sequence[Baseline], teacher: Teacher, data: DatasetDict, cache: OutputCache
) -> tuple[list[Baseline], list[str]]:
    """The baselines that can be made of the teacher, and for each other the reason.

    Raises:
        ImportError: The extra that a baseline needs is not installed.
    """
    possible, reasons = [], []
    for baseline in baselines:
        try:
            saved_baseline(baseline, teacher, data, cache)
        except (ImportError, OSError):
            raise
        except Exception as error:  # exporters, quantisers and runtimes refuse in ways of their own
            logger.warning("%s does not work for this teacher", baseline.name, exc_info=True)
            reasons.append(f"{baseline.name}: {error}")
        else:
            possible.append(baseline)
    return possible, reasons


def score_baselines(
    baselines: Sequence[Baseline], teacher: Teacher, data: DatasetDict, cache: OutputCache
) -> list[dict[str, Any]]:
    """Quality and size of every baseline; each is one of `possible_baselines`."""
    return [_scored(baseline, teacher, data, cache) for baseline in baselines]


def _scored(
    baseline: Baseline, teacher: Teacher, data: DatasetDict, cache: OutputCache
) -> dict[str, Any]:
    directory = saved_baseline(baseline, teacher, data, cache)
    settings = baseline.describe(directory)
    row = cache.value(
        f"score-{baseline.name}",
        [baseline.depends_on(teacher, data), settings, hash_texts(data["test"][TEXT][:])],
        lambda: _score_saved(baseline, directory, data["test"]),
    )
    return {
        "name": baseline.name,
        "label": baseline.label_for(teacher),
        "runtime": baseline.runtime,
        "bytes": directory_bytes(directory),
        "parameters": baseline.parameters(directory),
        "settings": settings,
        **row,
    }


def _score_saved(baseline: Baseline, directory: Path, test: Dataset) -> dict[str, Any]:
    return score(baseline.load(directory), test)


def sweep_heads(
    rankings: Sequence[str],
    counts: Sequence[int],
    teacher: Teacher,
    splits: tuple[Dataset, Dataset],
    most_texts: int,
    cache: OutputCache,
) -> list[dict[str, Any]]:
    """Quality and size of the teacher without its least important heads.

    Args:
        rankings: Names in `RANKINGS`.
        counts: Heads removed per layer, on average over the layers if the scope is global.
        teacher: The teacher.
        splits: Texts to rank heads on, and texts to score on.
        most_texts: Rank on only so many.
        cache: Keeps every step.

    Returns:
        A row for each ranking and number of heads removed, the whole teacher first.
    """
    held_out, test = splits
    key = [hash_teacher(teacher), hash_texts(test[TEXT][:])]
    rows = []
    with tqdm(total=len(rankings) * len(counts), desc="Heads") as progress:
        for ranking in rankings:
            choices = [{}, *heads_to_remove(ranking, teacher, held_out, most_texts, cache.value)]
            for count in counts:
                row = cache.value(
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
