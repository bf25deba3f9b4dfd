# SPDX-License-Identifier: Apache-2.0
"""A teacher behind a function from texts to logits: an API, or a model of any framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.data.text_pairs import SEPARATOR, TextPair, shifted_parts
from dixtill_hf.data.words import word_spans
from dixtill_hf.teacher.checkpoints import NO_LIMIT
from dixtill_hf.teacher.loading import Teacher, match_labels


class WordNumbers:
    """Words by number, as far as they have been met; 0 is padding, a word that is not there.

    Attributes:
        border: Number of the border between the two texts of a pair.
        pad_token_id: Number of the padding.
        pad_token: The padding as text.
    """

    pad_token_id = 0
    pad_token = ""
    border = 1

    def __init__(self) -> None:
        self._words = [self.pad_token, SEPARATOR]
        self._numbers = {self.pad_token: self.pad_token_id}

    def read(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Numbers and spans of the words of a text; in a pair, with a border between both texts.

        Each word is kept with what is before it, the last one also with what follows, so that all
        of them together are the text.
        """
        numbers: list[int] = []
        spans: list[tuple[int, int]] = []
        for shift, part in shifted_parts(text):
            own, places = self._read_one(part)
            numbers += [*([self.border] if shift else []), *own]
            spans += [(start + shift, end + shift) for start, end in places]
        return numbers, spans

    def _read_one(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        spans = word_spans(text)
        borders = [0, *(end for _, end in spans[:-1]), len(text)]
        parts = [text[start:end] for start, end in pairwise(borders)]
        return [self._number(part) for part in parts[: len(spans)]], spans

    def text(self, numbers: Sequence[int]) -> str:
        """The text of words by their numbers; a pair if they have a border."""
        if self.border in numbers:
            at = numbers.index(self.border)
            return TextPair(self.text(numbers[:at]), self.text(numbers[at + 1 :]))
        return "".join(self._words[number] for number in numbers)

    def _number(self, word: str) -> int:
        number = self._numbers.setdefault(word, len(self._words))
        if number == len(self._words):
            self._words.append(word)
        return number


class _Numbers(torch.nn.Module):
    """Embeds a word as its number, so that explainers can take words away as of any model."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones(1, 1))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        return numbers.unsqueeze(-1) * self.one


class FunctionModel(PreTrainedModel):
    """The function, called as a model of transformers is."""

    config_class = PretrainedConfig

    def __init__(
        self, function: Callable[[list[str]], ArrayLike], labels: int, words: WordNumbers
    ) -> None:
        super().__init__(PretrainedConfig(num_labels=labels, pad_token_id=words.pad_token_id))
        self.function, self.words, self.numbers = function, words, _Numbers()

    def get_input_embeddings(self) -> torch.nn.Module:
        """The module that embeds the words."""
        return self.numbers

    def forward(self, input_ids: torch.Tensor, **inputs: Any) -> SequenceClassifierOutput:
        """Logits `(texts, labels)` of texts whose words are given by their numbers."""
        numbers = self.numbers(input_ids).detach().squeeze(-1).round().long().tolist()
        texts = [self.words.text(row) for row in numbers]
        return SequenceClassifierOutput(logits=self._answers(texts).to(input_ids.device))

    def _answers(self, texts: list[str]) -> torch.Tensor:
        given = np.asarray(self.function(texts), np.float32)
        if given.shape != (len(texts), self.config.num_labels):
            raise ValueError(
                f"The teacher's function gave an array of shape {given.shape} for {len(texts)} "
                f"texts: it must be ({len(texts)}, {self.config.num_labels}), the logits of each "
                "label for each text."
            )
        return torch.tensor(given)


class FunctionTeacher(Teacher):
    """A teacher of which only the answers are known.

    Explainers that take words away work with it (occlusion, kernel_shap, shapley_sampling, lime),
    and the user's own scores; those that need gradients or attention maps refuse it. A word that is
    taken away is left out, with the white space before it.
    """

    def __init__(
        self,
        function: Callable[[list[str]], ArrayLike],
        labels: Sequence[str],
        *,
        key: str,
        label_names: Sequence[str] | None = None,
        label_map: Mapping[str, str] | None = None,
        name: str = "",
    ) -> None:
        """Put a function in the place of a model.

        Args:
            function: From a list of texts to their logits, an array `(texts, labels)`. The same
                text must get the same logits, whatever the others are. Log-probabilities will do.
                Pairs of texts are `TextPair`s, strings with the attributes `text` and `text_pair`.
            labels: Names of the labels, in the order of the logits.
            key: What tells this function from all others, its version included: annotations are
                kept under it, and found again by it.
            label_names: The data's labels, in their order; None takes `labels`.
            label_map: Label of the function → data label, if the names differ.
            name: What reports call the teacher. Default: the key.

        Raises:
            TypeError: `function` cannot be called.
            ValueError: The key is empty, there are fewer than two labels, or two of the same name.
            LabelMismatchError: Labels cannot be matched by name.
        """
        if not callable(function):
            raise TypeError(f"function must be callable, got {type(function).__name__}.")
        if not isinstance(key, str) or not key.strip():
            raise ValueError(
                f"key must be a text that tells this function from all others, got {key!r}: "
                "annotations are kept under it. Name the model and its version, for example."
            )
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise ValueError(f"labels must be two or more different names, got {list(labels)}.")
        words = WordNumbers()
        self.key = key
        self.model = FunctionModel(function, len(labels), words).eval().requires_grad_(False)
        self.tokenizer = words
        self.labels = list(labels if label_names is None else label_names)
        self.label_order = match_labels(labels, self.labels, label_map)
        self.name = name or key
        self.max_length = NO_LIMIT

    @property
    def border(self) -> int:
        """Number of the border between the two texts of a pair."""
        return self.model.words.border

    @property
    def fingerprint(self) -> str:
        """Hash of the key, and of the order of the labels."""
        return hash_json({"function": self.key, "label_order": list(self.label_order)})

    def __str__(self) -> str:
        """What it is, in one line."""
        return f"Teacher {self.name!r}: a function with {len(self.labels)} labels ({self.labels})."

    def read_words(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Numbers and spans of the words of a text."""
        return self.model.words.read(text)
