# SPDX-License-Identifier: Apache-2.0
"""What Optimum needs of a teacher before it exports it."""

import copy

from transformers import PreTrainedModel

from dixtill_hf.teacher.loading import Teacher

TASK = "text-classification"


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
