# SPDX-License-Identifier: Apache-2.0
"""What a trainer's checkpoints hold, and how a training goes on from one."""

from pathlib import Path
from typing import Any

from torch import nn
from transformers import Trainer
from transformers.trainer import TRAINING_ARGS_NAME

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.streams import PreparedStream
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.layers_dixtill import DixtillNgrams
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification


class CheckpointTrainer(Trainer):
    """A `Trainer` whose checkpoints hold no pickled arguments, n-grams, and a stream's place.

    Attributes:
        args: Settings of the training.
        model: The student.
        train_dataset: What it learns from.
    """

    args: DistillationArguments
    model: DixtillForSequenceClassification
    train_dataset: Any  # a prepared Dataset or a PreparedStream
    _folded_ngrams: DixtillNgrams | None

    @property
    def _texts_of_a_step(self) -> int:
        """Texts of an optimizer step in this process."""
        return self._train_batch_size * self.args.gradient_accumulation_steps

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        """As `Trainer`'s, with the arguments as JSON: it pickles them, and never reads them."""
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            directory = Path(output_dir or self.args.output_dir)
            (directory / TRAINING_ARGS_NAME).unlink()
            path = (directory / TRAINING_ARGS_NAME).with_suffix(".json")
            path.write_text(self.args.to_json_string() + "\n", encoding="utf-8")

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        """As `Trainer`'s; n-grams that an earlier training has folded are brought back first."""
        saved = DixtillConfig.from_pretrained(resume_from_checkpoint)
        if saved.ngram_buckets and self.model.ngrams is None:
            # The optimizer of a finished training knows the parameters of these n-grams.
            self.model.unfold_ngrams(self._folded_ngrams or DixtillNgrams(saved))
        super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _save_rng_state(self, output_dir: str) -> None:
        """As `Trainer`'s, which each process calls; a stream's place is saved next to it."""
        super()._save_rng_state(output_dir)
        if isinstance(self.train_dataset, PreparedStream):
            texts = self.state.global_step * self._texts_of_a_step
            self.train_dataset.save(self._stream_place(output_dir), texts, self.args.world_size)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """As `Trainer`'s; a stream goes on where it was."""
        super()._load_rng_state(checkpoint)
        if checkpoint is not None and isinstance(self.train_dataset, PreparedStream):
            self.train_dataset.load(self._stream_place(checkpoint), self.args.world_size)

    def _stream_place(self, checkpoint: str) -> Path:
        return Path(checkpoint) / f"stream_{self.args.process_index}.json"
