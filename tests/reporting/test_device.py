# SPDX-License-Identifier: Apache-2.0
"""The chapter on the student in integers says what was measured, or why nothing was."""

import pytest

pytest.importorskip("matplotlib")

from dixtill_hf.reporting.device import device_figure, device_section
from dixtill_hf.reporting.measurements import series_of
from dixtill_hf.reporting.report import report_text


def form(bits, size, macro_f1, **numbers):
    measured = {"macro_f1": macro_f1, "float_macro_f1": 0.8123, "same_label": 0.999}
    return {
        "bits": bits, "bytes": size, "texts": 600, "cosine": 0.9998, "same_top3": 0.991,
        **measured, **numbers,
    }  # fmt: skip


@pytest.fixture
def with_device(metrics):
    metrics["device"] = {
        "method": "dixtill",
        "preset": "default",
        "seed": 3,
        "words": 7_110,
        "trained_bytes": 1_800_000,
        "forms": [form("8", 471_932, 0.8120), form("4", 294_204, 0.8099), form("pq", 199_531, 0.8)],
    }
    return metrics


def test_every_form_is_compared_with_the_trained_student(with_device):
    text = report_text(with_device, ["device"], has_page=False)
    chapter = text.split("## On a device")[1].split("\n## ")[0]
    assert "DiXtill, seed 3" in chapter
    rows = [line.split("|")[1].strip() for line in chapter.splitlines() if line.startswith("|")]
    assert rows[2:] == ["as trained", "8 bits", "4 bits", "product-quantised"]
    assert "| 471,932 | 0.8120 | 99.9 % | 99.1 % | 0.9998 |" in chapter
    assert "figures/device.png" in chapter


def test_a_student_that_no_device_carries_is_named_with_the_reason(with_device):
    with_device["device"] = {
        **{"method": "kl", "preset": "default", "seed": 0},
        "refused": "A device student has one layer, this one has 2.",
    }
    chapter = report_text(with_device, [], has_page=False).split("## On a device")[1]
    assert "KL, seed 0" in chapter
    assert "one layer, this one has 2" in chapter
    assert device_figure(with_device, series_of(with_device)) is None


@pytest.mark.parametrize("device", [None, {}])
def test_without_a_measurement_there_is_no_chapter(metrics, device):
    metrics["device"] = device
    assert device_section(metrics) == {}
    assert "On a device" not in report_text(metrics, [], has_page=False)


def test_a_regression_has_errors_and_no_picture(with_device):
    for one in with_device["device"]["forms"]:
        del one["macro_f1"], one["float_macro_f1"], one["same_label"]
        one |= {"mean_absolute_error": 0.1, "float_mean_absolute_error": 0.1, "correlation": 0.999}
    table = device_section(with_device)["table"]
    assert "mean absolute error" in table
    assert "macro F1" not in table
    assert device_figure(with_device, series_of(with_device)) is None


@pytest.mark.slow
def test_the_picture_has_both_measures_and_the_bag_of_words(with_device):
    quality, words = device_figure(with_device, series_of(with_device)).axes
    assert {text.get_text() for text in quality.get_legend().get_texts()} == {
        "in integers", "as trained", "bag of words",
    }  # fmt: skip
    assert list(words.lines[0].get_ydata()) == pytest.approx([99.1] * 3)


def test_a_share_of_texts_is_not_drawn_beyond_all_of_them(with_device):
    for share, form in zip((0.7, 0.9, 1.0), with_device["device"]["forms"], strict=True):
        form["same_top3"] = share
    _, words = device_figure(with_device, series_of(with_device)).axes
    assert 100 < words.get_ylim()[1] <= 102
