# SPDX-License-Identifier: Apache-2.0
"""A proxy on loopback that makes a server slow, or cuts its answers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

_AT_ONCE = 65536


class LoopbackProxy:
    """Passes connections on to a server on loopback.

    Attributes:
        port: Its own port.
        delay: Seconds that every answer is late. Default 0.
        cuts: So many answers that are longer than `cut_after` bytes are cut there, and their
            connections closed. Default 0.
        cut_after: See `cuts`.
        cut: How many were.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.delay = 0.0
        self.cuts = self.cut = 0
        self.cut_after = 2000
        self._lock = threading.Lock()
        self._run(self._accept)

    def close(self) -> None:
        """Take no more connections."""
        self._socket.close()

    @staticmethod
    def _run(function: Callable[..., None], *given: object) -> None:
        threading.Thread(target=function, args=given, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._run(self._pass_on, client, server)
                self._run(self._answer, server, client)

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_AT_ONCE):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_AT_ONCE):
                time.sleep(self.delay)
                if len(data) > self.cut_after and self._take_cut():
                    client.sendall(data[: self.cut_after])
                    break
                client.sendall(data)
            for one in (client, server):
                one.shutdown(socket.SHUT_RDWR)

    def _take_cut(self) -> bool:
        with self._lock:
            if self.cut >= self.cuts:
                return False
            self.cut += 1
            return True
