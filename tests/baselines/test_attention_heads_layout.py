# SPDX-License-Identifier: Apache-2.0
"""Where heads are: which models are known, what a configuration records, what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import BertConfig, PretrainedConfig

from dixtill_hf.baselines.attention_heads import HeadMap, prune_heads, removed_heads
from dixtill_hf.teacher.loading import load_teacher

TeacherDir = Callable[[str], Path]


def recorded(record: dict) -> PretrainedConfig:
    config = BertConfig()
    config.pruned_heads = record
    return config


@pytest.mark.parametrize(
    ("config", "removed"),
    [
        (BertConfig(), {}),
        (recorded({1: [3, 2], 0: []}), {1: [2, 3]}),
        (recorded({"1": [0]}), {1: [0]}),  # as transformers 5 reads a file
    ],
)
def test_the_configuration_says_which_heads_are_gone(
    config: PretrainedConfig, removed: dict[int, list[int]]
) -> None:
    assert removed_heads(config) == removed


def test_heads_keep_their_numbers_when_others_are_removed(tiny_teacher_dir: TeacherDir) -> None:
    model = load_teacher(tiny_teacher_dir("bert")).model
    assert HeadMap(model).kept == [[0, 1], [0, 1]]
    assert HeadMap(prune_heads(model, {1: [0]})).kept == [[0, 1], [1]]


@pytest.mark.parametrize("architecture", ["deberta-v2", "gpt2"])
def test_models_of_other_types_are_refused_by_name(
    architecture: str, tiny_teacher_dir: TeacherDir
) -> None:
    model = load_teacher(tiny_teacher_dir(architecture)).model
    with pytest.raises(ValueError, match=rf"{architecture}.*distilbert, electra"):
        HeadMap(model)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ({2: [0]}, "no layer 2: the model's layers are 0 to 1"),
        ({-1: [0]}, "no layer -1"),
        ({0: [1, 5, 2]}, r"Layer 0 has no heads \[2, 5\]: its heads are 0 to 1"),
    ],
)
def test_layers_and_heads_out_of_range_are_refused(
    heads: dict[int, list[int]], message: str, tiny_teacher_dir: TeacherDir
) -> None:
    model = load_teacher(tiny_teacher_dir("distilbert")).model
    with pytest.raises(ValueError, match=message):
        HeadMap(model).check(heads)
