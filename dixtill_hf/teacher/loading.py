# SPDX-License-Identifier: Apache-2.0
"""Load a fine-tuned transformer classifier as a teacher: model, tokenizer, labels, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from dixtill_hf.teacher.attention import attention_of_any_size
from dixtill_hf.teacher.labels import match_labels
from dixtill_hf.teacher.processes import launched_processes

# Tokenizers without a limit report a huge sentinel; no classifier reads a million tokens.
_NO_LIMIT = 1_000_000


@dataclass
class Teacher:
    """A frozen sequence classifier whose logits are given in the order of the data's labels.

    Attributes:
        model: The classifier, in eval mode, its weights not requiring gradients.
        tokenizer: Its fast tokenizer (character offsets are needed), padding on the right.
        label_order: Position of every label of the data among the model's logits.
        name: The name or path that it was loaded from.
        max_length: Longest input in tokens, special tokens included.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    label_order: Sequence[int]
    name: str = ""
    max_length: int = field(default=0)

    def __post_init__(self) -> None:
        """Freeze the model and complete what a decoder lacks to read padded batches."""
        check_tokenizer(self.tokenizer, self.name)
        self.model.eval().requires_grad_(False)
        _complete_padding(self.model, self.tokenizer)
        self.max_length = self.max_length or input_limit(self.model, self.tokenizer)

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return self.model.device

    def logits(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Logits `(batch, labels)` in float32, in the order of the data's labels."""
        with attention_of_any_size(self.device):
            return self.model(**inputs).logits[:, list(self.label_order)].float()


def load_teacher(
    name_or_path: str | Path,
    label_names: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> Teacher:
    """Load any `AutoModelForSequenceClassification` from the Hub or a directory as a teacher.

    Args:
        name_or_path: Hub id or local directory.
        label_names: The data's labels, in the order of its ClassLabel; None takes the teacher's.
        label_map: Teacher label → data label where the names differ.
        device: Defaults to the process's accelerator, else the CPU.
        dtype: Precision of the weights.

    Raises:
        OSError: The model is neither a directory nor reachable on the Hub.
        LabelMismatchError: Labels cannot be matched by name.
        ValueError: The model is an encoder-decoder or no single-label classifier, or its tokenizer
            gives no offsets.
    """
    name = str(name_or_path)
    config = load_config(name)
    check_architecture(config, name)
    if not has_classification_head(config):
        raise ValueError(
            f"{name!r} has no trained classification head (its architectures: "
            f"{config.architectures}). Fine-tune it first with finetune_teacher(...), "
            "or name a model saved as ...ForSequenceClassification."
        )
    _check_single_label(config, name)
    own_names = [config.id2label[i] for i in range(config.num_labels)]
    order = match_labels(own_names, own_names if label_names is None else label_names, label_map)
    model = AutoModelForSequenceClassification.from_pretrained(name, dtype=dtype)
    tokenizer = AutoTokenizer.from_pretrained(name)
    return Teacher(model.to(device or _default_device()), tokenizer, order, name)


def load_config(name_or_path: str | Path) -> PretrainedConfig:
    """Read a model's configuration, with an error that says what is missing when it cannot be had.

    Raises:
        OSError: Neither a directory with a config.json nor reachable on the Hub.
    """
    try:
        return AutoConfig.from_pretrained(str(name_or_path))
    except OSError as error:
        raise OSError(
            f"The model {str(name_or_path)!r} could not be read: it is neither a local directory "
            "with a config.json nor was it found on the Hugging Face Hub or in its cache. "
            "Check the spelling; without a network give a local directory, or, on a machine with "
            f"one, fetch it first: hf download {name_or_path}"
        ) from error


def has_classification_head(config: PretrainedConfig) -> bool:
    """Whether the saved weights include a sequence-classification head."""
    return any(name.endswith("ForSequenceClassification") for name in config.architectures or [])


def check_architecture(config: PretrainedConfig, name: str) -> None:
    """Refuse models that embed a text twice: a token would have two attributions.

    Raises:
        ValueError: An encoder-decoder.
    """
    if config.is_encoder_decoder:
        raise ValueError(
            f"{name!r} ({config.model_type}) is an encoder-decoder, whose two halves both read the "
            "text; such teachers are not supported. Name an encoder (BERT, RoBERTa, DeBERTa, ...) "
            "or a decoder (GPT-2, Llama, ...)."
        )


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Refuse tokenizers without character offsets: spans are how teacher and student meet.

    Raises:
        ValueError: A slow (pure Python) tokenizer.
    """
    if not tokenizer.is_fast:
        raise ValueError(
            f"The tokenizer of {name!r}, {type(tokenizer).__name__}, gives no character offsets. "
            "A fast tokenizer is needed: install the packages that convert it "
            "(pip install sentencepiece tiktoken) and load the model again, or save one beside "
            "the model as tokenizer.json."
        )


def input_limit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Longest input in tokens: the tokenizer's limit or the model's positions, the smaller one."""
    limits = [_NO_LIMIT, tokenizer.model_max_length]
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is not None and positions > 0:
        limits.append(positions - _reserved_positions(model))
    return int(min(limits))


def _reserved_positions(model: PreTrainedModel) -> int:
    """RoBERTa-like models count positions from the padding index on, which costs them two."""
    for name, module in model.named_modules():
        if (
            name.endswith("position_embeddings")
            and getattr(module, "padding_idx", None) is not None
        ):
            return module.padding_idx + 1
    return 0


def _check_single_label(config: PretrainedConfig, name: str) -> None:
    if config.num_labels < 2 or config.problem_type in ("regression", "multi_label_classification"):
        raise ValueError(
            f"The teacher {name!r} is not a single-label classifier (labels: {config.num_labels}, "
            f"problem_type: {config.problem_type!r}). Regression and multi-label teachers are "
            "not supported."
        )


def _complete_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Give decoders such as GPT-2 the padding token that batches and the baseline need."""
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token is None:
            raise ValueError(
                f"The tokenizer of {model.name_or_path!r} has neither a padding nor an "
                "end-of-sequence token. Set tokenizer.pad_token and save it beside the model."
            )
        tokenizer.pad_token = tokenizer.eos_token
    if getattr(model.config, "pad_token_id", None) is None:
        model.config.pad_token_id = tokenizer.pad_token_id


def _default_device() -> str | torch.device:
    processes = launched_processes()
    if processes is not None:
        return processes.device
    return "cuda" if torch.cuda.is_available() else "cpu"
