# SPDX-License-Identifier: Apache-2.0
"""DeepLIFT on the word embeddings: differences from the baseline, handed back layer by layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from dixtill_hf.explainers.base import TargetedExplainer, register_explainer
from dixtill_hf.explainers.batched_gradients import BatchedExplainer, BatchScores
from dixtill_hf.explainers.embeddings import (
    check_differentiable,
    replaced_embeddings,
    word_embedding,
)
from dixtill_hf.teacher.encoding import EncodedBatch, EncodedText, collate
from dixtill_hf.teacher.loading import Teacher


@register_explainer("deep_lift")
@dataclass(frozen=True)
class DeepLift(BatchedExplainer, TargetedExplainer):
    """DeepLIFT's rescale rule (Shrikumar et al. 2017), by Captum's `DeepLift`.

    The baseline is that of Integrated Gradients: ordinary tokens embedded as the padding token.
    Captum has the rule for the modules ReLU, ELU, LeakyReLU, Sigmoid, Tanh and Softplus. It has
    none for GELU, SiLU, layer normalisation, the products within attention, and functions that are
    no modules, where it falls back to the gradient. So for most transformers this is little more
    than gradient × input, and the scores do not sum to the change of the output. By how much they
    miss it is each text's completeness error.
    """

    uses_gradients: ClassVar[bool] = True

    def evaluations(self, words: int) -> float:
        """The text and its baseline, once for every output (as many as labels for `all`)."""
        return 2

    def tokens_held(self, length: int) -> int:
        """The text and its baseline, which are read together."""
        return 2 * length

    def explain_batch(self, teacher: Teacher, texts: Sequence[EncodedText]) -> BatchScores:
        """Explain texts that fit into memory together."""
        batch = collate(teacher, texts)
        model = _TextsAndBaselines(teacher, self, texts, list(batch.inputs))
        scores = [_captum_scores(teacher, model, batch)]
        # How many outputs there are is known once the first is explained.
        while len(scores) < model.outputs.shape[1]:
            model.index = len(scores)
            scores.append(_captum_scores(teacher, model, batch))
        by_output = torch.stack(scores, 1)
        ends, starts = model.outputs.chunk(2)
        errors = (by_output.sum(-1) - (ends - starts)).abs().amax(-1)
        return BatchScores(
            model.logits, model.labels, batch.ordinary, by_output, errors, 2 * len(scores)
        )


class _TextsAndBaselines(torch.nn.Module):
    """The model as Captum calls it: texts, then their baselines, to one output of each.

    Attributes:
        index: Which of the chosen outputs is returned.
        logits: Logits of the texts, `(texts, labels)`; set by `forward`, as are the next two.
        labels: The label of every text that is explained, `(texts,)`.
        outputs: All chosen outputs of texts and baselines, `(2 × texts, outputs)`.
    """

    logits: torch.Tensor
    labels: torch.Tensor
    outputs: torch.Tensor

    def __init__(
        self,
        teacher: Teacher,
        explainer: DeepLift,
        texts: Sequence[EncodedText],
        names: Sequence[str],
    ) -> None:
        super().__init__()
        self.model = teacher.model  # where Captum finds the modules that it has rules for
        self.index = 0
        self._teacher, self._explainer = teacher, explainer
        self._texts, self._names = texts, names

    def forward(self, embeddings: torch.Tensor, *inputs: torch.Tensor) -> torch.Tensor:
        named = dict(zip(self._names, inputs, strict=True))
        with replaced_embeddings(self._teacher, embeddings):
            logits = self._teacher.logits(named)
        check_differentiable(self._teacher, logits)
        self.logits = logits[: len(self._texts)].detach()
        self.labels = self._explainer.labels(self.logits, self._texts)
        outputs = self._explainer.chosen(logits, self.labels.repeat(2))
        self.outputs = outputs.detach()
        return outputs[:, self.index]


def _captum_scores(
    teacher: Teacher, model: _TextsAndBaselines, batch: EncodedBatch
) -> torch.Tensor:
    """Scores `(texts, tokens)` of one output."""
    from captum.attr import DeepLift as CaptumDeepLift

    ids = batch.inputs["input_ids"]
    baselines = ids.masked_fill(batch.ordinary, teacher.tokenizer.pad_token_id)
    embed = word_embedding(teacher.model)
    with torch.no_grad():
        ends, starts = embed(ids), embed(baselines)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting forward, backward hooks")
        scores = CaptumDeepLift(model).attribute(
            ends.requires_grad_(True), starts, additional_forward_args=tuple(batch.inputs.values())
        )
    return scores.detach().float().sum(-1)
