# SPDX-License-Identifier: Apache-2.0
"""The fewest words whose removal changes a student's label, each answer checked by removing them.

A counterfactual explanation (Wachter et al., 2018, arXiv:1711.00399) of the kind that only removes
words. The student is small enough to try every small set of words; larger sets grow word by word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import comb

import torch
from transformers import PreTrainedTokenizerFast

from dixtill_hf.data.problem_types import check_single_label
from dixtill_hf.data.text_pairs import as_text, spans_in_text
from dixtill_hf.data.words import without_spans
from dixtill_hf.student.inputs import INPUTS, check_reads
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import encode_padded

# Texts that are tried at once.
_BATCH = 256
# All sets of one size are tried if there are no more than these.
_MOST_SETS = 5_000


@dataclass(frozen=True)
class Counterfactual:
    """A text without some words, for which the student says another label.

    Attributes:
        text: The text.
        label: The student's label for it.
        words: The words that were removed, in their order.
        spans: First character of each and the one after its last.
        new_text: The text without them: each word's characters are spaces.
        new_label: The student's label for `new_text`.
        fewest: Whether every smaller set of words was tried, so that none of them is enough.
    """

    text: str
    label: str
    words: list[str]
    spans: list[tuple[int, int]]
    new_text: str
    new_label: str
    fewest: bool

    def __str__(self) -> str:
        removed = ", ".join(map(repr, self.words))
        return f"{self.label} becomes {self.new_label} without {removed}"


def find_counterfactual(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    text: str | Mapping[str, str],
    most_words: int | None = None,
) -> Counterfactual | None:
    """Find the fewest words whose removal changes the label of a text.

    Args:
        model: The student.
        tokenizer: Its tokenizer.
        text: The text. For a student of pairs: `{"text": ..., "text_pair": ...}` or a `TextPair`.
        most_words: Words that may be removed, at least 1. Default: all of them.

    Returns:
        The counterfactual; None if no set of words that was tried changes the label. First all sets
        of one word are tried, then all of two and so on, while a size has at most 5,000 sets. Then
        one set grows, each time by the word without which the label leads least, and loses the
        words that it does not need in the end.

    Raises:
        ValueError: `most_words` is below 1, the student does not give a text one label, or it reads
            pairs and the text is single or the reverse.
    """
    check_single_label(model.config, "find_counterfactual")
    text = as_text(text)
    check_reads(model.config, [text])
    if most_words is not None and most_words < 1:
        raise ValueError(f"most_words must be at least 1, got {most_words}.")
    search = _Search(model, tokenizer, text)
    found = search.run(len(search.spans) if most_words is None else most_words)
    if found is None:
        return None
    removed, new_label, fewest = found
    spans = [search.spans[place] for place in removed]
    names = model.config.id2label
    return Counterfactual(
        text=text,
        label=names[search.label],
        words=[text[first:end] for first, end in spans],
        spans=spans,
        new_text=search.without(removed),
        new_label=names[new_label],
        fewest=fewest,
    )


class _Search:
    """The words of one text, and which sets of them change its label."""

    def __init__(
        self, model: DixtillForSequenceClassification, tokenizer: PreTrainedTokenizerFast, text: str
    ) -> None:
        self.model, self.tokenizer, self.text = model, tokenizer, text
        encoding = encode_padded(tokenizer, [text])[0]
        # Several words of one character, such as the parts of an emoji, are removed as one.
        offsets = spans_in_text(text, encoding)
        self.spans = sorted({span for span in offsets if span[0] < span[1]})
        self.label = int(self._logits([()])[0].argmax())

    def run(self, most_words: int) -> tuple[tuple[int, ...], int, bool] | None:
        """The set of words, the label without them, and whether it is known to be the smallest."""
        words, most = len(self.spans), min(most_words, len(self.spans))
        for size in range(1, most + 1):
            if comb(words, size) > _MOST_SETS:
                grown = self._grow(most)
                return None if grown is None else (*grown, len(grown[0]) == size)
            found = self._best_change(list(combinations(range(words), size)))
            if found is not None:
                return *found, True
        return None

    def without(self, removed: tuple[int, ...]) -> str:
        """The text without some words, whose characters become spaces."""
        return without_spans(self.text, [self.spans[place] for place in removed])

    def _best_change(self, sets: list[tuple[int, ...]]) -> tuple[tuple[int, ...], int] | None:
        """The set without which the label is furthest behind another one, and that one."""
        leads, labels = self._leads(sets)
        best = int(leads.argmin())
        return None if labels[best] == self.label else (sets[best], int(labels[best]))

    def _grow(self, most_words: int) -> tuple[tuple[int, ...], int] | None:
        """A set that grew until the label changed, without the words that it does not need."""
        removed: tuple[int, ...] = ()
        while len(removed) < most_words:
            others = [place for place in range(len(self.spans)) if place not in removed]
            sets = [tuple(sorted((*removed, place))) for place in others]
            leads, labels = self._leads(sets)
            best = int(leads.argmin())
            removed = sets[best]
            if labels[best] != self.label:
                return self._shrink(removed, int(labels[best]))
        return None

    def _shrink(self, removed: tuple[int, ...], label: int) -> tuple[tuple[int, ...], int]:
        while len(removed) > 1:
            found = self._best_change(list(combinations(removed, len(removed) - 1)))
            if found is None:
                break
            removed, label = found
        return removed, label

    def _leads(self, sets: list[tuple[int, ...]]) -> tuple[torch.Tensor, torch.Tensor]:
        """By how much the label leads the next one without each set, and the label there."""
        logits = torch.cat([self._logits(batch) for batch in _batches(sets)])
        labels, lead = logits.argmax(dim=-1), logits[:, self.label].clone()
        logits[:, self.label] = -torch.inf
        return lead - logits.max(dim=-1).values, labels

    def _logits(self, sets: list[tuple[int, ...]]) -> torch.Tensor:
        texts = [self.without(removed) for removed in sets]
        encoding = encode_padded(self.tokenizer, texts).to(self.model.device)
        with torch.inference_mode():
            inputs = {name: encoding[name] for name in INPUTS if name in encoding}
            return self.model(**inputs).logits.cpu()


def _batches(sets: list[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    for start in range(0, len(sets), _BATCH):
        yield sets[start : start + _BATCH]
