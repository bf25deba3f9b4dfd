# SPDX-License-Identifier: Apache-2.0
"""A tiny sequence-to-sequence model with random weights, and a dataset with rationales."""

from typing import Any

import pytest
import torch
from datasets import ClassLabel, Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

ROWS: list[dict[str, Any]] = [
    {
        "text": "Shares fell after a weak quarter.",
        "label": 0,
        "teacher_rationale": "They fell.",
        "teacher_rationale_label": "bad",
        "teacher_counterfactual_rationales": ["", "A quarter ended well.", "Nothing happened."],
    },
    {
        "text": "Acme beats estimates",
        "label": 1,
        "teacher_rationale": "It beats what was expected of it by many.",
        "teacher_rationale_label": "good",
        "teacher_counterfactual_rationales": ["Estimates were low.", "", "It is as usual."],
    },
    {
        "text": "The board meets on Monday",
        "label": 2,
        "teacher_rationale": "A meeting says nothing.",
        "teacher_rationale_label": "none",
        "teacher_counterfactual_rationales": ["Meetings are bad.", "Meetings are good.", ""],
    },
]


@pytest.fixture
def rationales() -> Dataset:
    """Three texts with a rationale each, and one for each other label."""
    return Dataset.from_list(ROWS).cast_column("label", ClassLabel(names=["bad", "good", "none"]))


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """Pairs of bytes; `</s>` ends every text."""
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    found.train_from_iterator(
        [row["text"] for row in ROWS],
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=["<pad>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    found.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=found, pad_token="<pad>", eos_token="</s>")


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerFast) -> T5ForConditionalGeneration:
    """A T5 of two layers, without dropout."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.0,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return T5ForConditionalGeneration(config)
