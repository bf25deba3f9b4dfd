# SPDX-License-Identifier: Apache-2.0
"""Attention rollout: how much of each token has reached the place that the classifier reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from dixtill_hf.explainers.base import register_explainer
from dixtill_hf.explainers.batched_gradients import BatchedExplainer, BatchScores
from dixtill_hf.teacher.encoding import EncodedBatch, EncodedText, collate
from dixtill_hf.teacher.loading import Teacher

# Attention maps grow with the square of a text's length, and those of all layers are held at once:
# for every so many tokens a text counts once more in the budget.
_TOKENS_AS_ONE = 64


@register_explainer("attention_rollout")
@dataclass(frozen=True)
class AttentionRollout(BatchedExplainer):
    """Attention rollout (Abnar and Zuidema 2020).

    A layer passes on half of each token and half of what its attention, averaged over the heads,
    takes from the others; the product of these shares over the layers tells how much of every
    token has arrived at the token that the classifier reads. That is taken to be the tokenizer's
    [CLS] where the text has one, and the last token otherwise, as in decoders.

    The scores explain no label, are never below 0, and sum to 1 less what special tokens hold.
    """

    signed: ClassVar[bool] = False

    def tokens_held(self, length: int) -> int:
        """The attention maps of all layers."""
        return length * -(-length // _TOKENS_AS_ONE)

    def explain_batch(self, teacher: Teacher, texts: Sequence[EncodedText]) -> BatchScores:
        """Explain texts that fit into memory together."""
        batch = collate(teacher, texts)
        with torch.inference_mode():
            logits, maps = _read(teacher, batch)
            reached = torch.zeros(batch.ordinary.shape, device=teacher.device)
            for row, text in enumerate(texts):
                reached[row, classified_token(teacher, text)] = 1
            for attention in reversed(maps):
                passed = torch.bmm(reached.unsqueeze(1), attention.float().mean(1)).squeeze(1)
                reached = (reached + passed) / 2
        return BatchScores(logits, logits.argmax(-1), batch.ordinary, reached.unsqueeze(1))


def classified_token(teacher: Teacher, text: EncodedText) -> int:
    """Position of the token whose last hidden state is taken to be classified."""
    ids, first = text.inputs["input_ids"], teacher.tokenizer.cls_token_id
    return ids.index(first) if first in ids else len(ids) - 1


def _read(teacher: Teacher, batch: EncodedBatch) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
    """Logits `(texts, labels)`, and each layer's attention `(texts, heads, tokens, tokens)`.

    Raises:
        ValueError: The model gives no attention maps.
    """
    with _eager_attention(teacher.model):
        found = teacher.model(**batch.inputs, output_attentions=True)
    maps = getattr(found, "attentions", None)  # encoder-decoders name theirs otherwise
    if not maps or maps[0] is None:
        raise ValueError(
            f"The teacher {teacher.name!r} ({type(teacher.model).__name__}) gives no attention "
            "maps, so attention_rollout cannot explain it. Choose another explainer."
        )
    return found.logits[:, list(teacher.label_order)].float(), maps


@contextmanager
def _eager_attention(model: PreTrainedModel) -> Iterator[None]:
    """Within it, the model computes its attention in the one way that shows the maps.

    Models that cannot be switched (several in transformers 4) show them by themselves, when they
    are asked to; both kinds have warnings for it, which nobody can act upon here.
    """
    before, verbosity = model.config._attn_implementation, transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        model.set_attn_implementation("eager")
        yield
    finally:
        model.set_attn_implementation(before)
        # The ModernBERT of transformers 4 cannot be switched, and writes "eager" here by itself.
        model.config._attn_implementation = before
        transformers_logging.set_verbosity(verbosity)
