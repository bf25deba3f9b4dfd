# SPDX-License-Identifier: Apache-2.0
"""Content hashes: what an annotation depends on, and nothing else."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import align_module_device

from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.teacher.function import FunctionTeacher
from dixtill_hf.teacher.loading import Teacher

# Keys of a configuration that record its origin; the model's function does not depend on them.
_ORIGIN_KEYS = {"_name_or_path", "transformers_version", "dtype", "torch_dtype", "_commit_hash"}
# Package in which transformers puts the code that comes with a checkpoint.
_REMOTE_CODE = "transformers_modules."


def hash_teacher(teacher: Teacher) -> str:
    """Hash of all that a teacher's answers depend on.

    Its weights and their precision, architecture, tokenizer, limit and label order.
    """
    if isinstance(teacher, FunctionTeacher):
        return teacher.fingerprint
    config = teacher.model.config.to_dict()
    described = {
        "class": type(teacher.model).__name__,
        "config": {k: v for k, v in config.items() if k not in _ORIGIN_KEYS},
        "weights": _hash_weights(teacher.model),
        "tokenizer": _describe_tokenizer(teacher),
        "padding": teacher.tokenizer.pad_token_id,
        "max_length": teacher.max_length,
        "label_order": list(teacher.label_order),
        **_unusual_settings(teacher),
    }
    return hash_json(json.loads(json.dumps(described, default=str)))


def _unusual_settings(teacher: Teacher) -> dict[str, Any]:
    """Settings of the tokenizer, and code of the model, that the other parts do not show.

    What is as usual is left out: the first releases did not describe it, and what they annotated
    is still right.
    """
    found: dict[str, Any] = {}
    if teacher.tokenizer.truncation_side != "right":
        found["truncation_side"] = teacher.tokenizer.truncation_side
    if getattr(teacher.tokenizer, "split_special_tokens", False):
        found["split_special_tokens"] = True
    cls = type(teacher.model)
    if cls.__module__.startswith(_REMOTE_CODE):
        found["code"] = hash_texts([Path(inspect.getfile(cls)).read_text(encoding="utf-8")])
    return found


def _describe_tokenizer(teacher: Teacher) -> dict:
    described = json.loads(teacher.tokenizer.backend_tokenizer.to_str())
    # Left behind by the last call; every call sets both anew.
    return {key: part for key, part in described.items() if key not in ("truncation", "padding")}


def _hash_weights(model: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        with _in_memory(model, name, value) as present:
            for part in _flat(present):
                digest.update(part)
    return digest.hexdigest()


@contextmanager
def _in_memory(model: torch.nn.Module, name: str, value: Any) -> Iterator[Any]:
    """A weight, fetched for as long as it is needed if it is offloaded."""
    if not (isinstance(value, torch.Tensor) and value.is_meta):
        yield value
        return
    path, _, own_name = name.rpartition(".")
    module = model.get_submodule(path)
    with align_module_device(module, "cpu"):
        yield getattr(module, own_name)


def _flat(value: Any) -> Iterator[bytes | memoryview]:
    """A weight in bytes; quantised models pack theirs, with scales, into tuples."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from _flat(part)
    elif not isinstance(value, torch.Tensor):
        yield repr(value).encode()
    elif value.is_quantized:
        yield from _flat((value.dequantize(), value.int_repr()))
    else:
        yield f" {value.dtype} {tuple(value.shape)}".encode()
        # Viewed as bytes, since NumPy knows no bfloat16.
        flat = value.detach().cpu().contiguous().reshape(-1)
        yield flat.view(torch.uint8).numpy().data
