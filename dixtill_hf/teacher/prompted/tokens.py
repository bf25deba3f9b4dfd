# SPDX-License-Identifier: Apache-2.0
"""A prompt in tokens: those before the text, those after it, and those of every answer."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dixtill_hf.teacher.prompted.prompt import PromptParts


@dataclass(frozen=True)
class PromptTokens:
    """Token ids of a prompt.

    Attributes:
        before: Tokens before the text; at least one.
        after: Tokens after it, which all answers follow.
        answers: Tokens of every answer, at least one each. None begins with all of another.
    """

    before: list[int]
    after: list[int]
    answers: list[list[int]]

    @property
    def longest(self) -> int:
        """Tokens of the prompt with its longest answer and no text."""
        return len(self.before) + len(self.after) + max(map(len, self.answers))


def tokenize_prompt(parts: PromptParts, tokenizer: PreTrainedTokenizerBase) -> PromptTokens:
    """Tokenize a prompt.

    Where the end of `after` and the beginning of an answer share a token, that token is the
    answer's, so that the tokens are those of the whole text.

    Raises:
        ValueError: One answer begins with another, so that the shorter could not be less likely.
    """

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    after = ids(parts.after)
    whole = [ids(parts.after + answer) for answer in parts.answers]
    shared = min(_common(after, one) for one in whole)
    answers = [one[shared:] for one in whole]
    for number, one in enumerate(answers):
        for other, longer in enumerate(answers):
            if other != number and longer[: len(one)] == one:
                raise ValueError(
                    f"In tokens, the answer {parts.answers[other].strip()!r} begins with the "
                    f"answer {parts.answers[number].strip()!r}, so that it could never be the "
                    "likelier one. Give one of the labels another answer: verbalizers={...}."
                )
    return PromptTokens(_beginning(parts, tokenizer), whole[0][:shared], answers)


def _beginning(parts: PromptParts, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Tokens before the text, with what the tokenizer begins every text with."""
    encoded = tokenizer(
        parts.before, add_special_tokens=not parts.is_chat, return_special_tokens_mask=True
    )
    found, special = list(encoded["input_ids"]), list(encoded["special_tokens_mask"])
    while not parts.is_chat and found and special[-1]:  # what would end the text
        found.pop()
        special.pop()
    return found


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    """Number of tokens that both begin with, leaving the right one at least one more."""
    most = min(len(left), len(right) - 1)
    return next((i for i in range(most) if left[i] != right[i]), most)


def text_tokenizer(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """A copy that tokenizes a text as it stands inside a prompt.

    It adds no special tokens, and reads those that a text spells out as plain characters: no text
    can end the turn that it is in.
    """
    inner = copy.deepcopy(tokenizer)
    inner.backend_tokenizer.post_processor = processors.Sequence([])
    inner.split_special_tokens = True
    return inner
