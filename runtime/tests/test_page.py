# SPDX-License-Identifier: Apache-2.0
"""The page, driven in headless Chromium."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dixtill_runtime.browser import Example, page
from dixtill_runtime.container import read_container
from dixtill_runtime.reference import ReferenceEngine
from runtime.tests.chromium import PASTED, Browser, chromium

EXAMPLES: list[Example] = [
    {
        "text": "Profit falls.",
        "teacher": {
            "label": "<b>down</b>",
            "segments": [("Profit", -0.1), (" ", None), ("falls", 0.4), (".", 0.0)],
        },
    },
    {"text": "Profit rises.", "teacher": None},
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def bits() -> str:
    return "8"


@pytest.fixture
def opened(browser: Browser, student: bytes, tmp_path: Path) -> Browser:
    """The page of the tiny student."""
    path = tmp_path / "page.html"
    path.write_text(page(student, "Tiny <student>", EXAMPLES), encoding="utf-8")
    browser.open(path)
    return browser


def test_what_is_typed_is_classified_and_explained(opened: Browser, student: bytes) -> None:
    text = "Profit warning: unknownword cafe\u0301!"
    opened.type(text)
    answer = ReferenceEngine(student).run(text)
    labels = read_container(student).labels
    best = answer.logits.index(max(answer.logits))
    assert opened.run("element('prediction').textContent") == labels[best]
    shown = opened.run("[...document.querySelectorAll('#words .word')].map((w) => w.textContent)")
    assert shown == [text[start:end] for start, end in answer.spans]
    assert opened.run("element('words').textContent") == text
    unknown = opened.run("[...document.querySelectorAll('#words .unknown')].length")
    assert unknown == answer.rows.count(0)


def test_pasted_html_is_text(opened: Browser) -> None:
    opened.type(PASTED)
    assert opened.run("element('words').textContent") == PASTED
    assert opened.run("document.images.length") == 0
    assert opened.run("window.ran") is None


def test_names_and_examples_are_text(
    browser: Browser, random_file: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    examples: list[Example] = [{"text": PASTED, "teacher": None}]
    path.write_text(page(random_file((8, 8, 8, 2)), PASTED, examples), encoding="utf-8")
    browser.open(path)
    assert browser.run("document.querySelector('h1').textContent") == PASTED
    assert browser.run("document.querySelector('#examples button').textContent") == PASTED
    assert browser.run("document.images.length") == 0
    assert browser.run("window.ran") is None


def test_examples_show_the_teachers_explanation(opened: Browser) -> None:
    opened.run("document.querySelectorAll('#examples button')[0].click()")
    assert not opened.run("element('teacher').hidden")
    assert opened.run("element('teacher-label').textContent") == "<b>down</b>"
    assert opened.run("element('teacher-words').textContent") == "Profit falls."
    shown = opened.run(
        "[...element('teacher-words').children].map((w) => [w.textContent, w.className, "
        "w.style.getPropertyValue('--share')])"
    )
    assert shown == [
        ["Profit", "word against", "0.250"],
        ["falls", "word for", "1.000"],
        [".", "word for", "0.000"],
    ]
    opened.run("document.querySelectorAll('#examples button')[1].click()")
    assert opened.run("element('teacher').hidden")
    opened.type("Profit falls.")
    assert not opened.run("element('teacher').hidden")
    opened.type("Profit falls again.")
    assert opened.run("element('teacher').hidden")


def test_a_click_on_a_label_shows_the_contributions_to_it(opened: Browser, student: bytes) -> None:
    text = "Profit falls."
    opened.run("document.querySelector('#examples button').click()")
    answer, container = ReferenceEngine(student).run(text), read_container(student)
    for label, name in enumerate(container.labels):
        opened.run(f"element('labels').children[{label}].click()")
        pressed = "[...element('labels').children].map((b) => b.ariaPressed === 'true')"
        assert opened.run(pressed) == [k == label for k in range(len(container.labels))]
        assert opened.run("document.activeElement.ariaPressed") == "true"
        cells = opened.run("[...element('table').rows].map((r) => r.cells[1].textContent)")
        unit = 2.0**-container.head.logit_bits
        expected = [row[label] * unit for row in answer.contributions]
        assert [float(cell.replace("\u2212", "-")) for cell in cells] == pytest.approx(
            expected, abs=5e-4
        )
        assert name in opened.run("element('legend').textContent")


def test_a_megabyte_is_cut_where_the_student_was_trained_to_cut(
    opened: Browser, student: bytes
) -> None:
    limit = read_container(student).head.word_limit
    opened.run("element('text').value = 'profit '.repeat(150000)")
    opened.run("element('text').dispatchEvent(new Event('input'))")
    opened.wait("element('words').querySelector('.unread') !== null")
    assert opened.run("document.querySelectorAll('#words .word').length") == limit
    assert f"first {limit} words" in opened.run("element('legend').textContent")
    opened.type("\u0301" * 20_000)
    assert opened.run("document.querySelectorAll('#words .word').length") == 1


def test_a_file_is_opened_and_a_damaged_one_is_named(
    browser: Browser, student_file: Path, tmp_path: Path
) -> None:
    path, damaged = tmp_path / "page.html", tmp_path / "damaged.dxt"
    path.write_text(page(), encoding="utf-8")
    damaged.write_bytes(student_file.read_bytes()[:-5])
    browser.open(path)
    assert browser.run("element('text').disabled")
    for file, words in ((student_file, "48 words"), (damaged, "truncated")):
        document = browser.send("DOM.getDocument")["root"]["nodeId"]
        node = browser.send("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
        browser.send("DOM.setFileInputFiles", files=[str(file)], nodeId=node)
        browser.wait(f"element('status').textContent.includes({json.dumps(words)})")
    assert browser.run("element('text').disabled")


def test_it_fits_320_pixels_and_follows_the_dark_mode(opened: Browser) -> None:
    size = {"width": 320, "height": 600, "deviceScaleFactor": 1, "mobile": True}
    opened.send("Emulation.setDeviceMetricsOverride", **size)
    opened.type("Donaudampfschifffahrtsgesellschaftskapitän" * 9)
    assert opened.run("document.documentElement.scrollWidth") <= 320
    background = []
    for scheme in ("light", "dark"):
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        opened.send("Emulation.setEmulatedMedia", features=media)
        background.append(opened.run("getComputedStyle(document.documentElement).color"))
    assert background[0] != background[1]


def test_it_loads_nothing_and_everything_has_a_name(opened: Browser) -> None:
    opened.type("Profit falls.")
    assert opened.run("performance.getEntriesByType('resource').length") == 0
    nodes = opened.send("Accessibility.getFullAXTree")["nodes"]
    names = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if node["role"]["value"] in ("textbox", "button", "heading")
    }
    assert ("textbox", "Text") in names
    assert all(name for _, name in names)


def test_the_module_is_small_and_imports_nothing() -> None:
    text = page()
    core = base64.b64decode(text.split('base64">')[1].split("<")[0])
    assert core[:4] == b"\0asm"
    assert len(core) <= 40_000
    assert 2 not in sections(core)


def sections(module: bytes) -> list[int]:
    """Numbers of a WebAssembly module's sections; 2 is the imports."""
    place, found = 8, []
    while place < len(module):
        found.append(module[place])
        place, shift, size = place + 1, 0, 0
        while True:
            size |= (module[place] & 127) << shift
            place, shift = place + 1, shift + 7
            if module[place - 1] < 128:
                break
        place += size
    return found


@pytest.mark.slow
def test_the_module_is_what_the_sources_compile_to(tmp_path: Path) -> None:
    """With the same compiler; another one gives other bytes."""
    pytest.importorskip("ziglang", reason="ziglang is not installed.")
    version = subprocess.run(
        [sys.executable, "-m", "ziglang", "version"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if version != "0.17.1":
        pytest.skip(f"The module was built by ziglang 0.17.1, this is {version}.")
    tool = Path(__file__).parents[1] / "tools" / "build_wasm.py"
    built = tmp_path / "dixtill.wasm"
    subprocess.run([sys.executable, str(tool), "--output", str(built)], check=True)
    kept = Path(__file__).parents[1] / "dixtill_runtime" / "browser" / "dixtill.wasm"
    assert built.read_bytes() == kept.read_bytes()
