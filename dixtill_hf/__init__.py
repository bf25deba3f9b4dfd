# SPDX-License-Identifier: Apache-2.0
"""Distil a transformer classifier, with its explanations, into a tiny self-explainable student.

The public API is `__all__`; the names in `EXPERIMENTAL` may change in any release. Importing the
package is cheap: a public name is imported from its module when it is first used, and transformers
learns of the student when it imports its Auto classes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dixtill_hf.student.registration import register_student

__version__ = "0.1.0"

# A plain list: type checkers read no other.
__all__ = [
    "BagOfWords",
    "BatchPredictor",
    "Calibration",
    "Cascade",
    "ChatEndpoint",
    "CompletionEndpoint",
    "Counterfactual",
    "DistillationArguments",
    "DistillationTrainer",
    "DixtillConfig",
    "DixtillForSequenceClassification",
    "DixtillModel",
    "DixtillOutput",
    "Explainer",
    "Explanation",
    "FunctionTeacher",
    "IntegratedGradients",
    "LabelAsker",
    "LocalGenerator",
    "OnnxStudent",
    "PretrainingSettings",
    "PromptedTeacher",
    "RatedItem",
    "RationaleArguments",
    "RationaleTrainer",
    "SearchSettings",
    "Student",
    "Teacher",
    "TextPair",
    "WordTokenizer",
    "__version__",
    "add_teacher_labelled_texts",
    "add_unlabelled_texts",
    "add_variants",
    "analyse_ratings",
    "annotate",
    "annotate_by_ensemble",
    "annotate_cross_fitted",
    "annotate_long_texts",
    "annotate_recorded",
    "ask_for_corrections",
    "ask_for_labels",
    "average_annotations",
    "build_student",
    "calibrate",
    "compare_with_people",
    "compress_teacher",
    "count_quotes",
    "count_words",
    "counterfactual_consistency",
    "cross_fit",
    "distill",
    "dixtill_pipeline",
    "explanation_agreement",
    "export_student",
    "find_contradictions",
    "finetune_teacher",
    "generate_rationales",
    "label_names",
    "label_variants",
    "leakage_adjusted_simulatability",
    "learning_curve",
    "load_compressed",
    "load_pruned",
    "load_student",
    "load_teacher",
    "load_text_classification",
    "load_word_vectors",
    "packaged_encoder",
    "predict_files",
    "prepare_dataset",
    "pretrain_student",
    "prune_heads",
    "push_annotations",
    "register_explainer",
    "register_kd_loss",
    "rename_rationale_columns",
    "run_tables",
    "save_pruned",
    "save_teacher_vectors",
    "search_students",
    "select_for_teacher",
    "similar_words",
    "teach_in_rounds",
    "train_word_tokenizer",
    "write_rating_form",
]

# Where each public name is defined, for its import when it is first used.
_MODULES = {
    "BagOfWords": "baselines.bag_of_words",
    "BatchPredictor": "scoring.arrow",
    "Calibration": "selective.calibrate",
    "Cascade": "selective.cascade",
    "ChatEndpoint": "teacher.prompted.endpoint",
    "CompletionEndpoint": "teacher.prompted.endpoint",
    "Counterfactual": "student.counterfactual",
    "DistillationArguments": "distillation.arguments",
    "DistillationTrainer": "distillation.trainer",
    "DixtillConfig": "student.configuration_dixtill",
    "DixtillForSequenceClassification": "student.modeling_dixtill",
    "DixtillModel": "student.modeling_dixtill",
    "DixtillOutput": "student.outputs_dixtill",
    "Explainer": "explainers.base",
    "Explanation": "student.explaining",
    "FunctionTeacher": "teacher.function",
    "IntegratedGradients": "explainers.integrated_gradients",
    "LabelAsker": "teacher.prompted.asking",
    "LocalGenerator": "rationales.generation",
    "OnnxStudent": "export.onnx_student",
    "PretrainingSettings": "pretraining.pretrain",
    "PromptedTeacher": "teacher.prompted.teacher",
    "RatedItem": "rationales.ratings",
    "RationaleArguments": "rationales.trainer",
    "RationaleTrainer": "rationales.trainer",
    "SearchSettings": "search.settings",
    "Student": "student.student",
    "Teacher": "teacher.loading",
    "TextPair": "data.text_pairs",
    "WordTokenizer": "student.tokenization",
    "add_teacher_labelled_texts": "distillation.augmentation",
    "add_unlabelled_texts": "data.loading",
    "add_variants": "distillation.stream_variants",
    "analyse_ratings": "rationales.ratings",
    "annotate": "annotation.annotate",
    "annotate_by_ensemble": "annotation.ensemble",
    "annotate_cross_fitted": "annotation.ensemble",
    "annotate_long_texts": "annotation.windows",
    "annotate_recorded": "annotation.recorded",
    "ask_for_corrections": "distillation.selection",
    "ask_for_labels": "annotation.recorded",
    "average_annotations": "annotation.ensemble",
    "build_student": "distillation.building",
    "calibrate": "selective.calibrate",
    "compare_with_people": "evaluation.teacher_quality",
    "compress_teacher": "baselines.quantization",
    "count_quotes": "data.quotes",
    "count_words": "student.word_counts",
    "counterfactual_consistency": "rationales.measures",
    "cross_fit": "teacher.ensemble",
    "distill": "distillation.distill",
    "dixtill_pipeline": "student.pipeline_dixtill",
    "explanation_agreement": "evaluation.agreement.base",
    "export_student": "export.onnx",
    "find_contradictions": "evaluation.teacher_quality",
    "finetune_teacher": "teacher.finetuning",
    "generate_rationales": "rationales.generation",
    "label_names": "data.labels",
    "label_variants": "distillation.augmentation",
    "leakage_adjusted_simulatability": "rationales.measures",
    "learning_curve": "evaluation.teacher_quality",
    "load_compressed": "baselines.quantization",
    "load_pruned": "baselines.attention_heads",
    "load_student": "student.student",
    "load_teacher": "teacher.loading",
    "load_text_classification": "data.loading",
    "load_word_vectors": "student.word_vectors",
    "packaged_encoder": "data.packaged",
    "predict_files": "scoring.files",
    "prepare_dataset": "distillation.dataset",
    "pretrain_student": "pretraining.pretrain",
    "prune_heads": "baselines.attention_heads",
    "push_annotations": "hub.annotations",
    "register_explainer": "explainers.base",
    "register_kd_loss": "distillation.losses.base",
    "rename_rationale_columns": "rationales.columns",
    "run_tables": "reporting.run_tables",
    "save_pruned": "baselines.attention_heads",
    "save_teacher_vectors": "distillation.teacher_vectors",
    "search_students": "search.search",
    "select_for_teacher": "distillation.selection",
    "similar_words": "distillation.augmentation",
    "teach_in_rounds": "distillation.selection",
    "train_word_tokenizer": "student.tokenization",
    "write_rating_form": "rationales.ratings",
}

EXPERIMENTAL = frozenset(
    {
        "BagOfWords",
        "Cascade",
        "ChatEndpoint",
        "CompletionEndpoint",
        "FunctionTeacher",
        "LabelAsker",
        "LocalGenerator",
        "OnnxStudent",
        "PromptedTeacher",
        "RatedItem",
        "RationaleArguments",
        "RationaleTrainer",
        "SearchSettings",
        "add_variants",
        "analyse_ratings",
        "annotate_by_ensemble",
        "annotate_cross_fitted",
        "annotate_long_texts",
        "annotate_recorded",
        "ask_for_corrections",
        "ask_for_labels",
        "average_annotations",
        "compare_with_people",
        "compress_teacher",
        "count_quotes",
        "count_words",
        "counterfactual_consistency",
        "cross_fit",
        "export_student",
        "find_contradictions",
        "generate_rationales",
        "leakage_adjusted_simulatability",
        "learning_curve",
        "load_compressed",
        "load_pruned",
        "prune_heads",
        "register_kd_loss",
        "rename_rationale_columns",
        "save_pruned",
        "save_teacher_vectors",
        "search_students",
        "select_for_teacher",
        "similar_words",
        "teach_in_rounds",
        "write_rating_form",
    }
)
"""Public names that may change in any release."""

if TYPE_CHECKING:  # what type checkers and editors read
    from dixtill_hf.annotation.annotate import annotate
    from dixtill_hf.annotation.ensemble import (
        annotate_by_ensemble,
        annotate_cross_fitted,
        average_annotations,
    )
    from dixtill_hf.annotation.recorded import annotate_recorded, ask_for_labels
    from dixtill_hf.annotation.windows import annotate_long_texts
    from dixtill_hf.baselines.attention_heads import load_pruned, prune_heads, save_pruned
    from dixtill_hf.baselines.bag_of_words import BagOfWords
    from dixtill_hf.baselines.quantization import compress_teacher, load_compressed
    from dixtill_hf.data.labels import label_names
    from dixtill_hf.data.loading import add_unlabelled_texts, load_text_classification
    from dixtill_hf.data.packaged import packaged_encoder
    from dixtill_hf.data.quotes import count_quotes
    from dixtill_hf.data.text_pairs import TextPair
    from dixtill_hf.distillation.arguments import DistillationArguments
    from dixtill_hf.distillation.augmentation import (
        add_teacher_labelled_texts,
        label_variants,
        similar_words,
    )
    from dixtill_hf.distillation.building import build_student
    from dixtill_hf.distillation.dataset import prepare_dataset
    from dixtill_hf.distillation.distill import distill
    from dixtill_hf.distillation.losses.base import register_kd_loss
    from dixtill_hf.distillation.selection import (
        ask_for_corrections,
        select_for_teacher,
        teach_in_rounds,
    )
    from dixtill_hf.distillation.stream_variants import add_variants
    from dixtill_hf.distillation.teacher_vectors import save_teacher_vectors
    from dixtill_hf.distillation.trainer import DistillationTrainer
    from dixtill_hf.evaluation.agreement.base import explanation_agreement
    from dixtill_hf.evaluation.teacher_quality import (
        compare_with_people,
        find_contradictions,
        learning_curve,
    )
    from dixtill_hf.explainers.base import Explainer, register_explainer
    from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
    from dixtill_hf.export.onnx import export_student
    from dixtill_hf.export.onnx_student import OnnxStudent
    from dixtill_hf.hub.annotations import push_annotations
    from dixtill_hf.pretraining.pretrain import PretrainingSettings, pretrain_student
    from dixtill_hf.rationales.columns import rename_rationale_columns
    from dixtill_hf.rationales.generation import LocalGenerator, generate_rationales
    from dixtill_hf.rationales.measures import (
        counterfactual_consistency,
        leakage_adjusted_simulatability,
    )
    from dixtill_hf.rationales.ratings import RatedItem, analyse_ratings, write_rating_form
    from dixtill_hf.rationales.trainer import RationaleArguments, RationaleTrainer
    from dixtill_hf.reporting.run_tables import run_tables
    from dixtill_hf.scoring.arrow import BatchPredictor
    from dixtill_hf.scoring.files import predict_files
    from dixtill_hf.search.search import search_students
    from dixtill_hf.search.settings import SearchSettings
    from dixtill_hf.selective.calibrate import Calibration, calibrate
    from dixtill_hf.selective.cascade import Cascade
    from dixtill_hf.student.configuration_dixtill import DixtillConfig
    from dixtill_hf.student.counterfactual import Counterfactual
    from dixtill_hf.student.explaining import Explanation
    from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification, DixtillModel
    from dixtill_hf.student.outputs_dixtill import DixtillOutput
    from dixtill_hf.student.pipeline_dixtill import dixtill_pipeline
    from dixtill_hf.student.student import Student, load_student
    from dixtill_hf.student.tokenization import WordTokenizer, train_word_tokenizer
    from dixtill_hf.student.word_counts import count_words
    from dixtill_hf.student.word_vectors import load_word_vectors
    from dixtill_hf.teacher.ensemble import cross_fit
    from dixtill_hf.teacher.finetuning import finetune_teacher
    from dixtill_hf.teacher.function import FunctionTeacher
    from dixtill_hf.teacher.loading import Teacher, load_teacher
    from dixtill_hf.teacher.prompted.asking import LabelAsker
    from dixtill_hf.teacher.prompted.endpoint import ChatEndpoint, CompletionEndpoint
    from dixtill_hf.teacher.prompted.teacher import PromptedTeacher
else:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})


register_student()
