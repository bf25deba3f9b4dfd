# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf stream`: files flow through the teacher into a student."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict
from safetensors.torch import load_file

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.cli.stream import main
from dixtill_hf.explainers.saliency import Saliency
from dixtill_hf.student.student import load_student

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def directory(sentences, teacher_labels, tmp_path, monkeypatch) -> Path:
    """Two files of labelled sentences."""
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path / "cache"))
    for part in range(2):
        rows = range(part * 6, part * 6 + 6)
        labels = [teacher_labels[row % 3] for row in rows]
        data = Dataset.from_dict(
            {"sentence": [sentences[row] for row in rows], "sentiment": labels}
        )
        data.to_parquet(tmp_path / "texts" / f"{part}.parquet")
    return tmp_path


def _arguments(directory: Path, output: str, *given: str, files: str = "texts/*.parquet"):
    own = ["--files", str(directory / files), "--output_dir", str(directory / output)]
    own += ["--use_cpu", "--report_to", "none", "--word_vectors", "none", "--hidden_size", "4"]
    own += ["--embedding_size", "5", "--min_frequency", "1", "--max_steps", "4"]
    return [*own, "--per_device_train_batch_size", "4", *given]


def _weights(directory: Path):
    return {name: one.tolist() for name, one in load_file(directory / "model.safetensors").items()}


def test_a_student_learns_from_files_that_a_teacher_annotates(
    directory, tiny_teacher_dir, teacher_labels, capsys
):
    given = ["--teacher", str(tiny_teacher_dir("bert")), "--explainer", "saliency"]
    given += ["--variants", "1", "--save_steps", "2"]
    main(_arguments(directory, "student", *given))
    assert f"The student: {directory / 'student'}" in capsys.readouterr().out
    student = load_student(directory / "student")
    assert [student.model.config.id2label[i] for i in range(3)] == teacher_labels
    trained = json.loads((directory / "student" / "training_args.json").read_text())
    assert trained["max_steps"] == 4
    whole = _weights(directory / "student")
    resume = ["--resume_from_checkpoint", str(directory / "student" / "checkpoint-2")]
    main(_arguments(directory, "student", *given, *resume))
    assert _weights(directory / "student") == whole


def test_annotated_files_need_no_teacher(directory, tiny_teacher_dir, sentences, teacher_labels):
    plain = Dataset.from_dict({"text": sentences})
    annotated = annotate(plain, tiny_teacher_dir("bert"), Saliency())
    annotated.to_parquet(directory / "annotated.parquet")
    DatasetDict(validation=annotated).save_to_disk(directory / "held_out")
    where = _arguments(directory, "student", files="annotated.parquet")
    with pytest.raises(ValueError, match="--labels"):
        main(where)
    held_out = ["--annotated", str(directory / "held_out"), "--eval_strategy", "steps"]
    main([*where, "--labels", *teacher_labels, *held_out])
    assert load_student(directory / "student").model.config.num_labels == 3


def test_what_is_not_possible_is_refused_before_texts_are_read(directory):
    where = _arguments(directory, "student", files="no/such.parquet")
    with pytest.raises(ValueError, match="max_steps"):
        main([*where, "--max_steps", "-1"])
    with pytest.raises(ValueError, match="no teacher to label them"):
        main([*where, "--variants", "2"])
    with pytest.raises(ValueError, match="no texts to evaluate"):
        main([*where, "--eval_strategy", "steps"])
    with pytest.raises(FileNotFoundError):
        main(where)
    with pytest.raises(ValueError, match=r"Parquet files, got \['.*texts.csv'\]"):
        main(_arguments(directory, "student", files="texts.csv"))


@pytest.mark.slow
def test_processes_annotate_and_train_together(directory, tiny_teacher_dir):
    given = ["--teacher", str(tiny_teacher_dir("bert")), "--explainer", "saliency"]
    command = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--multi_gpu"]
    command += ["--num_processes", "2", "-m", "dixtill_hf.cli.main", "stream"]
    settings = {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*command, *_arguments(directory, "two", *given)],
        env=os.environ | settings,
        check=True,
        timeout=600,
    )
    trained = json.loads((directory / "two" / "training_args.json").read_text())
    assert trained["max_steps"] == 4
    assert load_student(directory / "two").model.config.num_labels == 3
