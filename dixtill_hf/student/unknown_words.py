# SPDX-License-Identifier: Apache-2.0
"""How many words of some texts a student does not know: a sign that the texts have changed."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from dixtill_hf.data.text_pairs import tokenizer_inputs
from dixtill_hf.data.words import word_limit


def unknown_word_share(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> float:
    """Share of the words of texts that a student does not know.

    If recent texts have a clearly larger share than those that the student was made from
    (`config.answering["unknown_words"]`), what people write has drifted from what it has learnt.

    Args:
        tokenizer: The student's tokenizer.
        texts: The texts; words beyond the student's limit do not count.

    Returns:
        The share, in [0, 1]; 0 if the texts have no words.
    """
    if not texts:
        return 0.0
    limit = word_limit(tokenizer.model_max_length)
    encoding = tokenizer(**tokenizer_inputs(texts), truncation=True, max_length=limit)
    words = sum(map(len, encoding["input_ids"]))
    unknown = sum(row.count(tokenizer.unk_token_id) for row in encoding["input_ids"])
    return unknown / words if words else 0.0
