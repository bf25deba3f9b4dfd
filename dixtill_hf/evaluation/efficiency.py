# SPDX-License-Identifier: Apache-2.0
"""How large a model is: its parameters, and the bytes that it takes on disk."""

from os import PathLike
from pathlib import Path

from torch import nn

# Of several forms of one thing, inference reads one: the first that is there.
_WEIGHTS = (
    ("*.safetensors", "*.safetensors.index.json"),
    ("*.onnx", "*.onnx_data"),
    ("openvino_model.xml", "openvino_model.bin"),
    ("pytorch_model*.bin", "pytorch_model.bin.index.json"),
)
_VOCABULARY = (("tokenizer.json",), ("vocab.txt", "vocab.json", "merges.txt", "*.model"))
_SETTINGS = (
    "config.json",
    "compression.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.py",
)


def parameter_count(model: nn.Module) -> int:
    """Number of a model's parameters, embeddings and frozen ones included, tied ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


def directory_bytes(path: str | PathLike[str]) -> int:
    """Bytes on disk of what a saved model needs for inference.

    Weights, configuration, tokenizer and the model's own code, in the directory itself. Model
    cards, checkpoints, optimiser states and logs do not count. Where weights or the vocabulary
    lie there in several forms, one counts: safetensors before ONNX, OpenVINO and PyTorch;
    `tokenizer.json` before the files of a slow tokenizer.

    Args:
        path: Directory written by `save_pretrained` or fetched from the Hub.

    Returns:
        The sum of the sizes of these files, in bytes.

    Raises:
        NotADirectoryError: There is no such directory.
        ValueError: It holds no weights.
    """
    directory = Path(path)
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a directory: give that of a saved model.")
    weights = _first_form(directory, _WEIGHTS)
    if not weights:
        found = ", ".join(sorted(file.name for file in directory.iterdir())) or "nothing"
        raise ValueError(
            f"{directory} holds no weights (safetensors, ONNX, OpenVINO or PyTorch), only "
            f"{found}: give the directory of a saved model."
        )
    files = weights | _first_form(directory, _VOCABULARY) | _matching(directory, _SETTINGS)
    return sum(file.stat().st_size for file in files)


def _first_form(directory: Path, forms: tuple[tuple[str, ...], ...]) -> set[Path]:
    return next((files for form in forms if (files := _matching(directory, form))), set())


def _matching(directory: Path, patterns: tuple[str, ...]) -> set[Path]:
    return {file for pattern in patterns for file in directory.glob(pattern) if file.is_file()}
