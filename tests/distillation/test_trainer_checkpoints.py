# SPDX-License-Identifier: Apache-2.0
"""What the trainer's checkpoints hold, and what goes on from them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.nn.utils import parameters_to_vector
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from dixtill_hf.distillation.trainer import DistillationTrainer

MakeTrainer = Callable[..., DistillationTrainer]


def test_checkpoints_carry_the_tokenizer_and_the_explanation(
    make_trainer: MakeTrainer, make_student: Callable, annotated: Dataset
) -> None:
    trainer = make_trainer(
        model=make_student(explanation="contributions"),
        explanation="attention",
        save_strategy="epoch",
        num_train_epochs=1,
    )
    trainer.train()
    path = f"{trainer.args.output_dir}/checkpoint-6"
    student = AutoModelForSequenceClassification.from_pretrained(path).eval()
    assert student.config.explanation == "attention"
    batch = AutoTokenizer.from_pretrained(path)(annotated["text"][0], return_tensors="pt")
    with torch.no_grad():
        logits = student(**batch).logits
    np.testing.assert_allclose(
        logits, trainer.predict(annotated.select([0])).predictions, atol=1e-6
    )


@pytest.mark.parametrize("ngrams", [{}, {"ngram_buckets": 9, "ngrams_per_word": 2}])
@pytest.mark.parametrize("bucket_by_length", [True, False])
def test_resuming_gives_the_weights_of_an_uninterrupted_run(
    make_trainer: MakeTrainer, make_student: Callable, bucket_by_length: bool, ngrams: dict
) -> None:
    settings = {"save_strategy": "steps", "save_steps": 8, "num_train_epochs": 3}
    settings |= {"bucket_by_length": bucket_by_length, "lr_scheduler_type": "cosine"}
    dropouts = {"embedding_dropout": 0.2, "hidden_dropout": 0.2, "word_dropout": 0.2}
    whole = make_trainer(model=_sharing(make_student(**dropouts, **ngrams)), **settings)
    whole.train()
    resumed = make_trainer(model=_sharing(make_student(**dropouts, **ngrams)), **settings)
    resumed.train(resume_from_checkpoint=f"{resumed.args.output_dir}/checkpoint-8")
    assert resumed.state.global_step == 18
    weights = [parameters_to_vector(trainer.model.parameters()) for trainer in (resumed, whole)]
    assert torch.equal(*weights)


def _sharing(model: PreTrainedModel) -> PreTrainedModel:
    """The student; where it has n-grams, words share them."""
    if model.ngrams is not None:
        words = torch.arange(2, model.config.vocab_size)
        model.ngrams.ngrams[2:] = torch.stack([words % 9 + 1, words % 4 + 1], 1)
    return model


def test_what_words_share_is_theirs_after_the_training(
    make_trainer: MakeTrainer, make_student: Callable
) -> None:
    model = _sharing(make_student(ngram_buckets=9, ngrams_per_word=2))
    before = model.embedding.weight.detach().clone()
    trainer = make_trainer(model=model, save_strategy="epoch", num_train_epochs=1)
    trainer.train()
    assert model.ngrams is None
    checkpoint = f"{trainer.args.output_dir}/checkpoint-{trainer.state.global_step}"
    kept = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    assert kept.ngrams.buckets[1:].any()
    assert not torch.equal(kept.embedding.weight, before)
    shared = kept.ngrams(torch.arange(model.config.vocab_size))
    torch.testing.assert_close(model.embedding.weight, kept.embedding.weight + shared)


@pytest.mark.parametrize("new_trainer", [False, True])
def test_a_finished_training_resumes_with_what_words_share(
    make_trainer: MakeTrainer, make_student: Callable, new_trainer: bool
) -> None:
    settings = {"save_strategy": "steps", "save_steps": 8, "num_train_epochs": 3}
    trainer = make_trainer(
        model=_sharing(make_student(ngram_buckets=9, ngrams_per_word=2)), **settings
    )
    trainer.train()
    expected = parameters_to_vector(trainer.model.parameters()).clone()
    if new_trainer:
        trainer = make_trainer(model=trainer.model, **settings)
    trainer.train(resume_from_checkpoint=f"{trainer.args.output_dir}/checkpoint-8")
    assert trainer.model.config.ngram_buckets == 0
    assert torch.equal(parameters_to_vector(trainer.model.parameters()), expected)
