# SPDX-License-Identifier: Apache-2.0
"""A pretrained student comes closer to its encoder, is kept, and goes on where it stopped."""

import json
from dataclasses import replace

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, TrainerCallback

from dixtill_hf.pretraining import pretrain
from dixtill_hf.pretraining.pretrain import PretrainingSettings, pretrain_student
from dixtill_hf.student.modeling_dixtill import DixtillModel
from tests.pretraining.conftest import SMALL


def record(directory):
    return json.loads((directory / "pretraining.json").read_text())


def test_the_student_is_loaded_as_any_model(pretrained_dir, corpus):
    model = AutoModel.from_pretrained(pretrained_dir)
    tokenizer = AutoTokenizer.from_pretrained(pretrained_dir)
    assert isinstance(model, DixtillModel)
    assert (model.config.hidden_size, model.config.embedding_size) == (6, 5)
    batch = tokenizer(corpus[:4], padding=True, return_tensors="pt")
    assert model(**batch).pooler_output.shape == (4, 12)


def test_the_record_says_what_was_done(pretrained_dir):
    found = record(pretrained_dir)
    assert (found["texts"], found["held_out_texts"]) == (270, 30)
    assert found["settings"]["hidden_size"] == 6
    assert found["unknown_words"] == 0
    card = (pretrained_dir / "README.md").read_text()
    assert f"{found['held_out_cosine']:.3f}" in card


@pytest.mark.slow
def test_more_epochs_bring_it_closer_to_the_encoder(corpus, encoder_dir, pretrained_dir, tmp_path):
    longer = pretrain_student(corpus, encoder_dir, tmp_path / "b", replace(SMALL, epochs=15))
    assert record(longer)["held_out_cosine"] > record(pretrained_dir)["held_out_cosine"]


def test_a_finished_student_is_not_trained_again(corpus, encoder_dir, pretrained_dir, monkeypatch):
    monkeypatch.setattr(pretrain.PretrainingTrainer, "train", None)
    assert pretrain_student(corpus, encoder_dir, pretrained_dir, SMALL) == pretrained_dir


def test_an_interrupted_pretraining_gives_the_same_student(
    corpus, encoder_dir, pretrained_dir, tmp_path, monkeypatch
):
    class Stop(TrainerCallback):
        def on_epoch_begin(self, args, state, control, **kwargs):
            if state.epoch >= 1:
                raise KeyboardInterrupt

    whole = pretrain.PretrainingTrainer

    class Stopping(whole):
        def __init__(self, *args):
            super().__init__(*args)
            self.add_callback(Stop())

    monkeypatch.setattr(pretrain, "PretrainingTrainer", Stopping)
    with pytest.raises(KeyboardInterrupt):
        pretrain_student(corpus, encoder_dir, tmp_path / "student", SMALL)
    monkeypatch.setattr(pretrain, "PretrainingTrainer", whole)
    resumed = pretrain_student(corpus, encoder_dir, tmp_path / "student", SMALL)
    expected = AutoModel.from_pretrained(pretrained_dir).state_dict()
    for name, value in AutoModel.from_pretrained(resumed).state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def test_what_cannot_be_pretrained_is_refused(corpus, encoder_dir, tmp_path):
    with pytest.raises(ValueError, match="at least 100 texts"):
        pretrain_student(corpus[:9], encoder_dir, tmp_path / "student")
    with pytest.raises(TypeError, match="many texts"):
        pretrain_student("one text", encoder_dir, tmp_path / "student")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="output_dir"):
        pretrain_student(corpus, encoder_dir, tmp_path)
    with pytest.raises(ValueError, match="epochs"):
        PretrainingSettings(epochs=0)
