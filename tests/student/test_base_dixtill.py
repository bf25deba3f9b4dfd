# SPDX-License-Identifier: Apache-2.0
"""The vectors of words: what they share by their n-grams, and what training drops."""

import pytest
import torch

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from tests.student.random_students import SIZES, VOCABULARY, make_model, word_ids


def test_dropout_of_words_makes_them_unknown() -> None:
    nothing_else = {"embedding_dropout": 0.0, "hidden_dropout": 0.0}
    model = make_model(word_dropout=0.999999, **nothing_else).train()
    ids, unknown = word_ids(2, 5), torch.full((2, 5), model.config.unk_token_id)
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 1, 1, 1, 0]])
    dropped = model(ids, mask).logits
    torch.testing.assert_close(dropped, model.eval()(unknown, mask).logits)
    assert not torch.allclose(dropped, model(ids, mask).logits, atol=1e-3)


def test_dropout_of_words_shows_the_vectors_that_they_started_from() -> None:
    nothing_else = {"embedding_dropout": 0.0, "hidden_dropout": 0.0}
    model = make_model(word_dropout=0.999999, **nothing_else).train()
    ids = word_ids(2, 5)
    has_vector = torch.arange(VOCABULARY) % 2 == 0
    model.keep_initial_vectors(has_vector)
    initial = model.embedding.weight.detach().clone()
    with torch.no_grad():  # what a training does to the words that it sees
        model.embedding.weight[2:] += 1
    started = torch.where(has_vector[ids][..., None], initial[ids], initial[1])
    dropped = model(ids)
    model.eval()
    torch.testing.assert_close(dropped.logits, model(inputs_embeds=started).logits)
    dropped.logits.sum().backward()
    touched = model.embedding.weight.grad.any(dim=1).nonzero().flatten().tolist()
    assert touched == [model.config.unk_token_id]
    assert "initial_vectors" not in model.state_dict()


def sharing_model(**settings: float) -> DixtillForSequenceClassification:
    """A student whose words share vectors by three n-grams each; padding and [UNK] have none."""
    model = make_model(ngram_buckets=7, ngrams_per_word=3, **settings)
    with torch.no_grad():
        model.ngrams.buckets[0] = 0
        model.ngrams.ngrams[2:] = torch.arange(3 * (VOCABULARY - 2)).view(-1, 3) % 7 + 1
        model.ngrams.ngrams[2, 1:] = 0
    return model


def test_words_have_the_mean_of_their_ngrams_beside_their_own_vector() -> None:
    model = sharing_model()
    own, buckets = model.embedding.weight, model.ngrams.buckets
    ids = torch.tensor([[1, 2, 3]])
    shared = torch.stack([torch.zeros(6), buckets[1], (buckets[4] + buckets[5] + buckets[6]) / 3])
    expected = model(inputs_embeds=(own[ids[0]] + shared)[None])
    torch.testing.assert_close(model(ids).logits, expected.logits)


def test_texts_without_words_have_no_ngrams() -> None:
    model = sharing_model().train()
    output = model(torch.zeros(2, 0, dtype=torch.long))
    torch.testing.assert_close(output.logits, model.classifier.bias.expand(2, -1))


def test_folded_ngrams_change_no_answer() -> None:
    model, ids = sharing_model(), word_ids(3, 6)
    before, parameters = model(ids, output_contributions=True), model.num_parameters()
    model.fold_ngrams()
    after = model(ids, output_contributions=True)
    torch.testing.assert_close(before.logits, after.logits)
    torch.testing.assert_close(before.contributions, after.contributions)
    assert model.num_parameters() == parameters - 8 * 6
    assert model.ngrams is None
    assert (model.config.ngram_buckets, model.config.ngrams_per_word) == (0, 0)
    model.fold_ngrams()
    assert torch.equal(model(ids).logits, after.logits)


def test_ngrams_are_saved_until_they_are_folded(tmp_path) -> None:
    model, ids = sharing_model(), word_ids(3, 6)
    model.save_pretrained(tmp_path)
    loaded = DixtillForSequenceClassification.from_pretrained(tmp_path).eval()
    assert torch.equal(loaded.ngrams.ngrams, model.ngrams.ngrams)
    assert torch.equal(loaded(ids).logits, model(ids).logits)


def test_new_ngrams_say_nothing_and_padding_never_learns() -> None:
    torch.manual_seed(0)
    config = DixtillConfig(**SIZES, ngram_buckets=7, ngrams_per_word=3)
    model = DixtillForSequenceClassification(config)
    assert not model.ngrams.buckets.any()
    model = sharing_model().train()
    model(word_ids(2, 5)).logits.sum().backward()
    assert model.ngrams.buckets.grad[1:].any()
    assert not model.ngrams.buckets.grad[0].any()


def test_words_that_are_dropped_keep_their_ngrams() -> None:
    nothing_else = {"embedding_dropout": 0.0, "hidden_dropout": 0.0}
    model, ids = sharing_model(word_dropout=0.999999, **nothing_else).train(), word_ids(2, 5)
    vectors = model.embedding.weight[1] + model.ngrams(ids)
    expected = model.eval()(inputs_embeds=vectors).logits
    torch.testing.assert_close(model.train()(ids).logits, expected)


@pytest.mark.parametrize("dropout", ["embedding_dropout", "hidden_dropout", "word_dropout"])
def test_each_dropout_acts_in_training_only(dropout: str) -> None:
    none = {"embedding_dropout": 0.0, "hidden_dropout": 0.0, "word_dropout": 0.0}
    model, ids = make_model(**(none | {dropout: 0.5})), word_ids(4, 8)
    assert torch.equal(model(ids).logits, model(ids).logits)
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)
