# SPDX-License-Identifier: Apache-2.0
"""Fine-tune a pretrained encoder on labelled text so that it can teach."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from dixtill_hf.data.columns import LABEL, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.teacher.fingerprint import hash_json, hash_texts
from dixtill_hf.teacher.length_grouping import length_grouping_arguments
from dixtill_hf.teacher.loading import check_tokenizer, input_limit, load_config

RECORD = "finetuning.json"


@dataclass(frozen=True)
class FinetuningSettings:
    """How an encoder becomes a teacher.

    Attributes:
        epochs: Passes over the training texts; the best one by validation macro F1 is kept.
        learning_rate: Peak of AdamW's linear schedule.
        batch_size: Texts a step.
        warmup_ratio: Share of the steps in which the learning rate rises.
        weight_decay: AdamW's decoupled weight decay.
        max_length: Longest input in tokens; None takes the model's own limit.
        seed: Of the head's initial weights, dropout and the order of the texts.
    """

    epochs: float = 3
    learning_rate: float = 1e-4
    batch_size: int = 32
    warmup_ratio: float = 0.1
    weight_decay: float = 0.01
    max_length: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges before anything is computed."""
        for name in ("epochs", "learning_rate", "batch_size"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"{name} must be above 0, got {value}.")


def finetune_teacher(
    dataset: DatasetDict,
    encoder: str | Path,
    output_dir: str | Path,
    settings: FinetuningSettings | None = None,
) -> Path:
    """Fine-tune an encoder with a plain Trainer run and keep the best epoch.

    A finished run is reused when the data, the encoder's name and the settings are the same; an
    interrupted one goes on from its last epoch.

    Args:
        dataset: Splits `train` and `validation` with columns `text` and `label`.
        encoder: Hub id or directory of a pretrained encoder.
        output_dir: Where the teacher is saved, with its tokenizer and a record of the run.
        settings: Defaults to `FinetuningSettings()`.

    Returns:
        The directory, for `load_teacher`.

    Raises:
        OSError: The encoder cannot be read.
        ValueError: A setting is out of range, or the tokenizer gives no offsets.
    """
    settings = settings or FinetuningSettings()
    output_dir = Path(output_dir)
    fingerprint = _fingerprint(dataset, encoder, settings)
    if _read_record(output_dir).get("fingerprint") == fingerprint:
        return output_dir
    checkpoints = output_dir / "checkpoints" / fingerprint
    trainer = _build_trainer(dataset, encoder, checkpoints, settings)
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    trainer.save_model(str(output_dir))
    record = {
        "fingerprint": fingerprint,
        "settings": asdict(settings),
        "validation": trainer.state.best_metric,
        "epochs": [entry for entry in trainer.state.log_history if "eval_macro_f1" in entry],
    }
    (output_dir / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(output_dir / "checkpoints")
    return output_dir


def _build_trainer(
    dataset: DatasetDict, encoder: str | Path, checkpoints: Path, settings: FinetuningSettings
) -> Trainer:
    names = label_names(dataset["train"])
    load_config(encoder)  # a clear error before anything is computed
    set_seed(settings.seed)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    check_tokenizer(tokenizer, str(encoder))
    model = AutoModelForSequenceClassification.from_pretrained(
        encoder,
        num_labels=len(names),
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
        model.config.pad_token_id = tokenizer.pad_token_id
    max_length = min(
        settings.max_length or input_limit(model, tokenizer), input_limit(model, tokenizer)
    )

    def encode(split: Dataset) -> Dataset:
        return split.select_columns([TEXT, LABEL]).map(
            lambda batch: tokenizer(batch[TEXT], truncation=True, max_length=max_length),
            batched=True,
            remove_columns=[TEXT],
            desc="Tokenizing",
        )

    return Trainer(
        model=model,
        args=_training_arguments(checkpoints, settings, len(dataset["train"])),
        train_dataset=encode(dataset["train"]),
        eval_dataset=encode(dataset["validation"]),
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=_validation_metrics,
    )


def _training_arguments(
    checkpoints: Path, settings: FinetuningSettings, texts: int
) -> TrainingArguments:
    steps = -(-texts // settings.batch_size) * settings.epochs
    return TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=4 * settings.batch_size,
        warmup_steps=int(settings.warmup_ratio * steps),
        weight_decay=settings.weight_decay,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        logging_steps=50,
        seed=settings.seed,
        report_to="none",
        dataloader_pin_memory=torch.cuda.is_available(),
        **length_grouping_arguments(),
    )


def _validation_metrics(prediction: EvalPrediction) -> dict[str, float]:
    predicted = np.argmax(prediction.predictions, axis=-1)
    return {
        "accuracy": float(accuracy_score(prediction.label_ids, predicted)),
        "macro_f1": float(f1_score(prediction.label_ids, predicted, average="macro")),
    }


def _fingerprint(dataset: DatasetDict, encoder: str | Path, settings: FinetuningSettings) -> str:
    train, validation = dataset["train"], dataset["validation"]
    return hash_json(
        {
            "train": hash_texts(train[TEXT]) + hash_json(list(train[LABEL])),
            "validation": hash_texts(validation[TEXT]) + hash_json(list(validation[LABEL])),
            "labels": label_names(train),
            "encoder": _identify(encoder),
            "settings": asdict(settings),
        }
    )


def _identify(encoder: str | Path) -> str:
    """A local encoder by what its files hold, so that moving it changes nothing; else its id."""
    directory = Path(encoder)
    if not directory.is_dir():
        return str(encoder)
    files = sorted(path for path in directory.iterdir() if path.suffix in (".json", ".safetensors"))
    return hash_json([[p.name, hashlib.sha256(p.read_bytes()).hexdigest()] for p in files])


def _read_record(directory: Path) -> dict:
    path = directory / RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
