# SPDX-License-Identifier: Apache-2.0
"""The user's own scores: which columns they come from, and what does not fit."""

import json

import numpy as np
import pytest

from dixtill_hf.explainers.base import Attribution, get_explainer
from dixtill_hf.explainers.precomputed import Precomputed
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import Teacher

TEXT = "Acme  jumps, then falls"


def _explain(teacher: Teacher, explainer: Precomputed, row: dict) -> Attribution:
    texts = encode_texts(teacher, [TEXT], [row])
    return explainer.explain(teacher, texts, TokenBudget(4096))[0]


def test_scores_of_spans(simple_teacher):
    explainer = Precomputed(scores="mine", spans="where")
    assert explainer.reads == ("mine", "where")
    row = {"mine": [2.0, -1.0], "where": [[6, 11], [0, 4]]}
    result = _explain(simple_teacher(), explainer, row)
    assert result.spans == [(6, 11), (0, 4)]
    np.testing.assert_array_equal(result.scores, np.float32([2, -1]))
    assert result.label == result.logits.argmax()
    assert result.evaluations == 1
    assert np.isnan(result.completeness_error)


def test_scores_of_words_between_white_space(simple_teacher):
    explainer = Precomputed(scores="mine")
    assert explainer.reads == ("mine",)
    result = _explain(simple_teacher(), explainer, {"mine": [0, 1.5, 0, -2]})
    assert [TEXT[start:end] for start, end in result.spans] == ["Acme", "jumps,", "then", "falls"]
    np.testing.assert_array_equal(result.scores, np.float32([0, 1.5, 0, -2]))


def test_scores_of_a_lexicon(simple_teacher, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"jumps": 1, "falls": -1}))
    explainer = get_explainer("precomputed", lexicon=str(path))
    assert explainer.reads == ()
    result = _explain(simple_teacher(), explainer, {})
    scored = {
        TEXT[start:end]: score
        for (start, end), score in zip(result.spans, result.scores.tolist(), strict=True)
    }
    assert scored == {"Acme": 0, "jumps": 1, ",": 0, "then": 0, "falls": -1}


def test_settings_tell_what_a_lexicon_holds_and_not_where_it_lies(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("jumps\t1\nfalls\t-1\n")
    from_file, given = Precomputed(lexicon=path), Precomputed(lexicon={"falls": -1, "jumps": 1})
    assert from_file.settings() == given.settings()
    assert given.settings()["lexicon"]["entries"] == 2
    assert given.settings() != Precomputed(lexicon={"falls": -2, "jumps": 1}).settings()
    assert Precomputed(scores="a", spans="b").settings() == {
        "name": "precomputed",
        "scores": "a",
        "spans": "b",
        "lexicon": None,
    }


@pytest.mark.parametrize(
    ("settings", "row", "message"),
    [
        ({}, {"mine": [1.0]}, "has 1 scores for the 4 words between white space of the text 'Acme"),
        ({}, {"mine": None}, "has no list of scores for the 4 words"),
        ({}, {"mine": 0.5}, "has no list of scores for the 4 words"),
        ({"spans": "where"}, {"mine": [1.0], "where": []}, "for the 0 spans in 'where'"),
        ({"spans": "where"}, {"mine": [1.0], "where": [[0, 99]]}, r"\[0, 99\] is no span of"),
        ({"spans": "where"}, {"mine": [1.0], "where": [[3, 3]]}, r"\[3, 3\] is no span of"),
        ({"spans": "where"}, {"mine": [1.0], "where": [[3]]}, r"\[3\] is no span of"),
        ({}, {"mine": [1.0, float("inf"), 0.0, 0.0]}, "scores that are not finite"),
    ],
)
def test_scores_that_do_not_fit_their_text_are_refused(simple_teacher, settings, row, message):
    with pytest.raises(ValueError, match=message):
        _explain(simple_teacher(), Precomputed(scores="mine", **settings), row)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "takes either scores"),
        ({"scores": "mine", "lexicon": {"a": 1.0}}, "takes either scores"),
        ({"lexicon": {"a": 1.0}, "spans": "where"}, "spans='where' needs scores"),
        ({"lexicon": {}}, "empty"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Precomputed(**settings)


def test_a_lexicon_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.tsv"):
        Precomputed(lexicon=tmp_path / "nothing.tsv")
