# SPDX-License-Identifier: Apache-2.0
"""README is short, and its figures are those of the published JSON."""

from pathlib import Path

from benchmarks import publish

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_is_short() -> None:
    assert len(README.split()) <= 900


def test_figures_are_those_of_the_published_json() -> None:
    for kind, write in publish.BLOCKS.items():
        block = write(ROOT / "benchmarks" / "results" / "tweets")
        assert f"<!-- {kind}: tweets -->\n{block}\n<!-- end {kind}: tweets -->" in README
