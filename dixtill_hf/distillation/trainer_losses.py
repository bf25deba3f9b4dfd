# SPDX-License-Identifier: Apache-2.0
"""How a trainer computes the losses of a distillation, logs their terms, and evaluates."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import EvalPrediction, Trainer
from transformers.trainer_utils import EvalLoopOutput

from dixtill_hf.data.problem_types import ProblemType, thresholds_of_model
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.losses.dixtill import distillation_loss
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    INPUT_IDS,
    LABELS,
    LENGTH,
    TEACHER_LOGITS,
    TOKEN_TYPES,
)
from dixtill_hf.distillation.trainer_inputs import teacher_columns
from dixtill_hf.distillation.training_metrics import (
    EXPLANATION,
    LOGITS,
    TARGETS,
    TermAverages,
    evaluation_metrics,
    flat_explanations,
)
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.outputs_dixtill import DixtillOutput

Batch = dict[str, Tensor]


class LossTrainer(Trainer):
    """A `Trainer` whose loss is that of a distillation, in training and in evaluations.

    Attributes:
        args: Settings of the training, among them those of the loss.
        model: The student.
    """

    args: DistillationArguments
    model: DixtillForSequenceClassification
    _problem: ProblemType
    _term_averages: TermAverages
    _users_metrics: Callable[[EvalPrediction], dict[str, float]] | None

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, DixtillOutput]:
        """The mean loss of a batch's texts; in training its terms are kept for the log."""
        outputs = _forward(model, inputs)
        terms = self._loss_terms(outputs, inputs)
        if model.training:
            self._term_averages.add(terms, inputs[LABELS], inputs.get(ATTRIBUTION_TARGETS))
        loss = terms["loss"].mean()
        return (loss, outputs) if return_outputs else loss

    @torch.no_grad()
    def prediction_step(
        self,
        model: nn.Module,
        inputs: Batch,
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor | None, Batch | None, Batch | None]:
        """What of a batch is gathered for the metrics: per text, padded with −100 by `Trainer`.

        The mean loss is among the metrics; it is returned first only if nothing else is asked for.
        """
        inputs = self._prepare_inputs(inputs)
        with self.compute_loss_context_manager():
            outputs = _forward(model, inputs)
            terms = self._evaluation_terms(outputs, inputs)
        if prediction_loss_only:
            return terms["loss"].mean(), None, None
        predictions = {LOGITS: outputs["logits"].float(), **terms}
        kept = (LABELS, TEACHER_LOGITS)
        references = {name: inputs[name] for name in kept if name in inputs}
        references[LENGTH] = inputs["attention_mask"].sum(1)
        if ATTRIBUTION_TARGETS in inputs:
            explanation, targets, _ = self._explanations(outputs, inputs)
            if targets.dim() == 3:
                references[TARGETS] = (inputs[EXPLAINED_LABEL] >= 0).sum(1)
                explanation, targets = (
                    flat_explanations(one, references[LENGTH], references[TARGETS])
                    for one in (explanation, targets)
                )
            predictions[EXPLANATION] = explanation.float()
            references[ATTRIBUTION_TARGETS] = targets
        return None, predictions, references

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """As `Trainer`'s; the predictions are only the logits, the references only the labels."""
        output = super().evaluation_loop(*args, **kwargs)
        if output.predictions is None:
            return output
        return output._replace(
            predictions=output.predictions[LOGITS], label_ids=output.label_ids[LABELS]
        )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log as `Trainer` does, with the means of the loss terms next to the training loss."""
        if "loss" in logs:
            logs = logs | self._term_averages.pop(lambda sums: self.accelerator.reduce(sums, "sum"))
        super().log(logs, start_time)

    def _loss_terms(self, outputs: DixtillOutput, inputs: Batch) -> Batch:
        explanations = None
        if self.args.needs_explanations and ATTRIBUTION_TARGETS in inputs:
            explanations = self._explanations(outputs, inputs)
        return distillation_loss(
            outputs["logits"],
            inputs[LABELS],
            alpha=self.args.alpha,
            kd_loss=self.args.kd_loss,
            temperature=self.args.temperature,
            xai_weight=self.args.xai_weight,
            teacher_logits=inputs.get(TEACHER_LOGITS),
            explanations=explanations,
            label_smoothing=self.args.label_smoothing_factor,
            problem_type=self._problem.name,
        )

    def _explanations(self, outputs: DixtillOutput, inputs: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The student's scores, the teacher's and their mask, as `distillation_loss` takes them."""
        labels, targets = inputs[EXPLAINED_LABEL], inputs[ATTRIBUTION_TARGETS]
        mask = inputs["attention_mask"]
        scores = self.model.explain_from(outputs, labels.clamp(min=0))
        if labels.dim() == 2:
            mask = mask.unsqueeze(1) * (labels >= 0).unsqueeze(2)
        return scores, targets, mask

    def _evaluation_terms(self, outputs: DixtillOutput, inputs: Batch) -> Batch:
        if teacher_columns(self.args) <= set(inputs):
            return self._loss_terms(outputs, inputs)
        smoothing = self.args.label_smoothing_factor
        return distillation_loss(
            outputs["logits"],
            inputs[LABELS],
            alpha=0.0,
            label_smoothing=smoothing,
            problem_type=self._problem.name,
        )

    def _all_metrics(self, gathered: EvalPrediction) -> dict[str, float]:
        metrics = evaluation_metrics(
            gathered.predictions,
            gathered.label_ids,
            self._problem,
            thresholds_of_model(self.model.config),
        )
        if self._users_metrics is not None:
            plain = EvalPrediction(
                predictions=gathered.predictions[LOGITS],
                label_ids=gathered.label_ids[LABELS],
                inputs=gathered.inputs,
            )
            metrics |= self._users_metrics(plain)
        return metrics


def _forward(model: nn.Module, inputs: Batch) -> DixtillOutput:
    names = (INPUT_IDS, "attention_mask", TOKEN_TYPES)
    return model(**{name: inputs[name] for name in names if name in inputs})
