# SPDX-License-Identifier: Apache-2.0
"""Time and memory of the teacher, its compressed forms and the students, side by side."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from dixtill_hf.data.columns import TEXT
from dixtill_hf.evaluation.efficiency import directory_bytes
from dixtill_hf.evaluation.energy import find_energy_meter, measure_energy
from dixtill_hf.evaluation.latency import LatencySettings, measure_latency, speed_ups
from dixtill_hf.evaluation.memory import can_measure_memory, measure_peak_memory
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.run import FinishedRun
from dixtill_hf.workflow.timed_models import BERT_BASE, Entrant

TEXTS = 512
_BATCH = 32


def measure_efficiency(
    run: FinishedRun,
    entrants: Sequence[Entrant],
    threads: Sequence[int],
    settings: LatencySettings,
    store: MeasurementStore,
) -> dict[str, Any]:
    """Time every model in every runtime that it has, all of them interleaved, and its memory.

    Args:
        run: The finished run, whose test texts are read.
        entrants: From `line_up`.
        threads: Numbers of threads to measure with.
        settings: What is timed and how often; texts are padded to no more than the teacher reads.
        store: Keeps the measurements.

    Returns:
        `settings`, `rows` (see `measure_latency` and `speed_ups`), `references`, `memory` and
        `energy`.
    """
    texts = run.annotated["test"][TEXT][:TEXTS]
    limit = min(entrant.max_length for entrant in entrants)
    pad_to = tuple(t if t is None else min(t, limit) for t in settings.pad_to)
    settings = replace(settings, pad_to=pad_to)
    models = [[entrant.name, entrant.runtime] for entrant in entrants]
    machine = {name: run.metrics["environment"][name] for name in ("cpu", "cores", "versions")}
    key = [models, machine, hash_teacher(run.one_teacher), run.metrics["fingerprint"], texts]
    rows: list[dict[str, Any]] = []
    for number in threads:
        rows += store.once(
            f"latency-{number}-threads",
            [key, asdict(settings)],
            partial(_measure_latency, entrants, texts, settings, number),
        )
    explaining = {entrant.name for entrant in entrants if entrant.explains}
    return {
        "settings": {
            **asdict(settings),
            "threads": list(threads),
            "texts": len(texts),
            "device": "cpu",
        },
        "rows": [{**row, "explains": row["model"] in explaining} for row in speed_ups(rows)],
        "references": [
            {
                "model": entrant.name,
                "parameters": entrant.parameters,
                "bytes": directory_bytes(entrant.directory),
            }
            for entrant in entrants
            if entrant.name.startswith(BERT_BASE) and entrant.parameters is not None
        ],
        "memory": store.once("memory", key, lambda: _measure_memory(entrants, texts)),
        "energy": store.once("energy", key, lambda: _measure_energy(entrants, texts, threads)),
    }


def _measure_latency(
    entrants: Sequence[Entrant], texts: Sequence[str], settings: LatencySettings, threads: int
) -> list[dict[str, Any]]:
    return measure_latency(
        [entrant.load(threads) for entrant in entrants], texts, settings, threads
    )


def _measure_energy(
    entrants: Sequence[Entrant], texts: Sequence[str], threads: Sequence[int]
) -> list[dict[str, Any]] | None:
    """Energy of each model with the most threads; None where no counter can be read."""
    meter = find_energy_meter()
    if meter is None:
        return None
    classifiers = [entrant.load(max(threads)) for entrant in entrants]
    return measure_energy(classifiers, texts[:_BATCH], meter)


def _measure_memory(entrants: Sequence[Entrant], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Peak memory of a fresh process for each model that loads it and classifies one batch.

    Empty on Windows, which does not count it.
    """
    if not can_measure_memory():
        return []
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(list(texts[:_BATCH]), file)
        file.flush()
        return [
            {
                "model": entrant.name,
                "runtime": entrant.runtime,
                "peak_bytes": measure_peak_memory(
                    entrant.probe, entrant.directory, file.name, str(entrant.max_length)
                ),
            }
            for entrant in entrants
        ]
