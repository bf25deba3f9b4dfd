# SPDX-License-Identifier: Apache-2.0
"""Alignment of spans to words: cases by hand, and a slow reference on random ones."""

import numpy as np
import pytest

from dixtill_hf.data.alignment import align_batch, align_spans, explained_scores

# "Profits fell"
WORDS = [[0, 7], [8, 12]]


def test_the_explained_label_of_several_is_read() -> None:
    assert explained_scores([1.0, -2.0], 1).tolist() == [1.0, -2.0]
    assert explained_scores([[1.0, -2.0], [3.0, 4.0]], 1).tolist() == [3.0, 4.0]
    assert explained_scores([[], []], 1).tolist() == explained_scores([], 1).tolist() == []


def test_pieces_of_a_word_add_up() -> None:
    spans = [[0, 3], [3, 7], [8, 12]]
    assert align_spans(spans, [1.0, -0.25, 2.0], WORDS).tolist() == [0.75, 2.0]
    assert align_spans(spans, [1.0, -0.25, 2.0], WORDS, "mean").tolist() == [0.375, 2.0]


def test_a_span_over_two_words_is_shared_by_its_characters() -> None:
    # Two characters in the first word, one between the words, four in the second.
    assert align_spans([[5, 12]], [3.0], WORDS).tolist() == pytest.approx([1.0, 2.0])


def test_mean_weighs_a_shared_span_by_what_the_word_has_of_it() -> None:
    # The first word has its own piece wholly and a third of the second span.
    aligned = align_spans([[0, 5], [5, 12]], [1.0, 4.0], WORDS, "mean")
    assert aligned.tolist() == pytest.approx([(1 + 4 / 3) / (1 + 1 / 3), 4.0])


def test_leading_space_of_a_span_counts_for_no_word() -> None:
    assert align_spans([[0, 7], [7, 12]], [1.0, 2.0], WORDS).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ([7, 8], [0.0, 1.0]),  # as near to either: the later word
        ([7, 7], [1.0, 0.0]),  # at the end of the first word
        ([8, 8], [0.0, 1.0]),  # at the start of the second
        ([3, 3], [1.0, 0.0]),  # empty, within a word
        ([12, 14], [0.0, 1.0]),  # after the last word
    ],
)
def test_a_span_on_no_word_goes_to_the_nearest(span: list[int], expected: list[float]) -> None:
    assert align_spans([span], [1.0], WORDS).tolist() == expected


def test_a_span_before_the_first_word_goes_to_it() -> None:
    assert align_spans([[0, 2]], [1.0], [[4, 6], [7, 9]]).tolist() == [1.0, 0.0]


def test_words_without_spans_get_zero() -> None:
    for reduction in ("sum", "mean"):
        assert align_spans([[0, 7]], [1.0], WORDS, reduction).tolist() == [1.0, 0.0]
        assert align_spans([], [], WORDS, reduction).tolist() == [0.0, 0.0]


def test_a_text_without_words_gives_nothing() -> None:
    assert align_spans([[0, 1]], [1.0], []).shape == (0,)
    assert align_spans([], [], []).shape == (0,)


def test_words_that_share_a_character_share_its_attribution() -> None:
    # A normaliser may write "½" as three words, all of the same character.
    aligned = align_spans([[0, 1]], [3.0], [[0, 1], [0, 1], [0, 1]])
    assert aligned.tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_characters_are_counted_not_bytes() -> None:
    text = "Übermut fällt 📉 stark"
    words = [[0, 7], [8, 13], [14, 15], [16, 21]]
    assert [text[start:end] for start, end in words] == ["Übermut", "fällt", "📉", "stark"]
    spans = [[0, 4], [4, 7], [7, 13], [13, 15], [15, 21]]
    assert align_spans(spans, [1, 1, 2, 4, 8], words).tolist() == [2.0, 2.0, 4.0, 8.0]


def _slow_shares(span: list[int], words: list[list[int]]) -> list[float]:
    common = [max(0, min(span[1], end) - max(span[0], start)) for start, end in words]
    if sum(common) == 0:
        distances = [max(start - span[1], span[0] - end, 0) for start, end in words]
        nearest = max(i for i, distance in enumerate(distances) if distance == min(distances))
        return [float(i == nearest) for i in range(len(words))]
    return [value / sum(common) for value in common]


def _random_text(rng: np.random.Generator) -> tuple[list[list[int]], list[float], list[list[int]]]:
    """Spans (which may overlap and may be empty), attributions, and words with gaps."""
    edges = np.sort(rng.choice(40, size=2 * rng.integers(1, 8), replace=False))
    spans = np.sort(rng.integers(0, 42, size=(rng.integers(0, 9), 2)), axis=1)
    return spans.tolist(), rng.normal(size=len(spans)).tolist(), edges.reshape(-1, 2).tolist()


@pytest.mark.parametrize("seed", range(20))
def test_matches_a_slow_reference_and_keeps_the_sum(seed: int) -> None:
    spans, attributions, words = _random_text(np.random.default_rng(seed))
    shares = np.array([_slow_shares(span, words) for span in spans]).reshape(-1, len(words))
    total, weight = np.array(attributions) @ shares, shares.sum(axis=0)
    summed = align_spans(spans, attributions, words)
    np.testing.assert_allclose(summed, total, atol=1e-12)
    assert summed.sum() == pytest.approx(sum(attributions), abs=1e-12)
    mean = np.divide(total, weight, out=np.zeros(len(words)), where=weight > 0)
    np.testing.assert_allclose(align_spans(spans, attributions, words, "mean"), mean, atol=1e-12)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_batch_is_its_texts_one_by_one(reduction: str) -> None:
    rng = np.random.default_rng(0)
    texts = [_random_text(rng) for _ in range(12)]
    texts[3:3] = [([[0, 2]], [1.0], []), ([], [], [[0, 3]]), ([], [], [])]
    together = align_batch(
        np.concatenate([np.reshape(spans, (-1, 2)) for spans, _, _ in texts]).astype(np.int64),
        np.concatenate([attributions for _, attributions, _ in texts]),
        np.array([len(spans) for spans, _, _ in texts]),
        np.concatenate([np.reshape(words, (-1, 2)) for _, _, words in texts]).astype(np.int64),
        np.array([len(words) for _, _, words in texts]),
        reduction,
    )
    one_by_one = np.concatenate([align_spans(*text, reduction) for text in texts])
    np.testing.assert_allclose(together, one_by_one, atol=1e-12)


def test_mismatches_are_refused() -> None:
    with pytest.raises(ValueError, match=r"attributions have shape \(1,\) for 2 spans"):
        align_spans([[0, 1], [1, 2]], [1.0], WORDS)
    with pytest.raises(ValueError, match=r"the span \[3, 1\] is no \[start, end\) pair"):
        align_spans([[3, 1]], [1.0], WORDS)
    with pytest.raises(ValueError, match="word_offsets must be in the order of the text"):
        align_spans([[0, 1]], [1.0], WORDS[::-1])
    with pytest.raises(ValueError, match=r"spans have shape \(3,\): expected"):
        align_spans([0, 1, 2], [1.0], WORDS)
    with pytest.raises(ValueError, match=r"got 'means'\. Did you mean 'mean'"):
        align_spans([], [], WORDS, "means")
