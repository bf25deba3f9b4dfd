# SPDX-License-Identifier: Apache-2.0
"""The training arguments of a distillation."""

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import SchedulerType, TrainingArguments
from transformers.trainer_utils import HubStrategy, IntervalStrategy
from transformers.training_args import OptimizerNames

from dixtill_hf.data.alignment import REDUCTIONS, Reduction
from dixtill_hf.data.names import check_name
from dixtill_hf.data.problem_types import REGRESSION
from dixtill_hf.distillation.losses.base import (
    NO_KD_LOSS,
    check_kd_loss,
    compares_values,
    known_kd_losses,
)
from dixtill_hf.distillation.presets import METHODS, PRESETS, method_settings
from dixtill_hf.evaluation.quality import QUALITY
from dixtill_hf.student.configuration_dixtill import EXPLANATIONS

# A stream is taken to have at least so many texts.
_MANY_TEXTS = 1_000_000
# Of fields that only some presets name.
_DEFAULTS = {"attribution_reduction": "sum", "max_words": 512, "keep_best_epoch": False}
_LOWER_IS_BETTER = {name for one in QUALITY.values() for name in one.lower_is_better}


def _preset_field(text: str, **metadata: Any) -> Any:
    """A field that takes the value of the preset or the method unless it is given."""
    return field(
        default=None,
        metadata={"help": f"{text} Default: the preset's or the method's.", **metadata},
    )


@dataclass
class DistillationArguments(TrainingArguments):
    """`TrainingArguments` with the settings of a distillation.

    The loss is `(1 − alpha)·CE + alpha·(KD + xai_weight·XAI)` (Cantini et al., 2024). Preset and
    method give every field that they name, unless it is given here: so learning rate, schedule,
    epochs, batch sizes and weight decay differ from those of `TrainingArguments`.

    Args:
        preset: Name in `PRESETS`: "default" (the default), "paper" for the settings of the paper's
            text, or "paper_notebook" for those of its notebook. `build_student` takes it too.
        method: Name in `METHODS`: "none", "kl", "mse" or "dixtill" (the default). It gives `alpha`,
            `kd_loss` and `xai_weight`.
        alpha: Weight of the teacher against the labels, in [0, 1]. Texts without a label learn from
            the teacher only, whatever alpha is. Default 0.9 with "dixtill".
        kd_loss: Loss on the teacher's logits: "none", or the name of a file in
            `distillation/losses`. Default "normalized_kl" with "dixtill".
        temperature: Divides the logits before their softmax, above 0. Default 5.
        xai_weight: Weight of the explanations against the logits, 0 or more; with 0 no attributions
            are needed. Default 1 with "dixtill".
        explanation: The student's scores that are compared with the teacher's explanation:
            "contributions" (the default preset's), exact and for one label, or "attention", the
            paper's.
        attribution_reduction: Whether a word gets the "sum" or the "mean" of the teacher's tokens
            in it. Default "sum"; "mean" with "paper_notebook".
        pretrained_lr_ratio: Learning rate of the layers of a student that starts from a pretrained
            one (`student_start`), as a share of `learning_rate`, above 0. Default 0.25.
        max_words: Longer texts are cut to this number of words. Default 512; 150 with the paper's
            presets.
        keep_best_epoch: Whether the student of the epoch with the lowest loss on `eval_dataset`
            (or the best `metric_for_best_model`) is kept, not that of the last one. Sets the
            strategies of evaluating and saving to "epoch". Default True with "paper_notebook".
        bucket_by_length: Whether a batch holds texts of similar length, which saves padding.
            Default True.
        seed: Seed of the student's weights, the order of the texts and the dropouts. Default 0.
        hub_strategy: Default "end": with `push_to_hub`, the student is pushed when it is saved.
            The Trainer's pushes during training include a pickle of the arguments.

    Raises:
        ValueError: A value is out of its range or contradicts another one.
    """

    preset: str = field(
        default="default",
        metadata={
            "help": "Settings that go together: those found best (default), those of the paper's "
            "text (paper) or of its notebook (paper_notebook). A field that is given wins.",
            "choices": list(PRESETS),
        },
    )
    method: str = field(
        default="dixtill",
        metadata={
            "help": "What is learned: only the labels (none), the teacher's logits too (kl, mse), "
            "or also its explanations (dixtill). Gives alpha, kd_loss and xai_weight.",
            "choices": list(METHODS),
        },
    )
    alpha: float = _preset_field(
        "Weight of the teacher against the labels, from 0 (only labels) to 1 (only the teacher). "
        "Texts without a label learn from the teacher only."
    )
    kd_loss: str = _preset_field(
        "Loss on the teacher's logits: none; kl, Hinton's with the squared temperature; mse, the "
        "squared distance; normalized_kl, the paper's, 1 - exp(-KL) per text; "
        "normalized_kl_notebook, as the paper's notebook has it.",
        choices=[NO_KD_LOSS, *known_kd_losses()],
    )
    temperature: float = field(
        default=5.0,
        metadata={"help": "Divides the logits before their softmax; above 0."},
    )
    xai_weight: float = _preset_field(
        "Weight of the explanations against the logits; with 0 the student does not learn the "
        "teacher's explanations, and no attributions are needed."
    )
    explanation: str = _preset_field(
        "The student's scores that are compared with the teacher's explanation: contributions, "
        "what each word adds to the explained label's logit; or attention, the paper's score, the "
        "same for all labels.",
        choices=list(EXPLANATIONS),
    )
    attribution_reduction: Reduction = _preset_field(  # noqa: RUF009 - a field
        "Whether a word gets the sum or the mean of the teacher's tokens in it; a sum keeps the "
        "total."
    )
    pretrained_lr_ratio: float = field(
        default=0.25,
        metadata={
            "help": "Learning rate of the layers that start from a pretrained student, as a share "
            "of learning_rate; above 0."
        },
    )
    max_words: int = _preset_field("Longer texts are cut to this number of words.")
    keep_best_epoch: bool | None = _preset_field(
        "Whether the student of the epoch with the lowest loss on the evaluation texts is kept. "
        "Sets eval_strategy and save_strategy to epoch."
    )
    bucket_by_length: bool = field(
        default=True,
        metadata={"help": "Whether a batch has texts of similar length, which saves padding."},
    )
    seed: int = field(
        default=0,
        metadata={
            "help": "Seed of the student's weights, the order of the texts and the dropouts."
        },
    )
    hub_strategy: HubStrategy | str = field(
        default="end",
        metadata={
            "help": "When the student is pushed, with push_to_hub: at the end, or at every save, "
            "which also pushes a pickle of the arguments."
        },
    )
    greater_is_better: bool | None = field(
        default=None,
        metadata={
            "help": "Whether the best model has the greatest metric_for_best_model. Default: yes, "
            "unless it is a loss."
        },
    )
    optim: OptimizerNames | str = _preset_field("Name of the optimizer.")  # noqa: RUF009 - a field
    optim_args: str | None = _preset_field("Settings of the optimizer: 'momentum=0.9'.")
    learning_rate: float = _preset_field("Highest learning rate of the schedule.")
    lr_scheduler_type: SchedulerType | str = _preset_field(  # noqa: RUF009 - a field
        "How the learning rate changes over the training."
    )
    num_train_epochs: float = _preset_field(
        "Passes over the training texts; with the preset 'default', the trainer chooses them by "
        "the number of texts."
    )
    per_device_train_batch_size: int = _preset_field(
        "Texts per step on each device; with the preset 'default', the trainer chooses them by the "
        "number of texts."
    )
    per_device_eval_batch_size: int = _preset_field("Texts per evaluation batch on each device.")
    weight_decay: float = _preset_field(
        "How strongly the optimizer pulls weights (not biases) towards 0."
    )
    max_grad_norm: float = _preset_field("Longer gradients are cut to this length; 0 cuts none.")

    @classmethod
    def from_preset(
        cls, preset: str, output_dir: str | Path, method: str = "dixtill", **overrides: Any
    ) -> "DistillationArguments":
        """Make the arguments of a preset and a method.

        Args:
            preset: Name in `PRESETS`.
            output_dir: Directory of the checkpoints and the student.
            method: Name in `METHODS`: "none", "kl", "mse" or "dixtill".
            **overrides: Fields that differ from the preset's.

        Raises:
            ValueError: There is no such preset or method, or a value is not allowed.
            TypeError: There is no such field.
        """
        return cls(output_dir=str(output_dir), preset=preset, method=method, **overrides)

    def for_texts(self, texts: int) -> "DistillationArguments":
        """Fill in what depends on the number of training texts: epochs and batch size.

        Args:
            texts: Number of training texts, variants included.

        Returns:
            A copy, or these arguments themselves if nothing was left open.
        """
        schedule = PRESETS[self.preset].schedule
        devices = self.world_size * max(1, self.n_gpu)
        given = schedule.training(texts, devices) if schedule else {}
        missing = {name: value for name, value in given.items() if getattr(self, name) is None}
        if not missing:
            return self
        filled = copy.copy(self)
        for name, value in missing.items():
            setattr(filled, name, value)
        return filled

    def for_stream(self) -> "DistillationArguments":
        """Fill in what a stream means: the batch size of many texts, and its own way to go on.

        Returns:
            A copy.

        Raises:
            ValueError: `max_steps` is missing, or a setting is not possible with a stream.
        """
        if self.max_steps <= 0:
            raise ValueError(
                "A stream has no length, so the training does not know where to end: set "
                "max_steps. N texts are seen once in N / B steps, where B is the texts of a step "
                "(per_device_train_batch_size x processes x gradient_accumulation_steps)."
            )
        if self.dataloader_num_workers:
            raise ValueError(
                f"dataloader_num_workers is {self.dataloader_num_workers}, and the process that "
                "trains reads its stream itself, so that a checkpoint knows where it was: leave it "
                "at 0."
            )
        filled = copy.copy(self.for_texts(_MANY_TEXTS))
        filled.ignore_data_skip = True  # the stream goes on by itself, without reading again
        return filled

    def for_problem(self, problem_type: str) -> "DistillationArguments":
        """Fill in what depends on the kind of task.

        In a regression there are no probabilities to compare: a `kd_loss` that is the method's own
        becomes "mse".

        Args:
            problem_type: Name of the kind of task.

        Returns:
            A copy, or these arguments themselves if they fit.

        Raises:
            ValueError: A loss or a setting compares probabilities, and there are none.
        """
        if problem_type != REGRESSION:
            return self
        if self.label_smoothing_factor:
            raise ValueError(
                f"label_smoothing_factor is {self.label_smoothing_factor}, and the values of a "
                "regression have no labels to be smoothed: leave it out."
            )
        if compares_values(self.kd_loss):
            return self
        own = method_settings(self.preset, self.method)["kd_loss"]
        if self.method == "kl" or self.kd_loss != own:
            raise ValueError(
                f"kd_loss={self.kd_loss!r} compares probabilities, and a regression has none: name "
                "the method 'dixtill' or 'mse', or kd_loss='mse'."
            )
        filled = copy.copy(self)
        filled.kd_loss = "mse"
        return filled

    def __post_init__(self) -> None:
        """Fill in what the preset and the method give, and check the rest."""
        check_name("preset", self.preset, PRESETS)
        check_name("method", self.method, METHODS)
        of_method = method_settings(self.preset, self.method)
        for name, value in {**_DEFAULTS, **PRESETS[self.preset].training, **of_method}.items():
            if getattr(self, name) is None:
                setattr(self, name, value)
        self._check()
        if self.keep_best_epoch:
            self.eval_strategy = self.save_strategy = IntervalStrategy.EPOCH
            self.load_best_model_at_end = True
            if self.metric_for_best_model is None:
                self.metric_for_best_model: str | None = "loss"
        if self.metric_for_best_model and self.greater_is_better is None:
            # Trainer looks at the end of the name, and would take the greatest loss_kd.
            metric = self.metric_for_best_model.removeprefix("eval_")
            self.greater_is_better: bool | None = not (
                metric.startswith("loss") or metric.endswith("loss") or metric in _LOWER_IS_BETTER
            )
        super().__post_init__()

    def check_trial(self, before: "DistillationArguments") -> None:
        """Check what a trial of a hyperparameter search has set.

        Args:
            before: The arguments before the trial.

        Raises:
            ValueError: A value is not allowed, or would have no effect: the trainer has used it
                when it was made.
        """
        used = ("preset", "method", "max_words", "attribution_reduction")
        changed = [name for name in used if getattr(self, name) != getattr(before, name)]
        if changed:
            raise ValueError(
                f"A trial changes {', '.join(changed)}, which would have no effect: the trainer "
                "used it when it prepared the data and its other arguments. Make a trainer for "
                "each value."
            )
        self._check()

    def _check(self) -> None:
        self._check_ranges()
        check_kd_loss(self.kd_loss)
        check_name("explanation", self.explanation, EXPLANATIONS)
        check_name("attribution_reduction", self.attribution_reduction, REDUCTIONS)
        self._check_contradictions()

    def _check_ranges(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ValueError(
                f"alpha must be in [0, 1], got {self.alpha}: it is the teacher's share of the loss."
            )
        if not 0 < self.temperature < math.inf:
            raise ValueError(
                f"temperature must be above 0 and finite, got {self.temperature}: the logits are "
                "divided by it."
            )
        if not 0 <= self.xai_weight < math.inf:
            raise ValueError(
                f"xai_weight must be 0 or more and finite, got {self.xai_weight}: a negative one "
                "would teach the opposite of the teacher's explanation."
            )
        if not 0 < self.pretrained_lr_ratio < math.inf:
            raise ValueError(
                f"pretrained_lr_ratio must be above 0 and finite, got {self.pretrained_lr_ratio}: "
                "it is a share of learning_rate."
            )
        if self.max_words < 1:
            raise ValueError(
                f"max_words must be at least 1, got {self.max_words}: nothing of a text would be "
                "left."
            )

    def _check_contradictions(self) -> None:
        if self.alpha > 0 and self.kd_loss == NO_KD_LOSS and self.xai_weight == 0:
            raise ValueError(
                f"alpha is {self.alpha}, but with kd_loss='none' and xai_weight=0 nothing comes "
                "from the teacher: set alpha=0 to learn from the labels only, or choose a "
                f"kd_loss from {', '.join(known_kd_losses())}."
            )
        if self.batch_eval_metrics or not self.eval_do_concat_batches:
            raise ValueError(
                "batch_eval_metrics=True and eval_do_concat_batches=False are not supported: "
                "macro F1 and ROC AUC are those of a whole split, not means over batches. "
                "Leave them out."
            )
        sampling = self._sampling_asked_for()
        if self.bucket_by_length and sampling is not None:
            raise ValueError(
                f"bucket_by_length=True and {sampling} contradict each other: set "
                "bucket_by_length=False to use the latter."
            )

    def _sampling_asked_for(self) -> str | None:
        """The Trainer's own setting of the order of the texts, if the user chose one."""
        # transformers 4 has the first, 5 the second; goes when 4 is no longer supported.
        if getattr(self, "group_by_length", False):
            return "group_by_length=True"
        strategy = getattr(self, "train_sampling_strategy", "random")
        return None if strategy == "random" else f"train_sampling_strategy={strategy!r}"

    @property
    def variants_per_text(self) -> int:
        """Number of variants of every training text that the teacher labels (`label_variants`).

        It is the preset's, and 0 if the student does not learn from the teacher.
        """
        return PRESETS[self.preset].variants if self.alpha > 0 else 0

    @property
    def needs_teacher_logits(self) -> bool:
        """Whether the training texts must have the teacher's logits."""
        return self.kd_loss != NO_KD_LOSS

    @property
    def needs_explanations(self) -> bool:
        """Whether the training texts must have the teacher's attributions."""
        return self.xai_weight > 0
