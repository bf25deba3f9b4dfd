# SPDX-License-Identifier: Apache-2.0
"""Rows that differ by their seed alone become one mean."""

import pytest

from dixtill_hf.reporting.measurements import seed_groups


def row(method: str, setting: int, seed: int, value: float | None, preset: str = "default") -> dict:
    return {"method": method, "preset": preset, "t": setting, "seed": seed, "value": value}


def test_mean_and_interval_over_the_seeds():
    (group,) = seed_groups(
        [row("kl", 1, seed, value) for seed, value in enumerate((1, 2, 3))], "method", "t"
    )
    found = group.estimate("value")
    assert (found.mean, found.sd) == (2.0, 1.0)
    # Student's t with two degrees of freedom: 4.303 / √3.
    assert found.interval == pytest.approx((2 - 2.484, 2 + 2.484), abs=1e-3)


def test_one_seed_has_no_interval_and_what_is_unknown_no_estimate():
    (group,) = seed_groups([row("kl", 1, 0, 0.5), row("kl", 1, 1, None)], "method", "t")
    assert group.estimate("value").mean == 0.5
    assert group.estimate("value").interval is None
    assert group.estimate("other") is None


def test_groups_stand_in_the_order_of_reports():
    rows = [row("dixtill", 2, 0, 1.0), row("dixtill", 1, 0, 1.0), row("kl", 2, 0, 1.0)]
    found = seed_groups(rows, "method", "t")
    assert [(group.name, group.setting) for group in found] == [
        ("KL", 2), ("DiXtill", 2), ("DiXtill", 1),
    ]  # fmt: skip


def test_names_tell_the_preset_where_there_are_several():
    rows = [row("kl", 1, 0, 1.0, preset) for preset in ("default", "paper")]
    found = seed_groups(rows, "method", "t")
    assert [group.name for group in found] == ["KL (default)", "KL (paper)"]
