# SPDX-License-Identifier: Apache-2.0
"""The head of a classifier starts from a logistic regression on the frozen encoder's features.

A head that is drawn at random has to be found by many steps of the whole encoder, which few texts
of many labels do not give. A linear probe of the pretrained features is a better start, and
fine-tuning from it distorts these features less (Kumar et al., 2022, arXiv:2202.10054).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from torch import nn
from tqdm.auto import tqdm
from transformers import PreTrainedModel, Trainer

from dixtill_hf.artifacts.evaluation_mode import evaluating
from dixtill_hf.data.problem_types import (
    MULTI_LABEL,
    REGRESSION,
    SINGLE_LABEL,
    problem_type_of_model,
)

# Inverse strengths of the L2 penalty; the one with the lowest validation loss is taken.
_PENALTIES = (0.1, 1.0, 10.0)
# Enough to converge; a probe of 800 texts with the weakest penalty takes about 190.
_ITERATIONS = 2_000
# A probe needs no more texts than this.
_MOST_TEXTS = 10_000
_TEXTS_AT_ONCE = 64

Batch = Mapping[str, torch.Tensor]


def start_from_linear_probe(trainer: Trainer) -> bool:
    """Set the output layer of a Trainer's model to a logistic regression of the training texts.

    Args:
        trainer: Has the classifier, tokenized texts with `label`, and a collator. Its validation
            texts choose the strength of the penalty.

    Returns:
        Whether the layer was set. It stays as it is if the model does not end in a linear layer, or
        if the training texts lack a label, of which a regression knows nothing.
    """
    model = trainer.model
    layer = output_layer(model)
    if layer is None:
        return False
    train, validation = (
        read_features(model, layer, split, trainer.data_collator)
        for split in (_sample(trainer.train_dataset), _sample(trainer.eval_dataset))
    )
    return fit_output_layer(layer, train, validation, problem_type_of_model(model.config).name)


class Features(NamedTuple):
    """What the output layer of a classifier reads of texts, and their labels.

    Attributes:
        values: `(texts, features)`, float32.
        labels: As `ProblemType.array` gives them.
    """

    values: NDArray[np.float32]
    labels: NDArray


def output_layer(model: PreTrainedModel) -> nn.Linear | None:
    """The last linear layer that gives one value for each label; None if there is none."""
    layers = [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear) and module.out_features == model.config.num_labels
    ]
    return layers[-1] if layers else None


def read_features(
    model: PreTrainedModel, layer: nn.Linear, rows: Dataset, collate: Callable[..., Any]
) -> Features:
    """What the output layer reads of tokenized texts, without dropout.

    Args:
        model: The classifier.
        layer: Its output layer.
        rows: Tokenized texts, each with `label`.
        collate: Makes a batch of rows, with `labels`.
    """
    lengths = [len(ids) for ids in rows["input_ids"]]
    order = np.argsort(lengths)[::-1]
    values = np.zeros((len(rows), layer.in_features), np.float32)
    labels = np.array(rows["label"][:])
    with evaluating(model), torch.no_grad():
        for start in tqdm(range(0, len(order), _TEXTS_AT_ONCE), desc="Reading features"):
            positions = order[start : start + _TEXTS_AT_ONCE]
            batch = collate([rows[int(position)] for position in positions]).to(model.device)
            batch.pop("labels")
            values[positions] = _features_of(model, layer, batch).float().cpu().numpy()
    return Features(values, labels)


def fit_output_layer(
    layer: nn.Linear, train: Features, validation: Features, problem_type: str = SINGLE_LABEL
) -> bool:
    """Set the output layer to the regression that fits validation best.

    Args:
        layer: The output layer; with or without a bias.
        train: Features to learn from.
        validation: Features that choose the strength of the penalty.
        problem_type: Name of the kind of task: it is a logistic regression, one for each label if a
            text may have several, or a linear regression. Default "single_label_classification".

    Returns:
        Whether the layer was set: every label needs a text.
    """
    probe, (values, labels) = _PROBES[problem_type], train
    if not probe.can_fit(labels, layer.out_features):
        return False
    # Without a bias there is nothing that a shift of the features could be made up by.
    centre = values.mean(0) if layer.bias is not None else np.zeros(values.shape[1], np.float32)
    scale = float(values.std()) or 1.0

    def fitted(penalty: float) -> tuple[float, NDArray, NDArray]:
        found = probe.fit((values - centre) / scale, labels, penalty, layer.bias is not None)
        weights, bias = found
        logits = (validation.values - centre) / scale @ weights.T + bias
        return probe.loss(logits, validation.labels), weights, bias

    candidates = (fitted(penalty) for penalty in _PENALTIES)
    _, weights, bias = min(candidates, key=lambda found: found[0])
    weights = weights / scale
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(bias - weights @ centre))
    return True


class _Probe(NamedTuple):
    """A linear model of features, by the kind of task.

    Attributes:
        can_fit: Labels and number of outputs → whether there is enough to learn from.
        fit: Features, labels, inverse penalty, whether there is a bias → weights
            `(outputs, features)` and biases `(outputs,)`.
        loss: Logits and labels → what the best penalty has the least of.
    """

    can_fit: Callable[[NDArray, int], bool]
    fit: Callable[[NDArray, NDArray, float, bool], tuple[NDArray, NDArray]]
    loss: Callable[[NDArray, NDArray], float]


def _fit_classifier(
    values: NDArray, labels: NDArray, penalty: float, bias: bool
) -> tuple[NDArray, NDArray]:
    probe = LogisticRegression(C=penalty, max_iter=_ITERATIONS, fit_intercept=bias).fit(
        values, labels
    )
    weights, biases = probe.coef_, np.broadcast_to(probe.intercept_, len(probe.coef_))
    if len(weights) == 1:  # scikit-learn has one output for two labels
        return np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
    return weights, biases


def _cross_entropy(logits: NDArray, labels: NDArray) -> float:
    return log_loss(labels, softmax(logits, axis=-1), labels=np.arange(logits.shape[1]))


def _fit_each_label(
    values: NDArray, labels: NDArray, penalty: float, bias: bool
) -> tuple[NDArray, NDArray]:
    probes = [_fit_classifier(values, column, penalty, bias) for column in labels.T]
    # One logit for yes, of two that are each other's negatives.
    return np.stack([2 * w[1] for w, _ in probes]), np.array([2 * b[1] for _, b in probes])


def _binary_cross_entropy(logits: NDArray, labels: NDArray) -> float:
    return float((np.logaddexp(0, logits) - labels * logits).mean())


def _fit_values(
    values: NDArray, labels: NDArray, penalty: float, bias: bool
) -> tuple[NDArray, NDArray]:
    probe = Ridge(alpha=1 / penalty, fit_intercept=bias).fit(values, labels)
    return probe.coef_, np.broadcast_to(probe.intercept_, labels.shape[1])


_PROBES = {
    SINGLE_LABEL: _Probe(
        lambda labels, outputs: len(np.unique(labels)) == outputs, _fit_classifier, _cross_entropy
    ),
    MULTI_LABEL: _Probe(
        lambda labels, outputs: bool((labels.any(0) & ~labels.all(0)).all()),
        _fit_each_label,
        _binary_cross_entropy,
    ),
    REGRESSION: _Probe(
        lambda labels, outputs: len(labels) > 1,
        _fit_values,
        lambda logits, labels: float(np.square(logits - labels).mean()),
    ),
}


def _sample(split: Dataset) -> Dataset:
    """Texts at equal distances, 10,000 at most."""
    every = -(-len(split) // _MOST_TEXTS)
    return split.select(range(0, len(split), every))


def _features_of(model: PreTrainedModel, layer: nn.Linear, batch: Batch) -> torch.Tensor:
    """What the layer reads of each text, `(texts, features)`.

    A decoder's layer reads every token; the one that counts is that whose output is the logits.
    """
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    hook = layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    try:
        logits = model(**batch).logits
    finally:
        hook.remove()
    inputs, outputs = seen[-1]
    if inputs.dim() == 2:
        return inputs
    token = (outputs - logits[:, None]).abs().sum(-1).argmin(1)
    return inputs[torch.arange(len(token)), token]
