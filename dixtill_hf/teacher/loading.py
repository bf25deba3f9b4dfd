# SPDX-License-Identifier: Apache-2.0
"""Load a fine-tuned transformer classifier as a teacher: model, tokenizer, labels, limits.

Labels of the teacher and of the data are matched by name, never by position.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import (
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from dixtill_hf.artifacts.process_group import launched_processes
from dixtill_hf.data.problem_types import (
    MULTI_LABEL,
    REGRESSION,
    SINGLE_LABEL,
    ProblemType,
    get_problem_type,
    problem_type_of_model,
    thresholds_of_model,
)
from dixtill_hf.teacher.checkpoints import (
    check_architecture,
    check_classifier,
    check_tokenizer,
    check_vocabulary,
    complete_padding,
    input_limit,
    label_names_of,
    list_few,
    load_config,
    load_tokenizer,
    load_weights,
)

# All but cuDNN's, which builds a plan for each size of batch that it meets: a tenth of a second or
# more, while batches of texts have hundreds of sizes.
_WITHOUT_PLANS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


logger = logging.getLogger(__name__)


class LabelMismatchError(ValueError):
    """The labels of the teacher and of the data cannot be matched by name."""


def match_labels(
    teacher_labels: Sequence[str],
    data_labels: Sequence[str],
    label_map: Mapping[str, str] | None = None,
) -> list[int]:
    """Find, for every label of the data, the teacher's output for it.

    Names are compared as they are or, where that finds no match, without regard to case and outer
    white space.

    Args:
        teacher_labels: The teacher's label names, in the order of its logits.
        data_labels: The data's label names, in the order of its ClassLabel.
        label_map: Teacher label → data label, for names that differ
            (`{"positive": "Bullish"}`). Labels that are not keys keep their own name.

    Returns:
        A permutation `p`: `teacher_logits[:, p]` are in the data's order.

    Raises:
        LabelMismatchError: Names are left over on either side, or one name belongs to two outputs.
    """
    renamed = _apply_map(teacher_labels, data_labels, label_map or {})
    for key in (str, _key):
        place = {key(name): index for index, name in enumerate(renamed)}
        wanted = [key(name) for name in data_labels]
        if len(place) == len(renamed) and sorted(place) == sorted(wanted):
            return [place[name] for name in wanted]
    raise LabelMismatchError(_explain_mismatch(teacher_labels, data_labels, label_map))


def _key(name: str) -> str:
    return str(name).strip().casefold()


def _apply_map(
    teacher_labels: Sequence[str], data_labels: Sequence[str], label_map: Mapping[str, str]
) -> list[str]:
    targets = {_key(teacher): data for teacher, data in label_map.items()}
    unknown = [name for name in label_map if _key(name) not in map(_key, teacher_labels)]
    if unknown:
        raise LabelMismatchError(
            f"The label map names {unknown}, which the teacher does not have.\n"
            + _both_lists(teacher_labels, data_labels)
        )
    return [targets.get(_key(name), name) for name in teacher_labels]


def _explain_mismatch(
    teacher_labels: Sequence[str],
    data_labels: Sequence[str],
    label_map: Mapping[str, str] | None,
) -> str:
    example = dict(zip(teacher_labels, data_labels, strict=False))
    used = f"\n  label map given:  {dict(label_map)}" if label_map else ""
    if len(teacher_labels) != len(data_labels):
        return (
            f"The teacher has {len(teacher_labels)} labels and the data {len(data_labels)}; each "
            "must match one of the other.\n"
            f"{_both_lists(teacher_labels, data_labels)}{used}\n"
            "Name a teacher with the data's labels, or fine-tune this one on the data: "
            "finetune_teacher(...), teacher_finetune in a recipe."
        )
    return (
        "The labels of the teacher and of the data do not match by name.\n"
        f"{_both_lists(teacher_labels, data_labels)}{used}\n"
        "Give a map from every label of the teacher that is named otherwise to the data's label, "
        f"in this form (check the pairs, they are only an example): label_map={example}"
    )


def _both_lists(teacher_labels: Sequence[str], data_labels: Sequence[str]) -> str:
    return f"  teacher's labels: {list(teacher_labels)}\n  data's labels:    {list(data_labels)}"


@contextmanager
def attention_of_any_size(device: torch.device) -> Iterator[None]:
    """Within it, a model on a GPU attends with kernels that serve batches of all sizes at once."""
    if device.type == "cuda":
        with sdpa_kernel(_WITHOUT_PLANS):
            yield
    else:
        yield


@dataclass
class Teacher:
    """A frozen sequence classifier whose logits are given in the order of the data's labels.

    Attributes:
        model: The classifier, in eval mode, its weights not requiring gradients.
        tokenizer: Its fast tokenizer (character offsets are needed), padding on the right.
        label_order: Position of every label of the data among the model's logits.
        name: The name or path that it was loaded from.
        max_length: Longest input in tokens, special tokens included.
        labels: Names of the data's labels that `label_order` is for; empty where they are not
            known, so that nothing can be checked.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    label_order: Sequence[int]
    name: str = ""
    max_length: int = field(default=0)
    labels: Sequence[str] = ()

    reads_pairs: ClassVar[bool] = True
    """Whether it can read pairs of texts."""

    def __post_init__(self) -> None:
        """Freeze the model and complete what a decoder lacks to read padded batches."""
        check_tokenizer(self.tokenizer, self.name)
        self.model.eval().requires_grad_(False)
        check_vocabulary(self.model, self.tokenizer, self.name)
        complete_padding(self.model, self.tokenizer)
        self.max_length = self.max_length or input_limit(self.model, self.tokenizer)

    @property
    def device(self) -> torch.device:
        """Where the model's weights are; of one that is spread, where it reads its inputs."""
        hook = getattr(self.model.get_input_embeddings(), "_hf_hook", None)
        device = getattr(hook, "execution_device", None)
        if device is None:
            return self.model.device
        return torch.device("cuda", device) if isinstance(device, int) else torch.device(device)

    @property
    def problem_type(self) -> ProblemType:
        """The kind of task that it does."""
        return problem_type_of_model(self.model.config)

    @property
    def explains_several(self) -> bool:
        """Whether a text may have several explained outputs."""
        return self.problem_type.explains_several(len(self.label_order))

    @property
    def thresholds(self) -> float | list[float]:
        """Probability from which on a text has a label, if it may have several.

        One number, or one for each label of the data; 0.5 if the model's configuration has none.
        """
        found = thresholds_of_model(self.model.config)
        return found if isinstance(found, float) else [found[place] for place in self.label_order]

    def __str__(self) -> str:
        """What was found, in one line."""
        names = list_few(map(repr, self.labels or self.model.config.id2label.values()))
        millions = self.model.num_parameters() / 1e6
        return (
            f"Teacher {self.name!r}: {type(self.model).__name__}, {millions:.1f} M parameters in "
            f"{str(self.model.dtype).removeprefix('torch.')} on {self.device}, "
            f"{self.problem_type.name} with {len(self.label_order)} labels ({names}), "
            f"{type(self.tokenizer).__name__}, texts of up to {self.max_length} tokens."
        )

    def logits(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Logits `(batch, labels)` in float32, in the order of the data's labels."""
        with attention_of_any_size(self.device):
            return self.model(**inputs).logits[:, list(self.label_order)].float()


def load_teacher(
    name_or_path: str | Path,
    label_names: Sequence[str] | None = None,
    label_map: Mapping[str, str] | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    *,
    problem_type: str | None = None,
    device_map: str | Mapping[str, Any] | None = None,
    max_memory: Mapping[int | str, int | str] | None = None,
    offload_folder: str | Path | None = None,
    quantization_config: Any = None,
    **loading: Any,
) -> Teacher:
    """Load any `AutoModelForSequenceClassification` from the Hub or a directory as a teacher.

    A teacher that is larger than one GPU is spread by accelerate: `device_map="auto"` fills the
    GPUs, then the memory of the machine, then `offload_folder`. Gradients pass through all of them.
    Whether a quantised one gives gradients is tried before the first text is explained.

    Args:
        name_or_path: Hub id or local directory.
        label_names: The data's labels, in the order of its ClassLabel; None takes the teacher's.
        label_map: Teacher label → data label where the names differ.
        device: Defaults to the process's accelerator, else the CPU.
        dtype: Precision of the weights.
        problem_type: Name of the data's kind of task. Default: the teacher's: that of its
            configuration, which counts as one label a text if it does not say.
        device_map: Where the parts of the model are, as `from_pretrained` takes it: "auto", or
            module → device. Default: all on `device`.
        max_memory: Most memory of each device for `device_map="auto"`, as `from_pretrained` takes
            it. Default: all that is free.
        offload_folder: Directory for weights that fit into no memory.
        quantization_config: Quantises the weights, as `from_pretrained` takes it, such as a
            `BitsAndBytesConfig`.
        **loading: What `from_pretrained` of configuration, tokenizer and model shall be given:
            `revision`, `token`, `cache_dir`, `trust_remote_code`.

    Raises:
        OSError: The model is neither a directory nor reachable on the Hub, or one of its files is
            missing or cannot be read.
        LabelMismatchError: Labels cannot be matched by name.
        ValueError: Both `device` and `device_map` are given; the model is of another kind of task,
            reads padding or has weights that
            were never trained; its labels are not numbered from 0; or its tokenizer gives no
            offsets or belongs to another model.
    """
    name = str(name_or_path)
    config = load_config(name, **loading)
    check_architecture(config, name)
    check_classifier(config, name)
    problem = _shared_problem_type(config, problem_type, name)
    own_names = label_names_of(config)
    labels = list(own_names if label_names is None else label_names)
    if problem == REGRESSION and len(own_names) == len(labels) == 1:
        order = [0]  # the name of a single value tells nothing apart
    else:
        order = match_labels(own_names, labels, label_map)
    tokenizer = load_tokenizer(name, **loading)
    if device is not None and device_map is not None:
        raise ValueError("device and device_map both say where the model is: give one of them.")
    given = {
        "device_map": device_map,
        "max_memory": max_memory,
        "offload_folder": offload_folder,
        "quantization_config": quantization_config,
    }
    placing = {key: value for key, value in given.items() if value is not None}
    model, missing = load_weights(
        AutoModelForSequenceClassification, name, dtype=dtype, **placing, **loading
    )
    if missing:
        raise ValueError(
            f"{name!r} does not hold all weights of a {type(model).__name__}: {list_few(missing)} "
            "are missing, and would be random. Fine-tune it first with finetune_teacher(...), or "
            "name the directory of the fine-tuned model."
        )
    if not placing:
        model = model.to(device or default_device())
    if problem != SINGLE_LABEL:
        model.config.problem_type = problem
    teacher = Teacher(model, tokenizer, order, name, labels=labels)
    check_padding_is_not_read(teacher)
    logger.info("%s", teacher)
    return teacher


# How far the logits of a text may be from those of the same text in a batch, as a share of the
# largest, or of 1: rounding of other sizes of batch.
_ROUNDING = {torch.float32: 1e-3}
_ROUNDING_OF_HALVES = 0.1


def check_padding_is_not_read(teacher: Teacher) -> None:
    """Try a short text by itself and next to a longer one, before any hour is spent.

    Raises:
        ValueError: The teacher answers differently: it reads the padding too.
    """
    from dixtill_hf.teacher.encoding import collate, encode_texts  # which needs this module

    texts = encode_texts(teacher, ["good", " ".join(["good"] * 12)])
    with torch.inference_mode():
        alone = teacher.logits(collate(teacher, texts[:1]).inputs)
        together = teacher.logits(collate(teacher, texts).inputs)[:1]
    allowed = _ROUNDING.get(teacher.model.dtype, _ROUNDING_OF_HALVES)
    if (alone - together).abs().max() > allowed * alone.abs().max().clamp(min=1):
        raise ValueError(
            f"The teacher {teacher.name!r} ({type(teacher.model).__name__}) answers otherwise for "
            "a text that is padded in a batch, so what it says of a text depends on others. Such "
            "models, like ConvBERT and XLNet, are not supported. Choose another teacher."
        )


def _shared_problem_type(config: PretrainedConfig, wanted: str | None, name: str) -> str:
    """The kind of task of a teacher and its data.

    Raises:
        ValueError: They are of different kinds.
    """
    own = problem_type_of_model(config).name
    if wanted is None or wanted == own:
        return own
    get_problem_type(wanted)
    # Several labels a text are often not told in a configuration; their logits look the same.
    if config.problem_type is None and {own, wanted} == {SINGLE_LABEL, MULTI_LABEL}:
        return wanted
    raise ValueError(
        f"The teacher {name!r} is of the problem type {own}, and the data's is {wanted}. Name a "
        "teacher of the data's problem type, have this one fine-tuned on the data "
        "(finetune_teacher(...), teacher_finetune in a recipe), or read the data as "
        f"problem_type={own}."
    )


def check_same_labels(
    teacher: Teacher, data_labels: Sequence[str] | None, problem_type: str | None = None
) -> None:
    """Refuse a loaded teacher whose logits are in another order than the data's labels.

    Args:
        teacher: The teacher; with `labels` unknown no labels are checked.
        data_labels: In the order of the data's ClassLabel; None where they have no names.
        problem_type: Name of the data's kind of task; None if it is not known.

    Raises:
        LabelMismatchError: Order or names differ.
        ValueError: The kinds of task differ.
    """
    if problem_type is not None and problem_type != teacher.problem_type.name:
        raise ValueError(
            f"The teacher {teacher.name!r} is of the problem type {teacher.problem_type.name}, and "
            f"the data's is {problem_type}: load it with load_teacher(..., "
            f"problem_type={problem_type!r}), or name another teacher."
        )
    if not teacher.labels or data_labels is None:
        return
    if problem_type == REGRESSION and len(teacher.labels) == len(data_labels) == 1:
        return
    if match_labels(teacher.labels, data_labels) != list(range(len(data_labels))):
        raise LabelMismatchError(
            f"The teacher's logits are in the order {list(teacher.labels)}, the data's labels "
            f"are {list(data_labels)}: load or make it for them, with label_names="
            f"{list(data_labels)}."
        )


def default_device() -> str | torch.device:
    """The process's accelerator, or the CPU."""
    processes = launched_processes()
    if processes is not None:
        return processes.device
    return "cuda" if torch.cuda.is_available() else "cpu"
