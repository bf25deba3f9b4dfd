# SPDX-License-Identifier: Apache-2.0
"""Writes a student, with its explanation, as an ONNX model."""

import copy
import warnings
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from dixtill_hf.export.onnx_student import INPUTS, MODEL_FILE, OUTPUTS
from dixtill_hf.student.inputs import refuse_student_of_pairs
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

# Known to every release of ONNX Runtime that the extra allows.
_OPSET = 17


class _Student(torch.nn.Module):
    """The student with plain arguments and a plain tuple of results, as ONNX has them."""

    def __init__(self, model: DixtillForSequenceClassification) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        output = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            output_contributions=True,
            return_dict=True,
        )
        return tuple(output[name] for name in OUTPUTS)


def export_student(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    output_dir: str | PathLike[str],
) -> Path:
    """Save a student as `model.onnx`, with its configuration and tokenizer.

    The model reads `input_ids` and `attention_mask`, int64 `(batch, words)` of any size, padded
    or not, and gives `logits` `(batch, labels)`, `attention_scores` and `attention_weights`
    `(batch, words)` and `contributions` `(batch, words, labels)`, in float32, as
    `DixtillOutput` has them. `OnnxStudent` loads the directory.

    Args:
        model: The student; it is left as it is.
        tokenizer: Its tokenizer.
        output_dir: The directory, made where it does not exist; files of these names in it are
            written over.

    Returns:
        The directory.

    Raises:
        ImportError: The package onnx is not installed.
        ValueError: The student reads pairs of texts.
    """
    refuse_student_of_pairs(model.config, "The ONNX export")
    if find_spec("onnx") is None:
        raise ImportError('Exporting a student needs onnx: pip install "dixtill_hf[onnx]"')
    directory = Path(output_dir)
    directory.mkdir(parents=True, exist_ok=True)
    student = copy.deepcopy(model).cpu().float()
    student.fold_ngrams()
    axes = {name: {0: "batch", 1: "words"} for name in (*INPUTS, *OUTPUTS)}
    axes["logits"] = {0: "batch"}
    with warnings.catch_warnings():
        # What the trace compares are checks of shapes, and the LSTMs' initial states, which the
        # second is about, follow the size of the batch.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size other")
        # Goes with the exporter itself, when Optimum has left it too.
        warnings.filterwarnings("ignore", "You are using the legacy TorchScript-based ONNX export")
        torch.onnx.export(
            _Student(student).eval(),
            _example_inputs(),
            str(directory / MODEL_FILE),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=_OPSET,
            # The exporter that Optimum uses; the newer one needs a package that no extra brings.
            dynamo=False,
        )
    student.config.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def _example_inputs() -> tuple[torch.Tensor, torch.Tensor]:
    """Word ids and mask of two texts, one of them padded, for the exporter to trace."""
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    return torch.zeros_like(mask), mask
