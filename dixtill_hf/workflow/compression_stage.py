# SPDX-License-Identifier: Apache-2.0
"""The teacher compressed by other means: int8 and half of its heads, saved and scored."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict
from transformers import PreTrainedModel

from dixtill_hf.artifacts.hashing import hash_texts
from dixtill_hf.baselines.head_pruning import (
    LAYOUTS,
    HeadMap,
    load_pruned,
    prune_heads,
    save_pruned,
)
from dixtill_hf.baselines.quantization import (
    QUANTIZED,
    compress_teacher,
    load_compressed,
    preset_of_this_cpu,
    read_settings,
)
from dixtill_hf.data.columns import TEXT
from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.environment import RUNTIMES, versions_of
from dixtill_hf.workflow.head_sweep import heads_to_remove, labelled
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.sampling import seeded_sample
from dixtill_hf.workflow.scoring import score, score_teacher

logger = logging.getLogger(__name__)

CALIBRATION_TEXTS = 200
HEADS = "heads"
MASKING = "masking"  # the paper's ranking


def quantized_teacher(
    teacher: Teacher, method: str, data: DatasetDict, store: MeasurementStore
) -> Path:
    """Directory of the teacher compressed by a method of `QUANTIZED`, made where it is missing."""
    texts = seeded_sample(data["train"], CALIBRATION_TEXTS)[TEXT][:]
    return store.directory_once(
        method,
        [hash_teacher(teacher), texts, preset_of_this_cpu(), versions_of(RUNTIMES)],
        lambda path: compress_teacher(teacher, method, path, texts),
    )


def compressible(
    teacher: Teacher, methods: Sequence[str], data: DatasetDict, store: MeasurementStore
) -> tuple[list[str], list[str]]:
    """The methods that work for the teacher, and for each of the others why it does not.

    Raises:
        ImportError: The extra that a method needs is not installed.
    """
    possible, reasons = [], []
    for method in methods:
        try:
            quantized_teacher(teacher, method, data, store)
        except (ImportError, OSError):
            raise
        except Exception as error:  # exporters, quantisers and runtimes refuse in ways of their own
            logger.warning("%s does not work for this teacher", method, exc_info=True)
            reasons.append(f"{method}: {error}")
        else:
            possible.append(method)
    return possible, reasons


def score_quantized(
    teacher: Teacher, methods: Sequence[str], data: DatasetDict, store: MeasurementStore
) -> list[dict[str, Any]]:
    """Quality and size of the teacher under every method that is `compressible`."""
    rows = []
    for method in methods:
        directory = quantized_teacher(teacher, method, data, store)
        settings = read_settings(directory)
        row = store.once(
            f"score-{method}",
            [settings, hash_teacher(teacher), hash_texts(data["test"][TEXT][:])],
            partial(_score_saved, directory, data["test"]),
        )
        form = QUANTIZED[method]
        rows.append(
            {
                "name": method,
                "label": form.label,
                "backend": form.backend,
                "bytes": directory_bytes(directory),
                "parameters": None,
                "settings": settings,
                **row,
            }
        )
    return rows


def _score_saved(directory: Path, test: Dataset) -> dict[str, Any]:
    return score(load_compressed(directory), test)


def _has_known_heads(teacher: Teacher) -> bool:
    """Whether the teacher's attention heads can be removed; its layers have two or more."""
    return teacher.model.config.model_type in LAYOUTS and HeadMap(teacher.model).heads > 1


def why_heads_stay(teacher: Teacher, held_out: Dataset) -> str | None:
    """Why no heads of this teacher can be removed with these texts; None where they can."""
    if not _has_known_heads(teacher):
        kind = teacher.model.config.model_type
        return f"attention heads: none of the model type {kind!r} can be removed"
    if not len(labelled(held_out)):
        return "attention heads: no text of the validation split has a label to rank them by"
    return None


def half_the_heads(
    teacher: Teacher, held_out: Dataset, most_texts: int, store: MeasurementStore
) -> Path:
    """Directory of the teacher without half of its heads in every layer, ranked by masking."""
    removed = HeadMap(teacher.model).heads // 2
    heads = heads_to_remove(MASKING, teacher, held_out, most_texts, store)[removed - 1]
    return store.directory_once(
        HEADS,
        [hash_teacher(teacher), sorted(heads.items())],
        lambda path: save_pruned(prune_heads(teacher.model, heads), teacher.tokenizer, path),
    )


def score_half_the_heads(
    teacher: Teacher, data: DatasetDict, most_texts: int, store: MeasurementStore
) -> dict[str, Any]:
    """Quality and size of the teacher with half of its heads."""
    directory = half_the_heads(teacher, data["validation"], most_texts, store)
    model = load_pruned(directory)
    heads = HeadMap(teacher.model).heads
    row = store.once(
        "score-heads",
        [hash_teacher(teacher), _pruned(model), hash_texts(data["test"][TEXT][:])],
        lambda: score_teacher(teacher, data["test"], model=model),
    )
    return {
        "name": HEADS,
        "label": half_the_heads_label(teacher),
        "backend": "pytorch",
        "bytes": directory_bytes(directory),
        "parameters": parameter_count(model),
        "settings": {"ranking": MASKING, "removed_per_layer": heads // 2, "heads": heads},
        **row,
    }


def half_the_heads_label(teacher: Teacher) -> str:
    """What tables call the teacher with half of its heads."""
    heads = HeadMap(teacher.model).heads
    return f"{heads - heads // 2} of {heads} heads"


def _pruned(model: PreTrainedModel) -> list[Any]:
    return sorted((int(layer), heads) for layer, heads in model.config.pruned_heads.items())
