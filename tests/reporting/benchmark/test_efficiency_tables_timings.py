# SPDX-License-Identifier: Apache-2.0
"""Which of the timed rows speaks for a model."""

from dixtill_hf.reporting.benchmark import efficiency_tables as timings
from dixtill_hf.reporting.benchmark.compared_models import compared_models
from dixtill_hf.reporting.measurements import series_of


def test_the_first_setting_is_a_large_unpadded_batch_on_all_threads_without_tokenization(benchmark):
    first = timings.settings_of(timings.timings_of(benchmark))[0]
    assert first == timings.Setting(2, False, 32, None)
    assert first.inputs == "batch of 32, unpadded"
    assert first.machine == "2 threads, without tokenization"


def test_padding_and_one_thread_in_words():
    setting = timings.Setting(1, True, 1, 150)
    assert setting.inputs == "batch of 1, padded to 150"
    assert setting.machine == "1 thread, with tokenization"


def test_main_timings_with_and_without_tokenization_differ_in_nothing_else(benchmark):
    for tokenization in (False, True):
        rows = timings.main_timings(benchmark, tokenization)
        assert {timings.setting_of(row) for row in rows} == {
            timings.Setting(2, tokenization, 32, None)
        }


def test_fastest_is_among_the_runtimes_of_the_model(benchmark):
    models = {model.name: model for model in compared_models(benchmark, series_of(benchmark))}
    rows = timings.main_timings(benchmark)
    runtimes = {name: timings.fastest(rows, models[name]) for name in models}
    assert runtimes["KL"]["runtime"] == "onnxruntime"
    # The teacher in another runtime has a name of its own.
    assert runtimes["teacher"]["runtime"] == "pytorch"
    assert runtimes["teacher, float32 in OpenVINO"]["runtime"] == "openvino"


def test_nothing_timed(metrics):
    (model, *_) = compared_models(metrics, series_of(metrics))
    assert timings.main_timings(metrics) == []
    assert timings.fastest([], model) is None
