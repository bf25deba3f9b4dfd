# SPDX-License-Identifier: Apache-2.0
"""Pretrain a student on unlabelled text: it learns to give the vectors of a sentence encoder.

This is the first stage of TinyBERT (Jiao et al., 2020, arXiv:1909.10351, section 3.2), general
distillation, with one vector for each sentence as the aim. A task is then distilled from there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast, Trainer, TrainingArguments, set_seed

from dixtill_hf.artifacts.files import newest_whole_checkpoint, write_json
from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.artifacts.stage_cache import cached_directory, checkpoints_of, is_replaceable
from dixtill_hf.data.packaged import packaged_encoder
from dixtill_hf.distillation.batching import LengthBucketSampler
from dixtill_hf.distillation.presets import student_settings
from dixtill_hf.pretraining.corpus import Corpus, CorpusCollator, WordIds
from dixtill_hf.pretraining.model import DixtillForSentenceVectors
from dixtill_hf.pretraining.model_card import pretrained_card
from dixtill_hf.pretraining.sentence_encoder import (
    POOLINGS,
    PRECISIONS,
    SentenceEncoder,
)
from dixtill_hf.pretraining.vector_store import encode_corpus
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillModel
from dixtill_hf.student.tokenization import train_word_tokenizer
from dixtill_hf.student.word_vectors import load_word_vectors

PACKAGED = "packaged"
RECORD = "pretraining.json"
# Raised when the same settings come to give another student.
_VERSION = 1
_LEAST_TEXTS = 100


@dataclass(frozen=True)
class PretrainingSettings:
    """How a student is pretrained.

    Attributes:
        vocab_size: Most words that it knows, the most frequent of the corpus; those seen once are
            left out. Default 20,000.
        embedding_size: Dimensions of the embedding. None: those of the word vectors, 50 without
            them.
        hidden_size: Units of the bi-LSTM in each direction. Default 100.
        word_vectors: Start of the embedding, a source of `load_word_vectors`. None: the default
            preset's.
        epochs: Passes over the corpus. Default 5.
        learning_rate: Peak of AdamW's cosine schedule. Default 4e-3.
        batch_size: Texts in each step. Default 256.
        word_dropout: Share of the words that are read as unknown, so that the vector of the unknown
            word is learned. Default 0.02.
        max_words: Longer texts are cut to this number of words. Default 64.
        held_out: Texts that are left out of the training and measured after it. Default 2,000, at
            most a tenth of the corpus.
        pooling: How the encoder is pooled, "mean" or "cls". None: as its directory says, else
            "mean".
        precision: Precision of the encoder, "float32" (the default) or "bfloat16".
        seed: Seed of the first weights and the order of the texts. Default 0.
    """

    vocab_size: int = field(
        default=20_000,
        metadata={"help": "Most words that the student knows, the most frequent of the corpus."},
    )
    embedding_size: int | None = field(
        default=None,
        metadata={
            "help": "Embedding dimensions. Default: those of the word vectors, 50 without them."
        },
    )
    hidden_size: int = field(
        default=100, metadata={"help": "Units of the bi-LSTM in each direction."}
    )
    word_vectors: str | None = field(
        default=None,
        metadata={
            "help": "Start of the embedding: 'glove-packaged', a file, or 'none' (random). "
            "Default: the preset's."
        },
    )
    epochs: float = field(default=5.0, metadata={"help": "Passes over the corpus."})
    learning_rate: float = field(
        default=4e-3, metadata={"help": "Highest learning rate of the schedule."}
    )
    batch_size: int = field(default=256, metadata={"help": "Texts in each step."})
    word_dropout: float = field(
        default=0.02,
        metadata={
            "help": "Share of the words that are read as unknown, so that the vector of the "
            "unknown word is learned."
        },
    )
    max_words: int = field(
        default=64, metadata={"help": "Longer texts are cut to this number of words."}
    )
    held_out: int = field(
        default=2_000,
        metadata={
            "help": "Texts that are left out of the training and measured after it, at most a "
            "tenth of the corpus."
        },
    )
    pooling: str | None = field(
        default=None,
        metadata={
            "help": "How the encoder is pooled. Default: as its directory says, else mean.",
            "choices": list(POOLINGS),
        },
    )
    precision: str = field(
        default="float32",
        metadata={
            "help": "Precision of the encoder; bfloat16 is twice as fast on processors that have "
            "it.",
            "choices": list(PRECISIONS),
        },
    )
    seed: int = field(
        default=0, metadata={"help": "Seed of the first weights and the order of the texts."}
    )

    def __post_init__(self) -> None:
        """Check the ranges, before any hour is spent."""
        for name in ("vocab_size", "hidden_size", "epochs", "learning_rate", "batch_size"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}.")
        for name in ("max_words", "held_out"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")


def pretrain_student(
    texts: Sequence[str],
    encoder: str | Path,
    output_dir: str | Path,
    settings: PretrainingSettings | None = None,
    *,
    cache_dir: str | Path | None = None,
) -> Path:
    """Pretrain a student to reproduce the vectors that an encoder gives to unlabelled texts.

    Embedding, bi-LSTM and attention are trained; `distill(..., student_start=output_dir)` starts
    from them. The encoder's vectors are computed once and kept. A finished student is reused if
    texts, encoder and settings are the same. An interrupted call goes on where it stopped.

    Args:
        texts: General texts of the language, a sentence or a few each; hundreds of thousands.
        encoder: Hub id or directory of a sentence encoder, or "packaged" for the packaged MiniLM.
        output_dir: Directory of the student, with its tokenizer, a card and a record of the run.
        settings: Default `PretrainingSettings()`.
        cache_dir: Directory of the encoder's vectors. Default: next to `output_dir`, with
            ".vectors" behind its name.

    Returns:
        The directory.

    Raises:
        ValueError: There are fewer than 100 texts, a setting is out of its range, or the directory
            holds files of something else.
        TypeError: `texts` is one string, or one of the texts is no string.
        OSError: The encoder cannot be read.
        ImportError: The encoder is "packaged", and it is not installed.
    """
    settings = settings or PretrainingSettings()
    directory = Path(output_dir).resolve()
    _check(texts, directory)
    tokenizer = train_word_tokenizer(texts, min_frequency=2, max_size=settings.vocab_size)
    tokenizer.model_max_length = settings.max_words
    reader = SentenceEncoder(
        packaged_encoder() if encoder == PACKAGED else encoder,
        pooling=settings.pooling,
        precision=settings.precision,
    )
    fingerprint = hash_json([_VERSION, hash_texts(texts), reader.fingerprint, asdict(settings)])

    def make(path: Path) -> dict[str, Any]:
        shards = cache_dir or directory.with_name(f"{directory.name}.vectors")
        vectors = encode_corpus(texts, reader, shards)
        words = WordIds(texts, tokenizer, settings.max_words)
        train, held_out = _split(words, settings)
        model = _new_student(tokenizer, vectors.size, settings)
        collator = CorpusCollator(words, vectors, tokenizer.pad_token_id)
        checkpoints = checkpoints_of(directory, fingerprint)
        trainer = PretrainingTrainer(model, _arguments(checkpoints, settings), collator, train)
        start = time.perf_counter()
        trainer.train(newest_whole_checkpoint(checkpoints))
        record = {
            "encoder": str(encoder),
            "texts": len(train),
            "words": int(train.lengths.sum()),
            "unknown_words": round(words.share_of(tokenizer.unk_token_id), 4),
            "held_out_texts": len(held_out),
            "held_out_cosine": round(mean_cosine(trainer.model, held_out, collator), 4),
            "train_seconds": round(time.perf_counter() - start, 1),
            "settings": asdict(settings),
        }
        _save(trainer.model, tokenizer, path, record)
        return record

    cached_directory(directory, fingerprint, make)
    return Path(output_dir)


class PretrainingTrainer(Trainer):
    """A `Trainer` whose batches hold texts of similar length."""

    def __init__(
        self,
        model: DixtillForSentenceVectors,
        args: TrainingArguments,
        data_collator: CorpusCollator,
        train_dataset: Corpus,
    ) -> None:
        super().__init__(model, args, data_collator, train_dataset)
        self._sampler = LengthBucketSampler(
            train_dataset.lengths, args.per_device_train_batch_size, args.seed
        )

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthBucketSampler:
        return self._sampler


def mean_cosine(
    model: DixtillForSentenceVectors, texts: Corpus, collator: CorpusCollator, batch_size: int = 256
) -> float:
    """The mean cosine of a student's vectors to those of the encoder.

    Args:
        model: The student, which is in eval mode afterwards.
        texts: The texts that are measured.
        collator: Makes their batches.
        batch_size: Texts that go through the student at once. Default 256.
    """
    model.eval()
    order = np.argsort(texts.lengths, kind="stable")
    total = 0.0
    for start in range(0, len(order), batch_size):
        batch = collator([texts[row] for row in order[start : start + batch_size]])
        batch = {name: value.to(model.device) for name, value in batch.items()}
        with torch.inference_mode():
            total += float((model(**batch)["vectors"] * batch["vectors"]).sum())
    return total / len(texts)


def _check(texts: Sequence[str], directory: Path) -> None:
    if isinstance(texts, str):
        raise TypeError("texts must be many texts, got one string: give a list of them.")
    if len(texts) < _LEAST_TEXTS:
        raise ValueError(
            f"A student is pretrained on at least {_LEAST_TEXTS} texts, got {len(texts)}. Some "
            "100,000 are needed for a student that is better than one without."
        )
    if not is_replaceable(directory):
        raise ValueError(
            f"output_dir is {str(directory)!r}, which holds files that are not those of a student "
            "pretrained here: name a new directory, so that nothing of yours is written over."
        )


def _split(words: WordIds, settings: PretrainingSettings) -> tuple[Corpus, Corpus]:
    """The texts to train on, and those held out; texts without a word are left out."""
    order = np.random.default_rng(settings.seed).permutation(np.flatnonzero(words.lengths))
    held_out = min(settings.held_out, len(order) // 10)
    return Corpus(words, np.sort(order[held_out:])), Corpus(words, np.sort(order[:held_out]))


def _new_student(
    tokenizer: PreTrainedTokenizerFast, vector_size: int, settings: PretrainingSettings
) -> DixtillForSentenceVectors:
    """A student whose embedding starts from word vectors."""
    chosen = student_settings("default", word_vectors=settings.word_vectors)
    words = tokenizer.get_vocab()
    vectors = load_word_vectors(chosen.word_vectors, words, settings.embedding_size)
    set_seed(settings.seed)
    model = DixtillForSentenceVectors(
        DixtillConfig(
            vocab_size=len(tokenizer),
            embedding_size=vectors.size,
            hidden_size=settings.hidden_size,
            embedding_dropout=0.0,
            hidden_dropout=0.0,
            word_dropout=settings.word_dropout,
            pad_token_id=tokenizer.pad_token_id,
            unk_token_id=tokenizer.unk_token_id,
        ),
        vector_size,
    )
    with torch.no_grad():
        model.embedding.weight.copy_(vectors.embedding_matrix(words, settings.seed))
    return model


def _arguments(checkpoints: Path, settings: PretrainingSettings) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=50,
        per_device_train_batch_size=settings.batch_size,
        weight_decay=0.01,
        optim="adamw_torch_fused",
        max_grad_norm=1.0,
        save_strategy="epoch",
        save_total_limit=1,
        logging_steps=100,
        remove_unused_columns=False,
        report_to="none",
        seed=settings.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _save(
    model: DixtillForSentenceVectors,
    tokenizer: PreTrainedTokenizerFast,
    directory: Path,
    record: dict[str, Any],
) -> None:
    """Save the student's layers, without the projection."""
    student = DixtillModel(model.config)
    weights = {
        name: value
        for name, value in model.state_dict().items()
        if not name.startswith("projection.")
    }
    student.load_state_dict(weights)
    student.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    write_json(directory / RECORD, record)
    (directory / "README.md").write_text(pretrained_card(record), encoding="utf-8")
