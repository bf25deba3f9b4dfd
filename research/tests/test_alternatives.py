# SPDX-License-Identifier: Apache-2.0
"""Students and trainers that the library's are compared with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from dixtill_hf import DistillationArguments, DistillationTrainer, build_student
from dixtill_hf.distillation.losses.cosine_explanation import cosine_explanation_loss
from dixtill_hf.distillation.losses.normalized_kl import normalized_kl
from dixtill_hf.student.tokenization import hashed_ngrams
from research import character_ngrams
from research.alternative_architectures import ARCHITECTURES
from research.alternative_trainers import TRAINERS
from research.text_normalization import NORMALIZATIONS
from research.wordpieces import read_in_pieces

TEXTS = ["it rises now", "it falls", "stock rises on news today"] * 4
ROWS = {
    "text": TEXTS,
    "label": [0, 1, 0] * 4,
    # The last text is given another label than its own.
    "teacher_logits": [[3.0, 0.0], [0.0, 3.0], [0.0, 1.0]] * 4,
    "teacher_spans": [[[0, 2], [3, 8]], [[0, 2], [3, 8]], [[0, 5], [6, 11], [12, 14]]] * 4,
    "teacher_attributions": [[0.5, 2.0], [-0.5, 1.0], [0.1, -1.0, 0.2]] * 4,
    "teacher_explained_label": [0, 1, 1] * 4,
}


@pytest.fixture
def make_trainer(tmp_path: Path) -> Callable[..., Any]:
    """A trainer of a way of teaching, with a tiny student."""

    def make(teaching: str, epochs: int = 2, **columns: list) -> Any:
        model, tokenizer = build_student(
            TEXTS, ["up", "down"], hidden_size=4, embedding_size=6, word_dropout=0.0, seed=0
        )
        args = DistillationArguments(
            output_dir=str(tmp_path),
            num_train_epochs=epochs,
            per_device_train_batch_size=12,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
        )
        kind = TRAINERS[teaching]
        rows = Dataset.from_dict({**ROWS, **columns})
        return kind(model, args, train_dataset=rows, processing_class=tokenizer)

    return make


def terms_of(trainer: Any) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The terms of a batch's loss, and the batch."""
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.model.eval()
    outputs = trainer.model(batch["input_ids"], batch["attention_mask"])
    return trainer._loss_terms(outputs, batch), batch


@pytest.mark.parametrize("name", ["convolution", "gru", "positions", "two_heads"])
def test_contributions_still_add_up_to_the_logits(name):
    model, tokenizer = build_student(TEXTS, ["up", "down"], hidden_size=4, seed=0)
    before = model.num_parameters()
    ARCHITECTURES[name](model)
    model.eval()
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    output = model(batch["input_ids"], batch["attention_mask"], output_contributions=True)
    total = output.contributions.sum(1) + model.classifier.bias
    torch.testing.assert_close(output.logits, total)
    alone = model(**tokenizer(TEXTS[:1], return_tensors="pt"))
    torch.testing.assert_close(alone.logits, output.logits[:1])  # padding changes nothing
    assert model.num_parameters() != before
    output.logits.sum().backward()
    assert all(one.grad is not None for one in model.parameters() if one.requires_grad)


@pytest.mark.parametrize(
    "name",
    [
        "annealed",
        "averaged_weights",
        "balanced",
        "born_again",
        "distance",
        "mixed_texts",
        "ranks",
        "right_teacher",
        "sure_teacher",
        "top_words",
    ],
)
def test_every_way_of_teaching_changes_the_student(make_trainer, name):
    trainer = make_trainer(name)
    before = trainer.model.classifier.weight.detach().clone()
    assert torch.isfinite(torch.tensor(trainer.train().training_loss))
    after = trainer.model.classifier.weight
    assert torch.isfinite(after).all()
    assert not torch.equal(before, after)


def test_a_teacher_that_is_wrong_is_not_heard(make_trainer):
    terms, batch = terms_of(make_trainer("right_teacher"))
    wrong = batch["teacher_logits"].argmax(-1) != batch["labels"]
    assert wrong.sum() == 4
    torch.testing.assert_close(terms["loss"][wrong], terms["ce"][wrong])
    heard = 0.1 * terms["ce"] + 0.9 * (terms["kd"] + terms["xai"])
    torch.testing.assert_close(terms["loss"][~wrong], heard[~wrong])


def test_a_teacher_is_heard_as_far_as_it_is_sure(make_trainer):
    terms, batch = terms_of(make_trainer("sure_teacher"))
    alpha = 0.9 * batch["teacher_logits"].softmax(-1).amax(-1)
    expected = (1 - alpha) * terms["ce"] + alpha * (terms["kd"] + terms["xai"])
    torch.testing.assert_close(terms["loss"], expected)


def test_a_text_is_softened_by_its_own_temperature(make_trainer):
    trainer = make_trainer("own_temperature")
    terms, batch = terms_of(trainer)
    spread = batch["teacher_logits"].std(-1)
    temperatures = trainer.args.temperature * spread / spread.mean()
    outputs = trainer.model(batch["input_ids"], batch["attention_mask"])
    kd = torch.cat(
        [
            normalized_kl(student[None], teacher[None], float(temperature))
            for student, teacher, temperature in zip(
                outputs.logits, batch["teacher_logits"], temperatures, strict=True
            )
        ]
    )
    expected = 0.1 * terms["ce"] + 0.9 * (kd + terms["xai"])
    torch.testing.assert_close(terms["loss"], expected)


def test_who_is_born_again_learns_from_the_first_student(make_trainer, monkeypatch):
    trainer = make_trainer("born_again")
    start = trainer.model.classifier.weight.detach().clone()
    trained, taught = [], []
    train = DistillationTrainer.train

    def spy(self):
        assert torch.equal(self.model.classifier.weight, start)
        taught.append(torch.tensor(self.train_dataset["teacher_logits"][:]))
        result = train(self)
        trained.append(trainer._logits_of_all_texts().clone())
        return result

    monkeypatch.setattr(DistillationTrainer, "train", spy)
    trainer.train()
    torch.testing.assert_close(taught[0], torch.tensor(ROWS["teacher_logits"]))
    torch.testing.assert_close(taught[1], trained[0])
    assert not torch.equal(trained[0], trained[1])


@pytest.mark.parametrize(
    ("reading", "text", "expected"),
    [
        ("digits", "up 4.25% in 2026", "up 0.00% in 0000"),
        ("tickers", "$TSLA and $F pay $5, not $T2", "$xxxx and $x pay $5, not $x2"),
        ("links", "see https://t.co/aB now", "see http            now"),
        ("hashtags", "#Fed cuts, #1 of C#", " Fed cuts,  1 of C#"),
        (
            "capitals",
            "NYSE: up, I say USA",
            "\uff2e\uff39\uff33\uff25: up, I say \uff35\uff33\uff21",
        ),
    ],
)
def test_a_reading_keeps_the_places_of_words(reading, text, expected):
    assert NORMALIZATIONS[reading](text) == expected


def test_rare_words_are_read_by_their_characters():
    texts = ["rising rises", "rising", "falls"]
    model, tokenizer = build_student(
        texts, ["up", "down"], min_frequency=1, variant_texts=["riser"], seed=0
    )
    vectors = {
        word: model.embedding.weight[row].detach().clone()
        for word, row in tokenizer.get_vocab().items()
    }
    frequent = character_ngrams.frequent_words_of(texts, 2)
    assert frequent == {"rising"}
    character_ngrams.spell(model, tokenizer, frequent)
    model.eval()
    buckets = model.embedding.ngrams.buckets
    with torch.no_grad():
        buckets[1:].normal_()

    def found(word: str) -> torch.Tensor:
        return model.embedding(torch.tensor(tokenizer.convert_tokens_to_ids(word)))

    def of_characters(word: str) -> torch.Tensor:
        return buckets[hashed_ngrams({word: 0}, character_ngrams.BUCKETS)[0]].mean(0)

    torch.testing.assert_close(found("rising"), vectors["rising"] + of_characters("rising"))
    for rare in ("rises", "riser"):
        torch.testing.assert_close(found(rare), vectors["[UNK]"] + of_characters(rare))
    torch.testing.assert_close(found("[UNK]"), vectors["[UNK]"])
    assert not found("[PAD]").any()


def test_unknown_words_are_cut_into_pieces_and_known_ones_are_not():
    texts = ["stocks rise", "stocks rise", "bondholders gripe", "shareholders wipe"]
    model, tokenizer = build_student(texts, ["up", "down"], seed=0, extra_vocab_size=0)
    assert tokenizer.convert_tokens_to_ids("bondholders") == tokenizer.unk_token_id
    before = model.embedding.weight.detach().clone()
    cutting = read_in_pieces(model, tokenizer, texts, 30)
    ids = cutting("stocks rise bondholders")["input_ids"]
    assert ids[:2] == tokenizer("stocks rise")["input_ids"]
    assert len(ids) > 3
    assert cutting.unk_token_id not in ids
    assert model.config.vocab_size == len(cutting) == len(model.embedding.weight)
    assert torch.equal(model.embedding.weight[: len(before)], before)
    assert model(torch.tensor([ids])).logits.shape == (1, 2)


def test_only_the_upper_half_of_the_words_is_compared(make_trainer, monkeypatch):
    trainer = make_trainer("top_words")
    scores = torch.tensor([[1.0, 2.0, 3.0, 9.0]])
    monkeypatch.setattr(trainer.model, "explain_from", lambda outputs, label: scores)
    inputs = {
        "attribution_targets": torch.tensor([[0.1, -5.0, 1.0, 0.0]]),
        "attention_mask": torch.tensor([[1, 1, 1, 0]]),
        "explained_label": torch.tensor([0]),
    }
    found = trainer._explanation_term({}, {}, inputs)
    both = torch.tensor([[2.0, 3.0]]), torch.tensor([[-5.0, 1.0]])
    torch.testing.assert_close(found, cosine_explanation_loss(*both, torch.ones(1, 2)))


def test_ranks_want_the_teachers_order(make_trainer, monkeypatch):
    trainer = make_trainer("ranks")
    inputs = {
        "attribution_targets": torch.tensor([[0.0, 1.0, 3.0, 7.0]] * 2),
        "attention_mask": torch.tensor([[1, 1, 1, 0]] * 2),
        "explained_label": torch.tensor([0, 0]),
    }
    scores = torch.tensor([[-1.0, 0.0, 1.0, -99.0], [1.0, 0.0, -1.0, 99.0]])
    monkeypatch.setattr(trainer.model, "explain_from", lambda outputs, label: scores)
    same, turned = trainer._explanation_term({}, {}, inputs)
    # Pairs of the teacher differ by 1, 3 and 2; scores have a mean square of 2/3.
    steps = torch.tensor([1.0, 2.0, 1.0]) * (3 / 2) ** 0.5
    weights = torch.tensor([1.0, 3.0, 2.0]) / 6
    torch.testing.assert_close(same, (weights * torch.nn.functional.softplus(-steps)).sum())
    torch.testing.assert_close(turned, (weights * torch.nn.functional.softplus(steps)).sum())


def test_the_annealed_term_is_gone_at_the_end(make_trainer):
    trainer = make_trainer("annealed")
    trainer.state.max_steps = 8
    for step, factor in ((0, 2.0), (4, 1.0), (8, 0.0)):
        trainer.state.global_step = step
        term = trainer._explanation_term({"xai": torch.tensor([0.25])}, None, None)
        torch.testing.assert_close(term, torch.tensor([0.25 * factor]))


def test_the_average_is_nearer_to_the_start(make_trainer):
    start = make_trainer("averaged_weights").model.classifier.weight.detach()
    averaged, plain = make_trainer("averaged_weights"), make_trainer("averaged_weights")
    averaged.train()
    super(type(plain), plain).train()
    moved = (plain.model.classifier.weight - start).norm()
    assert (averaged.model.classifier.weight - start).norm() < moved


def test_explanations_of_all_labels_are_compared_as_one(make_trainer):
    scores = [[[0.5, 2.0], [-1.0, 0.0]], [[0.3, 0.0], [-0.5, 1.0]], [[1.0] * 3, [0.1, -1.0, 0.2]]]
    trainer = make_trainer("all_labels", teacher_attributions=scores * 4)
    terms, batch = terms_of(trainer)
    outputs = trainer.model(batch["input_ids"], batch["attention_mask"], output_contributions=True)
    plain = DistillationTrainer._loss_terms(trainer, outputs, batch)
    changes = []
    for row, words in enumerate(batch["attention_mask"].sum(1)):
        ours = outputs.contributions[row, :words].reshape(-1)
        theirs = batch["all_targets"][row, :words].reshape(-1)
        cosine = ours @ theirs / (ours.norm() * theirs.norm())
        changes.append(0.9 * ((1 - cosine) / 2 - plain["xai"][row]))
    torch.testing.assert_close(terms["loss"], plain["loss"] + torch.stack(changes))
    explained = batch["explained_label"].view(-1, 1, 1).expand(-1, batch["input_ids"].shape[1], 1)
    own = batch["all_targets"].gather(2, explained).squeeze(2)
    torch.testing.assert_close(own, batch["attribution_targets"])
    trainer.train()
