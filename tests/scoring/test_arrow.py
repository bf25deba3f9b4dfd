# SPDX-License-Identifier: Apache-2.0
"""Predictions as Arrow columns, and the engines that take a function over Arrow."""

import pyarrow as pa
import pytest

from dixtill_hf.scoring.arrow import BatchPredictor, predict_batches
from dixtill_hf.scoring.scorers import scorer_of


@pytest.fixture(scope="module")
def scorer(student):
    return scorer_of(student, "torch")


def batch_of(texts):
    return pa.RecordBatch.from_pydict({"id": list(range(len(texts))), "text": texts})


def test_predictions_are_added_to_the_columns(scorer, student, texts):
    (batch,) = predict_batches(scorer, [batch_of(texts)], words=2)
    assert batch.schema.names == [
        *("id", "text", "predicted_label", "probability", "probabilities", "deciding_words")
    ]
    explanations = student.explain(texts)
    for row, explanation in zip(batch.to_pylist(), explanations, strict=True):
        assert row["predicted_label"] == explanation.label
        assert row["probability"] == pytest.approx(explanation.probability, abs=1e-6)
        assert row["probabilities"] == pytest.approx(explanation.probabilities, abs=1e-6)
        assert len(row["deciding_words"]) == min(2, len(explanation.words))
        for word in row["deciding_words"]:
            assert explanation.text[word["start"] : word["end"]] == word["word"]


def test_a_missing_text_gives_a_row_without_values(scorer):
    (batch,) = predict_batches(scorer, [batch_of(["Acme falls", None])], words=1)
    missing = batch.to_pylist()[1]
    assert {value for name, value in missing.items() if name not in ("id", "text")} == {None}
    assert batch.column("probabilities").null_count == 1


def test_no_rows_give_no_rows(student_dir):
    empty = pa.table({"text": pa.array([], pa.string())})
    table = BatchPredictor(student_dir, engine="torch")(empty)
    assert table.num_rows == 0
    assert "predicted_label" in table.column_names


def test_columns_that_are_taken_or_are_no_text_are_refused(scorer):
    taken = pa.RecordBatch.from_pydict({"text": ["a"], "probability": [1.0]})
    with pytest.raises(ValueError, match="have a column 'probability' already"):
        list(predict_batches(scorer, [taken]))
    with pytest.raises(ValueError, match="holds int64, not strings"):
        list(predict_batches(scorer, [pa.RecordBatch.from_pydict({"text": [1]})]))
    with pytest.raises(ValueError, match="words must be 0 or more, got -1"):
        BatchPredictor("any", words=-1)


def test_the_method_of_a_student_is_the_same(student, texts, scorer):
    (batch,) = student.predict_batches([batch_of(texts)], words=2, engine="torch")
    (expected,) = predict_batches(scorer, [batch_of(texts)], words=2)
    assert batch.equals(expected)


def test_a_pandas_series_gives_a_frame(student_dir, student):
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(["Acme falls", None, float("nan")])
    frame = BatchPredictor(student_dir, engine="torch").series(series)
    assert list(frame.columns) == ["predicted_label", "probability"]
    assert frame["predicted_label"][0] == student("Acme falls").label
    assert frame["predicted_label"][1:].isna().all()
