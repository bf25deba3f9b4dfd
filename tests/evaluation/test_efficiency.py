# SPDX-License-Identifier: Apache-2.0
"""Parameters and bytes of small models whose sizes one can count."""

from pathlib import Path

import pytest
from torch import nn

from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count


def write(directory: Path, sizes: dict[str, int]) -> Path:
    for name, size in sizes.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
    return directory


def test_parameters_count_frozen_ones_and_tied_ones_once():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 10), nn.BatchNorm1d(10))
    model[0].weight.requires_grad_(False)
    assert parameter_count(model) == 40 + 50 + 20
    model[1].weight = model[0].weight
    assert parameter_count(model) == 40 + 10 + 20


def test_what_inference_needs_counts_and_nothing_else(tmp_path):
    needed = {
        "model.safetensors": 1000,
        "config.json": 200,
        "tokenizer.json": 30,
        "tokenizer_config.json": 4,
        "modeling_dixtill.py": 50000,
    }
    rest = {
        "README.md": 7,
        "training_args.bin": 7,
        "optimizer.pt": 7,
        "trainer_state.json": 7,
        "checkpoint-5/model.safetensors": 7,
        "vocab.txt": 7,
        "pytorch_model.bin": 7,
    }
    assert directory_bytes(write(tmp_path, needed | rest)) == 51234


@pytest.mark.parametrize(
    "weights",
    [
        {"model-00001-of-00002.safetensors": 5, "model-00002-of-00002.safetensors": 6,
         "model.safetensors.index.json": 1},
        {"model.onnx": 2, "model.onnx_data": 10},
        {"openvino_model.xml": 2, "openvino_model.bin": 10},
        {"pytorch_model.bin": 12},
    ],
)  # fmt: skip
def test_each_form_of_weights_and_a_slow_tokenizer(tmp_path, weights):
    rest = {"config.json": 60, "compression.json": 40, "vocab.json": 1000, "merges.txt": 10000}
    assert directory_bytes(write(tmp_path, weights | rest)) == 11112


def test_a_directory_without_weights_says_what_it_holds(tmp_path):
    with pytest.raises(ValueError, match=r"no weights .* only config\.json, notes\.txt"):
        directory_bytes(write(tmp_path, {"config.json": 1, "notes.txt": 1}))


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(NotADirectoryError, match="student is not a directory"):
        directory_bytes(tmp_path / "student")
