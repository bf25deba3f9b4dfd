# SPDX-License-Identifier: Apache-2.0
"""Precision: what `auto` becomes, and what autocast leaves alone."""

import torch

from dixtill_hf.explainers import embeddings as precision
from dixtill_hf.explainers.embeddings import computing_in, resolve_precision

CPU = torch.device("cpu")


def test_a_precision_that_was_chosen_is_kept():
    assert resolve_precision("float32", CPU) == "float32"
    assert resolve_precision("bfloat16", CPU) == "bfloat16"


def test_auto_takes_bfloat16_only_where_it_is_much_faster(monkeypatch):
    times = {torch.float32: 1.0, torch.bfloat16: 0.5}
    monkeypatch.setattr(precision, "_seconds", lambda device, dtype: times[dtype])
    assert resolve_precision("auto", CPU) == "bfloat16"
    times[torch.bfloat16] = 0.8
    assert resolve_precision("auto", CPU) == "float32"


def test_a_device_is_measured_once():
    first = precision._seconds(CPU, torch.float32)
    assert precision._seconds(torch.device("cpu"), torch.float32) == first


def test_matrices_are_multiplied_in_the_precision():
    matrix = torch.full((4, 4), 1 + 2**-12)  # bfloat16 rounds it to 1
    for width in (8, 512):
        with computing_in("bfloat16", CPU, width):
            assert (matrix @ matrix).dtype == torch.bfloat16
        with computing_in("float32", CPU, width):
            assert (matrix @ matrix).dtype == torch.float32
