# SPDX-License-Identifier: Apache-2.0
"""Students of several labels a text, and of values, are scored as they predict."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset

from dixtill_hf.distillation.building import build_student
from dixtill_hf.scoring.arrow import BatchPredictor, predict_batches
from dixtill_hf.scoring.files import predict_files
from dixtill_hf.scoring.scorers import find_scorer, scorer_of
from dixtill_hf.student.student import Student

LABELS = ["joy", "anger", "fear"]


@pytest.fixture(params=["multi_label_classification", "regression"])
def student_of_type(request, sentences, tmp_path) -> Student:
    """A student with random weights, saved, of another kind of task."""
    torch.manual_seed(0)
    model, tokenizer = build_student(
        sentences, LABELS, min_frequency=1, problem_type=request.param, word_vectors="none"
    )
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    if request.param == "multi_label_classification":
        model.config.thresholds = [0.45, 0.5, 0.55]
    student = Student(model.eval(), tokenizer)
    student.save(tmp_path / "student")
    return student


def _expected_words(explanation, most):
    return [
        (label, explanation.words[at], *explanation.spans[at])
        for label in sorted(explanation.scores_by_label, key=LABELS.index)
        for at in np.argsort(-np.abs(explanation.scores_by_label[label]), kind="stable")[:most]
    ]


def test_columns_hold_what_the_student_predicts(student_of_type, texts):
    batch = Dataset.from_dict({"text": [*texts, None]}).data.to_batches()[0]
    (scored,) = predict_batches(scorer_of(student_of_type, "torch"), [batch], words=2)
    *rows, missing = scored.to_pylist()
    assert {value for name, value in missing.items() if name != "text"} == {None}
    explanations = student_of_type.explain(texts)
    for row, one in zip(rows, explanations, strict=True):
        if student_of_type.model.config.problem_type == "regression":
            assert set(row) == {"text", "predicted_values", "deciding_words"}
            assert row["predicted_values"] == pytest.approx(one.logits, abs=1e-5)
        else:
            assert set(row) == {"text", "predicted_labels", "probabilities", "deciding_words"}
            assert row["predicted_labels"] == list(one.labels)
            assert row["probabilities"] == pytest.approx(one.probabilities, abs=1e-6)
        found = [(w["label"], w["word"], w["start"], w["end"]) for w in row["deciding_words"]]
        assert found == _expected_words(one, 2)
    if student_of_type.model.config.problem_type != "regression":
        assert len({len(one.labels) for one in explanations}) > 1


def test_the_runtime_scores_them_too(student_of_type, texts):
    pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime")
    rounded = scorer_of(student_of_type, "runtime").score(texts, words=100)
    plain = scorer_of(student_of_type, "torch").score(texts, words=100)
    sure = 0
    for one, other in zip(rounded, plain, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=0.05)
        if one.labels == other.labels and one.label == other.label:
            sure += 1
            words = {(word.label, word.start): word.score for word in one.words}
            expected = {(word.label, word.start): word.score for word in other.words}
            assert words == pytest.approx(expected, abs=0.05)
    assert sure > len(texts) / 2


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_files_of_every_kind_hold_them(student_of_type, texts, tmp_path, kind):
    Dataset.from_dict({"text": texts}).to_parquet(tmp_path / "texts.parquet")
    output = tmp_path / f"scored.{kind}"
    predict_files(tmp_path / "student", tmp_path / "texts.parquet", output, engine="torch")
    name = "predicted_values"
    if student_of_type.model.config.problem_type != "regression":
        name = "predicted_labels"
    if kind == "parquet":
        found = pq.read_table(output)[name].to_pylist()
    elif kind == "jsonl":
        found = [json.loads(line)[name] for line in output.read_text().splitlines()]
    else:
        found = list(map(json.loads, Dataset.from_csv(str(output))[name]))
    scorer = find_scorer(tmp_path / "student", "torch").load()
    for value, score in zip(found, scorer.score(texts), strict=True):
        if name == "predicted_labels":
            assert value == [LABELS[label] for label in score.labels]
        else:
            assert list(value.values()) == pytest.approx(score.values, abs=1e-5)


def test_a_pandas_series_holds_them(student_of_type, texts, tmp_path):
    pandas = pytest.importorskip("pandas")
    predictor = BatchPredictor(tmp_path / "student", engine="torch")
    frame = predictor.series(pandas.Series([texts[0], None]))
    names = LABELS
    if student_of_type.model.config.problem_type != "regression":
        names = ["predicted_labels"]
    assert list(frame.columns) == names
    assert frame.iloc[1].isna().all()


def test_they_are_not_served(student_of_type):
    pytest.importorskip("fastapi", reason="needs the extra serve")
    from dixtill_hf.scoring.service import make_app

    with pytest.raises(ValueError, match="only students of one label a text are served"):
        make_app(scorer_of(student_of_type, "torch"))
