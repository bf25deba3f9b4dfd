# SPDX-License-Identifier: Apache-2.0
class Core:
    """A student, loaded by the compiled engine. It may be used from several threads at once."""

    def __new__(cls, data: bytes) -> Core: ...
    def run(
        self, text: str, /
    ) -> tuple[
        list[tuple[int, int]],
        list[int],
        list[int],
        list[tuple[int, ...]],
        tuple[int, ...],
        tuple[int, ...],
        bool,
    ]:
        """The fields of an `Answer`."""

    def use_portable(self) -> None:
        """Use no vector instructions from now on; the answers are the same."""

    @property
    def instructions(self) -> str:
        """Which instructions do the work."""
