# SPDX-License-Identifier: Apache-2.0
"""Instruction sets are read as Linux writes them, and unknown elsewhere."""

import pytest

from dixtill_hf.artifacts import processor


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("model name : EPYC bf16\nflags\t\t: fpu avx2\n\nflags\t\t: fpu avx2\n", {"fpu", "avx2"}),
        ("Features\t: fp asimd bf16\nCPU implementer : 0x41\n", {"fp", "asimd", "bf16"}),
        ("", set()),
    ],
)
def test_flags_of_x86_and_arm(tmp_path, monkeypatch, text, flags):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    monkeypatch.setattr(processor, "_DESCRIPTION", path)
    assert processor.processor_flags() == flags


def test_other_systems_list_none(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "_DESCRIPTION", tmp_path / "none")
    assert processor.processor_flags() == frozenset()
