# SPDX-License-Identifier: Apache-2.0
"""Counters are read, begin anew, and may be missing or hidden."""

from pathlib import Path

import numpy as np
import pytest

from dixtill_hf.evaluation.efficiency import find_energy_meter, measure_energy


def package(root: Path, number: int, energy: int, name: str = "package-0") -> Path:
    directory = root / f"intel-rapl:{number}"
    directory.mkdir(parents=True)
    (directory / "name").write_text(f"{name}\n")
    (directory / "energy_uj").write_text(f"{energy}\n")
    (directory / "max_energy_range_uj").write_text("5000000\n")
    return directory


def test_packages_are_added_up_and_other_zones_left_out(tmp_path):
    first, second = package(tmp_path, 0, 1_000_000), package(tmp_path, 1, 2_000_000)
    package(tmp_path, 2, 0, name="psys")
    meter = find_energy_meter(tmp_path)
    before = meter.read()
    (first / "energy_uj").write_text("1500000")
    (second / "energy_uj").write_text("2250000")
    assert before == [1_000_000, 2_000_000]
    assert meter.joules_since(before) == pytest.approx(0.75)


def test_a_counter_that_began_anew(tmp_path):
    directory = package(tmp_path, 0, 4_900_000)
    meter = find_energy_meter(tmp_path)
    before = meter.read()
    (directory / "energy_uj").write_text("100000")
    assert meter.joules_since(before) == pytest.approx(0.2)


def test_no_meter_where_there_is_none_or_it_is_hidden(tmp_path):
    assert find_energy_meter(tmp_path / "nothing") is None
    hidden = package(tmp_path, 0, 1)
    (hidden / "energy_uj").unlink()  # as unreadable as one that belongs to the administrator
    assert find_energy_meter(tmp_path) is None


def test_energy_is_shared_among_the_texts(tmp_path):
    counter = package(tmp_path, 0, 0) / "energy_uj"

    class Hungry:
        name, runtime = "hungry", "pytorch"

        def tokenize(self, texts, pad_to=None):
            return texts

        def logits(self, inputs):
            counter.write_text(str(int(counter.read_text()) + 300_000))
            return np.zeros((len(inputs), 2))

    (row,) = measure_energy([Hungry()], ["a", "b", "c"], find_energy_meter(tmp_path), seconds=0)
    assert row["batches"] == 1
    assert row["joules_per_text"] == pytest.approx(0.1)
