# SPDX-License-Identifier: Apache-2.0
"""The student against a float64 reference written by hand, and what must not change its results."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.outputs_dixtill import DixtillOutput
from tests.student.random_students import LABELS, VOCABULARY, make_model, word_ids


@pytest.fixture
def model() -> DixtillForSequenceClassification:
    return make_model()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm(vectors: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The hidden states of one direction, (words, units), gate by gate."""
    w, r = weights[f"{name}.weight_ih_l0"], weights[f"{name}.weight_hh_l0"]
    bias = weights[f"{name}.bias_ih_l0"] + weights[f"{name}.bias_hh_l0"]
    hidden = cell = np.zeros(r.shape[1])
    states = []
    for vector in vectors:
        i, f, g, o = np.split(w @ vector + r @ hidden + bias, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        states.append(hidden)
    return np.array(states)


def reference(model: DixtillForSequenceClassification, ids: list[int]) -> dict[str, np.ndarray]:
    """Scores, weights, contributions and logits of one text without padding, in float64."""
    weights = {name: p.detach().double().numpy() for name, p in model.named_parameters()}
    states = weights["embedding.weight"][ids]
    for layer in range(model.config.num_layers):
        name = f"encoder.layers.{layer}"
        forwards = lstm(states, weights, f"{name}.left_to_right")
        backwards = lstm(states[::-1], weights, f"{name}.right_to_left")[::-1]
        states = np.concatenate([forwards, backwards], axis=1)
    u, v = weights["attention.projection.weight"], weights["attention.score.weight"][0]
    scores = np.tanh(states @ u.T) @ v
    alphas = np.exp(scores - scores.max())
    alphas /= alphas.sum()
    w_out, b_out = weights["classifier.weight"], weights["classifier.bias"]
    return {
        "attention_scores": scores,
        "attention_weights": alphas,
        "contributions": alphas[:, None] * (states @ w_out.T),
        "logits": w_out @ (alphas @ states) + b_out,
    }


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("attention_size", [None, 4])
def test_forward_is_the_reference(layers: int, attention_size: int | None) -> None:
    model = make_model(num_layers=layers, attention_size=attention_size)
    ids = word_ids(1, 9)
    output = model(ids, output_contributions=True)
    for name, expected in reference(model, ids[0].tolist()).items():
        np.testing.assert_allclose(output[name][0].detach(), expected, atol=2e-6, err_msg=name)


def test_attention_is_the_softmax_of_the_masked_scores(model: Any) -> None:
    """σ ⊙ μ, then σ + (μ − 1)·10⁴ under the softmax."""
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    output = model(word_ids(1, 5), mask, output_contributions=True)
    assert (output.attention_scores[0, 3:] == 0).all()
    shifted = output.attention_scores + (mask - 1) * 1e4
    torch.testing.assert_close(output.attention_weights, shifted.softmax(dim=1))


def assert_same(output: DixtillOutput, row: int, places: list[int], alone: DixtillOutput) -> None:
    """The words at `places` of a row got what they get alone, and all others nothing."""
    torch.testing.assert_close(output.logits[row], alone.logits[0], atol=1e-6, rtol=0)
    for name in ("attention_scores", "attention_weights", "contributions"):
        values = output[name][row]
        torch.testing.assert_close(values[places], alone[name][0], atol=1e-6, rtol=0)
        rest = [place for place in range(len(values)) if place not in places]
        assert (values[rest] == 0).all()


PLACES = {
    "right padding": [0, 1, 2, 3],
    "left padding": [5, 6, 7, 8],
    "both sides": [2, 3, 4, 5],
    "holes": [1, 4, 5, 8],
}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("layers", [1, 2])
def test_padding_may_stand_anywhere(places: list[int], layers: int) -> None:
    model = make_model(num_layers=layers)
    text = word_ids(1, 4)
    batch = word_ids(3, 9)  # what stands on padding must not matter
    batch[1, places] = text[0]
    mask = torch.ones_like(batch)
    mask[1] = 0
    mask[1, places] = 1
    asked = {"output_contributions": True}
    assert_same(model(batch, mask, **asked), 1, places, model(text, **asked))


@pytest.mark.parametrize("padding", [1, 40])
def test_padding_may_have_any_length(model: Any, padding: int) -> None:
    text = word_ids(1, 4)
    padded = torch.nn.functional.pad(text, (0, padding), value=model.config.pad_token_id)
    asked = {"output_contributions": True}
    assert_same(model(padded, **asked), 0, [0, 1, 2, 3], model(text, **asked))


def test_padding_gets_no_gradient(model: Any) -> None:
    vectors = torch.randn(2, 6, 6, requires_grad=True)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [0, 1, 0, 1, 1, 0]])
    model(inputs_embeds=vectors, attention_mask=mask).logits.square().sum().backward()
    assert (vectors.grad[mask == 0] == 0).all()
    assert (vectors.grad[mask == 1] != 0).all()


def test_a_mask_is_made_of_the_padding_token(model: Any) -> None:
    ids = word_ids(2, 5)
    ids[0, 3:] = model.config.pad_token_id
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    torch.testing.assert_close(model(ids).logits, model(ids, mask).logits)


def test_word_vectors_may_be_given(model: Any) -> None:
    ids = word_ids(2, 5)
    vectors = model.get_input_embeddings()(ids)
    torch.testing.assert_close(model(inputs_embeds=vectors).logits, model(ids).logits)


@pytest.mark.parametrize("words", [0, 3])
def test_a_text_without_words_gets_the_bias(model: Any, words: int) -> None:
    ids, mask = word_ids(2, words), torch.zeros(2, words)
    output = model(ids, mask, labels=torch.tensor([0, 1]), output_contributions=True)
    torch.testing.assert_close(output.logits, model.classifier.bias.expand(2, LABELS))
    assert (output.attention_weights == 0).all()
    assert output.contributions.shape == (2, words, LABELS)
    output.loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16])
def test_contributions_and_bias_sum_to_the_logits(
    model: Any, training: bool, dtype: torch.dtype | None
) -> None:
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    model.train(training)
    with torch.autocast("cpu", dtype, enabled=dtype is not None):
        output = model(
            word_ids(3, 6), mask, labels=torch.tensor([0, 1, 2]), output_contributions=True
        )
    output.loss.backward()
    sums = output.contributions.sum(dim=1) + model.classifier.bias
    torch.testing.assert_close(sums, output.logits, atol=1e-5, rtol=0)
    assert output.attention_weights.dtype == output.logits.dtype == torch.float32


def test_autocast_stays_close_to_float32(model: Any) -> None:
    ids = word_ids(4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(ids).logits
    torch.testing.assert_close(half, model(ids).logits, atol=0.05, rtol=0.05)


def test_half_precision_weights(model: Any) -> None:
    output = copy.deepcopy(model).to(torch.bfloat16)(word_ids(4, 8))
    torch.testing.assert_close(output.logits, model(word_ids(4, 8)).logits, atol=0.1, rtol=0.1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16])
def test_cuda_gives_what_the_cpu_gives(model: Any, dtype: torch.dtype | None) -> None:
    ids, mask = word_ids(3, 6), torch.tensor([[1] * 6, [0, 1, 1, 0, 0, 0], [0] * 6])
    expected = model(ids, mask, output_contributions=True).contributions
    with torch.autocast("cuda", dtype, enabled=dtype is not None):
        output = copy.deepcopy(model).cuda()(ids.cuda(), mask.cuda())
    tolerance = 1e-4 if dtype is None else 0.05
    torch.testing.assert_close(output.contributions.cpu(), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("explanation", ["attention", "contributions"])
def test_the_configuration_chooses_the_explanation(explanation: str) -> None:
    model = make_model(explanation=explanation)
    output = model(word_ids(2, 4), output_contributions=True)
    chosen = model.explain_from(output, torch.tensor([2, 0]))
    expected = {
        "attention": output.attention_scores,
        "contributions": torch.stack(
            [output.contributions[0, :, 2], output.contributions[1, :, 0]]
        ),
    }
    torch.testing.assert_close(chosen, expected[explanation])


def test_output_may_be_a_tuple(model: Any) -> None:
    ids = word_ids(2, 4)
    assert torch.equal(model(ids, return_dict=False)[0], model(ids).logits)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of input_ids and inputs_embeds"),
        (
            {"input_ids": word_ids(2, 4), "inputs_embeds": torch.zeros(2, 4, 6)},
            "exactly one of input_ids and inputs_embeds",
        ),
        (
            {"input_ids": word_ids(2, 4), "attention_mask": torch.ones(1, 4)},
            r"attention_mask must have .*\(2, 4\), got \(1, 4\)",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    model: Any, arguments: dict[str, torch.Tensor], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model(**arguments)


def test_gradient_checkpointing_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match="does not support"):
        model.gradient_checkpointing_enable()


def test_compiled_model_is_the_model(model: Any) -> None:
    ids, mask = word_ids(3, 7), torch.ones(3, 7)
    mask[1, :4] = 0
    # nn.LSTM is the one thing that torch.compile leaves to eager PyTorch unless told otherwise.
    with torch._dynamo.config.patch(allow_rnn=True):
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        output = compiled(ids, mask, labels=torch.tensor([0, 1, 2]), output_contributions=True)
    expected = model(ids, mask, output_contributions=True)
    torch.testing.assert_close(output.contributions, expected.contributions)
    output.loss.backward()


def test_initial_weights() -> None:
    torch.manual_seed(0)
    model = DixtillForSequenceClassification(DixtillConfig(vocab_size=VOCABULARY, num_labels=4))
    assert (model.embedding.weight[model.config.pad_token_id] == 0).all()
    assert (model.embedding.weight[1:] != 0).any(dim=1).all()
    assert (model.classifier.bias == 0).all()
    recurrent = model.encoder.layers[0].left_to_right.weight_hh_l0
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(50), atol=1e-5, rtol=0)


def test_parameters_beside_the_embedding() -> None:
    """Two directions of 4u·(50 + u + 2 biases), U of 2u x 2u, v, and a classifier of 3 labels."""
    model = DixtillForSequenceClassification(DixtillConfig(vocab_size=2, num_labels=3))
    count = sum(p.numel() for p in model.parameters()) - model.embedding.weight.numel()
    assert count == 2 * 4 * 50 * (50 + 50 + 2) + 100 * 100 + 100 + 3 * (100 + 1)


@pytest.mark.parametrize("explanation", ["attention", "contributions"])
def test_several_labels_are_explained_at_once(explanation: str) -> None:
    model = make_model(explanation=explanation)
    output = model(word_ids(2, 4))
    targets = torch.tensor([[0, 2], [1, 1]])
    together = model.explain_from(output, targets)
    assert together.shape == (2, 2, 4)
    for place in range(2):
        single = model.explain_from(output, targets[:, place])
        torch.testing.assert_close(together[:, place], single)


def test_contributions_to_all_labels_are_made_only_if_they_are_asked_for() -> None:
    """Neither the outputs nor what is computed grows with words times labels."""
    labels, words = 1_000, 64
    model, ids = make_model(num_labels=labels), word_ids(4, words)
    with torch.no_grad(), torch.profiler.profile(profile_memory=True) as profile:
        output = model(ids)
        model.explain_from(output, output.logits.argmax(-1))
    assert output.contributions is None
    largest = max(event.self_cpu_memory_usage for event in profile.events())
    assert largest < len(ids) * words * labels  # a quarter of the bytes of all contributions
    assert model(ids, output_contributions=True).contributions.shape == (4, words, labels)
