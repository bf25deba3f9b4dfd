# SPDX-License-Identifier: Apache-2.0
"""Both engines give the student's own labels, probabilities and words."""

import numpy as np
import pytest

from dixtill_hf.scoring.scorers import ScorerSource, find_scorer, scorer_of


def test_torch_scores_are_those_of_the_student(student, texts):
    scores = scorer_of(student, "torch").score(texts, words=3)
    for score, explanation in zip(scores, student.explain(texts), strict=True):
        assert student.labels[score.label] == explanation.label
        expected = list(explanation.probabilities.values())
        np.testing.assert_allclose(score.values, expected, atol=1e-6)
        order = np.argsort(-np.abs(explanation.scores), kind="stable")[:3]
        assert [(word.start, word.end) for word in score.words] == [
            explanation.spans[at] for at in order
        ]
        assert [word.word for word in score.words] == [explanation.words[at] for at in order]


def test_the_runtime_scores_as_the_rounded_student_does(student, texts):
    runtime = pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime")
    from dixtill_hf.scoring.scorers import rounded_student

    data = rounded_student(student, "runtime")
    classifier = runtime.Classifier(data)
    scores = scorer_of(student, "runtime").score(texts, words=2)
    for text, score in zip(texts, scores, strict=True):
        prediction = classifier(text)
        assert classifier.labels[score.label] == prediction.label
        assert list(score.values) == list(prediction.probabilities.values())
        words = sorted(prediction.words, key=lambda word: -abs(word.score))[:2]
        assert [tuple(word) for word in score.words] == [
            (score.label, word.text, word.start, word.end, word.score) for word in words
        ]


def test_a_directory_and_a_file_name_the_same_student(student_dir, student, texts, tmp_path):
    pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime")
    source = find_scorer(student_dir, "runtime")
    path = tmp_path / "student.dxt"
    path.write_bytes(source.student)
    assert find_scorer(path) == source
    assert source.load().score(texts) == scorer_of(student, "runtime").score(texts)
    assert find_scorer(student_dir, "torch") == ScorerSource(student_dir)


def test_what_cannot_be_used_is_named(student_dir, tmp_path):
    with pytest.raises(ValueError, match="engine must be one of auto, runtime, torch"):
        find_scorer(student_dir, "gpu")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        find_scorer(tmp_path / "a.dxt")
    with pytest.raises(ValueError, match="runs on dixtill-runtime only"):
        find_scorer("a.dxt", "torch")
    with pytest.raises(OSError, match="There is no student"):
        find_scorer(tmp_path / "nothing")
