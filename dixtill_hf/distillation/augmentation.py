# SPDX-License-Identifier: Apache-2.0
"""More text to learn from: variants of the training texts that the teacher labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, Value, concatenate_datasets

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data.columns import (
    EXPLAINED_LABEL,
    LABEL,
    LABEL_UNKNOWN,
    TEACHER_ATTRIBUTIONS,
    TEACHER_LOGITS,
    TEACHER_SPANS,
    TEXT_PAIR,
)
from dixtill_hf.data.label_column import missing_label
from dixtill_hf.data.text_pairs import (
    TextPair,
    are_pairs,
    columns_of_texts,
    refuse_pairs,
    text_columns,
    texts_of,
)
from dixtill_hf.data.words import word_spans, words_of
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.student.word_vectors import frequent_words, load_word_vectors
from dixtill_hf.teacher.ensemble import TeacherEnsemble
from dixtill_hf.teacher.loading import Teacher

# The most frequent words carry grammar rather than content: they are never replaced.
GRAMMAR = 120
LEAST = 0.5  # cosine
# Rows of the table of cosines in memory at once.
_ROWS = 1024


def similar_words(
    texts: Iterable[str], word_vectors: str | Path, pool: int = 10_000, most: int = 10
) -> dict[str, list[str]]:
    """Find replacements for the words of texts: their nearest neighbours in word vectors.

    Neighbours are about the same thing but may say the opposite: "falls" is near "rises". A text
    with replaced words therefore needs a label of its own.

    Args:
        texts: The texts.
        word_vectors: A source of `load_word_vectors` whose words are ordered by frequency.
        pool: Number of the most frequent words of the vectors that may be replacements.
            Default 10,000.
        most: Most replacements of a word, each with a cosine of at least 0.5. Default 10.

    Returns:
        A mapping from each normalised word to its nearest words, nearest first. Words without a
        near word are left out, and so are numbers, punctuation marks and the 120 most frequent
        words of the vectors.

    Raises:
        FileNotFoundError: There is no such file of word vectors.
        ImportError: `word_vectors` is "glove-packaged", and it is not installed.
        ValueError: The file is malformed, or `pool` or `most` is below 1.
    """
    for name, value in (("pool", pool), ("most", most)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    frequent = frequent_words(word_vectors, pool)
    grammar = set(frequent[:GRAMMAR])
    others = [word for word in frequent if _is_word(word)]
    words = sorted({word for text in texts for word in words_of(text) if _is_word(word)} - grammar)
    vectors = load_word_vectors(word_vectors, [*words, *others])
    words = [word for word in words if word in vectors.rows]
    matrix = torch.nn.functional.normalize(torch.from_numpy(vectors.matrix))
    candidates = matrix[[vectors.rows[word] for word in others]]
    found = {}
    for start in range(0, len(words), _ROWS):
        part = words[start : start + _ROWS]
        cosines = matrix[[vectors.rows[word] for word in part]] @ candidates.T
        # One more, since a word is the nearest to itself.
        nearest = torch.topk(cosines, min(most + 1, len(others)))
        for word, values, places in zip(part, *(one.tolist() for one in nearest), strict=True):
            near = [others[i] for i, value in zip(places, values, strict=True) if value >= LEAST]
            found[word] = [other for other in near if other != word][:most]
    return {word: near for word, near in found.items() if near}


def _is_word(word: str) -> bool:
    return any(map(str.isalpha, word)) and not any(map(str.isdigit, word))


# A text as its words, each with the white space in front of it.
Words = list[str]
# From a text, a random generator and all texts to one variant, of at least one word.
Variation = Callable[[Words, np.random.Generator, Sequence[Words]], Words]


def _cut(words: Words, generator: np.random.Generator, texts: Sequence[Words]) -> Words:
    """A passage of 30 to 90 % of the words."""
    length = max(1, round(len(words) * generator.uniform(0.3, 0.9)))
    start = generator.integers(len(words) - length + 1)
    return words[start : start + length]


def _thin(words: Words, generator: np.random.Generator, texts: Sequence[Words]) -> Words:
    """The words but for a random 10 to 50 % of them."""
    kept = generator.random(len(words)) >= generator.uniform(0.1, 0.5)
    kept[generator.integers(len(words))] = True
    return [word for word, keep in zip(words, kept, strict=True) if keep]


def _splice(words: Words, generator: np.random.Generator, texts: Sequence[Words]) -> Words:
    """The beginning of the text, then the end of another; 30 to 70 % of each."""
    other = texts[int(generator.integers(len(texts)))]
    beginning = words[: max(1, int(len(words) * generator.uniform(0.3, 0.7)))]
    ending = other[int(len(other) * generator.uniform(0.3, 0.7)) :]
    return [*beginning, f" {ending[0].lstrip()}", *ending[1:]]


def _replace(
    words: Words, generator: np.random.Generator, similar: Mapping[str, Sequence[str]]
) -> Words:
    """The words, a random 15 to 50 % of which are replaced by similar ones."""
    share = generator.uniform(0.15, 0.5)
    replaced = []
    for word in words:
        bare = word.lstrip()
        near = similar.get(_normalized(bare), ())
        if near and generator.random() < share:
            other = near[int(generator.integers(len(near)))]
            cased = other.capitalize() if bare[0].isupper() else other
            replaced.append(word[: len(word) - len(bare)] + cased)
        else:
            replaced.append(word)
    return replaced


VARIATIONS: dict[str, Variation] = {"cut": _cut, "thin": _thin, "splice": _splice}
"""Ways to vary a text, by name; each variant is made by one of them at random."""


def text_variants(
    texts: Sequence[str],
    per_text: int,
    seed: int | Sequence[int] = 0,
    similar: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Make variants of texts, for a teacher to label.

    In a variant of a pair, the first text is varied, the second or both; a spliced text ends as
    another first or second text does.

    Args:
        texts: The texts, or pairs of texts; one without words gives none.
        per_text: Variants of each text, at least 1.
        seed: Seed of all random choices, one number or several.
        similar: Replacements of words, from `similar_words`: a random 15 to 50 % of the words of
            every variant that have any are replaced. Default None: no word is.

    Returns:
        The variants: the first of every text, then the second of every text, and so on. Those that
        occur twice or equal a text are left out.

    Raises:
        ValueError: `per_text` is below 1.
    """
    if per_text < 1:
        raise ValueError(f"per_text must be at least 1, got {per_text}.")
    generator = np.random.default_rng(seed)
    ways = list(VARIATIONS.values())

    def vary(words: Words, others: Sequence[Words]) -> str:
        varied = ways[generator.integers(len(ways))](words, generator, others)
        return "".join(_replace(varied, generator, similar) if similar else varied).strip()

    if are_pairs(texts):
        return _variants_of_pairs(texts, per_text, generator, vary)
    split = [words for words in map(_split, texts) if words]
    made = (vary(words, split) for _ in range(per_text) for words in split)
    known = {text.strip() for text in texts}
    return [text for text in dict.fromkeys(made) if text and text not in known]


# Which texts of a pair a variant changes.
_VARIED_SIDES = ((True, False), (False, True), (True, True))


def _variants_of_pairs(
    texts: Sequence[str],
    per_text: int,
    generator: np.random.Generator,
    vary: Callable[[Words, Sequence[Words]], str],
) -> list[str]:
    """The variants of pairs, in the order and without the copies that `text_variants` says."""
    pairs = [text.map(str.strip) for text in texts if isinstance(text, TextPair)]
    split = [tuple(map(_split, pair.parts)) for pair in pairs]
    kept = [place for place, sides in enumerate(split) if all(sides)]
    pools = [[split[place][side] for place in kept] for side in (0, 1)]
    made = []
    for _ in range(per_text):
        for place in kept:
            varied = _VARIED_SIDES[generator.integers(len(_VARIED_SIDES))]
            sides = [
                vary(split[place][side], pools[side]) if varied[side] else pairs[place].parts[side]
                for side in (0, 1)
            ]
            made.append(TextPair(*sides))
    known = set(pairs)
    return [pair for pair in dict.fromkeys(made) if all(pair.parts) and pair not in known]


@lru_cache(maxsize=2**16)
def _normalized(word: str) -> str:
    return "".join(words_of(word))


def _split(text: str) -> Words:
    ends = [end for _, end in word_spans(text)]
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


_COLUMNS = (LABEL, TEACHER_LOGITS, TEACHER_SPANS, TEACHER_ATTRIBUTIONS, EXPLAINED_LABEL)


def _columns_of(dataset: Dataset) -> list[str]:
    """The columns of texts that a teacher has labelled."""
    return [*text_columns(dataset.column_names), *_COLUMNS]


def label_variants(
    train: Dataset,
    teacher: Teacher | TeacherEnsemble | str | Path,
    per_text: int = 4,
    seed: int = 0,
    *,
    explained: int = 0,
    explainer: str | Explainer = "integrated_gradients",
    similar: Mapping[str, Sequence[str]] | None = None,
    **annotation: Any,
) -> Dataset:
    """Make variants of the training texts and let the teacher label them.

    Args:
        train: The training texts.
        teacher: The teacher, or its name or path. In an ensemble from `cross_fit`, each member
            labels the variants of the texts that it has not seen.
        per_text: Variants of each text, at least 1. Default 4.
        seed: Seed of the random variants.
        explained: Number of variants of each text that the teacher also explains, from 0 to
            `per_text`. The student's explanations get closer to the teacher's. Default 0.
        explainer: Explainer of these variants, as for `annotate`; take that of the training texts.
            Default "integrated_gradients".
        similar: Replacements for words, from `similar_words`; words of every variant are then
            replaced. Default: no word is replaced.
        **annotation: Options of `annotate`: `label_map`, `tokens_per_batch` and `cache_dir`.

    Returns:
        The variants, annotated, each without a label of its own.

    Raises:
        ValueError: `per_text` is below 1, or `explained` below 0 or above `per_text`.
    """
    if not 0 <= explained <= max(per_text, 1):
        raise ValueError(f"explained must be 0 to per_text ({per_text}), got {explained}.")
    if isinstance(teacher, TeacherEnsemble):
        settings = {
            "explained": explained,
            "explainer": explainer,
            "similar": similar,
            **annotation,
        }
        return concatenate_datasets(
            [
                label_variants(train.select(unseen), member, per_text, seed, **settings)
                for member, unseen in teacher.parts(train)
            ]
        )
    given = texts_of(train)
    texts = text_variants(given, per_text, seed, similar)
    # All first variants come before the second ones, so the explained ones come first.
    first = len(text_variants(given, explained, seed, similar)) if explained else 0
    others = annotate(_unlabelled(texts[first:], train), teacher, "none", **annotation)
    if not first:
        return others.select_columns(_columns_of(train))
    reasoned = annotate(_unlabelled(texts[:first], train), teacher, explainer, **annotation)
    return add_teacher_labelled_texts(reasoned, others)


def _unlabelled(texts: list[str], train: Dataset) -> Dataset:
    """Texts without a label, which is of the kind that the training texts have."""
    feature = train.features.get(LABEL, Value("int64"))
    labels = [missing_label(train)] * len(texts)
    names = text_columns(train.column_names)
    columns = columns_of_texts(texts) if texts else {name: [] for name in names}
    features = Features({**{name: Value("string") for name in names}, LABEL: feature})
    return Dataset.from_dict({**columns, LABEL: labels}).cast(features)


def add_teacher_labelled_texts(train: Dataset, further: Dataset) -> Dataset:
    """Put texts that the teacher has labelled behind the annotated training texts.

    A text without an explanation teaches through its logits only. Training texts without the column
    `label` count as unlabelled.

    Args:
        train: The annotated training texts.
        further: Annotated texts, such as the variants of `label_variants`.

    Raises:
        ValueError: One of the two is not annotated (the missing columns are named), or one is
            explained for all labels and the other for one.
    """
    if LABEL not in train.column_names:
        train = train.add_column(LABEL, [LABEL_UNKNOWN] * len(train), feature=Value("int64"))
    for name, dataset in (("training texts", train), ("further texts", further)):
        wanted = _columns_of(train)
        missing = [column for column in wanted if column not in dataset.column_names]
        if missing:
            raise ValueError(
                f"The {name} have no columns {missing}: annotate them first, with annotate(...) "
                "or label_variants(...)."
            )
    if TEXT_PAIR not in train.column_names:
        refuse_pairs(further.column_names, "A student of these training texts")
    names = _columns_of(train)
    kept = train.select_columns(names)
    added = _like(kept, further.select_columns(names))
    return concatenate_datasets([kept, added])


def _like(train: Dataset, further: Dataset) -> Dataset:
    """The further texts with the columns' types of train.

    If train is explained for all labels, texts without explanation get an empty one per label.
    """
    attributions = train.features[TEACHER_ATTRIBUTIONS]
    if further.features[TEACHER_ATTRIBUTIONS] == attributions:
        return further.cast(train.features)
    if any(len(scores) for scores in further[TEACHER_ATTRIBUTIONS]):
        raise ValueError(
            "The training texts are explained for all labels, the further texts for one, or "
            "the other way round: annotate both with the same target."
        )
    labels = len(train[0][TEACHER_LOGITS])
    scores: list[list[list[float]]] = [[[] for _ in range(labels)]] * len(further)
    others = further.remove_columns(TEACHER_ATTRIBUTIONS)
    return others.add_column(TEACHER_ATTRIBUTIONS, scores, feature=attributions).cast(
        train.features
    )
