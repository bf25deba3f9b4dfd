# SPDX-License-Identifier: Apache-2.0
"""The model card: metadata that the Hub reads, and a card that tells the truth."""

import re

import pytest
from huggingface_hub import ModelCard

from dixtill_hf.distillation.model_card import card_text, read_card, write_card
from dixtill_hf.reporting.model_card import card_contents
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer


def model_card(*given, **named) -> str:
    return card_text(card_contents(*given, **named))


def snippets(card: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)


def test_metadata_can_be_read_by_the_hub(metrics):
    text = model_card(
        metrics,
        "someone/tiny",
        seed=2,
        language="en",
        license="apache-2.0",
        base_model="someone/teacher",
        dataset_id="someone/headlines",
    )
    data = ModelCard(text).data
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "text-classification"
    assert (data.language, data.license) == ("en", "apache-2.0")
    assert (data.base_model, data.datasets) == ("someone/teacher", ["someone/headlines"])
    assert data.metrics == ["accuracy", "f1", "matthews_correlation", "roc_auc"]
    assert data.model_name == "tiny"
    row = next(r for r in metrics["results"] if (r["method"], r["seed"]) == ("dixtill", 2))
    figures = {result.metric_name: result.metric_value for result in data.eval_results}
    assert figures["macro F1"] == pytest.approx(row["macro_f1"], abs=1e-6)
    assert {result.dataset_type for result in data.eval_results} == {"someone/headlines"}


def test_a_card_is_drawn_again_from_what_lies_next_to_it(metrics, tmp_path):
    contents = card_contents(metrics, "someone/tiny", seed=2, language=["en"])
    write_card(tmp_path / "student", contents)
    again = read_card(tmp_path / "student")
    assert card_text(again) == (tmp_path / "student" / "README.md").read_text(encoding="utf-8")
    assert read_card(tmp_path) is None


def test_what_is_not_known_is_not_claimed(make_metrics):
    metrics = make_metrics(seeds=1)
    metrics["results"][-1]["roc_auc"] = None
    data = ModelCard(model_card(metrics, "tiny")).data
    assert data.license is None
    assert data.base_model is None
    assert data.datasets is None
    assert "roc_auc" not in data.metrics


def test_paths_of_the_authors_disk_are_not_published(metrics):
    metrics["dataset"]["source"] = "/home/someone/data/headlines"
    metrics["teacher"]["name"] = "/home/someone/run/teacher"
    metrics["recipe"] = {"data": {"source": "/home/someone/data/headlines"}}
    text = model_card(metrics, "tiny", seed=0)
    assert "/home" not in text
    assert "| data.source | headlines |" in text


def test_card_compares_with_the_teacher_and_the_references_alone(metrics):
    text = model_card(metrics, "tiny", seed=0)
    first_cells = re.findall(r"^\| ([^|]+) \|", text.split("## Results")[1], flags=re.MULTILINE)
    quality = first_cells[: first_cells.index("DiXtill") + 1]
    assert quality == ["model", ":---", "teacher", "bag of words", "no distillation", "DiXtill"]
    assert "KL" not in text
    assert "paired" not in text


def test_explanation_is_described_as_it_is(make_metrics):
    metrics = make_metrics(seeds=1)
    assert "sum to the logit" in model_card(metrics, "tiny")
    metrics["results"][-1]["explanation"]["kind"] = "attention"
    text = model_card(metrics, "tiny")
    assert "sum to the logit" not in text
    assert "no label in particular" in text


def test_undistilled_student_is_not_called_distilled(metrics):
    text = model_card(metrics, "tiny", method="none", seed=0)
    assert "without distillation." in text
    assert "was distilled" not in text


def test_preset_must_be_named_where_there_are_several(make_metrics):
    metrics = make_metrics(presets=("default", "paper"), seeds=1)
    with pytest.raises(ValueError, match="several presets of method 'dixtill'"):
        model_card(metrics, "tiny")
    assert "DiXtill (paper)" in model_card(metrics, "tiny", preset="paper")


def test_unknown_method_lists_those_there_are(metrics):
    with pytest.raises(ValueError, match=r"no results of method 'x'.*it has 'bag_of_words' with"):
        model_card(metrics, "tiny", method="x")


@pytest.mark.parametrize("seed", [None, 9])
def test_seed_must_be_one_that_was_trained(metrics, seed):
    with pytest.raises(ValueError, match=f"DiXtill has 0, 1, 2, 3 and 4, got {seed}"):
        model_card(metrics, "tiny", seed=seed)


def test_snippets_run_on_a_saved_student(tmp_path, make_metrics, capsys):
    labels = {0: "bearish", 1: "bullish", 2: "neutral"}
    tokenizer = train_word_tokenizer(["a text to classify"])
    config = DixtillConfig(
        vocab_size=len(tokenizer), id2label=labels, label2id={v: k for k, v in labels.items()}
    )
    DixtillForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for snippet in snippets(model_card(make_metrics(seeds=1), str(tmp_path))):
        exec(snippet, {})
    first, *lines = capsys.readouterr().out.splitlines()
    label, share = first.split()
    assert label in labels.values()
    assert 0 < float(share) < 1
    assert [line.split()[1] for line in lines[:4]] == ["a", "text", "to", "classify"]
    assert lines[4].startswith(f"{label} (")  # the student's own explanation
    assert lines[5:] == lines[:4]


def test_it_says_whether_the_teacher_was_fine_tuned_on_the_texts(metrics):
    tuned = "- **Teacher:** someone/teacher, fine-tuned on the training texts."
    for finetuned in (True, False):
        metrics["teacher"]["finetuned"] = finetuned
        card = model_card(metrics, "someone/tiny", seed=2, base_model="someone/teacher")
        assert (tuned in card) is finetuned
        assert "- **Teacher:** someone/teacher" in card
