# SPDX-License-Identifier: Apache-2.0
"""What a new student starts from: the layers and the words of a pretrained one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from dixtill_hf.artifacts.hashing import hash_file, hash_json
from dixtill_hf.data.packaged import packaged_student
from dixtill_hf.student.base_dixtill import DixtillPreTrainedModel
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillModel
from dixtill_hf.student.tokenization import SPECIAL_TOKENS
from dixtill_hf.student.word_vectors import WordVectors

PACKAGED_START = "packaged"


@dataclass(frozen=True)
class StudentStart:
    """A pretrained student.

    Attributes:
        model: Its layers, without a classifier.
        tokenizer: Its tokenizer.
    """

    model: DixtillModel
    tokenizer: PreTrainedTokenizerFast

    @property
    def words(self) -> list[str]:
        """The words that it knows, in the order of their ids, without special tokens."""
        vocabulary = self.tokenizer.get_vocab()
        return [
            w for w in sorted(vocabulary, key=vocabulary.__getitem__) if w not in SPECIAL_TOKENS
        ]

    @property
    def shape(self) -> dict[str, int | str]:
        """The fields of `DixtillConfig` that a student which starts from it must have."""
        names = ("hidden_size", "num_layers", "attention_size", "cell")
        return {name: getattr(self.model.config, name) for name in names}

    def vectors_of(self, words: list[str]) -> WordVectors:
        """Its vectors of the given words, of those that it knows."""
        ids = self.tokenizer.get_vocab()
        known = [word for word in words if word in ids and word not in SPECIAL_TOKENS]
        matrix = self.model.embedding.weight.detach()[[ids[word] for word in known]]
        rows = {word: row for row, word in enumerate(known)}
        return WordVectors(rows, matrix.numpy(), len(words))

    @torch.no_grad()
    def copy_layers(self, student: DixtillPreTrainedModel) -> None:
        """Give a student of the same shape its layers and its vector of the unknown word."""
        student.encoder.load_state_dict(self.model.encoder.state_dict())
        student.attention.load_state_dict(self.model.attention.state_dict())
        unknown = self.model.embedding.weight[self.model.config.unk_token_id]
        student.embedding.weight[student.config.unk_token_id] = unknown
        student.is_pretrained = True


def load_student_start(source: str | Path) -> StudentStart:
    """Load what a student starts from.

    Args:
        source: A directory or Hub id of a student, one of `pretrain_student` or any other; or
            "packaged" for the English one of the package `dixtill-student-en`.

    Raises:
        ImportError: The source is "packaged", and it is not installed.
        OSError: There is no such student.
        ValueError: It is not a student of this library.
    """
    path = packaged_student() if source == PACKAGED_START else source
    config = AutoConfig.from_pretrained(path)
    if not isinstance(config, DixtillConfig):
        raise ValueError(
            f"student_start is {str(source)!r}, a {config.model_type}: name a directory that "
            f"dixtill-hf pretrain has written, another student, or {PACKAGED_START!r}."
        )
    model = DixtillModel.from_pretrained(path, dtype=torch.float32)
    return StudentStart(model.eval(), AutoTokenizer.from_pretrained(path))


def identify_student_start(source: str | None) -> str | None:
    """What a source is: a directory by its weights and words; a Hub id by its name."""
    path = packaged_student() if source == PACKAGED_START else source
    if path is None or not Path(path).is_dir():
        return source
    return hash_json(
        [hash_file(Path(path) / name) for name in ("model.safetensors", "tokenizer.json")]
    )
