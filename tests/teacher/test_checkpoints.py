# SPDX-License-Identifier: Apache-2.0
"""A saved model is what it seems, or is refused on loading with what is missing."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from tokenizers import processors
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForMaskedLM,
)

from dixtill_hf.teacher.checkpoints import load_config, load_tokenizer
from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.finetuning import finetune_teacher
from dixtill_hf.teacher.finetuning_trainer import FinetuningSettings
from dixtill_hf.teacher.loading import Teacher, load_teacher

OTHER_TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json")


@pytest.fixture
def checkpoint(tiny_teacher_dir, tmp_path) -> Path:
    """A copy of a teacher's directory, to be spoilt."""
    return Path(shutil.copytree(tiny_teacher_dir("bert"), tmp_path / "bert"))


def change_config(directory: Path, **settings) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def save_headless(directory: Path) -> None:
    """An encoder whose configuration says that it has a head."""
    config = json.loads((directory / "config.json").read_text())
    AutoModel.from_pretrained(directory).save_pretrained(directory)
    (directory / "config.json").write_text(json.dumps(config))


def test_a_head_that_the_weights_lack_is_refused(checkpoint):
    save_headless(checkpoint)
    with pytest.raises(ValueError, match=r"classifier\.bias, .* are missing, and would be random"):
        load_teacher(checkpoint)


def test_layers_that_the_weights_lack_are_refused(checkpoint):
    change_config(checkpoint, num_hidden_layers=3)
    with pytest.raises(ValueError, match=r"bert\.encoder\.layer\.2\..* and 12 more are missing"):
        load_teacher(checkpoint)


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "gpt2"])
@pytest.mark.parametrize("headless", [False, True])
def test_layers_that_the_configuration_lacks_are_refused(
    tiny_teacher_dir, labelled, tmp_path, architecture, headless
):
    checkpoint = Path(shutil.copytree(tiny_teacher_dir(architecture), tmp_path / "copy"))
    if headless:
        save_headless(checkpoint)
    layers = {"bert": "num_hidden_layers", "distilbert": "n_layers", "gpt2": "n_layer"}
    change_config(checkpoint, **{layers[architecture]: 1})
    load = partial(_finetune, labelled, directory=tmp_path / "new") if headless else load_teacher
    with pytest.raises(ValueError, match=r"weights of more layers than its config\.json has"):
        load(checkpoint)


def test_a_tokenizer_with_more_words_than_the_embedding_is_refused(checkpoint):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.add_tokens(["covfefe"])
    tokenizer.save_pretrained(checkpoint)
    with pytest.raises(ValueError, match=r"1 tokens for which .* no embedding .*'covfefe'"):
        load_teacher(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    with pytest.raises(ValueError, match="'covfefe'"):
        Teacher(model, tokenizer, range(3))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({1: "a", 2: "b", 3: "c"}, r"numbers its labels \[1, 2, 3\]: they must be 0 to 2"),
        ({0: "a", 2: "b", 5: "c"}, r"numbers its labels \[0, 2, 5\]"),
        ({0: "a", 1: "a", 2: "c"}, "several labels of the same name: a"),
    ],
)
def test_labels_that_do_not_name_the_logits_are_refused(checkpoint, names, message):
    change_config(checkpoint, id2label=names, label2id={name: i for i, name in names.items()})
    with pytest.raises(ValueError, match=message):
        load_teacher(checkpoint)


def test_labels_that_are_numbers_are_called_by_them(checkpoint):
    change_config(checkpoint, id2label={0: 3, 1: 4, 2: 5}, label2id={3: 0, 4: 1, 5: 2})
    assert load_teacher(checkpoint, ["5", "4", "3"]).label_order == [2, 1, 0]


@pytest.mark.parametrize("left", [(), OTHER_TOKENIZER_FILES])
@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2", "gpt2", "llama"])
def test_a_missing_tokenizer_is_named_with_what_to_do(tiny_teacher_dir, tmp_path, kind, left):
    checkpoint = Path(shutil.copytree(tiny_teacher_dir(kind), tmp_path / "copy"))
    for path in list(checkpoint.iterdir()):
        if path.name not in ("config.json", "model.safetensors", *left):
            path.unlink()
    with pytest.raises(OSError, match=r"okenizer.*Save it with the model: AutoTokenizer"):
        load_teacher(checkpoint)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: cut(path / "model.safetensors"), "The weights of .* could not be read: "),
        (lambda path: (path / "model.safetensors").unlink(), "The weights of .* no file named"),
        (lambda path: change_config(path, hidden_size=32), "The weights of .* could not be read"),
        (lambda path: cut(path / "tokenizer.json"), "The tokenizer of .* could not be read: "),
        (lambda path: cut(path / "config.json"), r"config\.json cannot be read: .*JSON"),
        (lambda path: change_config(path, model_type="new"), r"config\.json cannot be read: .*new"),
        (lambda path: change_config(path, id2label={"x": "a"}), r"config\.json cannot be read: "),
        (lambda path: (path / "config.json").unlink(), "has no config.json; it holds: model.saf"),
    ],
)
def test_a_damaged_or_missing_file_is_named(checkpoint, spoil, message):
    spoil(checkpoint)
    with pytest.raises(OSError, match=message) as error:
        load_teacher(checkpoint)
    assert str(error.value).endswith(".")


def test_a_file_is_no_directory_of_a_model(checkpoint):
    with pytest.raises(OSError, match=r"config\.json is a file: give the directory"):
        load_config(checkpoint / "config.json")


def _finetune(dataset, encoder, directory):
    return finetune_teacher(dataset, encoder, directory, FinetuningSettings(epochs=1))


@pytest.mark.parametrize("kind", ["words", "tokenizer", "layers", "adapter"])
def test_an_encoder_is_checked_like_a_teacher_before_it_is_trained(
    checkpoint, labelled, kind, tmp_path
):
    save_headless(checkpoint)
    if kind == "words":
        tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        tokenizer.add_tokens(["covfefe"])
        tokenizer.save_pretrained(checkpoint)
    elif kind == "tokenizer":
        for name in ("tokenizer.json", "vocab.txt", *OTHER_TOKENIZER_FILES):
            (checkpoint / name).unlink(missing_ok=True)
    elif kind == "layers":
        change_config(checkpoint, num_hidden_layers=3)
    else:
        (checkpoint / "adapter_config.json").write_text("{}")
    message = {
        "words": "no embedding",
        "tokenizer": "okenizer",
        "layers": r"layer\.2.* missing, and would be random",
        "adapter": "PEFT adapter",
    }[kind]
    with pytest.raises((ValueError, OSError), match=message):
        _finetune(labelled, checkpoint, tmp_path / "teacher")


@pytest.fixture
def labelled(sentences, teacher_labels):
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=teacher_labels)})
    rows = {"text": sentences, "label": [row % 3 for row in range(len(sentences))]}
    split = Dataset.from_dict(rows, features=features)
    return DatasetDict(train=split, validation=split)


def test_a_pretrained_encoder_without_a_pooler_is_no_random_one(checkpoint, labelled, tmp_path):
    BertForMaskedLM.from_pretrained(checkpoint).save_pretrained(checkpoint)
    load_teacher(_finetune(labelled, checkpoint, tmp_path / "teacher"))


def _decoder_that_ends_texts(directory: Path, tmp_path: Path, padding_in_config: bool) -> Path:
    """A Llama whose tokenizer ends texts with its end token and names no padding."""
    copy = Path(shutil.copytree(directory, tmp_path / "decoder"))
    tokenizer = AutoTokenizer.from_pretrained(copy)
    begin, end = tokenizer.bos_token, tokenizer.eos_token
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        special_tokens=[(begin, tokenizer.bos_token_id), (end, tokenizer.eos_token_id)],
    )
    tokenizer.save_pretrained(copy)
    if padding_in_config:
        change_config(copy, pad_token_id=tokenizer.convert_tokens_to_ids("!"))
    return copy


@pytest.mark.parametrize("padding_in_config", [True, False])
def test_a_decoder_reads_texts_to_the_end_that_it_was_trained_with(
    tiny_teacher_dir, tmp_path, sentences, padding_in_config
):
    directory = _decoder_that_ends_texts(tiny_teacher_dir("llama"), tmp_path, padding_in_config)
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    with torch.inference_mode():
        expected = torch.cat(
            [model(**tokenizer(text, return_tensors="pt")).logits for text in sentences]
        )
        teacher = load_teacher(directory)
        found = teacher.logits(collate(teacher, encode_texts(teacher, sentences)).inputs)
    torch.testing.assert_close(found.cpu(), expected, atol=1e-5, rtol=1e-5)


def test_a_decoder_without_any_token_to_pad_with_is_refused(tiny_teacher_dir, tmp_path):
    directory = _decoder_that_ends_texts(tiny_teacher_dir("llama"), tmp_path, False)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokenizer.bos_token = None
    model = AutoModelForSequenceClassification.from_pretrained(directory)
    with pytest.raises(ValueError, match="no padding token, and no special token that does not"):
        Teacher(model, tokenizer, range(3))


def test_an_encoder_pads_with_what_its_tokenizer_names(checkpoint):
    change_config(checkpoint, pad_token_id=7)
    assert load_teacher(checkpoint).tokenizer.pad_token == "[PAD]"


def test_a_whole_tokenizer_is_read_as_it_is(tiny_teacher_dir):
    tokenizer = load_tokenizer(tiny_teacher_dir("bert"))
    assert tokenizer("Acme falls")["input_ids"][0] == tokenizer.cls_token_id
