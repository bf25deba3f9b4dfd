# SPDX-License-Identifier: Apache-2.0
"""An endpoint on this machine: JSON is posted to it, and it answers with JSON."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class JsonHandler(BaseHTTPRequestHandler):
    """One call; a subclass says the answer."""

    def answer(self, asked: Any) -> Any:
        """The answer to what was posted; None if the endpoint is busy."""
        raise NotImplementedError

    def do_POST(self) -> None:
        answer = self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if answer is None:
            self.send_response(503)
            self.end_headers()
            return
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def serving(handler: type[JsonHandler]) -> Iterator[HTTPServer]:
    """A server that answers as the handler does, on a free port."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def address(server: HTTPServer) -> str:
    """Where a server listens."""
    return f"http://127.0.0.1:{server.server_port}"


def completion(**choice: Any) -> dict[str, Any]:
    """What an endpoint of OpenAI's kind answers, with one choice."""
    choices = [{"index": 0, "finish_reason": "stop", **choice}]
    return {"id": "1", "object": "x", "created": 0, "model": "m", "choices": choices}
