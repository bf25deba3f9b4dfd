# SPDX-License-Identifier: Apache-2.0
"""How Optimum exports a student to ONNX: its inputs. Imported only where Optimum is."""

from __future__ import annotations

from typing import Any

from optimum.exporters.onnx.config import TextEncoderOnnxConfig
from optimum.exporters.tasks import TasksManager
from optimum.utils import NormalizedTextConfig

from dixtill_hf.student.base_dixtill import DixtillPreTrainedModel
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.inputs import refuse_student_of_pairs

_register = TasksManager.create_register("onnx", overwrite_existing=True)


@_register(DixtillConfig.model_type, "text-classification", "feature-extraction")
class DixtillOnnxConfig(TextEncoderOnnxConfig):
    """The student has no token types, and its outputs are those of the task: logits or states."""

    NORMALIZED_CONFIG_CLASS = NormalizedTextConfig
    DEFAULT_ONNX_OPSET = 17

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Names of the inputs and of their dynamic axes.

        Raises:
            ValueError: The student reads pairs of texts.
        """
        refuse_student_of_pairs(self._config, "The ONNX export")
        axes = {0: "batch_size", 1: "sequence_length"}
        return {"input_ids": axes, "attention_mask": axes}


_infer_library = TasksManager._infer_library_from_model_or_model_class


def _infer_library_of_students_too(model: Any = None, model_class: Any = None) -> str:
    """As Optimum's, which knows models of transformers by the name of their package only."""
    found = model_class if model is None else type(model)
    if isinstance(found, type) and issubclass(found, DixtillPreTrainedModel):
        return "transformers"
    return _infer_library(model=model, model_class=model_class)


TasksManager._infer_library_from_model_or_model_class = _infer_library_of_students_too
