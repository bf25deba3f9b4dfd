# SPDX-License-Identifier: Apache-2.0
"""Makes the Auto classes and pipelines of transformers, and Optimum, know the student.

It does so when they are imported, since importing them takes seconds.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType


def register_student() -> None:
    """Register with what is imported already, and with the others in time."""
    for name, register in _REGISTRATIONS.items():
        if name in sys.modules:
            register()
    if not any(isinstance(finder, _RegisteringFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _RegisteringFinder())


def _register_configuration() -> None:
    from transformers import AutoConfig

    from dixtill_hf.student.configuration_dixtill import DixtillConfig

    DixtillConfig.code_from_hub = False
    AutoConfig.register(DixtillConfig.model_type, DixtillConfig, exist_ok=True)


def _register_model() -> None:
    from transformers import AutoModel, AutoModelForSequenceClassification

    from dixtill_hf.student.configuration_dixtill import DixtillConfig
    from dixtill_hf.student.modeling_dixtill import (
        DixtillForSequenceClassification,
        DixtillModel,
    )

    AutoModel.register(DixtillConfig, DixtillModel, exist_ok=True)
    AutoModelForSequenceClassification.register(
        DixtillConfig, DixtillForSequenceClassification, exist_ok=True
    )


def _import_pipeline() -> None:
    """Import our pipeline, which is registered then; it may be what is being imported."""
    import dixtill_hf.student.pipeline_dixtill  # noqa: F401


def _register_pipeline() -> None:
    from transformers import AutoModelForSequenceClassification
    from transformers.pipelines import PIPELINE_REGISTRY

    from dixtill_hf.student.configuration_dixtill import EXPLAINED_TASK
    from dixtill_hf.student.pipeline_dixtill import DixtillPipeline

    PIPELINE_REGISTRY.register_pipeline(
        EXPLAINED_TASK, DixtillPipeline, pt_model=AutoModelForSequenceClassification, type="text"
    )


def _register_onnx_export() -> None:
    from dixtill_hf.student import optimum_export  # noqa: F401 - which registers itself


_REGISTRATIONS: dict[str, Callable[[], None]] = {
    "transformers.models.auto.configuration_auto": _register_configuration,
    "transformers.models.auto.modeling_auto": _register_model,
    "transformers.pipelines": _import_pipeline,
    "dixtill_hf.student.pipeline_dixtill": _register_pipeline,
    "optimum.exporters.onnx.model_configs": _register_onnx_export,
}


class _RegisteringFinder(importlib.abc.MetaPathFinder):
    """Leaves finding to the other finders and registers once the module has been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _REGISTRATIONS:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((found for found in specs if found is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _REGISTRATIONS[fullname]()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
