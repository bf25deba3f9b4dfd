# SPDX-License-Identifier: Apache-2.0
"""Remove attention heads from a classifier for good, and keep what is left on disk.

The weights of a removed head are gone: the model is smaller and does less work.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file

from dixtill_hf.compression.head_layout import HeadMap, removed_heads


def prune_heads(model: PreTrainedModel, heads: Mapping[int, Iterable[int]]) -> PreTrainedModel:
    """A copy of the model without these heads.

    What was removed stands in `config.pruned_heads`, as in transformers 4. Removing heads computes
    the same as masking them.

    Args:
        model: A model of one of the types in `head_layout.LAYOUTS`; it stays as it is.
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
        directory: Made where it is missing.

    Returns:
        The directory.
    """
    model.save_pretrained(directory)
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
