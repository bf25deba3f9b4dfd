# SPDX-License-Identifier: Apache-2.0
"""What every stage of a run is given: the recipe, what its names stand for, and the cache.

Mistakes in the recipe are found here, before the data are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PretrainedConfig

from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.artifacts.stage_cache import StageCache
from dixtill_hf.data.packaged import packaged_encoder, packaged_language_model
from dixtill_hf.explainers.base import Explainer, get_explainer
from dixtill_hf.teacher.checkpoints import has_classification_head, load_config
from dixtill_hf.teacher.prompted.teacher import load_language_config
from dixtill_hf.workflow.recipe import AnnotationArguments, Recipe, TeacherArguments

PACKAGED = "packaged"
PACKAGED_NAME = "all-MiniLM-L6-v2"
PACKAGED_LANGUAGE_MODEL = "SmolLM2-135M-Instruct"
_PROMPTING = ("labels", "verbalizers", "examples", "calibrate")
_FINETUNING = (
    "teacher_epochs",
    "teacher_learning_rate",
    "teacher_batch_size",
    "teacher_max_length",
    "teacher_seed",
    "teacher_folds",
)


@dataclass(frozen=True)
class TeacherSource:
    """The model that a recipe names as its teacher.

    Attributes:
        path: Directory or Hub id.
        name: What a report calls the teacher.
        config: Configuration of the model.
        fine_tuned: Whether it teaches as it is. If not, the run fine-tunes it first.
        prompted: Whether it is a language model that is given a prompt.
    """

    path: str | Path
    name: str
    config: PretrainedConfig
    fine_tuned: bool
    prompted: bool = False


@dataclass(frozen=True)
class RunContext:
    """What every stage of a run is given.

    Attributes:
        recipe: All that the run depends on, as the user gave it.
        explainer: The recipe's explainer.
        teacher_source: The recipe's teacher, before any fine-tuning.
        cache: The outputs of the stages, in the directory of the run.
    """

    recipe: Recipe
    explainer: Explainer
    teacher_source: TeacherSource
    cache: StageCache

    @classmethod
    def open(cls, recipe: Recipe, processes: ProcessGroup | None = None) -> RunContext:
        """Check a recipe, and open the directory of its run.

        Args:
            recipe: All that the run depends on.
            processes: The processes that work on it, each of which makes this call. None: this
                process.

        Raises:
            ValueError: The explainer or a setting of it is unknown, a setting has no effect on the
                teacher, or the directory holds something else.
            OSError: The teacher cannot be read.
        """
        explainer = explainer_of(recipe.annotation)
        source = find_teacher(recipe.teacher)
        cache = StageCache(Path(recipe.output.output_dir), processes)
        return cls(recipe, explainer, source, cache)

    @property
    def output_dir(self) -> Path:
        """The directory of the run."""
        return self.cache.directory

    @property
    def student_dir(self) -> Path:
        """The directory of the student that the run publishes."""
        return self.output_dir / "student"

    @property
    def annotation_settings(self) -> dict[str, Any]:
        """Arguments of `annotate` that do not change its result."""
        return {
            "tokens_per_batch": self.recipe.annotation.tokens_per_batch,
            "cache_dir": self.output_dir / "cache" / "annotations",
        }


def find_teacher(arguments: TeacherArguments) -> TeacherSource:
    """The model that a recipe names as its teacher.

    Raises:
        ValueError: Fine-tuning is described for a teacher that is fine-tuned already, or a label
            map is given for one that gets the data's labels here.
        OSError: The teacher cannot be read.
        ImportError: It is the packaged encoder, which is not installed.
    """
    if arguments.instruction is not None:
        return _find_language_model(arguments)
    _refuse_set(arguments, _PROMPTING, "for a language model, which needs an instruction")
    packaged = arguments.teacher == PACKAGED
    path = packaged_encoder() if packaged else arguments.teacher
    config = load_config(path)
    encoder = packaged or arguments.teacher_finetune or not has_classification_head(config)
    if encoder and arguments.label_map:
        raise ValueError(
            f"label_map={arguments.label_map} is for a teacher that has labels of its own, and "
            f"{arguments.teacher!r} gets the data's labels as it is fine-tuned: leave it out."
        )
    if not encoder:
        _refuse_set(
            arguments,
            _FINETUNING,
            f"for fine-tuning, and {arguments.teacher!r} is fine-tuned already (have it fine-tuned "
            "once more on the data with teacher_finetune)",
        )
    name, folds = PACKAGED_NAME if packaged else arguments.teacher, arguments.teacher_folds
    return TeacherSource(path, f"{name} (mean of {folds})" if folds else name, config, not encoder)


def _find_language_model(arguments: TeacherArguments) -> TeacherSource:
    _refuse_set(
        arguments,
        (*_FINETUNING, "teacher_finetune", "label_map"),
        "not for a language model that is given an instruction",
    )
    packaged = arguments.teacher == PACKAGED
    path = packaged_language_model() if packaged else arguments.teacher
    name = PACKAGED_LANGUAGE_MODEL if packaged else arguments.teacher
    return TeacherSource(path, name, load_language_config(path), True, prompted=True)


def _refuse_set(arguments: TeacherArguments, names: Sequence[str], reason: str) -> None:
    """Refuse settings that have no effect on the teacher.

    Raises:
        ValueError: One of them is not at its default.
    """
    defaults = TeacherArguments()
    changed = [n for n in names if getattr(arguments, n) != getattr(defaults, n)]
    if changed:
        raise ValueError(f"{', '.join(changed)}: {reason}. Leave it out.")


def explainer_of(arguments: AnnotationArguments) -> Explainer:
    """The explainer of a recipe, with the settings that the recipe gives and its own defaults.

    Raises:
        ValueError: The explainer or a setting of it is unknown, or out of range.
    """
    given = {name: getattr(arguments, name) for name in ("steps", "output", "target")}
    settings = {name: value for name, value in given.items() if value is not None}
    settings |= arguments.explainer_settings or {}
    return get_explainer(arguments.explainer, **settings)
