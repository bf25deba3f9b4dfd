# SPDX-License-Identifier: Apache-2.0
"""A saved student loads with the package, in either order of imports, and without the package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Acme fell, unexpectedly"
LABELS = {0: "down", 1: "up", 2: "flat"}
CODE = sorted((ROOT / "dixtill_hf" / "student").glob("*_dixtill.py"))


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """The directory of a student, and the logits of a text."""
    torch.manual_seed(0)
    tokenizer = train_word_tokenizer(["Acme fell, and rose"])
    config = DixtillConfig(vocab_size=len(tokenizer), num_layers=2, id2label=LABELS)
    model = DixtillForSequenceClassification(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    directory = tmp_path_factory.mktemp("student")
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory, model(**tokenizer(TEXT, return_tensors="pt")).logits[0].tolist()


def run(script: str, directory: Path, cache: Path) -> dict:
    """Run a script in a fresh process, away from the repository, and return what it prints."""
    finished = subprocess.run(
        [sys.executable, "-c", script, str(directory), TEXT],
        cwd=cache,
        env={**os.environ, "HF_HOME": str(cache), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


LOAD = """
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
directory, text = sys.argv[1:]
config = AutoConfig.from_pretrained(directory, **trust)
model = AutoModelForSequenceClassification.from_pretrained(directory, **trust)
tokenizer = AutoTokenizer.from_pretrained(directory, **trust)
model.save_pretrained("saved-again")
print(json.dumps({
    "code": sorted(name for name in os.listdir("saved-again") if name.endswith(".py")),
    "type": config.model_type,
    "module": type(model).__module__,
    "labels": list(model.config.id2label.values()),
    "logits": model(**tokenizer(text, return_tensors="pt")).logits[0].tolist(),
}))
"""
WITHOUT_THE_PACKAGE = """
import json, os, sys
sys.modules["dixtill_hf"] = None
trust = {"trust_remote_code": True}
"""
WITH_THE_PACKAGE = f"""
import json, os, sys
sys.path.insert(0, {str(ROOT)!r})
import dixtill_hf
assert not {{"torch", "transformers"}} & set(sys.modules)
trust = {{}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "module"),
    [
        (WITH_THE_PACKAGE, "dixtill_hf.student.modeling_dixtill"),
        (WITHOUT_THE_PACKAGE, "transformers_modules"),
    ],
    ids=["with the package", "without the package"],
)
def test_student_loads_in_another_process(
    student: tuple[Path, list[float]], start: str, module: str, tmp_path: Path
) -> None:
    directory, logits = student
    loaded = run(start + LOAD, directory, tmp_path)
    assert loaded["module"].startswith(module)
    assert loaded["type"] == "dixtill"
    assert loaded["labels"] == list(LABELS.values())
    assert loaded["logits"] == pytest.approx(logits, abs=1e-6)
    assert loaded["code"] == sorted(path.name for path in CODE)


def test_student_loads_where_transformers_came_first(
    student: tuple[Path, list[float]],
) -> None:
    from transformers import AutoModelForSequenceClassification

    import dixtill_hf  # noqa: F401

    model = AutoModelForSequenceClassification.from_pretrained(student[0])
    assert type(model) is DixtillForSequenceClassification


def test_saved_files_travel_with_the_student(student: tuple[Path, list[float]]) -> None:
    directory, _ = student
    saved = json.loads((directory / "config.json").read_text("utf-8"))
    assert saved["auto_map"] == {
        "AutoConfig": "configuration_dixtill.DixtillConfig",
        "AutoModel": "modeling_dixtill.DixtillModel",
        "AutoModelForSequenceClassification": "modeling_dixtill.DixtillForSequenceClassification",
    }
    assert sorted(path.name for path in directory.glob("*.py")) == [path.name for path in CODE]
    for path in CODE:
        assert (directory / path.name).read_text("utf-8") == path.read_text("utf-8")


def test_loaded_weights_are_those_that_were_saved(student: tuple[Path, list[float]]) -> None:
    directory, _ = student
    first = DixtillForSequenceClassification.from_pretrained(directory)
    second = DixtillForSequenceClassification.from_pretrained(directory)
    for name, weights in first.state_dict().items():
        assert torch.equal(weights, second.state_dict()[name]), name
    assert first.embedding.weight[0].any()  # the row of padding was not made 0 again
