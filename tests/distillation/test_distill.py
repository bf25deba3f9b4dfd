# SPDX-License-Identifier: Apache-2.0
"""One call gives a trained student, keeps what it made, and refuses what cannot work."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict
from transformers import AutoModel, AutoTokenizer

from dixtill_hf.distillation.distill import distill
from dixtill_hf.student.student import Student, load_student
from dixtill_hf.teacher.function import FunctionTeacher

SHORT = {"num_train_epochs": 1, "use_cpu": True, "disable_tqdm": True, "variants": 1}
SHORT["word_vectors"] = "none"


@pytest.fixture
def texts(sentences: list[str], teacher_labels: list[str]) -> Dataset:
    """40 labelled texts that all differ."""
    rows = [{"text": f"{sentences[i % 12]} {i}", "label": i % 3} for i in range(40)]
    return Dataset.from_list(rows).cast_column("label", ClassLabel(names=teacher_labels))


@pytest.fixture
def teacher(tiny_teacher_dir: Callable[[str], Path]) -> Path:
    return tiny_teacher_dir("bert")


def tensors(student: Student) -> dict[str, Any]:
    return student.model.state_dict()


def equal(one: Student, other: Student) -> bool:
    theirs = tensors(other)
    return all(torch.equal(tensor, theirs[name]) for name, tensor in tensors(one).items())


def test_a_dataset_in_memory_becomes_a_student_that_one_can_call(texts, teacher, teacher_labels):
    student = distill(texts, teacher, **SHORT)
    assert student.labels == teacher_labels
    assert not student.model.training
    explanation = student("Acme raises its outlook")
    assert explanation.words == ["Acme", "raises", "its", "outlook"]
    assert explanation.label in teacher_labels


def test_a_file_and_a_dataset_dict_give_the_same_student(texts, teacher, tmp_path):
    texts.to_csv(tmp_path / "texts.csv", index=False)
    names = texts.features["label"].names
    from_file = distill(str(tmp_path / "texts.csv"), teacher, label_names=names, **SHORT)
    assert equal(from_file, distill(DatasetDict(train=texts), teacher, **SHORT))


def test_the_output_directory_holds_the_student(texts, teacher, tmp_path):
    directory = tmp_path / "student"
    student = distill(texts, teacher, directory, **SHORT)
    assert equal(student, load_student(directory))
    assert "accuracy" in (directory / "README.md").read_text()
    assert list((directory / "cache" / "annotations").iterdir())
    assert not list(directory.glob("checkpoint-*"))


@pytest.mark.slow
def test_the_same_call_returns_the_student_that_is_there(texts, teacher, tmp_path):
    student = distill(texts, teacher, tmp_path / "student", **SHORT)
    written = (tmp_path / "student" / "model.safetensors").stat().st_mtime_ns
    assert equal(student, distill(texts, teacher, tmp_path / "student", **SHORT))
    assert (tmp_path / "student" / "model.safetensors").stat().st_mtime_ns == written
    other = distill(texts, teacher, tmp_path / "student", seed=1, **SHORT)
    assert not equal(student, other)
    assert equal(other, load_student(tmp_path / "student"))


@pytest.mark.slow
def test_an_interrupted_training_goes_on(texts, teacher, tmp_path, monkeypatch):
    from dixtill_hf.distillation.trainer import DistillationTrainer

    settings = {**SHORT, "num_train_epochs": 2}
    whole = distill(texts, teacher, **settings)
    save = DistillationTrainer._save_checkpoint

    def save_and_stop(self: Any, *args: Any, **kwargs: Any) -> None:
        save(self, *args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(DistillationTrainer, "_save_checkpoint", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        distill(texts, teacher, tmp_path / "student", **settings)
    monkeypatch.undo()
    steps = []
    train = DistillationTrainer.training_step

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        steps.append(self.state.epoch)
        return train(self, *args, **kwargs)

    monkeypatch.setattr(DistillationTrainer, "training_step", counted)
    resumed = distill(texts, teacher, tmp_path / "student", **settings)
    assert min(steps) >= 1
    assert equal(whole, resumed)


@pytest.mark.slow
def test_an_encoder_is_fine_tuned_first(texts, teacher, tmp_path, teacher_labels):
    encoder = tmp_path / "encoder"
    AutoModel.from_pretrained(teacher).save_pretrained(encoder)
    AutoTokenizer.from_pretrained(teacher).save_pretrained(encoder)
    student = distill(texts, encoder, tmp_path / "student", **SHORT)
    assert student.labels == teacher_labels
    config = json.loads((tmp_path / "student" / "teacher" / "config.json").read_text())
    assert list(config["id2label"].values()) == teacher_labels
    with pytest.raises(ValueError, match="label_map is for a teacher that has labels of its own"):
        distill(texts, encoder, tmp_path / "student", label_map={"a": "b"}, **SHORT)


@pytest.mark.slow
def test_a_function_teaches_a_student(texts, teacher_labels, tmp_path, monkeypatch):
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path))
    asked = []

    def logits(given: list[str]) -> list[list[float]]:
        asked.extend(given)
        return [[float("fell" in text), float("jumps" in text), 0.5] for text in given]

    function = FunctionTeacher(logits, teacher_labels, key="words")
    student = distill(texts, function, explainer="occlusion", **SHORT)
    assert student.labels == teacher_labels
    assert set(texts["text"]) & set(asked)
    with pytest.raises(ValueError, match="no gradients"):
        distill(texts, function, **SHORT)


def test_texts_without_labels_get_the_teachers(texts, teacher, teacher_labels):
    student = distill(texts.remove_columns("label"), teacher, unlabelled=True, **SHORT)
    assert student.labels == teacher_labels


def test_a_directory_of_something_else_is_left_alone(texts, teacher, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty, and distill did not write it"):
        distill(texts, teacher, tmp_path, **SHORT)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_directory_of_a_newer_release_is_refused(texts, teacher, tmp_path):
    (tmp_path / "distillation.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match=r"has format 99, and this release.*pip install -U"):
        distill(texts, teacher, tmp_path, **SHORT)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"preset": "defualt"}, "default"),
        ({"method": "dixtil"}, "dixtill"),
        ({"explainer": "none"}, "'dixtill' learns from explanations"),
        ({"variants": -1}, "variants must be at least 0, got -1"),
        ({"method": "none"}, "variants is 1, but the method 'none' learns from labels only"),
        ({"alpha": 1.5}, r"alpha must be in \[0, 1\]"),
        ({"label_column": "mood"}, "no column 'mood'"),
    ],
)
def test_what_cannot_work_is_refused_before_the_teacher_is_loaded(texts, given, message):
    with pytest.raises(ValueError, match=message):
        distill(texts, "no/such/teacher", **{**SHORT, **given})


def test_missing_word_vectors_are_named_before_the_teacher_is_loaded(texts):
    with pytest.raises(FileNotFoundError, match=r"no file of word vectors at 'vectors\.txt'"):
        distill(texts, "no/such/teacher", **{**SHORT, "word_vectors": "vectors.txt"})


def test_several_processes_are_refused(texts, teacher, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=r"one of 2.*run_distillation\.py"):
        distill(texts, teacher, **SHORT)


def test_a_student_starts_from_a_pretrained_one(texts, teacher, student_start_dir):
    given = {name: value for name, value in SHORT.items() if name != "word_vectors"}
    student = distill(texts, teacher, student_start=student_start_dir, **given)
    assert student.model.config.hidden_size == 4
    assert "rise" in student.tokenizer.get_vocab()
    with pytest.raises(ValueError, match="student_start brings words"):
        distill(texts, teacher, student_start=student_start_dir, **SHORT)


def test_a_cache_that_cannot_be_written_is_named(texts, teacher, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path / "file" / "cache"))
    AutoModel.from_pretrained(teacher).save_pretrained(tmp_path / "encoder")
    AutoTokenizer.from_pretrained(teacher).save_pretrained(tmp_path / "encoder")
    for model in (teacher, tmp_path / "encoder"):
        with pytest.raises(OSError, match=r"Nothing can be written to .*file.* output_dir=\.\.\."):
            distill(texts, model, **SHORT)
