# SPDX-License-Identifier: Apache-2.0
"""All ways of choosing texts get the same budget and the same first texts."""

from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, DatasetDict

from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.student import Student
from research import asking_the_teacher


def test_ways_are_compared_at_equal_budgets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sentences: list[str]
) -> None:
    student = Student(*build_student(sentences, ["a", "b"], word_vectors="none", hidden_size=4))
    taught: list[list[str]] = []

    def teach(texts: Dataset, _validation: Dataset, _seed: int) -> tuple[Student, dict[str, Any]]:
        taught.append(texts["text"][:])
        return student, {"accuracy": len(taught) / 10, "macro_f1": 0.5, "cosine": 0.1}

    monkeypatch.setattr(asking_the_teacher, "_taught", teach)
    texts = [f"{one} {i}" for i in range(5) for one in sentences]
    data = Dataset.from_dict({"text": texts, "label": [0, 1] * 30})
    data = data.cast_column("label", ClassLabel(names=["a", "b"]))
    DatasetDict(train=data, validation=data).save_to_disk(str(tmp_path / "annotated"))
    results = tmp_path / "results"
    given = ["--annotated", str(tmp_path / "annotated"), "--shares", "0.2", "--seeds", "2"]
    asking_the_teacher.main([*given, "--results_dir", str(results)])
    first, *others = taught[:5]
    assert len(first) == 4
    assert [len(set(one)) for one in others] == [12] * 4
    assert all(one[:4] == first for one in others)
    written = (results / "asking_the_teacher.md").read_text("utf-8")
    assert "| 20% | 12 | explanation_instability |" in written
    asking_the_teacher.main([*given, "--results_dir", str(results)])
    assert len(taught) == 10  # nothing is measured twice
