# SPDX-License-Identifier: Apache-2.0
"""The Trainer that distils a teacher's annotation into a student."""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, IterableDataset
from torch import nn
from torch.utils.data import DataLoader
from transformers import (
    EvalPrediction,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import TrainOutput
from transformers.training_args import OptimizerNames

from dixtill_hf.data.problem_types import MULTI_LABEL, problem_type_of_model
from dixtill_hf.data.thresholds import best_thresholds
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.batching import DistillationCollator, LengthBucketSampler
from dixtill_hf.distillation.dataset import checked_dataset, checked_tokenizer
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    LENGTH,
    TEACHER_LOGITS,
)
from dixtill_hf.distillation.streams import PreparedStream
from dixtill_hf.distillation.trainer_checkpoints import CheckpointTrainer
from dixtill_hf.distillation.trainer_inputs import (
    DatasetPreparer,
    OnTheFlyAnnotator,
    check_best_epoch,
    check_padding,
    check_student,
    check_vocabulary,
    checked_arguments,
)
from dixtill_hf.distillation.trainer_losses import Batch, LossTrainer
from dixtill_hf.distillation.trainer_publishing import PublishingTrainer
from dixtill_hf.distillation.training_metrics import TermAverages, best_model_objective
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.student.layers_dixtill import DixtillNgrams
from dixtill_hf.teacher.loading import Teacher


class DistillationTrainer(LossTrainer, CheckpointTrainer, PublishingTrainer):
    """A `Trainer` that distils the predictions and attributions of an annotated dataset.

    The loss is `(1 − alpha)·CE + alpha·(KD + xai_weight·XAI)` (Cantini et al., 2024), its terms
    logged one by one as `loss_ce`, `loss_kd` and `loss_xai`. An evaluation returns these, and
    accuracy, macro F1, Matthews correlation and ROC AUC; on an annotated dataset also the
    agreement with the teacher's predictions and explanations. An evaluation dataset without the
    teacher's columns is evaluated with the cross-entropy as its only loss.

    The student's `config.problem_type` says what is learned. If a text may have several labels, CE
    is the binary cross-entropy, and the thresholds of the labels are chosen on `eval_dataset` after
    the training and kept in `config.thresholds`. In a regression, CE and KD are squared errors.

    Several processes train as one process does with the same texts per step. The exception is the
    last step of an epoch if the texts do not fill it: accelerate then adds texts from the beginning
    of the epoch.

    Args:
        model: The student. Give either this or `model_init`.
        args: Settings of the training. `args.explanation` is written into the student's
            configuration, so that it returns the explanation it was trained for.
        data_collator: Makes a batch. Default: a `DistillationCollator`.
        train_dataset: A dataset with the columns `text`, for pairs `text_pair`, `label` and those
            of `annotate` that the loss needs, or one from `prepare_dataset`. Without `label`, all
            texts are unlabelled and learn only from the teacher. A stream (an `IterableDataset`) of
            such rows is read and prepared as it flows, and begins again when it ends;
            `args.max_steps` says how long.
        eval_dataset: A dataset of the same kind, or a dict of them; the teacher's columns may be
            missing.
        processing_class: The student's tokenizer, which is saved with every checkpoint. Its
            `model_max_length` becomes `args.max_words`.
        teacher: A teacher, or its name or path: datasets that lack what the loss takes from it
            are annotated first.
        explainer: How `teacher` explains its predictions: a name or an explainer. Default
            "integrated_gradients".
        label_map: Teacher label → data label, if the names differ, for a `teacher` given by
            name or path.
        model_init: Function that makes a new student, for `hyperparameter_search`.
        compute_metrics: Function from the logits and labels of a whole evaluation dataset (an
            `EvalPrediction`) to further metrics, which replace ours of the same name.
        callbacks: As for `Trainer`.
        optimizers: As for `Trainer`.
        optimizer_cls_and_kwargs: As for `Trainer`.

    Raises:
        TypeError: No `DistillationArguments`, no student or no tokenizer is given.
        ValueError: Columns are missing, or do not fit the student or each other; or the best epoch
            is to be kept, and there is no dataset to tell it by.
    """

    _signature_columns: list[str]

    def __init__(
        self,
        model: PreTrainedModel | None = None,
        args: DistillationArguments | None = None,
        data_collator: Callable[[list[dict]], Batch] | None = None,
        train_dataset: Dataset | IterableDataset | None = None,
        eval_dataset: Dataset | Mapping[str, Dataset] | None = None,
        processing_class: PreTrainedTokenizerFast | None = None,
        *,
        teacher: Teacher | str | Path | None = None,
        explainer: str | Explainer = "integrated_gradients",
        label_map: Mapping[str, str] | None = None,
        model_init: Callable[..., PreTrainedModel] | None = None,
        compute_metrics: Callable[[EvalPrediction], dict[str, float]] | None = None,
        callbacks: list[TrainerCallback] | None = None,
        optimizers: tuple[Any, Any] = (None, None),
        optimizer_cls_and_kwargs: tuple[type, dict[str, Any]] | None = None,
    ) -> None:
        args = checked_arguments(args)
        if isinstance(train_dataset, IterableDataset):
            args = args.for_stream()
        else:
            texts = 0 if train_dataset is None else len(checked_dataset(train_dataset))
            args = args.for_texts(texts)
        check_best_epoch(args, eval_dataset)
        tokenizer = checked_tokenizer(processing_class)
        check_padding(tokenizer)
        tokenizer.model_max_length = args.max_words  # what it learns from is what it will read
        annotator = None if teacher is None else OnTheFlyAnnotator(teacher, explainer, label_map)
        self._users_metrics = compute_metrics
        self._term_averages = TermAverages()
        self._bucket_sampler: LengthBucketSampler | None = None
        self._folded_ngrams: DixtillNgrams | None = None
        super().__init__(
            model=model,
            args=args,
            data_collator=data_collator or DistillationCollator(tokenizer.pad_token_id),
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            processing_class=tokenizer,
            model_init=model_init,
            compute_metrics=self._all_metrics,
            callbacks=callbacks,
            optimizers=optimizers,
            optimizer_cls_and_kwargs=optimizer_cls_and_kwargs,
        )
        check_student(self.model)
        self._problem = problem_type_of_model(self.model.config)
        self.args = args = args.for_problem(self._problem.name)
        # Our loss is a mean over texts: the Trainer has to divide it by the accumulated batches.
        self.model_accepts_loss_kwargs = False
        self.model.config.explanation = self.args.explanation
        check_vocabulary(self.model, tokenizer)
        self._preparer = DatasetPreparer(args, tokenizer, self.model, annotator)
        if isinstance(train_dataset, IterableDataset):
            self.train_dataset = self._preparer.for_training_stream(
                train_dataset, self._texts_of_a_step
            )
        elif train_dataset is not None:
            self.train_dataset = self._preparer.for_training(train_dataset)
        self.eval_dataset = self._preparer.for_evaluations(eval_dataset)
        self.add_callback(_Progress(self))

    def call_model_init(self, trial: Any = None) -> PreTrainedModel:
        """Make a new student, as `Trainer` does, that explains itself as the arguments say."""
        model = super().call_model_init(trial)
        model.config.explanation = self.args.explanation
        self._folded_ngrams = None
        return model

    def train(self, *args: Any, **kwargs: Any) -> TrainOutput:
        """Train as `Trainer` does, then fold the n-grams into the words' own vectors.

        Checkpoints keep the n-grams, so that the training can be resumed.
        """
        result = super().train(*args, **kwargs)
        self._folded_ngrams = self.model.ngrams or self._folded_ngrams
        self.model.fold_ngrams()
        if self._problem.name == MULTI_LABEL and isinstance(self.eval_dataset, Dataset):
            self._choose_thresholds()
        return result

    def _choose_thresholds(self) -> None:
        """Choose the thresholds of the labels on the evaluation texts, and keep them."""
        output = self.predict(self.eval_dataset, metric_key_prefix="thresholds")
        probabilities = self._problem.scores(output.predictions)
        self.model.config.thresholds = best_thresholds(probabilities, output.label_ids)

    def hyperparameter_search(
        self,
        hp_space: Callable[[Any], dict[str, Any]] | None = None,
        compute_objective: Callable[[dict[str, float]], float] | None = None,
        n_trials: int = 20,
        direction: str | list[str] | None = None,
        backend: str | None = None,
        hp_name: Callable[[Any], str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Search as `Trainer` does; by default for the best `args.metric_for_best_model`.

        Args:
            hp_space: Function from a trial to the fields of `args` that it sets. Default: the
                backend's own space.
            compute_objective: Function from an evaluation's metrics to what is searched for.
                Default: `args.metric_for_best_model`, the loss if that is not set.
            n_trials: Number of trials. Default 20.
            direction: "minimize", "maximize", or one for each of several objectives. Default: that
                of the metric, `args.greater_is_better`; needed with `compute_objective`.
            backend: "optuna", "ray" or "wandb". Default: the one that is installed.
            hp_name: Function from a trial to its name.
            **kwargs: Settings of the backend.

        Returns:
            The best trial, or several for several objectives.

        Raises:
            ValueError: There is an objective without a direction or the reverse, an evaluation
                lacks the metric, or a trial has a setting that is out of its range or that was
                used up when this trainer was made.
            RuntimeError: There is no `model_init`, or no backend is installed.
        """
        if (compute_objective is None) != (direction is None):
            raise ValueError(
                f"compute_objective is {compute_objective!r} and direction is {direction!r}: give "
                "both, or none of them to search for args.metric_for_best_model."
            )
        if compute_objective is None:
            compute_objective, direction = best_model_objective(self.args)
        return super().hyperparameter_search(
            hp_space, compute_objective, n_trials, direction, backend, hp_name, **kwargs
        )

    def get_train_dataloader(self) -> Any:
        """Batches to train on; each process reads its own share of a stream."""
        if not isinstance(self.train_dataset, PreparedStream):
            return super().get_train_dataloader()
        self.train_dataset.rewind()
        return DataLoader(
            self.train_dataset,
            batch_size=self._train_batch_size,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
            generator=torch.Generator(),  # the dropouts' is left as a checkpoint has it
        )

    def get_eval_dataloader(self, eval_dataset: str | Dataset | None = None) -> Any:
        """Batches to evaluate on; a dataset is prepared first."""
        if isinstance(eval_dataset, Dataset | IterableDataset):
            eval_dataset = self._preparer.for_evaluation(eval_dataset)
        return super().get_eval_dataloader(eval_dataset)

    def get_test_dataloader(self, test_dataset: Dataset) -> Any:
        """Batches to predict; the dataset is prepared first."""
        return super().get_test_dataloader(self._preparer.for_evaluation(test_dataset))

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """As `Trainer`'s; layers that are pretrained have a lower learning rate."""
        made = self.optimizer is None
        optimizer = super().create_optimizer(*args, **kwargs)
        if made and self.model.is_pretrained:
            slow_down(optimizer, self.model.base_model.parameters(), self.args.pretrained_lr_ratio)
        return optimizer

    @staticmethod
    def get_optimizer_cls_and_kwargs(
        args: TrainingArguments, model: PreTrainedModel | None = None
    ) -> tuple[Any, Any]:
        """As `Trainer`'s, with `optim_args` for SGD too."""
        optimizer, settings = Trainer.get_optimizer_cls_and_kwargs(args, model)
        if args.optim == OptimizerNames.SGD:
            # transformers 5 does this itself; goes when 4 is no longer supported.
            settings = {**_parse_settings(args.optim_args), **settings}
        return optimizer, settings

    def _hp_search_setup(self, trial: Any) -> None:
        """As `Trainer`'s, which sets the fields of a trial without looking at them."""
        given = copy.copy(self.args)
        super()._hp_search_setup(trial)
        self.args.check_trial(given)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        ours = [TEACHER_LOGITS, ATTRIBUTION_TARGETS, EXPLAINED_LABEL]
        self._signature_columns = list(dict.fromkeys([*self._signature_columns, *ours]))

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Any:
        if not self.args.bucket_by_length:
            return super()._get_train_sampler(train_dataset)
        args = self.args
        self._bucket_sampler = LengthBucketSampler(
            self.train_dataset[LENGTH][:],
            self._texts_of_a_step * args.world_size,
            args.seed if args.data_seed is None else args.data_seed,
        )
        return self._bucket_sampler


class _Progress(TrainerCallback):
    """Sets the epoch where neither accelerate nor the Trainer does: of samplers and of streams."""

    def __init__(self, trainer: DistillationTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drop what an earlier training has not logged."""
        self.trainer._term_averages = TermAverages()

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Set the epoch that begins or resumes."""
        if self.trainer._bucket_sampler is not None:
            self.trainer._bucket_sampler.set_epoch(int(state.epoch or 0))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count the steps before a checkpoint too: the Trainer does not if a stream goes on."""
        if isinstance(self.trainer.train_dataset, PreparedStream):
            state.epoch = state.global_step / state.max_steps


def slow_down(
    optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter], ratio: float
) -> None:
    """Give parameters of an optimizer a learning rate of their own, in groups of their own.

    Args:
        optimizer: Before its first step, and before its schedule is made.
        parameters: The parameters.
        ratio: Their learning rate as a share of what they had.
    """
    slow = {id(parameter) for parameter in parameters}
    for group in list(optimizer.param_groups):
        moved = [parameter for parameter in group["params"] if id(parameter) in slow]
        if moved:
            group["params"] = [one for one in group["params"] if id(one) not in slow]
            optimizer.add_param_group({**group, "params": moved, "lr": group["lr"] * ratio})


def _parse_settings(text: str | None) -> dict[str, float | bool]:
    """Settings of `optim_args`, such as "momentum=0.9,nesterov=true"."""
    pairs = [part.split("=") for part in (text or "").replace(" ", "").split(",") if part]
    return {name: json.loads(value.lower()) for name, value in pairs}
