# SPDX-License-Identifier: Apache-2.0
"""Energy that classifiers take, where the processor counts it and the user may read the counter."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dixtill_hf.evaluation.classifiers import Classifier

# Where Linux shows the running average power limit (RAPL) counters of Intel and AMD processors.
POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class EnergyMeter:
    """The energy counters of the processor's packages.

    Attributes:
        packages: Directories with `energy_uj`, the microjoules since some start, and
            `max_energy_range_uj`, where the counter begins anew.
    """

    packages: tuple[Path, ...]

    def read(self) -> list[int]:
        """The microjoules on every counter."""
        return [_number(package / "energy_uj") for package in self.packages]

    def joules_since(self, before: Sequence[int]) -> float:
        """Joules of all packages since an earlier reading; a counter may have begun anew once."""
        total = 0
        for package, start, now in zip(self.packages, before, self.read(), strict=True):
            begun_anew = _number(package / "max_energy_range_uj") if now < start else 0
            total += now - start + begun_anew
        return total / 1e6


def find_energy_meter(root: Path = POWERCAP) -> EnergyMeter | None:
    """The meter of this machine; None where there is none that this user may read.

    Virtual machines rarely have one, and most systems let only their administrator read it.
    """
    packages = []
    for package in sorted(root.glob("*-rapl:*")):
        try:
            is_package = (package / "name").read_text(encoding="ascii").startswith("package")
            if is_package:
                _number(package / "energy_uj")
                packages.append(package)
        except OSError:  # hidden from this user
            continue
    return EnergyMeter(tuple(packages)) if packages else None


def measure_energy(
    classifiers: Sequence[Classifier],
    texts: Sequence[str],
    meter: EnergyMeter,
    seconds: float = 2.0,
) -> list[dict[str, Any]]:
    """Energy of the whole processor while each classifier does nothing but read the same batch.

    What else runs on the machine counts too, and so does what an idle processor takes.

    Args:
        classifiers: What to measure, one after the other.
        texts: The batch.
        meter: From `find_energy_meter`.
        seconds: Least time for each, after one batch that does not count.

    Returns:
        For each classifier `model`, `runtime`, `joules_per_text`, `watts` and `batches`.
    """
    rows = []
    for classifier in classifiers:
        classifier.logits(classifier.tokenize(texts))
        before, start, batches = meter.read(), time.perf_counter(), 0
        while time.perf_counter() - start < seconds or batches == 0:
            classifier.logits(classifier.tokenize(texts))
            batches += 1
        joules, spent = meter.joules_since(before), time.perf_counter() - start
        rows.append(
            {
                "model": classifier.name,
                "runtime": classifier.runtime,
                "joules_per_text": joules / (batches * len(texts)),
                "watts": joules / spent,
                "batches": batches,
            }
        )
    return rows


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))
