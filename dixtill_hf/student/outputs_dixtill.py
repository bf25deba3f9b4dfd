# SPDX-License-Identifier: Apache-2.0
"""What the student returns for a batch of texts: the fields, and the loss of each problem type.

This file travels with every saved model: it imports torch and transformers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from transformers.utils import ModelOutput

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


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "single_label_classification": _single_label_loss,
    "multi_label_classification": _multi_label_loss,
    "regression": _regression_loss,
}
