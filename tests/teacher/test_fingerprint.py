# SPDX-License-Identifier: Apache-2.0
"""A fingerprint changes with what an annotation depends on, and with nothing else."""

import torch

from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import load_teacher


def test_the_order_of_keys_does_not_matter():
    assert hash_json({"a": 1, "b": [2]}) == hash_json({"b": [2], "a": 1})
    assert hash_json({"a": 1}) != hash_json({"a": 2})


def test_borders_between_texts_count():
    assert hash_texts(["ab", "c"]) != hash_texts(["a", "bc"])
    assert hash_texts(["ab", "c"]) == hash_texts(iter(["ab", "c"]))


def test_a_teacher_is_the_same_wherever_it_lies(tiny_teacher_dir, teacher_labels, tmp_path):
    first = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    before = hash_teacher(first)
    first.tokenizer(["a text"], truncation=True, max_length=8, padding=True)  # leaves its traces
    first.model.save_pretrained(tmp_path)
    first.tokenizer.save_pretrained(tmp_path)
    assert hash_teacher(first) == before
    assert hash_teacher(load_teacher(tmp_path, teacher_labels)) == before


def test_weights_precision_limit_and_label_order_count(tiny_teacher_dir, teacher_labels):
    directory = tiny_teacher_dir("bert")
    hashes = {hash_teacher(load_teacher(directory, teacher_labels))}
    hashes.add(hash_teacher(load_teacher(directory, teacher_labels[::-1])))
    hashes.add(hash_teacher(load_teacher(directory, teacher_labels, dtype=torch.bfloat16)))
    shorter = load_teacher(directory, teacher_labels)
    shorter.max_length = 8
    hashes.add(hash_teacher(shorter))
    nudged = load_teacher(directory, teacher_labels)
    next(nudged.model.parameters()).data[0, 0] += 1e-3
    hashes.add(hash_teacher(nudged))
    assert len(hashes) == 5
