# SPDX-License-Identifier: Apache-2.0
"""The student model: embedding, bi-LSTM, masked additive attention, linear classifier.

This file travels with every saved model: it imports torch and what travels with it.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

# When transformers loads a directory, it copies the files that this one imports, not those that
# these import: all must be here. A test checks it.
from .base_dixtill import DixtillPreTrainedModel, Reading
from .configuration_dixtill import DixtillConfig
from .layers_dixtill import at_least_float32, from_front
from .outputs_dixtill import LOSSES, DixtillModelOutput, DixtillOutput

if TYPE_CHECKING:
    # Not run, but transformers reads the line and saves the pipeline with every model.
    from .pipeline_dixtill import DixtillPipeline  # noqa: F401


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
            token_type_ids: For a student of pairs of texts (`config.text_pairs`), (batch, words): 0
                for words of the first text, 1 for those of the second, 2 for the separator, which
                the attention leaves out. With `inputs_embeds`, 3 and 4 are words of the first and
                second text that the other one has too; with `input_ids` these are found. A student
                of single texts ignores them: tokenizers made for BERT give them.
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
                shape of `attention_mask` or `token_type_ids` does not fit them.
        """
        reading = self._read(input_ids, attention_mask, inputs_embeds, token_type_ids)
        pooled = (reading.weights.unsqueeze(-1) * reading.states[-1]).sum(dim=1)
        output = DixtillModelOutput(
            last_hidden_state=from_front(reading.states[-1], reading.places),
            pooler_output=pooled,
            attention_scores=from_front(reading.scores, reading.places),
            attention_weights=from_front(reading.weights, reading.places),
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
            token_type_ids: For a student of pairs of texts (`config.text_pairs`), (batch, words): 0
                for words of the first text, 1 for those of the second, 2 for the separator, which
                the attention leaves out. With `inputs_embeds`, 3 and 4 are words of the first and
                second text that the other one has too; with `input_ids` these are found. A student
                of single texts ignores them: tokenizers made for BERT give them.
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
                shape of `attention_mask`, `token_type_ids` or `labels` does not fit them.
        """
        reading = self._read(input_ids, attention_mask, inputs_embeds, token_type_ids)
        logits = self._logits(reading)
        problem_type = self.config.problem_type or "single_label_classification"
        loss = None if labels is None else LOSSES[problem_type](logits, labels)
        optional = self._optional_outputs(reading, output_hidden_states, output_attentions)
        output = DixtillOutput(
            loss=loss,
            logits=logits,
            attention_scores=from_front(reading.scores, reading.places),
            attention_weights=from_front(reading.weights, reading.places),
            last_hidden_state=from_front(reading.states[-1], reading.places),
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

    def _logits(self, reading: Reading) -> torch.Tensor:
        """Return the logits of the mean states, (batch, labels), in float32 also under autocast."""
        states = reading.states[-1]
        pooled = (reading.weights.unsqueeze(-1) * states).sum(dim=1)
        with torch.autocast(states.device.type, enabled=False):
            return at_least_float32(self.classifier(pooled.to(states.dtype)))

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


def _wants_dict(config: DixtillConfig, asked: bool | None) -> bool:
    """Return whether `forward` returns fields by name; a traced model has none."""
    if asked is not None:
        return asked
    # transformers 5 has no setting torchscript, unless it was given.
    return config.return_dict and not getattr(config, "torchscript", False)


DixtillModel.register_for_auto_class("AutoModel")
DixtillForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
