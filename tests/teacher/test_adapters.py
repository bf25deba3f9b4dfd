# SPDX-License-Identifier: Apache-2.0
"""A directory with only a PEFT adapter is a teacher."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("peft", reason="needs the extra peft")

from peft import IA3Config, LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.loading import LabelMismatchError, load_teacher

MAP = {"LABEL_0": "bearish", "LABEL_1": "bullish", "LABEL_2": "neutral"}


def save_adapter(base: Path, directory: Path, settings: dict | None = None, **config: object):
    """Save a random adapter of a headless encoder, and return the adapted model."""
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    peft_config = LoraConfig(task_type="SEQ_CLS", r=2, init_lora_weights=False, **config)
    adapted = get_peft_model(model, peft_config if settings is None else settings)
    torch.manual_seed(1)
    for name, weight in adapted.named_parameters():
        if "modules_to_save" in name:
            torch.nn.init.normal_(weight)
    adapted.save_pretrained(directory)
    return adapted.eval()


@pytest.fixture(params=["bert", "llama"])
def base(request, tiny_teacher_dir, tmp_path) -> Path:
    """An encoder or decoder without a head, whose configuration knows of two labels."""
    directory = Path(shutil.copytree(tiny_teacher_dir(request.param), tmp_path / "base"))
    model = AutoModelForSequenceClassification.from_pretrained(directory)
    model.config.num_labels = 2
    model.base_model.save_pretrained(directory)
    return directory


@pytest.fixture
def adapter(base, tmp_path) -> Path:
    save_adapter(base, tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_adapter_is_read_as_the_model_with_it(base, tmp_path, teacher_labels, sentences):
    adapted = save_adapter(base, tmp_path / "adapter")
    teacher = load_teacher(tmp_path / "adapter", teacher_labels, MAP, device="cpu")
    inputs = collate(teacher, encode_texts(teacher, sentences)).inputs
    adapted.config.pad_token_id = teacher.tokenizer.pad_token_id
    adapted.base_model.model.config.pad_token_id = teacher.tokenizer.pad_token_id
    with torch.inference_mode():
        torch.testing.assert_close(
            teacher.logits(inputs), adapted(**inputs).logits, atol=1e-4, rtol=1e-4
        )
    merged = adapted.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "merged")
    whole = load_teacher(tmp_path / "merged", teacher_labels, MAP, device="cpu")
    with torch.inference_mode():
        torch.testing.assert_close(whole.logits(inputs), teacher.logits(inputs))


def test_an_adapter_is_explained(adapter, teacher_labels, sentences, tmp_path):
    from datasets import Dataset

    teacher = load_teacher(adapter, teacher_labels, MAP, device="cpu")
    annotated = annotate(
        Dataset.from_dict({"text": sentences[:2]}), teacher, steps=2, cache_dir=tmp_path / "cache"
    )
    assert all(any(scores) for scores in annotated["teacher_attributions"])


def test_its_labels_have_names_of_their_own_in_a_config(adapter, base, teacher_labels):
    with pytest.raises(LabelMismatchError, match="LABEL_0"):
        load_teacher(adapter, teacher_labels)

    config = json.loads((base / "config.json").read_text())
    config["id2label"] = dict(enumerate(teacher_labels))
    config["label2id"] = {name: number for number, name in enumerate(teacher_labels)}
    config["architectures"] = ["BertForSequenceClassification"]
    (adapter / "config.json").write_text(json.dumps(config))
    assert load_teacher(adapter).labels == teacher_labels


def test_an_adapter_of_another_kind_is_merged_too(
    tiny_teacher_dir, tmp_path, teacher_labels, caplog
):
    modules = {"target_modules": ["value"], "feedforward_modules": []}
    base = tiny_teacher_dir("bert")
    save_adapter(base, tmp_path, IA3Config(task_type="SEQ_CLS", **modules))
    assert load_teacher(tmp_path).labels == teacher_labels
    assert "those of the model that it belongs to are taken" in caplog.text


def test_an_adapter_that_cannot_be_merged_is_refused(tiny_teacher_dir, tmp_path):
    base = tiny_teacher_dir("bert")
    save_adapter(base, tmp_path, PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=2))
    with pytest.raises(ValueError, match=r"PROMPT_TUNING.*cannot be merged"):
        load_teacher(tmp_path)


def test_a_head_that_no_checkpoint_has_is_refused(base, tmp_path):
    save_adapter(base, tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if "lora" in k}, path)
    with pytest.raises(ValueError, match="no trained classification head"):
        load_teacher(tmp_path / "adapter")


def test_what_an_adapter_lacks_is_named(adapter, monkeypatch, tmp_path):
    path = adapter / "adapter_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "base_model_name_or_path": None}))
    with pytest.raises(ValueError, match="does not name the model that it belongs to"):
        load_teacher(adapter)
    path.write_text(json.dumps({**settings, "base_model_name_or_path": str(tmp_path / "gone")}))
    with pytest.raises(OSError, match=r"belongs to the model '.*gone'.*cannot be read"):
        load_teacher(adapter)
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"does not say what kind of adapter it is"):
        load_teacher(adapter)
    path.write_text("{")
    with pytest.raises(OSError, match=r"adapter_config.json of .* cannot be read"):
        load_teacher(adapter)
    path.write_text(json.dumps(settings))
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(OSError, match="could not be read"):
        load_teacher(adapter)
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.setattr("dixtill_hf.teacher.adapters.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r'pip install "dixtill_hf\[peft\]"'):
        load_teacher(adapter)
