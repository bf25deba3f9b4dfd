# SPDX-License-Identifier: Apache-2.0
"""Silent heads: what they leave, what stays as it was, and where a model can begin again."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dixtill_hf.baselines.attention_heads import (
    HeadMap,
    gated_heads,
    masked_heads,
    prune_heads,
    recorded_layers,
    resumed_from,
)
from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.loading import Teacher, load_teacher

FAMILIES = ["bert", "distilbert", "electra", "roberta"]
Inputs = dict[str, torch.Tensor]


@pytest.fixture(params=FAMILIES)
def teacher(request: pytest.FixtureRequest, tiny_teacher_dir: Callable[[str], Path]) -> Teacher:
    return load_teacher(tiny_teacher_dir(request.param))


@pytest.fixture
def inputs(teacher: Teacher, sentences: list[str]) -> Inputs:
    """Texts of several lengths, so that some of them are padded."""
    return collate(teacher, encode_texts(teacher, sentences[:4])).inputs


def logits(teacher: Teacher, inputs: Inputs) -> torch.Tensor:
    with torch.inference_mode():
        return teacher.logits(inputs)


def without_columns(teacher: Teacher, layer: int, columns: slice) -> Teacher:
    """The teacher with zeros where a layer would read these features of its heads."""
    changed = copy.deepcopy(teacher)
    HeadMap(changed.model).output(layer).weight.data[:, columns] = 0
    return changed


@pytest.mark.parametrize("layer", [0, 1])
def test_a_silent_head_is_one_that_nobody_reads(
    layer: int, teacher: Teacher, inputs: Inputs
) -> None:
    with masked_heads(teacher.model, {layer: [1]}):
        masked = logits(teacher, inputs)
    unread = logits(without_columns(teacher, layer, slice(8, 16)), inputs)
    assert torch.allclose(masked, unread, atol=1e-6, rtol=0)
    assert not torch.allclose(masked, logits(teacher, inputs), atol=1e-3)


def test_afterwards_the_model_is_as_before(teacher: Teacher, inputs: Inputs) -> None:
    before = logits(teacher, inputs)

    def fail() -> None:
        with masked_heads(teacher.model, {0: [0], 1: [1]}), resumed_from(teacher.model, 1, [None]):
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail()
    assert torch.equal(logits(teacher, inputs), before)


def test_masks_within_masks_add_up(teacher: Teacher, inputs: Inputs) -> None:
    with masked_heads(teacher.model, {0: [0], 1: [1]}):
        together = logits(teacher, inputs)
    with masked_heads(teacher.model, {0: [0]}), masked_heads(teacher.model, {1: [1]}):
        nested = logits(teacher, inputs)
    assert torch.equal(nested, together)


def test_masking_no_head_changes_nothing(teacher: Teacher, inputs: Inputs) -> None:
    before = logits(teacher, inputs)
    with masked_heads(teacher.model, {0: [], 1: []}):
        assert torch.equal(logits(teacher, inputs), before)


def test_heads_that_are_gone_may_be_masked(teacher: Teacher, inputs: Inputs) -> None:
    teacher.model = prune_heads(teacher.model, {0: [0]})
    before = logits(teacher, inputs)
    with masked_heads(teacher.model, {0: [0]}):
        assert torch.equal(logits(teacher, inputs), before)
    with masked_heads(teacher.model, {0: [1]}):
        masked = logits(teacher, inputs)
    unread = logits(without_columns(teacher, 0, slice(0, 8)), inputs)
    assert torch.allclose(masked, unread, atol=1e-6, rtol=0)


def test_every_text_may_have_gates_of_its_own(teacher: Teacher, inputs: Inputs) -> None:
    gates = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    with gated_heads(teacher.model, {0: gates}):
        gated = logits(teacher, inputs)
    with masked_heads(teacher.model, {0: [0]}):
        masked = logits(teacher, inputs)
    expected = torch.where(torch.arange(4)[:, None] == 1, masked, logits(teacher, inputs))
    assert torch.allclose(gated, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("layer", [0, 1])
def test_a_model_begun_at_a_layer_computes_the_same_to_the_bit(
    layer: int, teacher: Teacher, inputs: Inputs
) -> None:
    with recorded_layers(teacher.model) as outputs:
        before = logits(teacher, inputs)
    with masked_heads(teacher.model, {layer: [0]}):
        masked = logits(teacher, inputs)
    with resumed_from(teacher.model, layer, outputs):
        assert torch.equal(logits(teacher, inputs), before)
        with masked_heads(teacher.model, {layer: [0]}):
            assert torch.equal(logits(teacher, inputs), masked)


def test_a_model_begun_at_a_layer_does_not_run_those_below(
    teacher: Teacher, inputs: Inputs
) -> None:
    with recorded_layers(teacher.model) as outputs:
        before = logits(teacher, inputs)
    HeadMap(teacher.model).output(0).weight.data.zero_()
    with resumed_from(teacher.model, 1, outputs):
        assert torch.equal(logits(teacher, inputs), before)
    assert not torch.equal(logits(teacher, inputs), before)
