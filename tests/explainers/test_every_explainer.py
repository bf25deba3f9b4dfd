# SPDX-License-Identifier: Apache-2.0
"""What holds for every explainer in the registry, whatever its method."""

import json

import numpy as np
import pytest
import torch

from dixtill_hf.data.columns import LABEL
from dixtill_hf.explainers.base import (
    Attribution,
    Explainer,
    TargetedExplainer,
    get_explainer,
    known_explainers,
)
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import Teacher, load_teacher

# Few evaluations, so that the tests are fast.
SETTINGS = {
    "gradient_shap": {"samples": 3},
    "kernel_shap": {"samples": 24},
    "lime": {"samples": 24},
    "precomputed": {"lexicon": {"jumps": 1.0, "fell": -0.5}},
    "shapley_sampling": {"permutations": 2},
}
NAMES = sorted(known_explainers())
GRADIENTS = [name for name in NAMES if known_explainers()[name].uses_gradients]
TARGETED = [name for name in NAMES if issubclass(known_explainers()[name], TargetedExplainer)]
COMPLETE = {"integrated_gradients", "deep_lift", "gradient_shap", "kernel_shap", "shapley_sampling"}


def _make(name: str, **settings: object) -> Explainer:
    return get_explainer(name, **SETTINGS.get(name, {}), **settings)


def _explain(
    teacher: Teacher, name: str, texts: list[str], tokens: int = 4096, **settings: object
) -> list[Attribution]:
    encoded = encode_texts(teacher, texts, [{"teacher_quotes": "[]"}] * len(texts))
    return _make(name, **settings).explain(teacher, encoded, TokenBudget(tokens))


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_explained_the_same_in_any_company(
    each_teacher_dir, teacher_labels, sentences, name
):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    texts = [*sentences[:3], "up", "Acme falls. " * 8]
    together = _explain(teacher, name, texts)
    tight = _explain(teacher, name, texts[::-1], tokens=90)[::-1]
    for text, first, second in zip(texts, together, tight, strict=True):
        alone = _explain(teacher, name, [text])[0]
        for other in (second, alone):
            assert other.label == first.label
            assert other.evaluations == first.evaluations
            assert list(other.spans) == list(first.spans)
            np.testing.assert_allclose(other.scores, first.scores, atol=2e-4, rtol=1e-3)
            np.testing.assert_allclose(other.logits, first.logits, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_results_are_float32_scores_of_spans(tiny_teacher_dir, teacher_labels, sentences, name):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    for text, result in zip(sentences, _explain(teacher, name, sentences), strict=True):
        assert result.scores.dtype == np.float32
        assert result.logits.dtype == np.float32
        assert result.scores.shape == (len(result.spans),)
        assert all(0 <= start < end <= len(text) for start, end in result.spans)
        assert result.label == result.logits.argmax()
        assert isinstance(result.label, int)
        assert np.isnan(result.completeness_error) == (name not in COMPLETE)
        assert known_explainers()[name].signed or (result.scores >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_texts_without_tokens_have_no_scores(each_teacher_dir, teacher_labels, sentences, name):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    for result in _explain(teacher, name, ["", sentences[0], ""])[::2]:
        assert result.scores.shape == (0,)
        assert np.isfinite(result.logits).all()
        assert np.isnan(result.completeness_error) or result.completeness_error < 1e-5


@pytest.mark.parametrize("name", sorted({*NAMES} - {"integrated_gradients"}))
def test_no_texts_have_no_results(tiny_teacher_dir, teacher_labels, name):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    assert _make(name).explain(teacher, [], TokenBudget(4096)) == []


@pytest.mark.parametrize("name", TARGETED)
def test_all_labels_are_each_label(tiny_teacher_dir, teacher_labels, sentences, name):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    encoded = encode_texts(teacher, sentences[:2])
    every = _make(name, target="all").explain(teacher, encoded, TokenBudget(4096))
    for label in range(3):
        encoded = encode_texts(teacher, sentences[:2], [{LABEL: label}] * 2)
        one = _make(name, target="true").explain(teacher, encoded, TokenBudget(4096))
        for alone, among in zip(one, every, strict=True):
            assert among.scores.shape == (3, len(alone.spans))
            assert alone.label == label
            assert among.label == among.logits.argmax()
            np.testing.assert_allclose(among.scores[label], alone.scores, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", TARGETED)
def test_unlabelled_texts_are_explained_for_the_predicted_label(
    tiny_teacher_dir, teacher_labels, sentences, name
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    rows = [{LABEL: -100}, {LABEL: None}]
    encoded = encode_texts(teacher, sentences[:2], rows)
    explainer = _make(name, target="true")
    assert explainer.reads == (LABEL,)
    for result in explainer.explain(teacher, encoded, TokenBudget(4096)):
        assert result.label == result.logits.argmax()


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_json_values(name):
    assert json.loads(json.dumps(_make(name).settings()))["name"] == name


@pytest.mark.parametrize("name", NAMES)
def test_the_callers_random_numbers_stay(tiny_teacher_dir, teacher_labels, sentences, name):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    torch.manual_seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    _explain(teacher, name, sentences[:2])
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


@pytest.mark.parametrize("name", sorted({*NAMES} - {"attention_rollout"}))
def test_running_out_of_memory_only_costs_time(simple_teacher, sentences, name):
    teacher = simple_teacher(relu=True)
    plenty = _explain(teacher, name, sentences)
    teacher.model.memory = 200
    scarce = _explain(teacher, name, sentences)
    assert teacher.model.largest > 200
    for first, second in zip(plenty, scarce, strict=True):
        np.testing.assert_allclose(first.scores, second.scores, atol=2e-4, rtol=1e-3)


# Integrated Gradients takes more for the texts that need more.
@pytest.mark.parametrize("name", sorted({*NAMES} - {"integrated_gradients"}))
def test_evaluations_are_no_more_than_was_said(tiny_teacher_dir, teacher_labels, sentences, name):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    explainer = _make(name)
    for result in _explain(teacher, name, sentences):
        assert 1 <= result.evaluations <= explainer.evaluations(len(result.spans))


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_teacher_without_gradients_is_refused(simple_teacher, sentences, name):
    teacher = simple_teacher()
    teacher.model.differentiable = False
    with pytest.raises(ValueError, match="gives no gradients with respect to its word embeddings"):
        _explain(teacher, name, sentences[:2])


@pytest.mark.parametrize("name", ["occlusion", "kernel_shap", "shapley_sampling", "lime"])
def test_those_that_need_no_gradients_do_without(simple_teacher, sentences, name):
    teacher = simple_teacher()
    with_gradients = _explain(teacher, name, sentences[:2])
    teacher.model.differentiable = False
    for first, second in zip(with_gradients, _explain(teacher, name, sentences[:2]), strict=True):
        np.testing.assert_array_equal(first.scores, second.scores)


@pytest.mark.parametrize("name", sorted({*TARGETED} - {"integrated_gradients"}))
def test_a_model_that_goes_round_its_input_embeddings_is_refused(simple_teacher, sentences, name):
    teacher = simple_teacher()
    other = torch.nn.Embedding(400, 8)
    teacher.model.get_input_embeddings = lambda: other
    with pytest.raises(ValueError, match=r"does not call what its get_input_embeddings\(\)"):
        _explain(teacher, name, sentences[:2])


@pytest.mark.parametrize("name", NAMES)
def test_the_half_precision_of_a_teacher_is_no_obstacle(
    tiny_teacher_dir, teacher_labels, sentences, name
):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels, dtype=torch.bfloat16)
    for result in _explain(teacher, name, sentences[:2]):
        assert np.isfinite(result.scores).all()


@pytest.mark.parametrize("setting", ["signed", "name", "permutation"])
def test_only_settings_are_settings(setting):
    with pytest.raises(ValueError, match="one of output, target, seed, permutations, got"):
        get_explainer("shapley_sampling", **{setting: 3})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("kernelshap", "kernel_shap"),
        ("deeplift", "deep_lift"),
        ("shapley_samples", "shapley_sampling"),
    ],
)
def test_an_unknown_name_gives_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"Did you mean '{nearest}'"):
        get_explainer(name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_cuda_explains_as_the_cpu_does(each_teacher_dir, sentences, name):
    settings = {"precision": "float32"} if name == "integrated_gradients" else {}
    on_cpu, on_gpu = (
        _explain(load_teacher(each_teacher_dir, device=device), name, sentences, **settings)
        for device in ("cpu", "cuda")
    )
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert (one.label, list(one.spans)) == (other.label, list(other.spans))
        assert one.evaluations == other.evaluations
        np.testing.assert_allclose(other.logits, one.logits, atol=1e-4)
        np.testing.assert_allclose(other.scores, one.scores, atol=2e-3, rtol=1e-2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gradients_in_bfloat16_are_near_those_in_float32(each_teacher_dir, sentences):
    name, settings = "integrated_gradients", {"steps": 20}
    on_cpu, on_gpu = (load_teacher(each_teacher_dir, device=device) for device in ("cpu", "cuda"))
    exact = _explain(on_cpu, name, sentences, precision="float32", **settings)
    near = _explain(on_gpu, name, sentences, precision="bfloat16", **settings)
    for one, other in zip(exact, near, strict=True):
        np.testing.assert_allclose(other.logits, one.logits, atol=1e-4)  # of float32 weights
        cosine = one.scores @ other.scores
        cosine /= np.linalg.norm(one.scores) * np.linalg.norm(other.scores)
        assert cosine > 0.99


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_teachers_may_be_loaded_in_bfloat16(each_teacher_dir, sentences):
    teacher = load_teacher(each_teacher_dir, device="cuda", dtype=torch.bfloat16)
    found = _explain(teacher, "integrated_gradients", sentences)
    assert all(np.isfinite(one.scores).all() and one.scores.any() for one in found)
