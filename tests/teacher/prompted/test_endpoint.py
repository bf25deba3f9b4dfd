# SPDX-License-Identifier: Apache-2.0
"""Endpoints, against a server on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dixtill_hf.teacher.prompted.asking import LabelAsker
from dixtill_hf.teacher.prompted.endpoint import KEY_VARIABLE, ChatEndpoint, CompletionEndpoint

pytest.importorskip("openai", reason="the extra endpoint is not installed")
SECRET = "a-secret-that-is-nowhere"


class _Handler(BaseHTTPRequestHandler):
    """Says "good"; of text, tokens of one character have log-probability -1."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.headers["Authorization"], asked))  # type: ignore[attr-defined]
        if len(self.server.asked) == 1:  # type: ignore[attr-defined]
            self.send_response(503)  # busy at first
            self.end_headers()
            return
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        if "messages" in asked:
            choice["message"] = {"role": "assistant", "content": "Good"}
        else:
            text = asked["prompt"] + "!"
            choice["text"] = text
            choice["logprobs"] = {
                "tokens": list(text),
                "text_offset": list(range(len(text))),
                "token_logprobs": [None] + [-1.0] * (len(text) - 1),
                "top_logprobs": None,
            }
        body = json.dumps(
            {"id": "1", "object": "x", "created": 0, "model": "m", "choices": [choice]}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    found = HTTPServer(("127.0.0.1", 0), _Handler)
    found.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()


def address(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/v1"


def test_a_chat_is_sampled_and_the_key_is_nowhere(server: Any, tmp_path: Path) -> None:
    endpoint = ChatEndpoint("m", address(server))
    asker = LabelAsker(
        endpoint, ["good", "bad"], "Judge it.", key=endpoint.key, directory=tmp_path, samples=2
    )
    assert asker.scoring == "sampled"
    np.testing.assert_allclose(np.exp(asker(["a text"])), [[2.5 / 3, 0.5 / 3]], rtol=1e-6)
    sent, asked = server.asked[-1]
    assert sent == f"Bearer {SECRET}"
    assert asked["messages"][0]["content"].endswith("Text:\na text\nLabel:")
    kept = "".join(path.read_text() for path in tmp_path.iterdir()) + asker.key + endpoint.key
    assert SECRET not in kept
    assert SECRET not in repr(vars(asker))


def test_a_completion_is_scored(server: Any, tmp_path: Path) -> None:
    endpoint = CompletionEndpoint("m", address(server))
    asker = LabelAsker(
        endpoint, ["good", "bad"], "Judge it.", key=endpoint.key, directory=tmp_path, workers=1
    )
    np.testing.assert_array_equal(asker(["a text"]), [[-5, -4]])


def test_the_hosted_endpoint_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(ValueError, match=f"set {KEY_VARIABLE}"):
        ChatEndpoint("m")
    with pytest.raises(ValueError, match="temperature must be 0 to 2"):
        ChatEndpoint("m", "http://localhost", temperature=3)
