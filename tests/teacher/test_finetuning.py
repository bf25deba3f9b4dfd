# SPDX-License-Identifier: Apache-2.0
"""An encoder becomes a teacher, once."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import Sequence as ListOf
from safetensors.torch import load_file
from transformers import (
    AutoModel,
    AutoTokenizer,
    BartConfig,
    Trainer,
    TrainerState,
    TrainingArguments,
)

from dixtill_hf.artifacts.stage_cache import RECORD
from dixtill_hf.teacher import finetuning, finetuning_trainer
from dixtill_hf.teacher.finetuning import (
    FinetuningSettings,
    _identify,
    finetune_teacher,
)
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
    record = json.loads((directory / RECORD).read_text())["value"]
    assert len(record["epochs"]) == 2
    reached = [record["linear_probe"], *(epoch["eval_macro_f1"] for epoch in record["epochs"])]
    assert record["validation"] == max(reached)
    assert [path.name for path in tmp_path.iterdir() if path != encoder] == ["teacher"]
    assert not list(directory.glob("*.bin"))  # training_args.bin is a pickle
    assert not list(directory.glob("*.tmp"))


def relabelled(dataset: DatasetDict, feature, labels) -> DatasetDict:
    """The texts with other labels."""
    splits = {
        name: split.remove_columns("label").add_column("label", labels, feature=feature)
        for name, split in dataset.items()
    }
    return DatasetDict(splits)


def test_a_teacher_of_several_labels_keeps_its_thresholds(encoder, dataset, tmp_path):
    names = ["down", "up", "flat"]
    labels = [[i % 3] + [2] * (i % 2) for i in range(len(dataset["train"]))]
    several = relabelled(dataset, ListOf(ClassLabel(names=names)), [sorted(set(x)) for x in labels])
    directory = finetune_teacher(several, encoder, tmp_path / "teacher", SETTINGS)
    teacher = load_teacher(directory, names)
    assert teacher.problem_type.name == "multi_label_classification"
    assert len(teacher.thresholds) == 3
    record = json.loads((directory / RECORD).read_text())["value"]
    assert 0 < record["linear_probe"] <= record["validation"] <= 1
    assert "eval_mean_average_precision" in record["epochs"][0]


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_teacher_of_values(encoder, dataset, tmp_path, outputs):
    values = [i / 10 for i in range(len(dataset["train"]))]
    feature, labels = Value("float32"), values
    if outputs == 2:
        feature = {"x": Value("float32"), "y": Value("float32")}
        labels = [{"x": value, "y": -value} for value in values]
    data = relabelled(dataset, feature, labels)
    directory = finetune_teacher(data, encoder, tmp_path / "teacher", SETTINGS)
    teacher = load_teacher(directory)
    assert teacher.problem_type.name == "regression"
    assert list(teacher.labels) == (["score"] if outputs == 1 else ["x", "y"])
    record = json.loads((directory / RECORD).read_text())["value"]
    assert -1 <= record["validation"] <= 1
    assert "eval_pearson" in record["epochs"][0]


def test_a_finished_run_is_reused_and_a_changed_one_is_not(encoder, dataset, tmp_path, monkeypatch):
    runs = []
    train = Trainer.train
    monkeypatch.setattr(
        Trainer, "train", lambda self, *given: runs.append(1) or train(self, *given)
    )
    directory = finetune_teacher(dataset, encoder, tmp_path / "teacher", SETTINGS)
    finetune_teacher(dataset, encoder, directory, SETTINGS)
    assert len(runs) == 1
    monkeypatch.setattr(finetuning, "_PROCEDURE", 0)
    finetune_teacher(dataset, encoder, directory, SETTINGS)
    assert len(runs) == 2
    finetune_teacher(dataset, encoder, directory, FinetuningSettings(epochs=1, batch_size=4))
    assert len(runs) == 3


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "batch_size"])
def test_settings_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be above 0, got 0"):
        FinetuningSettings(**{name: 0})


@pytest.mark.parametrize(
    ("texts", "labels", "parameters", "epochs", "learning_rate"),
    [
        (45, 3, 22_000_000, 20, 1e-4),
        (1_000, 2, 22_000_000, 10, 1e-4),
        (2_700, 77, 22_000_000, 13, 1e-4),
        (8_589, 3, 22_000_000, 4, 1e-4),
        (10**6, 77, 110_000_000, 4, 2e-5),
    ],
)
def test_what_is_left_open_depends_on_the_task_and_the_encoder(
    texts, labels, parameters, epochs, learning_rate
):
    filled = FinetuningSettings().for_task(texts, labels, parameters)
    assert (filled.epochs, filled.learning_rate) == (epochs, learning_rate)
    given = FinetuningSettings(epochs=2, learning_rate=1e-3)
    assert given.for_task(texts, labels, parameters) == given


def test_several_devices_share_the_batch_and_warm_up_as_one_does(tmp_path, monkeypatch):
    settings = FinetuningSettings(epochs=2, learning_rate=1e-4)
    given = {"texts": 640, "metric": "macro_f1"}
    alone = finetuning_trainer._training_arguments(tmp_path, settings, **given)
    monkeypatch.setattr(TrainingArguments, "world_size", 8)
    shared = finetuning_trainer._training_arguments(tmp_path, settings, **given)
    assert (alone.per_device_train_batch_size, shared.per_device_train_batch_size) == (32, 4)
    assert alone.warmup_steps == shared.warmup_steps == 4


def test_no_teacher_is_worse_than_its_linear_probe(encoder, dataset, tmp_path):
    ruinous = FinetuningSettings(epochs=1, batch_size=4, learning_rate=10)
    directory = finetune_teacher(dataset, encoder, tmp_path / "teacher", ruinous)
    record = json.loads((directory / RECORD).read_text())["value"]
    assert record["epochs"][0]["eval_macro_f1"] < record["linear_probe"] == record["validation"]
    before, after = (load_file(path / "model.safetensors") for path in (encoder, directory))
    key = "embeddings.word_embeddings.weight"
    torch.testing.assert_close(after[f"bert.{key}"], before[key])


def test_a_missing_encoder_is_an_error_before_any_training(dataset, tmp_path):
    with pytest.raises(OSError, match="neither a local directory"):
        finetune_teacher(dataset, "nobody/no-encoder", tmp_path / "teacher")


def test_whole_and_real_epochs_are_the_same(encoder, dataset, tmp_path, monkeypatch):
    assert repr(FinetuningSettings(epochs=3)) == repr(FinetuningSettings(epochs=3.0))
    directory = tmp_path / "teacher"
    finetune_teacher(dataset, encoder, directory, FinetuningSettings(epochs=1, batch_size=4))
    monkeypatch.setattr(Trainer, "train", None)
    finetune_teacher(dataset, encoder, directory, FinetuningSettings(epochs=1.0, batch_size=4))


def _interrupt_second_checkpoint(monkeypatch):
    """Cut the state off, which is what a kill while a checkpoint is saved may leave."""
    save = TrainerState.save_to_json

    def cut(self, path):
        save(self, path)
        if self.epoch == 2:
            text = Path(path).read_text()
            Path(path).write_text(text[: len(text) // 2])
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainerState, "save_to_json", cut)


def _interrupt_saving(monkeypatch):
    """Stop after the weights of the teacher are written, before anything else is."""
    save = Trainer.save_model

    def cut(self, output_dir=None, _internal_call=False):
        save(self, output_dir, _internal_call)
        if not _internal_call:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "save_model", cut)


@pytest.mark.slow
@pytest.mark.parametrize("interrupt", [_interrupt_second_checkpoint, _interrupt_saving])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    encoder, dataset, tmp_path, monkeypatch, interrupt
):
    settings = FinetuningSettings(epochs=3, batch_size=4, learning_rate=1e-3)
    whole = finetune_teacher(dataset, encoder, tmp_path / "whole", settings)
    with monkeypatch.context() as patch:
        interrupt(patch)
        with pytest.raises(KeyboardInterrupt):
            finetune_teacher(dataset, encoder, tmp_path / "cut", settings)
    assert not (tmp_path / "cut" / RECORD).exists()
    firsts = []
    step = Trainer.training_step

    def counted(self, *given, **named):
        firsts.append(self.state.global_step)
        return step(self, *given, **named)

    monkeypatch.setattr(Trainer, "training_step", counted)
    cut = finetune_teacher(dataset, encoder, tmp_path / "cut", settings)
    assert firsts == ([3, 4, 5, 6, 7, 8] if interrupt is _interrupt_second_checkpoint else [])
    weights = load_file(whole / "model.safetensors")
    torch.testing.assert_close(load_file(cut / "model.safetensors"), weights, atol=1e-6, rtol=0)
    records = [json.loads((path / RECORD).read_text())["value"] for path in (whole, cut)]
    assert records[1]["validation"] == records[0]["validation"]
    assert len(records[1]["epochs"]) == 3


@pytest.mark.slow
def test_a_teacher_stays_until_another_is_finished(encoder, dataset, tmp_path, monkeypatch):
    directory = finetune_teacher(dataset, encoder, tmp_path / "teacher", SETTINGS)
    before = (directory / RECORD).read_text()
    other = FinetuningSettings(epochs=1, batch_size=4)
    with monkeypatch.context() as patch:
        _interrupt_saving(patch)
        with pytest.raises(KeyboardInterrupt):
            finetune_teacher(dataset, encoder, directory, other)
    assert (directory / RECORD).read_text() == before
    finetune_teacher(dataset, encoder, directory, other)
    assert (directory / RECORD).read_text() != before


def test_a_teacher_with_the_record_of_an_older_version_is_reused(
    encoder, dataset, tmp_path, monkeypatch
):
    directory = finetune_teacher(dataset, encoder, tmp_path / "teacher", SETTINGS)
    record = json.loads((directory / RECORD).read_text())
    (directory / RECORD).unlink()
    old = {"fingerprint": record["fingerprint"], **record["value"]}
    (directory / "finetuning.json").write_text(json.dumps(old))
    monkeypatch.setattr(Trainer, "train", None)
    finetune_teacher(dataset, encoder, directory, SETTINGS)


def test_files_of_something_else_are_not_replaced(encoder, dataset, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(ValueError, match="not those of a teacher fine-tuned here"):
        finetune_teacher(dataset, encoder, tmp_path / "thesis", SETTINGS)


def test_texts_without_a_label_are_left_out(encoder, dataset, tmp_path, monkeypatch):
    lengths = []
    train = Trainer.train

    def counted(self, *given):
        lengths.append((len(self.train_dataset), len(self.eval_dataset)))
        return train(self, *given)

    monkeypatch.setattr(Trainer, "train", counted)
    some = dataset["train"].map(lambda row, i: {"label": -100 if i < 3 else row["label"]}, True)
    partly = DatasetDict(train=some, validation=some.select(range(5)))
    settings = FinetuningSettings(epochs=1, batch_size=4)
    directory = finetune_teacher(partly.with_format("torch"), encoder, tmp_path / "t", settings)
    assert lengths == [(9, 2)]
    # The texts that were left out are no part of what the teacher depends on.
    labelled = DatasetDict(
        {name: split.select(range(3, len(split))) for name, split in partly.items()}
    )
    finetune_teacher(labelled, encoder, directory, settings)
    assert len(lengths) == 1


@pytest.mark.parametrize(
    ("split", "message"),
    [("train", r"have \['bullish'\] out of \['bearish'"), ("validation", "split 'validation'")],
)
def test_too_few_labels_are_an_error_before_the_model_is_read(dataset, split, message, tmp_path):
    kept = 1 if split == "train" else None
    dataset[split] = dataset[split].map(
        lambda row: {"label": row["label"] if row["label"] == kept else -100}
    )
    with pytest.raises(ValueError, match=message):
        finetune_teacher(dataset, "nobody/no-encoder", tmp_path / "teacher")


def test_half_precision_weights_are_trained_in_full(encoder, dataset, tmp_path):
    AutoModel.from_pretrained(encoder).to(torch.bfloat16).save_pretrained(encoder)
    settings = FinetuningSettings(epochs=1, batch_size=4)
    directory = finetune_teacher(dataset, encoder, tmp_path / "teacher", settings)
    weights = load_file(directory / "model.safetensors").values()
    assert {weight.dtype for weight in weights} == {torch.float32}


def test_an_encoder_decoder_is_refused(dataset, tmp_path):
    BartConfig().save_pretrained(tmp_path / "bart")
    with pytest.raises(ValueError, match="is an encoder-decoder"):
        finetune_teacher(dataset, tmp_path / "bart", tmp_path / "teacher")


@pytest.mark.parametrize("file", ["pytorch_model.bin", "vocab.txt", "spiece.model", "merges.txt"])
def test_every_file_of_an_encoder_counts_by_content(encoder, tmp_path, file):
    (encoder / file).write_bytes(b"one")
    before = _identify(encoder)
    copy = shutil.copytree(encoder, tmp_path / "copy")
    assert _identify(copy) == before
    (copy / file).write_bytes(b"two")
    assert _identify(copy) != before
    (copy / file).write_bytes(b"one")
    (copy / "README.md").touch()
    assert _identify(copy) == before
