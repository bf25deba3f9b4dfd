# SPDX-License-Identifier: Apache-2.0
"""Heads are ranked on labelled texts, once for each teacher, and go one after the other."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset

from dixtill_hf.baselines.pruned_heads import RANKINGS, heads_to_remove, why_heads_stay
from dixtill_hf.teacher.loading import Teacher, load_teacher


@pytest.fixture(scope="module")
def teachers(tiny_teacher_dir: Callable[[str], Path]) -> tuple[Teacher, Teacher]:
    return load_teacher(tiny_teacher_dir("bert")), load_teacher(tiny_teacher_dir("electra"))


@pytest.fixture(scope="module")
def held_out(sentences: list[str], teacher_labels: list[str]) -> Dataset:
    labels = [i % 3 if i % 4 else -100 for i in range(len(sentences))]
    data = Dataset.from_dict({"text": sentences, "label": labels})
    return data.cast_column("label", ClassLabel(names=teacher_labels))


@pytest.mark.parametrize("ranking", list(RANKINGS))
def test_what_goes_first_stays_away(
    ranking: str, teachers: tuple[Teacher, Teacher], held_out: Dataset
):
    choices = heads_to_remove(ranking, teachers[0], held_out, 6)
    config = teachers[0].model.config
    assert len(choices) == config.num_attention_heads - 1
    gone: set[tuple[int, int]] = set()
    for count, heads in enumerate(choices, start=1):
        now = {(layer, head) for layer, chosen in heads.items() for head in chosen}
        assert gone <= now
        assert len(now) == count * config.num_hidden_layers
        gone = now


def test_another_teacher_is_ranked_anew(teachers: tuple[Teacher, Teacher], held_out: Dataset):
    kept, computed = {}, []

    def cache(name, depends_on, compute):
        key = (name, json.dumps(depends_on))
        if key not in kept:
            computed.append(name)
            kept[key] = compute()
        return kept[key]

    for teacher in (*teachers, teachers[1]):
        heads_to_remove("gradient", teacher, held_out, 6, cache)
    assert computed == ["heads-gradient", "heads-gradient"]


def test_why_heads_stay_is_told(
    teachers: tuple[Teacher, Teacher], held_out: Dataset, tiny_teacher_dir: Callable[[str], Path]
):
    assert why_heads_stay(teachers[0], held_out) is None
    unlabelled = held_out.filter(lambda row: row["label"] < 0)
    assert "no text of the validation split has a label" in why_heads_stay(teachers[0], unlabelled)
    gpt2 = load_teacher(tiny_teacher_dir("gpt2"))
    assert "'gpt2' can be removed" in why_heads_stay(gpt2, held_out)
