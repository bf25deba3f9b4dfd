# SPDX-License-Identifier: Apache-2.0
"""The baselines of a benchmark: made, saved and scored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict

from dixtill_hf.artifacts.hashing import hash_texts
from dixtill_hf.baselines.base import Baseline, get_baseline
from dixtill_hf.baselines.pruned_heads import PrunedHeads
from dixtill_hf.data.columns import TEXT
from dixtill_hf.evaluation.efficiency import directory_bytes
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.scoring import score

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
    baseline: Baseline, teacher: Teacher, data: DatasetDict, store: MeasurementStore
) -> Path:
    """Directory of a baseline, made if it is missing."""
    return store.directory_once(
        baseline.name,
        baseline.depends_on(teacher, data),
        lambda path: baseline.make(teacher, data, path, store.once),
    )


def possible_baselines(
    baselines: Sequence[Baseline], teacher: Teacher, data: DatasetDict, store: MeasurementStore
) -> tuple[list[Baseline], list[str]]:
    """The baselines that can be made of the teacher, and for each other the reason.

    Raises:
        ImportError: The extra that a baseline needs is not installed.
    """
    possible, reasons = [], []
    for baseline in baselines:
        try:
            saved_baseline(baseline, teacher, data, store)
        except (ImportError, OSError):
            raise
        except Exception as error:  # exporters, quantisers and runtimes refuse in ways of their own
            logger.warning("%s does not work for this teacher", baseline.name, exc_info=True)
            reasons.append(f"{baseline.name}: {error}")
        else:
            possible.append(baseline)
    return possible, reasons


def score_baselines(
    baselines: Sequence[Baseline], teacher: Teacher, data: DatasetDict, store: MeasurementStore
) -> list[dict[str, Any]]:
    """Quality and size of every baseline; each is one of `possible_baselines`."""
    return [_scored(baseline, teacher, data, store) for baseline in baselines]


def _scored(
    baseline: Baseline, teacher: Teacher, data: DatasetDict, store: MeasurementStore
) -> dict[str, Any]:
    directory = saved_baseline(baseline, teacher, data, store)
    settings = baseline.describe(directory)
    row = store.once(
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
