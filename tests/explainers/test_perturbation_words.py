# SPDX-License-Identifier: Apache-2.0
"""Which tokens make up a word, for every way of cutting words into tokens."""

import numpy as np
import pytest

from dixtill_hf.data.words import word_spans
from dixtill_hf.explainers.perturbation import words_of_tokens
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import load_teacher


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        ("sells off", [(0, 4), (4, 5), (6, 9)], [0, 0, 1]),  # word pieces
        ("sells off", [(0, 5), (5, 7), (7, 9)], [0, 1, 1]),  # a space begins the second
        ("up... so", [(0, 2), (2, 5), (5, 8)], [0, 1, 2]),  # one token, three words
        ("it's up", [(0, 3), (3, 4), (4, 7)], [0, 1, 2]),  # the first is two words
        ("a-b c", [(0, 2), (1, 3), (3, 5)], [0, 0, 1]),  # linked by overlapping tokens
        ("👍 up", [(0, 1), (0, 1), (0, 1), (1, 4)], [0, 0, 0, 1]),  # bytes of one emoji
        ("a  b ", [(0, 1), (1, 2), (2, 4), (4, 5)], [0, 1, 1, 1]),  # spaces by themselves
        (" up", [(0, 0), (0, 1), (1, 3)], [0, 0, 0]),  # an empty span
        ("a b c", [(0, 1)], [0]),  # cut at the limit
        ("a b c", [(0, 1), (1, 2)], [0, 0]),  # cut after a space
        (" \n", [(0, 1), (1, 2)], [0, 0]),  # no word at all
        ("", [], []),
    ],
)
def test_tokens_are_grouped_by_words(text, spans, expected):
    assert words_of_tokens(text, spans).tolist() == expected


def test_each_word_of_a_sentence_is_known_to_every_tokenizer(
    each_teacher_dir, teacher_labels, sentences
):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    for text in encode_texts(teacher, [*sentences, "日本語 👍🏽 up"]):
        owners = words_of_tokens(text.text, text.spans)
        assert (np.diff(owners) >= 0).all()
        assert set(owners.tolist()) == set(range(owners.max() + 1))
        # Byte pairs learn a few tokens of several punctuation marks, which link them.
        assert len(word_spans(text.text)) - 2 <= owners.max() + 1 <= len(word_spans(text.text))
