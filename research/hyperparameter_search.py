# SPDX-License-Identifier: Apache-2.0
"""Search the settings of a training with Optuna, through `hyperparameter_search`.

    python -m research.hyperparameter_search research/recipes/cross_fitted.yaml --trials 10

The recipe is one for `dixtill-hf run`. Each trial trains one student on the texts and their
variants; what is looked for is the largest share of validation texts with the teacher's label,
which few texts tell better than accuracy. A call adds its trials to those that are kept, so it may
be interrupted and repeated, and several calls may run at once, with a seed each. The report is
drawn from the JSON file beside it.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import optuna
import torch
from datasets import Dataset, disable_progress_bars, load_from_disk
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from transformers import PreTrainedModel, PrinterCallback

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.data.columns import TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.augmentation import add_teacher_labelled_texts
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.presets import METHODS, PRESETS
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.plot_style import BAR_COLOUR, CONTROL_COLOUR, SETTINGS
from dixtill_hf.workflow.annotation_stage import annotate_data
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import load_run_data
from dixtill_hf.workflow.environment import describe_environment
from dixtill_hf.workflow.recipe import RECIPE_PARTS, Recipe, StudentArguments
from dixtill_hf.workflow.student_jobs import job_arguments
from dixtill_hf.workflow.teacher_stage import prepare_teacher
from research.compare_settings import SettingsStudy
from research.student_settings import Setting
from research.student_training import Task

PRESET, METHOD = "default", "dixtill"
STARTING_TRIALS = 6  # drawn at random before the search learns from them
MEASURED = ("teacher_agreement", "accuracy", "macro_f1", "explanation_cosine")
# Lowest, highest, and whether the search goes by orders of magnitude.
TRAINING_SPACE = {
    "learning_rate": (1e-3, 1e-2, True),
    "alpha": (0.5, 1.0, False),
    "temperature": (1.0, 10.0, True),
    "xai_weight": (0.1, 3.0, True),
    "weight_decay": (1e-3, 0.1, True),
}
STUDENT_SPACE = {
    "embedding_dropout": (0.0, 0.5, False),
    "hidden_dropout": (0.0, 0.5, False),
    "word_dropout": (0.0, 0.3, False),
}
# Where the search begins: the preset, so that it is among the trials.
FIRST = {
    **{name: value for name, value in PRESETS[PRESET].training.items() if name in TRAINING_SPACE},
    **{name: value for name, value in METHODS[METHOD].items() if name in TRAINING_SPACE},
    "temperature": DistillationArguments.temperature,
    **PRESETS[PRESET].student,
}


def main(argv: Sequence[str]) -> None:
    """Run some trials, then write the results of all and the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("recipe", help="YAML, as for dixtill-hf run")
    parser.add_argument("--trials", type=int, default=10, help="how many this call adds")
    parser.add_argument("--seed", type=int, default=0, help="of what this call draws")
    parser.add_argument("--results_dir", type=Path, default=Path("research/results"))
    given = parser.parse_args(argv)
    parts = read_arguments(
        "python -m research.hyperparameter_search", "A recipe.", RECIPE_PARTS, [given.recipe]
    )
    recipe = Recipe(*parts)
    disable_progress_bars()
    torch.set_num_threads(1)
    context = RunContext.open(recipe)
    data = load_run_data(context)
    teacher = prepare_teacher(context, data)
    annotation = annotate_data(context, data, teacher)
    settings = SettingsStudy(context, teacher.model, annotation, "validation")
    task = settings.task(Setting("search", variants=PRESETS[PRESET].variants), seed=0)
    study = search(task, annotation.fingerprint, context.output_dir, given)
    content = {
        "command": shlex.join(["python", "-m", "research.hyperparameter_search", *argv]),
        "environment": describe_environment(),
        "dataset": data.describe(),
        "teacher": teacher.name,
        "space": {**TRAINING_SPACE, **STUDENT_SPACE},
        "trials": [
            {"settings": trial.params, **trial.user_attrs}
            for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
        ],
    }
    path = given.results_dir / "hyperparameter_search.json"
    write_json(path, content)
    print(f"The report: {write_report(content, path)}")


def search(task: Task, key: str, directory: Path, given: argparse.Namespace) -> optuna.Study:
    """Add trials to those that are kept in the run's directory.

    Args:
        task: The texts and variants to learn from.
        key: Of the annotation.
        directory: Of the run.
        given: Of the command line.
    """
    depends_on = [key, str(task.transfer), task.word_vectors, TRAINING_SPACE, STUDENT_SPACE, FIRST]
    kept: dict[str, Any] = {
        "study_name": hash_json(depends_on),
        "storage": f"sqlite:///{directory / 'search.db'}",
        "direction": "maximize",
        "load_if_exists": True,
    }
    study = optuna.create_study(**kept)
    if not study.get_trials():
        study.enqueue_trial(FIRST)
    with tempfile.TemporaryDirectory() as checkpoints:
        students = Students(task)
        students.trainer(Path(checkpoints)).hyperparameter_search(
            hp_space=lambda trial: _suggest(trial, TRAINING_SPACE),
            compute_objective=students.objective,
            n_trials=given.trials,
            backend="optuna",
            sampler=optuna.samplers.TPESampler(seed=given.seed, n_startup_trials=STARTING_TRIALS),
            **kept,
        )
    return study


class Students:
    """Makes the student of every trial, and notes what it reaches."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._data = load_from_disk(str(task.annotated))
        self._trial: optuna.Trial | None = None

    def make(self, trial: optuna.Trial | None = None) -> PreTrainedModel:
        """A student of a trial, or of the preset."""
        self._trial = trial
        settings = {} if trial is None else _suggest(trial, STUDENT_SPACE)
        return self._build(**settings)[0]

    def trainer(self, directory: Path) -> DistillationTrainer:
        """A trainer that makes its students here."""
        args = job_arguments(StudentArguments(), PRESET, METHOD, self._task.seed, directory)
        trainer = DistillationTrainer(
            args=args,
            train_dataset=add_teacher_labelled_texts(
                self._data["train"], Dataset.load_from_disk(str(self._task.transfer))
            ),
            eval_dataset=self._data["validation"],
            processing_class=self._build()[1],
            model_init=self.make,
        )
        trainer.remove_callback(PrinterCallback)
        return trainer

    def objective(self, metrics: Mapping[str, float]) -> float:
        """Share of the texts with the teacher's label; the other metrics are noted."""
        found = {name: metrics[f"eval_{name}"] for name in MEASURED}
        assert self._trial is not None  # `make` is called before it
        for name, value in found.items():
            self._trial.set_user_attr(name, value)
        print(", ".join(f"{name} {value:.4f}" for name, value in found.items()), flush=True)
        return found[MEASURED[0]]

    def _build(self, **settings: Any) -> Any:
        return build_student(
            self._data["train"][TEXT][:],
            label_names(self._data),
            PRESET,
            word_vectors=self._task.word_vectors,
            seed=self._task.seed,
            ngram_buckets=0,  # neither had the preset when it was searched
            extra_vocab_size=0,
            **settings,
        )


def _suggest(trial: optuna.Trial, space: Mapping[str, tuple[float, float, bool]]) -> dict:
    return {
        name: trial.suggest_float(name, low, high, log=log)
        for name, (low, high, log) in space.items()
    }


def write_report(content: Mapping[str, Any], path: Path) -> Path:
    """Write the table and the picture beside the results; returns the table's path."""
    trials = sorted(content["trials"], key=lambda trial: -trial[MEASURED[0]])
    picture = path.with_suffix(".png")
    with mpl.rc_context(SETTINGS):
        _draw(content["trials"], content["space"]).savefig(picture, metadata={"Software": None})
    environment = content["environment"]
    report = path.with_suffix(".md")
    report.write_text(
        f"""# A search of the settings

`{content["command"]}`

{len(trials)} trials of Optuna's TPE through `hyperparameter_search`, one student each, sorted by
the share of the validation texts with the label of the teacher, {content["teacher"]}. The search
began with the preset (grey in the picture, bold here). {environment["cpu"]}, one thread, torch
{environment["versions"]["torch"]}, transformers {environment["versions"]["transformers"]},
{environment["date"]}.

![The share against every setting]({picture.name})

{_table(trials)}
""",
        encoding="utf-8",
    )
    return report


def _table(trials: Sequence[Mapping[str, Any]]) -> str:
    measured = [
        fmt.Column(
            name.replace("_", " ").replace(" f1", " F1"),
            [
                f"**{trial[name]:.3f}**" if _is_preset(trial) else f"{trial[name]:.3f}"
                for trial in trials
            ],
        )
        for name in MEASURED
    ]
    settings = [
        fmt.Column(f"`{name}`", [f"{trial['settings'][name]:.3g}" for trial in trials])
        for name in (*TRAINING_SPACE, *STUDENT_SPACE)
    ]
    return fmt.table([*measured, *settings])


def _draw(trials: Sequence[Mapping[str, Any]], space: Mapping[str, Sequence[Any]]) -> Figure:
    """The share of every trial against each of its settings."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    panels = figure.subplots(2, 4, sharey=True)
    for axes, (name, (_, _, log)) in zip(panels.flat, space.items(), strict=True):
        for trial in trials:
            colour = CONTROL_COLOUR if _is_preset(trial) else BAR_COLOUR
            axes.plot(trial["settings"][name], trial[MEASURED[0]], "o", color=colour)
        axes.set(xlabel=name.replace("_", " "), xscale="log" if log else "linear")
        if log:
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
    for axes in panels[:, 0]:
        axes.set_ylabel("teacher's label")
    return figure


def _is_preset(trial: Mapping[str, Any]) -> bool:
    return all(trial["settings"][name] == value for name, value in FIRST.items())


if __name__ == "__main__":
    main(sys.argv[1:])
