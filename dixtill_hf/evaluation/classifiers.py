# SPDX-License-Identifier: Apache-2.0
"""What is scored and timed: a classifier in some runtime, from texts to logits in two steps.

Tokenising is a step of its own so that it can be timed apart from the model.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dixtill_hf.data.text_pairs import tokenizer_inputs
from dixtill_hf.data.words import word_limit
from dixtill_hf.evaluation.classification import softmax

if TYPE_CHECKING:
    from dixtill_hf.teacher.loading import Teacher


class Classifier(Protocol):
    """A text classifier in any runtime.

    Attributes:
        name: How tables call it, such as "teacher" or "int8-dynamic".
        runtime: What computes it: "pytorch", "onnxruntime", "openvino" or "scikit-learn".
    """

    name: str
    runtime: str

    def tokenize(self, texts: Sequence[str], pad_to: int | None = None) -> Any:
        """The inputs of one batch, padded to its longest text or to `pad_to` tokens.

        Texts longer than `pad_to` are cut. A classifier that knows no padding ignores it.
        """

    def logits(self, inputs: Any) -> NDArray[np.float32]:
        """Logits `(texts, labels)` of what `tokenize` gave, in the order of the data's labels."""


class PyTorchClassifier:
    """Any transformers sequence classifier, the student included, in eager PyTorch.

    Args:
        model: The classifier; it is put into evaluation mode and stays on its device.
        tokenizer: Its tokenizer, with a padding token.
        name: How tables call it.
        label_order: Position of every label of the data among the model's logits. Defaults to
            the logits as they are.
        max_length: Longest input in tokens; longer texts are cut. Defaults to no limit.
    """

    runtime = "pytorch"

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        label_order: Sequence[int] | None = None,
        max_length: int | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.name = name
        self.max_length = max_length
        self._label_order = slice(None) if label_order is None else list(label_order)
        # A tokenizer made for another model may give more, such as token types.
        self._accepted = set(inspect.signature(model.forward).parameters)

    def tokenize(self, texts: Sequence[str], pad_to: int | None = None) -> dict[str, torch.Tensor]:
        """The model's inputs of one batch, `(texts, tokens)` each; see `Classifier`.

        Raises:
            ValueError: `pad_to` is more than the model reads.
        """
        if pad_to is not None and self.max_length is not None and pad_to > self.max_length:
            raise ValueError(
                f"pad_to is {pad_to}, but {self.name!r} reads at most {self.max_length} tokens: "
                "pad to no more than that."
            )
        limit = self.max_length if pad_to is None else pad_to
        encoding = self.tokenizer(
            **tokenizer_inputs(texts),
            padding="longest" if pad_to is None else "max_length",
            truncation=limit is not None,
            max_length=limit,
            return_tensors="pt",
        )
        if encoding["input_ids"].shape[1] == 0:  # no transformer reads batches of no tokens
            return self.tokenize(texts, pad_to=1)
        return {name: encoding[name] for name in encoding if name in self._accepted}

    def logits(self, inputs: dict[str, torch.Tensor]) -> NDArray[np.float32]:
        """Logits `(texts, labels)` of what `tokenize` gave; see `Classifier`."""
        with torch.inference_mode():
            inputs = {name: tensor.to(self.model.device) for name, tensor in inputs.items()}
            logits = self.model(**inputs).logits.float().cpu().numpy()
        return logits[:, self._label_order]


def student_classifier(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str = "student"
) -> PyTorchClassifier:
    """A student in eager PyTorch; long texts are cut as in training."""
    limit = word_limit(tokenizer.model_max_length)
    return PyTorchClassifier(model, tokenizer, name, max_length=limit)


def teacher_classifier(
    teacher: Teacher, name: str = "teacher", model: PreTrainedModel | None = None
) -> PyTorchClassifier:
    """The teacher in eager PyTorch; with `model`, a changed copy of its model in its place."""
    return PyTorchClassifier(
        model or teacher.model,
        teacher.tokenizer,
        name,
        label_order=teacher.label_order,
        max_length=teacher.max_length,
    )


def predict_probabilities(
    classifier: Classifier, texts: Sequence[str], batch_size: int = 32
) -> NDArray[np.float64]:
    """Probabilities of texts, read in batches of similar length.

    `functools.partial(predict_probabilities, classifier)` is a model for `faithfulness`.

    Args:
        classifier: The classifier.
        texts: The texts.
        batch_size: Texts that go through the classifier at once.

    Returns:
        Shape `(texts, labels)`, in the order of the texts and of the data's labels.

    Raises:
        ValueError: There is no text, or `batch_size` is below 1.
    """
    if len(texts) == 0 or batch_size < 1:
        raise ValueError(
            f"got {len(texts)} texts and a batch_size of {batch_size}: both must be at least 1."
        )
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    batches = [by_length[start : start + batch_size] for start in range(0, len(texts), batch_size)]
    logits = [
        classifier.logits(classifier.tokenize([texts[row] for row in rows])) for rows in batches
    ]
    probabilities = softmax(np.concatenate(logits))
    return probabilities[np.argsort(by_length)]
