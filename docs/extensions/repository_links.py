# SPDX-License-Identifier: Apache-2.0
"""Relative links that leave docs/ work in a checkout and on the site.

In a checkout `../../benchmarks/results/tweets/report.md` opens the file. On the site the same link
goes to the page that includes the file, or else to the file in the repository, whose address is
`Repository` in `[project.urls]`. A link to a file that does not exist is a warning.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
LINK = re.compile(r"(?<!!)(\[[^\[\]]*\])\((?![a-z]+:|[#/<])([^)\s#]+)(#[^)\s]*)?\)")
ADDRESS = re.compile(r'^Repository = "(.+)"$', re.MULTILINE)
INCLUDE = re.compile(r"^```\{include\} (\S+)$", re.MULTILINE)


def repository_url() -> str:
    """The address of the repository."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = ADDRESS.search(settings)
    if not found:
        raise ValueError('pyproject.toml has no line `Repository = "..."` below [project.urls].')
    return found.group(1).rstrip("/")


def including_pages() -> dict[Path, str]:
    """From each file outside docs/ that a page includes to that page, as MyST links to it."""
    return {
        (page.parent / included).resolve(): f"/{page.relative_to(DOCS).as_posix()}"
        for page in DOCS.rglob("*.md")
        for included in INCLUDE.findall(page.read_text(encoding="utf-8"))
    }


def rewrite(text: str, file: Path, pages: dict[Path, str], repository: str) -> str:
    """Replace the links of a Markdown file that leave docs/ by those that work on the site.

    Args:
        text: The content of the file.
        file: Its path; links are relative to it.
        pages: As `including_pages` gives them.
        repository: Address of the repository.
    """

    def target(match: re.Match[str]) -> str:
        words, link, anchor = match.group(1), match.group(2), match.group(3) or ""
        path = (file.parent / link).resolve()
        if DOCS in path.parents and DOCS in file.parents:
            return match.group(0)  # Sphinx checks it
        if not path.exists():
            logger.warning("%s links to %s, which does not exist.", file.relative_to(ROOT), link)
            return match.group(0)
        if path in pages:
            return f"{words}({pages[path]}{anchor})"
        if DOCS in path.parents:
            return f"{words}(/{path.relative_to(DOCS).as_posix()}{anchor})"
        kind = "tree" if path.is_dir() else "blob"
        return f"{words}({repository}/{kind}/main/{path.relative_to(ROOT).as_posix()}{anchor})"

    return LINK.sub(target, text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite pages, and what they include, when they are read."""
    pages, repository = including_pages(), repository_url()

    def read(app: Sphinx, name: str, content: list[str]) -> None:
        content[0] = rewrite(content[0], Path(app.env.doc2path(name)), pages, repository)

    def include(app: Sphinx, included: Path, parent: str, content: list[str]) -> None:
        content[0] = rewrite(content[0], (DOCS / included).resolve(), pages, repository)

    app.connect("source-read", read)
    app.connect("include-read", include)
    return {"parallel_read_safe": True}
