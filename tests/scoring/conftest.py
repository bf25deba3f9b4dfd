# SPDX-License-Identifier: Apache-2.0
"""A small student, saved and rounded, that all tests of scoring share."""

import pytest
import torch

from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.student import Student


@pytest.fixture(scope="session")
def student(sentences):
    """A student with random weights, large enough that predictions differ."""
    torch.manual_seed(0)
    model, tokenizer = build_student(sentences, ["down", "up", "flat"], min_frequency=1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    return Student(model.eval(), tokenizer)


@pytest.fixture(scope="session")
def student_dir(student, tmp_path_factory):
    """The student, saved."""
    return str(student.save(tmp_path_factory.mktemp("student")))


@pytest.fixture(scope="session")
def texts(sentences):
    """Sixty texts, one of them empty."""
    return [f"{sentences[number % 12]} {number}" for number in range(59)] + [""]
