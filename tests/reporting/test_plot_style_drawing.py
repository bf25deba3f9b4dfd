# SPDX-License-Identifier: Apache-2.0
"""Legends and names that fit, however long."""

import pytest

pytest.importorskip("matplotlib")

from matplotlib.lines import Line2D

from dixtill_hf.reporting import plot_style as drawing
from dixtill_hf.reporting.measurements import Estimate


@pytest.mark.parametrize(("longest", "columns"), [(2, 4), (25, 4), (40, 2), (200, 1)])
def test_legend_has_as_many_columns_as_fit(longest, columns):
    handles = [Line2D([], [], label="a" * longest), Line2D([], [], label="b")]
    assert drawing.legend_columns(handles) == columns


def test_legend_needs_no_room_of_its_own_up_to_two_rows():
    handles = [Line2D([], [], label="name")] * 9
    assert drawing.legend_height(handles[:8]) == 0
    assert drawing.legend_height(handles) == drawing.LEGEND_ROW


def test_long_names_take_two_lines_and_no_more():
    assert drawing.broken_name("KL") == "KL"
    lines = drawing.broken_name("a teacher " * 20).splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("…")


def test_spread_is_measured_from_the_mean():
    values = [Estimate(2.0, 1.0, 1.5, 2.25), Estimate(3.0)]
    assert drawing.spread(values) == [[0.5, 0.0], [0.25, 0.0]]
