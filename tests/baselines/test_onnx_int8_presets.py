# SPDX-License-Identifier: Apache-2.0
"""The int8 preset follows what the processor can do."""

import pytest

from dixtill_hf.baselines.onnx_int8 import choose_preset, preset_of_this_cpu
from dixtill_hf.baselines.quantization import CPU_PRESETS


@pytest.mark.parametrize(
    ("machine", "description", "preset"),
    [
        ("x86_64", "flags\t\t: fpu avx avx2 avx512f avx512_vnni amx_int8", "avx512_vnni"),
        ("x86_64", "flags\t\t: fpu avx avx2 avx_vnni", "avx512_vnni"),
        ("x86_64", "flags\t\t: fpu avx avx2 avx512f", "avx2"),
        ("x86_64", "model name\t: a processor called not_avx_vnni", "avx2"),
        ("AMD64", "", "avx2"),
        ("aarch64", "Features\t: fp asimd", "arm64"),
        ("arm64", "", "arm64"),
    ],
)
def test_the_preset_follows_the_instruction_sets(machine, description, preset):
    assert choose_preset(machine, description) == preset


def test_other_processors_are_asked_for():
    with pytest.raises(ValueError, match=r"'riscv64'.*cpu_preset.*avx2"):
        choose_preset("riscv64", "")


def test_this_processor_has_one():
    assert preset_of_this_cpu() in CPU_PRESETS
