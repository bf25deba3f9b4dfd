# SPDX-License-Identifier: Apache-2.0
"""An encoder becomes a teacher, once."""

import json

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from transformers import AutoModel, AutoTokenizer

from dixtill_hf.teacher import finetuning
from dixtill_hf.teacher.finetuning import RECORD, FinetuningSettings, finetune_teacher
from dixtill_hf.teacher.loading import load_teacher

SETTINGS = FinetuningSettings(epochs=2, batch_size=4, learning_rate=1e-3)


@pytest.fixture
def encoder(tiny_teacher_dir, tmp_path):
    """A bare encoder: no head, no labels."""
    directory = tmp_path / "encoder"
    source = tiny_teacher_dir("bert")
    AutoModel.from_pretrained(source).save_pretrained(directory)
    AutoTokenizer.from_pretrained(source).save_pretrained(directory)
    return directory


@pytest.fixture
def dataset(sentences, teacher_labels):
    features = Features({"text": Value("string"), "label": ClassLabel(names=teacher_labels)})
    split = Dataset.from_dict(
        {"text": sentences, "label": [i % 3 for i in range(len(sentences))]}, features=features
    )
    return DatasetDict(train=split, validation=split)


def test_the_teacher_carries_the_names_of_the_labels(encoder, dataset, teacher_labels, tmp_path):
    directory = finetune_teacher(dataset, encoder, tmp_path / "teacher", SETTINGS)
    teacher = load_teacher(directory, teacher_labels)
    assert list(teacher.model.config.id2label.values()) == teacher_labels
    record = json.loads((directory / RECORD).read_text())
    assert len(record["epochs"]) == 2
    assert record["validation"] == max(epoch["eval_macro_f1"] for epoch in record["epochs"])
    assert not (directory / "checkpoints").exists()


def test_a_finished_run_is_reused_and_a_changed_one_is_not(encoder, dataset, tmp_path, monkeypatch):
    runs = []
    train = finetuning.Trainer.train
    monkeypatch.setattr(
        finetuning.Trainer, "train", lambda self, **kw: runs.append(1) or train(self, **kw)
    )
    directory = finetune_teacher(dataset, encoder, tmp_path / "teacher", SETTINGS)
    finetune_teacher(dataset, encoder, directory, SETTINGS)
    assert len(runs) == 1
    finetune_teacher(dataset, encoder, directory, FinetuningSettings(epochs=1, batch_size=4))
    assert len(runs) == 2


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "batch_size"])
def test_settings_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be above 0, got 0"):
        FinetuningSettings(**{name: 0})


def test_a_missing_encoder_is_an_error_before_any_training(dataset, tmp_path):
    with pytest.raises(OSError, match="neither a local directory"):
        finetune_teacher(dataset, "nobody/no-encoder", tmp_path / "teacher")
