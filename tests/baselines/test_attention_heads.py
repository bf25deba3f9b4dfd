# SPDX-License-Identifier: Apache-2.0
"""Removed heads: the same answers as with silent ones, from less, also after saving."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from safetensors import safe_open
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)

from dixtill_hf.baselines.attention_heads import (
    LAYOUTS,
    load_pruned,
    masked_heads,
    prune_heads,
    save_pruned,
)
from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count

HIDDEN, HEAD = 16, 4  # features of a token, and of each of the four heads
SETTINGS = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "vocab_size": 50,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
DISTILBERT = {"dim": HIDDEN, "n_layers": 3, "n_heads": 4, "hidden_dim": 32}
REMOVED = {0: [1, 3], 2: [0]}


def random_model(model_type: str, attention: str | None = None) -> PreTrainedModel:
    settings = dict(SETTINGS)
    if model_type == "distilbert":
        kept = ("max_position_embeddings", "vocab_size", "initializer_range", "pad_token_id")
        settings = {**DISTILBERT, **{name: SETTINGS[name] for name in kept}}
    config = AutoConfig.for_model(model_type, num_labels=3, **settings)
    ways = {} if attention is None else {"attn_implementation": attention}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForSequenceClassification.from_config(config, **ways).eval()


def logits(model: PreTrainedModel) -> torch.Tensor:
    """Of two texts, the second one padded."""
    ids = torch.arange(3, 23).reshape(2, 10)
    mask = torch.ones_like(ids)
    ids[1, 6:], mask[1, 6:] = 0, 0
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask).logits


@pytest.fixture
def bert() -> PreTrainedModel:
    return random_model("bert")


@pytest.fixture
def save(
    tmp_path: Path, tiny_teacher_dir: Callable[[str], Path]
) -> Callable[[PreTrainedModel, str], Path]:
    """A function that saves a model under a name, with some tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_teacher_dir("bert"))
    return lambda model, name: save_pruned(model, tokenizer, tmp_path / name)


@pytest.mark.parametrize("model_type", LAYOUTS)
def test_removing_is_masking_for_good(model_type: str, tmp_path: Path) -> None:
    model = random_model(model_type)
    before = logits(model)
    with masked_heads(model, REMOVED):
        masked = logits(model)
    pruned = prune_heads(model, REMOVED)
    assert torch.allclose(logits(pruned), masked, atol=1e-5, rtol=0)
    assert not torch.allclose(masked, before, atol=1e-3)
    assert torch.equal(logits(model), before)
    assert pruned.config.pruned_heads == REMOVED
    pruned.save_pretrained(tmp_path)
    assert torch.equal(logits(load_pruned(tmp_path)), logits(pruned))


@pytest.mark.parametrize("model_type", ["bert", "distilbert", "electra", "roberta"])
def test_it_does_not_matter_how_attention_is_computed(model_type: str) -> None:
    pruned = [prune_heads(random_model(model_type, way), REMOVED) for way in (None, "eager")]
    assert torch.allclose(logits(pruned[0]), logits(pruned[1]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("model_type", ["bert", "distilbert", "electra", "roberta"])
def test_removing_no_head_changes_nothing(model_type: str) -> None:
    model = random_model(model_type)
    for none in ({}, {1: []}):
        pruned = prune_heads(model, none)
        assert torch.equal(logits(pruned), logits(model))
        assert parameter_count(pruned) == parameter_count(model)
        assert pruned.config.pruned_heads == {}


@pytest.mark.parametrize("removed", [0, 1, 2, 3])
def test_the_weights_of_removed_heads_are_gone(
    removed: int, bert: PreTrainedModel, save: Callable[[PreTrainedModel, str], Path]
) -> None:
    pruned = prune_heads(bert, {layer: range(removed) for layer in range(3)})
    # A head has queries, keys and values, each with a bias, and what the layer reads it with.
    of_a_head = 3 * (HIDDEN * HEAD + HEAD) + HEAD * HIDDEN
    gone = 3 * removed * of_a_head
    assert parameter_count(bert) - parameter_count(pruned) == gone
    sizes = [directory_bytes(save(model, name)) for model, name in ((bert, "all"), (pruned, "few"))]
    assert sizes[0] - sizes[1] == pytest.approx(4 * gone, abs=400)  # the header names the shapes


def test_heads_may_be_removed_in_steps(bert: PreTrainedModel) -> None:
    at_once = prune_heads(bert, {0: [1, 3], 1: [2], 2: [0]})
    in_steps = prune_heads(prune_heads(bert, {0: [3], 2: [0]}), {0: [1, 3], 1: [2]})
    assert torch.equal(logits(in_steps), logits(at_once))
    assert in_steps.config.pruned_heads == {0: [1, 3], 1: [2], 2: [0]}


def test_no_layer_loses_its_last_head(bert: PreTrainedModel) -> None:
    with pytest.raises(ValueError, match=r"Layer 1 would lose its last head .*\[0, 1, 2, 3\]"):
        prune_heads(bert, {1: range(4)})
    pruned = prune_heads(bert, {1: range(3)})
    with pytest.raises(ValueError, match="Layer 1 would lose its last head"):
        prune_heads(pruned, {1: [3]})


def test_a_pruned_model_goes_on_learning_as_the_whole_one_did(bert: PreTrainedModel) -> None:
    bert.base_model.requires_grad_(False)
    trainable = {name for name, weight in bert.named_parameters() if weight.requires_grad}
    pruned = prune_heads(bert.train(), REMOVED)
    assert pruned.training
    assert {name for name, p in pruned.named_parameters() if p.requires_grad} == trainable


def test_what_is_saved_names_heads_and_weights_as_both_lines_of_transformers_do(
    bert: PreTrainedModel, save: Callable[[PreTrainedModel, str], Path]
) -> None:
    directory = save(prune_heads(bert, REMOVED), "pruned")
    config = json.loads((directory / "config.json").read_text("utf-8"))
    assert config["pruned_heads"] == {"0": [1, 3], "2": [0]}
    assert config["architectures"] == ["BertForSequenceClassification"]
    attention = "bert.encoder.layer.0.attention"
    with safe_open(directory / "model.safetensors", framework="pt") as weights:
        assert weights.get_slice(f"{attention}.self.query.weight").get_shape() == [8, 16]
        assert weights.get_slice(f"{attention}.output.dense.weight").get_shape() == [16, 8]
        assert set(weights.keys()) == set(bert.state_dict())


def test_loading_gives_the_saved_model_and_draws_no_random_number(
    bert: PreTrainedModel, save: Callable[[PreTrainedModel, str], Path]
) -> None:
    pruned = prune_heads(bert, REMOVED)
    directory = save(pruned.to(torch.bfloat16), "pruned")
    state = torch.random.get_rng_state()
    loaded = load_pruned(directory)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert loaded.dtype == torch.float32
    assert not loaded.training
    assert torch.equal(logits(loaded), logits(pruned.float()))
    assert torch.equal(logits(prune_heads(loaded, {1: [0]})), logits(prune_heads(pruned, {1: [0]})))
    assert len(AutoTokenizer.from_pretrained(directory)("Shares rise")["input_ids"]) > 2


def test_whole_models_load_too(
    bert: PreTrainedModel, save: Callable[[PreTrainedModel, str], Path]
) -> None:
    assert torch.equal(logits(load_pruned(save(bert, "whole"))), logits(bert))


def test_a_directory_without_weights_is_named(bert: PreTrainedModel, tmp_path: Path) -> None:
    bert.config.save_pretrained(tmp_path)
    with pytest.raises(OSError, match=r"model\.safetensors"):
        load_pruned(tmp_path)


@pytest.mark.skipif(
    int(transformers.__version__.split(".")[0]) > 4, reason="transformers 5 prunes no heads"
)
def test_transformers_4_reads_and_prunes_what_was_pruned_here(
    bert: PreTrainedModel, save: Callable[[PreTrainedModel, str], Path]
) -> None:
    pruned = prune_heads(bert, {0: [1]})
    read = AutoModelForSequenceClassification.from_pretrained(save(pruned, "pruned"))
    assert torch.equal(logits(read), logits(pruned))
    pruned.prune_heads({0: [3], 2: [0]})
    assert torch.equal(logits(pruned), logits(prune_heads(bert, REMOVED)))
    assert prune_heads(pruned, {1: [0]}).config.pruned_heads == {0: [1, 3], 1: [0], 2: [0]}
