# SPDX-License-Identifier: Apache-2.0
"""Explainers that take words away, against enumerating or masking by hand."""

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch

from dixtill_hf.explainers.kernel_shap import KernelShap
from dixtill_hf.explainers.lime import Lime
from dixtill_hf.explainers.occlusion import Occlusion
from dixtill_hf.explainers.perturbation import words_of_tokens
from dixtill_hf.explainers.shapley_sampling import ShapleySampling
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, encode_texts
from dixtill_hf.teacher.loading import Teacher, load_teacher

BUDGET = 4096
Game = Callable[[tuple[int, ...]], np.ndarray]


def _game(teacher: Teacher, text: EncodedText) -> tuple[Game, np.ndarray]:
    """Logits `(labels,)` of one text without words, by the model's own inputs_embeds, and words."""
    owners = words_of_tokens(text.text, text.spans)
    ordinary = [index for index, flag in enumerate(text.ordinary) if flag]
    inputs = {name: torch.tensor([ids]) for name, ids in text.inputs.items()}
    ids = inputs.pop("input_ids")
    values: dict[tuple[int, ...], np.ndarray] = {}

    def value(present: tuple[int, ...]) -> np.ndarray:
        if present not in values:
            changed = ids.clone()
            for index, owner in zip(ordinary, owners, strict=True):
                if owner not in present:
                    changed[0, index] = teacher.tokenizer.pad_token_id
            with torch.no_grad():
                embeddings = teacher.model.get_input_embeddings()(changed)
                logits = teacher.model(inputs_embeds=embeddings, **inputs).logits
            values[present] = logits[0, list(teacher.label_order)].double().numpy()
        return values[present]

    return value, owners


def _shapley_values(value: Game, words: int) -> np.ndarray:
    """Exact Shapley values `(labels, words)`, by the definition."""
    result = []
    for word in range(words):
        others = [other for other in range(words) if other != word]
        result.append(
            sum(
                (value(tuple(sorted((*rest, word)))) - value(rest)) / words / comb(words - 1, size)
                for size in range(words)
                for rest in combinations(others, size)
            )
        )
    return np.array(result).T


def _of_words(scores: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Sums over the tokens of each word."""
    return np.stack([scores[..., owners == word].sum(-1) for word in range(owners.max() + 1)], -1)


@pytest.mark.parametrize(
    "explainer",
    [ShapleySampling(permutations=300, target="all"), KernelShap(samples=1500, target="all")],
    ids=lambda explainer: explainer.name,
)
def test_sampled_shapley_values_approach_the_exact_ones(
    each_teacher_dir, teacher_labels, explainer
):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    text = encode_texts(teacher, ["Globex cuts 1,200 jobs"])[0]
    value, owners = _game(teacher, text)
    exact = _shapley_values(value, owners.max() + 1)
    result = explainer.explain(teacher, [text], TokenBudget(BUDGET))[0]
    found = _of_words(result.scores, owners)
    assert np.abs(found - exact).max() < 0.1 * np.abs(exact).max()
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99
    # Both are complete whatever they have drawn: Captum's regression by a very large weight.
    change = value(tuple(range(owners.max() + 1))) - value(())
    np.testing.assert_allclose(found.sum(-1), change, atol=1e-4)
    assert result.completeness_error == pytest.approx(
        np.abs(found.sum(-1) - change).max(), abs=1e-5
    )
    assert result.evaluations == 2 ** (owners.max() + 1)


def test_few_orders_are_complete_too(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("gpt2"), teacher_labels)
    encoded = encode_texts(teacher, sentences)
    explainer = ShapleySampling(permutations=1)
    for text, result in zip(
        encoded, explainer.explain(teacher, encoded, TokenBudget(BUDGET)), strict=True
    ):
        value, owners = _game(teacher, text)
        change = value(tuple(range(owners.max() + 1))) - value(())
        assert result.scores.sum() == pytest.approx(change[result.label], abs=1e-5)
        assert result.evaluations == owners.max() + 2


def test_occlusion_is_what_is_lost_without_a_word(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, sentences[:3])
    results = Occlusion(target="all").explain(teacher, encoded, TokenBudget(BUDGET))
    for text, result in zip(encoded, results, strict=True):
        value, owners = _game(teacher, text)
        words = range(owners.max() + 1)
        full = value(tuple(words))
        lost = [full - value(tuple(w for w in words if w != word)) for word in words]
        np.testing.assert_allclose(
            _of_words(result.scores, owners), np.array(lost).T, atol=1e-5, rtol=1e-4
        )
        np.testing.assert_allclose(result.logits, full, atol=1e-5)
        assert result.evaluations == len(words) + 1
        assert np.isnan(result.completeness_error)


def test_the_tokens_of_a_word_share_its_score(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    text = encode_texts(teacher, sentences[:1])[0]
    owners = words_of_tokens(text.text, text.spans)
    scores = Occlusion().explain(teacher, [text], TokenBudget(BUDGET))[0].scores
    assert len(owners) > owners.max() + 1  # some words have several
    for word in range(owners.max() + 1):
        assert len(set(scores[owners == word].tolist())) == 1


def _linear_scores(teacher: Teacher, text: EncodedText) -> np.ndarray:
    """What each token adds to the logits of a linear teacher, `(labels, tokens)`."""
    model = teacher.model
    ids = torch.tensor(text.inputs["input_ids"])[text.ordinary]
    with torch.no_grad():
        change = model.embedding(ids) - model.embedding.weight[teacher.tokenizer.pad_token_id]
        return (change @ model.hidden.weight.T @ model.head.weight.T).T.numpy()


@pytest.mark.parametrize(
    "explainer",
    [
        Occlusion(target="all"),
        ShapleySampling(permutations=2, target="all"),
        KernelShap(samples=200, target="all"),
        Lime(samples=400, target="all"),
    ],
    ids=lambda explainer: explainer.name,
)
def test_a_linear_teacher_is_explained_by_its_weights(simple_teacher, explainer):
    teacher = simple_teacher()
    text = encode_texts(teacher, ["Globex cuts 1,200 jobs as demand slows"])[0]
    owners = words_of_tokens(text.text, text.spans)
    exact = _of_words(_linear_scores(teacher, text), owners)
    result = explainer.explain(teacher, [text], TokenBudget(BUDGET))[0]
    found = _of_words(result.scores, owners)
    if explainer.name == "lime":  # its ridge shrinks them a little
        assert (found.argsort(-1)[:, [0, -1]] == exact.argsort(-1)[:, [0, -1]]).all()
        assert all(np.corrcoef(*pair)[0, 1] > 0.99 for pair in zip(found, exact, strict=True))
        clear = np.abs(exact) > 0.1 * np.abs(exact).max()
        assert (np.sign(found) == np.sign(exact))[clear].all()
    else:
        np.testing.assert_allclose(found, exact, atol=1e-4)


@pytest.mark.parametrize("explainer", [KernelShap(), Lime(), ShapleySampling(), Occlusion()])
def test_the_only_word_gets_all(tiny_teacher_dir, teacher_labels, explainer):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    text = encode_texts(teacher, ["jumps"])[0]
    value, owners = _game(teacher, text)
    assert owners.max() == 0
    result = explainer.explain(teacher, [text], TokenBudget(BUDGET))[0]
    change = (value((0,)) - value(()))[result.label]
    assert result.scores.sum() == pytest.approx(change, abs=1e-6)
    assert result.evaluations == 2


@pytest.mark.parametrize("output", ["probability", "margin", "log_probability"])
def test_other_outputs_than_the_logit(tiny_teacher_dir, teacher_labels, sentences, output):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    text = encode_texts(teacher, sentences[:1])[0]
    value, owners = _game(teacher, text)
    explainer = ShapleySampling(permutations=2, output=output)
    result = explainer.explain(teacher, [text], TokenBudget(BUDGET))[0]
    ends = torch.tensor(np.stack([value(tuple(range(owners.max() + 1))), value(())]))
    after, before = explainer.outputs(ends)[:, result.label].tolist()
    assert result.scores.sum() == pytest.approx(after - before, abs=1e-6)


@pytest.mark.parametrize("explainer", [ShapleySampling, KernelShap, Lime])
def test_the_seed_decides_what_is_drawn(simple_teacher, sentences, explainer):
    teacher = simple_teacher(relu=True)
    encoded = encode_texts(teacher, sentences[:2])
    size = {"permutations": 2} if explainer is ShapleySampling else {"samples": 40}

    def explain(seed: int) -> np.ndarray:
        results = explainer(seed=seed, **size).explain(teacher, encoded, TokenBudget(BUDGET))
        return np.concatenate([result.scores for result in results])

    np.testing.assert_array_equal(explain(0), explain(0))
    assert not np.allclose(explain(0), explain(1))


def test_five_hundred_words_keep_to_the_budget(simple_teacher):
    teacher = simple_teacher()
    texts = encode_texts(teacher, [("up a " * 250).strip(), "Acme falls"])
    assert len(texts[0].spans) >= 500
    budget = len(texts[0]) * 3
    for explainer in (ShapleySampling(permutations=2), KernelShap(samples=600), Occlusion()):
        result = explainer.explain(teacher, texts, TokenBudget(budget))[0]
        assert np.isfinite(result.scores).all()
        assert teacher.model.largest <= budget


@pytest.mark.parametrize(
    ("explainer", "setting"),
    [
        (ShapleySampling, {"permutations": 0}),
        (ShapleySampling, {"seed": -1}),
        (KernelShap, {"samples": 2}),
        (KernelShap, {"samples": 10.0}),
        (Lime, {"samples": 1}),
        (Lime, {"kernel_width": 0.0}),
        (Lime, {"kernel_width": float("nan")}),
        (Occlusion, {"output": "logits"}),
    ],
)
def test_settings_out_of_range_are_refused(explainer, setting):
    with pytest.raises(ValueError, match=f"^{next(iter(setting))} must be"):
        explainer(**setting)
