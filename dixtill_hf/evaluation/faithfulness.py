# SPDX-License-Identifier: Apache-2.0
"""How faithful attributions are to the model they explain: what taking words away changes.

Comprehensiveness and sufficiency of ERASER (DeYoung et al., 2020, arXiv:1911.03429), with words
that are really removed from the text. The model is any function from texts to probabilities.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from dixtill_hf.data.alignment import align_spans
from dixtill_hf.data.text_pairs import TextPair
from dixtill_hf.data.words import without_spans, word_spans
from dixtill_hf.teacher.encoding import batches_by_tokens, collate, encode_texts
from dixtill_hf.teacher.loading import Teacher

# From texts to their probabilities, `(texts, labels)`.
Predict = Callable[[Sequence[str]], ArrayLike]

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Shares of a text's words that are taken for the most important ones, as in ERASER."""

_TOKENS_PER_BATCH = 4096


@dataclass(frozen=True)
class Faithfulness:
    """What the probability p of the explained label loses when words are removed.

    Attributes:
        shares: The shares of words, `(shares,)`.
        probabilities: p of the whole text, `(texts,)`.
        comprehensiveness: p(text) − p(text without its most important words), `(texts, shares)`;
            high where the explanation names the words that the prediction needs.
        sufficiency: p(text) − p(only its most important words), `(texts, shares)`; low where
            these words are enough for the prediction. Both are NaN for a text without words.
    """

    shares: tuple[float, ...]
    probabilities: NDArray[np.float64]
    comprehensiveness: NDArray[np.float64]
    sufficiency: NDArray[np.float64]

    @property
    def comprehensiveness_aopc(self) -> NDArray[np.float64]:
        """Area over the perturbation curve (AOPC): the mean over the shares, `(texts,)`."""
        return self.comprehensiveness.mean(1)

    @property
    def sufficiency_aopc(self) -> NDArray[np.float64]:
        """The same for sufficiency, `(texts,)`."""
        return self.sufficiency.mean(1)

    def means(self) -> dict[str, float | int | None]:
        """Means over the texts that have words; None each where none has.

        Returns:
            `probability`, `comprehensiveness` and `sufficiency` (the areas over the perturbation
            curves), `comprehensiveness@share` and `sufficiency@share` for each share, `texts` (how
            many the means are over) and `left_out`.
        """
        columns = {
            "probability": self.probabilities,
            "comprehensiveness": self.comprehensiveness_aopc,
            "sufficiency": self.sufficiency_aopc,
        }
        for place, share in enumerate(self.shares):
            columns[f"comprehensiveness@{share:g}"] = self.comprehensiveness[:, place]
            columns[f"sufficiency@{share:g}"] = self.sufficiency[:, place]
        known = ~np.isnan(self.comprehensiveness).any(1)
        means = {
            name: float(values[known].mean()) if known.any() else None
            for name, values in columns.items()
        }
        return {**means, "texts": int(known.sum()), "left_out": int((~known).sum())}


def faithfulness(
    predict: Predict,
    texts: Sequence[str],
    scores: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    signed: bool = True,
    shares: Sequence[float] = SHARES,
) -> Faithfulness:
    """Remove the words that attributions name, and see what a model makes of what is left.

    The most important words are those of the highest scores; of words that score alike, the
    earlier one ranks first. A share of a text's words is rounded up to whole words, so that it is
    at least one.

    Args:
        predict: The model; called once, with all texts that differ.
        texts: The texts that are explained.
        scores: For every text one score a word, `(words,)`, as `word_scores` makes them.
        labels: The label that each text's scores explain, integers `(texts,)`.
        signed: Whether a score below 0 speaks against the label; if not, words rank by magnitude.
        shares: Shares of the words that are removed, or kept as the only ones, each above 0 and at
            most 1.

    Returns:
        Values for every text and share.

    Raises:
        ValueError: There is no text, numbers of texts differ, scores are not finite or do not fit
            the words of their text, a share or label is out of range, or the model does not give
            every text its probabilities.
    """
    labels, shares = np.asarray(labels), tuple(shares)
    _check_arguments(texts, scores, labels, shares)
    reduced: list[str] = []
    without_words = np.zeros(len(texts), bool)
    for row, text in enumerate(texts):
        words = word_spans(text)
        ranking = _ranking(scores[row], len(words), signed, row)
        reduced += _without_and_alone(text, words, ranking, shares)
        without_words[row] = not words
    answers = _predicted(predict, [*texts, *reduced], labels)
    rows = np.arange(len(texts))
    whole = answers[rows, labels]
    kept = answers[len(texts) :].reshape(len(texts), 2, len(shares), -1)[rows, :, :, labels]
    lost = whole[:, None, None] - kept
    lost[without_words] = np.nan
    return Faithfulness(shares, whole, lost[:, 0], lost[:, 1])


def word_scores(text: str, spans: ArrayLike, attributions: ArrayLike) -> NDArray[np.float64]:
    """Scores of a text's words, from those of any spans of it: what a word has of each, summed.

    Words are those of BERT's normaliser and pre-tokeniser: they end at white space, at every
    punctuation mark, and around every Chinese character.

    Args:
        text: The text.
        spans: `[start, end)` characters of each attributed piece, `(spans, 2)`.
        attributions: One value per span, `(spans,)`.

    Returns:
        One score a word, `(words,)`; see `align_spans`.

    Raises:
        ValueError: Spans and attributions do not fit each other.
    """
    return align_spans(spans, attributions, word_spans(text))


def checked_scores(scores: ArrayLike, words: int, row: int) -> NDArray[np.float64]:
    """The scores of a text's words as an array.

    Raises:
        ValueError: They are not one finite number a word; the text is named by its row.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.shape != (words,) or not np.isfinite(scores).all():
        raise ValueError(
            f"text {row} has {words} words, its scores are {scores.tolist()}: expected a finite "
            "number for each word, as word_scores(text, spans, attributions) gives them."
        )
    return scores


def random_scores(texts: Sequence[str], seed: int = 0) -> list[NDArray[np.float64]]:
    """Scores that rank the words of every text at random: what any explanation has to beat."""
    generator = np.random.default_rng(seed)
    return [generator.permutation(len(word_spans(text))).astype(float) for text in texts]


def remove_words(text: str, words: Iterable[int]) -> str:
    """A text without some of its words, given by their positions.

    Their characters are deleted. Words that were apart stay apart, with a space between them
    where nothing else is left; white space is tidied: single spaces, and none at the ends.
    """
    return _without(text, word_spans(text), set(words))


def teacher_probabilities(
    teacher: Teacher, texts: Sequence[str], tokens_per_batch: int = _TOKENS_PER_BATCH
) -> NDArray[np.float64]:
    """A teacher's predictions for texts, read in batches of similar length.

    `functools.partial(teacher_probabilities, teacher)` is a model for `faithfulness`.

    Args:
        teacher: The teacher.
        texts: The texts; what goes beyond the teacher's limit is cut off. One without any token is
            read as one padding token, as in an annotation.
        tokens_per_batch: Most tokens in a batch, padding included.

    Returns:
        Probabilities `(texts, labels)`, in the order of the data's labels.
    """
    blank = encode_texts(teacher, [teacher.tokenizer.pad_token])[0]
    encoded = [text if len(text) else blank for text in encode_texts(teacher, texts)]
    probabilities = np.zeros((len(texts), len(teacher.label_order)))
    for rows in batches_by_tokens([len(text) for text in encoded], tokens_per_batch):
        with torch.inference_mode():
            logits = teacher.logits(collate(teacher, [encoded[row] for row in rows]).inputs)
        probabilities[rows] = logits.double().softmax(-1).cpu().numpy()
    return probabilities


def _without_and_alone(
    text: str, words: Sequence[tuple[int, int]], ranking: Sequence[int], shares: Sequence[float]
) -> list[str]:
    """The text without its most important words, for every share; then only these words."""
    # Rounded first: 0.07 of 100 words are 7.000000000000001.
    counts = [math.ceil(round(share * len(words), 9)) for share in shares]
    without = [_without(text, words, ranking[:count]) for count in counts]
    return without + [_without(text, words, ranking[count:]) for count in counts]


def _without(text: str, words: Sequence[tuple[int, int]], removed: Collection[int]) -> str:
    whole = without_spans(text, [words[word] for word in removed])
    return whole.map(_tidied) if isinstance(whole, TextPair) else _tidied(whole)


def _tidied(text: str) -> str:
    """A text with single spaces, and none at its ends."""
    return " ".join(text.split())


def _ranking(scores: ArrayLike, words: int, signed: bool, row: int) -> list[int]:
    """Positions of a text's words, the most important first."""
    scores = checked_scores(scores, words, row)
    return np.argsort(-(scores if signed else np.abs(scores)), kind="stable").tolist()


def _predicted(
    predict: Predict, texts: Sequence[str], labels: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Probabilities `(texts, labels)`; the model is asked once about each text that differs."""
    place = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    answers = np.asarray(predict(list(place)), dtype=float)
    if answers.ndim != 2 or len(answers) != len(place) or not np.isfinite(answers).all():
        raise ValueError(
            f"predict gave values of shape {answers.shape} for {len(place)} texts: expected finite "
            "probabilities (texts, labels)."
        )
    if labels.min() < 0 or labels.max() >= answers.shape[1]:
        raise ValueError(
            f"labels are from {labels.min()} to {labels.max()}: the model knows 0 to "
            f"{answers.shape[1] - 1}"
        )
    return answers[[place[text] for text in texts]]


def _check_arguments(
    texts: Sequence[str],
    scores: Sequence[ArrayLike],
    labels: NDArray[np.integer],
    shares: Sequence[float],
) -> None:
    if not len(texts) or len(scores) != len(texts) or labels.shape != (len(texts),):
        raise ValueError(
            f"got {len(texts)} texts, {len(scores)} lists of scores and labels of shape "
            f"{labels.shape}: give one of each per text, and at least one text."
        )
    if not shares or not all(0 < share <= 1 for share in shares):
        raise ValueError(f"shares must be above 0 and at most 1, got {shares}")
