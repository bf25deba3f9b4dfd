# SPDX-License-Identifier: Apache-2.0
"""Read the parts of a saved model, and refuse those that are not what they seem.

Libraries fill in what a checkpoint lacks: a head with random weights, a tokenizer that knows only
special tokens. Here each part is read with an error that says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import (
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from dixtill_hf.teacher.adapters import (
    adapted_config,
    adapted_model,
    is_adapter,
    merge_adapter,
)

# Tokenizers without a limit report a huge sentinel; no classifier reads a million tokens.
NO_LIMIT = 1_000_000
_NAMES_SHOWN = 4


def load_config(name_or_path: str | Path, **loading: Any) -> PretrainedConfig:
    """Read a model's configuration; of a PEFT adapter, that of the model with it.

    Raises:
        OSError: It is neither a directory with a config.json nor reachable on the Hub, or the file
            cannot be read.
        ImportError: It is an adapter, and the package `peft` is not installed.
        ValueError: It is an adapter that cannot be merged into a model.
    """
    directory = Path(name_or_path)
    if is_adapter(name_or_path, **loading):
        base, of_base = adapted_model(name_or_path, **loading)
        with _belonging_to(name_or_path, base):
            config = load_config(base, **of_base)
        return adapted_config(config, name_or_path, **loading)
    if directory.exists() and "gguf_file" not in loading:
        _check_directory(directory)
    try:
        return AutoConfig.from_pretrained(str(name_or_path), **loading)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if directory.exists():
            raise OSError(f"{directory / 'config.json'} cannot be read: {_brief(error)}") from error
        if not isinstance(error, OSError):
            raise
        raise OSError(
            f"The model {str(name_or_path)!r} could not be read: it is neither a local directory "
            "with a config.json nor was it found on the Hugging Face Hub or in its cache. "
            "Check the spelling; without a network give a local directory, or, on a machine with "
            f"one, fetch it first: hf download {name_or_path}"
        ) from error


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise OSError(f"{directory} is a file: give the directory of a saved model.")
    if not (directory / "config.json").is_file():
        found = ", ".join(sorted(path.name for path in directory.iterdir())) or "nothing"
        raise OSError(
            f"{directory} has no config.json; it holds: {found}. Give the directory of a model "
            "saved with save_pretrained(...)."
        )


@contextmanager
def _belonging_to(adapter: str | Path, model: str) -> Iterator[None]:
    """Say why a model is looked for that nobody has named."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise OSError(
            f"The adapter {str(adapter)!r} belongs to the model {model!r} (base_model_name_or_path "
            f"in its adapter_config.json), which cannot be read. {error}"
        ) from error


def load_tokenizer(name_or_path: str | Path, **loading: Any) -> PreTrainedTokenizerFast:
    """Read a model's tokenizer; of an adapter without one, that of the model it belongs to.

    Raises:
        OSError: There is none, or it cannot be read.
        ValueError: It gives no character offsets.
    """
    if is_adapter(name_or_path, **loading) and not _has_tokenizer(name_or_path):
        base, of_base = adapted_model(name_or_path, **loading)
        return load_tokenizer(base, **of_base)
    what_to_do = (
        "Save it with the model: AutoTokenizer.from_pretrained(...).save_pretrained"
        f"({str(name_or_path)!r})."
    )
    with _reading("tokenizer", name_or_path, what_to_do):
        tokenizer = AutoTokenizer.from_pretrained(str(name_or_path), **loading)
    check_tokenizer(tokenizer, str(name_or_path))
    if len(tokenizer.get_vocab()) <= len(set(tokenizer.all_special_tokens)) + 1:
        raise OSError(
            f"The model {str(name_or_path)!r} has no tokenizer: what was found knows only special "
            f"tokens. {what_to_do}"
        )
    return tokenizer


def _has_tokenizer(name_or_path: str | Path) -> bool:
    """Whether a tokenizer lies next to an adapter; on the Hub, next to most."""
    directory = Path(name_or_path)
    return not directory.is_dir() or (directory / "tokenizer_config.json").is_file()


def load_weights(
    model_class: Any, name_or_path: str | Path, **loading: Any
) -> tuple[PreTrainedModel, list[str]]:
    """Read a model's weights; an adapter's are merged into those of the model it belongs to.

    Args:
        model_class: Auto class of the model, such as `AutoModelForSequenceClassification`.
        name_or_path: Hub id or directory.
        **loading: Further arguments of its `from_pretrained`.

    Returns:
        The model, and the names of the weights that the checkpoint does not have.

    Raises:
        OSError: The weights are missing, damaged or of other shapes than the configuration says.
        ValueError: The checkpoint has more layers than the configuration says.
    """
    own = {name: value for name, value in loading.items() if name != "dtype"}
    if not is_adapter(name_or_path, **own):
        model, info = _load_whole(model_class, name_or_path, **loading)
        return model, sorted(info["missing_keys"])
    base, of_base = adapted_model(name_or_path, **own)
    settings = {"config": load_config(name_or_path, **own), "dtype": loading.get("dtype")}
    # A head for other labels is drawn anew, and has to come with the adapter.
    settings["ignore_mismatched_sizes"] = True
    model, info = _load_whole(model_class, base, **settings, **of_base)
    drawn = [*info["missing_keys"], *(name for name, *_ in info["mismatched_keys"])]
    with _reading("adapter", name_or_path):
        return merge_adapter(model, drawn, name_or_path, **own)


def _load_whole(
    model_class: Any, name_or_path: str | Path, **loading: Any
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The model that a whole checkpoint holds, and what transformers says of loading it."""
    with _reading("weights", name_or_path):
        model, info = model_class.from_pretrained(
            str(name_or_path), output_loading_info=True, **loading
        )
    further = _further_layers(model, info["unexpected_keys"])
    if further:
        raise ValueError(
            f"{str(name_or_path)!r} holds weights of more layers than its config.json has, such as "
            f"{list_few(further)}: without them the model would be another. Correct the number of "
            "layers in config.json."
        )
    return model, info


def _further_layers(model: PreTrainedModel, unexpected: Iterable[str]) -> list[str]:
    """The unexpected weights that differ from one of the model's only by the number of a layer."""

    def numberless(name: str) -> str:
        return re.sub(r"\d+", "N", name.removeprefix(f"{model.base_model_prefix}."))

    own = {numberless(name) for name, _ in model.named_parameters() if re.search(r"\d", name)}
    return sorted(name for name in unexpected if numberless(name) in own)


@contextmanager
def _reading(part: str, name: str | Path, what_to_do: str = "") -> Iterator[None]:
    """Say which part of which model could not be read.

    For missing and damaged files the libraries raise almost anything, bare exceptions included.
    """
    try:
        yield
    except Exception as error:
        message = f"The {part} of {str(name)!r} could not be read: {_brief(error)}"
        raise OSError(f"{message} {what_to_do}".strip()) from error


def _brief(error: Exception) -> str:
    """The first sentence or so of another library's message, with its type."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:300].rstrip(' .!')}."


def list_few(names: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def label_names_of(config: PretrainedConfig) -> list[str]:
    """The names of a classifier's labels, in the order of its logits.

    Raises:
        ValueError: The configuration does not number its labels from 0 on.
    """
    numbers = sorted(config.id2label)
    if numbers != list(range(len(numbers))):
        raise ValueError(
            f"The id2label of {config.name_or_path!r} numbers its labels {numbers}: they must be "
            f"0 to {len(numbers) - 1}, the places of their logits. Correct its config.json."
        )
    return [str(config.id2label[number]) for number in numbers]


def has_classification_head(config: PretrainedConfig) -> bool:
    """Whether the saved weights include a sequence-classification head."""
    return any(name.endswith("ForSequenceClassification") for name in config.architectures or [])


def check_architecture(config: PretrainedConfig, name: str) -> None:
    """Refuse models whose tokens cannot be told apart from padding.

    Raises:
        ValueError: It is an XLNet.
    """
    if config.model_type == "xlnet":
        raise ValueError(
            f"{name!r} is an XLNet, which classifies by the last place of a batch, padding or not; "
            "such teachers are not supported. Name an encoder (BERT, RoBERTa, DeBERTa, ...), a "
            "decoder (GPT-2, Llama, ...) or an encoder-decoder (BART, T5)."
        )


def check_classifier(config: PretrainedConfig, name: str) -> None:
    """Refuse what has no trained head with a name for each label.

    Raises:
        ValueError: It has no head, or its labels are not told apart.
    """
    if not has_classification_head(config):
        raise ValueError(
            f"{name!r} has no trained classification head (its architectures: "
            f"{config.architectures}). Fine-tune it first with finetune_teacher(...), "
            "or name a model saved as ...ForSequenceClassification."
        )
    names = label_names_of(config)
    twice = sorted({label for label in names if names.count(label) > 1})
    if twice:
        raise ValueError(
            f"The teacher {name!r} has several labels of the same name: {list_few(twice)}. Give "
            "each label in the id2label of its config.json a name of its own."
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


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Refuse a tokenizer with tokens that the model has no embedding of.

    Raises:
        ValueError: There are such tokens; names some.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    vocabulary = tokenizer.get_vocab()
    beyond = sorted((place, token) for token, place in vocabulary.items() if place >= rows)
    if beyond:
        raise ValueError(
            f"The tokenizer of {name!r} has {len(beyond)} tokens for which the model has no "
            f"embedding ({rows} rows): {list_few(repr(token) for _, token in beyond)}. Take the "
            "tokenizer that the model was trained with."
        )


def input_limit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Longest input in tokens: the tokenizer's limit or the model's positions, the smaller one."""
    limits = [NO_LIMIT, tokenizer.model_max_length]
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


def complete_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Give model and tokenizer the same padding token, for batches and for the baseline.

    A decoder classifies by the last token that is not the padding of its configuration. So what
    the configuration names is kept: with another token, texts would be read to another end than
    in training. A decoder that names none was trained on single texts, and is given a token that
    does not end them.

    Raises:
        ValueError: There is no such token.
    """
    tokenizer.padding_side = "right"
    if model.config.is_encoder_decoder:
        # It classifies by the token that ends a text, and no text may hold another one.
        tokenizer.split_special_tokens = True
    place = _padding_of(model, tokenizer)
    if place is None:
        raise ValueError(
            f"The tokenizer of {model.name_or_path!r} has no padding token, and no special token "
            "that does not end a text. Set tokenizer.pad_token and save it with the model."
        )
    if tokenizer.pad_token_id != place:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(place)
    model.config.pad_token_id = place


def _padding_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int | None:
    usual = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    named = model.config.pad_token_id
    known = isinstance(named, int) and 0 <= named < len(tokenizer)
    if not _is_decoder(model.config):
        return named if usual is None and known else usual
    if known:
        return named
    last = tokenizer("a")["input_ids"][-1]
    others = (usual, tokenizer.unk_token_id, tokenizer.bos_token_id)
    return next((place for place in others if place not in (None, last)), None)


def _is_decoder(config: PretrainedConfig) -> bool:
    """Whether a model of this type reads from left to right only."""
    kind = config.model_type
    return kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and (
        kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )
