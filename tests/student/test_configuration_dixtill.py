# SPDX-License-Identifier: Apache-2.0
"""The student's configuration: defaults of the paper, checks, and what survives a round trip."""

import json
from pathlib import Path

import pytest
from transformers import AutoConfig

from dixtill_hf.student.configuration_dixtill import (
    FIRST_RELEASE,
    FORMAT_VERSION,
    DixtillConfig,
)
from dixtill_hf.student.student import load_student


def test_attention_matrix_is_square_by_default() -> None:
    assert DixtillConfig(hidden_size=7).attention_size == 14
    assert DixtillConfig(hidden_size=7, attention_size=5).attention_size == 5


def test_every_field_survives_a_round_trip(tmp_path: Path) -> None:
    fields = {
        "vocab_size": 11,
        "embedding_size": 3,
        "hidden_size": 4,
        "num_layers": 2,
        "attention_size": 5,
        "embedding_dropout": 0.1,
        "hidden_dropout": 0.3,
        "word_dropout": 0.4,
        "explanation": "attention",
        "pad_token_id": 2,
        "unk_token_id": 3,
        "id2label": {0: "bearish", 1: "bullish", 2: "neutral"},
        "label2id": {"bearish": 0, "bullish": 1, "neutral": 2},
    }
    DixtillConfig(**fields).save_pretrained(tmp_path)
    loaded = DixtillConfig.from_pretrained(tmp_path)
    assert {name: getattr(loaded, name) for name in fields} == fields


def test_label_ids_follow_from_their_names() -> None:
    assert DixtillConfig(id2label={0: "no", 1: "yes"}).label2id == {"no": 0, "yes": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_size", 0),
        ("num_layers", 0),
        ("attention_size", 0),
        ("embedding_dropout", 1.0),
        ("word_dropout", -0.1),
        ("ngram_buckets", -1),
        ("pad_token_id", 30_000),
        ("unk_token_id", -1),
        ("explanation", "gradients"),
        ("num_labels", 1),
    ],
)
def test_values_out_of_range_are_named(field: str, value: object) -> None:
    message = "got 1: give num_labels" if field == "num_labels" else f"{field} must be .*{value}"
    with pytest.raises(ValueError, match=message):
        DixtillConfig(**{field: value})


def test_ngrams_of_no_word_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ngram_buckets is 40.*build_student"):
        DixtillConfig(ngram_buckets=40)


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification"])
@pytest.mark.parametrize("labels", [1, 3])
def test_other_problems_may_have_one_output(problem: str, labels: int) -> None:
    config = DixtillConfig(problem_type=problem, num_labels=labels)
    assert (config.problem_type, config.num_labels) == (problem, labels)


def test_an_unknown_problem_is_refused() -> None:
    with pytest.raises(ValueError, match="problem_type"):
        DixtillConfig(problem_type="ranking")


def test_thresholds_are_saved_with_the_labels_that_they_are_for(tmp_path: Path) -> None:
    given = {"problem_type": "multi_label_classification", "num_labels": 2}
    DixtillConfig(**given, thresholds=[0.25, 0.5]).save_pretrained(tmp_path)
    assert DixtillConfig.from_pretrained(tmp_path).thresholds == [0.25, 0.5]
    for wrong in ([0.5], [0.5, 1.5]):
        with pytest.raises(ValueError, match=r"thresholds must be 2 numbers in \[0, 1\]"):
            DixtillConfig(**given, thresholds=wrong)
    with pytest.raises(ValueError, match="thresholds are for problem_type"):
        DixtillConfig(num_labels=2, thresholds=[0.5, 0.5])


def test_the_format_is_saved_and_one_without_it_is_read(tmp_path: Path) -> None:
    DixtillConfig(hidden_size=7).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    saved = json.loads(path.read_text())
    assert (saved["format_version"], saved["needs_release"]) == (FORMAT_VERSION, FIRST_RELEASE)
    del saved["format_version"], saved["needs_release"]
    path.write_text(json.dumps(saved))
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert (loaded.hidden_size, loaded.format_version) == (7, FORMAT_VERSION)


def test_a_newer_format_is_refused_and_the_release_is_named(tmp_path: Path) -> None:
    DixtillConfig().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    newer = {"format_version": FORMAT_VERSION + 1, "needs_release": "7.8"}
    path.write_text(json.dumps(json.loads(path.read_text()) | newer))
    for load in (AutoConfig.from_pretrained, DixtillConfig.from_pretrained, load_student):
        with pytest.raises(
            ValueError, match=r"saved in format \d, which dixtill_hf 7\.8 and later"
        ):
            load(tmp_path)
