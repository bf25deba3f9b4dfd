# SPDX-License-Identifier: Apache-2.0
"""What standard recipes do with a model: optional outputs, a base model, a plain Trainer."""

import warnings
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    Trainer,
    TrainingArguments,
)

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification, DixtillModel
from tests.student.random_students import make_model

IDS = torch.tensor([[0, 4, 5, 6], [7, 8, 0, 0]])  # padding on either side


@pytest.fixture
def model() -> DixtillForSequenceClassification:
    return make_model()


@pytest.mark.parametrize("layers", [1, 2])
def test_states_and_attention_are_returned_in_the_places_of_the_words(layers: int) -> None:
    model = make_model(num_layers=layers)
    asked = {"output_hidden_states": True, "output_attentions": True}
    with torch.no_grad():
        output = model(IDS, output_contributions=True, **asked)
        plain = model(IDS)
        alone = model(IDS[:1, 1:], **asked)
    assert plain.hidden_states is None
    assert plain.attentions is None
    assert len(output.hidden_states) == model.config.num_hidden_layers + 1 == layers + 1
    assert output.hidden_states[0].shape == (2, 4, 6)
    assert torch.equal(output.hidden_states[0][0, 1:], model.embedding(IDS[0, 1:]))
    for states, expected in zip(output.hidden_states[1:], alone.hidden_states[1:], strict=True):
        assert states.shape == (2, 4, 10)
        torch.testing.assert_close(states[0, 1:], expected[0])
    assert not output.hidden_states[-1][IDS == 0].any()
    (attention,) = output.attentions
    assert torch.equal(attention[:, 0, 0], output.attention_weights)
    evidence = output.hidden_states[-1] @ model.classifier.weight.T
    torch.testing.assert_close(
        output.contributions, output.attention_weights.unsqueeze(-1) * evidence
    )


def test_the_configuration_asks_for_states_too() -> None:
    model = make_model(output_hidden_states=True)
    assert len(model(IDS).hidden_states) == 2
    assert model(IDS, output_hidden_states=False).hidden_states is None
    assert len(model(IDS, return_dict=False)) == 5


def test_token_types_of_a_bert_tokenizer_are_ignored(model) -> None:
    types = torch.zeros_like(IDS)
    assert torch.equal(model(IDS, token_type_ids=types).logits, model(IDS).logits)


def test_the_base_model_shares_the_weights_and_leaves_out_the_classifier(model) -> None:
    base = model.base_model
    assert isinstance(base, DixtillModel)
    names = {name for name, _ in model.named_parameters() if not name.startswith("classifier")}
    assert {name for name, _ in base.named_parameters()} == names
    base.requires_grad_(False)
    trained = [name for name, one in model.named_parameters() if one.requires_grad]
    assert trained == ["classifier.weight", "classifier.bias"]
    with torch.no_grad():
        states, output = base(IDS), model(IDS)
    logits = states.pooler_output @ model.classifier.weight.T + model.classifier.bias
    torch.testing.assert_close(logits, output.logits)
    assert torch.equal(states.attention_weights, output.attention_weights)


def test_a_classifier_is_loaded_as_a_base_model(model, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    base = AutoModel.from_pretrained(tmp_path).eval()
    assert type(base) is DixtillModel
    with torch.no_grad():
        found, expected = base(IDS), model.base_model(IDS)
    assert torch.equal(found.last_hidden_state, expected.last_hidden_state)
    base.save_pretrained(tmp_path / "base")
    assert AutoConfig.from_pretrained(tmp_path / "base").architectures == ["DixtillModel"]
    with torch.no_grad():
        again = AutoModel.from_pretrained(tmp_path / "base").eval()(IDS)
    assert torch.equal(again.pooler_output, expected.pooler_output)


def test_a_classifier_starts_from_a_base_model(model, tmp_path: Path) -> None:
    model.base_model.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert torch.equal(loaded.embedding.weight, model.embedding.weight)
    assert not torch.equal(loaded.classifier.weight, model.classifier.weight)


def test_the_predictions_of_a_plain_trainer_are_the_logits(model, tmp_path: Path) -> None:
    """So the usual compute_metrics, an argmax of the predictions, works."""
    rows = Dataset.from_dict({"input_ids": IDS.tolist(), "labels": [0, 2]})
    accuracy = []

    def metrics(prediction: Any) -> dict[str, float]:
        accuracy.append(np.argmax(prediction.predictions, axis=-1) == prediction.label_ids)
        return {}

    args = TrainingArguments(str(tmp_path), report_to="none", use_cpu=True)
    trainer = Trainer(model, args, eval_dataset=rows, compute_metrics=metrics)
    trainer.evaluate()
    predictions = trainer.predict(rows).predictions
    np.testing.assert_allclose(predictions, model(IDS).logits.detach().numpy(), rtol=1e-5)
    assert accuracy[0].shape == (2,)


@pytest.mark.parametrize("words", [33, 12])
def test_a_resized_student_keeps_what_its_words_share(words: int) -> None:
    model = make_model(ngram_buckets=7, ngrams_per_word=2)
    model.ngrams.ngrams[:] = torch.arange(60).view(30, 2) % 7 + 1
    model.keep_initial_vectors(torch.ones(30, dtype=torch.bool))
    ids = torch.tensor([[2, 5, 11]])
    with torch.no_grad():
        before = model(ids).logits
        model.resize_token_embeddings(words)
        torch.testing.assert_close(model(ids).logits, before)
        torch.testing.assert_close(model(ids).logits, before)
        if words > 30:
            last = torch.tensor([words - 1])
            assert torch.equal(model.word_vectors(last), model.embedding(last))
            assert model.initial_vectors[last].isnan().all()
    assert model.config.vocab_size == words
    model.fold_ngrams()
    torch.testing.assert_close(model(ids).logits.detach(), before)


def test_missing_ngrams_are_none_and_not_what_memory_held(tmp_path: Path) -> None:
    model = make_model(ngram_buckets=7, ngrams_per_word=2)
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["ngrams.ngrams"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    loaded, info = DixtillForSequenceClassification.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert list(info["missing_keys"]) == ["ngrams.ngrams"]
    assert not loaded.ngrams.ngrams.any()
    assert torch.equal(loaded.ngrams.buckets, model.ngrams.buckets)


def test_a_quantised_student_explains_itself() -> None:
    model = make_model(num_layers=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch moves its quantisation to another package
        small = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear, torch.nn.LSTM})
    with torch.no_grad():
        whole, found = (one(IDS, output_contributions=True) for one in (model, small))
    torch.testing.assert_close(found.logits, whole.logits, atol=0.1, rtol=0.1)
    torch.testing.assert_close(found.contributions, whole.contributions, atol=0.1, rtol=0.1)
    label = torch.tensor([1, 2])
    torch.testing.assert_close(
        small.explain_from(found, label), found.contributions[torch.arange(2), :, label]
    )


def test_an_offloaded_student_explains_itself() -> None:
    model = make_model()
    with torch.no_grad():
        expected = model(IDS, output_contributions=True)
        offloaded = accelerate.cpu_offload(model, execution_device=torch.device("cpu"))
        found = offloaded(IDS, output_contributions=True)
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.contributions, expected.contributions)


def test_a_subclass_of_the_configuration_needs_no_init() -> None:
    class Special(DixtillConfig):
        model_type = "special"

    config = Special(vocab_size=20, hidden_size=3, torchscript=True)
    assert (config.vocab_size, config.num_hidden_layers) == (20, 1)
    assert type(config)(**config.to_diff_dict()).hidden_size == 3


def test_a_traced_student_gives_the_same_logits() -> None:
    model = make_model(torchscript=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        traced = torch.jit.trace(model, IDS, strict=False)
    other = torch.tensor([[9, 3, 4, 0, 0]])
    torch.testing.assert_close(traced(other)[0], model(other)[0])


def test_the_names_of_saved_weights_stay() -> None:
    """Students that were saved by earlier releases are read by these names."""
    directions = ("left_to_right", "right_to_left")
    parts = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    layer = [f"encoder.layers.0.{one}.{part}" for one in directions for part in parts]
    model = make_model(ngram_buckets=2, ngrams_per_word=1)
    assert sorted(model.state_dict()) == sorted(
        [
            "embedding.weight",
            "ngrams.buckets",
            "ngrams.ngrams",
            *layer,
            "attention.projection.weight",
            "attention.score.weight",
            "classifier.weight",
            "classifier.bias",
        ]
    )
