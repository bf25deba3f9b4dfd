# SPDX-License-Identifier: Apache-2.0
"""A causal language model with a prompt around every text, as a classifier of the text's tokens."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import DynamicCache, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from dixtill_hf.teacher.prompted.tokens import PromptTokens

# Keys and values of every layer, `(rows, heads, tokens, dims)` each.
_Layers = list[tuple[torch.Tensor, torch.Tensor]]

# Facts of a configuration that do not change what its model computes.
_ORIGIN = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "_commit_hash")
# How far log-probabilities may be apart that are computed in two ways.
_ROUNDING = {torch.float32: 1e-3, torch.float64: 1e-3}
_HALF_ROUNDING = 0.25


class TextEmbedding(torch.nn.Module):
    """The language model's token embedding, called for the tokens of the text only.

    Explainers replace what this module returns, and so leave the prompt's tokens as they are.
    """

    def __init__(self, embedding: torch.nn.Module) -> None:
        super().__init__()
        self._embedding: tuple[Any] = (embedding,)  # in a tuple, so that it is not registered twice

    @property
    def weight(self) -> torch.Tensor:
        """The table of embeddings, `(tokens, dims)`."""
        return self._embedding[0].weight

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Embeddings `(texts, tokens, dims)` of token ids `(texts, tokens)`."""
        return self._embedding[0](input_ids)


class PromptedClassifier(PreTrainedModel):
    """Log-probabilities of whole answers after a prompt, as the logits of a text.

    Its inputs are the tokens of the text only. The tokens before the text are the same for all
    texts: they are read once, and their keys and values kept.

    Attributes:
        language_model: The causal language model.
        tokens: The prompt.
        prior: `(labels,)`, subtracted from the log-probabilities; see `calibrate`.
    """

    config_class = PretrainedConfig
    prior: torch.Tensor

    def __init__(
        self, language_model: PreTrainedModel, tokens: PromptTokens, described: dict[str, Any]
    ) -> None:
        """Put a prompt around a language model.

        Args:
            language_model: The causal language model, with the padding token in its configuration.
            tokens: The prompt in tokens.
            described: The prompt in words, as JSON values; a part of the configuration, and so
                of what annotations are kept under.
        """
        inner = language_model.config.to_dict()
        config = PretrainedConfig(
            num_labels=len(tokens.answers), pad_token_id=language_model.config.pad_token_id
        )
        config.prompt = described
        config.language_model = {k: v for k, v in inner.items() if k not in _ORIGIN}
        super().__init__(config)
        self.language_model = language_model
        self.tokens = tokens
        self._text_embedding = TextEmbedding(language_model.get_input_embeddings())
        self._accepted = set(inspect.signature(language_model.forward).parameters)
        self._kept: _Layers | None = None
        self.register_buffer("prior", torch.zeros(len(tokens.answers)))

    def get_input_embeddings(self) -> torch.nn.Module:
        """The embedding of the text's tokens."""
        return self._text_embedding

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_unused: Any
    ) -> SequenceClassifierOutput:
        """Log-probabilities of the answers, less the prior.

        Args:
            input_ids: Tokens of the texts, padded on the right, `(texts, tokens)`.
            attention_mask: 1 for a token, 0 for padding, `(texts, tokens)`.

        Returns:
            `logits`, `(texts, labels)`, float32.
        """
        embedded = self._text_embedding(input_ids)
        scores = self._score(embedded, attention_mask)
        return SequenceClassifierOutput(logits=scores - self.prior)

    def _score(self, embedded: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Log-probabilities `(texts, labels)` of the answers."""
        rows = len(embedded)
        before = self._before()
        mask = torch.cat(
            [
                attention_mask.new_ones(rows, len(self.tokens.before)),
                attention_mask,
                attention_mask.new_ones(rows, len(self.tokens.after)),
            ],
            dim=1,
        )
        after = self._embed(self.tokens.after, rows)
        first, layers = self._read(torch.cat([embedded, after], 1), mask, _repeat(before, rows), 1)
        scores = []
        for answer in self.tokens.answers:
            score = first[:, -1, answer[0]]
            if len(answer) > 1:
                score = score + self._rest(answer, mask, layers)
            scores.append(score)
        return torch.stack(scores, 1)

    def _rest(self, answer: Sequence[int], mask: torch.Tensor, layers: _Layers) -> torch.Tensor:
        """Log-probability `(texts,)` of an answer's tokens behind its first one."""
        given = self._embed(answer[:-1], len(mask))
        longer = torch.cat([mask, mask.new_ones(len(mask), len(answer) - 1)], 1)
        found, _ = self._read(given, longer, layers, len(answer) - 1)
        wanted = torch.tensor(answer[1:], device=found.device).expand(len(mask), -1)
        return found.gather(-1, wanted.unsqueeze(-1)).squeeze(-1).sum(1)

    def _embed(self, ids: Sequence[int], rows: int) -> torch.Tensor:
        """Embeddings `(rows, tokens, dims)` of tokens of the prompt."""
        tensor = torch.tensor(ids, dtype=torch.long, device=self.device)
        embedded = self.language_model.get_input_embeddings()(tensor)
        return embedded.unsqueeze(0).expand(rows, -1, -1)

    def _read(
        self, embedded: torch.Tensor, mask: torch.Tensor, layers: _Layers, keep: int
    ) -> tuple[torch.Tensor, _Layers]:
        """Read tokens behind those whose keys and values are given.

        Args:
            embedded: `(rows, tokens, dims)`.
            mask: 1 for a token and 0 for padding, of those given too: `(rows, all tokens)`.
            layers: Keys and values of the tokens that were read before.
            keep: For how many of the last tokens the next one's probabilities are wanted.

        Returns:
            Log-probabilities `(rows, keep, vocabulary)`, float32; keys and values of all tokens.
        """
        cache = DynamicCache()
        for number, (keys, values) in enumerate(layers):
            cache.update(keys, values, number)
        places = (mask.cumsum(1) - 1).clamp(min=0)[:, mask.shape[1] - embedded.shape[1] :]
        wanted = {"position_ids": places, "logits_to_keep": keep}
        output = self.language_model(
            inputs_embeds=embedded.to(self.dtype),
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            **{name: value for name, value in wanted.items() if name in self._accepted},
        )
        read = output.past_key_values
        kept = [(layer.keys, layer.values) for layer in read.layers]
        return torch.log_softmax(output.logits[:, -keep:].float(), -1), kept

    def _before(self) -> _Layers:
        """Keys and values of the tokens before the text, read when they are first needed."""
        if self._kept is None:
            # Not as inference tensors: gradients go through what attends to them.
            with torch.inference_mode(False), torch.no_grad():
                embedded = self._embed(self.tokens.before, 1)
                mask = torch.ones(embedded.shape[:2], dtype=torch.long, device=self.device)
                self._kept = self._read(embedded, mask, [], 1)[1]
        return self._kept

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> PromptedClassifier:
        """Forget the kept keys and values as the weights move or change their precision."""
        self._kept = None
        return super()._apply(fn, recurse)

    def calibrate(self, content_free: Sequence[Sequence[int]]) -> None:
        """From now on, subtract the log-probabilities of the answers after content-free texts.

        Contextual calibration (Zhao et al. 2021, "Calibrate before use"): the mean probabilities
        of the answers over content-free texts become the prior.

        Args:
            content_free: Tokens of each such text.
        """
        with torch.no_grad():
            found = [torch.log_softmax(self._score(*self._inputs(ids)), -1) for ids in content_free]
            mean = torch.cat(found).logsumexp(0) - torch.log(torch.tensor(float(len(found))))
        self.prior = mean.to(self.prior)

    def check_reading(self, text: Sequence[int]) -> None:
        """Compare a text read in parts and padded with the whole prompt read at once.

        Args:
            text: Tokens of a text.

        Raises:
            ValueError: The model reads them otherwise, as those do that have no cache of keys and
                values, or count padding.
        """
        with torch.no_grad():
            embedded, mask = self._inputs(text)
            padding = self._embed([self.config.pad_token_id] * 3, 1)
            in_parts = self._score(
                torch.cat([embedded, padding], 1), torch.cat([mask, mask.new_zeros(1, 3)], 1)
            )[0]
            whole = torch.stack([self._score_whole(text, a) for a in self.tokens.answers])
        apart = float((in_parts - whole).abs().max())
        if not apart <= _ROUNDING.get(self.dtype, _HALF_ROUNDING):
            raise ValueError(
                f"{type(self.language_model).__name__} reads a prompt in parts otherwise than at "
                f"once (log-probabilities differ by {apart:.3g}), so that texts in one batch would "
                "change one another's labels. Take a transformer that keeps keys and values, such "
                "as a Llama, Qwen, Gemma, Mistral, GPT-2 or SmolLM."
            )

    def _score_whole(self, text: Sequence[int], answer: Sequence[int]) -> torch.Tensor:
        """Log-probability of one answer, from token ids and without a cache."""
        prompt = [*self.tokens.before, *text, *self.tokens.after]
        ids = torch.tensor([[*prompt, *answer]], device=self.device)
        logits = self.language_model(input_ids=ids, use_cache=False).logits[0].float()
        found = torch.log_softmax(logits[len(prompt) - 1 : -1], -1)
        return found.gather(-1, ids[0, len(prompt) :].unsqueeze(-1)).sum()

    def _inputs(self, ids: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        embedded = self._embed(ids, 1)
        return embedded, torch.ones(embedded.shape[:2], dtype=torch.long, device=self.device)


def _repeat(layers: _Layers, rows: int) -> _Layers:
    return [
        (keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1)) for keys, values in layers
    ]
