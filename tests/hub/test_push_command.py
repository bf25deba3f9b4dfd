# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf push` publishes, and asks for what the card needs."""

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from dixtill_hf import Student
from dixtill_hf.cli.main import main
from dixtill_hf.cli.push import _completed
from dixtill_hf.distillation.building import build_student
from dixtill_hf.hub.facts import CardFacts
from tests.hub.loopback_hub import LoopbackHub

SMALL = ["--without", "onnx", "device"]


@pytest.fixture
def saved(tmp_path: Path) -> str:
    texts = 2 * ["Acme shares rise", "Anna leaves Acme"]
    Student(*build_student(texts, ["down", "up"], word_vectors="none")).save(tmp_path / "student")
    return str(tmp_path / "student")


def test_a_student_is_published(
    hub: LoopbackHub, saved: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.txt").write_text("Anna\n")
    facts = ["--license", "mit", "--language", "en", "de", "--leave_out_words"]
    arguments = ["push", saved, "--repo_id", "one", "--private", *facts]
    assert main([*arguments, str(tmp_path / "names.txt"), *SMALL]) == 0
    assert f"Published: {hub.endpoint}/you/one" in capsys.readouterr().out
    files = hub.files("you/one")
    assert ModelCard(files["README.md"].decode()).data.language == ["en", "de"]
    assert b"anna" not in files["tokenizer.json"]
    assert hub.repositories["model", "you/one"].private


def test_what_the_card_needs_is_named_if_nobody_can_be_asked(
    hub: LoopbackHub, saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", saved, "--repo_id", "you/one", "--license", "mit", *SMALL]) == 1
    assert "The card needs --language" in capsys.readouterr().err
    assert not hub.repositories


def test_what_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = {"Licence": "mit", "Language": "en de", "Hub id of the data": ""}
    asked = []

    def ask(question: str) -> str:
        asked.append(question)
        return next(answer for start, answer in answers.items() if question.startswith(start))

    facts = _completed(CardFacts(), CardFacts(teacher_id="org/big"), ask)
    assert (facts.license, list(facts.language)) == ("mit", ["en", "de"])
    assert (facts.dataset_id, facts.teacher_id) == (None, "org/big")
    assert len(asked) == 3
