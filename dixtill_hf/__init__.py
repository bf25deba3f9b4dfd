# SPDX-License-Identifier: Apache-2.0
"""Distil a transformer classifier, with its explanations, into a tiny self-explainable student.

Importing the package is cheap: a public name is imported from its module when it is first used,
and transformers learns of the student when it imports its Auto classes.
"""

from importlib import import_module
from typing import Any

from dixtill_hf.student.registration import register_student

__version__ = "0.1.0"

_MODULES = {
    "BagOfWords": "compression.bag_of_words",
    "DistillationArguments": "distillation.arguments",
    "DistillationTrainer": "distillation.trainer",
    "DixtillConfig": "student.configuration_dixtill",
    "DixtillForSequenceClassification": "student.modeling_dixtill",
    "DixtillOutput": "student.modeling_dixtill",
    "Explainer": "teacher.explainers.base",
    "Explanation": "student.explaining",
    "IntegratedGradients": "teacher.explainers.integrated_gradients",
    "OnnxStudent": "deployment.onnx_student",
    "Teacher": "teacher.loading",
    "WordTokenizer": "student.tokenization",
    "add_unlabelled_texts": "data.unlabelled",
    "annotate": "teacher.annotation.annotate",
    "annotate_cross_fitted": "teacher.cross_fitting",
    "average_annotations": "teacher.annotation.averaging",
    "build_student": "distillation.building",
    "compress_teacher": "compression.quantization",
    "cross_fit": "teacher.cross_fitting",
    "dixtill_pipeline": "student.pipeline",
    "explain": "student.explaining",
    "explanation_agreement": "evaluation.agreement",
    "export_student": "deployment.onnx_export",
    "finetune_teacher": "teacher.finetuning",
    "label_names": "data.labels",
    "label_variants": "distillation.transfer_set",
    "load_compressed": "compression.quantization",
    "load_pruned": "compression.head_pruning",
    "load_teacher": "teacher.loading",
    "load_text_classification": "data.loading",
    "load_word_vectors": "student.word_vectors",
    "packaged_encoder": "data.packaged",
    "prepare_dataset": "distillation.preparation",
    "prune_heads": "compression.head_pruning",
    "register_explainer": "teacher.explainers.base",
    "save_pruned": "compression.head_pruning",
    "save_teacher_vectors": "distillation.teacher_vectors",
    "similar_words": "distillation.similar_words",
    "train_word_tokenizer": "student.tokenization",
    "with_transfer_set": "distillation.transfer_set",
}

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})


register_student()
