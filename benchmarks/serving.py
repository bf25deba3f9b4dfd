# SPDX-License-Identifier: Apache-2.0
"""Load on `dixtill-hf serve` over loopback: requests a second and latency against concurrency.

    python -m benchmarks.serving STUDENT texts.txt --output benchmarks/results/serving.json

The server runs in a process of its own, the clients in threads of this one, each with one
connection that it keeps. In the end the server is stopped and started again under load: the clients
try again, and every text must get the same answer as before.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.workflow.environment import describe_environment

CONCURRENCY = (1, 2, 4, 8, 16)
_SECONDS_TO_START = 600
_BATCHES = (1, 64)


class Server:
    """A server in a process of its own."""

    def __init__(self, arguments: Sequence[str]) -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        command = [sys.executable, "-m", "dixtill_hf.cli.main", "serve", *arguments]
        self._command = [*command, "--port", str(self.port)]
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(self._command)
        end = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < end and self._process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        self._process.kill()
        raise RuntimeError(
            f"The server did not answer in {_SECONDS_TO_START} seconds: "
            f"{' '.join(self._command)} ended with {self._process.wait()}."
        )

    def stop(self) -> None:
        """Stop it as an operator does; requests under way are finished."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_SECONDS_TO_START)


class Client:
    """One connection, opened again when it is cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, texts: Sequence[str], words: int) -> list[dict[str, Any]]:
        """The predictions for texts, tried again until they come."""
        body = json.dumps({"texts": texts, "words": words})
        while True:
            try:
                if self._connection is None:
                    self._connection = http.client.HTTPConnection(
                        "127.0.0.1", self._port, timeout=30
                    )
                headers = {"Content-Type": "application/json"}
                self._connection.request("POST", "/predict", body, headers)
                response = self._connection.getresponse()
                content = response.read()
                if response.status == 200:
                    return json.loads(content)["predictions"]
            except (OSError, http.client.HTTPException):
                pass
            self._connection = None
            time.sleep(0.05)


def measure(
    port: int, texts: Sequence[str], concurrency: int, seconds: float, batch: int, words: int
) -> dict[str, float]:
    """Ask for so many seconds from so many clients at once."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    numbers = count()

    def ask() -> None:
        client = Client(port)
        while time.perf_counter() < end:
            first = next(numbers) * batch % (len(texts) - batch)
            start = time.perf_counter()
            client.ask(texts[first : first + batch], words)
            latencies.append(time.perf_counter() - start)

    start = time.perf_counter()
    in_threads(ask, concurrency)
    spent = time.perf_counter() - start
    return {
        "concurrency": concurrency,
        "batch": batch,
        "requests": len(latencies),
        "requests_per_second": len(latencies) / spent,
        "texts_per_second": batch * len(latencies) / spent,
        "p50_ms": 1000 * float(np.percentile(latencies, 50)),
        "p99_ms": 1000 * float(np.percentile(latencies, 99)),
    }


def in_threads(function: Any, threads: int) -> None:
    """Run a function in so many threads at once."""
    running = [threading.Thread(target=function) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def restart_under_load(server: Server, texts: Sequence[str]) -> dict[str, int]:
    """Stop and start the server while four clients ask; count answers that are lost or others."""
    expected = {text: Client(server.port).ask([text], 0)[0]["label"] for text in texts}
    found: dict[str, str] = {}
    left = list(texts)

    def ask() -> None:
        client = Client(server.port)
        while left:
            try:
                text = left.pop()
            except IndexError:
                return
            found[text] = client.ask([text], 0)[0]["label"]

    loader = threading.Thread(target=in_threads, args=(ask, 4))
    loader.start()
    server.stop()
    server.start()
    loader.join()
    differing = sum(found[text] != expected[text] for text in found)
    return {"texts": len(expected), "answered": len(found), "differing": differing}


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("student")
    parser.add_argument("texts", type=Path, help="one text a line")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--words", type=int, default=3)
    parser.add_argument("--engine", default="auto")
    given = parser.parse_args()
    texts = list(dict.fromkeys(given.texts.read_text("utf-8").splitlines()))[:20_000]
    if len(texts) <= max(_BATCHES):
        parser.error(f"{given.texts} has {len(texts)} different lines: more than 64 are needed.")
    server = Server([given.student, "--engine", given.engine])
    try:
        measure(server.port, texts, 2, 1.0, 1, given.words)  # warms up
        rows = [
            measure(server.port, texts, concurrency, given.seconds, batch, given.words)
            for batch in _BATCHES
            for concurrency in CONCURRENCY
        ]
        restarted = restart_under_load(server, texts[:2000])
    finally:
        server.stop()
    result = {
        "command": f"python -m benchmarks.serving STUDENT texts.txt --seconds {given.seconds} "
        f"--words {given.words} --engine {given.engine}",
        "environment": describe_environment(),
        "texts": len(texts),
        "words": given.words,
        "load": rows,
        "restart": restarted,
    }
    write_json(given.output, result)
    for row in rows:
        print({name: round(value, 2) for name, value in row.items()})
    print(restarted)


if __name__ == "__main__":
    main()
