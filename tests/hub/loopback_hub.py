# SPDX-License-Identifier: Apache-2.0
"""A Hub on 127.0.0.1 that speaks the calls which huggingface_hub's client makes.

Everything is kept in memory. `hub_calls` has the calls.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.hub_calls import CALLS, HubCalls, HubError
from tests.hub.hub_repositories import Blob, Repository


@dataclass
class Fault:
    """What goes wrong at the next calls that match."""

    method: str
    path: re.Pattern[str]
    status: int | None
    message: str
    headers: dict[str, str]
    after: bool
    left: int


class LoopbackHub:
    """The server; `with LoopbackHub() as hub:` starts and stops it.

    Attributes:
        endpoint: Its address, for HF_ENDPOINT.
        repositories: Everything that was pushed, by ("model", "you/name").
        calls: Every call that was made: method and path.
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LoopbackHub:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(
        self,
        method: str,
        path: str,
        status: int | None = None,
        message: str = "",
        *,
        times: int = 1,
        headers: dict[str, str] | None = None,
        after: bool = False,
    ) -> None:
        """Let the next calls fail.

        Args:
            method: HTTP method of the calls.
            path: Regular expression that is searched in their path.
            status: Status of the answer; None cuts the connection in the middle of the upload.
            message: What the Hub says.
            times: How many calls fail.
            headers: Further headers of the answer.
            after: Whether the call is carried out, and only its answer is lost.
        """
        given = (method, re.compile(path), status, message, headers or {}, after, times)
        self._faults.append(Fault(*given))

    def fault(self, method: str, path: str) -> Fault | None:
        """The fault of a call, which then is used up."""
        with self._lock:
            for one in self._faults:
                if one.left and one.method == method and one.path.search(path):
                    one.left -= 1
                    return one
        return None

    def files(self, name: str, kind: str = "model", revision: str = "main") -> dict[str, bytes]:
        """The files of a repository, by path."""
        commit = self.repositories[kind, name].at(revision)
        assert commit is not None, revision
        return {path: blob.data for path, blob in commit.files.items()}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One call at a time changes what is kept."""
        with self._lock:
            yield


class _Handler(HubCalls):
    """One call. The class attribute `hub` is the server that it belongs to."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing is printed; `LoopbackHub.calls` has it."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_HEAD(self) -> None:
        self._serve("HEAD")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.hub.calls.append(f"{method} {path}")
        fault = self.hub.fault(method, path)
        if fault is not None and fault.status is None and not fault.after:
            self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            return self._hang_up()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault is not None and not fault.after:
            return self._error(fault.status or 500, fault.message, None, fault.headers)
        try:
            with self.hub.locked():
                for verb, pattern, call in CALLS:
                    match = re.fullmatch(pattern, path)
                    if verb == ("GET" if method == "HEAD" else method) and match:
                        query = {name: values[0] for name, values in parse_qs(url.query).items()}
                        answer = call(self, *match.groups(), body=body, query=query)
                        break
                else:
                    raise HubError(404, f"There is no such call: {method} {path}", "EntryNotFound")
        except HubError as error:
            return self._error(error.status, error.message, error.code)
        if fault is not None:
            return self._hang_up() if fault.status is None else self._error(fault.status, "", None)
        if isinstance(answer, Blob | tuple):
            return None  # the call has sent it itself
        self._send(200, json.dumps(answer).encode())
        return None

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        given = {"Content-Type": "application/json", **(headers or {})}
        given.setdefault("Content-Length", str(len(data)))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _error(
        self, status: int, message: str, code: str | None, headers: dict[str, str] | None = None
    ) -> None:
        told = {"X-Error-Message": message} if message else {}
        if code:
            told["X-Error-Code"] = code
        self._send(status, json.dumps({"error": message}).encode(), {**told, **(headers or {})})
