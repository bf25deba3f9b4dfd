# SPDX-License-Identifier: Apache-2.0
"""Integrated Gradients against Captum, completeness, and independence of the batch."""

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients

from dixtill_hf.teacher.encoding import EncodedText, collate, encode_texts
from dixtill_hf.teacher.integrated_gradients import IntegratedGradients, gauss_legendre
from dixtill_hf.teacher.loading import Teacher, load_teacher

BUDGET = 4096


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


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_equals_captum_at_equal_settings(each_teacher_dir, teacher_labels, sentences, output):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, sentences[:6])
    explainer = IntegratedGradients(steps=12, output=output)
    result = explainer.explain(teacher, collate(teacher, encoded), BUDGET)
    for row, text in enumerate(encoded):
        ours = result.scores[row, : len(text)][torch.tensor(text.ordinary)].numpy()
        label = int(result.explained_labels[row])
        theirs = _captum_scores(teacher, text, label, 12, output)
        cosine = ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs))
        assert cosine > 0.9999
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-3)


def test_the_scores_add_up_to_the_change_of_the_logit(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    batch = collate(teacher, encode_texts(teacher, sentences))
    result = IntegratedGradients(steps=64).explain(teacher, batch, BUDGET)
    ids = batch.inputs["input_ids"]
    baseline = ids.masked_fill(batch.ordinary, teacher.tokenizer.pad_token_id)
    with torch.inference_mode():
        rows = torch.arange(len(ids))
        embedded = teacher.model.get_input_embeddings()(baseline)
        hook = teacher.model.get_input_embeddings().register_forward_hook(lambda *_: embedded)
        start = teacher.logits(batch.inputs)[rows, result.explained_labels]
        hook.remove()
        end = teacher.logits(batch.inputs)[rows, result.explained_labels]
    torch.testing.assert_close(result.scores.sum(-1), end - start, atol=2e-2, rtol=2e-2)
    assert result.completeness_errors.max() < 2e-2


def test_more_steps_leave_a_smaller_error(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    batch = collate(teacher, encode_texts(teacher, sentences))
    errors = [
        IntegratedGradients(steps=steps).explain(teacher, batch, BUDGET).completeness_errors.mean()
        for steps in (2, 32)
    ]
    assert errors[1] < errors[0] / 10


@pytest.mark.parametrize("max_tokens", [1, 200, 100_000])
def test_neither_the_batch_nor_the_budget_changes_a_text(
    each_teacher_dir, teacher_labels, sentences, max_tokens
):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, [*sentences[:4], "Acme falls. " * 8])
    explainer = IntegratedGradients(steps=6)
    together = explainer.explain(teacher, collate(teacher, encoded), max_tokens)
    for row, text in enumerate(encoded):
        alone = explainer.explain(teacher, collate(teacher, [text]), BUDGET)
        torch.testing.assert_close(
            together.scores[row, : len(text)], alone.scores[0], atol=1e-5, rtol=1e-4
        )
        assert not together.scores[row, len(text) :].any()


def test_special_tokens_get_nothing(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    batch = collate(teacher, encode_texts(teacher, sentences))
    scores = IntegratedGradients(steps=4).explain(teacher, batch, BUDGET).scores
    assert not scores[~batch.ordinary].any()
    assert scores[batch.ordinary].any()


def test_the_true_label_is_explained_where_there_is_one(
    tiny_teacher_dir, teacher_labels, sentences
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    batch = collate(teacher, encode_texts(teacher, sentences[:3], [2, 0, -100]))
    predicted = IntegratedGradients(steps=2).explain(teacher, batch, BUDGET).explained_labels
    true = IntegratedGradients(steps=2, target="true").explain(teacher, batch, BUDGET)
    assert true.explained_labels.tolist() == [2, 0, int(predicted[2])]


def test_gauss_legendre_integrates_polynomials_exactly():
    nodes, weights = gauss_legendre(5)
    for degree in range(10):  # exact up to degree 2n − 1
        assert np.dot(weights, nodes**degree) == pytest.approx(1 / (degree + 1), abs=1e-14)


def test_a_model_that_goes_round_its_input_embeddings_is_refused(
    tiny_teacher_dir, teacher_labels, sentences, monkeypatch
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    other = torch.nn.Embedding(200, 16)
    monkeypatch.setattr(teacher.model, "get_input_embeddings", lambda: other)
    batch = collate(teacher, encode_texts(teacher, sentences[:2]))
    with pytest.raises(ValueError, match=r"does not call what its get_input_embeddings\(\)"):
        IntegratedGradients(steps=2).explain(teacher, batch, BUDGET)
