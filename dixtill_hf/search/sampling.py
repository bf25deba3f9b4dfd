# SPDX-License-Identifier: Apache-2.0
"""Which architecture is tried next: Optuna's multi-objective search, over what is not known yet.

Every form of a trained student is a trial of the study, so the sampler (TPE, Ozaki et al. 2022,
"Multiobjective tree-structured Parzen estimator") sees all of them. What has been tried already, or
does not fit, is never tried again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.search.settings import SearchSettings
from dixtill_hf.search.space import Architecture, SearchSpace

if TYPE_CHECKING:
    import optuna

DIRECTIONS = {"macro_f1": "maximize", "bytes": "minimize", "microseconds": "minimize"}
"""Objective → its direction. The energy, in joules or counted operations, comes last."""

STORAGE = "search.db"
_FORM = "bits"
_TOLD = "told"
# How often the sampler may name what is known before one is drawn from the rest.
_ASKED = 20
_STARTING = 6  # drawn at random before the sampler learns from them


class ArchitectureSampler:
    """Chooses the architectures of a search, and remembers in a file what it has been told.

    Args:
        directory: Of the search; the storage of Optuna (SQLite) is in it.
        space: What to choose from.
        settings: The settings of the search.
        depends_on: All else that the figures of an architecture depend on, as JSON values.
        energy: Name of the figure of energy.

    Raises:
        ImportError: Optuna is not installed.
    """

    def __init__(
        self,
        directory: Path,
        space: SearchSpace,
        settings: SearchSettings,
        depends_on: Any,
        energy: str,
    ) -> None:
        optuna = import_optuna()
        self._space, self._settings = space, settings
        self._directions = {**DIRECTIONS, energy: "minimize"}
        values = {name: list(one) for name, one in space.values.items()}
        name = hash_json([values, settings.bits, settings.limits, energy, depends_on])
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        directory.mkdir(parents=True, exist_ok=True)
        self._study = optuna.create_study(
            study_name=name,
            storage=f"sqlite:///{directory / STORAGE}",
            directions=list(self._directions.values()),
            load_if_exists=True,
        )
        self._known: set[Architecture] = set()
        self._open_trial: Any = None
        # Each call draws anew, else a resumed search would begin with what it began with.
        drawn = len(self._study.get_trials(deepcopy=False))
        self._random = random.Random(settings.search_seed * 1_000_003 + drawn)
        self._study.sampler = optuna.samplers.TPESampler(
            seed=settings.search_seed + drawn, n_startup_trials=_STARTING, multivariate=True
        )
        self._resume()

    def _resume(self) -> None:
        """Have what an interrupted call has left open tried first."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
            if trial.params.keys() == self._distributions().keys():
                self._study.enqueue_trial(trial.params)

    def add_known(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Tell the sampler of architectures that were measured before, by whatever search.

        Args:
            records: As `tell` takes them.
        """
        told = {
            trial.user_attrs[_TOLD]
            for trial in self._study.get_trials(deepcopy=False)
            if _TOLD in trial.user_attrs
        }
        for record in records:
            architecture = Architecture(**record["architecture"])
            self._known.add(architecture)
            if architecture.name not in told:
                self._add(architecture, record["forms"])

    def next(self) -> Architecture | None:
        """An architecture that is not known yet; None if all are.

        `tell` or `refuse` has to follow.
        """
        left = [one for one in self._space.architectures() if one not in self._known]
        if not left:
            return None
        for asked in range(_ASKED + 1):
            if asked == _ASKED:
                ranks = self._space.ranks(self._random.choice(left))
                bits = self._random.randrange(len(self._settings.bits))
                self._study.enqueue_trial({**ranks, _FORM: bits})
            trial = self._study.ask(self._distributions())
            architecture = self._space.at(trial.params)
            if architecture not in self._known:
                self._open_trial = trial
                return architecture
            self._prune(trial)
        raise AssertionError("the trial that was enqueued is a new one")

    def refuse(self, architecture: Architecture) -> None:
        """Say that no form of the architecture keeps the limits."""
        self._known.add(architecture)
        self._close()

    def tell(self, record: Mapping[str, Any]) -> None:
        """Say what the forms of an architecture reach.

        Args:
            record: `architecture`, its fields, and `forms`, a list of `bits` and all objectives.
        """
        architecture = Architecture(**record["architecture"])
        self._known.add(architecture)
        self._close()
        self._add(architecture, record["forms"])

    def first(self, architecture: Architecture) -> None:
        """Have an architecture tried first, if nothing has been tried yet."""
        if not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial({**self._space.ranks(architecture), _FORM: 0})

    def _add(self, architecture: Architecture, forms: Sequence[Mapping[str, Any]]) -> None:
        optuna = import_optuna()
        for form in forms:
            if form["bits"] not in self._settings.bits or not within(form, self._settings.limits):
                continue
            bits = self._settings.bits.index(form["bits"])
            self._study.add_trial(
                optuna.trial.create_trial(
                    params={**self._space.ranks(architecture), _FORM: bits},
                    distributions=self._distributions(),
                    values=[form[name] for name in self._directions],
                    user_attrs={_TOLD: architecture.name},
                )
            )

    def _close(self) -> None:
        """End the trial that named the architecture: its forms are trials of their own."""
        if self._open_trial is not None:
            self._prune(self._open_trial)
            self._open_trial = None

    def _prune(self, trial: optuna.Trial) -> None:
        from optuna.trial import TrialState

        self._study.tell(trial, state=TrialState.PRUNED)

    def _distributions(self) -> dict[str, Any]:
        integers = import_optuna().distributions.IntDistribution
        sizes = {name: len(values) for name, values in self._space.values.items()}
        sizes[_FORM] = len(self._settings.bits)
        return {name: integers(0, size - 1) for name, size in sizes.items()}


def within(form: Mapping[str, Any], limits: Mapping[str, float]) -> bool:
    """Whether the figures of a form keep all limits."""
    return all(form[name] <= most for name, most in limits.items())


def import_optuna() -> Any:
    """The package Optuna.

    Raises:
        ImportError: It is not installed; the message says how to install it.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError(
            'dixtill-hf search needs Optuna: pip install "dixtill_hf[search]".'
        ) from error
    return optuna
