# SPDX-License-Identifier: Apache-2.0
"""The embedded default corpus: invented financial headlines with labels and gold rationales.

They are made to be hard for a bag of words and regular enough for an encoder to learn: which
clause is the main one, what a verb is said of and whether it is negated decide the label.
"""

import re
from random import Random
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.data.checks import RATIONALE_FEATURE
from dixtill_hf.data.columns import LABEL, RATIONALE, TEXT
from dixtill_hf.data.headlines.grammar import Tone, capitalise, headline
from dixtill_hf.data.headlines.vocabulary import COMPANIES

LABELS = [tone.name.lower() for tone in Tone]
NEUTRAL_SHARE = 0.36
TICKER_SHARE = 0.25
NOISE = 0.03

FEATURES = Features(
    {TEXT: Value("string"), LABEL: ClassLabel(names=LABELS), RATIONALE: RATIONALE_FEATURE}
)

Row = dict[str, Any]


def financial_headlines(train: int = 3000, test: int = 600, seed: int = 0) -> DatasetDict:
    """English financial headlines, labelled bearish, bullish or neutral for their first company.

    No text occurs twice. In train a share of ``NOISE`` has a wrong label; test has none. The same
    arguments give the same texts everywhere, and test does not depend on the size of train.

    Args:
        train: How many texts to train on.
        test: How many texts to test on.
        seed: Seed of all choices.

    Returns:
        The splits train and test, with the columns ``text``, ``label`` and ``rationale``: the
        [start, end) character pairs of the words that carry the true label. For polar headlines
        these are the verb, what it is said of and a negation, in the main clause; for neutral
        ones the words that make them an announcement, a question or an open decision.
    """
    random = Random(seed)
    seen: set[str] = set()
    test_rows = [_new_row(random, seen) for _ in range(test)]
    train_rows = [_new_row(random, seen) for _ in range(train)]
    for row in random.sample(train_rows, round(NOISE * train)):
        row[LABEL] = random.choice([tone for tone in Tone if tone != row[LABEL]])
    return DatasetDict(
        train=Dataset.from_list(train_rows, features=FEATURES),
        test=Dataset.from_list(test_rows, features=FEATURES),
    )


def _new_row(random: Random, seen: set[str]) -> Row:
    """A headline that was not seen before."""
    while (row := _row(random))[TEXT] in seen:
        pass
    seen.add(row[TEXT])
    return row


def _row(random: Random) -> Row:
    if random.random() < NEUTRAL_SHARE:
        tone = Tone.NEUTRAL
    else:
        tone = random.choice((Tone.BEARISH, Tone.BULLISH))
    company, rival = random.sample(list(COMPANIES), 2)
    marked = capitalise(headline(random, company, rival, tone))
    if random.random() < TICKER_SHARE:
        marked = f"${COMPANIES[company]}{random.choice((':', ' -'))} {marked}"
    text, rationale = split_marks(marked)
    return {TEXT: text, LABEL: int(tone), RATIONALE: rationale}


def split_marks(marked: str) -> tuple[str, list[list[int]]]:
    """The text without its square brackets, and the character spans that they enclosed."""
    text, spans = "", []
    for index, part in enumerate(re.split(r"[\[\]]", marked)):
        if index % 2:
            spans.append([len(text), len(text) + len(part)])
        text += part
    return text, spans
