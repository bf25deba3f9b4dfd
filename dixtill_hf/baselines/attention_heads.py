# SPDX-License-Identifier: Apache-2.0
"""The attention heads of a classifier: silence them for a while, or remove them for good.

The weights of a removed head are gone: the model is smaller and does less work.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file


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


@contextmanager
def masked_heads(model: PreTrainedModel, heads: Mapping[int, Iterable[int]]) -> Iterator[None]:
    """Within it, these heads add nothing to what their layers pass on.

    What a head found is set to 0 before the layer mixes its heads, which is what `head_mask` did
    in transformers 4; the model then computes what it computes with these heads removed. May be
    nested: all heads named are silent. Heads that the model no longer has are so anyway.

    Args:
        model: A model of one of the types in `LAYOUTS`; left as it was afterwards.
        heads: Layer → its heads to silence, each counted from 0.

    Raises:
        ValueError: The model's type is not supported, or a layer or head is out of range.
    """
    head_map = HeadMap(model)
    heads = {layer: set(chosen) for layer, chosen in heads.items()}
    head_map.check(heads)
    gates = {
        layer: torch.tensor(
            [head not in chosen for head in head_map.kept[layer]],
            dtype=model.dtype,
            device=model.device,
        )
        for layer, chosen in heads.items()
    }
    with gated_heads(model, gates):
        yield


@contextmanager
def gated_heads(model: PreTrainedModel, gates: Mapping[int, torch.Tensor]) -> Iterator[None]:
    """Within it, what each head found is multiplied by its gate.

    The gates are the mask variables ξ of Michel et al. (2019), equation 2.

    Args:
        model: A model of one of the types in `LAYOUTS`; left as it was afterwards.
        gates: Layer → `(heads,)`, or `(texts, heads)` for gates of each text's own; `heads` are
            those that the layer still has.
    """
    head_map = HeadMap(model)
    with ExitStack() as stack:
        for layer, gate in gates.items():
            hook = head_map.output(layer).register_forward_pre_hook(partial(_multiply, gate))
            stack.callback(hook.remove)
        yield


def _multiply(
    gate: torch.Tensor, _output: nn.Module, arguments: tuple[torch.Tensor]
) -> torch.Tensor:
    (found,) = arguments  # (texts, tokens, features of one head after the other)
    by_head = found.unflatten(-1, (gate.shape[-1], -1))
    return (by_head * gate[..., None, :, None]).flatten(-2)


@contextmanager
def recorded_layers(model: PreTrainedModel) -> Iterator[list[Any]]:
    """Within it, what the layers return is kept, in the order in which they run.

    The list that it gives is filled by the forward passes made within it; layers return a tensor
    in transformers 5 and a tuple in transformers 4, and it is kept as it is.
    """
    outputs: list[Any] = []

    def keep(_layer: nn.Module, _arguments: tuple, output: Any) -> None:
        outputs.append(output)

    with ExitStack() as stack:
        for layer in HeadMap(model).layers:
            stack.callback(layer.register_forward_hook(keep).remove)
        yield outputs


@contextmanager
def resumed_from(model: PreTrainedModel, layer: int, outputs: Sequence[Any]) -> Iterator[None]:
    """Within it, the model begins at a layer: those below give what they gave before.

    A forward pass of the same inputs computes the same as the whole model, to the bit, as long as
    nothing below the layer was changed.

    Args:
        model: The model; left as it was afterwards.
        layer: The first layer to run again.
        outputs: What `recorded_layers` kept of one forward pass of these inputs.
    """
    head_map = HeadMap(model)
    layers = head_map.layers
    recalled = [_Recalled(outputs[layer - 1])] * layer
    head_map.encoder.layer = nn.ModuleList([*recalled, *layers[layer:]])
    try:
        yield
    finally:
        head_map.encoder.layer = layers


class _Recalled(nn.Module):
    """Stands for each of the layers below one, and returns what the last of them returned."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self._output = output

    def forward(self, *_arguments: Any, **_named: Any) -> Any:
        return self._output


def prune_heads(model: PreTrainedModel, heads: Mapping[int, Iterable[int]]) -> PreTrainedModel:
    """A copy of the model without these heads.

    What was removed stands in `config.pruned_heads`, as in transformers 4. Removing heads computes
    the same as masking them.

    Args:
        model: A model of one of the types in `LAYOUTS`; it stays as it is.
        heads: Layer → its heads to remove, counted as before any was removed; those that are gone
            already may be among them.

    Raises:
        ValueError: The model's type is not supported, a layer or head is out of range, or a layer
            would lose its last head.
    """
    pruned = copy.deepcopy(model)
    _remove(pruned, heads)
    return pruned


def save_pruned(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, directory: str | Path
) -> Path:
    """Save a classifier, pruned or not, with its tokenizer, for `load_pruned`.

    `model.push_to_hub` and `tokenizer.push_to_hub` put the same files on the Hub.

    Args:
        model: The classifier.
        tokenizer: Its tokenizer.
        directory: Made if it is missing.

    Returns:
        The directory.
    """
    # Early releases of transformers 5 would write the names that a checkpoint of old had.
    model.save_pretrained(directory, save_original_format=False)
    tokenizer.save_pretrained(directory)
    return Path(directory)


def load_pruned(name_or_path: str | Path) -> PreTrainedModel:
    """Load a sequence classifier that may lack heads, in eval mode, its weights in float32.

    Reads what either line of transformers saved. `from_pretrained` of transformers 4 reads such
    models as well; that of transformers 5 finds their weights to be of the wrong shape.

    Args:
        name_or_path: Directory or Hub id, its weights in one safetensors file.

    Raises:
        OSError: There is no such model, or it has no `model.safetensors`.
        ValueError: The model lacks heads and its type is not supported.
    """
    name = str(name_or_path)
    config = AutoConfig.from_pretrained(name)
    removed = removed_heads(config)
    config.pruned_heads = {}
    with torch.random.fork_rng(devices=[]):  # weights that are drawn here are replaced below
        model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    if removed:
        _remove(model, removed)
    model.load_state_dict(load_file(cached_file(name, SAFE_WEIGHTS_NAME)))
    return model.eval()


def _remove(model: PreTrainedModel, heads: Mapping[int, Iterable[int]]) -> None:
    head_map = HeadMap(model)
    heads = {layer: set(chosen) for layer, chosen in heads.items()}
    head_map.check(heads)
    left = {
        layer: [head for head in head_map.kept[layer] if head not in chosen]
        for layer, chosen in heads.items()
    }
    for layer, kept in left.items():
        if not kept:
            raise ValueError(
                f"Layer {layer} would lose its last head (to remove: {sorted(heads[layer])}): "
                "leave it one."
            )
    removed = removed_heads(model.config)
    for layer, kept in left.items():
        _keep_heads(head_map, layer, kept)
        removed[layer] = [head for head in range(head_map.heads) if head not in kept]
    model.config.pruned_heads = {layer: gone for layer, gone in sorted(removed.items()) if gone}


def _keep_heads(head_map: HeadMap, layer: int, kept: list[int]) -> None:
    before, attention = head_map.kept[layer], head_map.attention(layer)
    size = head_map.output(layer).in_features // len(before)
    places = torch.tensor([before.index(head) for head in kept])
    features = (places.unsqueeze(1) * size + torch.arange(size)).flatten()
    for projection in head_map.projections(layer):
        _keep_features(projection, features, dim=0)
    _keep_features(head_map.output(layer), features, dim=1)
    setattr(attention, head_map.layout.head_count, len(kept))
    setattr(attention, head_map.layout.width, len(features))
    # From this the prune_heads of transformers 4 knows how its heads are counted. Goes when
    # transformers 4.57 is no longer supported.
    block: Any = head_map.layers[layer]
    block.attention.pruned_heads = set(range(head_map.heads)) - set(kept)


def _keep_features(linear: nn.Linear, features: torch.Tensor, dim: int) -> None:
    """Keep these outputs (dim 0) or inputs (dim 1) of a linear map, in place."""
    features = features.to(linear.weight.device)
    names = ["weight", "bias"] if dim == 0 else ["weight"]
    for name in names:
        weight = linear.get_parameter(name)
        selected = weight.detach().index_select(dim, features)
        linear.register_parameter(name, nn.Parameter(selected, weight.requires_grad))
    linear.out_features, linear.in_features = linear.weight.shape
