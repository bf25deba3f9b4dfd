# SPDX-License-Identifier: Apache-2.0
"""Make the tiny students of `runtime/tests/students` and the answers that every engine must give.

    python runtime/tools/make_fixtures.py

Needs dixtill_hf. The weights are random; what counts is that all engines compute the same.
"""

import json
from pathlib import Path

import numpy as np

from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.float_student import DirectionWeights, FloatStudent
from dixtill_runtime.reference import ReferenceEngine

DIRECTORY = Path(__file__).resolve().parents[1] / "tests" / "students"
DIMENSIONS, HIDDEN, ATTENTION = 10, 6, 11
WORDS = (  # noqa: SIM905
    "the profit falls rises shares of acme after a weak strong quarter . , ! % - $ ' 1 200 jobs "
    "not warning warnings warned outlook "
    "café naïve straße όσοσ ελλάδα привет 東 京 す で と กา ก ำ "
    "istanbul şirket 한국 ȩ́ internationalisation internationalised internationalises"
).split()
TEXTS = (
    "",
    " ",
    "Profit warning: ACME cuts 1,200 jobs!",
    "the the the the the the the the the the the the",
    "Shares of Acme rise after a strong quarter, not a weak one.",
    "unknown words everywhere",
    "cafe\u0301 CAFÉ naïve Straße ΌΣΟΣ ΕΛΛΆΔΑ Привет",
    "東京 ですと กาก\u0e33",
    "\u0130stanbul i\u0307stanbul \u03cc\u03c3\u03bf\u03c2 "
    "\u1112\u1161\u11ab\u1100\u116e\u11a8 e\u0301\u0327",
    "[PAD] a[UNK]b [pad]",
    "nul\x00 bell\x07 soft\u00adhyphen \ufffd tab\tline\nend\u2028",
    "internationalisation internationalised internationalises internationalise",
    "\U0001f600 \U0001d15e \U0002f801 \ufb1d",
    "\ud800 lone \udfff",
    "word " * 20,
)


def random_student(seed: int = 0) -> FloatStudent:
    """A student with random weights, of the size of trained ones."""
    random = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
        return scale * random.standard_normal(shape)

    def direction() -> DirectionWeights:
        return DirectionWeights(
            input_weight=normal(4 * HIDDEN, DIMENSIONS, scale=0.6),
            state_weight=normal(4 * HIDDEN, HIDDEN, scale=0.6),
            bias=normal(4 * HIDDEN, scale=0.3),
        )

    words = tuple(dict.fromkeys(WORDS))
    vectors = normal(len(words) + 2, DIMENSIONS)
    vectors[-1] = 0  # [PAD]
    return FloatStudent(
        words=words,
        vectors=vectors,
        literals={"[PAD]": len(words) + 1, "[UNK]": 0},
        splits_words=True,
        word_limit=16,
        directions=(direction(), direction()),
        attention_weight=normal(ATTENTION, 2 * HIDDEN),
        attention_vector=normal(ATTENTION),
        classifier_weight=normal(3, 2 * HIDDEN, scale=2.0),
        classifier_bias=normal(3, scale=0.2),
        labels=("down", "up", "même"),
        explanation="contributions",
    )


def main() -> None:
    """Write the students and their answers."""
    DIRECTORY.mkdir(exist_ok=True)
    for bits in ("8", "4", "pq"):
        data = student_bytes(random_student(), bits, {"generator": "make_fixtures.py"})
        (DIRECTORY / f"{bits}.dxt").write_bytes(data)
        engine = ReferenceEngine(data)
        answers = [{"text": text, **engine.run(text)._asdict()} for text in TEXTS]
        # ASCII escapes, because JSON in UTF-8 cannot hold lone surrogates.
        lines = ",\n".join(json.dumps(answer) for answer in answers)
        (DIRECTORY / f"{bits}.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")


if __name__ == "__main__":
    main()
