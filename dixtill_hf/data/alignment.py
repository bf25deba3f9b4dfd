# SPDX-License-Identifier: Apache-2.0
"""Carry attributions from the teacher's spans of characters to words, the student's or others.

Teacher and student meet only here: any tokenizer works on either side.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dixtill_hf.data.names import check_name

Reduction = Literal["sum", "mean"]
REDUCTIONS: tuple[str, ...] = get_args(Reduction)


def explained_scores(attributions: ArrayLike, label: int) -> NDArray[np.float64]:
    """The attributions of the label that an annotated text explains.

    Args:
        attributions: Attributions of one text, as `annotate` gives them: shape `(spans,)`, or
            `(labels, spans)` if the explainer explains all labels.
        label: The label that is explained.

    Returns:
        One value per span, shape `(spans,)`.
    """
    scores = np.asarray(attributions, dtype=float)
    return scores[label] if scores.ndim == 2 else scores


def align_spans(
    spans: ArrayLike,
    attributions: ArrayLike,
    word_offsets: ArrayLike,
    reduction: Reduction = "sum",
) -> NDArray[np.float64]:
    """Attribution of every word of one text, from those of the teacher's spans.

    A span that lies on several words is shared among them by the characters that it has in each;
    characters between words count for none. A span that touches no word, such as a piece that is
    a space, belongs to the nearest word, the later one where two are as near. So with "sum" the
    words' attributions add up to the spans', unless the text has no word at all.

    Args:
        spans: `[start, end)` characters of each attributed token, shape `(spans, 2)`.
        attributions: One value per span, shape `(spans,)`.
        word_offsets: `[start, end)` characters of each word, in the order of the text, shape
            `(words, 2)`.
        reduction: "sum" adds up what a word has of each span; "mean" is the mean of the spans'
            attributions, each weighted by the share of the span that the word has.

    Returns:
        One value per word, shape `(words,)`; 0 for a word without spans.

    Raises:
        ValueError: The shapes do not fit, a span or word ends before it starts, words are not in
            order, or the reduction is unknown.
    """
    spans, offsets = _pairs(spans, "spans"), _pairs(word_offsets, "word_offsets")
    attributions = np.asarray(attributions, dtype=float)
    if attributions.shape != (len(spans),):
        raise ValueError(
            f"attributions have shape {attributions.shape} for {len(spans)} spans: expected "
            f"({len(spans)},), one for each span."
        )
    return align_batch(
        spans, attributions, np.array([len(spans)]), offsets, np.array([len(offsets)]), reduction
    )


def align_batch(
    spans: NDArray[np.int64],
    attributions: NDArray[np.floating],
    spans_per_text: NDArray[np.int64],
    word_offsets: NDArray[np.int64],
    words_per_text: NDArray[np.int64],
    reduction: Reduction = "sum",
) -> NDArray[np.float64]:
    """`align_spans` of many texts at once, whose spans and words follow each other.

    Args:
        spans: Shape `(spans of all texts, 2)`.
        attributions: Shape `(spans of all texts,)`.
        spans_per_text: How many spans each text has, shape `(texts,)`.
        word_offsets: Shape `(words of all texts, 2)`.
        words_per_text: How many words each text has, shape `(texts,)`.
        reduction: As for `align_spans`.

    Returns:
        One value per word, shape `(words of all texts,)`.

    Raises:
        ValueError: As for `align_spans`.
    """
    check_name("reduction", reduction, REDUCTIONS)
    spans, offsets = _on_one_line(spans, spans_per_text, word_offsets, words_per_text)
    span, word, share = _shares(spans, offsets)
    lost = np.bincount(span, minlength=len(spans)) == 0
    adopted, adopter = _nearest_words(
        np.flatnonzero(lost), spans, offsets, spans_per_text, words_per_text
    )
    span, word = np.concatenate([span, adopted]), np.concatenate([word, adopter])
    share = np.concatenate([share, np.ones(len(adopted))])
    total = np.zeros(len(offsets))
    total += np.bincount(word, weights=share * attributions[span], minlength=len(offsets))
    if reduction == "sum":
        return total
    weight = np.bincount(word, weights=share, minlength=len(offsets))
    return total / np.where(weight > 0, weight, 1)


def _pairs(values: ArrayLike, name: str) -> NDArray[np.int64]:
    pairs = np.asarray(values, dtype=np.int64)
    pairs = pairs.reshape(0, 2) if pairs.size == 0 else pairs
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"{name} have shape {pairs.shape}: expected [start, end) pairs.")
    return pairs


def _on_one_line(
    spans: NDArray[np.int64],
    spans_per_text: NDArray[np.int64],
    offsets: NDArray[np.int64],
    words_per_text: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spans and words with every text moved behind the one before it, so that none overlap."""
    for name, pairs in (("span", spans), ("word", offsets)):
        if (pairs[:, 0] > pairs[:, 1]).any() or (pairs < 0).any():
            bad = pairs[(pairs[:, 0] > pairs[:, 1]) | (pairs < 0).any(axis=1)][0].tolist()
            raise ValueError(f"the {name} {bad} is no [start, end) pair of characters.")
    longest = max(spans[:, 1].max(initial=0), offsets[:, 1].max(initial=0)) + 1
    starts = np.arange(len(spans_per_text)) * longest
    spans = spans + np.repeat(starts, spans_per_text)[:, None]
    offsets = offsets + np.repeat(starts, words_per_text)[:, None]
    if (np.diff(offsets, axis=0) < 0).any():
        raise ValueError(
            "word_offsets must be in the order of the text, so starts and ends must rise."
        )
    return spans, offsets


def _shares(
    spans: NDArray[np.int64], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Every pair of a span and a word with common characters, and the word's share of the span."""
    first = np.searchsorted(offsets[:, 1], spans[:, 0], side="right")
    last = np.searchsorted(offsets[:, 0], spans[:, 1], side="left")
    touched = np.maximum(last - first, 0)
    span = np.repeat(np.arange(len(spans)), touched)
    word = np.arange(len(span)) - np.repeat(np.cumsum(touched) - touched - first, touched)
    common = np.minimum(spans[span, 1], offsets[word, 1]) - np.maximum(
        spans[span, 0], offsets[word, 0]
    )
    shared = common > 0
    span, word, common = span[shared], word[shared], common[shared]
    return span, word, common / np.bincount(span, weights=common, minlength=len(spans))[span]


def _nearest_words(
    lost: NDArray[np.int64],
    spans: NDArray[np.int64],
    offsets: NDArray[np.int64],
    spans_per_text: NDArray[np.int64],
    words_per_text: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The spans among `lost` whose text has a word, and the nearest word of each."""
    text = np.repeat(np.arange(len(spans_per_text)), spans_per_text)[lost]
    end_of_text = np.cumsum(words_per_text)
    lost, text = lost[words_per_text[text] > 0], text[words_per_text[text] > 0]
    first, last = end_of_text[text] - words_per_text[text], end_of_text[text] - 1
    after = np.searchsorted(offsets[:, 1], spans[lost, 0], side="right")
    before, after = np.clip(after - 1, first, last), np.clip(after, first, last)
    to_before = np.abs(spans[lost, 0] - offsets[before, 1])
    to_after = np.maximum(offsets[after, 0] - spans[lost, 1], 0)
    return lost, np.where((to_before < to_after) | (before == after), before, after)
