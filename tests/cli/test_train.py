# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf train`: a preset's two sides, and what lies in the output directory."""

import json

import pytest
from datasets import ClassLabel, Dataset, DatasetDict

from dixtill_hf.cli.train import main


@pytest.fixture
def annotated_dir(tmp_path, sentences, teacher_labels):
    """Texts with the teacher's logits alone, all that the method "kl" needs."""
    rows = {
        "text": sentences,
        "label": [i % 3 for i in range(12)],
        "teacher_logits": [[float(i % 3 == label) for label in range(3)] for i in range(12)],
    }
    data = Dataset.from_dict(rows).cast_column("label", ClassLabel(names=teacher_labels))
    DatasetDict(train=data).save_to_disk(tmp_path / "annotated")
    return tmp_path / "annotated"


@pytest.mark.parametrize("from_recipe", [True, False])
def test_a_preset_gives_the_student_and_its_training(annotated_dir, tmp_path, from_recipe):
    given = ["--preset", "paper", "--method", "kl"]
    if from_recipe:
        (tmp_path / "recipe.yaml").write_text("preset: paper\nmethod: kl\n")
        given = [str(tmp_path / "recipe.yaml")]
    own = ["--num_train_epochs", "1", "--word_vectors", "none", "--hidden_size", "4"]
    own += ["--embedding_size", "6", "--ngram_buckets", "20"]
    where = ["--annotated", str(annotated_dir), "--output_dir", str(tmp_path / "student")]
    main([*given, *own, *where, "--report_to", "none"])
    student = json.loads((tmp_path / "student" / "config.json").read_text())
    assert (student["word_dropout"], student["hidden_dropout"]) == (0.0, 0.0)
    assert (student["explanation"], student["hidden_size"]) == ("contributions", 4)
    assert (student["embedding_size"], student["ngram_buckets"]) == (6, 0)  # folded
    trained = json.loads((tmp_path / "student" / "training_args.json").read_text())
    assert (trained["optim"], trained["optim_args"]) == ("sgd", "momentum=0.9")
    assert (trained["kd_loss"], trained["xai_weight"]) == ("kl", 0.0)
    assert trained["num_train_epochs"] == 1
    assert not (tmp_path / "student" / "training_args.bin").exists()


def test_missing_variants_of_the_preset_are_told(annotated_dir, tmp_path, capsys):
    given = ["--annotated", str(annotated_dir), "--output_dir", str(tmp_path / "student")]
    given += ["--method", "kl", "--num_train_epochs", "1", "--word_vectors", "none", "--use_cpu"]
    main([*given, "--report_to", "none"])
    assert "no variants of the texts at" in capsys.readouterr().err
    main([*given, "--report_to", "none", "--variants", "none"])
    assert "no variants" not in capsys.readouterr().err


def test_the_teachers_word_vectors_have_to_be_made_first(annotated_dir, tmp_path):
    where = ["--annotated", str(annotated_dir), "--output_dir", str(tmp_path / "student")]
    with pytest.raises(ValueError, match="make the file with save_teacher_vectors"):
        main([*where, "--word_vectors", "teacher"])


def test_a_dataset_without_splits_is_refused(annotated_dir, tmp_path):
    Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "single")
    where = ["--annotated", str(tmp_path / "single"), "--output_dir", str(tmp_path / "student")]
    with pytest.raises(ValueError, match=r"a dataset without splits.*DatasetDict\(\{'train'"):
        main(where)


def test_a_student_starts_from_a_pretrained_one(annotated_dir, student_start_dir, tmp_path):
    given = ["--annotated", str(annotated_dir), "--output_dir", str(tmp_path / "student")]
    given += ["--method", "kl", "--num_train_epochs", "1", "--variants", "none", "--use_cpu"]
    main([*given, "--student_start", str(student_start_dir), "--report_to", "none"])
    student = json.loads((tmp_path / "student" / "config.json").read_text())
    assert (student["embedding_size"], student["hidden_size"]) == (3, 4)
