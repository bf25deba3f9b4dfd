# SPDX-License-Identifier: Apache-2.0
"""Students of pairs of texts: one sequence, exact contributions, each of a word of one text."""

import json
from copy import deepcopy

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from dixtill_hf.data.text_pairs import TextPair
from dixtill_hf.distillation.building import build_student
from dixtill_hf.evaluation.student_explanations import integrated_gradients_of_student
from dixtill_hf.export.float_student import float_student
from dixtill_hf.export.onnx import export_student
from dixtill_hf.hub.space import write_space
from dixtill_hf.reporting.explanation_picture import explanation_svg
from dixtill_hf.reporting.highlights import terminal
from dixtill_hf.scoring.scorers import scorer_of
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.pipeline_dixtill import dixtill_pipeline
from dixtill_hf.student.student import Student, load_student
from dixtill_hf.student.tokenization import encode_padded

PAIRS = [
    TextPair("A man sleeps on a sofa.", "The man is awake."),
    TextPair("Two dogs run.", "Two dogs run fast in the snow."),
    TextPair("No boy plays", "A boy plays."),
]
NAMES = ["no", "yes", "unknown"]


@pytest.fixture
def student() -> Student:
    model, tokenizer = build_student(PAIRS, NAMES, word_vectors="none", min_frequency=1)
    with torch.no_grad():  # types that matter, as after training
        model.token_types.weight.normal_()
    return Student(model.eval(), tokenizer)


def test_a_pair_is_one_sequence_with_a_separator_and_types(student):
    encoding = encode_padded(student.tokenizer, PAIRS[:1])
    words = student.tokenizer.convert_ids_to_tokens(encoding["input_ids"][0].tolist())
    at = words.index("[SEP]")
    assert " ".join(words[:at]) == "a man sleeps on a sofa ."
    assert " ".join(words[at + 1 :]) == "the man is awake ."
    assert encoding["token_type_ids"][0].tolist() == [0] * at + [2] + [1] * (len(words) - at - 1)


def test_the_words_of_both_texts_make_up_the_logits(student):
    for explanation in student.explain(PAIRS, labels=[1, 1, 1]):
        bias = student.model.classifier.bias[1].item()
        assert sum(explanation.scores) + bias == pytest.approx(explanation.logits["yes"], abs=1e-5)
        assert set(explanation.sequences) == {"text", "text_pair"}
        for word, span in zip(explanation.words, explanation.spans, strict=True):
            assert explanation.text[slice(*span)] == word
            assert "\n" not in word


def test_order_and_border_matter(student):
    pair = PAIRS[1]
    turned = TextPair(pair.text_pair, pair.text)
    moved = TextPair("Two dogs run. Two", "dogs run fast in the snow.")
    logits = [list(one.logits.values()) for one in student.explain([pair, turned, moved])]
    for other in logits[1:]:
        assert logits[0] != pytest.approx(other, abs=1e-4)


def test_words_of_both_texts_are_marked_as_shared(student):
    encoding = encode_padded(student.tokenizer, PAIRS[:1])
    mask = encoding["attention_mask"].bool()
    types = student.model.pair_types(encoding["input_ids"], mask, encoding["token_type_ids"])
    words = student.tokenizer.convert_ids_to_tokens(encoding["input_ids"][0].tolist())
    shared = {word for word, kind in zip(words, types[0].tolist(), strict=True) if kind >= 3}
    assert shared == {"man", "."}
    assert types[0, words.index("[SEP]")] == 2


def test_padding_changes_nothing(student):
    alone = [student.explain([pair])[0].logits for pair in PAIRS]
    for one, together in zip(alone, student.explain(PAIRS), strict=True):
        assert list(one.values()) == pytest.approx(list(together.logits.values()), abs=1e-5)


def test_a_student_of_pairs_is_saved_and_loaded(student, tmp_path):
    loaded = load_student(student.save(tmp_path))
    assert loaded.model.config.text_pairs
    for ours, theirs in zip(student.explain(PAIRS), loaded.explain(PAIRS), strict=True):
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-6)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    inputs = AutoTokenizer.from_pretrained(tmp_path)(*PAIRS[0].parts, return_tensors="pt")
    logits = list(student.explain(PAIRS[:1])[0].logits.values())
    assert model.eval()(**inputs).logits[0].tolist() == pytest.approx(logits, abs=1e-5)


def test_students_of_single_texts_have_nothing_of_it(tmp_path):
    model, tokenizer = build_student(["a man sleeps", "a dog runs"], NAMES, word_vectors="none")
    assert not any("token_types" in name for name in model.state_dict())
    assert "[SEP]" not in tokenizer.get_vocab()
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]


def test_configurations_without_pairs_still_load(tmp_path):
    DixtillConfig(vocab_size=9).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    saved = json.loads(path.read_text())
    del saved["text_pairs"]
    path.write_text(json.dumps(saved))
    config = AutoConfig.from_pretrained(tmp_path)
    assert config.text_pairs is False
    assert DixtillForSequenceClassification(config).token_types is None


def test_the_pipeline_takes_pairs_and_names_the_text_of_each_word(student):
    explain = dixtill_pipeline(student.model, student.tokenizer)
    given = [{"text": pair.text, "text_pair": pair.text_pair} for pair in PAIRS]
    for batch_size in (1, 3):
        results = explain(given, batch_size=batch_size)
        for pair, result, expected in zip(given, results, student.explain(PAIRS), strict=True):
            assert result["label"] == expected.label
            words = result["attributions"]
            assert [word["score"] for word in words] == pytest.approx(expected.scores, abs=1e-5)
            assert [word["sequence"] for word in words] == expected.sequences
            for word in words:
                assert pair[word["sequence"]][word["start"] : word["end"]] == word["word"]


def test_what_does_not_fit_a_student_is_refused(student):
    explain = dixtill_pipeline(student.model, student.tokenizer)
    for one in (explain, student):
        with pytest.raises(ValueError, match="This student reads pairs of texts"):
            one("A man sleeps.")
    with pytest.raises(ValueError, match="This student reads pairs of texts"):
        encode_padded(student.tokenizer, ["A man sleeps."])
    with pytest.raises(ValueError, match="give token_type_ids of the shape"):
        student.model(torch.tensor([[3, 4]]))
    single, tokenizer = build_student(["a man sleeps", "a dog runs"], NAMES, word_vectors="none")
    with pytest.raises(ValueError, match="This student reads single texts"):
        Student(single, tokenizer)({"text": "a man", "text_pair": "sleeps"})
    with pytest.raises(ValueError, match="this student reads single texts"):
        encode_padded(tokenizer, PAIRS)


def test_what_cannot_carry_pairs_refuses_the_student_by_name(student, tmp_path):
    with pytest.raises(ValueError, match="A device is for students of single texts"):
        float_student(student.model, student.tokenizer)
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="ONNX export"):
        export_student(student.model, student.tokenizer, tmp_path / "onnx")
    for engine in ("auto", "torch", "runtime"):
        with pytest.raises(ValueError, match="Scoring tables, files and requests is for students"):
            scorer_of(student, engine)
    with pytest.raises(ValueError, match="A Space is for students"):
        write_space(student, tmp_path / "space")
    assert not list(tmp_path.iterdir())


def test_integrated_gradients_of_a_student_are_complete(student):
    found = integrated_gradients_of_student(student.model, student.tokenizer, PAIRS, [1, 1, 1])
    model = student.model
    for pair, scores in zip(PAIRS, found, strict=True):
        encoding = encode_padded(student.tokenizer, [pair])
        types = model.pair_types(
            encoding["input_ids"], encoding["attention_mask"].bool(), encoding["token_type_ids"]
        )
        vectors = model.word_vectors(encoding["input_ids"])
        blank = model.embedding.weight[model.config.pad_token_id].expand_as(vectors)
        ends = [
            model(inputs_embeds=one, token_type_ids=types).logits[0, 1].item()
            for one in (blank, vectors)
        ]
        assert scores.sum() == pytest.approx(ends[1] - ends[0], abs=1e-3)


def test_a_counterfactual_keeps_the_pair(student):
    biased = deepcopy(student)
    found = biased.counterfactual({"text": "No boy plays", "text_pair": "A boy plays."})
    if found is not None:
        assert isinstance(found.new_text, TextPair)
        assert student(found.new_text).label == found.new_label


def test_explanations_show_two_lines(student, monkeypatch, tmp_path):
    explanation = student(PAIRS[0])
    shown = terminal(explanation)
    _, *lines = shown.split("\n")
    assert "" in lines
    assert len(lines) == len(explanation.words) + 1
    assert "white-space:pre-line" in explanation._repr_html_()
    assert "sofa" in explanation._repr_html_().split("\n")[0]
    svg = explanation_svg(explanation)
    tops = {line.split('y="')[1].split('"')[0] for line in svg.splitlines() if ">awake<" in line}
    first = {line.split('y="')[1].split('"')[0] for line in svg.splitlines() if ">sofa<" in line}
    assert tops
    assert first
    assert tops != first
