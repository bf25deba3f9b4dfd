# SPDX-License-Identifier: Apache-2.0
"""What the processor of this machine can do."""

import re
from pathlib import Path

_DESCRIPTION = Path("/proc/cpuinfo")


def processor_flags() -> frozenset[str]:
    """The instruction sets of the processor, as Linux names them; empty on other systems."""
    text = _DESCRIPTION.read_text(encoding="utf-8") if _DESCRIPTION.is_file() else ""
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)  # of x86, and of ARM
    return frozenset(flag for line in lines for flag in line.split())
