# SPDX-License-Identifier: Apache-2.0
"""What the student's models have in common: the layers below the classifier, words and weights.

This file travels with every saved model: it imports torch, transformers and what travels with it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from .configuration_dixtill import DixtillConfig
from .layers_dixtill import (
    DixtillAttention,
    DixtillEncoder,
    DixtillNgrams,
    from_front,
    front_places,
    to_front,
)

# Token types of pairs: a word of the first text, one of the second, the separator between them, and
# words of the first or second text that the other text has too.
SECOND_TYPE, SEPARATOR_TYPE, SHARED_TYPE, TOKEN_TYPES = 1, 2, 3, 5


@dataclass
class Reading:
    """What the layers make of a batch, real words first.

    Attributes:
        places: Where each word of the batch went, (batch, words), see `front_places`.
        vectors: Word vectors, (batch, words, embedding_size).
        states: States of each layer, (batch, words, 2 * hidden_size).
        scores: Attention scores, (batch, words).
        weights: Attention weights, (batch, words).
    """

    places: torch.Tensor
    vectors: torch.Tensor
    states: list[torch.Tensor]
    scores: torch.Tensor
    weights: torch.Tensor


class DixtillPreTrainedModel(PreTrainedModel):
    """The layers below the classifier, with their initial weights (Cantini et al. 2024)."""

    config_class = DixtillConfig
    base_model_prefix = "dixtill"
    initial_vectors: torch.Tensor | None

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(
            config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id
        )
        self.ngrams: DixtillNgrams | None = DixtillNgrams(config) if config.ngram_buckets else None
        self.token_types: nn.Embedding | None = (
            nn.Embedding(TOKEN_TYPES, config.embedding_size) if config.text_pairs else None
        )
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.encoder = DixtillEncoder(config)
        self.attention = DixtillAttention(config)
        self.register_buffer("initial_vectors", None, persistent=False)
        # Whether the layers below the classifier started from a pretrained student's: training
        # then changes them more slowly.
        self.is_pretrained = False

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the embedding table."""
        return self.embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the embedding table."""
        self.embedding = value

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> nn.Embedding:
        """Make room for other numbers of words, as every `PreTrainedModel` does.

        A new word has no character n-grams and no initial vector.
        """
        resized = super().resize_token_embeddings(*args, **kwargs)
        words = resized.num_embeddings
        if self.ngrams is not None:
            self.ngrams.ngrams = _resized(self.ngrams.ngrams, words, 0)
        if self.initial_vectors is not None:
            self.initial_vectors = _resized(self.initial_vectors, words, torch.nan)
        return resized

    def word_vectors(self, word_ids: torch.Tensor) -> torch.Tensor:
        """Return the vector of each word, (..., embedding_size), its n-grams included.

        Args:
            word_ids: Ids of words, (...,). In training some are dropped, see `config.word_dropout`.
        """
        vectors = self._own_vectors(word_ids)
        return vectors if self.ngrams is None else vectors + self.ngrams(word_ids)

    @torch.no_grad()
    def fold_ngrams(self) -> None:
        """Add the n-grams' vectors to the words' own, and remove them.

        The predictions stay the same, and the student becomes as small and fast as one without.
        """
        if self.ngrams is None:
            return
        words = torch.arange(self.config.vocab_size, device=self.embedding.weight.device)
        self.embedding.weight += self.ngrams(words)
        self.ngrams = None
        self.config.ngram_buckets = self.config.ngrams_per_word = 0

    def unfold_ngrams(self, ngrams: DixtillNgrams) -> None:
        """Give words shared vectors again, before the weights of a checkpoint are loaded.

        Args:
            ngrams: What `fold_ngrams` removed, or n-grams of the checkpoint's configuration.
        """
        self.ngrams = ngrams.to(self.embedding.weight.device)
        self.config.ngram_buckets = len(ngrams.buckets) - 1
        self.config.ngrams_per_word = ngrams.ngrams.shape[1]

    def keep_initial_vectors(self, has_vector: torch.Tensor) -> None:
        """Make word dropout replace words by the vectors that they have now.

        So the student learns to read words by vectors that training has not changed, such as those
        of words that no training text has. The vectors are not saved with the student.

        Args:
            has_vector: True for words that started from a pretrained vector, (vocab_size,). The
                others are replaced by the unknown word, as without this call.
        """
        initial = self.embedding.weight.detach().clone()
        # NaN tells the words without one: no training step may ever read it.
        unknown = torch.full_like(initial[:, :1], torch.nan)
        self.initial_vectors = torch.where(has_vector.to(initial.device)[:, None], initial, unknown)

    def _init_weights(self, module: nn.Module) -> None:
        # transformers 5 only spares weights that were loaded when all is done by torch.nn.init.
        if isinstance(module, nn.LSTM | nn.GRU):
            for name, parameter in module.named_parameters():
                if name.startswith("weight_ih"):
                    nn.init.xavier_uniform_(parameter)
                elif name.startswith("weight_hh"):
                    nn.init.orthogonal_(parameter)
                else:
                    nn.init.zeros_(parameter)
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, DixtillNgrams):
            nn.init.zeros_(module.buckets)
            nn.init.zeros_(module.ngrams)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.1)
            if module is self.token_types:
                return
            if not getattr(module.weight, "_is_hf_initialized", False):  # a row has no such mark
                nn.init.zeros_(module.weight[self.config.pad_token_id])

    def _read(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
        token_type_ids: torch.Tensor | None = None,
    ) -> Reading:
        """Return what the layers make of a batch; arguments and errors are those of `forward`."""
        if input_ids is not None and inputs_embeds is None:
            inputs = input_ids.long()  # the tokenizer makes floats of a text without words
        elif inputs_embeds is not None and input_ids is None:
            inputs = inputs_embeds
        else:
            raise ValueError("Give exactly one of input_ids and inputs_embeds.")
        mask = self._real_words(inputs, attention_mask)
        places = front_places(mask)
        mask_in_front, in_front = to_front(mask, places), to_front(inputs, places)
        vectors = self.word_vectors(in_front) if inputs_embeds is None else in_front
        attended = mask_in_front
        if self.token_types is not None:
            types = to_front(self.pair_types(inputs, mask, token_type_ids), places)
            vectors = vectors + self.token_types(types)
            # So the words of both texts make up the logits, and the separator adds nothing.
            attended = mask_in_front & (types != SEPARATOR_TYPE)
        states = self.encoder(self.embedding_dropout(vectors), mask_in_front)
        scores, weights = self.attention(states[-1], attended)
        return Reading(places, vectors, states, scores, weights)

    def _optional_outputs(
        self, reading: Reading, hidden_states: bool | None, attentions: bool | None
    ) -> dict[str, tuple[torch.Tensor, ...]]:
        """Return `hidden_states` and `attentions`, if the call or the configuration wants them."""
        asked: dict[str, tuple[torch.Tensor, ...]] = {}
        if self.config.output_hidden_states if hidden_states is None else hidden_states:
            every = (reading.vectors, *reading.states)
            asked["hidden_states"] = tuple(from_front(one, reading.places) for one in every)
        if self.config.output_attentions if attentions is None else attentions:
            weights = from_front(reading.weights, reading.places)
            asked["attentions"] = (weights[:, None, None, :],)
        return asked

    def _real_words(
        self, inputs: torch.Tensor, attention_mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the mask that is True on real words, (batch, words), for ids or vectors."""
        shape = inputs.shape[:2]
        if attention_mask is None and inputs.dim() == 2:
            return inputs != self.config.pad_token_id
        if attention_mask is None:
            return torch.ones(shape, dtype=torch.bool, device=inputs.device)
        if attention_mask.shape != shape:
            raise ValueError(
                f"attention_mask must have the shape (batch, words) of the input, {tuple(shape)}, "
                f"got {tuple(attention_mask.shape)}."
            )
        return attention_mask.bool()

    def pair_types(
        self, inputs: torch.Tensor, mask: torch.Tensor, token_type_ids: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the row of `token_types` of each word of pairs, (batch, words).

        Args:
            inputs: Word ids, (batch, words), or vectors, (batch, words, embedding_size).
            mask: True on real words, (batch, words).
            token_type_ids: As for `forward`.

        Raises:
            ValueError: If there are no token types, or if they have another shape.
        """
        if token_type_ids is None or token_type_ids.shape != mask.shape:
            raise ValueError(
                "This student reads pairs of texts: give token_type_ids of the shape (batch, "
                f"words), {tuple(mask.shape)}, as its tokenizer makes them, got "
                f"{None if token_type_ids is None else tuple(token_type_ids.shape)}."
            )
        types = token_type_ids.long()
        if inputs.dim() == 3:  # vectors are not compared: their types say it all
            return types
        first, second = mask & (types == 0), mask & (types == SECOND_TYPE)
        same = inputs.unsqueeze(2) == inputs.unsqueeze(1)
        same &= (inputs != self.config.unk_token_id).unsqueeze(1)
        apart = first.unsqueeze(2) & second.unsqueeze(1) | second.unsqueeze(2) & first.unsqueeze(1)
        return torch.where((same & apart).any(dim=2), types + SHARED_TYPE, types)

    def _own_vectors(self, word_ids: torch.Tensor) -> torch.Tensor:
        """Look words up; in training, a random share of them as words that training never saw."""
        if not self.training or self.config.word_dropout == 0:
            return self.embedding(word_ids)
        dropped = torch.rand(word_ids.shape, device=word_ids.device) < self.config.word_dropout
        vectors = self.embedding(word_ids.masked_fill(dropped, self.config.unk_token_id))
        if self.initial_vectors is None:
            return vectors
        initial = self.initial_vectors[word_ids]
        return torch.where(dropped[..., None] & ~initial.isnan(), initial, vectors)


def _resized(rows: torch.Tensor, count: int, value: float) -> torch.Tensor:
    """Return the first `count` rows, with new rows of `value` if there are fewer."""
    new = rows.new_full((max(0, count - len(rows)), *rows.shape[1:]), value)
    return torch.cat([rows[:count], new])
