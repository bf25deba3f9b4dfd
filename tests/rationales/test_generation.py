# SPDX-License-Identifier: Apache-2.0
"""Rationales are asked for once, and given the label that they argue for."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

from dixtill_hf.rationales.columns import rename_rationale_columns
from dixtill_hf.rationales.generation import LocalGenerator, generate_rationales


class Talker:
    """Says how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def generate(self, prompts: Sequence[str]) -> list[str]:
        self.asked += prompts
        return [f"reason {len(self.asked)}" for _ in prompts]


def test_explanation_revision_and_counterfactuals(rationales: Dataset, tmp_path: Path) -> None:
    said, bare = Talker(), rationales.select_columns(["text", "label"])
    options = {"key": "m", "directory": tmp_path, "revise": True, "counterfactual": True}
    made = generate_rationales(bare, said, "Is the news good?", **options)
    assert len(said.asked) == 3 * (3 + 2)
    assert made["teacher_rationale"][0] == "reason 3"
    assert "The right answer is: bad" in said.asked[0]
    assert "reason 1" in said.asked[1]
    assert "reason 2" in said.asked[2]
    assert made["teacher_counterfactual_rationales"][0] == ["", "reason 4", "reason 5"]
    assert "the answer is: good" in said.asked[3]
    assert made["teacher_rationale_label"][:] == ["bad", "good", "none"]
    again = generate_rationales(bare, Talker(), "Is the news good?", **options)
    assert again[:] == made[:]


def test_an_interrupted_call_goes_on(rationales: Dataset, tmp_path: Path) -> None:
    class Failing(Talker):
        def generate(self, prompts: Sequence[str]) -> list[str]:
            if len(self.asked) == 2:
                raise RuntimeError("no network")
            return super().generate(prompts)

    with pytest.raises(RuntimeError, match="no network"):
        generate_rationales(rationales, Failing(), "Judge.", key="m", directory=tmp_path)
    said = Talker()
    generate_rationales(rationales, said, "Judge.", key="m", directory=tmp_path)
    assert len(said.asked) == 1


@pytest.mark.parametrize("chat", [False, True])
def test_a_local_model_continues_prompts(
    chat: bool, tiny_language_model: Callable[..., Path]
) -> None:
    path = tiny_language_model("llama", chat)
    generator = LocalGenerator(
        AutoModelForCausalLM.from_pretrained(path), AutoTokenizer.from_pretrained(path), 5
    )
    first, second = generator.generate(["Why?", "Why?"])
    assert first == second


def test_names_of_other_projects() -> None:
    data = Dataset.from_dict(
        {
            "question": ["Q"],
            "choices": [["a", "b"]],
            "answer": ["a"],
            "counterfactual_prompt_answer_1_rationale": ["r1"],
            "counterfactual_prompt_answer_2_rationale": ["r2"],
            "few_shot_positive_rationale": ["first"],
            "few_shot_revision": ["revised"],
        }
    )
    found = rename_rationale_columns(data, "hendriks")[0]
    assert found["text"] == "Q"
    assert found["teacher_rationale"] == "revised"
    assert found["teacher_rationale_label"] == "a"
    assert found["teacher_counterfactual_rationales"] == ["r1", "r2"]
    step = Dataset.from_dict({"input": ["Q"], "llm_label": ["a"], "rationale": ["R"]})
    found = rename_rationale_columns(step, "step_by_step")[0]
    assert (found["text"], found["teacher_rationale_label"]) == ("Q", "a")
    with pytest.raises(ValueError, match="There is no column instruction"):
        rename_rationale_columns(step, "distilabel")
