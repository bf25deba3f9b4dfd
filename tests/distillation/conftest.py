# SPDX-License-Identifier: Apache-2.0
"""A small annotated corpus and the student that learns it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Sequence as ListOf
from transformers import PreTrainedTokenizerFast

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer

NAMES = ["bearish", "bullish", "neutral"]
SIGNALS = [["falls", "slumps"], ["rises", "jumps"], ["opens", "meets"]]
FILLERS = ["Acme", "stock", "on", "Monday", "after", "the", "board", "report"]
FEATURES = Features(
    {
        "text": Value("string"),
        "label": ClassLabel(names=NAMES),
        "teacher_logits": ListOf(Value("float32")),
        "teacher_spans": ListOf(ListOf(Value("int32"))),
        "teacher_attributions": ListOf(Value("float32")),
        "teacher_explained_label": Value("int32"),
    }
)


def make_row(rng: np.random.Generator) -> dict[str, Any]:
    """A text of which one word carries the label, and a teacher that knows which."""
    label = int(rng.integers(3))
    words = rng.choice(FILLERS, size=rng.integers(1, 9)).tolist()
    place = int(rng.integers(len(words) + 1))
    words.insert(place, str(rng.choice(SIGNALS[label])))
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    attributions = rng.normal(scale=0.1, size=len(words))
    attributions[place] = 2.0
    return {
        "text": " ".join(words),
        "label": label,
        "teacher_logits": (4 * np.eye(3)[label] + rng.normal(scale=0.5, size=3)).tolist(),
        "teacher_spans": [
            [int(end) - len(word), int(end)] for end, word in zip(ends, words, strict=True)
        ],
        "teacher_attributions": attributions.tolist(),
        "teacher_explained_label": label,
    }


@pytest.fixture(scope="session")
def annotated() -> Dataset:
    """48 annotated texts of 2 to 9 words."""
    rng = np.random.default_rng(0)
    return Dataset.from_list([make_row(rng) for _ in range(48)], features=FEATURES)


@pytest.fixture(scope="session")
def student_tokenizer(annotated: Dataset) -> PreTrainedTokenizerFast:
    """Knows every word of the annotated texts."""
    return train_word_tokenizer(annotated["text"])


@pytest.fixture(scope="session")
def make_student(
    student_tokenizer: PreTrainedTokenizerFast,
) -> Callable[..., DixtillForSequenceClassification]:
    """Makes a tiny student, the same every time; dropouts are 0 unless given."""

    def make(**settings: Any) -> DixtillForSequenceClassification:
        defaults = {
            "vocab_size": len(student_tokenizer),
            "embedding_size": 6,
            "hidden_size": 5,
            "embedding_dropout": 0.0,
            "hidden_dropout": 0.0,
            "word_dropout": 0.0,
            "id2label": dict(enumerate(NAMES)),
            "label2id": {name: i for i, name in enumerate(NAMES)},
        }
        config = DixtillConfig(**{**defaults, **settings})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return DixtillForSequenceClassification(config)

    return make


@pytest.fixture
def make_arguments(tmp_path: Path) -> Callable[..., DistillationArguments]:
    """Makes arguments of a short training on the CPU."""

    def make(**settings: Any) -> DistillationArguments:
        defaults = {
            "output_dir": str(tmp_path / "out"),
            "use_cpu": True,
            "num_train_epochs": 2,
            "per_device_train_batch_size": 8,
            "learning_rate": 1e-2,
            "lr_scheduler_type": "constant",
            "dataloader_pin_memory": False,
            "disable_tqdm": True,
            "report_to": "none",
            "save_strategy": "no",
            "logging_steps": 3,
        }
        return DistillationArguments(**{**defaults, **settings})

    return make


@pytest.fixture
def make_trainer(
    annotated: Dataset,
    student_tokenizer: PreTrainedTokenizerFast,
    make_student: Callable[..., DixtillForSequenceClassification],
    make_arguments: Callable[..., DistillationArguments],
) -> Callable[..., DistillationTrainer]:
    """Makes a trainer of the small corpus; what is given replaces its parts or its arguments."""
    parts = ("model", "model_init", "train_dataset", "eval_dataset", "callbacks")
    parts += ("teacher", "label_map", "compute_metrics")

    def make(**given: Any) -> DistillationTrainer:
        own = {name: given.pop(name) for name in parts if name in given}
        if "model_init" not in own:
            own.setdefault("model", make_student())
        own.setdefault("train_dataset", annotated)
        own.setdefault("eval_dataset", annotated.select(range(21)))
        return DistillationTrainer(
            args=make_arguments(**given), processing_class=student_tokenizer, **own
        )

    return make
