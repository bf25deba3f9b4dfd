# SPDX-License-Identifier: Apache-2.0
"""A fingerprint changes with what an annotation depends on, and with nothing else."""

import sys
from importlib.util import module_from_spec, spec_from_file_location

import torch
from tokenizers import normalizers, pre_tokenizers, processors
from transformers import BertForSequenceClassification

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


class Other(BertForSequenceClassification):
    """The same weights in another class."""


def _nudge(teacher):
    next(teacher.model.parameters()).data[0, 0] += 1e-3


def _set(part, name, value):
    return lambda teacher: setattr(getattr(teacher, part), name, value)


def _set_backend(name, value):
    return lambda teacher: setattr(teacher.tokenizer.backend_tokenizer, name, value)


CHANGES = {
    "weights": _nudge,
    "precision": lambda teacher: teacher.model.to(torch.bfloat16),
    "limit": lambda teacher: setattr(teacher, "max_length", 8),
    "label order": lambda teacher: setattr(teacher, "label_order", [2, 1, 0]),
    "side that is cut": _set("tokenizer", "truncation_side", "left"),
    "special tokens in texts": _set("tokenizer", "split_special_tokens", True),
    "padding token": _set("tokenizer", "pad_token", "[MASK]"),
    "normalizer": _set_backend("normalizer", normalizers.Lowercase()),
    "pre-tokenizer": _set_backend("pre_tokenizer", pre_tokenizers.Whitespace()),
    "tokens around a text": _set_backend("post_processor", processors.ByteLevel()),
    "added tokens": lambda teacher: teacher.tokenizer.add_tokens(["acme"]),
    "activation": lambda teacher: setattr(teacher.model.config, "hidden_act", "relu"),
    "epsilon": lambda teacher: setattr(teacher.model.config, "layer_norm_eps", 1e-3),
    "class": lambda teacher: setattr(teacher.model, "__class__", Other),
}


def test_everything_that_changes_an_answer_changes_the_hash(tiny_teacher_dir, teacher_labels):
    directory = tiny_teacher_dir("bert")
    hashes = {"as it is": hash_teacher(load_teacher(directory, teacher_labels))}
    for name, change in CHANGES.items():
        teacher = load_teacher(directory, teacher_labels)
        change(teacher)
        hashes[name] = hash_teacher(teacher)
    assert len(set(hashes.values())) == len(hashes), hashes


def test_code_that_comes_with_a_checkpoint_counts_by_content(
    tiny_teacher_dir, tmp_path, monkeypatch
):
    hashes = set()
    for number, comment in enumerate(["", "# computes something else", ""]):
        path = tmp_path / f"modeling_{number}.py"
        path.write_text(
            "from transformers import BertForSequenceClassification\n"
            f"class Custom(BertForSequenceClassification): pass\n{comment}"
        )
        name = f"transformers_modules.modeling_{number}"
        spec = spec_from_file_location(name, path)
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        teacher = load_teacher(tiny_teacher_dir("bert"))
        teacher.model.__class__ = module.Custom
        hashes.add(hash_teacher(teacher))
    assert len(hashes) == 2
