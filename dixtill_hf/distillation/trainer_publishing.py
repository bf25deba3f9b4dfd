# SPDX-License-Identifier: Apache-2.0
"""How a trainer publishes its student: the model card, and the Hub."""

from pathlib import Path
from typing import Any

from transformers import Trainer

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.data.problem_types import ProblemType
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.model_card import (
    described_loss,
    evaluations,
    training_card,
    write_card,
)
from dixtill_hf.distillation.trainer_inputs import DatasetPreparer

METRICS_FILE = "metrics.json"
_METRICS_FORMAT = 1


class PublishingTrainer(Trainer):
    """A `Trainer` whose cards and uploads are those of a student.

    Attributes:
        args: Settings of the training, which the card names.
    """

    args: DistillationArguments
    _preparer: DatasetPreparer
    _problem: ProblemType

    def create_model_card(
        self,
        language: str | None = None,
        license: str | None = None,
        tags: str | list[str] | None = None,
        model_name: str | None = None,
        finetuned_from: str | None = None,
        tasks: str | list[str] | None = None,
        dataset_tags: str | list[str] | None = None,
        dataset: str | list[str] | None = None,
        dataset_args: str | list[str] | None = None,
    ) -> None:
        """Write the student's card, README.md in the output directory, and model_card.json.

        Args:
            language: ISO code, or several, of the language of the texts.
            license: License of the student, as the Hub names it: "apache-2.0".
            tags: Further tags.
            model_name: What the card calls the student; default: the output directory's name.
            finetuned_from: Hub id of the teacher; default: that of `teacher`, if it has one.
            tasks: Not used: the task is always text classification.
            dataset_tags: Hub ids of the data.
            dataset: Not used: the Hub names a dataset by its id.
            dataset_args: Not used, for the same reason.
        """
        if not self.is_world_process_zero():
            return
        directory = Path(self.args.output_dir)
        card = training_card(
            model_name or directory.name,
            self.hub_model_id or str(directory),
            self.args,
            self._preparer.label_names,
            self.state.log_history,
            teacher=finetuned_from or self._preparer.teacher_hub_id,
            language=language,
            license=license,
            tags=_as_list(tags),
            datasets=_as_list(dataset_tags),
            problem_type=self._problem.name,
            text_pairs=self.model.config.text_pairs,
            cell=self.model.config.cell,
        )
        write_card(directory, card)

    def push_to_hub(
        self,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        **card: Any,
    ) -> str | None:
        """Publish the student in one commit, with all that `dixtill-hf push` publishes.

        That is the card, the code, the exports, and in metrics.json the last evaluation of every
        split; nothing else of the output directory. A metrics.json that a run has written there is
        published as it is.

        Args:
            commit_message: What the commit is called. Default "End of training".
            blocking: Whether to wait for the Hub; only True is possible, so that an error is seen.
            token: Token with the right to write. Default: `args.hub_token`, or the one that is
                logged in.
            revision: Branch. Default: `args.hub_revision`, or the main one.
            **card: What `create_model_card` takes: `license`, `language`, `dataset_tags`, ...

        Returns:
            Address of the repository; None in all processes but the main one.

        Raises:
            ValueError: `blocking` is False, or the Hub does not accept what the card says.
            OSError: The Hub does not take the student; nothing of it is there.
        """
        # The Hub comes after all that it publishes.
        from dixtill_hf.hub.facts import CardFacts
        from dixtill_hf.hub.push import push_student
        from dixtill_hf.hub.upload import Destination
        from dixtill_hf.student.student import Student

        if not blocking:
            raise ValueError("blocking must be True: a push in the background hides its errors.")
        token = token or self.args.hub_token
        if self.hub_model_id is None:
            self.init_hf_repo(token=token)
        self.save_model(_internal_call=True)
        if not self.is_world_process_zero():
            return None
        self.create_model_card(**card)
        self._write_metrics()
        student = Student(self.model, self.processing_class, Path(self.args.output_dir))
        return push_student(
            student,
            Destination(
                self.hub_model_id,
                private=self.args.hub_private_repo,
                revision=revision or self.args.hub_revision,
                token=token,
            ),
            CardFacts(),
            message=commit_message or "End of training",
        ).url

    def _write_metrics(self) -> None:
        """Write what was measured in this training to metrics.json."""
        path = Path(self.args.output_dir) / METRICS_FILE
        if path.is_file() and "training_format" not in read_json(path):
            return
        found = evaluations(self.state.log_history)
        if not found:
            path.unlink(missing_ok=True)
            return
        write_json(
            path,
            {
                "training_format": _METRICS_FORMAT,
                "method": self.args.method,
                "preset": self.args.preset,
                "seed": self.args.seed,
                "loss": described_loss(self.args, self._problem.name),
                "evaluations": found,
            },
        )


def _as_list(given: str | list[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else given or []
