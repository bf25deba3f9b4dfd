# SPDX-License-Identifier: Apache-2.0
"""A teacher that is spread over devices and a disk answers and explains as one in memory."""

import numpy as np
import pytest
from datasets import Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import load_teacher


@pytest.fixture
def teachers(tiny_teacher_dir, tmp_path):
    """The same teacher in memory, and with most of its weights on the disk."""
    directory = tiny_teacher_dir("bert")
    whole = load_teacher(directory, device="cpu")
    prefix = whole.model.base_model_prefix
    heads = [name for name, _ in whole.model.named_children() if name != prefix]
    parts = [f"{prefix}.{name}" for name, _ in whole.model.base_model.named_children()]
    places = dict.fromkeys([*heads, *parts], "cpu") | {f"{prefix}.encoder": "disk"}
    spread = load_teacher(directory, device_map=places, offload_folder=tmp_path / "offloaded")
    return whole, spread


def test_most_weights_are_on_the_disk_and_the_hash_is_the_same(teachers):
    whole, spread = teachers
    assert any(weight.is_meta for weight in spread.model.parameters())
    assert spread.device.type == "cpu"
    assert hash_teacher(spread) == hash_teacher(whole)


@pytest.mark.parametrize("explainer", ["integrated_gradients", "occlusion"])
def test_annotations_are_the_same(explainer, teachers, sentences, tmp_path):
    data = Dataset.from_dict({"text": sentences[:4]})
    settings = {"steps": 2, "precision": "float32"} if explainer != "occlusion" else {}
    whole, spread = (
        annotate(data, teacher, explainer, cache_dir=tmp_path / str(number), **settings)
        for number, teacher in enumerate(teachers)
    )
    for name in ("teacher_logits", "teacher_attributions"):
        for one, other in zip(whole[name], spread[name], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_places_are_given_once(tiny_teacher_dir):
    with pytest.raises(ValueError, match="device and device_map both say"):
        load_teacher(tiny_teacher_dir("bert"), device="cpu", device_map="auto")
