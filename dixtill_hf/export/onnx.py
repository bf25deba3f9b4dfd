# SPDX-License-Identifier: Apache-2.0
"""The student as ONNX: the export, and the class that runs it without torch."""

import copy
import json
import warnings
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from dixtill_hf.data.words import word_limit
from dixtill_hf.export.onnx_session import MODEL_FILE, TextEncoder, open_session
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

INPUTS = ("input_ids", "attention_mask")
OUTPUTS = ("logits", "attention_scores", "attention_weights", "contributions")


class ExplainedBatch(NamedTuple):
    """Predictions of a batch and what each word has to do with them.

    Attributes:
        logits: Scores of the labels, `(texts, labels)`.
        scores: Score of each word for the label that scores highest, `(texts, words)`; 0 on
            padding.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]


class OnnxStudent:
    """A student that `export_student` saved; see `evaluation.classifiers.Classifier`.

    Args:
        directory: Where `model.onnx`, `config.json` and the tokenizer's files are.
        threads: Threads that compute one batch. Defaults to one a physical core.

    Attributes:
        labels: Names of the labels, in the order of the logits.
        explanation: What the scores of the words are: `"contributions"` to the label's logit, or
            `"attention"` scores, which are the same for every label.

    Raises:
        ValueError: The directory holds another model, or `threads` is below 1.
    """

    name = "DiXtill"
    runtime = "onnxruntime"

    def __init__(self, directory: str | PathLike[str], threads: int | None = None) -> None:
        directory = Path(directory)
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        if config["model_type"] != "dixtill":
            raise ValueError(
                f"{directory} holds a model of the type {config['model_type']!r}, not a student: "
                "give a directory written by export_student."
            )
        self.labels = [config["id2label"][str(label)] for label in range(len(config["id2label"]))]
        self.explanation: str = config["explanation"]
        self._session = open_session(directory / MODEL_FILE, threads)
        settings = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.tokenize = TextEncoder(
            directory / "tokenizer.json",
            INPUTS,
            pad_token_id=config["pad_token_id"],
            max_length=word_limit(settings["model_max_length"]),
        )

    def logits(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Logits `(texts, labels)` of what `tokenize` gave."""
        (logits,) = self._session.run(["logits"], inputs)
        return logits

    def explain(self, inputs: dict[str, NDArray[np.int64]]) -> ExplainedBatch:
        """Predict what `tokenize` gave and score the words for the predicted labels."""
        if self.explanation == "attention":
            return ExplainedBatch(*self._session.run(["logits", "attention_scores"], inputs))
        logits, contributions = self._session.run(["logits", "contributions"], inputs)
        predicted = logits.argmax(axis=1)[:, None, None]
        return ExplainedBatch(logits, np.take_along_axis(contributions, predicted, axis=2)[..., 0])


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
        output = self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
        return tuple(output[name] for name in OUTPUTS)


def export_student(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    output_dir: str | PathLike[str],
) -> Path:
    """Save a student as `model.onnx`, with its configuration and tokenizer beside it.

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
    """
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
