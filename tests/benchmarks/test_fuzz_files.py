# SPDX-License-Identifier: Apache-2.0
"""Files in odd forms and with damage give the known rows or are refused, never other rows."""

import pytest

from benchmarks import fuzz_files


@pytest.mark.parametrize("seed", [1, 2])
def test_no_file_is_read_wrongly(seed):
    result = fuzz_files.run(300, seed, teachers=20)
    assert result["failures"] == []
    assert sum(result["outcomes"].values()) == 300
    assert result["outcomes"]["rows"] > 60
    assert result["outcomes"]["refused"] > 60


def test_a_reader_that_errs_is_found(monkeypatch):
    read = fuzz_files.load_text_classification

    def loses_a_row(*arguments, **settings):
        data = read(*arguments, **settings)
        data["train"] = data["train"].select(range(len(data["train"]) - 1))
        return data

    monkeypatch.setattr(fuzz_files, "load_text_classification", loses_a_row)
    failures = fuzz_files.run(60, 0, teachers=0)["failures"]
    assert failures
    assert all("other rows" in failure for failure in failures)
