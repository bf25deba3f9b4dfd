# SPDX-License-Identifier: Apache-2.0
"""The int8 preset follows what the processor can do."""

import pytest

from dixtill_hf.baselines.onnx_int8 import choose_preset, preset_of_this_cpu
from dixtill_hf.baselines.quantization import CPU_PRESETS


@pytest.mark.parametrize(
    ("machine", "flags", "preset"),
    [
        ("x86_64", {"avx2", "avx512f", "avx512_vnni", "amx_int8"}, "avx512_vnni"),
        ("x86_64", {"avx2", "avx_vnni"}, "avx512_vnni"),
        ("x86_64", {"avx2", "avx512f"}, "avx2"),
        ("AMD64", set(), "avx2"),
        ("aarch64", {"fp", "asimd"}, "arm64"),
        ("arm64", set(), "arm64"),
    ],
)
def test_the_preset_follows_the_instruction_sets(machine, flags, preset):
    assert choose_preset(machine, flags) == preset


def test_other_processors_are_asked_for():
    with pytest.raises(ValueError, match=r"'riscv64'.*cpu_preset.*avx2"):
        choose_preset("riscv64", set())


def test_this_processor_has_one():
    assert preset_of_this_cpu() in CPU_PRESETS
