# SPDX-License-Identifier: Apache-2.0
"""The published model cards are those of the published figures, and name nothing of a machine."""

import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from benchmarks import publish

CARDS = Path(publish.__file__).parents[1] / "model_cards"


@pytest.mark.parametrize("name", sorted(publish.CARDS))
def test_cards_are_drawn_from_the_published_metrics(name):
    assert (CARDS / f"{name}.md").read_text(encoding="utf-8") == publish.card_of(name)


@pytest.mark.parametrize("name", sorted(publish.CARDS))
def test_cards_name_ids_instead_of_paths(name):
    text = publish.card_of(name)
    known = publish.CARDS[name]
    data = ModelCard(text).data
    assert (data.base_model, data.datasets) == (known["base_model"], [known["dataset_id"]])
    assert {result.dataset_type for result in data.eval_results} == {known["dataset_id"]}
    assert not re.search(r"runs/|data/|output_dir", text)
    assert set(re.findall(r'(?:repo = |load_student\()"(.*?)"', text)) == {known["model_id"]}
