# SPDX-License-Identifier: Apache-2.0
"""The finished parts of outputs, from which a killed call goes on."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dixtill_hf.artifacts.storage import Storage, split_address

logger = logging.getLogger(__name__)

_PLAN = "plan.json"
_FORMAT = 1


@dataclass(frozen=True)
class Parts:
    """The finished parts of outputs, in a folder next to them.

    Attributes:
        storage: The folder that holds the outputs.
        name: Name of the folder of the parts.
    """

    storage: Storage
    name: str

    @classmethod
    def of(cls, output: str) -> Parts:
        """The parts of an output file, or of a directory of them."""
        folder, name = split_address(output.rstrip("/"))
        return cls(folder, f"{name}.parts")

    @property
    def _folder(self) -> Storage:
        return self.storage.within(self.name)

    def refuse_existing(self, outputs: Sequence[str]) -> None:
        """Refuse outputs that are there before any part of them is.

        Raises:
            FileExistsError: There is one.
        """
        if self.storage.exists(self.name):
            return
        for output in outputs:
            folder, name = split_address(output)
            if folder.exists(name):
                raise FileExistsError(f"{output} is there already: remove it, or name another.")

    def begin(self, fingerprint: str) -> None:
        """Go on with the parts of this fingerprint; those of others are removed.

        Args:
            fingerprint: Hash of all that the outputs depend on.
        """
        plan = {"format": _FORMAT, "fingerprint": fingerprint}
        found = None
        with suppress(FileNotFoundError, ValueError):
            found = json.loads(self._folder.read(_PLAN))
        if found == plan:
            return
        if self.storage.exists(self.name):
            logger.warning(
                "%s holds parts that other files or settings have made: they are removed.",
                self.storage.path(self.name),
            )
            self.storage.remove(self.name)
        text = json.dumps(plan, indent=2).encode()
        self._folder.write(_PLAN, lambda file: file.write(text))

    def is_done(self, output: int) -> bool:
        """Whether the output of this number is finished."""
        return self._folder.exists(f"{output:05}.done")

    def finish(self, output: int) -> None:
        """Note that the output of this number is finished, and remove its parts."""
        self._folder.write(f"{output:05}.done", lambda file: None)
        self._folder.remove(f"{output:05}")

    def end(self) -> None:
        """Remove the folder: all outputs are there."""
        self.storage.remove(self.name)

    def folder(self, output: int) -> Storage:
        """Where the parts of the output of this number are."""
        return self._folder.within(f"{output:05}")
