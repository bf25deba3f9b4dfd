# SPDX-License-Identifier: Apache-2.0
"""The head of a classifier starts from a logistic regression on the frozen encoder's features.

A head that is drawn at random has to be found by many steps of the whole encoder, which few texts
of many labels do not give. A linear probe of the pretrained features is a better start, and
fine-tuning from it distorts these features less (Kumar et al., 2022, arXiv:2202.10054).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import nn
from tqdm.auto import tqdm
from transformers import PreTrainedModel, Trainer

# Inverse strengths of the L2 penalty; the one with the lowest validation loss is taken.
_PENALTIES = (0.1, 1.0, 10.0)
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
    return fit_output_layer(layer, train, validation)


class Features(NamedTuple):
    """What the output layer of a classifier reads of texts, and their labels.

    Attributes:
        values: `(texts, features)`, float32.
        labels: `(texts,)`, positions of the labels.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.integer]


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
    labels = np.zeros(len(rows), np.int64)
    with _evaluating(model), torch.no_grad():
        for start in tqdm(range(0, len(order), _TEXTS_AT_ONCE), desc="Reading features"):
            positions = order[start : start + _TEXTS_AT_ONCE]
            batch = collate([rows[int(position)] for position in positions]).to(model.device)
            labels[positions] = batch.pop("labels").cpu().numpy()
            values[positions] = _features_of(model, layer, batch).float().cpu().numpy()
    return Features(values, labels)


def fit_output_layer(layer: nn.Linear, train: Features, validation: Features) -> bool:
    """Set the output layer to the logistic regression that fits validation best.

    Args:
        layer: The output layer; with or without a bias.
        train: Features to learn from.
        validation: Features that choose the strength of the penalty.

    Returns:
        Whether the layer was set: every label needs a text.
    """
    values, labels = train
    if len(np.unique(labels)) < layer.out_features:
        return False
    # Without a bias there is nothing that a shift of the features could be made up by.
    centre = values.mean(0) if layer.bias is not None else np.zeros(values.shape[1], np.float32)
    scale = float(values.std()) or 1.0
    known = np.arange(layer.out_features)

    def fitted(penalty: float) -> tuple[float, LogisticRegression]:
        probe = LogisticRegression(C=penalty, max_iter=200, fit_intercept=layer.bias is not None)
        probe.fit((values - centre) / scale, labels)
        probabilities = probe.predict_proba((validation.values - centre) / scale)
        return log_loss(validation.labels, probabilities, labels=known), probe

    _, best = min((fitted(penalty) for penalty in _PENALTIES), key=lambda found: found[0])
    weights, bias = best.coef_ / scale, np.atleast_1d(best.intercept_)
    if layer.out_features == 2:  # scikit-learn has one output for two labels
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(bias - weights @ centre))
    return True


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


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
