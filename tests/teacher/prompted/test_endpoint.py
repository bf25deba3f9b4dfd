# SPDX-License-Identifier: Apache-2.0
"""Endpoints, against a server on this machine."""

from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dixtill_hf.teacher.prompted.asking import LabelAsker
from dixtill_hf.teacher.prompted.endpoint import KEY_VARIABLE, ChatEndpoint, CompletionEndpoint
from tests.loopback_endpoint import JsonHandler, address, completion, serving

pytest.importorskip("openai", reason="the extra endpoint is not installed")
SECRET = "a-secret-that-is-nowhere"


class _Handler(JsonHandler):
    """Says "good"; of text, tokens of one character have log-probability -1."""

    def answer(self, asked: Any) -> dict[str, Any] | None:
        self.server.asked.append((self.headers["Authorization"], asked))  # type: ignore[attr-defined]
        if len(self.server.asked) == 1:  # type: ignore[attr-defined]
            return None  # busy at first
        if "messages" in asked:
            return completion(message={"role": "assistant", "content": "Good"})
        text = asked["prompt"] + "!"
        log_probabilities = {
            "tokens": list(text),
            "text_offset": list(range(len(text))),
            "token_logprobs": [None] + [-1.0] * (len(text) - 1),
            "top_logprobs": None,
        }
        return completion(text=text, logprobs=log_probabilities)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with serving(_Handler) as found:
        found.asked = []  # type: ignore[attr-defined]
        yield found


def test_a_chat_is_sampled_and_the_key_is_nowhere(server: Any, tmp_path: Path) -> None:
    endpoint = ChatEndpoint("m", f"{address(server)}/v1")
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
    endpoint = CompletionEndpoint("m", f"{address(server)}/v1")
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
