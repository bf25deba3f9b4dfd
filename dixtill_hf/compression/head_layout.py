# SPDX-License-Identifier: Apache-2.0
"""Where the attention heads of a transformer classifier are, and which of them it still has.

Heads are always counted as in the model that was first trained: removing one renumbers no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class HeadLayout:
    """How a family of architectures names the parts of its self-attention.

    Attributes:
        encoder: Where in the base model its list of layers is, under the name `layer`.
        attention: Path from a layer to the module that holds the three projections.
        projections: The linear maps in it that make queries, keys and values, a block of rows
            for each head.
        output: Path from a layer to the linear map that mixes the heads, a block of columns each.
        head_count: The attribute of the attention that says how many heads it has.
        width: The attribute of the attention that says how many features they have together.
    """

    encoder: str
    attention: str
    projections: tuple[str, str, str]
    output: str
    head_count: str
    width: str


_BERT = HeadLayout(
    encoder="encoder",
    attention="attention.self",
    projections=("query", "key", "value"),
    output="attention.output.dense",
    head_count="num_attention_heads",
    width="all_head_size",
)
_DISTILBERT = HeadLayout(
    encoder="transformer",
    attention="attention",
    projections=("q_lin", "k_lin", "v_lin"),
    output="attention.out_lin",
    head_count="n_heads",
    width="dim",
)

LAYOUTS: dict[str, HeadLayout] = {
    "bert": _BERT,
    "camembert": _BERT,
    "data2vec-text": _BERT,
    "distilbert": _DISTILBERT,
    "electra": _BERT,
    "ernie": _BERT,
    "megatron-bert": _BERT,
    "rembert": _BERT,
    "roberta": _BERT,
    "roberta-prelayernorm": _BERT,
    "roformer": _BERT,
    "xlm-roberta": _BERT,
    "xlm-roberta-xl": _BERT,
}
"""The model types whose heads can be masked and removed, and how they name their parts."""


class HeadMap:
    """The self-attention of a model, layer by layer.

    Attributes:
        layout: How the model names the parts.
        encoder: The module that holds the layers, under the name `layer`.
        layers: Its layers, from the one that reads the embeddings on.
        heads: Heads of every layer before any was removed.
        kept: For every layer the heads that it still has, in ascending order.

    Raises:
        ValueError: The model's type is none of `LAYOUTS`.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        model_type = model.config.model_type
        if model_type not in LAYOUTS:
            raise ValueError(
                f"The attention heads of a {model_type!r} model can be neither masked nor removed "
                f"here. Supported model types: {', '.join(LAYOUTS)}."
            )
        self.layout = LAYOUTS[model_type]
        self.encoder = model.base_model.get_submodule(self.layout.encoder)
        self.layers: nn.ModuleList = self.encoder.layer
        self.heads: int = model.config.num_attention_heads
        removed = removed_heads(model.config)
        self.kept = [
            [head for head in range(self.heads) if head not in removed.get(layer, [])]
            for layer in range(len(self.layers))
        ]

    def attention(self, layer: int) -> nn.Module:
        """The module that holds a layer's projections."""
        return self.layers[layer].get_submodule(self.layout.attention)

    def projections(self, layer: int) -> list[nn.Linear]:
        """The linear maps that make a layer's queries, keys and values."""
        attention = self.attention(layer)
        return [cast(nn.Linear, attention.get_submodule(n)) for n in self.layout.projections]

    def output(self, layer: int) -> nn.Linear:
        """The linear map that mixes a layer's heads."""
        return cast(nn.Linear, self.layers[layer].get_submodule(self.layout.output))

    def check(self, heads: Mapping[int, Iterable[int]]) -> None:
        """Refuse layers and heads that the model never had.

        Raises:
            ValueError: A layer or a head is out of range.
        """
        for layer, chosen in heads.items():
            if not 0 <= layer < len(self.layers):
                raise ValueError(
                    f"There is no layer {layer}: the model's layers are 0 to "
                    f"{len(self.layers) - 1}."
                )
            unknown = sorted(head for head in chosen if not 0 <= head < self.heads)
            if unknown:
                raise ValueError(
                    f"Layer {layer} has no heads {unknown}: its heads are 0 to {self.heads - 1}."
                )


def removed_heads(config: PretrainedConfig) -> dict[int, list[int]]:
    """The heads that were removed from a model, as its configuration records them.

    transformers 4 gives every configuration the record, empty at first; transformers 5 reads it
    back from a file with the layers as text, and has none otherwise.
    """
    record = getattr(config, "pruned_heads", {})
    return {int(layer): sorted(heads) for layer, heads in record.items() if heads}
