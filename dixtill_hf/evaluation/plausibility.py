# SPDX-License-Identifier: Apache-2.0
"""How plausible explanations are to people: whether they name the words of the gold rationales."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import auc, precision_recall_curve

from dixtill_hf.data.words import word_spans
from dixtill_hf.evaluation.faithfulness import checked_scores

Rationale = Sequence[Sequence[int]]


def plausibility(
    texts: Sequence[str],
    scores: Sequence[ArrayLike],
    rationales: Sequence[Rationale | None],
    *,
    signed: bool = True,
) -> dict[str, float | int | None]:
    """Agreement of explanations with gold rationales, as in ERASER (DeYoung et al., 2020).

    The rationale speaks for the right label, so scores should explain that one. Texts whose
    rationale is missing or holds no word are left out and counted.

    Args:
        texts: The texts that are explained.
        scores: For every text one score a word, `(words,)`, as `faithfulness.word_scores` makes
            them.
        rationales: For every text the `[start, end)` characters that carry its label, as the
            data's column `rationale` has them; None where there is none.
        signed: Whether a score below 0 speaks against the label; if not, words rank by magnitude.

    Returns:
        `token_f1`: the F1 of a text's k highest words against its rationale, k being the number
        of the rationale's words; of words that score alike, the earlier one ranks first.
        `auprc`: area under the precision–recall curve, by trapezoids, of the scores as predictions
        of the words that are in the rationale. Both are means over texts, None where there is
        none. `texts`: how many the means are over. `left_out`.

    Raises:
        ValueError: There is no text, their numbers differ, or scores are not finite or do not fit
            the words of their text.
    """
    if not len(texts) == len(scores) == len(rationales) or len(texts) == 0:
        raise ValueError(
            f"got {len(texts)} texts, {len(scores)} lists of scores and {len(rationales)} "
            "rationales: give one of each per text, and at least one text."
        )
    rows = []
    for row, (text, rationale) in enumerate(zip(texts, rationales, strict=True)):
        gold = rationale_words(text, rationale or [])
        ranked = checked_scores(scores[row], len(gold), row)
        if gold.any():
            rows.append(_token_f1_and_auprc(ranked if signed else np.abs(ranked), gold))
    means = np.mean(rows, axis=0).tolist() if rows else [None, None]
    return {
        "token_f1": means[0],
        "auprc": means[1],
        "texts": len(rows),
        "left_out": len(texts) - len(rows),
    }


def rationale_words(text: str, rationale: Rationale) -> NDArray[np.bool_]:
    """Which words of a text have a character in a rationale, `(words,)`.

    Words are those of `faithfulness.word_scores`.

    Args:
        text: The text.
        rationale: `[start, end)` pairs of characters.
    """
    words = word_spans(text)
    return np.array(
        [any(start < last and first < end for first, last in rationale) for start, end in words],
        dtype=bool,
    )


def _token_f1_and_auprc(
    scores: NDArray[np.float64], gold: NDArray[np.bool_]
) -> tuple[float, float]:
    named = np.argsort(-scores, kind="stable")[: gold.sum()]
    # As many words are named as are right, so precision, recall and F1 are one number.
    token_f1 = float(gold[named].mean())
    precision, recall, _ = precision_recall_curve(gold, scores)
    return token_f1, float(auc(recall, precision))
