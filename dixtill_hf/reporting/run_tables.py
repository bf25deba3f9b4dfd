# SPDX-License-Identifier: Apache-2.0
"""The figures of a run as pandas tables, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dixtill_hf.reporting.measurements import read_metrics

if TYPE_CHECKING:
    import pandas as pd


def run_tables(run: str | Path) -> dict[str, pd.DataFrame]:
    """Read all figures of a finished run as pandas tables.

    ```python
    tables = run_tables("runs/mine")
    tables["results"][["method", "seed", "accuracy", "macro_f1"]]
    ```

    Args:
        run: Output directory of `dixtill-hf run` or `dixtill-hf benchmark`, or its metrics.json.

    Returns:
        Each table that the run has, by its name. `results` has a row for each student. Others are
        `teacher`, `summary` (means and intervals over seeds), `comparisons`, `compressed`,
        `pruning`, `temperatures`, `explanations.agreement`, `explanations.faithfulness`,
        `explanations.plausibility`, `efficiency.rows` (times), `efficiency.memory` and others. The
        columns are the names in metrics.json; a dot leads into what is nested:
        `explanation.cosine`. Sizes are in bytes, and the names of times end with their unit.

    Raises:
        FileNotFoundError: There is no metrics.json.
        ValueError: A newer release wrote it, or the run is not finished.
    """
    import pandas as pd

    path = Path(run)
    metrics = read_metrics(path / "metrics.json" if path.is_dir() else path)
    tables = {name: pd.json_normalize(rows) for name, rows in _rows("", metrics)}
    return {**tables, "teacher": pd.json_normalize([metrics["teacher"]])}


def _rows(name: str, value: Any) -> Iterator[tuple[str, list[Any]]]:
    """Every list of records, with the path that leads to it."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _rows(f"{name}.{key}" if name else str(key), part)
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        yield name, value
