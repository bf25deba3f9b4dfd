# SPDX-License-Identifier: Apache-2.0
"""The Gradio example: its functions, and its page in headless Chromium if Gradio is installed."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from dixtill_hf import Student, load_student, load_teacher
from dixtill_hf.distillation.building import build_student
from runtime.tests.chromium import PASTED, chromium

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "space_gradio"
TEXT = "Acme shares <b>rise</b> & rise"


@pytest.fixture(scope="module")
def app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("space_gradio", FOLDER / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def student_dir(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[str], teacher_labels: list[str]
) -> Path:
    built = build_student(2 * sentences, teacher_labels, word_vectors="none", hidden_size=4)
    return Student(*built).save(tmp_path_factory.mktemp("student"))


def test_the_teacher_explains_as_a_student_does(
    app: ModuleType, tiny_teacher_dir: Callable[[str], Path]
) -> None:
    teacher = load_teacher(tiny_teacher_dir("bert"))
    explanation = app.explain_by_teacher(teacher, TEXT)
    assert explanation.label == max(explanation.logits, key=explanation.logits.get)
    assert sum(explanation.probabilities.values()) == pytest.approx(1)
    assert explanation.words == [TEXT[start:end] for start, end in explanation.spans]
    assert len(explanation.scores) == len(explanation.words) > 0


def test_both_are_shown_as_text_with_their_time(
    app: ModuleType, student_dir: Path, tiny_teacher_dir: Callable[[str], Path]
) -> None:
    student = load_student(student_dir)
    teacher = load_teacher(tiny_teacher_dir("bert"), student.labels)
    for shown in app.compare(student, teacher, TEXT):
        assert "<b>rise" not in shown
        assert " ms with the explanation" in shown
    assert app.compare(student, teacher, " \n") == ("", "")
    assert app.compare(student, teacher, "") == ("", "")


def test_what_is_not_set_is_named(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDENT", "you/one")
    monkeypatch.delenv("TEACHER", raising=False)
    with pytest.raises(SystemExit, match="TEACHER must be set"):
        app.main()


def test_the_folder_is_a_space() -> None:
    _, front, _ = (FOLDER / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(front)
    assert (card["sdk"], card["app_file"]) == ("gradio", "app.py")
    assert len(card["short_description"]) <= 60


@pytest.fixture
def address(
    student_dir: Path, tiny_teacher_dir: Callable[[str], Path], tmp_path: Path
) -> Iterator[str]:
    pytest.importorskip("gradio", reason="Gradio is not installed; it is the example's own.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "STUDENT": str(student_dir),
        "TEACHER": str(tiny_teacher_dir("bert")),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(tmp_path / "gradio"),
    }
    with open(tmp_path / "log", "w") as log:
        served = subprocess.Popen(
            [sys.executable, str(FOLDER / "app.py")], env=environment, stdout=log, stderr=log
        )
    try:
        while served.poll() is None:
            try:
                urlopen(f"http://127.0.0.1:{port}/").close()
                break
            except URLError:
                time.sleep(0.2)
        assert served.poll() is None, (tmp_path / "log").read_text()
        yield f"http://127.0.0.1:{port}/"
    finally:
        served.terminate()
        served.wait(30)


@pytest.mark.slow
def test_the_page_answers_in_the_browser(address: str, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.visit(address)
        browser.wait("document.querySelector('textarea') !== null")
        browser.run("document.querySelector('textarea').focus()")
        browser.send("Input.insertText", text=f"{PASTED} Acme shares rise")
        browser.run("document.querySelector('button.primary').click()")
        for side in ("student", "teacher"):
            browser.wait(f"document.querySelector('#{side}').textContent.includes('rise')")
            shown = browser.run(f"document.querySelector('#{side}').textContent")
            assert "<b>profit</b>" in shown
            assert " ms with the explanation" in shown
        assert browser.run("window.ran") is None
