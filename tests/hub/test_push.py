# SPDX-License-Identifier: Apache-2.0
"""A student is pushed in one commit, whole or not at all, whatever happens on the way."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, constants, snapshot_download

from dixtill_hf import Student, load_student
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.model_card import CardContents, write_card
from dixtill_hf.hub.upload import WAITS, PublishingError
from tests.hub.loopback_hub import LoopbackHub

TEXTS = ["Acme shares rise", "Acme shares fall", "Anna Schmidt leaves Acme"]
ALWAYS = {
    "README.md",
    "config.json",
    "base_dixtill.py",
    "configuration_dixtill.py",
    "layers_dixtill.py",
    "model.safetensors",
    "modeling_dixtill.py",
    "outputs_dixtill.py",
    "pipeline_dixtill.py",
    "tokenizer.json",
    "tokenizer_config.json",
}
DEVICE = {"student.dxt", "handler.py", "requirements.txt", "dixtill_runtime/__init__.py"}
FACTS = {"license": "apache-2.0", "language": "en"}
# Exports take their time, and an upload is the same with fewer files.
SMALL = {**FACTS, "without": ["onnx", "device"]}


@pytest.fixture
def student(tmp_path: Path) -> Student:
    built = build_student(2 * TEXTS, ["down", "up"], word_vectors="none", hidden_size=4)
    directory = tmp_path / "run" / "student"
    Student(*built).save(directory)
    return load_student(directory)


@pytest.mark.slow
def test_everything_is_there_after_one_commit(hub: LoopbackHub, student: Student) -> None:
    directory = student.directory
    (directory.parent / "metrics.json").write_text('{"command": "run /home/me/data x"}')
    (directory.parent / "explanations.html").write_text("<p>")
    card = CardContents("local", "runs/local", student.labels, "contributions", "DiXtill")
    write_card(directory, card)
    url = student.push_to_hub("you/one", dataset_id="org/data", teacher_id="org/big", **FACTS)
    assert url == f"{hub.endpoint}/you/one"
    files = hub.files("you/one")
    assert {*ALWAYS, *DEVICE, "metrics.json", "explanations.html"} <= set(files)
    assert len(hub.repositories["model", "you/one"].branches["main"]) == 2
    assert json.loads(files["metrics.json"]) == {"command": "run data x"}
    data = ModelCard(files["README.md"].decode()).data
    assert (data.license, data.language) == ("apache-2.0", ["en"])
    assert (data.datasets, data.base_model) == (["org/data"], "org/big")
    assert '"you/one"' in files["README.md"].decode()
    assert "runs/local" not in files["README.md"].decode()
    config = json.loads(files["config.json"])
    assert set(config["auto_map"]) == {
        "AutoConfig",
        "AutoModel",
        "AutoModelForSequenceClassification",
    }
    assert "explained-text-classification" in config["custom_pipelines"]


def test_what_was_pushed_is_loaded_from_the_hub(
    hub: LoopbackHub, student: Student, tmp_path: Path
) -> None:
    student.push_to_hub("one", revision="v1", private=True, **SMALL)
    assert hub.repositories["model", "you/one"].private
    folder = snapshot_download("you/one", revision="v1", cache_dir=tmp_path / "cache")
    assert load_student(folder)(TEXTS) == student(TEXTS)
    assert set(hub.files("you/one")) == {".gitattributes"}


def test_a_hub_without_xet_gets_the_files_by_lfs(
    hub: LoopbackHub, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hf_xet", reason="The client cannot use Xet without hf_xet.")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    student.push_to_hub("you/one", **SMALL)
    assert set(hub.files("you/one")) >= ALWAYS
    assert [call for call in hub.calls if call.startswith("PUT /lfs/")]
    assert len(hub.repositories["model", "you/one"].branches["main"]) == 2


@pytest.mark.slow
def test_a_second_push_changes_only_what_changed(hub: LoopbackHub, student: Student) -> None:
    (student.directory / "explanations.html").write_text("<p>")
    student.push_to_hub("you/one", without=["onnx"], **FACTS)
    student.push_to_hub("you/one", without=["onnx"], **FACTS)
    assert len(hub.repositories["model", "you/one"].branches["main"]) == 2
    student.push_to_hub("you/one", without=["explanations", "onnx", "device"], **FACTS)
    left = set(hub.files("you/one"))
    assert left >= ALWAYS
    assert not left & {*DEVICE, "explanations.html"}


def test_a_card_that_a_person_has_written_stays(hub: LoopbackHub, student: Student) -> None:
    mine = "---\nlicense: mit\ntags: [dixtill]\n---\n\nMy own words.\n"
    (student.directory / "README.md").write_text(mine)
    student.push_to_hub("you/one", **SMALL)
    assert hub.files("you/one")["README.md"].decode() == mine


@pytest.mark.slow
def test_words_are_left_out_of_what_is_published(
    hub: LoopbackHub, student: Student, tmp_path: Path
) -> None:
    student.push_to_hub("you/one", leave_out_words=["anna SCHMIDT"], **FACTS)
    files = hub.files("you/one")
    assert not any(b"schmidt" in data.lower() for data in files.values())
    published = load_student(snapshot_download("you/one", cache_dir=tmp_path))
    assert len(published.tokenizer) == len(student.tokenizer) - 2
    same, other = published(TEXTS[:2]), published(TEXTS[2])
    assert [one.probabilities for one in same] == [
        pytest.approx(one.probabilities) for one in student(TEXTS[:2])
    ]
    assert other.words == ["Anna", "Schmidt", "leaves", "Acme"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "repos/create", 503),
        ("POST", "preupload", 429),
        ("POST", "objects/batch", 500),
        ("PUT", "/lfs/", None),
        ("PUT", "/lfs/", 503),
        ("POST", "/commit/", 502),
        ("POST", "/commit/", None),
    ],
)
def test_what_fails_for_a_moment_is_tried_again(
    hub: LoopbackHub, student: Student, method: str, path: str, status: int | None
) -> None:
    hub.fail(method, path, status, "Down", times=2)
    student.push_to_hub("you/one", **SMALL)
    assert set(hub.files("you/one")) >= ALWAYS
    assert len(hub.repositories["model", "you/one"].branches["main"]) == 2


def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    hub: LoopbackHub, student: Student
) -> None:
    hub.fail("POST", "/commit/", None, after=True)
    student.push_to_hub("you/one", **SMALL)
    assert len(hub.repositories["model", "you/one"].branches["main"]) == 2


@pytest.mark.parametrize(
    ("method", "path", "status", "message", "told"),
    [
        ("GET", "whoami", 401, "Invalid credentials in Authorization header", "hf auth login"),
        ("POST", "repos/create", 403, "No rights here", "is yours.*No rights here"),
        ("POST", "/commit/", 403, "Private storage limit reached", "storage left.*limit reached"),
        ("POST", "objects/batch", 413, "Too large", "storage left"),
        ("PUT", "/lfs/", None, "", "5 times in a row.*same command"),
        ("POST", "/commit/", 500, "Oops", "5 times in a row"),
        ("POST", "preupload", 429, "Slow down", "5 times in a row.*Slow down"),
    ],
)
def test_what_keeps_failing_is_told_and_nothing_is_published(
    hub: LoopbackHub,
    student: Student,
    method: str,
    path: str,
    status: int | None,
    message: str,
    told: str,
) -> None:
    hub.fail(method, path, status, message, times=100 * len(WAITS))
    with pytest.raises(PublishingError, match=f"(?s)Nothing was published.*|{told}") as raised:
        student.push_to_hub("you/one", **SMALL)
    assert "Nothing was published" in str(raised.value)
    if ("model", "you/one") in hub.repositories:
        assert set(hub.files("you/one")) == {".gitattributes"}


def test_without_a_token_one_is_told_to_log_in(
    hub: LoopbackHub, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PublishingError, match="hf auth login"):
        student.push_to_hub("you/one")
    with pytest.raises(PublishingError, match="Invalid credentials"):
        student.push_to_hub("you/one", token="hf_wrong")


def test_the_name_of_something_else_is_refused(hub: LoopbackHub, student: Student) -> None:
    from huggingface_hub import HfApi

    HfApi().create_repo("you/one")
    HfApi().upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="you/one")
    with pytest.raises(PublishingError, match="holds something else"):
        student.push_to_hub("you/one", **SMALL)
    assert set(hub.files("you/one")) == {".gitattributes", "config.json"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"license": "Apache 2.0"}, "Did you mean apache-2.0"),
        ({"language": "English"}, "ISO 639"),
        ({"dataset_id": "/home/me/data"}, "dataset_id must be an id on the Hub"),
        ({"teacher_id": "a/b/c"}, "teacher_id must be an id on the Hub"),
        ({"without": ["weights"]}, "without must be one of metrics, explanations"),
    ],
)
def test_what_the_hub_would_refuse_is_refused_first(
    hub: LoopbackHub, student: Student, given: dict, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        student.push_to_hub("you/one", **given)
    assert not hub.repositories
