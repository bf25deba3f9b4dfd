# SPDX-License-Identifier: Apache-2.0
"""The embedded default corpus: invented financial headlines with labels and gold rationales."""

import re
from random import Random

from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from dixtill_hf.data.columns import LABEL, RATIONALE, TEXT
from dixtill_hf.data.headlines import grammar
from dixtill_hf.data.headlines.vocabulary import COMPANIES

LABELS = ("bearish", "bullish", "neutral")
BEARISH, BULLISH, NEUTRAL = range(3)
LABEL_SHARES = (0.32, 0.32, 0.36)
NOISE = 0.03

FEATURES = Features(
    {
        TEXT: Value("string"),
        LABEL: ClassLabel(names=list(LABELS)),
        RATIONALE: List(List(Value("int32"))),
    }
)


def financial_headlines(train: int = 3000, test: int = 600, seed: int = 0) -> DatasetDict:
    random = Random(seed)
    seen: set[str] = set()
    held_out = [_new_row(random, seen) for _ in range(test)]
    seen_in_training = [_new_row(random, seen) for _ in range(train)]
    for row in random.sample(seen_in_training, round(NOISE * train)):
        row[LABEL] = (row[LABEL] + random.choice((1, 2))) % len(LABELS)
    return DatasetDict(
        train=Dataset.from_list(seen_in_training, features=FEATURES),
        test=Dataset.from_list(held_out, features=FEATURES),
    )


def _new_row(random, seen):
    while True:
        row = _row(random)
        if row[TEXT] not in seen:
            seen.add(row[TEXT])
            return row


def _row(random):
    label = random.choices(range(3), LABEL_SHARES)[0]
    company, rival = random.sample(list(COMPANIES), 2)
    marked = grammar.capitalise(grammar.headline(random, company, rival, grammar.Tone(label)))
    if random.random() < 0.25:
        marked = random.choice(("${} - ", "${}: ")).format(COMPANIES[company]) + marked
    text, rationale = _unmark(marked)
    return {TEXT: text, LABEL: label, RATIONALE: rationale}


def _unmark(marked):
    text, spans = "", []
    for index, part in enumerate(re.split(r"[\[\]]", marked)):
        if index % 2:
            spans.append([len(text), len(text) + len(part)])
        text += part
    return text, spans
