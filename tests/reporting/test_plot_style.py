# SPDX-License-Identifier: Apache-2.0
"""A method has one colour and a preset one marker."""

from dixtill_hf.reporting.measurements import series_of
from dixtill_hf.reporting.plot_style import METHOD_COLOURS, pruning_look, series_look


def test_colour_tells_the_method_and_marker_the_preset(make_metrics):
    series = series_of(make_metrics(presets=("default", "paper"), seeds=1))
    looks = {(one.method, one.preset): series_look(one, series) for one in series}
    for method in ("none", "kl", "mse", "dixtill"):
        colours = {looks[method, preset]["color"] for preset in ("default", "paper")}
        assert colours == {METHOD_COLOURS[method]}
    markers = {preset: looks["kl", preset]["marker"] for preset in ("default", "paper")}
    assert len(set(markers.values())) == 2
    assert looks["bag_of_words", None]["marker"] == markers["default"]


def test_unknown_methods_get_colours_of_their_own(make_metrics):
    metrics = make_metrics(seeds=1)
    metrics["results"] += [{**metrics["results"][-1], "method": name} for name in ("int8", "heads")]
    series = series_of(metrics)
    assert len({series_look(one, series)["color"] for one in series}) == len(series)


def test_ways_to_choose_heads_look_different():
    ways = [
        (ranking, scope)
        for ranking in ("masking", "gradient", "gradient-iterative")
        for scope in ("per_layer", "global")
    ]
    looks = [pruning_look(*way) for way in ways]
    assert len({(look["color"], look["linestyle"]) for look in looks}) == len(ways)
