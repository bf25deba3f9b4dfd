# SPDX-License-Identifier: Apache-2.0
"""Which way of storing int8 weights suits a processor."""

import platform
from pathlib import Path

CPU_PRESETS = ("avx512_vnni", "avx2", "arm64")

_ARM = {"aarch64", "arm64"}
_X86 = {"x86_64", "amd64"}


def preset_of_this_cpu() -> str:
    """The preset for the processor that this runs on.

    Where the system does not tell what an x86 processor can do (`/proc/cpuinfo` is Linux's), it
    is `"avx2"`, which every one of them computes correctly.

    Raises:
        ValueError: The processor is neither x86 nor ARM, both of 64 bits.
    """
    description = Path("/proc/cpuinfo")
    text = description.read_text(encoding="utf-8") if description.is_file() else ""
    return choose_preset(platform.machine(), text)


def choose_preset(machine: str, description: str) -> str:
    """The preset for a processor.

    Signed 8-bit weights, which ARM and the VNNI instructions multiply fast, can overflow on x86
    without VNNI; there weights are unsigned.

    Args:
        machine: Its architecture, as `platform.machine` has it.
        description: What the system says of it, its instruction sets among other words.

    Raises:
        ValueError: The architecture is neither x86 nor ARM, both of 64 bits.
    """
    if machine.lower() in _ARM:
        return "arm64"
    if machine.lower() in _X86:
        has_vnni = {"avx512_vnni", "avx_vnni"} & set(description.split())
        return "avx512_vnni" if has_vnni else "avx2"
    raise ValueError(
        f"No int8 preset is known for the processor architecture {machine!r}: name the nearest "
        f"with cpu_preset, one of {', '.join(CPU_PRESETS)}."
    )
