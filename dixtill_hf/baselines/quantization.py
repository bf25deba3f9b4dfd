# SPDX-License-Identifier: Apache-2.0
"""The teacher in a faster runtime, in float32 or int8: what ONNX Runtime and OpenVINO share.

Loading what was saved here needs only the runtime, neither torch nor transformers.
"""

from __future__ import annotations

import copy
import tempfile
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dixtill_hf.baselines.base import (
    Baseline,
    Cache,
    get_baseline,
    known_baselines,
    read_settings,
    without_cache,
    write_settings,
)
from dixtill_hf.data.names import check_name
from dixtill_hf.data.text_pairs import single_texts_of

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict
    from transformers import PreTrainedModel

    from dixtill_hf.evaluation.classifiers import Classifier
    from dixtill_hf.teacher.loading import Teacher

TASK = "text-classification"
CALIBRATION_TEXTS = 200
CPU_PRESETS = ("avx512_vnni", "avx2", "arm64")

LABELS = {"float32": "teacher", "dynamic": "int8 dynamic", "static": "int8 static"}
"""What tables call the teacher under each scheme."""

# Module and name of each runtime's classifier. Finding it here, not in the registry of baselines,
# keeps `load_compressed` free of torch.
_CLASSIFIERS = {
    "onnxruntime": ("dixtill_hf.export.onnx_session", "OnnxClassifier"),
    "openvino": ("dixtill_hf.baselines.openvino_int8", "OpenVinoClassifier"),
}


@dataclass(frozen=True)
class QuantizedTeacher(Baseline):
    """The teacher in another runtime, quantised after its training or not.

    Attributes:
        scheme: `"float32"`, `"dynamic"` (int8 weights, activations quantised while the model
            runs) or `"static"` (int8 weights, activations in ranges measured beforehand).
        packages: Packages that the saved model depends on.
    """

    scheme: str
    packages: ClassVar[tuple[str, ...]]

    def depends_on(self, teacher: Teacher, data: DatasetDict) -> list[Any]:
        """Teacher, calibration texts, versions."""
        from dixtill_hf.teacher.fingerprint import hash_teacher

        versions = {package: version(package) for package in self.packages}
        return [hash_teacher(teacher), calibration_texts(data), versions]

    def make(
        self,
        teacher: Teacher,
        data: DatasetDict,
        directory: Path,
        cache: Cache = without_cache,
    ) -> None:
        """Export the teacher with Optimum; see `Baseline.make`."""
        self.compress(teacher, directory, calibration_texts(data))

    def compress(
        self,
        teacher: Teacher,
        output_dir: str | PathLike[str],
        texts: Sequence[str] | None = None,
        cpu_preset: str | None = None,
    ) -> Path:
        """What `compress_teacher` does for this baseline."""
        if self.scheme == "static" and not texts:
            raise ValueError(
                f"{self.name!r} measures the ranges of the activations: give a few hundred texts "
                "of the training data as calibration_texts."
            )
        self.check_installed()
        output = _new_directory(output_dir)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as scratch:
            written = Path(scratch) / output.name
            written.mkdir()
            settings = self.convert(teacher, written, texts, cpu_preset)
            teacher.tokenizer.save_pretrained(written)
            write_settings(written, self, teacher, settings, self.packages, scheme=self.scheme)
            written.replace(output)
        return output

    @classmethod
    def load(cls, directory: str | PathLike[str], threads: int | None = None) -> Classifier:
        """Load a saved teacher; see `Baseline.load`."""
        return load_compressed(directory, threads)

    @abstractmethod
    def convert(
        self,
        teacher: Teacher,
        directory: Path,
        texts: Sequence[str] | None = None,
        cpu_preset: str | None = None,
    ) -> dict[str, Any]:
        """Write the converted model and its configuration.

        Args:
            teacher: The classifier; it is left as it is.
            directory: An existing directory.
            texts: Texts from which the scheme "static" takes the ranges of the activations.
            cpu_preset: One of `CPU_PRESETS`. Defaults to that of this processor.

        Returns:
            The settings that were used.

        Raises:
            ValueError: Optimum does not export the teacher's architecture, or cannot quantise it.
        """


def compress_teacher(
    teacher: Teacher,
    method: str,
    output_dir: str | PathLike[str],
    calibration_texts: Sequence[str] | None = None,
    cpu_preset: str | None = None,
) -> Path:
    """Save a teacher for another runtime, in float32 or quantised to int8 after its training.

    The directory holds the model, its configuration and tokenizer, so that Optimum's
    `ORTModelForSequenceClassification` or `OVModelForSequenceClassification` loads it, and
    `compression.json`, which says how it was made. It appears when all of it is written.

    Args:
        teacher: The classifier; it is left as it is.
        method: A name in `quantized_names()`, such as "int8-dynamic".
        output_dir: A directory that does not exist yet or is empty.
        calibration_texts: Texts of the training data, a few hundred, that the static methods need.
            The others do not read them.
        cpu_preset: How ONNX Runtime's int8 is laid out, one of `CPU_PRESETS`. Defaults to what
            suits the processor that this runs on. Other methods do not read it.

    Returns:
        The directory.

    Raises:
        FileExistsError: The directory holds files.
        ImportError: The extra that the method needs is not installed.
        ValueError: A name is unknown, texts to calibrate with are missing, or Optimum does not
            export the teacher's architecture.
    """
    check_name("method", method, quantized_names())
    if cpu_preset is not None:
        check_name("cpu_preset", cpu_preset, CPU_PRESETS)
    baseline = get_baseline(method)
    assert isinstance(baseline, QuantizedTeacher)
    return baseline.compress(teacher, output_dir, calibration_texts, cpu_preset)


def load_compressed(directory: str | PathLike[str], threads: int | None = None) -> Classifier:
    """Load what `compress_teacher` saved, for the CPU.

    Args:
        directory: The directory.
        threads: Threads that compute one batch. Defaults to the runtime's choice.

    Returns:
        A classifier that cuts texts where the teacher does and answers in the data's order.

    Raises:
        FileNotFoundError: The directory was not saved by `compress_teacher`.
        ImportError: The extra that the runtime needs is not installed.
        ValueError: It was saved by a newer release or by another baseline, or `threads` is below 1.
    """
    settings = read_settings(directory)
    check_name("the runtime in compression.json", settings["backend"], _CLASSIFIERS)
    module, name = _CLASSIFIERS[settings["backend"]]
    classifier = getattr(import_module(module), name)
    return classifier(
        directory,
        LABELS[settings["scheme"]],
        settings["label_order"],
        settings["pad_token_id"],
        settings["max_length"],
        threads,
    )


def quantized_names() -> list[str]:
    """The methods that `compress_teacher` knows."""
    return [name for name, one in known_baselines().items() if isinstance(one, QuantizedTeacher)]


def calibration_texts(data: DatasetDict) -> list[str]:
    """Up to `CALIBRATION_TEXTS` training texts, drawn at random, the same each time."""
    from dixtill_hf.data.splitting import seeded_sample

    return single_texts_of(seeded_sample(data["train"], CALIBRATION_TEXTS), "Static quantisation")


def calibration_dataset(teacher: Teacher, texts: Sequence[str], inputs: Iterable[str]) -> Dataset:
    """Tokenize texts, one a row and unpadded; texts without any token are left out.

    Args:
        teacher: The teacher whose tokenizer and limit are used.
        texts: The texts.
        inputs: Names of the model's inputs, which become the columns.

    Raises:
        TypeError: `texts` is one string.
        ValueError: No text has a token.
    """
    from datasets import Dataset

    if isinstance(texts, str):
        raise TypeError("calibration_texts must be many texts, got one string: wrap it in a list.")
    encoded = teacher.tokenizer(list(texts), truncation=True, max_length=teacher.max_length)
    rows = [row for row, ids in enumerate(encoded["input_ids"]) if ids]
    if not rows:
        raise ValueError(
            f"None of the {len(texts)} calibration texts has a token: give texts of the data."
        )
    return Dataset.from_dict({name: [encoded[name][row] for row in rows] for name in inputs})


def exportable_copy(teacher: Teacher, exporter: str) -> PreTrainedModel:
    """A copy of the teacher's model, in float32 on the CPU, that Optimum can export.

    Args:
        teacher: The classifier; it is left as it is.
        exporter: Optimum's name of the format, `"onnx"` or `"openvino"`.

    Raises:
        ValueError: Optimum does not export text classifiers of this architecture.
    """
    # Which extra brings Optimum depends on the format; who exports to it has checked.
    from optimum.exporters.tasks import TasksManager

    model_type = teacher.model.config.model_type
    try:
        tasks = TasksManager.get_supported_tasks_for_model_type(
            model_type, exporter, library_name="transformers"
        )
    except KeyError:
        tasks = {}
    if TASK not in tasks:
        raise ValueError(
            f"The teacher {teacher.name!r} cannot be compressed in this way: Optimum has no "
            f"{exporter} export for text classifiers of the type {model_type!r}. Name a teacher "
            "of another architecture, such as BERT, DistilBERT or RoBERTa."
        )
    return copy.deepcopy(teacher.model).cpu().float()


def _new_directory(path: str | PathLike[str]) -> Path:
    """Make room for a directory that is to be moved to this path."""
    directory = Path(path)
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
    if directory.exists():
        raise FileExistsError(f"{directory} is in use: remove it or name another directory.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    return directory
