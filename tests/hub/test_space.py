# SPDX-License-Identifier: Apache-2.0
"""The static Space, written, pushed, and driven in headless Chromium with the network cut off."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")

from dixtill_hf import Student, load_student
from dixtill_hf.cli.main import main
from dixtill_hf.distillation.building import build_student
from runtime.tests.chromium import PASTED, Browser, chromium
from tests.hub.loopback_hub import LoopbackHub

METRICS = {
    "teacher": {"name": "/home/me/big", "bytes": 91_600_000},
    "environment": {"cpu": "Some CPU"},
    "efficiency": {
        "rows": [
            {"model": "teacher", "threads": 1, "batch_size": 1, "tokenization": True, **row}
            for row in (
                {"runtime": "pytorch", "p50_ms": 14.7},
                {"runtime": "onnxruntime", "p50_ms": 9.3},
            )
        ]
    },
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student in the directory of a run that measured its teacher."""
    directory = tmp_path_factory.mktemp("run")
    texts = ["Acme shares rise", "Acme shares fall"]
    Student(*build_student(2 * texts, ["down", "up"], word_vectors="none")).save(
        directory / "student"
    )
    (directory / "metrics.json").write_text(json.dumps(METRICS))
    return directory / "student"


@pytest.fixture(scope="module")
def space(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("space")
    options = ["--repo_id", "you/one", "--license", "mit", "--examples", "Acme shares rise"]
    assert main(["space", str(saved), str(directory), *options]) == 0
    return directory


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, space: Path) -> Browser:
    browser.open(space / "index.html")
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.send("Network.enable")
    browser.send("Network.emulateNetworkConditions", **offline)
    return browser


def test_the_space_is_described_as_the_hub_wants_it(space: Path) -> None:
    _, front, text = (space / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(front)
    assert (card["sdk"], card["app_file"], card["license"]) == ("static", "index.html", "mit")
    assert card["models"] == ["you/one"]
    assert len(card["short_description"]) <= 60
    assert "no text leaves the device" in text


def test_student_and_space_are_pushed_together(hub: LoopbackHub, saved: Path) -> None:
    url = load_student(saved).push_to_hub(
        "you/one", space=True, license="mit", language="en", without=["onnx"]
    )
    assert url.endswith("/you/one")
    assert hub.repositories["space", "you/one"].sdk == "static"
    assert {"index.html", "README.md"} <= set(hub.files("you/one", "space"))
    assert b"huggingface.co/you/one" in hub.files("you/one", "space")["index.html"]


def test_a_text_is_read_offline_and_words_tell_their_part_in_each_label(opened: Browser) -> None:
    opened.type("Acme shares rise")
    assert opened.run("element('prediction').textContent") in ("down", "up")
    titles = opened.run("[...document.querySelectorAll('#words .word')].map((w) => w.title)")
    assert len(titles) == 3
    assert all("down " in title and "up " in title for title in titles)


def test_pasted_html_is_text(opened: Browser) -> None:
    opened.type(PASTED)
    assert opened.run("element('words').textContent") == PASTED
    assert opened.run("window.ran") is None


def test_the_link_keeps_the_text(opened: Browser, space: Path) -> None:
    text = 'Acme & <b>"shares"</b> 100% é 東京 #1'
    opened.type(text)
    address = opened.run("element('share').href")
    opened.send("Page.navigate", url="about:blank")
    opened.send("Page.navigate", url=address)
    opened.wait("document.readyState === 'complete' && element('words').textContent !== ''")
    assert opened.run("element('text').value") == text
    opened.run("location.hash = '#text=%E'")  # cut in the middle of a character
    assert opened.run("element('text').value") == text


def test_student_and_teacher_are_compared(opened: Browser) -> None:
    opened.type("Acme shares rise")
    opened.wait("element('student-time').textContent.includes('this browser')")
    assert opened.run("element('teacher-name').textContent") == "big"
    assert opened.run("element('teacher-size').textContent") == "91.6 MB"
    assert opened.run("element('teacher-time').textContent") == "9.3 ms"
    assert "onnxruntime on one thread of Some CPU" in opened.run(
        "element('teacher-setting').textContent"
    )
    assert "kB" in opened.run("element('student-size').textContent")


def test_it_fits_a_phone_and_every_control_has_a_name(opened: Browser) -> None:
    size = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    opened.send("Emulation.setDeviceMetricsOverride", **size)
    opened.type("Acme shares rise " * 30)
    assert opened.run("document.documentElement.scrollWidth") <= 320
    nodes = opened.send("Accessibility.getFullAXTree")["nodes"]
    roles = ("textbox", "button", "heading", "link", "columnheader", "rowheader")
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if node["role"]["value"] in roles
    ]
    assert ("link", "Link to this text") in named
    assert all(name for _, name in named)
    opened.send("Emulation.clearDeviceMetricsOverride")
