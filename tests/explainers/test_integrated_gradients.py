# SPDX-License-Identifier: Apache-2.0
"""Integrated Gradients against Captum, completeness, adaptivity, and independence of the batch."""

import json

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients

from dixtill_hf.explainers.base import OUTPUTS, get_explainer
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, collate, encode_texts
from dixtill_hf.teacher.loading import Teacher, load_teacher

BUDGET = TokenBudget(4096)


def _exact(**settings) -> IntegratedGradients:
    return IntegratedGradients(precision="float32", **settings)


def _captum_scores(
    teacher: Teacher, text: EncodedText, label: int, steps: int, output: str
) -> np.ndarray:
    """The same attribution by Captum, one text at a time."""

    def forward(input_ids: torch.Tensor, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        copies = len(input_ids)
        others = {name: tensor.repeat(copies, 1) for name, tensor in inputs.items()}
        logits = teacher.model(input_ids=input_ids, **others).logits[:, list(teacher.label_order)]
        return logits if output == "logit" else torch.softmax(logits, -1)

    inputs = dict(collate(teacher, [text]).inputs)
    ids = inputs.pop("input_ids")
    ordinary = torch.tensor([text.ordinary])
    baseline = ids.masked_fill(ordinary, teacher.tokenizer.pad_token_id)
    method = LayerIntegratedGradients(forward, teacher.model.get_input_embeddings())
    teacher.model.requires_grad_(True)  # what Captum needs to reach the layer
    scores = method.attribute(
        ids,
        baseline,
        target=label,
        additional_forward_args=(inputs,),
        n_steps=steps,
        method="gausslegendre",
    )
    teacher.model.requires_grad_(False)
    return scores.sum(-1)[ordinary].detach().numpy()


@pytest.fixture
def rough_teacher(tiny_teacher_dir, teacher_labels) -> Teacher:
    """A teacher whose outputs change abruptly along the path."""
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    for name, weights in teacher.model.named_parameters():
        if "query" in name or "intermediate" in name:
            weights.mul_(8)
    return teacher


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_equals_captum_at_equal_settings(each_teacher_dir, teacher_labels, sentences, output):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, sentences[:6])
    found = _exact(steps=12, output=output).explain(teacher, encoded, BUDGET)
    for text, ours in zip(encoded, found, strict=True):
        theirs = _captum_scores(teacher, text, ours.label, 12, output)
        assert _cosine(ours.scores, theirs) > 0.9999
        np.testing.assert_allclose(ours.scores, theirs, atol=1e-4, rtol=1e-3)


def test_logits_and_labels_are_the_teachers(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    found = _exact(steps=2).explain(teacher, encode_texts(teacher, sentences), BUDGET)
    for text, ours in zip(sentences, found, strict=True):
        inputs = teacher.tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            logits = teacher.model(**inputs).logits[0].numpy()
        np.testing.assert_allclose(ours.logits, logits, atol=1e-5)
        assert ours.label == logits.argmax()


def test_the_scores_add_up_to_the_change_of_the_logit(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, sentences)
    found = _exact(steps=64).explain(teacher, encoded, BUDGET)
    for text, ours in zip(encoded, found, strict=True):
        change = ours.logits[ours.label] - _baseline_logits(teacher, text)[ours.label]
        assert abs(ours.scores.sum() - change) == pytest.approx(ours.completeness_error, abs=1e-5)
        assert ours.completeness_error < 2e-2


def _baseline_logits(teacher: Teacher, text: EncodedText) -> np.ndarray:
    """Logits of the text with padding instead of every ordinary token, attended to as before."""
    batch = collate(teacher, [text])
    ids = batch.inputs["input_ids"].masked_fill(batch.ordinary, teacher.tokenizer.pad_token_id)
    embedding = teacher.model.get_input_embeddings()
    with torch.inference_mode():
        embedded = embedding(ids)
        hook = embedding.register_forward_hook(lambda *_: embedded)
        logits = teacher.logits(batch.inputs)[0].numpy()
        hook.remove()
    return logits


def test_more_steps_leave_a_smaller_error(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    encoded = encode_texts(teacher, sentences)
    errors = [
        np.mean([one.completeness_error for one in _exact(steps=steps).explain(*args)])
        for args in [(teacher, encoded, BUDGET)]
        for steps in (2, 32)
    ]
    assert errors[1] < errors[0] / 10


@pytest.mark.parametrize("tokens", [1, 200, 100_000])
@pytest.mark.parametrize("steps", [6, None])
def test_neither_the_batch_nor_the_budget_changes_a_text(
    each_teacher_dir, teacher_labels, sentences, tokens, steps
):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, [*sentences[:4], "Acme falls. " * 8])
    explainer = _exact(steps=steps)
    together = explainer.explain(teacher, encoded, TokenBudget(tokens))
    for text, ours in zip(encoded, together, strict=True):
        (alone,) = explainer.explain(teacher, [text], BUDGET)
        np.testing.assert_allclose(ours.scores, alone.scores, atol=1e-5, rtol=1e-4)
        assert ours.evaluations == alone.evaluations


def test_the_true_label_is_explained_where_there_is_one(
    tiny_teacher_dir, teacher_labels, sentences
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    rows = [{"label": 2}, {"label": 0}, {"label": -100}, {"label": None}]
    encoded = encode_texts(teacher, sentences[:4], rows)
    predicted = [one.label for one in _exact(steps=2).explain(teacher, encoded, BUDGET)]
    explainer = _exact(steps=2, target="true")
    assert explainer.reads == ("label",)
    true = [one.label for one in explainer.explain(teacher, encoded, BUDGET)]
    assert true == [2, 0, *predicted[2:]]


@pytest.mark.parametrize("output", list(OUTPUTS))
def test_all_labels_are_explained_as_each_by_itself(
    tiny_teacher_dir, teacher_labels, sentences, output
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    together = _exact(steps=4, output=output, target="all").explain(
        teacher, encode_texts(teacher, sentences[:3]), BUDGET
    )
    for label in range(3):
        rows = [{"label": label}] * 3
        by_itself = _exact(steps=4, output=output, target="true").explain(
            teacher, encode_texts(teacher, sentences[:3], rows), BUDGET
        )
        for one, other in zip(together, by_itself, strict=True):
            assert one.scores.shape == (3, len(one.spans))
            np.testing.assert_allclose(one.scores[label], other.scores, atol=1e-5)


def test_a_margin_is_a_label_over_the_mean_of_the_others(
    tiny_teacher_dir, teacher_labels, sentences
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    encoded = encode_texts(teacher, sentences[:2])
    logits, margins = (
        _exact(steps=3, output=output, target="all").explain(teacher, encoded, BUDGET)
        for output in ("logit", "margin")
    )
    for one, other in zip(logits, margins, strict=True):
        expected = one.scores - (one.scores.sum(0) - one.scores) / 2
        np.testing.assert_allclose(other.scores, expected, atol=1e-5)


@pytest.mark.parametrize("target", ["predicted", "all"])
def test_the_adaptive_rule_is_near_the_exact_integral_and_complete(
    each_teacher_dir, teacher_labels, sentences, target
):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, sentences)
    adaptive = _exact(target=target).prepared(teacher, encoded[:6], BUDGET)
    found = adaptive.explain(teacher, encoded, BUDGET)
    exact = _exact(steps=128, target=target).explain(teacher, encoded, BUDGET)
    cosines = []
    for ours, wanted in zip(found, exact, strict=True):
        cosines.append(_cosine(ours.scores.ravel(), wanted.scores.ravel()))
        np.testing.assert_allclose(ours.scores.sum(-1), wanted.scores.sum(-1), atol=5e-3)
    assert np.mean(cosines) > 0.99
    assert min(one.evaluations for one in found) == 8


def test_a_smaller_tolerance_costs_more_and_misses_less(rough_teacher, sentences):
    encoded = encode_texts(rough_teacher, sentences)
    prepared = _exact().prepared(rough_teacher, encoded, BUDGET)
    spent, missed = [], []
    for tolerance in (10.0, 1e-4):
        explainer = _exact(tolerance=tolerance, calibration=prepared.calibration)
        found = explainer.explain(rough_teacher, encoded, BUDGET)
        spent.append(sum(one.evaluations for one in found))
        missed.append(sum(one.completeness_error for one in found))
        for one in found:
            within = one.completeness_error <= tolerance * np.abs(one.scores).sum() * 1.1 + 1e-5
            assert within or one.evaluations == 1 + 7 + 14 + 28 + 56
    assert spent[0] == 8 * len(encoded) < spent[1]
    assert missed[1] < missed[0]


def test_no_text_gets_a_rule_above_the_limit(rough_teacher, sentences):
    encoded = encode_texts(rough_teacher, sentences)
    explainer = _exact(tolerance=1e-9, max_steps=30).prepared(rough_teacher, encoded, BUDGET)
    spent = {one.evaluations for one in explainer.explain(rough_teacher, encoded, BUDGET)}
    assert max(spent) == 1 + 7 + 14 + 28


def test_a_prepared_explainer_can_be_given_again_as_json(
    tiny_teacher_dir, teacher_labels, sentences
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    encoded = encode_texts(teacher, sentences)
    prepared = IntegratedGradients().prepared(teacher, encoded, BUDGET)
    assert prepared.precision in ("bfloat16", "float32")
    assert prepared.texts_to_prepare == 0
    settings = json.loads(json.dumps(prepared.settings()))
    assert get_explainer(settings.pop("name"), **settings) == prepared


def test_texts_without_words_are_no_obstacle(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    encoded = encode_texts(teacher, ["", *sentences[:2], ""])
    assert _exact().prepared(teacher, encoded[:1], BUDGET).calibration is None
    explainer = _exact().prepared(teacher, encoded, BUDGET)
    found = explainer.explain(teacher, encoded, BUDGET)
    assert [one.scores.shape for one in (found[0], found[3])] == [(0,), (0,)]
    assert (found[0].completeness_error, found[0].evaluations) == (0, 1)


def test_bfloat16_gives_nearly_the_same_scores_and_logits(
    tiny_teacher_dir, teacher_labels, sentences
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    encoded = encode_texts(teacher, sentences)
    one, other = (
        IntegratedGradients(steps=8, precision=precision).explain(teacher, encoded, BUDGET)
        for precision in ("float32", "bfloat16")
    )
    for exact, coarse in zip(one, other, strict=True):
        # Not to the bit: batches have other sizes in bfloat16 on a CPU.
        np.testing.assert_allclose(exact.logits, coarse.logits, rtol=0, atol=1e-6)
        assert _cosine(exact.scores, coarse.scores) > 0.99


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"steps": -3},
        {"steps": 2.5},
        {"tolerance": 0},
        {"max_steps": 13},
        {"output": "logits"},
        {"target": "gold"},
        {"precision": "float16"},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        IntegratedGradients(**settings)


def test_a_model_that_goes_round_its_input_embeddings_is_refused(
    tiny_teacher_dir, teacher_labels, sentences, monkeypatch
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    other = torch.nn.Embedding(200, 16)
    monkeypatch.setattr(teacher.model, "get_input_embeddings", lambda: other)
    with pytest.raises(ValueError, match=r"does not call what its get_input_embeddings\(\)"):
        _exact(steps=2).explain(teacher, encode_texts(teacher, sentences[:2]), BUDGET)


def test_a_teacher_without_gradients_is_refused(
    tiny_teacher_dir, teacher_labels, sentences, monkeypatch
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    logits = teacher.logits
    monkeypatch.setattr(teacher, "logits", lambda inputs: logits(inputs).detach())
    with pytest.raises(ValueError, match=r"gives no gradients .* quantised .*occlusion"):
        _exact(steps=2).explain(teacher, encode_texts(teacher, sentences[:2]), BUDGET)
