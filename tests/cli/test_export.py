# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf export`."""

import csv
import json

import pytest
from datasets import ClassLabel, Dataset, DatasetDict

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")

from dixtill_hf.cli.main import main
from dixtill_hf.distillation.building import build_student
from dixtill_runtime import Classifier

LABELS = ["down", "up"]


@pytest.fixture(scope="module")
def saved(sentences, tmp_path_factory):
    """A student, and the data that it could have been trained from."""
    directory = tmp_path_factory.mktemp("saved")
    model, tokenizer = build_student(sentences, LABELS, min_frequency=1)
    model.save_pretrained(directory / "student")
    tokenizer.save_pretrained(directory / "student")
    with open(directory / "train.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for index in range(60):
            writer.writerow([f"{sentences[index % 12]} {index}", index % 2])
    return directory


def test_a_student_is_written_measured_and_runs(saved, tmp_path, capsys):
    arguments = ["--output_dir", str(tmp_path), "--validation", str(saved / "train.csv")]
    arguments += ["--label_names", *LABELS]
    licence = ["--licence", "word vectors: none"]
    assert main(["export", str(saved / "student"), *arguments, *licence]) == 0
    shown = capsys.readouterr().out
    assert "Same labels as before" in shown
    assert f"Written: {tmp_path / 'student.dxt'}" in shown
    classifier = Classifier.from_file(tmp_path)
    assert classifier.labels == ("down", "up")
    assert classifier.meta["student"] == "student"
    assert "word vectors: none" in classifier.meta["licences"]


def test_labels_that_the_student_does_not_know_are_named(saved, capsys):
    arguments = ["--validation", str(saved / "train.csv"), "--label_names", "down", "sideways"]
    assert main(["export", str(saved / "student"), *arguments]) == 1
    assert "does not know the label(s) sideways" in capsys.readouterr().err


def test_what_is_wrong_is_one_line(saved, capsys):
    assert main(["export", str(saved / "student"), "--target", "dx"]) == 1
    assert "Did you mean 'dxt'" in capsys.readouterr().err
    assert main(["export", str(saved / "student"), "--max_bytes", "9"]) == 1
    assert "give --validation" in capsys.readouterr().err
    assert main(["export", str(saved / "nothing")]) == 1
    assert "There is no student" in capsys.readouterr().err


def test_the_page_shows_what_the_teacher_says_of_annotated_texts(saved, sentences, tmp_path):
    rows = {
        "text": sentences[:4],
        "label": [0, 1, 0, 1],
        "teacher_spans": [[[0, 3]]] * 4,
        "teacher_attributions": [[0.5]] * 4,
        "teacher_logits": [[0.0, 1.0]] * 4,
        "teacher_explained_label": [1] * 4,
    }
    split = Dataset.from_dict(rows).cast_column("label", ClassLabel(names=LABELS))
    splits = {"train": split, "validation": split.select([3])}
    DatasetDict(splits).save_to_disk(tmp_path / "annotated")
    arguments = ["--output_dir", str(tmp_path), "--validation", str(tmp_path / "annotated")]
    assert main(["export", str(saved / "student"), "--target", "wasm", *arguments]) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    (example,) = json.loads(page.split('id="example-texts"')[1].split(">")[1].split("</script")[0])
    assert example["text"] == sentences[3]
    assert example["teacher"]["label"] == "up"
    assert sum(score or 0 for _, score in example["teacher"]["segments"]) == pytest.approx(0.5)
