# SPDX-License-Identifier: Apache-2.0
"""Results by name in a JSON file."""

import json

from benchmarks.entries import keep_entry


def test_entries_of_other_names_are_kept(tmp_path):
    path = tmp_path / "results.json"
    assert keep_entry(path, "a", {"ms": 1}) == {"a": {"ms": 1}}
    keep_entry(path, "é", {"ms": 2})
    entries = keep_entry(path, "a", {"ms": 3})
    assert entries == {"a": {"ms": 3}, "é": {"ms": 2}}
    assert json.loads(path.read_text("utf-8")) == entries
