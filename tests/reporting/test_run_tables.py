# SPDX-License-Identifier: Apache-2.0
"""The tables hold what metrics.json holds."""

import json
from pathlib import Path
from typing import Any

import pytest

from dixtill_hf import run_tables


def test_every_student_is_a_row(tmp_path: Path, metrics: dict[str, Any]) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    tables = run_tables(tmp_path)
    results = tables["results"]
    assert results["macro_f1"].tolist() == [row["macro_f1"] for row in metrics["results"]]
    cosines = [(row.get("explanation") or {}).get("cosine") for row in metrics["results"]]
    found = results["explanation.cosine"].tolist()
    assert [one for one in found if one == one] == [one for one in cosines if one is not None]
    assert tables["teacher"].loc[0, "bytes"] == metrics["teacher"]["bytes"]
    metrics["explanations"] = {"agreement": [{"model": "teacher", "cosine": 1.0}], "texts": [1, 2]}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    tables = run_tables(tmp_path)
    assert tables["explanations.agreement"]["cosine"].tolist() == [1.0]
    assert "explanations.texts" not in tables
    assert all(len(table) for table in tables.values())
    assert set(run_tables(tmp_path / "metrics.json")) == set(tables)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="a finished run"):
        run_tables(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        run_tables(tmp_path / "nothing")
