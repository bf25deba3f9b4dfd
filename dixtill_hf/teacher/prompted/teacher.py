# SPDX-License-Identifier: Apache-2.0
"""A language model of transformers as a teacher: nothing is fine-tuned, one writes a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from dixtill_hf.teacher.checkpoints import (
    check_tokenizer,
    check_vocabulary,
    complete_padding,
    input_limit,
    list_few,
    load_config,
    load_tokenizer,
    load_weights,
)
from dixtill_hf.teacher.loading import Teacher, default_device
from dixtill_hf.teacher.prompted.model import PromptedClassifier
from dixtill_hf.teacher.prompted.prompt import Prompt
from dixtill_hf.teacher.prompted.tokens import text_tokenizer, tokenize_prompt

# Texts that say nothing, as in contextual calibration (Zhao et al. 2021, section 4).
CONTENT_FREE = ("N/A", "", "[MASK]")
# What is left for a text must be worth a sentence.
_LEAST_ROOM = 8
_GGUF = ".gguf"


class PromptedTeacher(Teacher):
    """A causal language model that is asked for the label of a text.

    A text's logits are the log-probabilities of the whole answers after the prompt, each of one
    token or several. Explainers see the text's own tokens only, with spans in the text: the prompt
    around them is a part of the model.

    The chat template of the tokenizer is used if it has one. The text is tokenized by itself,
    without special tokens: those that it spells out are read as plain characters.
    """

    reads_pairs = False

    def __init__(
        self,
        model: str | Path | PreTrainedModel,
        labels: Sequence[str],
        instruction: str,
        *,
        examples: Sequence[tuple[str, str]] = (),
        verbalizers: Mapping[str, str] | None = None,
        calibrate: bool = False,
        tokenizer: PreTrainedTokenizerFast | None = None,
        name: str = "",
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        **loading: Any,
    ) -> None:
        """Load a language model, unless it is loaded already, and put a prompt around it.

        Args:
            model: Hub id, local directory or GGUF file of a causal language model, or one that
                is loaded.
            labels: Names of the labels, in the order of the logits. The data's must be the same.
            instruction: What to do with a text, in a sentence or more.
            examples: Texts with their labels that are shown before the text.
            verbalizers: Label → answer, if a label's name is not what the model shall say.
            calibrate: Whether to subtract the log-probabilities that the answers have after texts
                that say nothing (contextual calibration, Zhao et al. 2021).
            tokenizer: Tokenizer of a model that is loaded; only with one.
            name: What reports call the teacher. Default: the model's name or path.
            device: Default: the process's accelerator, else the CPU.
            dtype: Precision of the weights; of a model that is loaded its own is kept.
            **loading: What `from_pretrained` of configuration, tokenizer and model shall be given:
                `revision`, `token`, `cache_dir`, `trust_remote_code`.

        Raises:
            OSError: The model cannot be read.
            ImportError: It is a GGUF file, and the package `gguf` is not installed.
            ValueError: The prompt does not fit the labels or the model's length, one answer begins
                with another, or the model is no causal language model with a cache.
        """
        prompt = Prompt(instruction, tuple(labels), dict(verbalizers or {}), tuple(examples))
        if isinstance(model, PreTrainedModel):
            if tokenizer is None:
                raise ValueError("A model that is loaded needs its tokenizer: tokenizer=...")
            name = name or model.name_or_path
        elif tokenizer is not None:
            raise ValueError(
                f"The tokenizer of {str(model)!r} is read with it: leave tokenizer out, or give a "
                "loaded model with its tokenizer."
            )
        else:
            name = name or str(model)
            model, tokenizer = load_language_model(model, dtype, **loading)
            model = model.to(device or default_device())
        self.prompt = prompt
        self.language_tokenizer = tokenizer
        classifier = prompted_classifier(model, tokenizer, prompt, name, calibrate)
        super().__init__(
            classifier,
            text_tokenizer(tokenizer),
            list(range(len(labels))),
            name,
            max_length=_room(model, tokenizer, classifier.tokens.longest, name),
            labels=list(labels),
        )

    @property
    def language_model(self) -> PreTrainedModel:
        """The language model without the prompt."""
        return self.model.language_model


def prompted_classifier(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompt: Prompt,
    name: str,
    calibrate: bool = False,
) -> PromptedClassifier:
    """Put a prompt around a loaded language model.

    Args:
        model: The causal language model; it is put into evaluation mode.
        tokenizer: Its tokenizer; it gets a padding token if it has none.
        prompt: The prompt.
        name: What messages call the model.
        calibrate: See `PromptedTeacher`.

    Raises:
        ValueError: As `PromptedTeacher` says.
    """
    check_tokenizer(tokenizer, name)
    check_vocabulary(model, tokenizer, name)
    complete_padding(model, tokenizer)
    parts = prompt.around_text(tokenizer)
    tokens = tokenize_prompt(parts, tokenizer)
    _room(model, tokenizer, tokens.longest, name)
    described = {
        **prompt.settings(),
        "before": parts.before,
        "after": parts.after,
        "answers": list(parts.answers),
        "token_ids": [tokens.before, tokens.after, *tokens.answers],
    }
    model.eval().requires_grad_(False)
    classifier = PromptedClassifier(model, tokens, described).to(model.device).eval()
    inner = text_tokenizer(tokenizer)
    free = [list(inner(text)["input_ids"]) for text in CONTENT_FREE]
    classifier.check_reading(free[0])
    if calibrate:
        classifier.calibrate(free)
    return classifier


def load_language_model(
    name_or_path: str | Path, dtype: torch.dtype = torch.float32, **loading: Any
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Read a causal language model and its tokenizer from the Hub, a directory or a GGUF file.

    Args:
        name_or_path: Hub id, directory, or a file with the suffix `.gguf`, whose weights are
            turned into `dtype`.
        dtype: Precision of the weights.
        **loading: Further arguments of `from_pretrained`.

    Raises:
        OSError: A part of it cannot be read.
        ImportError: It is a GGUF file, and the package `gguf` is not installed.
        ValueError: It is no causal language model, or weights are missing.
    """
    load_language_config(name_or_path, **loading)
    name, loading = _place(name_or_path, loading)
    tokenizer = load_tokenizer(name, **loading)
    model, missing = load_weights(AutoModelForCausalLM, name, dtype=dtype, **loading)
    if missing:
        raise ValueError(
            f"{str(name_or_path)!r} does not hold all weights of a {type(model).__name__}: "
            f"{list_few(missing)} are missing, and would be random. Name a language model that is "
            "whole."
        )
    return model, tokenizer


def load_language_config(name_or_path: str | Path, **loading: Any) -> PretrainedConfig:
    """Read the configuration of a causal language model; see `load_language_model`."""
    name, loading = _place(name_or_path, loading)
    config = load_config(name, **loading)
    if config.is_encoder_decoder or type(config) not in AutoModelForCausalLM._model_mapping:
        raise ValueError(
            f"{str(name_or_path)!r} ({config.model_type}) is no causal language model. Name one "
            "(Llama, Qwen, Gemma, GPT-2, ...); a fine-tuned classifier is a teacher without an "
            "instruction."
        )
    return config


def _place(name_or_path: str | Path, loading: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What `from_pretrained` calls a model, and its further arguments."""
    name = str(name_or_path)
    if not name.endswith(_GGUF):
        return name, loading
    path = Path(name)
    if not path.is_file():
        raise OSError(f"There is no file {name!r}: give the path of a GGUF file.")
    if find_spec("gguf") is None:
        raise ImportError(f'{name!r} needs the package gguf: pip install "dixtill_hf[llm]".')
    return str(path.parent), {**loading, "gguf_file": path.name}


def _room(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompt: int, name: str
) -> int:
    """Tokens that are left for a text.

    Raises:
        ValueError: There are too few.
    """
    limit = input_limit(model, tokenizer)
    if limit - prompt < _LEAST_ROOM:
        raise ValueError(
            f"The prompt takes {prompt} tokens, and {name!r} reads {limit}: shorten the "
            "instruction, or give fewer examples."
        )
    return limit - prompt
