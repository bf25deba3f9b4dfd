# SPDX-License-Identifier: Apache-2.0
"""The Trainer run that fine-tunes an encoder: its settings, model, texts and validation metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from datasets import Dataset, DatasetDict
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    set_seed,
)

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.label_column import label_array, problem_type_of
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.problem_types import PROBLEM_TYPES, SINGLE_LABEL
from dixtill_hf.data.text_pairs import text_columns
from dixtill_hf.teacher.adapters import is_adapter
from dixtill_hf.teacher.checkpoints import (
    check_architecture,
    check_vocabulary,
    complete_padding,
    input_limit,
    list_few,
    load_config,
    load_tokenizer,
    load_weights,
)
from dixtill_hf.teacher.finetuning_metrics import JUDGEMENTS


def length_grouping_arguments() -> dict[str, bool | str]:
    """The `TrainingArguments` that group texts of similar length into batches.

    Less padding is less work: about a third for tweets.
    """
    # The first form goes when the oldest supported line is transformers 5.
    if "group_by_length" in {f.name for f in fields(TrainingArguments)}:
        return {"group_by_length": True}
    return {"train_sampling_strategy": "group_by_length"}


# Fine-tuning on few texts fails for want of steps (Mosbach et al. 2021, arXiv:2006.04884, who take
# 20 epochs there), and the more labels there are, the fewer texts each of them has; many texts need
# no more than 4 epochs.
_EPOCHS, _MOST_EPOCHS, _FEWEST_STEPS, _STEPS_A_LABEL = 4, 20, 300, 10
# What suited a MiniLM of 22 million parameters, and what Devlin et al. (2019) give for BERT-base
# and larger, which collapse at higher rates.
_RATE_OF_SMALL, _RATE_OF_LARGE, _SMALL = 1e-4, 2e-5, 50_000_000


@dataclass(frozen=True)
class FinetuningSettings:
    """How an encoder becomes a teacher.

    Attributes:
        epochs: Passes over the training texts; the best one by validation macro F1 is kept. None:
            4, and for few texts as many as make 300 steps and 10 more for each label, 20 at most.
        learning_rate: Peak of AdamW's linear schedule. None: 1e-4 for an encoder of up to 50
            million parameters, 2e-5 for a larger one.
        batch_size: Texts a step, of all devices together.
        warmup_ratio: Share of the steps in which the learning rate rises.
        weight_decay: AdamW's decoupled weight decay.
        max_length: Longest input in tokens; None takes the model's own limit.
        seed: Seed of the head's initial weights, dropout and the order of the texts.
    """

    epochs: float | None = None
    learning_rate: float | None = None
    batch_size: int = 32
    warmup_ratio: float = 0.1
    weight_decay: float = 0.01
    max_length: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges before anything is computed; 3 epochs and 3.0 are the same."""
        for name in ("epochs", "learning_rate", "warmup_ratio", "weight_decay"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))
        for name in ("epochs", "learning_rate", "batch_size"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, got {value}.")

    def for_task(self, texts: int, labels: int, parameters: int) -> FinetuningSettings:
        """These settings with what was left open filled in.

        Args:
            texts: Number of texts to learn from.
            labels: Number of labels.
            parameters: Number of the encoder's parameters.
        """
        steps_an_epoch = -(-texts // self.batch_size)
        fewest_steps = _FEWEST_STEPS + _STEPS_A_LABEL * labels
        epochs = min(max(_EPOCHS, -(-fewest_steps // steps_an_epoch)), _MOST_EPOCHS)
        rate = _RATE_OF_SMALL if parameters <= _SMALL else _RATE_OF_LARGE
        return replace(
            self,
            epochs=epochs if self.epochs is None else self.epochs,
            learning_rate=rate if self.learning_rate is None else self.learning_rate,
        )


def build_trainer(
    dataset: DatasetDict, encoder: str | Path, checkpoints: Path, settings: FinetuningSettings
) -> Trainer:
    """A plain Trainer that turns the encoder into a classifier of the dataset's labels.

    Raises:
        OSError: The encoder cannot be read.
        ValueError: It is an encoder-decoder, weights of it are missing, or its tokenizer gives no
            offsets or belongs to another model.
    """
    names = label_names(dataset["train"])
    problem = problem_type_of(dataset["train"]) or PROBLEM_TYPES[SINGLE_LABEL]
    if is_adapter(encoder):
        raise ValueError(
            f"{str(encoder)!r} holds a PEFT adapter: it can be a teacher, but is not fine-tuned "
            "here. Name the model that it belongs to, or merge it first: "
            "PeftModel.merge_and_unload().save_pretrained(...)."
        )
    config = load_config(encoder)
    check_architecture(config, str(encoder))
    if config.is_encoder_decoder:
        raise ValueError(
            f"{str(encoder)!r} ({config.model_type}) is an encoder-decoder: it can be a teacher "
            "once it is a classifier, but is not fine-tuned here. Name an encoder (BERT, RoBERTa, "
            "DeBERTa, ...) or a decoder (GPT-2, Llama, ...)."
        )
    set_seed(settings.seed)
    tokenizer = load_tokenizer(encoder)
    model, missing = load_weights(
        AutoModelForSequenceClassification,
        encoder,
        dtype=torch.float32,  # some are stored in half precision, which AdamW's steps vanish in
        ignore_mismatched_sizes=True,  # a head for other labels is drawn anew
        num_labels=len(names),
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
        problem_type=problem.name,
    )
    _check_pretrained(model, missing, str(encoder))
    check_vocabulary(model, tokenizer, str(encoder))
    complete_padding(model, tokenizer)
    max_length = min(
        settings.max_length or input_limit(model, tokenizer), input_limit(model, tokenizer)
    )

    def encode(split: Dataset) -> Dataset:
        texts = text_columns(split.column_names)  # named as the tokenizer's arguments are
        tokenized = split.select_columns(texts).map(
            lambda batch: tokenizer(
                **{name: batch[name] for name in texts}, truncation=True, max_length=max_length
            ),
            batched=True,
            remove_columns=texts,
            desc="Tokenizing",
        )
        labels = label_array(split, problem, len(names))
        return tokenized.add_column(LABEL, list(labels))

    texts = len(dataset["train"])
    filled = settings.for_task(texts, len(names), model.num_parameters())
    return Trainer(
        model=model,
        args=_training_arguments(checkpoints, filled, texts, JUDGEMENTS[problem.name].metric),
        train_dataset=encode(dataset["train"]),
        eval_dataset=encode(dataset["validation"]),
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda found: JUDGEMENTS[problem.name].compute(
            found.predictions, found.label_ids
        ),
    )


def _check_pretrained(model: PreTrainedModel, missing: Sequence[str], name: str) -> None:
    """Refuse an encoder that would be random; a pooler, which some lack, is drawn with the head."""
    prefix = f"{model.base_model_prefix}."
    lost = [key for key in missing if key.startswith(prefix) and "pooler" not in key]
    if lost:
        raise ValueError(
            f"{name!r} does not hold all weights of a {type(model).__name__}: {list_few(lost)} are "
            "missing, and would be random. Name a pretrained encoder of that architecture."
        )


def _training_arguments(
    checkpoints: Path, settings: FinetuningSettings, texts: int, metric: str
) -> TrainingArguments:
    args = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        per_device_eval_batch_size=4 * settings.batch_size,
        weight_decay=settings.weight_decay,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=metric,
        logging_steps=50,
        seed=settings.seed,
        report_to="none",
        dataloader_pin_memory=torch.cuda.is_available(),
        **length_grouping_arguments(),
    )
    devices = args.world_size * max(1, args.n_gpu)
    args.per_device_train_batch_size = max(1, settings.batch_size // devices)
    steps = -(-texts // (args.per_device_train_batch_size * devices)) * settings.epochs
    args.warmup_steps = int(settings.warmup_ratio * steps)
    return args
