# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the explainers' tests: teachers so simple that their explanations are known."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from dixtill_hf.teacher.loading import Teacher


class BagOfEmbeddings(PreTrainedModel):
    """Logits of the sum of a text's embeddings: linear, or with one ReLU on the way.

    Attributes:
        largest: Tokens, padding included, of the largest batch that was read.
        memory: Tokens that fit into memory; a larger batch raises an out-of-memory error.
        differentiable: False: no gradient goes through, as in a quantised model.
    """

    config_class = PretrainedConfig

    def __init__(self, config: PretrainedConfig, vocabulary: int, relu: bool) -> None:
        super().__init__(config)
        self.embedding = torch.nn.Embedding(vocabulary, 8)
        self.hidden = torch.nn.Linear(8, 8)
        self.activation = torch.nn.ReLU() if relu else torch.nn.Identity()
        self.head = torch.nn.Linear(8, config.num_labels)
        self.largest, self.memory, self.differentiable = 0, 1_000_000_000, True

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.embedding

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **inputs: torch.Tensor
    ) -> SequenceClassifierOutput:
        if input_ids.numel() > self.memory:
            raise torch.cuda.OutOfMemoryError
        self.largest = max(self.largest, input_ids.numel())
        embeddings = self.embedding(input_ids)
        if not self.differentiable:
            embeddings = embeddings.detach()
        pooled = (embeddings * attention_mask.unsqueeze(-1)).sum(1)
        return SequenceClassifierOutput(logits=self.head(self.activation(self.hidden(pooled))))


@pytest.fixture
def simple_teacher(tiny_teacher_dir: Callable[[str], Path]) -> Callable[..., Teacher]:
    """A function that makes a teacher of three labels from `BagOfEmbeddings(relu=...)`."""

    def make(relu: bool = False) -> Teacher:
        tokenizer = AutoTokenizer.from_pretrained(tiny_teacher_dir("bert"))
        config = PretrainedConfig(num_labels=3, pad_token_id=tokenizer.pad_token_id)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = BagOfEmbeddings(config, len(tokenizer), relu)
        return Teacher(model, tokenizer, [0, 1, 2], "simple", max_length=5000)

    return make
