# SPDX-License-Identifier: Apache-2.0
"""Silence attention heads for a while, and run only the layers that a silenced head can change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from dixtill_hf.compression.head_layout import HeadMap


@contextmanager
def masked_heads(model: PreTrainedModel, heads: Mapping[int, Iterable[int]]) -> Iterator[None]:
    """Within it, these heads add nothing to what their layers pass on.

    What a head found is set to 0 before the layer mixes its heads, which is what `head_mask` did
    in transformers 4; the model then computes what it computes with these heads removed. May be
    nested: all heads named are silent. Heads that the model no longer has are so anyway.

    Args:
        model: A model of one of the types in `head_layout.LAYOUTS`; left as it was afterwards.
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
        model: A model of one of the types in `head_layout.LAYOUTS`; left as it was afterwards.
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
