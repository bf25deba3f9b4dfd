# SPDX-License-Identifier: Apache-2.0
"""A recipe that takes seconds: a few dozen headlines, a tiny teacher, one epoch."""

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModel, AutoTokenizer

from dixtill_hf.workflow.recipe import (
    AnnotationArguments,
    DataArguments,
    OutputArguments,
    Recipe,
    StudentArguments,
    TeacherArguments,
)


@pytest.fixture
def data_dir(tmp_path: Path, sentences: list[str], teacher_labels: list[str]) -> Path:
    """train.csv and test.csv of texts that all differ."""
    directory = tmp_path / "data"
    directory.mkdir()
    for split, count in (("train", 60), ("test", 24)):
        rows = [f'"{sentences[i % 12]} {split} {i}",{teacher_labels[i % 3]}' for i in range(count)]
        (directory / f"{split}.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return directory


@pytest.fixture
def recipe(tmp_path: Path, data_dir: Path, tiny_teacher_dir: Callable[[str], Path]) -> Recipe:
    """A whole run of two methods and two seeds."""
    return Recipe(
        data=DataArguments(source=str(data_dir)),
        teacher=TeacherArguments(teacher=str(tiny_teacher_dir("bert"))),
        annotation=AnnotationArguments(steps=2),
        student=StudentArguments(
            methods=["none", "dixtill"],
            seeds=2,
            word_vectors="none",
            hidden_size=4,
            epochs=1,
            workers=1,
        ),
        output=OutputArguments(output_dir=str(tmp_path / "run")),
    )


@pytest.fixture
def encoder(recipe: Recipe, tmp_path: Path) -> Path:
    """The recipe's teacher without its head, to be fine-tuned."""
    source, directory = Path(recipe.teacher.teacher), tmp_path / "encoder"
    AutoModel.from_pretrained(source).save_pretrained(directory)
    AutoTokenizer.from_pretrained(source).save_pretrained(directory)
    return directory
