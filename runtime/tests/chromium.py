# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium (Debian: chromium), driven by the DevTools protocol over a pipe."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe")
# What would run if it were shown as HTML.
PASTED = '<img src=x onerror="window.ran = true"><script>window.ran = true</script><b>profit</b>'


@contextmanager
def chromium(profile: Path) -> Iterator["Browser"]:
    """A browser with an empty profile; a test is skipped if Chromium is not installed."""
    command = next(filter(shutil.which, COMMANDS), None)
    if command is None:
        pytest.skip("Chromium is not installed.")
    browser = Browser(command, profile)
    try:
        yield browser
    finally:
        browser.close()


class Browser:
    """Chromium, and the page that is open in it."""

    def __init__(self, command: str, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()

        def connect() -> None:  # The protocol's pipes are descriptors 3 and 4.
            read, write = os.dup(to_read), os.dup(to_write)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self._process = subprocess.Popen(
            [command, *OPTIONS, f"--user-data-dir={profile}"],
            pass_fds=(3, 4),
            preexec_fn=connect,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._numbers = count(1)
        self._session: str | None = None
        self._rest = b""

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._message()).get("id") != number:
            pass  # Events are of no interest.
        assert "error" not in answer, answer
        return answer["result"]

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 20)
            assert part, "Chromium has ended."
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, path: Path) -> None:
        """Open a file in a new tab and wait until its script has run."""
        self.visit(path.as_uri())
        self.wait("document.readyState === 'complete' && element('status').textContent !== ''")

    def visit(self, address: str) -> None:
        """Open an address in a new tab."""
        self._session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.send("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        result = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression holds."""
        self.run(
            "new Promise((resolve) => { const look = () => { let holds = false; "
            f"try {{ holds = {condition}; }} catch {{ holds = false; }} "
            "if (holds) resolve(); else setTimeout(look, 20); }; look(); })"
        )

    def type(self, text: str) -> None:
        """Put a text where the cursor is, as typing or pasting does, and wait for the answer."""
        self.run("element('text').focus(); element('text').select()")
        self.send("Input.insertText", text=text)
        self.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")

    def close(self) -> None:
        self._session = None
        self.send("Browser.close")
        self._process.wait(30)
        os.close(self._read)
        os.close(self._write)
