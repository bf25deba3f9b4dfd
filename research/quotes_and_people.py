# SPDX-License-Identifier: Apache-2.0
"""Compare the words that a language model quoted with the words that people marked.

    python -m research.quotes_and_people posts.jsonl

Each line of the file has `words`, `people_marks` (one list of 0 and 1 over the words for each
person who marked), and `llm_keywords` (the quotes). Only counts are written, no text.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.data.quotes import Quote, count_quotes
from dixtill_hf.explainers.quoted_evidence import score_words

RESULTS = Path("research/results/quotes_and_people.json")


def main(argv: Sequence[str]) -> None:
    """Measure one file, and write the figures."""
    (path,) = argv
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    figures = compare([json.loads(line) for line in lines])
    command = shlex.join(["python", "-m", "research.quotes_and_people", Path(path).name])
    write_json(RESULTS, {"command": command, **figures})
    print(json.dumps(figures, indent=2))


def compare(posts: Sequence[dict[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Token F1 of quotes, and of as many random words, with the majority of people.

    Args:
        posts: Posts; those that nobody marked, or without quotes, are left out of the F1.
        seed: Seed of the random words.
    """
    generator = np.random.default_rng(seed)
    texts = [" ".join(post["words"]) for post in posts]
    counted = count_quotes(texts, [post["llm_keywords"] for post in posts])
    quoted, drawn = [], []
    for post, text in zip(posts, texts, strict=True):
        marks = np.array(post["people_marks"], float)
        if not len(marks) or not post["llm_keywords"]:
            continue
        people = _over_characters(post["words"], marks.mean(0) >= 0.5)
        spans, scores = score_words(text, [[Quote(one) for one in post["llm_keywords"]]], None)
        gold = np.array([people[start:end].any() for start, end in spans])
        if not gold.any() or not scores.any():
            continue
        named = scores > 0
        quoted.append(_f1(named, gold))
        drawn.append(_f1(generator.permutation(named), gold))
    return {
        "texts_with_quotes": counted.texts,
        "quotes": counted.quotes,
        "share_found": counted.share,
        "compared_texts": len(quoted),
        "token_f1": float(np.mean(quoted)),
        "token_f1_random_words": float(np.mean(drawn)),
    }


def _over_characters(words: Sequence[str], marks: np.ndarray) -> np.ndarray:
    """Which characters of the words, joined by spaces, are marked."""
    return np.array([mark for word, mark in zip(words, marks, strict=True) for _ in f"{word} "])


def _f1(named: np.ndarray, gold: np.ndarray) -> float:
    both = float((named & gold).sum())
    return 2 * both / float(named.sum() + gold.sum())


if __name__ == "__main__":
    main(sys.argv[1:])
