# SPDX-License-Identifier: Apache-2.0
"""What was pushed is used as strangers do: from the Hub, in processes without this package."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")

from dixtill_hf import Student, load_student
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.model_card import CardContents, write_card
from tests.hub.hub_calls import TOKEN
from tests.hub.loopback_hub import LoopbackHub

TEXTS = ["Acme shares rise & rise", "Acme shares fall", "東京 falls"]
# A stranger has none of these installed.
BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}")
sys.meta_path.insert(0, Blocker())
"""
ROOT = Path(__file__).parents[2]
# The other line of transformers, where `make` has installed it.
OTHER = ROOT / (".venv" if ".venv-latest" in sys.executable else ".venv-latest") / "bin" / "python"


@pytest.fixture
def published(hub: LoopbackHub, tmp_path: Path) -> tuple[LoopbackHub, Student]:
    directory = tmp_path / "student"
    Student(*build_student(2 * TEXTS, ["down", "up"], word_vectors="none")).save(directory)
    student = load_student(directory)
    student.tokenizer.model_max_length = 3
    card = CardContents("s", "s", student.labels, "contributions", "DiXtill", example=TEXTS[0])
    write_card(directory, card)
    student.push_to_hub("you/one", license="mit", language="en", without=["onnx"])
    return hub, student


def run(
    hub: LoopbackHub,
    script: str,
    cache: Path,
    blocked: tuple[str, ...] = ("dixtill_hf", "dixtill_runtime"),
    python: str = sys.executable,
) -> list[str]:
    """Run a script in a process that has an empty cache and, for the packages, only the Hub."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": str(ROOT) if "dixtill_hf" not in blocked else "",
    }
    done = subprocess.run(
        [python, "-c", BLOCKED.format(blocked=blocked) + script],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cache,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


PIPELINE = f"""
from transformers import pipeline
explain = pipeline("explained-text-classification", model="you/one", trust_remote_code=True)
texts = {TEXTS!r}
for batch_size in (1, 3):
    results = explain(texts, batch_size=batch_size, top_k=None)
    for text, labels in zip(texts, results):
        assert [len(labels), len(labels[0]["attributions"])] == [2, 3], labels
        for word in labels[0]["attributions"]:
            assert text[word["start"] : word["end"]] == word["word"]
        best = labels[0]
        print(best["label"], round(best["score"], 4), best["attributions"][0]["word"])
"""


def expected(student: Student) -> list[str]:
    lines = [f"{one.label} {round(one.probability, 4)} {one.words[0]}" for one in student(TEXTS)]
    return 2 * lines


@pytest.mark.slow
def test_the_pipeline_needs_nothing_but_transformers(
    published: tuple[LoopbackHub, Student], tmp_path: Path
) -> None:
    hub, student = published
    assert run(hub, PIPELINE, tmp_path) == expected(student)


@pytest.mark.slow
def test_what_one_line_of_transformers_saved_the_other_loads(
    published: tuple[LoopbackHub, Student], tmp_path: Path
) -> None:
    if not OTHER.is_file():
        pytest.skip(f"The other line of transformers is not installed: {OTHER} is missing.")
    hub, student = published
    assert run(hub, PIPELINE, tmp_path, python=str(OTHER)) == expected(student)


@pytest.mark.slow
def test_the_snippets_of_the_card_run(
    published: tuple[LoopbackHub, Student], tmp_path: Path
) -> None:
    hub, student = published
    files = hub.files("you/one")
    card = files["README.md"].decode()
    assert "![" in card
    assert b"<svg" in files["explanation.svg"]
    alone, ours, device = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    explanation = student(TEXTS[0])
    first, *words = run(hub, alone, tmp_path)
    assert first == f"{explanation.label} {round(explanation.probability, 3)}"
    assert [line.split()[1] for line in words] == explanation.words
    assert run(hub, ours, tmp_path, blocked=()) == str(explanation).splitlines()
    (line,) = run(hub, device, tmp_path, blocked=("dixtill_hf", "torch", "transformers"))
    assert line.startswith(explanation.label)


SERVICE = """
import importlib.util, json, sys
from huggingface_hub import snapshot_download
folder = snapshot_download("you/one")
# As huggingface-inference-toolkit loads a repository's handler.
spec = importlib.util.spec_from_file_location("handler.EndpointHandler", folder + "/handler.py")
sys.path.insert(0, folder)
handler = importlib.util.module_from_spec(spec)
sys.modules["handler.EndpointHandler"] = handler
spec.loader.exec_module(handler)
serve = handler.EndpointHandler(folder)
for request in ({"inputs": TEXT}, {"inputs": [TEXT, ""], "parameters": {"top_k": None}}):
    print(json.dumps(serve(request)))
for wrong in ({}, {"inputs": 1}, {"inputs": TEXT, "parameters": {"top_k": 0}},
              {"inputs": TEXT, "parameters": {"k": 1}}):
    try:
        serve(wrong)
    except ValueError as error:
        print(error)
"""


@pytest.mark.slow
def test_inference_endpoints_serve_it_without_torch(
    published: tuple[LoopbackHub, Student], tmp_path: Path
) -> None:
    import json

    hub, student = published
    blocked = ("dixtill_hf", "torch", "transformers")
    script = SERVICE.replace("TEXT", repr(TEXTS[0]))
    one, several, *errors = run(hub, script, tmp_path, blocked)
    explanation = student(TEXTS[0])
    (answer,) = json.loads(one)
    assert answer["label"] == explanation.label
    assert answer["score"] == pytest.approx(explanation.probability, abs=0.02)
    assert [word["word"] for word in answer["attributions"]] == explanation.words
    assert [len(labels) for labels in json.loads(several)] == [2, 2]
    assert len(errors) == 4
    assert "inputs must be one text or a list of texts" in errors[0]
