# SPDX-License-Identifier: Apache-2.0
"""What the chapters of a benchmark show; a chapter whose key metrics.json lacks is empty."""

from collections.abc import Mapping, Sequence
from typing import Any

from dixtill_hf.reporting import tables
from dixtill_hf.reporting.benchmark import (
    compression_tables,
    efficiency_tables,
    explanation_tables,
    published,
    sweep_tables,
)
from dixtill_hf.reporting.benchmark.compared_models import ComparedModel


def benchmark_chapters(
    metrics: Mapping[str, Any], models: Sequence[ComparedModel]
) -> dict[str, Any]:
    """Values of the templates by their names: Markdown tables, or lists of title and table.

    Args:
        metrics: Contents of metrics.json.
        models: All models of it.
    """
    settings = (metrics.get("efficiency") or {}).get("settings") or {}
    return {
        "published": published.citation(metrics),
        "per_class": compression_tables.per_class_table(metrics, models),
        "temperature": sweep_tables.temperature_table(metrics),
        "size_and_time": efficiency_tables.size_and_time_table(metrics, models),
        "setting": efficiency_tables.main_setting(metrics),
        "times": efficiency_tables.time_tables(metrics),
        "memory": efficiency_tables.memory_table(metrics),
        "energy": efficiency_tables.energy_table(metrics),
        "time_settings": tables.settings_table(settings),
        "compressed": compression_tables.compressed_table(metrics, models),
        "compression_settings": compression_tables.compression_settings(metrics),
        "pruning": sweep_tables.pruning_table(metrics),
        "agreement": explanation_tables.agreement_overview(metrics),
        "agreement_at_k": explanation_tables.agreement_at_every_k(metrics),
        "faithfulness": explanation_tables.faithfulness_table(metrics),
        "plausibility": explanation_tables.plausibility_table(metrics),
    }
