# SPDX-License-Identifier: Apache-2.0
"""Answers that were paid for, kept line by line, so that none is asked for twice."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

from dixtill_hf.artifacts.hashing import hash_json

logger = logging.getLogger(__name__)


class AnswerStore:
    """Answers by question, in a file of JSON lines that only grows.

    Each answer is on the disk before the next one is asked for. A line that a killed process left
    unfinished is passed over. Several threads may use one store, and several processes one file;
    an answer that two of them asked for at the same time is kept twice and read once.
    """

    def __init__(self, path: Path) -> None:
        """Read what the file holds; it is made if it is not there.

        Raises:
            OSError: The file cannot be read or written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.seconds: list[float] = []
        self._answers: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._ends_whole = True
        if path.is_file():
            self._read()

    def __len__(self) -> int:
        """Number of answers."""
        return len(self._answers)

    def __contains__(self, question: Any) -> bool:
        return hash_json(question) in self._answers

    def __getitem__(self, question: Any) -> Any:
        return self._answers[hash_json(question)]

    def add(self, question: Any, answer: Any, seconds: float) -> None:
        """Keep an answer.

        Args:
            question: All that the answer depends on, as JSON values.
            answer: JSON values.
            seconds: How long it took.
        """
        key = hash_json(question)
        line = json.dumps({"question": key, "answer": answer, "seconds": round(seconds, 4)})
        with self._lock:
            start = "" if self._ends_whole else "\n"
            with self.path.open("ab") as file:
                file.write(f"{start}{line}\n".encode())
                file.flush()
                os.fsync(file.fileno())
            self._ends_whole = True
            self._answers[key] = answer
            self.seconds.append(seconds)

    def _read(self) -> None:
        content = self.path.read_bytes()
        self._ends_whole = content.endswith(b"\n") or not content
        damaged = 0
        for line in content.splitlines():
            try:
                found = json.loads(line)
                self._answers.setdefault(found["question"], found["answer"])
                self.seconds.append(float(found["seconds"]))
            except (ValueError, KeyError, TypeError):
                damaged += 1
        if damaged:
            logger.warning(
                "%s has %d lines that are not whole: their questions are asked again.",
                self.path,
                damaged,
            )
