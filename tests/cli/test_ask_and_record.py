# SPDX-License-Identifier: Apache-2.0
"""From texts and a chat endpoint to a student, by three commands."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

from dixtill_hf.cli.main import main

pytest.importorskip("openai", reason="the extra endpoint is not installed")


class _Handler(BaseHTTPRequestHandler):
    """Calls texts with "fell" bearish, and quotes the word."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fell = "fell" in asked["messages"][0]["content"]
        said = {"label": "bearish" if fell else "bullish", "quotes": ["fell"] if fell else []}
        message = {"role": "assistant", "content": json.dumps(said)}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        content = {"id": "1", "object": "x", "created": 0, "model": "m", "choices": [choice]}
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_ask_then_record(
    address: str, tmp_path: Path, sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("\n".join(["text", *(f'"{one} {i}"' for i, one in enumerate(sentences))]))
    answers = tmp_path / "answers.jsonl"
    ask = ["ask", "--source", str(texts), "--output", str(answers), "--model", "m"]
    ask += ["--base_url", address, "--instruction", "Is the news good?", "--quotes"]
    ask += ["--labels", "bearish", "bullish", "--samples", "2", "--cache_dir", str(tmp_path / "a")]
    assert main([*ask, "--dry_run"]) == 0
    assert "12 texts: 24 calls to make, 0 answers kept" in capsys.readouterr().out
    assert not answers.exists()
    assert main([*ask, "--max_calls", "10"]) == 1
    assert "10 calls were made, and the budget is 10" in capsys.readouterr().err
    assert main(ask) == 0
    assert "14 calls to make, 10 answers kept" in capsys.readouterr().out
    record = ["record", "--source", str(answers), "--output_dir", str(tmp_path / "run")]
    assert main([*record, "--labels", "bearish", "bullish"]) == 0
    annotated = load_from_disk(str(tmp_path / "run" / "annotated"))
    rows = [*annotated["train"], *annotated["validation"]]
    (fell,) = [row for row in rows if "fell" in row["text"]]
    assert fell["teacher_explained_label"] == 0
    assert sum(fell["teacher_attributions"]) == 1
