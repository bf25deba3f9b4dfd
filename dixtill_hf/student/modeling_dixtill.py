# SPDX-License-Identifier: Apache-2.0
"""The student model: embedding, bi-LSTM, masked additive attention, linear classifier.

This file travels with every saved model: it imports torch, transformers and the configuration.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from .configuration_dixtill import DixtillConfig

IGNORED_LABEL = -100


@dataclass
class DixtillOutput(ModelOutput):
    """Prediction and explanation of a batch of texts.

    Attributes:
        loss: Mean loss of the labelled texts, (); None without labels. Which loss it is, depends on
            `config.problem_type`, see `DixtillForSequenceClassification.forward`.
        logits: Scores of the labels before the softmax or sigmoid, or the values of a regression,
            (batch, labels).
        attention_scores: The score of each word before the softmax over words, (batch, words);
            0 on padding. This is the paper's explanation.
        attention_weights: Their softmax over the real words, (batch, words); 0 on padding.
        last_hidden_state: State of each word, (batch, words, 2 * hidden_size); 0 on padding.
            `explain_from` computes explanations from it.
        contributions: With `output_contributions`: what each word adds to each logit, (batch,
            words, labels); 0 on padding. Their sum over the words and the classifier's bias is the
            logits, up to rounding.
        hidden_states: With `output_hidden_states`: the word vectors, (batch, words,
            embedding_size), then the states of each layer, (batch, words, 2 * hidden_size).
        attentions: With `output_attentions`: `attention_weights` in the shape of one layer with one
            head and one query, (batch, 1, 1, words).
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    attention_scores: torch.Tensor | None = None
    attention_weights: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    contributions: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


@dataclass
class DixtillModelOutput(ModelOutput):
    """States and attention of a batch of texts.

    Attributes:
        last_hidden_state: State of each word, (batch, words, 2 * hidden_size); 0 on padding.
        pooler_output: Mean of the states, weighted by the attention, (batch, 2 * hidden_size).
        attention_scores: As in `DixtillOutput`, (batch, words).
        attention_weights: As in `DixtillOutput`, (batch, words).
        hidden_states: As in `DixtillOutput`.
        attentions: As in `DixtillOutput`.
    """

    last_hidden_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None
    attention_scores: torch.Tensor | None = None
    attention_weights: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


class DixtillLayer(nn.Module):
    """One bidirectional LSTM layer over rows whose real words come first.

    Both directions read the real words before the padding, so padding never reaches a real word.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.left_to_right = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.right_to_left = nn.LSTM(input_size, hidden_size, batch_first=True)

    def forward(self, states: torch.Tensor, reversal: torch.Tensor) -> torch.Tensor:
        """Return the states of both directions, (batch, words, 2 * hidden_size).

        Args:
            states: Input vectors, (batch, words, input_size).
            reversal: Where the reversed texts find their words among all the words of the batch,
                (batch, words). It is its own inverse.
        """
        forwards, _ = self.left_to_right(states)
        backwards, _ = self.right_to_left(_pick_words(states, reversal))
        return torch.cat([forwards, _pick_words(backwards, reversal)], dim=-1)


class DixtillEncoder(nn.Module):
    """The stacked bidirectional layers."""

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__()
        width = 2 * config.hidden_size
        sizes = [config.embedding_size] + [width] * (config.num_layers - 1)
        self.layers = nn.ModuleList(DixtillLayer(size, config.hidden_size) for size in sizes)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.width = width

    def forward(self, embeddings: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        """Return each layer's states, (batch, words, 2 * hidden_size); the last is 0 on padding.

        Args:
            embeddings: Word vectors, (batch, words, embedding_size), real words first.
            mask: True on real words, (batch, words).
        """
        batch, words = mask.shape
        if words == 0:  # nn.LSTM refuses a text of no steps
            return [embeddings.new_zeros(batch, 0, self.width) for _ in self.layers]
        positions = torch.arange(words, device=mask.device)
        rows = words * torch.arange(batch, device=mask.device).unsqueeze(1)
        last = mask.sum(dim=1, keepdim=True) - 1
        reversal = rows + torch.where(mask, last - positions, positions)
        states, every = embeddings, []
        # Half precision adds up over the words, and some CPUs have no LSTM in float16.
        with torch.autocast(mask.device.type, enabled=False):
            for layer in self.layers:
                states = self.dropout(layer(states, reversal))
                every.append(states)
        return [*every[:-1], states.masked_fill(~mask.unsqueeze(-1), 0)]


class DixtillNgrams(nn.Module):
    """Vectors that words share by their character n-grams (Bojanowski et al. 2017), in training.

    So words that are spelled alike learn together. `buckets` start at 0; row 0 stays 0.

    Attributes:
        ngrams: The rows of `buckets` that each word has, (vocab_size, ngrams_per_word), 0 behind
            the last.
    """

    ngrams: torch.Tensor

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__()
        self.buckets = nn.Parameter(torch.zeros(config.ngram_buckets + 1, config.embedding_size))
        words = torch.zeros(config.vocab_size, config.ngrams_per_word, dtype=torch.long)
        self.register_buffer("ngrams", words)

    def forward(self, word_ids: torch.Tensor) -> torch.Tensor:
        """Return the mean vector of the n-grams of each word, (..., embedding_size); 0 of none."""
        means = nn.functional.embedding_bag(
            self.ngrams[word_ids.flatten()], self.buckets, mode="mean", padding_idx=0
        )
        return means.view(*word_ids.shape, self.buckets.shape[1])


class DixtillAttention(nn.Module):
    """Masked additive attention over the words (Cantini et al. 2024), without biases."""

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__()
        self.projection = nn.Linear(2 * config.hidden_size, config.attention_size, bias=False)
        self.score = nn.Linear(config.attention_size, 1, bias=False)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the scores and their softmax over real words, both (batch, words).

        Args:
            states: Hidden states H, (batch, words, 2 * hidden_size).
            mask: True on real words, (batch, words).
        """
        scores = _at_least_float32(self.score(torch.tanh(self.projection(states))).squeeze(-1))
        real = mask.to(scores.dtype)
        scores = scores * real
        weights = torch.softmax(scores + (real - 1) * 1e4, dim=-1)
        # A text without any word would otherwise spread its weight over its padding.
        return scores, weights * real


@dataclass
class _Reading:
    """What the layers make of a batch, real words first.

    Attributes:
        places: Where each word of the batch went, (batch, words), see `_front_places`.
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
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.encoder = DixtillEncoder(config)
        self.attention = DixtillAttention(config)
        self.register_buffer("initial_vectors", None, persistent=False)
        # Whether the layers below the classifier started from a pretrained student's: training
        # then changes them more slowly.
        self.is_pretrained = False

    def save_pretrained(self, save_directory: str | Path, *args: Any, **kwargs: Any) -> None:
        """Save as every model is saved, with the code of the pipeline that explains its labels.

        Args:
            save_directory: Where the files go; it is made if it is not there.
            *args: As for every model.
            **kwargs: As for every model.
        """
        code = Path(__file__).with_name("pipeline_dixtill.py")
        if code.is_file():  # a model from the Hub has it once the pipeline was used
            Path(save_directory).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(code, Path(save_directory) / code.name)
        super().save_pretrained(save_directory, *args, **kwargs)

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
        if isinstance(module, nn.LSTM):
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
            if not getattr(module.weight, "_is_hf_initialized", False):  # a row has no such mark
                nn.init.zeros_(module.weight[self.config.pad_token_id])

    def _read(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
    ) -> _Reading:
        """Return what the layers make of a batch; arguments and errors are those of `forward`."""
        if input_ids is not None and inputs_embeds is None:
            inputs = input_ids.long()  # the tokenizer makes floats of a text without words
        elif inputs_embeds is not None and input_ids is None:
            inputs = inputs_embeds
        else:
            raise ValueError("Give exactly one of input_ids and inputs_embeds.")
        mask = self._real_words(inputs, attention_mask)
        places = _front_places(mask)
        mask_in_front, in_front = _to_front(mask, places), _to_front(inputs, places)
        vectors = self.word_vectors(in_front) if inputs_embeds is None else in_front
        states = self.encoder(self.embedding_dropout(vectors), mask_in_front)
        scores, weights = self.attention(states[-1], mask_in_front)
        return _Reading(places, vectors, states, scores, weights)

    def _optional_outputs(
        self, reading: _Reading, hidden_states: bool | None, attentions: bool | None
    ) -> dict[str, tuple[torch.Tensor, ...]]:
        """Return `hidden_states` and `attentions`, if the call or the configuration wants them."""
        asked: dict[str, tuple[torch.Tensor, ...]] = {}
        if self.config.output_hidden_states if hidden_states is None else hidden_states:
            every = (reading.vectors, *reading.states)
            asked["hidden_states"] = tuple(_from_front(one, reading.places) for one in every)
        if self.config.output_attentions if attentions is None else attentions:
            weights = _from_front(reading.weights, reading.places)
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


class DixtillModel(DixtillPreTrainedModel):
    """The student without its classifier: a state for each word, and a vector for each text."""

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__(config)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> DixtillModelOutput | tuple[torch.Tensor, ...]:
        """Return states, attention and a pooled vector of a batch of texts.

        Args:
            input_ids: Word ids, (batch, words).
            attention_mask: Not 0 on real words, (batch, words). By default every word that is
                not `config.pad_token_id`, or every word of `inputs_embeds`.
            inputs_embeds: Word vectors, (batch, words, embedding_size), in place of `input_ids`;
                word dropout does not apply to them.
            token_type_ids: Not used: tokenizers made for BERT give them.
            output_hidden_states: Whether to return `hidden_states`. By default
                `config.output_hidden_states`.
            output_attentions: Whether to return `attentions`. By default
                `config.output_attentions`.
            return_dict: Whether to return a `DixtillModelOutput` instead of a tuple. By default
                `config.return_dict`.

        Returns:
            A `DixtillModelOutput`, or a tuple of its fields that are not None.

        Raises:
            ValueError: If not exactly one of `input_ids` and `inputs_embeds` is given, or if the
                shape of `attention_mask` does not fit them.
        """
        reading = self._read(input_ids, attention_mask, inputs_embeds)
        pooled = (reading.weights.unsqueeze(-1) * reading.states[-1]).sum(dim=1)
        output = DixtillModelOutput(
            last_hidden_state=_from_front(reading.states[-1], reading.places),
            pooler_output=pooled,
            attention_scores=_from_front(reading.scores, reading.places),
            attention_weights=_from_front(reading.weights, reading.places),
            **self._optional_outputs(reading, output_hidden_states, output_attentions),
        )
        return output if _wants_dict(self.config, return_dict) else output.to_tuple()


class DixtillForSequenceClassification(DixtillPreTrainedModel):
    """A bi-LSTM text classifier that returns an exact explanation with every prediction.

    The architecture is the student of DiXtill (Cantini et al. 2024). Each logit is a bias and the
    sum over the words of their `contributions`. Those to chosen labels are computed by
    `explain_from`, at no cost for the others; those to all labels only if they are asked for.
    """

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__(config)
        self.classifier = nn.Linear(2 * config.hidden_size, config.num_labels)
        self.post_init()

    @property
    def base_model(self) -> DixtillModel:
        """The model without its classifier, on the same weights: to freeze them, for example."""
        base = DixtillModel.__new__(DixtillModel)
        layers = {name: layer for name, layer in self._modules.items() if name != "classifier"}
        base.__dict__.update(self.__dict__, _modules=layers)
        return base

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        output_contributions: bool = False,
        return_dict: bool | None = None,
    ) -> DixtillOutput | tuple[torch.Tensor, ...]:
        """Classify a batch of texts and explain each prediction.

        Padding may be anywhere. A text without words gets the classifier's bias as logits.

        Args:
            input_ids: Word ids, (batch, words).
            attention_mask: Not 0 on real words, (batch, words). By default every word that is
                not `config.pad_token_id`, or every word of `inputs_embeds`.
            labels: What the loss compares the logits with, by `config.problem_type`. One label a
                text (the default): label ids, (batch,), -100 for unlabelled texts; cross-entropy.
                "multi_label_classification": 1 for each label of a text and 0 for the others,
                (batch, labels); binary cross-entropy, averaged over the labels. "regression":
                values, (batch, labels), or (batch,) for one; squared error. In both, texts with NaN
                are unlabelled. Unlabelled texts do not enter the loss.
            inputs_embeds: Word vectors, (batch, words, embedding_size), in place of `input_ids`;
                word dropout does not apply to them.
            token_type_ids: Not used: tokenizers made for BERT give them.
            output_hidden_states: Whether to return `hidden_states`. By default
                `config.output_hidden_states`.
            output_attentions: Whether to return `attentions`. By default
                `config.output_attentions`.
            output_contributions: Whether to return `contributions`, whose size grows with the
                number of labels. Default False.
            return_dict: Whether to return a `DixtillOutput` instead of a tuple. By default
                `config.return_dict`.

        Returns:
            A `DixtillOutput`, or a tuple of its fields that are not None.

        Raises:
            ValueError: If not exactly one of `input_ids` and `inputs_embeds` is given, or if the
                shape of `attention_mask` or `labels` does not fit them.
        """
        reading = self._read(input_ids, attention_mask, inputs_embeds)
        logits = self._logits(reading)
        problem_type = self.config.problem_type or "single_label_classification"
        loss = None if labels is None else _LOSSES[problem_type](logits, labels)
        optional = self._optional_outputs(reading, output_hidden_states, output_attentions)
        output = DixtillOutput(
            loss=loss,
            logits=logits,
            attention_scores=_from_front(reading.scores, reading.places),
            attention_weights=_from_front(reading.weights, reading.places),
            last_hidden_state=_from_front(reading.states[-1], reading.places),
            hidden_states=optional.get("hidden_states"),
            attentions=optional.get("attentions"),
        )
        if output_contributions:
            weight = self._classifier_weight(output["last_hidden_state"])
            output["contributions"] = self._contributions(output, weight)
        return output if _wants_dict(self.config, return_dict) else output.to_tuple()

    def explain_from(self, output: DixtillOutput, label: torch.Tensor) -> torch.Tensor:
        """Return the scores of the words that `config.explanation` names.

        Args:
            output: What `forward` returned.
            label: The label to explain in each text, (batch,), or several, (batch, targets);
                `"attention"` has the same scores for all.

        Returns:
            One score a word, (batch, words), or for each target, (batch, targets, words).
        """
        targets = label.unsqueeze(1) if label.dim() == 1 else label
        if self.config.explanation == "attention":
            scores = output["attention_scores"].unsqueeze(1).expand(-1, targets.shape[1], -1)
        else:
            weight = self._classifier_weight(output["last_hidden_state"])
            scores = self._contributions(output, weight[targets]).transpose(1, 2)
        return scores.squeeze(1) if label.dim() == 1 else scores

    def _logits(self, reading: _Reading) -> torch.Tensor:
        """Return the logits of the mean states, (batch, labels), in float32 also under autocast."""
        states = reading.states[-1]
        pooled = (reading.weights.unsqueeze(-1) * states).sum(dim=1)
        with torch.autocast(states.device.type, enabled=False):
            return _at_least_float32(self.classifier(pooled.to(states.dtype)))

    def _classifier_weight(self, states: torch.Tensor) -> torch.Tensor:
        """Return the weight of the classifier, (labels, 2 * hidden_size), on the states' device.

        A quantised classifier has no such tensor, and that of an offloaded one is empty: what the
        classifier makes of each unit then tells its weight.
        """
        weight = self.classifier.weight
        if isinstance(weight, torch.Tensor) and not weight.is_meta:
            return weight
        units = torch.eye(states.shape[-1], dtype=states.dtype, device=states.device)
        return (self.classifier(units) - self.classifier(torch.zeros_like(units[:1]))).T

    def _contributions(self, output: DixtillOutput, weight: torch.Tensor) -> torch.Tensor:
        """Return what each word adds to logits, (batch, words, targets).

        Args:
            output: What `forward` returned.
            weight: Rows of the classifier's weight, (targets, 2 * hidden_size), the same for all
                texts, or (batch, targets, 2 * hidden_size).
        """
        states = output["last_hidden_state"]
        with torch.autocast(states.device.type, enabled=False):
            evidence = states @ weight.transpose(-1, -2)
        return output["attention_weights"].unsqueeze(-1) * evidence


def _single_label_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of the labelled texts, 0 if there are none."""
    if labels.shape != logits.shape[:1] or labels.is_floating_point():
        raise ValueError(
            "labels must be one integer label id per text, of shape "
            f"{tuple(logits.shape[:1])}, got {tuple(labels.shape)} of {labels.dtype}. For several "
            "labels a text or for values, make the student with "
            "problem_type='multi_label_classification' or 'regression'."
        )
    total = nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED_LABEL, reduction="sum")
    return total / (labels != IGNORED_LABEL).sum().clamp(min=1)


def _multi_label_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean binary cross-entropy over texts and labels, 0 if no text is labelled."""
    return _mean_of_labelled(nn.functional.binary_cross_entropy_with_logits, logits, labels)


def _regression_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error over texts and outputs, 0 if no text is labelled."""
    if labels.dim() == 1 and logits.shape[1] == 1:
        labels = labels.unsqueeze(1)
    return _mean_of_labelled(nn.functional.mse_loss, logits, labels)


def _mean_of_labelled(
    loss: Callable[..., torch.Tensor], logits: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the mean of an elementwise loss over the elements whose label is not NaN."""
    if labels.shape != logits.shape:
        raise ValueError(
            f"labels must be one number for each output, of shape {tuple(logits.shape)}, got "
            f"{tuple(labels.shape)}."
        )
    known = ~labels.isnan()
    targets = torch.where(known, labels, 0).to(logits.dtype)
    total = (loss(logits, targets, reduction="none") * known).sum()
    return total / known.sum().clamp(min=1)


_LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "single_label_classification": _single_label_loss,
    "multi_label_classification": _multi_label_loss,
    "regression": _regression_loss,
}


def _wants_dict(config: DixtillConfig, asked: bool | None) -> bool:
    """Return whether `forward` returns fields by name; a traced model has none."""
    if asked is not None:
        return asked
    # transformers 5 has no setting torchscript, unless it was given.
    return config.return_dict and not getattr(config, "torchscript", False)


def _resized(rows: torch.Tensor, count: int, value: float) -> torch.Tensor:
    """Return the first `count` rows, with new rows of `value` if there are fewer."""
    new = rows.new_full((max(0, count - len(rows)), *rows.shape[1:]), value)
    return torch.cat([rows[:count], new])


def _front_places(mask: torch.Tensor) -> torch.Tensor:
    """Return where each word goes, (batch, words), to put real words first and keep their order."""
    rank = mask.long().cumsum(dim=1)
    positions = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, rank - 1, mask.sum(dim=1, keepdim=True) + positions - rank)


def _to_front(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Move the words of (batch, words) or (batch, words, size) to their `places`."""
    return torch.zeros_like(values).scatter(1, _expand(places, values), values)


def _from_front(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Undo `_to_front`."""
    return values.gather(1, _expand(places, values))


def _expand(places: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return places if values.dim() == 2 else places.unsqueeze(-1).expand_as(values)


def _pick_words(states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Look words up by their index in the batch; an embedding does so faster than a gather."""
    return nn.functional.embedding(index, states.flatten(0, 1))


def _at_least_float32(values: torch.Tensor) -> torch.Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


DixtillModel.register_for_auto_class("AutoModel")
DixtillForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
