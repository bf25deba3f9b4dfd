# SPDX-License-Identifier: Apache-2.0
"""PEFT adapters as teachers: the difference to another model's weights, merged into them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PretrainedConfig
from transformers.utils.peft_utils import find_adapter_config_file

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

# What PEFT puts before the names of the weights of the model that it adapts.
_PREFIX = "base_model.model."


def is_adapter(name_or_path: str | Path, **loading: Any) -> bool:
    """Whether a directory or a name on the Hub is that of an adapter.

    Args:
        name_or_path: Local directory or Hub id.
        **loading: `revision`, `token`, `cache_dir`.
    """
    if Path(name_or_path).is_file():
        return False
    return find_adapter_config_file(str(name_or_path), **_of_adapter(loading)) is not None


def adapted_model(name_or_path: str | Path, **loading: Any) -> tuple[str, dict[str, Any]]:
    """The model that an adapter belongs to, and how it is loaded.

    Args:
        name_or_path: The adapter.
        **loading: How the adapter is loaded.

    Raises:
        ImportError: The package `peft` is not installed.
        OSError: Its adapter_config.json cannot be read.
        ValueError: The adapter does not name the model, or cannot be merged into it.
    """
    settings = _settings_of(name_or_path, **loading)
    if settings.peft_type is None:
        raise ValueError(
            f"The adapter_config.json of {str(name_or_path)!r} does not say what kind of adapter "
            "it is (peft_type). Save the adapter again with save_pretrained(...)."
        )
    if not settings.base_model_name_or_path:
        raise ValueError(
            f"The adapter {str(name_or_path)!r} does not name the model that it belongs to: write "
            "base_model_name_or_path into its adapter_config.json."
        )
    if settings.is_prompt_learning:
        raise ValueError(
            f"The adapter {str(name_or_path)!r} ({settings.peft_type}) learns tokens before the "
            "text, which cannot be merged into the model. Name one that changes weights (LoRA, "
            "IA3, ...)."
        )
    of_model = {name: value for name, value in loading.items() if name != "revision"}
    if settings.revision:
        of_model["revision"] = settings.revision
    return settings.base_model_name_or_path, of_model


def adapted_config(
    config: PretrainedConfig, name_or_path: str | Path, **loading: Any
) -> PretrainedConfig:
    """The configuration of an adapted classifier.

    Label names are those of a config.json next to the adapter, which PEFT does not write. Without
    one, a head that the adapter brings has the labels `LABEL_0`, `LABEL_1`, ...

    Args:
        config: That of the model that the adapter belongs to.
        name_or_path: The adapter.
        **loading: How the adapter is loaded.
    """
    if (Path(name_or_path) / "config.json").is_file():
        return AutoConfig.from_pretrained(str(name_or_path), **loading)
    labels = _labels_of_head(config, _weights_of(name_or_path, **loading))
    if labels is None:
        return config
    if labels == config.num_labels and config.id2label[0] != "LABEL_0":
        logger.warning(
            "The adapter %r brings a head of its own, but no names of labels: those of the model "
            "that it belongs to are taken, %s. If they are others, save a config.json next to it.",
            str(name_or_path),
            list(config.id2label.values()),
        )
    config.num_labels = labels
    config.architectures = [
        AutoModelForSequenceClassification._model_mapping[type(config)].__name__
    ]
    return config


def merge_adapter(
    model: PreTrainedModel, missing: list[str], name_or_path: str | Path, **loading: Any
) -> tuple[PreTrainedModel, list[str]]:
    """Merge an adapter into the model that it belongs to.

    Args:
        model: The model.
        missing: Weights that the model's own checkpoint lacks.
        name_or_path: The adapter.
        **loading: How the adapter is loaded.

    Returns:
        The merged model, and the weights that neither checkpoint has.
    """
    from peft import PeftModel

    brought = {name.removeprefix(_PREFIX) for name in _weights_of(name_or_path, **loading)}
    merged = PeftModel.from_pretrained(model, str(name_or_path), **_of_adapter(loading))
    return merged.merge_and_unload(), sorted(set(missing) - brought)


def _labels_of_head(config: PretrainedConfig, weights: Mapping[str, torch.Tensor]) -> int | None:
    """Number of labels of the head that an adapter brings; None if it brings none."""
    if type(config) not in AutoModelForSequenceClassification._model_mapping:
        return None

    def shapes(labels: int) -> dict[str, torch.Size]:
        settings = {**config.to_dict(), "num_labels": labels}
        for name in ("id2label", "label2id"):
            settings.pop(name, None)
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(type(config)(**settings))
        return {name: weight.shape for name, weight in model.state_dict().items()}

    two, three = shapes(2), shapes(3)
    for name, shape in two.items():
        if shape != three[name] and _PREFIX + name in weights:
            return len(weights[_PREFIX + name])
    return None


def _settings_of(name_or_path: str | Path, **loading: Any) -> PeftConfig:
    if find_spec("peft") is None:
        raise ImportError(
            f"{str(name_or_path)!r} holds a PEFT adapter, which needs the package peft: "
            'pip install "dixtill_hf[peft]".'
        )
    from peft import PeftConfig

    try:
        return PeftConfig.from_pretrained(str(name_or_path), **_of_adapter(loading))
    except Exception as error:  # PEFT raises almost anything for a damaged file
        raise OSError(
            f"The adapter_config.json of {str(name_or_path)!r} cannot be read: "
            f"{type(error).__name__}: {error}. Save the adapter again with save_pretrained(...)."
        ) from error


def _weights_of(name_or_path: str | Path, **loading: Any) -> dict[str, torch.Tensor]:
    from peft import load_peft_weights

    try:
        return load_peft_weights(str(name_or_path), device="cpu", **_of_adapter(loading))
    except Exception as error:  # PEFT looks for a missing file on the Hub
        raise OSError(
            f"The weights of the adapter {str(name_or_path)!r} could not be read: "
            f"{type(error).__name__}: {error}. It needs an adapter_model.safetensors next to its "
            "adapter_config.json."
        ) from error


def _of_adapter(loading: Mapping[str, Any]) -> dict[str, Any]:
    return {name: loading[name] for name in ("revision", "token", "cache_dir") if name in loading}
