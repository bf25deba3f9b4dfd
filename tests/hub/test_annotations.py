# SPDX-License-Identifier: Apache-2.0
"""An annotated dataset is pushed with a card, and comes back from the Hub as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, load_dataset
from huggingface_hub import DatasetCard, snapshot_download

from dixtill_hf import annotate, load_teacher, push_annotations
from tests.hub.loopback_hub import LoopbackHub

FACTS = {"teacher_id": "org/big", "license": "cc-by-4.0", "language": "en"}


@pytest.fixture
def annotated(
    tiny_teacher_dir: Callable[[str], Path], sentences: list[str], teacher_labels: list[str]
) -> Dataset:
    data = Dataset.from_dict({"text": sentences[:4], "label": [0, 1, 2, 0]})
    data = data.cast_column("label", ClassLabel(names=teacher_labels))
    return annotate(data, load_teacher(tiny_teacher_dir("bert"), teacher_labels), "saliency")


def test_annotations_come_back_as_they_were(
    hub: LoopbackHub, annotated: Dataset, tmp_path: Path
) -> None:
    url = push_annotations(
        annotated, "you/told", explainer="saliency", dataset_id="org/texts", **FACTS
    )
    assert url == f"{hub.endpoint}/datasets/you/told"
    assert len(hub.repositories["dataset", "you/told"].branches["main"]) == 2
    card = DatasetCard(hub.files("you/told", "dataset")["README.md"].decode())
    assert card.data.license == "cc-by-4.0"
    assert card.data.source_datasets == ["org/texts"]
    for said in ("org/big", "saliency", "`teacher_attributions`", "| train | 4 |"):
        assert said in card.text
    folder = snapshot_download("you/told", repo_type="dataset", cache_dir=tmp_path / "hub")
    again = load_dataset(folder, cache_dir=str(tmp_path / "data"), split="train")
    nan = "teacher_completeness_error"  # saliency promises none
    assert again.remove_columns(nan).to_dict() == annotated.remove_columns(nan).to_dict()
    assert again.features["label"].names == annotated.features["label"].names


def test_what_is_not_annotated_is_refused(hub: LoopbackHub, annotated: Dataset) -> None:
    plain = annotated.select_columns(["text", "label"])
    with pytest.raises(ValueError, match=r"lacks teacher_logits.*annotate\(\.\.\.\)"):
        push_annotations(plain, "you/told", explainer="saliency", **FACTS)
    with pytest.raises(ValueError, match="license must be"):
        push_annotations(
            annotated, "you/told", explainer="saliency", **{**FACTS, "license": "free"}
        )
    assert not hub.repositories
