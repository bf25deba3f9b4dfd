# SPDX-License-Identifier: Apache-2.0
"""Trainers with other losses or schedules than the library's.

Most change the loss of a text, `(1 − α)·CE + α·(KD + xai_weight·XAI)`, in one of its parts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast

from dixtill_hf import DistillationArguments, DistillationTrainer
from dixtill_hf.data import columns
from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.distillation.batching import DistillationCollator
from dixtill_hf.distillation.dataset import prepare_dataset
from dixtill_hf.distillation.losses.base import KdLoss, get_kd_loss
from dixtill_hf.distillation.losses.cosine_explanation import cosine_explanation_loss
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    INPUT_IDS,
    LABELS,
    TEACHER_LOGITS,
)
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.outputs_dixtill import DixtillOutput

Batch = dict[str, Tensor]
ALL_TARGETS = "all_targets"


def targets_of(label: int) -> str:
    """The column of the targets of a label."""
    return f"{ATTRIBUTION_TARGETS}_{label}"


class OtherExplanationTerm(DistillationTrainer, ABC):
    """Another XAI term in the place of the masked cosine."""

    @abstractmethod
    def _explanation_term(self, terms: Batch, outputs: DixtillOutput, inputs: Batch) -> Tensor:
        """The term of every text, (batch,).

        Args:
            terms: Those of the library's loss.
            outputs: The student's.
            inputs: The batch.
        """

    def _loss_terms(self, outputs: DixtillOutput, inputs: Batch) -> Batch:
        terms = super()._loss_terms(outputs, inputs)
        change = self._explanation_term(terms, outputs, inputs) - terms["xai"]
        terms["loss"] = terms["loss"] + self.args.xai_weight * _alpha(self, inputs) * change
        return terms

    def _scores(self, outputs: DixtillOutput, inputs: Batch) -> Tensor:
        """The student's scores of the explained label, (batch, words)."""
        return self.model.explain_from(outputs, inputs[EXPLAINED_LABEL])


class Distance(OtherExplanationTerm):
    """The distance of the explanations at length 1, not squared (AD-KD, Wu et al., 2023)."""

    def _explanation_term(self, terms: Batch, outputs: DixtillOutput, inputs: Batch) -> Tensor:
        return (terms["xai"] + 1e-6).sqrt()  # ‖a − b‖ = 2·√(½·(1 − cos)) at length 1


class TopWords(OtherExplanationTerm):
    """Only the half of the words that the teacher scores highest in size is compared."""

    def _explanation_term(self, terms: Batch, outputs: DixtillOutput, inputs: Batch) -> Tensor:
        targets, mask = inputs[ATTRIBUTION_TARGETS], inputs["attention_mask"] != 0
        sizes = targets.abs().masked_fill(~mask, -1.0)
        rank = sizes.argsort(dim=1, descending=True).argsort(dim=1)
        top = mask & (rank < (mask.sum(dim=1, keepdim=True) + 1) // 2)
        return cosine_explanation_loss(self._scores(outputs, inputs), targets, top)


class Ranks(OtherExplanationTerm):
    """Of two words the one that the teacher scores higher shall score higher (Burges et al., 2005).

    Each pair counts by the difference of the teacher's scores.
    """

    def _explanation_term(self, terms: Batch, outputs: DixtillOutput, inputs: Batch) -> Tensor:
        scores = self._scores(outputs, inputs)
        mask = (inputs["attention_mask"] != 0).to(scores.dtype)
        size = (scores.square() * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(1)
        scores = scores * (size + 1e-12).rsqrt()
        wanted = _differences(inputs[ATTRIBUTION_TARGETS]) * mask[:, :, None] * mask[:, None, :]
        wanted = wanted.clamp(min=0)
        losses = functional.softplus(-_differences(scores))
        total = wanted.sum((1, 2))
        return (wanted * losses).sum((1, 2)) / torch.where(total > 0, total, 1)


@dataclass(frozen=True)
class AllLabelsCollator(DistillationCollator):
    """Batches with the targets of all labels beside those of the explained one.

    Attributes:
        num_labels: Of the student.
    """

    num_labels: int = 2

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> Batch:
        """As the library's, with `all_targets`, float32, (batch, words, labels), in training."""
        if targets_of(0) not in rows[0]:
            return super().__call__(rows)
        batches = [
            super(AllLabelsCollator, self).__call__(
                [{**row, ATTRIBUTION_TARGETS: row[targets_of(label)]} for row in rows]
            )
            for label in range(self.num_labels)
        ]
        targets = [batch[ATTRIBUTION_TARGETS] for batch in batches]
        return super().__call__(rows) | {ALL_TARGETS: torch.stack(targets, -1)}


class AllLabels(OtherExplanationTerm):
    """The explanations of all labels are one vector of words × labels, and that is compared.

    The training texts must be annotated with `target="all"`.
    """

    def __init__(
        self,
        model: DixtillForSequenceClassification,
        args: DistillationArguments,
        *,
        train_dataset: Dataset,
        processing_class: PreTrainedTokenizerFast,
    ) -> None:
        labels = model.config.num_labels
        super().__init__(
            model,
            args,
            AllLabelsCollator(processing_class.pad_token_id, labels),
            self._prepared(model, args, train_dataset, processing_class),
            processing_class=processing_class,
        )

    @staticmethod
    def _prepared(
        model: DixtillForSequenceClassification,
        args: DistillationArguments,
        dataset: Dataset,
        tokenizer: PreTrainedTokenizerFast,
    ) -> Dataset:
        """The training texts with the targets of every label in a column of its own."""
        names = [model.config.id2label[label] for label in range(model.config.num_labels)]
        prepare = partial(
            prepare_dataset,
            tokenizer=tokenizer,
            label_names=names,
            reduction=args.attribution_reduction,
            max_words=args.max_words,
        )
        result = prepare(dataset)
        for label in range(len(names)):
            others = dataset.remove_columns(columns.EXPLAINED_LABEL)
            one = prepare(others.add_column(columns.EXPLAINED_LABEL, [label] * len(dataset)))
            targets = one[ATTRIBUTION_TARGETS][:]
            result = result.add_column(targets_of(label), targets)
        return result

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        ours = [targets_of(label) for label in range(self.model.config.num_labels)]
        known: list[str] = self._signature_columns  # set by the line above
        self._signature_columns: list[str] = list(dict.fromkeys([*known, *ours]))

    def _explanation_term(self, terms: Batch, outputs: DixtillOutput, inputs: Batch) -> Tensor:
        every = torch.arange(self.model.config.num_labels, device=outputs["logits"].device)
        labels = every.expand(len(outputs["logits"]), -1)
        scores = self.model.explain_from(outputs, labels).transpose(1, 2)
        mask = inputs["attention_mask"].unsqueeze(-1).expand_as(scores)
        targets = inputs[ALL_TARGETS]
        return cosine_explanation_loss(scores.flatten(1), targets.flatten(1), mask.flatten(1))


class Annealed(OtherExplanationTerm):
    """The term is twice as heavy at the beginning, and falls to 0 at the end."""

    def _explanation_term(self, terms: Batch, outputs: DixtillOutput, inputs: Batch) -> Tensor:
        return 2 * (1 - self.state.global_step / self.state.max_steps) * terms["xai"]


class TrustedTeacher(DistillationTrainer, ABC):
    """α of every text is multiplied by how far the teacher is to be trusted on it."""

    @abstractmethod
    def _trust(self, inputs: Batch) -> Tensor:
        """In [0, 1] for every text, (batch,)."""

    def _loss_terms(self, outputs: DixtillOutput, inputs: Batch) -> Batch:
        terms, trust = super()._loss_terms(outputs, inputs), self._trust(inputs)
        teaching = terms["kd"] + self.args.xai_weight * terms.get("xai", 0)
        alpha = self.args.alpha * trust
        labelled = (1 - alpha) * terms["ce"] + alpha * teaching
        terms["loss"] = torch.where(inputs[LABELS] == LABEL_UNKNOWN, trust * teaching, labelled)
        return terms


class RightTeacher(TrustedTeacher):
    """A teacher that gives a text another label than its own is not heard on it."""

    def _trust(self, inputs: Batch) -> Tensor:
        wrong = inputs[TEACHER_LOGITS].argmax(-1) != inputs[LABELS]
        return 1 - (wrong & (inputs[LABELS] != LABEL_UNKNOWN)).float()


class SureTeacher(TrustedTeacher):
    """A teacher is heard as far as it is sure: by the probability of its label."""

    def _trust(self, inputs: Batch) -> Tensor:
        return inputs[TEACHER_LOGITS].softmax(-1).amax(-1)


class OwnTemperature(DistillationTrainer):
    """The temperature of a text goes with how far its teacher's logits are apart.

    All texts are softened alike so, the sure ones too (after Sun et al., 2024, who standardise the
    logits of both).
    """

    def _loss_terms(self, outputs: DixtillOutput, inputs: Batch) -> Batch:
        terms = super()._loss_terms(outputs, inputs)
        spread = inputs[TEACHER_LOGITS].std(-1, keepdim=True)
        factor = (spread / spread.mean()).clamp(min=0.1)
        kd = _kd_loss(self.args)(
            outputs["logits"] / factor, inputs[TEACHER_LOGITS] / factor, self.args.temperature
        )
        terms["loss"] = terms["loss"] + _alpha(self, inputs) * (kd - terms["kd"])
        return terms


class Balanced(DistillationTrainer):
    """Texts of rare labels count more: by the root of how rare the label is, or the teacher's."""

    def _loss_terms(self, outputs: DixtillOutput, inputs: Batch) -> Batch:
        terms = super()._loss_terms(outputs, inputs)
        known = inputs[LABELS] != LABEL_UNKNOWN
        labels = torch.where(known, inputs[LABELS], inputs[TEACHER_LOGITS].argmax(-1))
        counts = torch.bincount(labels, minlength=self.model.config.num_labels).clamp(min=1)
        weights = counts.float().rsqrt()[labels]
        terms["loss"] = terms["loss"] * weights / weights.mean()
        return terms


class MixedTexts(DistillationTrainer):
    """Each batch is learned from once more as mixtures of its texts' vectors (MixKD, Liang 2021).

    The teacher's probabilities are mixed in the same shares instead of asking it again.
    """

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        """The library's loss and the KD term of the mixtures."""
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if model.training:
            loss = loss + self._mixtures_loss(model, inputs)
        return (loss, outputs) if return_outputs else loss

    def _mixtures_loss(self, model: Any, inputs: Batch) -> Tensor:
        count = len(inputs[INPUT_IDS])
        order = torch.randperm(count)
        share = torch.distributions.Beta(0.4, 0.4).sample((count, 1))
        mask = inputs["attention_mask"]
        vectors = model.get_input_embeddings()(inputs[INPUT_IDS]) * mask[..., None]
        mixed = share[..., None] * vectors + (1 - share[..., None]) * vectors[order]
        outputs = model(inputs_embeds=mixed, attention_mask=mask | mask[order])
        probabilities = inputs[TEACHER_LOGITS].softmax(-1)
        wanted = share * probabilities + (1 - share) * probabilities[order]
        kd = _kd_loss(self.args)
        return kd(outputs["logits"], wanted.clamp(min=1e-8).log(), self.args.temperature).mean()


class AveragedWeights(DistillationTrainer):
    """The student gets the moving average of its weights over some thousand steps."""

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """As `Trainer`'s; the weights that the step starts from enter the average."""
        if not hasattr(self, "_average"):
            self._average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(0.999))
        self._average.update_parameters(self.model)
        return super().training_step(*args, **kwargs)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As `Trainer`'s, and then take the average."""
        result = super().train(*args, **kwargs)
        self.model.load_state_dict(self._average.module.state_dict())
        return result


class BornAgain(DistillationTrainer):
    """A second student learns from the logits of the first (Furlanello et al., 2018).

    Explanations stay the teacher's. Both begin with the same weights.
    """

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As `Trainer`'s, twice; returns what the second training does."""
        start = deepcopy(self.model.state_dict())
        super().train(*args, **kwargs)
        answers = self._logits_of_all_texts()
        texts = self.train_dataset.remove_columns(TEACHER_LOGITS)
        self.train_dataset: Dataset = texts.add_column(TEACHER_LOGITS, answers.tolist())
        self.model.load_state_dict(start)
        self.optimizer = self.lr_scheduler = None
        return super().train(*args, **kwargs)

    @torch.inference_mode()
    def _logits_of_all_texts(self) -> Tensor:
        batches = DataLoader(
            self.train_dataset,
            self.args.per_device_eval_batch_size,
            collate_fn=self.data_collator,
        )
        model = self.model.eval()
        return torch.cat(
            [model(batch[INPUT_IDS], batch["attention_mask"])["logits"] for batch in batches]
        )


TRAINERS: dict[str, type[DistillationTrainer]] = {
    "distance": Distance,
    "top_words": TopWords,
    "ranks": Ranks,
    "all_labels": AllLabels,
    "annealed": Annealed,
    "right_teacher": RightTeacher,
    "sure_teacher": SureTeacher,
    "own_temperature": OwnTemperature,
    "balanced": Balanced,
    "mixed_texts": MixedTexts,
    "averaged_weights": AveragedWeights,
    "born_again": BornAgain,
}
"""Trainers by the name that a setting gives."""


def _kd_loss(args: DistillationArguments) -> KdLoss:
    """The KD loss of a training, which these trainers need.

    Raises:
        ValueError: The training has none.
    """
    loss = get_kd_loss(args.kd_loss)
    if loss is None:
        raise ValueError("kd_loss is 'none': this trainer needs a KD loss, such as kl.")
    return loss


def _alpha(trainer: DistillationTrainer, inputs: Batch) -> Tensor:
    """The weight of the teacher's terms of every text, (batch,)."""
    return torch.where(inputs[LABELS] == LABEL_UNKNOWN, 1.0, trainer.args.alpha)


def _differences(scores: Tensor) -> Tensor:
    """Of every two words, (batch, words, words)."""
    return scores[:, :, None] - scores[:, None, :]
