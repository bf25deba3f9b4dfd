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
    "BagOfWords": "baselines.bag_of_words",
    "DistillationArguments": "distillation.arguments",
    "DistillationTrainer": "distillation.trainer",
    "DixtillConfig": "student.configuration_dixtill",
    "DixtillForSequenceClassification": "student.modeling_dixtill",
    "DixtillOutput": "student.modeling_dixtill",
    "Explainer": "explainers.base",
    "Explanation": "student.explaining",
    "IntegratedGradients": "explainers.integrated_gradients",
    "OnnxStudent": "export.onnx_student",
    "Student": "student.student",
    "Teacher": "teacher.loading",
    "WordTokenizer": "student.tokenization",
    "add_teacher_labelled_texts": "distillation.augmentation",
    "add_unlabelled_texts": "data.unlabelled",
    "annotate": "annotation.annotate",
    "annotate_cross_fitted": "annotation.ensemble",
    "average_annotations": "annotation.ensemble",
    "build_student": "distillation.building",
    "compress_teacher": "baselines.quantization",
    "cross_fit": "teacher.ensemble",
    "distill": "distillation.distill",
    "dixtill_pipeline": "student.pipeline",
    "explain": "student.explaining",
    "explanation_agreement": "evaluation.agreement",
    "export_student": "export.onnx",
    "finetune_teacher": "teacher.finetuning",
    "label_names": "data.labels",
    "label_variants": "distillation.augmentation",
    "load_compressed": "baselines.quantization",
    "load_pruned": "baselines.attention_heads",
    "load_student": "student.student",
    "load_teacher": "teacher.loading",
    "load_text_classification": "data.loading",
    "load_word_vectors": "student.word_vectors",
    "packaged_encoder": "data.packaged",
    "prepare_dataset": "distillation.dataset",
    "prune_heads": "baselines.attention_heads",
    "register_explainer": "explainers.base",
    "save_pruned": "baselines.attention_heads",
    "save_teacher_vectors": "distillation.teacher_vectors",
    "similar_words": "distillation.augmentation",
    "train_word_tokenizer": "student.tokenization",
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
