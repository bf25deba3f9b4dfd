# SPDX-License-Identifier: Apache-2.0
"""The pipeline with attributions, beside the plain one of transformers."""

from collections.abc import Callable
from pathlib import Path

import evaluate
import numpy as np
import pytest
import torch
import transformers
from datasets import Dataset, Features, Value
from transformers import AutoTokenizer, pipeline

import dixtill_hf  # noqa: F401  registers the student
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.explaining import explain
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.pipeline_dixtill import DixtillPipeline, dixtill_pipeline
from dixtill_hf.student.tokenization import train_word_tokenizer

TEXTS = ["", "Acme FELL 3.5%", "Café rises", "Acme"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    tokenizer = train_word_tokenizer(TEXTS)
    config = DixtillConfig(
        vocab_size=len(tokenizer), hidden_size=4, id2label={0: "down", 1: "up", 2: "flat"}
    )
    model = DixtillForSequenceClassification(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    path = tmp_path_factory.mktemp("student")
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def explainer(directory: Path) -> DixtillPipeline:
    return dixtill_pipeline(directory)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_attributions_are_those_of_explain(explainer: DixtillPipeline, batch_size: int) -> None:
    results = explainer(TEXTS, batch_size=batch_size)
    for result, expected in zip(
        results, explain(explainer.model, explainer.tokenizer, TEXTS), strict=True
    ):
        assert result["label"] == expected.label
        assert result["score"] == pytest.approx(expected.probability, abs=1e-6)
        words = result["attributions"]
        assert [word["word"] for word in words] == expected.words
        assert [(word["start"], word["end"]) for word in words] == expected.spans
        scores = [word["score"] for word in words]
        assert scores == pytest.approx(expected.scores, abs=1e-6)


def test_texts_are_cut_at_the_limit_and_special_tokens_are_no_words(
    tiny_teacher_dir: Callable[[str], Path],
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_teacher_dir("bert"))
    tokenizer.model_max_length = 4
    model = DixtillForSequenceClassification(DixtillConfig(vocab_size=len(tokenizer), num_labels=2))
    [result] = dixtill_pipeline(model, tokenizer)(["a b c d e"])
    assert [word["word"] for word in result["attributions"]] == ["a", "b"]


def test_one_text_gives_one_result(explainer: DixtillPipeline) -> None:
    [result] = explainer(TEXTS[1])
    assert set(result) == {"label", "score", "attributions"}


def test_every_label_returned_has_its_own_attributions(explainer: DixtillPipeline) -> None:
    results = explainer(TEXTS[1], top_k=None)
    assert len(results) == 3
    for result in results:
        [expected] = explain(
            explainer.model, explainer.tokenizer, TEXTS[1:2], labels=[result["label"]]
        )
        scores = [word["score"] for word in result["attributions"]]
        assert scores == pytest.approx(expected.scores, abs=1e-6)


def test_the_plain_pipeline_gives_the_same_labels(
    directory: Path, explainer: DixtillPipeline
) -> None:
    plain = pipeline("text-classification", model=str(directory))(TEXTS)
    without = [{k: r[k] for k in ("label", "score")} for r in explainer(TEXTS)]
    assert plain == without


def test_pairs_of_texts_are_refused(explainer: DixtillPipeline) -> None:
    with pytest.raises(ValueError, match="has a text_pair: this student reads single texts"):
        explainer({"text": "Acme", "text_pair": "rises"})
    with pytest.raises(TypeError, match=r"must be one text, or .*got dict"):
        explainer({"title": "Acme"})


def test_a_text_may_be_named(explainer: DixtillPipeline) -> None:
    assert explainer({"text": TEXTS[1]}) == explainer(TEXTS[1])[0]
    named = [{"text": text, "text_pair": None} for text in TEXTS]
    assert explainer(named) == explainer(TEXTS)


class _Share(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        features = Features({"predictions": Value("int32"), "references": Value("int32")})
        return evaluate.MetricInfo(
            description="", citation="", features=features, inputs_description=""
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        return {"right": float(np.mean(np.equal(predictions, references)))}


@pytest.mark.skipif(
    not hasattr(transformers, "TFPreTrainedModel"),
    reason="evaluate's evaluators need a class that transformers 5 has no more",
)
def test_an_evaluator_asks_the_pipeline(explainer: DixtillPipeline) -> None:
    names = explainer.model.config.label2id
    labels = [names[found["label"]] for found in explainer(TEXTS)]
    labels[0] = (labels[0] + 1) % 3
    found = evaluate.evaluator("text-classification").compute(
        explainer,
        Dataset.from_dict({"text": TEXTS, "label": labels}),
        metric=_Share(),
        label_mapping=names,
    )
    assert found["right"] == 0.75


def test_other_models_are_refused(tiny_teacher_dir: Callable[[str], Path]) -> None:
    with pytest.raises(ValueError, match="got a bert model"):
        dixtill_pipeline(tiny_teacher_dir("bert"))


def test_it_says_whether_the_student_is_sure_enough(directory: Path) -> None:
    explain_texts = dixtill_pipeline(directory)
    best = explain_texts("Acme rises")[0]["score"]
    assert "answered" not in explain_texts("Acme rises")[0]
    for threshold, answered in ((best - 1e-3, True), (best + 1e-3, False)):
        bound = {"threshold": {"threshold": threshold}, "unknown_words": 0.0}
        explain_texts.model.config.answering = bound
        results = explain_texts("Acme rises", top_k=None)
        assert [one["answered"] for one in results] == [answered] * 3


def test_labels_that_reach_their_thresholds_are_returned(
    explainer: DixtillPipeline,
) -> None:
    config = explainer.model.config
    config.problem_type = "multi_label_classification"
    explained = explain(explainer.model, explainer.tokenizer, TEXTS)
    for found, expected in zip(explainer(TEXTS), explained, strict=True):
        assert sorted(one["label"] for one in found) == sorted(expected.labels)
        for one in found:
            scores = [word["score"] for word in one["attributions"]]
            assert scores == pytest.approx(expected.scores_by_label[one["label"]], abs=1e-6)
    config.thresholds = [0.0] * 3
    assert [len(found) for found in explainer(TEXTS)] == [3] * len(TEXTS)
    assert [len(found) for found in explainer(TEXTS, top_k=2)] == [2] * len(TEXTS)
    config.problem_type = config.thresholds = None


def test_the_score_of_a_regression_is_its_value(explainer: DixtillPipeline) -> None:
    explainer.model.config.problem_type = "regression"
    results = explainer(TEXTS, top_k=None)
    explained = explain(explainer.model, explainer.tokenizer, TEXTS)
    for found, expected in zip(results, explained, strict=True):
        values = {one["label"]: one["score"] for one in found}
        assert values == pytest.approx(expected.logits, abs=1e-6)
    explainer.model.config.problem_type = None
