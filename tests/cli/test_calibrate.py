# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf calibrate` saves a calibrated student and prints what it found."""

import json

from datasets import Dataset, DatasetDict

from dixtill_hf.cli.main import main
from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.student import Student, load_student


def test_the_calibrated_student_is_saved(tmp_path, capsys):
    built = build_student(["up up down down"], ["a", "b"], word_vectors="none", hidden_size=4)
    student = Student(built[0].eval(), built[1])
    student.save(tmp_path / "student")
    texts = ["up down", "down up up"] * 150
    logits = [[1.0, 0.0] if one.label == "a" else [0.0, 1.0] for one in student.explain(texts)]
    held_out = Dataset.from_dict({"text": texts, "teacher_logits": logits})
    DatasetDict(validation=held_out).save_to_disk(str(tmp_path / "annotated"))
    command = ["calibrate", "--annotated", str(tmp_path / "annotated")]
    command += ["--student", str(tmp_path / "student"), "--output_dir", str(tmp_path / "new")]
    capsys.readouterr()
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["threshold"]["wrong"] == 0
    assert found["threshold"]["answered"] == 150
    answering = load_student(tmp_path / "new").model.config.answering
    assert answering["threshold"] == found["threshold"]
    assert main([*command, "--confidence", "2"]) == 1
    assert "confidence must be above 0 and below 1, got 2.0." in capsys.readouterr().err
