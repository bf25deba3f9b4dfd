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
from dixtill_hf.workflow.run import run
from tests.headlines import write_headlines


def small_recipe(data_dir: Path, teacher: Path, output_dir: Path) -> Recipe:
    """A whole run of two methods and two seeds."""
    return Recipe(
        data=DataArguments(source=str(data_dir)),
        teacher=TeacherArguments(teacher=str(teacher)),
        annotation=AnnotationArguments(steps=2),
        student=StudentArguments(
            methods=["none", "dixtill"],
            seeds=2,
            word_vectors="none",
            hidden_size=4,
            epochs=1,
            workers=1,
        ),
        output=OutputArguments(output_dir=str(output_dir)),
    )


@pytest.fixture
def data_dir(tmp_path: Path, sentences: list[str], teacher_labels: list[str]) -> Path:
    """The directory of train.csv and test.csv."""
    return write_headlines(tmp_path / "data", sentences, teacher_labels)


@pytest.fixture
def recipe(tmp_path: Path, data_dir: Path, tiny_teacher_dir: Callable[[str], Path]) -> Recipe:
    """A recipe that a test may change and run."""
    return small_recipe(data_dir, tiny_teacher_dir("bert"), tmp_path / "run")


@pytest.fixture(scope="session")
def finished_run(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
    teacher_labels: list[str],
) -> Path:
    """The output of one run, made once a session: for tests that only read it."""
    directory = tmp_path_factory.mktemp("finished")
    data_dir = write_headlines(directory / "data", sentences, teacher_labels)
    run(small_recipe(data_dir, tiny_teacher_dir("bert"), directory / "run"), "dixtill-hf run")
    return directory / "run"


@pytest.fixture
def encoder(recipe: Recipe, tmp_path: Path) -> Path:
    """The recipe's teacher without its head, to be fine-tuned."""
    source, directory = Path(recipe.teacher.teacher), tmp_path / "encoder"
    AutoModel.from_pretrained(source).save_pretrained(directory)
    AutoTokenizer.from_pretrained(source).save_pretrained(directory)
    return directory
