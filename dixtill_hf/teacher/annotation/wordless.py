# SPDX-License-Identifier: Apache-2.0
"""Texts in which the teacher finds no word: empty ones, and those of characters it leaves out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from dixtill_hf.teacher.encoding import EncodedText, collate
from dixtill_hf.teacher.explainers.base import Attribution, Explainer
from dixtill_hf.teacher.explainers.targets import TargetedExplainer
from dixtill_hf.teacher.loading import Teacher


def read_wordless(teacher: Teacher, explainer: Explainer, text: EncodedText) -> Attribution:
    """What the teacher says of such a text, with no attributions, which are complete that way.

    A text without even special tokens is read as one padding token, its own baseline.
    """
    inputs = collate(teacher, [text if len(text) else _one_padding_token(teacher, text)]).inputs
    with torch.inference_mode():
        logits = teacher.logits(inputs)
    label = logits.argmax(-1)
    if isinstance(explainer, TargetedExplainer):
        label = explainer.labels(logits, [text])
    return Attribution(
        logits=logits[0].cpu().numpy(),
        label=int(label[0]),
        spans=[],
        scores=np.zeros((logits.shape[-1], 0) if explainer.explains_all_labels else 0, np.float32),
        completeness_error=0.0,
        evaluations=1,
    )


def _one_padding_token(teacher: Teacher, text: EncodedText) -> EncodedText:
    values = {"input_ids": teacher.tokenizer.pad_token_id, "attention_mask": 1}
    inputs = {name: [values.get(name, 0)] for name in text.inputs}
    return replace(text, inputs=inputs, ordinary=[False])
