# SPDX-License-Identifier: Apache-2.0
"""Each stage by its own command, one after the other, on a few texts."""

import json

import pytest
from datasets import load_from_disk

from dixtill_hf.cli.main import main
from dixtill_hf.distillation.trainer import DistillationTrainer
from tests.headlines import write_headlines


@pytest.fixture
def data_dir(tmp_path, sentences, teacher_labels):
    return write_headlines(tmp_path / "data", sentences, teacher_labels, train=48, test=12)


def test_annotate_train_evaluate_explain(
    data_dir, tiny_teacher_dir, teacher_labels, tmp_path, capsys, monkeypatch
):
    run, student = tmp_path / "run", tmp_path / "student"
    teacher = str(tiny_teacher_dir("distilbert"))
    given = ["--source", str(data_dir), "--teacher", teacher, "--steps", "2"]
    more = ["--variants", "2", "--explained_variants", "1"]
    assert main(["annotate", *given, *more, "--output_dir", str(run)]) == 0
    annotated, variants = str(run / "annotated"), str(run / "variants" / "2-explained-1")
    sizes = ["--hidden_size", "4", "--word_vectors", "none", "--num_train_epochs", "1"]
    quiet = ["--report_to", "none", "--output_dir", str(student)]
    data, seen = ["--annotated", annotated, "--variants", variants], []
    train = DistillationTrainer.train
    monkeypatch.setattr(
        DistillationTrainer,
        "train",
        lambda self, **named: seen.append(len(self.train_dataset)) or train(self, **named),
    )
    assert main(["train", *data, *sizes, *quiet]) == 0
    assert seen == [len(load_from_disk(annotated)["train"]) + len(load_from_disk(variants))]
    capsys.readouterr()
    assert main(["evaluate", "--annotated", annotated, "--student", str(student)]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert {"accuracy", "macro_f1", "teacher_agreement", "explanation"} <= set(scores)
    assert main(["explain", "--student", str(student), "Acme falls", "again"]) == 0
    printed = capsys.readouterr().out
    assert "Acme" in printed
    assert any(label in printed for label in teacher_labels)


def test_no_more_variants_can_be_explained_than_there_are(data_dir, tmp_path, capsys):
    given = ["--source", str(data_dir), "--variants", "2", "--explained_variants", "3"]
    assert main(["annotate", *given, "--output_dir", str(tmp_path / "run")]) == 1
    assert "explained_variants must be 0 to variants (2), got 3" in capsys.readouterr().err


def test_words_of_no_variant_cannot_be_replaced(data_dir, tmp_path, capsys):
    given = ["--source", str(data_dir), "--replacement_words", "100"]
    assert main(["annotate", *given, "--output_dir", str(tmp_path / "run")]) == 1
    assert "variants of 1 or more: got 100 and 0" in capsys.readouterr().err
    given += ["--variants", "2", "--word_vectors", "none"]
    assert main(["annotate", *given, "--output_dir", str(tmp_path / "run")]) == 1
    assert "replacement_words come from word_vectors" in capsys.readouterr().err
    assert main(["annotate", *given[:-1], "teacher", "--output_dir", str(tmp_path / "run")]) == 1
    assert "make the file with save_teacher_vectors" in capsys.readouterr().err


def test_a_split_that_is_not_there_is_named(data_dir, tiny_teacher_dir, tmp_path, capsys):
    given = ["--source", str(data_dir), "--teacher", str(tiny_teacher_dir("bert"))]
    run = tmp_path / "run"
    assert main(["annotate", *given, "--steps", "1", "--output_dir", str(run)]) == 0
    annotated = str(run / "annotated")
    assert main(["evaluate", "--annotated", annotated, "--split", "tests"]) == 1
    assert "no split 'tests', only train, validation, test" in capsys.readouterr().err
