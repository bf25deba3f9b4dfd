# SPDX-License-Identifier: Apache-2.0
"""The user's own scores: from columns of the dataset, or word by word from a lexicon."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dixtill_hf.teacher.encoding import EncodedText, collate
from dixtill_hf.teacher.explainers.base import Attribution, Explainer, register_explainer
from dixtill_hf.teacher.explainers.budget import TokenBudget
from dixtill_hf.teacher.explainers.lexicon import Lexicon, read_lexicon
from dixtill_hf.teacher.fingerprint import hash_json
from dixtill_hf.teacher.loading import Teacher

Spans = Sequence[tuple[int, int]]


@register_explainer("precomputed")
@dataclass(frozen=True)
class Precomputed(Explainer):
    """Scores that the user has: of people, of another method, or of a lexicon.

    The teacher is asked for its logits alone. The scores are taken to speak for the label that it
    predicts, and are given on as they are, those of words beyond the teacher's limit included.

    Attributes:
        scores: Column with a list of scores for every text.
        spans: Column with the `[start, end)` characters of every score. Without it there must be
            one score for each word of the text, words being what stands between white space.
        lexicon: Instead of columns: word (or phrase) → score, whatever the case, or a file of them
            (see `read_lexicon`). Words that are not in it score 0.
    """

    scores: str | None = None
    spans: str | None = None
    lexicon: Mapping[str, float] | str | Path | None = field(default=None, hash=False)
    _index: Lexicon | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        """Check the settings, and read the lexicon where it is a file.

        Raises:
            OSError: The lexicon's file cannot be read.
        """
        if (self.scores is None) == (self.lexicon is None):
            raise ValueError(
                "precomputed takes either scores, the name of a column (with spans, the name of "
                f"another, or one score a word), or a lexicon; got scores={self.scores!r} and "
                f"{'a' if self.lexicon is not None else 'no'} lexicon."
            )
        if self.spans is not None and self.scores is None:
            raise ValueError(f"spans={self.spans!r} needs scores, the column that they belong to.")
        if self.lexicon is not None:
            given = self.lexicon
            entries = given if isinstance(given, Mapping) else read_lexicon(Path(given))
            object.__setattr__(self, "_index", Lexicon(entries))
            plain = {entry: float(score) for entry, score in entries.items()}
            object.__setattr__(self, "lexicon", plain)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that were named."""
        return tuple(name for name in (self.scores, self.spans) if name is not None)

    def evaluations(self, words: int) -> float:
        """The text itself, for its logits."""
        return 1

    def settings(self) -> dict[str, Any]:
        """Name and settings; of a lexicon its size and a hash of what it holds."""
        lexicon = None
        if isinstance(self.lexicon, Mapping):
            lexicon = {"entries": len(self.lexicon), "hash": hash_json(self.lexicon)}
        columns = {"scores": self.scores, "spans": self.spans}
        return {"name": self.name, **columns, "lexicon": lexicon}

    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Explain texts; see `Explainer.explain`.

        Raises:
            ValueError: Scores do not fit their text.
        """
        given = [self._scored(text) for text in texts]

        def read(rows: list[int]) -> torch.Tensor:
            with torch.inference_mode():
                return teacher.logits(collate(teacher, [texts[row] for row in rows]).inputs).cpu()

        logits = budget.collect([len(text) for text in texts], read)
        return [
            Attribution(
                logits=logits[row].numpy(),
                label=int(logits[row].argmax()),
                spans=spans,
                scores=np.asarray(scores, dtype=np.float32),
                completeness_error=float("nan"),
                evaluations=1,
            )
            for row, (spans, scores) in enumerate(given)
        ]

    def _scored(self, text: EncodedText) -> tuple[Spans, Sequence[float]]:
        if self._index is not None:
            return self._index.find(text.text)
        scores = text.row[str(self.scores)]
        if self.spans is None:
            spans = [match.span() for match in re.finditer(r"\S+", text.text)]
            source = "words between white space"
        else:
            spans = [tuple(span) for span in text.row[self.spans] or []]
            source = f"spans in {self.spans!r}"
        shown = f"the text {text.text[:60]!r}"
        count = len(scores) if isinstance(scores, Sequence) else "no list of"
        if count != len(spans):
            raise ValueError(
                f"The column {self.scores!r} has {count} scores for the {len(spans)} {source} of "
                f"{shown}: one for each is needed."
            )
        _check_spans(spans, len(text.text), shown)
        if not np.isfinite(np.asarray(scores, dtype=float)).all():
            raise ValueError(
                f"The column {self.scores!r} has scores that are not finite for {shown}."
            )
        return spans, scores


def _check_spans(spans: Sequence[tuple[int, ...]], characters: int, shown: str) -> None:
    for span in spans:
        if len(span) != 2 or not 0 <= span[0] < span[1] <= characters:
            raise ValueError(
                f"{list(span)} is no span of {shown}: a [start, end) pair of its "
                f"{characters} characters is needed."
            )
