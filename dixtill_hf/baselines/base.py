# SPDX-License-Identifier: Apache-2.0
"""What every baseline is, and the registry that names them.

Loading a saved baseline imports this module: it needs neither torch nor transformers.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar

from dixtill_hf.data.names import check_name

if TYPE_CHECKING:
    from datasets import DatasetDict

    from dixtill_hf.evaluation.classifiers import Classifier
    from dixtill_hf.teacher.loading import Teacher

SETTINGS_FILE = "compression.json"
_FORMAT = 1

# From a name, what the result depends on (JSON values) and a function that computes it (JSON
# values too) to the result: a cache of results.
Cache = Callable[[str, Any, Callable[[], Any]], Any]


def without_cache(name: str, depends_on: Any, compute: Callable[[], Any]) -> Any:
    """Compute the result; nothing is kept."""
    return compute()


@dataclass(frozen=True)
class Baseline(ABC):
    """Another small classifier that the student is compared with.

    A subclass is a frozen dataclass: its further fields are its settings.

    Attributes:
        name: What the user types.
        label: What tables call it. If the label is "teacher", it is the teacher itself, in another
            runtime.
        runtime: What computes it: "pytorch", "onnxruntime", "openvino" or "scikit-learn".
        extra: The extra of dixtill_hf that it needs, "" if it needs none.
        modules: The modules that the extra brings.
        explains: Whether it explains its predictions in the pass that makes them.
    """

    name: str
    label: str
    runtime: ClassVar[str]
    extra: ClassVar[str] = ""
    modules: ClassVar[tuple[str, ...]] = ()
    explains: ClassVar[bool] = False

    def label_for(self, teacher: Teacher) -> str:
        """What tables call the baseline that is made of this teacher."""
        return self.label

    def check_installed(self) -> None:
        """Find a missing extra before anything is computed.

        Raises:
            ImportError: The extra is not installed.
        """
        missing = [module for module in self.modules if not _is_installed(module)]
        if missing:
            raise ImportError(
                f"The baseline {self.name!r} needs {', '.join(missing)}: "
                f'pip install "dixtill_hf[{self.extra}]".'
            )

    @abstractmethod
    def depends_on(self, teacher: Teacher, data: DatasetDict) -> list[Any]:
        """All that the saved baseline depends on, as JSON values."""

    @abstractmethod
    def make(
        self,
        teacher: Teacher,
        data: DatasetDict,
        directory: Path,
        cache: Cache = without_cache,
    ) -> None:
        """Make the baseline and save it.

        Args:
            teacher: The teacher; it is left as it is.
            data: The splits "train" and "validation". The test split is not read.
            directory: Where it is saved; the directory does not exist yet.
            cache: Keeps intermediate results that other measurements need too. By default nothing
                is kept.

        Raises:
            ValueError: The baseline cannot be made of this teacher or these texts.
        """

    @classmethod
    @abstractmethod
    def load(cls, directory: str | PathLike[str], threads: int | None = None) -> Classifier:
        """Load what `make` saved, for the CPU.

        Args:
            directory: The directory.
            threads: Threads that compute one batch. Defaults to the runtime's choice.
        """

    def describe(self, directory: str | PathLike[str]) -> dict[str, Any]:
        """How a saved baseline was made, as JSON values."""
        return read_settings(directory)

    def parameters(self, directory: str | PathLike[str]) -> int | None:
        """Number of its parameters, None if that is not known."""
        return None


_BASELINES: dict[str, Baseline] = {}


def register_baseline(baseline: Baseline) -> None:
    """Make a baseline known under the name that the user types."""
    _BASELINES[baseline.name] = baseline


def known_baselines() -> Mapping[str, Baseline]:
    """All baselines by name: those of the modules of this folder, and others once registered."""
    _import_this_folder()
    return _BASELINES


def get_baseline(name: str) -> Baseline:
    """The baseline of a name.

    Raises:
        ValueError: The name is unknown.
    """
    baselines = known_baselines()
    check_name("baseline", name, baselines)
    return baselines[name]


@cache
def _import_this_folder() -> None:
    """Import the modules of this folder: each registers its baselines."""
    folder = import_module(__package__)
    for module in iter_modules(folder.__path__):
        import_module(f"{__package__}.{module.name}")


def write_settings(
    directory: Path,
    baseline: Baseline,
    teacher: Teacher,
    settings: Mapping[str, Any],
    packages: Sequence[str],
    **details: Any,
) -> None:
    """Write how a form of the teacher was made, and what its classifier needs to know.

    Args:
        directory: Where the model is.
        baseline: What was made.
        teacher: What it was made of.
        settings: The settings that were used.
        packages: Packages whose versions are written.
        **details: What else its classifier needs to know, as JSON values.
    """
    content = {
        "format": _FORMAT,
        "method": baseline.name,
        "backend": baseline.runtime,
        **details,
        "settings": dict(settings),
        "teacher": teacher.name,
        "label_order": list(teacher.label_order),
        "max_length": teacher.max_length,
        "pad_token_id": teacher.tokenizer.pad_token_id,
        "versions": {package: version(package) for package in packages},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (directory / SETTINGS_FILE).write_text(text + "\n", encoding="utf-8")


def read_settings(directory: str | PathLike[str]) -> dict[str, Any]:
    """What `compression.json` says about a form of the teacher: how and from what it was made.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It has a newer format.
    """
    path = Path(directory) / SETTINGS_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{directory} holds no {SETTINGS_FILE}: give a directory that compress_teacher or a "
            "baseline wrote."
        )
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings["format"] != _FORMAT:
        raise ValueError(
            f"{path} has the format {settings['format']}, this release reads {_FORMAT}: compress "
            "the teacher again, or install the release that wrote it."
        )
    return settings


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even its parent is
        return False
