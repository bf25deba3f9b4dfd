# SPDX-License-Identifier: Apache-2.0
"""The notebooks run from the first cell to the last, on fewer texts and with a tiny encoder."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModel, AutoTokenizer

import dixtill_hf

EXAMPLES = Path(__file__).parents[2] / "examples"
# The numbers of texts in the notebooks, and those that suffice here.
MANY = '{"train": 400, "validation": 100, "test": 200}'
FEW = '{"train": 60, "validation": 20, "test": 20}'


def code_cells(notebook: Path) -> list[str]:
    """The code of a notebook, cell by cell, on fewer texts."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert any(MANY in source for source in sources)
    return [source.replace(MANY, FEW) for source in sources]


@pytest.fixture
def tiny_encoder(monkeypatch: pytest.MonkeyPatch, tiny_teacher_dir: Any, tmp_path: Path) -> None:
    """Instead of the packaged encoder, one that is fine-tuned in a second."""
    classifier, encoder = tiny_teacher_dir("bert"), tmp_path / "encoder"
    AutoModel.from_pretrained(classifier).save_pretrained(encoder)
    AutoTokenizer.from_pretrained(classifier).save_pretrained(encoder)
    monkeypatch.setattr(dixtill_hf, "packaged_encoder", lambda: encoder, raising=False)
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_encoder")
@pytest.mark.parametrize("name", ["quickstart", "trainer"])
def test_a_notebook_runs_to_its_end(name: str, tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    for source in code_cells(EXAMPLES / f"{name}.ipynb"):
        exec(compile(source, f"{name}.ipynb", "exec"), names)
    assert (tmp_path / "student" / "config.json").is_file()
    explanation = names["explanation"]
    assert len(explanation.words) == len(explanation.scores)
