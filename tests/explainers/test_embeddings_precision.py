# SPDX-License-Identifier: Apache-2.0
"""Precision: what `auto` becomes, and what autocast leaves alone."""

import pytest
import torch

from dixtill_hf.explainers import embeddings as precision
from dixtill_hf.explainers.embeddings import computing_in, resolve_precision

CPU = torch.device("cpu")


def test_a_precision_that_was_chosen_is_kept():
    assert resolve_precision("float32", CPU) == "float32"
    assert resolve_precision("bfloat16", CPU) == "bfloat16"


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ({"avx2", "amx_bf16"}, "bfloat16"),
        ({"avx512_bf16"}, "bfloat16"),
        ({"asimd", "bf16"}, "bfloat16"),
        ({"avx2", "avx512f"}, "float32"),
        (set(), "float32"),
    ],
)
def test_auto_follows_the_instructions_of_the_processor(monkeypatch, flags, chosen):
    monkeypatch.setattr(precision, "processor_flags", lambda: flags)
    assert resolve_precision("auto", CPU) == chosen


@pytest.mark.parametrize(("capability", "chosen"), [((7, 5), "float32"), ((8, 0), "bfloat16")])
def test_auto_follows_the_generation_of_the_gpu(monkeypatch, capability, chosen):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.version, "hip", None)
    assert resolve_precision("auto", torch.device("cuda")) == chosen


def test_auto_is_float32_on_other_devices():
    assert resolve_precision("auto", torch.device("mps")) == "float32"


def test_matrices_are_multiplied_in_the_precision():
    matrix = torch.full((4, 4), 1 + 2**-12)  # bfloat16 rounds it to 1
    for width in (8, 512):
        with computing_in("bfloat16", CPU, width):
            assert (matrix @ matrix).dtype == torch.bfloat16
        with computing_in("float32", CPU, width):
            assert (matrix @ matrix).dtype == torch.float32
