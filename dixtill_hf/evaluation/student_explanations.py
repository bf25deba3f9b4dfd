# SPDX-License-Identifier: Apache-2.0
"""Explanations of students that do not explain themselves, and a student with nothing to explain.

Students that were not taught to explain are explained by Integrated Gradients; shuffled weights
show what any explanation scores by chance.
"""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from transformers import PreTrainedTokenizerFast

from dixtill_hf.artifacts.evaluation_mode import evaluating
from dixtill_hf.explainers.quadrature import gauss_legendre
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import encode_padded

_TEXTS_PER_BATCH = 64


def integrated_gradients_of_student(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    labels: ArrayLike,
    steps: int = 50,
) -> list[NDArray[np.float64]]:
    """Integrated Gradients (Sundararajan et al., 2017) of a student's logits, for every word.

    The path runs straight from a baseline, in which every word has the vector of the padding
    token, to the text, along the nodes of a Gauss-Legendre rule. A text's scores sum to its
    label's logit minus that of the baseline, but for the error of the rule.

    Args:
        model: The student.
        tokenizer: Its tokenizer.
        texts: The texts to explain, cut where the student's tokenizer has its limit.
        labels: The label to explain in each, integers `(texts,)`.
        steps: Nodes of the rule, at least 1; the student is evaluated as often.

    Returns:
        One array `(words,)` per text, special tokens of the tokenizer included.

    Raises:
        ValueError: `steps` is below 1, there is not one label a text, or the student does not
            know one of them.
    """
    labels = np.asarray(labels)
    _check_arguments(model, texts, labels, steps)
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    explanations: list[NDArray[np.float64]] = [np.zeros(0)] * len(texts)
    with evaluating(model):
        for start in range(0, len(texts), _TEXTS_PER_BATCH):
            rows = by_length[start : start + _TEXTS_PER_BATCH]
            encoding = encode_padded(tokenizer, [texts[row] for row in rows]).to(model.device)
            targets = torch.as_tensor(labels[rows], device=model.device)
            ids, mask = encoding["input_ids"].long(), encoding["attention_mask"].bool()
            if ids.shape[1] == 0:  # no text of the batch has a word
                continue
            types = None
            if model.config.text_pairs:
                types = model.pair_types(ids, mask, encoding["token_type_ids"])
            scores = _integrate(model, (ids, mask, types), targets, steps).cpu().numpy()
            for row, real, found in zip(rows, mask.cpu().numpy(), scores, strict=True):
                explanations[row] = found[real]
    return explanations


def shuffled_student(
    model: DixtillForSequenceClassification, seed: int
) -> DixtillForSequenceClassification:
    """A copy of a student whose weights are shuffled within each tensor.

    It has the sizes and the distribution of the weights, and nothing of what was learnt: an
    agreement that its explanations reach too says nothing about the student (the sanity check of
    Adebayo et al., 2018, arXiv:1810.03292).

    Args:
        model: The student; it stays as it is.
        seed: Seed of the order.
    """
    shuffled = deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in shuffled.parameters():
            order = torch.randperm(weights.numel(), generator=generator).to(weights.device)
            weights.copy_(weights.flatten()[order].view_as(weights))
    return shuffled


def _integrate(
    model: DixtillForSequenceClassification,
    inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor | None],
    labels: torch.Tensor,
    steps: int,
) -> torch.Tensor:
    """Scores of a batch, `(texts, words)`, in float64.

    Args:
        model: The student.
        inputs: Word ids, mask and token types, `(texts, words)` each; no types of single texts.
        labels: The label to explain in each text.
        steps: Nodes of the rule.
    """
    ids, mask, types = inputs
    rule = gauss_legendre(steps)
    with torch.no_grad():
        vectors = model.word_vectors(ids)
        baseline = model.get_input_embeddings().weight[model.config.pad_token_id]
        change = vectors - baseline
    gradients = torch.zeros_like(change, dtype=torch.float64)
    # cuDNN's LSTM cannot go backward in evaluation mode.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for node, weight in zip(rule.nodes.tolist(), rule.weights.tolist(), strict=True):
            between = (baseline + node * change).requires_grad_()
            logits = model(inputs_embeds=between, attention_mask=mask, token_type_ids=types).logits
            explained = logits.gather(1, labels.unsqueeze(1)).sum()
            gradients += weight * torch.autograd.grad(explained, between)[0].double()
    return (gradients * change).sum(dim=-1)


def _check_arguments(
    model: DixtillForSequenceClassification, texts: Sequence[str], labels: NDArray, steps: int
) -> None:
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if labels.shape != (len(texts),):
        raise ValueError(f"labels have shape {labels.shape} for {len(texts)} texts.")
    if len(texts) and not 0 <= labels.min() <= labels.max() < model.config.num_labels:
        raise ValueError(
            f"labels are from {labels.min()} to {labels.max()}: the student knows 0 to "
            f"{model.config.num_labels - 1}"
        )
