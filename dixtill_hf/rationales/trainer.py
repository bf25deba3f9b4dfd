# SPDX-License-Identifier: Apache-2.0
"""Train a sequence-to-sequence student on labels, rationales, and rationales for wrong labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

from dixtill_hf.data.columns import TEXT
from dixtill_hf.data.names import check_name
from dixtill_hf.rationales.batches import RationaleCollator, Wording, examples_of
from dixtill_hf.rationales.columns import (
    COUNTERFACTUAL_RATIONALES,
    TEACHER_RATIONALE,
    answers_of,
    check_columns,
    choices_of,
)

MODES = ("label", "multitask", "counterfactual", "both")


@dataclass
class RationaleArguments(Seq2SeqTrainingArguments):
    """Arguments of `RationaleTrainer`, in addition to those of transformers.

    Attributes:
        mode: "label": only the answer. "multitask": α·L_predict + (1 − α)·L_explain, two tasks
            told apart by their prefix (distilling step-by-step, Hsieh et al. 2023).
            "counterfactual": β·L_factual + (1 − β)·L_counterfactual, where the rationale is given
            to the decoder and the loss counts the answer's tokens (SCOTT, Wang et al. 2023).
            "both": γ·L_multitask + (1 − γ)·(β·L_factual + (1 − β)·L_counterfactual) (Hendriks et
            al. 2025).
        alpha: Weight of the answer against the rationale, 0 to 1. Default 0.5.
        beta: Weight of right rationales against wrong ones, 0 to 1. Default 0.5.
        gamma: Weight of the two tasks against the other terms, 0 to 1. Default 0.5.
        predict_prefix: What is written before a text whose label is wanted.
        explain_prefix: What is written before a text whose rationale is wanted.
        answer_mark: What is written between a rationale and its answer.
        max_source_length: Most tokens of a text with its prefix.
        max_target_length: Most tokens of a rationale with its answer.
    """

    mode: str = field(default="multitask", metadata={"help": f"One of {', '.join(MODES)}."})
    alpha: float = field(default=0.5, metadata={"help": "Weight of the answer in multitask."})
    beta: float = field(default=0.5, metadata={"help": "Weight of right rationales."})
    gamma: float = field(default=0.5, metadata={"help": "Weight of multitask in both."})
    predict_prefix: str = field(default="predict: ", metadata={"help": "Before a text to label."})
    explain_prefix: str = field(default="explain: ", metadata={"help": "Before one to explain."})
    answer_mark: str = field(
        default=" So the answer is: ", metadata={"help": "Between a rationale and its answer."}
    )
    max_source_length: int = field(default=512, metadata={"help": "Most tokens of a text."})
    max_target_length: int = field(default=256, metadata={"help": "Most tokens of a target."})

    def __post_init__(self) -> None:
        """Check the settings of this class.

        Raises:
            ValueError: The mode is unknown, or a weight or a length is out of its range.
        """
        super().__post_init__()
        check_name("mode", self.mode, MODES)
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {value}.")
        for name in ("max_source_length", "max_target_length"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be at least 2, got {getattr(self, name)}.")
        self.remove_unused_columns = False  # the collator reads columns that no model knows

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every loss that the mode has; those of weight 0 are left out."""
        multitask = {"predict": self.alpha, "explain": 1 - self.alpha}
        forced = {"factual": self.beta, "counterfactual": 1 - self.beta}
        by_mode = {
            "label": {"predict": 1.0},
            "multitask": multitask,
            "counterfactual": forced,
            "both": {
                **{name: self.gamma * weight for name, weight in multitask.items()},
                **{name: (1 - self.gamma) * weight for name, weight in forced.items()},
            },
        }
        return {name: weight for name, weight in by_mode[self.mode].items() if weight > 0}

    @property
    def wording(self) -> Wording:
        """What is written around texts, rationales and answers."""
        return Wording(self.predict_prefix, self.explain_prefix, self.answer_mark)


class RationaleTrainer(Seq2SeqTrainer):
    """A trainer of any sequence-to-sequence model on answers and rationales.

    Each loss is the mean cross-entropy of the tokens that it counts, over a batch. The sum is
    weighted as `RationaleArguments.mode` says; the losses are logged one by one. Evaluation counts
    the answer only.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: RationaleArguments,
        train_dataset: Dataset | None = None,
        eval_dataset: Dataset | None = None,
        processing_class: PreTrainedTokenizerBase | None = None,
        **trainer: Any,
    ) -> None:
        """Prepare the data; see `generate_rationales` for their columns.

        Args:
            model: Any `AutoModelForSeq2SeqLM`.
            args: The arguments.
            train_dataset: With text, answer and the rationales that the mode needs.
            eval_dataset: With text and answer.
            processing_class: The model's tokenizer; it must have an end of sequence.
            **trainer: Further arguments of `Seq2SeqTrainer`.

        Raises:
            ValueError: A column is missing, or the model or its tokenizer is of another kind.
        """
        if not model.config.is_encoder_decoder:
            raise ValueError(
                f"A {type(model).__name__} is no sequence-to-sequence model: load one with "
                "AutoModelForSeq2SeqLM."
            )
        if processing_class is None or processing_class.eos_token_id is None:
            raise ValueError(
                "The model's tokenizer with an end of sequence is needed: processing_class=..."
            )
        start = model.config.decoder_start_token_id
        if start is None:
            raise ValueError(
                f"The configuration of {model.name_or_path!r} has no decoder_start_token_id: set "
                "it to the token that its targets begin with."
            )

        def collator(parts: Sequence[str]) -> RationaleCollator:
            limits = args.max_source_length, args.max_target_length
            return RationaleCollator(processing_class, parts, args.wording, start, *limits)

        self._learned = _Collated(collator(list(args.weights)))
        self._evaluated = _Collated(collator(["predict"]))
        self._terms: dict[str, list[torch.Tensor]] = {}
        super().__init__(
            model=model,
            args=args,
            train_dataset=prepare_rationales(train_dataset, list(args.weights))
            if train_dataset is not None
            else None,
            eval_dataset=prepare_rationales(eval_dataset, ["predict"])
            if eval_dataset is not None
            else None,
            processing_class=processing_class,
            data_collator=self._learned,
            **trainer,
        )
        # The losses are means already: the Trainer must not divide by tokens of several batches.
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The weighted sum of the losses of a batch."""
        if "input_ids" in inputs:  # of an evaluation
            return super().compute_loss(model, inputs, return_outputs)
        total, outputs = None, None
        for name, weight in self.args.weights.items():
            if name not in inputs:
                continue
            outputs = model(**inputs[name])
            loss = outputs.loss
            self._terms.setdefault(name, []).append(loss.detach())
            total = weight * loss if total is None else total + weight * loss
        if total is None:
            raise ValueError(
                f"A batch has none of the targets that mode={self.args.mode!r} learns from: every "
                "batch needs a text with a rationale. Leave out the rows without one."
            )
        return (total, outputs) if return_outputs else total

    def prediction_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
        **generation: Any,
    ) -> Any:
        """Evaluate the answers."""
        return super().prediction_step(
            model, inputs["predict"], prediction_loss_only, ignore_keys, **generation
        )

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log the losses one by one too."""
        if "loss" in logs:
            for name, values in self._terms.items():
                logs[f"loss_{name}"] = float(torch.stack(values).mean())
            self._terms.clear()
        super().log(logs, *args, **kwargs)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Batches of the answers only."""
        self.data_collator = self._evaluated
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = self._learned


class _Collated:
    """A collator of prepared rows; a class, so that worker processes can be given it."""

    def __init__(self, collator: RationaleCollator) -> None:
        self._collator = collator

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, torch.Tensor]]:
        return self._collator(examples_of(rows))


def prepare_rationales(dataset: Dataset, parts: Sequence[str]) -> Dataset:
    """The columns that the losses need, under names of their own.

    Args:
        dataset: With the columns of `generate_rationales`.
        parts: The losses.

    Raises:
        ValueError: A column is missing.
    """
    needed = [TEXT]
    if {"explain", "factual"} & {*parts}:
        needed.append(TEACHER_RATIONALE)
    if "counterfactual" in parts:
        needed.append(COUNTERFACTUAL_RATIONALES)
    check_columns(dataset, needed)
    answers, choices = answers_of(dataset), choices_of(dataset)
    rows = []
    for number, row in enumerate(dataset):
        wrong = []
        if "counterfactual" in parts:
            given = zip(choices[number], row[COUNTERFACTUAL_RATIONALES], strict=True)
            wrong = [(name, why) for name, why in given if why and name != answers[number]]
        rows.append(
            {
                "text": row[TEXT],
                "answer": answers[number],
                "rationale": row.get(TEACHER_RATIONALE) or "",
                "wrong_answers": [name for name, _ in wrong],
                "wrong_rationales": [why for _, why in wrong],
            }
        )
    return Dataset.from_list(rows)
