# SPDX-License-Identifier: Apache-2.0
"""Peak memory of processes that hold what one can count."""

import sys

import pytest

from dixtill_hf.evaluation import efficiency
from dixtill_hf.evaluation.efficiency import can_measure_memory, measure_peak_memory, peak_memory

MEGABYTE = 1_000_000
HOLD = "import sys; held = b'x' * int(sys.argv[1])"


def test_memory_that_is_held_for_a_moment_counts():
    nothing = measure_peak_memory(HOLD, "0")
    held = measure_peak_memory(f"{HOLD}; del held", str(100 * MEGABYTE))
    assert held - nothing == pytest.approx(100 * MEGABYTE, rel=0.05)


def test_what_the_caller_holds_does_not_count():
    ballast = b"x" * (200 * MEGABYTE)
    assert 3 * MEGABYTE < measure_peak_memory("print('noise')") < 50 * MEGABYTE
    assert len(ballast)


def test_processes_of_the_process_count():
    nested = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}, sys.argv[1]])"
    )
    assert measure_peak_memory(nested, str(100 * MEGABYTE)) > 100 * MEGABYTE


def test_a_probe_that_fails_shows_its_traceback():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        measure_peak_memory("1 / 0")


def test_a_missing_program_is_named():
    with pytest.raises(RuntimeError, match="no-such-program"):
        peak_memory(["no-such-program"])


def test_any_command_is_measured():
    assert peak_memory([sys.executable, "-c", "pass"]) > MEGABYTE


def test_windows_is_refused_with_what_to_do(monkeypatch):
    assert can_measure_memory()
    monkeypatch.setattr(efficiency.sys, "platform", "win32")
    with pytest.raises(OSError, match="Linux and macOS only, not on Windows"):
        peak_memory([sys.executable, "-c", "pass"])
