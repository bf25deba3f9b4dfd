# SPDX-License-Identifier: Apache-2.0
"""Sentence vectors of a pretrained encoder: what a student is pretrained to reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, DataCollatorWithPadding

from dixtill_hf.artifacts.files import read_json
from dixtill_hf.artifacts.hashing import hash_file, hash_json
from dixtill_hf.data.names import check_name

POOLINGS = ("mean", "cls")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Where sentence-transformers keeps how the vectors of the tokens become that of the sentence.
_POOLING_FILE = Path("1_Pooling") / "config.json"
_POOLING_MODES = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
_TEXTS_AT_ONCE = 64


class SentenceEncoder:
    """A frozen transformer that gives each text one vector of length 1.

    Attributes:
        model: The transformer, in eval mode.
        tokenizer: Its tokenizer.
        pooling: "mean" of the tokens' last states, or that of the first token, "cls".
        max_length: Longer texts are cut to this number of tokens.
        fingerprint: Hash of all that the vectors depend on, besides the text.
    """

    def __init__(
        self,
        encoder: str | Path,
        *,
        pooling: str | None = None,
        precision: str = "float32",
        max_length: int = 128,
        device: str | torch.device | None = None,
    ) -> None:
        """Load an encoder.

        Args:
            encoder: Hub id or directory of a transformer; one of sentence-transformers says itself
                how it is pooled.
            pooling: "mean" or "cls". Default: what the encoder says, else "mean".
            precision: "float32" (the default), or "bfloat16": about twice as fast on processors
                that have it, with a cosine of 0.9999 and more to the vectors in float32.
            max_length: Longer texts are cut to this number of tokens. Default 128.
            device: Where it runs. Default: the GPU if there is one.

        Raises:
            OSError: The encoder cannot be read.
            ValueError: The pooling or the precision is unknown, or the encoder is pooled in
                another way.
        """
        check_name("precision", precision, PRECISIONS)
        self.pooling = _stored_pooling(encoder) if pooling is None else pooling
        check_name("pooling", self.pooling, POOLINGS)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.tokenizer = AutoTokenizer.from_pretrained(encoder)
        self.model = AutoModel.from_pretrained(encoder, dtype=PRECISIONS[precision])
        self.model.eval().requires_grad_(False).to(self.device)
        self.max_length = max_length
        self.fingerprint = hash_json(
            [_identify(encoder, self.model), self.pooling, precision, max_length]
        )

    @property
    def size(self) -> int:
        """Dimensions of a vector."""
        return int(self.model.config.hidden_size)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """The vectors of texts, (texts, size), each of length 1.

        Texts of similar length go through the encoder together, which saves padding.

        Args:
            texts: The texts, in any order.
        """
        tokens = self.tokenizer(list(texts), truncation=True, max_length=self.max_length)
        order = np.argsort([len(ids) for ids in tokens["input_ids"]], kind="stable")
        collate = DataCollatorWithPadding(self.tokenizer)
        vectors = np.zeros((len(texts), self.size), np.float16)
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            rows = order[start : start + _TEXTS_AT_ONCE]
            fields = [{name: values[row] for name, values in tokens.items()} for row in rows]
            batch = collate(fields).to(self.device)
            with torch.inference_mode():
                states = self.model(**batch).last_hidden_state.float()
                pooled = self._pooled(states, batch["attention_mask"])
                vectors[rows] = nn.functional.normalize(pooled, dim=-1).half().cpu().numpy()
        return vectors

    def _pooled(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.pooling == "cls":
            return states[:, 0]
        real = mask.unsqueeze(-1).to(states.dtype)
        return (states * real).sum(1) / real.sum(1).clamp(min=1)


def _stored_pooling(encoder: str | Path) -> str:
    """How an encoder in a directory of sentence-transformers is pooled; "mean" of another one."""
    stored = read_json(Path(encoder) / _POOLING_FILE)
    if stored is None:
        return "mean"
    modes = [name for name, value in stored.items() if name.startswith("pooling_mode_") and value]
    if len(modes) != 1 or modes[0] not in _POOLING_MODES:
        raise ValueError(
            f"The encoder {str(encoder)!r} is pooled by {', '.join(modes) or 'nothing'}, and only "
            f"{', '.join(_POOLING_MODES)} are supported: name another encoder, or give pooling."
        )
    return _POOLING_MODES[modes[0]]


def _identify(encoder: str | Path, model: nn.Module) -> str:
    """A local encoder by its files, so that moving it changes nothing; one of the Hub by commit."""
    directory = Path(encoder)
    if directory.is_dir():
        files = sorted(directory.glob("*.safetensors")) + sorted(directory.glob("*.json"))
        return hash_json([[path.name, hash_file(path)] for path in files])
    commit = getattr(AutoConfig.from_pretrained(encoder), "_commit_hash", None)
    return hash_json([str(encoder), commit])
