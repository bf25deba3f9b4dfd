# SPDX-License-Identifier: Apache-2.0
from dixtill_runtime.predictions import Prediction, Word

class Core:
    """A student, loaded by the compiled engine: an `engine.Engine`.

    Args:
        data: The bytes of a `.dxt` file.
        prediction: The class of predictions.
        word: The class of words.
    """

    def __new__(cls, data: bytes, prediction: type[Prediction], word: type[Word]) -> Core: ...
    labels: tuple[str, ...]
    problem_type: str
    explanation: str
    logit_unit: float
    score_unit: float
    thresholds: tuple[float, ...]
    answer_threshold: float
    meta: bytes
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

    def predict(self, text: str, /) -> Prediction:
        """Classify and explain a text."""

    def use_portable(self) -> None:
        """Use no vector instructions from now on; the answers are the same."""

    @property
    def instructions(self) -> str:
        """Which instructions do the work."""
