# SPDX-License-Identifier: Apache-2.0
"""The timed rows of metrics.json: under which settings they were taken, and whose they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.rivals import Rival

Timing = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """What a time was taken under.

    Attributes:
        threads: Threads that the model may use.
        tokenization: Whether the time includes cutting the texts into tokens.
        batch_size: Texts at a time.
        pad_to: Tokens that each text is padded to, None for the longest of its batch.
    """

    threads: int
    tokenization: bool
    batch_size: int
    pad_to: int | None

    @property
    def inputs(self) -> str:
        """Batch and padding in words: "batch of 32, unpadded"."""
        padding = "unpadded" if self.pad_to is None else f"padded to {self.pad_to}"
        return f"batch of {self.batch_size}, {padding}"

    @property
    def machine(self) -> str:
        """Threads and tokenization in words: "2 threads, without tokenization"."""
        return f"{fmt.counted(self.threads, 'thread')}, {self.scope}"

    @property
    def scope(self) -> str:
        """What is timed: "with tokenization", "without tokenization"."""
        return f"{'with' if self.tokenization else 'without'} tokenization"


def timings_of(metrics: Mapping[str, Any]) -> list[Timing]:
    """All timed rows; none where nothing was timed."""
    return list((metrics.get("efficiency") or {}).get("rows") or [])


def setting_of(row: Timing) -> Setting:
    """The setting of a row."""
    return Setting(row["threads"], row["tokenization"], row["batch_size"], row["pad_to"])


def settings_of(rows: Sequence[Timing]) -> list[Setting]:
    """The settings that occur: the one that comparisons name first, the like of it after it.

    The first is a large batch and the model alone; unpadded, since no text needs padding to a
    fixed length, and with all threads.
    """
    found = dict.fromkeys(setting_of(row) for row in rows)
    return sorted(
        found,
        key=lambda one: (-one.threads, one.tokenization, -one.batch_size, one.pad_to or 0),
    )


def at(rows: Sequence[Timing], setting: Setting) -> list[Timing]:
    """The rows of one setting."""
    return [row for row in rows if setting_of(row) == setting]


def main_timings(metrics: Mapping[str, Any], tokenization: bool = False) -> list[Timing]:
    """The rows of the setting that comparisons name, or of the same with tokenization."""
    rows = timings_of(metrics)
    settings = settings_of(rows)
    return at(rows, replace(settings[0], tokenization=tokenization)) if settings else []


def fastest(rows: Sequence[Timing], rival: Rival) -> Timing | None:
    """The row of the rival's fastest runtime, None where it was not timed."""
    own = [
        row
        for row in rows
        if row["model"] == rival.timed_as and rival.runtime in (None, row["runtime"])
    ]
    return min(own, key=lambda row: row["p50_ms"], default=None)
