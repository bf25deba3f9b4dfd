# SPDX-License-Identifier: Apache-2.0
"""Load a fine-tuned transformer classifier as a teacher: model, tokenizer, labels, limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from dixtill_hf.artifacts.process_group import launched_processes
from dixtill_hf.teacher.label_matching import LabelMismatchError, match_labels

# All but cuDNN's, which builds a plan for each size of batch that it meets: a tenth of a second or
# more, while batches of texts have hundreds of sizes.
_WITHOUT_PLANS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


@contextmanager
def attention_of_any_size(device: torch.device) -> Iterator[None]:
    """Within it, a model on a GPU attends with kernels that serve batches of all sizes at once."""
    if device.type == "cuda":
        with sdpa_kernel(_WITHOUT_PLANS):
            yield
    else:
        yield


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
        labels: Names of the data's labels that `label_order` is for; empty where they are not
            known, so that nothing can be checked.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    label_order: Sequence[int]
    name: str = ""
    max_length: int = field(default=0)
    labels: Sequence[str] = ()

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
    **loading: Any,
) -> Teacher:
    """Load any `AutoModelForSequenceClassification` from the Hub or a directory as a teacher.

    Args:
        name_or_path: Hub id or local directory.
        label_names: The data's labels, in the order of its ClassLabel; None takes the teacher's.
        label_map: Teacher label → data label where the names differ.
        device: Defaults to the process's accelerator, else the CPU.
        dtype: Precision of the weights.
        **loading: What `from_pretrained` of configuration, tokenizer and model shall be given:
            `revision`, `token`, `cache_dir`, `trust_remote_code`.

    Raises:
        OSError: The model is neither a directory nor reachable on the Hub.
        LabelMismatchError: Labels cannot be matched by name.
        ValueError: The model is an encoder-decoder or no single-label classifier, or its tokenizer
            gives no offsets.
    """
    name = str(name_or_path)
    config = load_config(name, **loading)
    check_architecture(config, name)
    if not has_classification_head(config):
        raise ValueError(
            f"{name!r} has no trained classification head (its architectures: "
            f"{config.architectures}). Fine-tune it first with finetune_teacher(...), "
            "or name a model saved as ...ForSequenceClassification."
        )
    _check_single_label(config, name)
    own_names = label_names_of(config)
    labels = list(own_names if label_names is None else label_names)
    order = match_labels(own_names, labels, label_map)
    model = AutoModelForSequenceClassification.from_pretrained(name, dtype=dtype, **loading)
    tokenizer = AutoTokenizer.from_pretrained(name, **loading)
    device = device or _default_device()
    return Teacher(model.to(device), tokenizer, order, name, labels=labels)


def label_names_of(config: PretrainedConfig) -> list[str]:
    """What a classifier calls its labels, in the order of its logits."""
    return [config.id2label[i] for i in range(config.num_labels)]


def check_same_labels(teacher: Teacher, data_labels: Sequence[str] | None) -> None:
    """Refuse a loaded teacher whose logits are in another order than the data's labels.

    Args:
        teacher: The teacher; with `labels` unknown nothing is checked.
        data_labels: In the order of the data's ClassLabel; None where they have no names.

    Raises:
        LabelMismatchError: Order or names differ.
    """
    if not teacher.labels or data_labels is None:
        return
    if match_labels(teacher.labels, data_labels) != list(range(len(data_labels))):
        raise LabelMismatchError(
            f"The teacher's logits are in the order {list(teacher.labels)}, the data's labels "
            f"are {list(data_labels)}: load it for them, with load_teacher(..., "
            f"label_names={list(data_labels)})."
        )


def load_config(name_or_path: str | Path, **loading: Any) -> PretrainedConfig:
    """Read a model's configuration, with an error that says what is missing when it cannot be had.

    Raises:
        OSError: Neither a directory with a config.json nor reachable on the Hub.
    """
    try:
        return AutoConfig.from_pretrained(str(name_or_path), **loading)
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
    """Refuse models whose tokens cannot be told apart from padding, or are embedded twice.

    Raises:
        ValueError: An encoder-decoder, in which a token would have two attributions, or XLNet.
    """
    if config.model_type == "xlnet":
        raise ValueError(
            f"{name!r} is an XLNet, which classifies by the last place of a batch, padding or not; "
            "such teachers are not supported. Name an encoder (BERT, RoBERTa, DeBERTa, ...) or a "
            "decoder (GPT-2, Llama, ...)."
        )
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
            "(pip install sentencepiece tiktoken) and load the model again, or save one in "
            "the model's directory as tokenizer.json."
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
    """Give decoders such as GPT-2 the padding token that batches and the baseline need.

    A decoder classifies by the last token that is not its configuration's padding: with another
    one than the tokenizer's it would read shorter texts at their padding.
    """
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token is None:
            raise ValueError(
                f"The tokenizer of {model.name_or_path!r} has neither a padding nor an "
                "end-of-sequence token. Set tokenizer.pad_token and save it with the model."
            )
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id


def _default_device() -> str | torch.device:
    processes = launched_processes()
    if processes is not None:
        return processes.device
    return "cuda" if torch.cuda.is_available() else "cpu"
