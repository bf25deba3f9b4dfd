# SPDX-License-Identifier: Apache-2.0
"""The description on PyPI: README, whose links and images lead to the repository.

Everything else that setuptools reads is in `pyproject.toml`.
"""

import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
_RELATIVE = re.compile(r"\]\((?!https?:|mailto:|#)([^)]+)\)")
_IMAGES = (".png", ".svg")


def description() -> str:
    """README with absolute addresses, since PyPI has none of its files."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (repository,) = re.findall(r'^Repository = "(.+)"$', project, re.MULTILINE)

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link[1].endswith(_IMAGES) else "blob"
        return f"]({repository}/{kind}/main/{link[1]})"

    return _RELATIVE.sub(absolute, (ROOT / "README.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    setup(long_description=description(), long_description_content_type="text/markdown")
