# SPDX-License-Identifier: Apache-2.0
"""Teachers of every family load, frozen, with their labels in the data's order."""

import json
import shutil

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    ConvBertConfig,
    XLNetConfig,
)

from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.loading import LabelMismatchError, check_same_labels, load_teacher


def test_logits_come_in_the_order_of_the_data(tiny_teacher_dir, teacher_labels, sentences):
    plain = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    turned = load_teacher(tiny_teacher_dir("bert"), teacher_labels[::-1])
    batch = collate(plain, encode_texts(plain, sentences))
    with torch.inference_mode():
        torch.testing.assert_close(turned.logits(batch.inputs), plain.logits(batch.inputs).flip(-1))


def test_every_family_reads_padded_batches_as_it_reads_single_texts(
    each_teacher_dir, teacher_labels, sentences
):
    _reads_a_batch_as_single_texts(load_teacher(each_teacher_dir, teacher_labels), sentences)


def test_the_weights_are_frozen(tiny_teacher_dir, teacher_labels):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    assert not teacher.model.training
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())


def test_the_limit_leaves_out_the_positions_that_roberta_reserves(tiny_teacher_dir, teacher_labels):
    config = AutoConfig.from_pretrained(tiny_teacher_dir("roberta"))
    assert config.max_position_embeddings == 66
    assert load_teacher(tiny_teacher_dir("roberta"), teacher_labels).max_length == 64


def test_an_encoder_without_a_head_is_refused(tiny_teacher_dir, teacher_labels, tmp_path):
    AutoModel.from_pretrained(tiny_teacher_dir("bert")).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"no trained classification head.*finetune_teacher"):
        load_teacher(tmp_path, teacher_labels)


def test_unmatched_labels_are_refused_before_the_weights_are_read(tiny_teacher_dir):
    with pytest.raises(LabelMismatchError):
        load_teacher(tiny_teacher_dir("bert"), ["no", "yes", "maybe"])


def test_a_model_of_one_value_is_a_regression(tiny_teacher_dir, tmp_path):
    AutoModelForSequenceClassification.from_pretrained(
        tiny_teacher_dir("bert"), num_labels=1, ignore_mismatched_sizes=True
    ).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_teacher_dir("bert")).save_pretrained(tmp_path)
    teacher = load_teacher(tmp_path, ["score"])
    assert (teacher.problem_type.name, teacher.label_order) == ("regression", [0])
    assert not teacher.explains_several
    with pytest.raises(ValueError, match="regression, and the data's is single_label"):
        load_teacher(tmp_path, ["a", "b"], problem_type="single_label_classification")


def test_a_model_that_does_not_say_may_give_several_labels(tiny_teacher_dir, teacher_labels):
    given = tiny_teacher_dir("bert"), teacher_labels
    teacher = load_teacher(*given, problem_type="multi_label_classification")
    assert teacher.problem_type.name == "multi_label_classification"
    assert teacher.explains_several
    assert teacher.thresholds == 0.5
    assert load_teacher(*given).problem_type.name == "single_label_classification"
    with pytest.raises(ValueError, match="the data's is regression"):
        load_teacher(*given, problem_type="regression")


def test_thresholds_are_in_the_order_of_the_data(tiny_teacher_dir, teacher_labels):
    names = [teacher_labels[place] for place in (2, 0, 1)]
    kind = "multi_label_classification"
    teacher = load_teacher(tiny_teacher_dir("bert"), names, problem_type=kind)
    teacher.model.config.thresholds = [0.1, 0.2, 0.3]
    assert teacher.thresholds == [0.3, 0.1, 0.2]


def test_a_missing_model_says_what_is_missing():
    with pytest.raises(OSError, match=r"neither a local directory.*Hugging Face Hub"):
        load_teacher("nobody/no-such-model", ["a", "b"])


def test_a_text_that_spells_the_end_token_keeps_one_end(tiny_teacher_dir, teacher_labels):
    """An encoder-decoder classifies by the end token, and refuses batches with more than one."""
    teacher = load_teacher(tiny_teacher_dir("bart"), teacher_labels)
    _reads_a_batch_as_single_texts(teacher, ["Acme </s> falls", "up"])


def test_a_model_that_reads_padding_is_refused(tmp_path, tiny_teacher_dir):
    tokenizer = AutoTokenizer.from_pretrained(tiny_teacher_dir("bert"))
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "head_ratio": 1}
    config = ConvBertConfig(
        vocab_size=len(tokenizer), embedding_size=8, num_labels=3, initializer_range=0.5, **sizes
    )
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="answers otherwise for a text that is padded"):
        load_teacher(tmp_path)


def test_what_was_found_is_said_in_one_line(tiny_teacher_dir, teacher_labels, caplog):
    with caplog.at_level("INFO", logger="dixtill_hf.teacher.loading"):
        teacher = load_teacher(tiny_teacher_dir("roberta"), teacher_labels, device="cpu")
    (line,) = caplog.messages
    assert line == str(teacher)
    assert "RobertaForSequenceClassification, 0.0 M parameters in float32 on cpu" in line
    assert "3 labels ('bearish', 'bullish', 'neutral')" in line
    assert line.endswith("texts of up to 64 tokens.")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_checkpoints_in_halves_and_shards_are_read_whole(
    tiny_teacher_dir, teacher_labels, sentences, tmp_path, dtype
):
    source = tiny_teacher_dir("bert")
    halves = AutoModelForSequenceClassification.from_pretrained(source, dtype=dtype)
    halves.save_pretrained(tmp_path, max_shard_size="5KB")
    AutoTokenizer.from_pretrained(source).save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    teacher, whole = (load_teacher(path, teacher_labels) for path in (tmp_path, source))
    for name, weight in whole.model.named_parameters():
        found = teacher.model.get_parameter(name)
        assert found.dtype == torch.float32
        assert torch.equal(found, weight.to(dtype).float())
    next(tmp_path.glob("model-*.safetensors")).unlink()
    with pytest.raises(OSError, match="could not be read"):
        load_teacher(tmp_path, teacher_labels)


def test_xlnet_is_refused_before_its_weights_are_read(tmp_path):
    XLNetConfig(architectures=["XLNetForSequenceClassification"]).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"is an XLNet.*last place of a batch"):
        load_teacher(tmp_path, ["a", "b"])


@pytest.mark.parametrize("pad_token_id", [-1, 7])
def test_a_decoder_whose_padding_is_not_its_tokenizers_reads_texts_to_their_end(
    tiny_teacher_dir, teacher_labels, sentences, tmp_path, pad_token_id
):
    shutil.copytree(tiny_teacher_dir("llama"), tmp_path / "llama")
    path = tmp_path / "llama" / "config.json"
    config = json.loads(path.read_text()) | {"pad_token_id": pad_token_id}
    path.write_text(json.dumps(config))
    _reads_a_batch_as_single_texts(load_teacher(tmp_path / "llama", teacher_labels), sentences)


def test_a_loaded_teacher_knows_whose_labels_it_answers_for(tiny_teacher_dir, teacher_labels):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    check_same_labels(teacher, [name.upper() for name in teacher_labels])
    check_same_labels(teacher, None)
    with pytest.raises(LabelMismatchError, match="are in the order"):
        check_same_labels(teacher, teacher_labels[::-1])
    with pytest.raises(LabelMismatchError, match="do not match by name"):
        check_same_labels(teacher, ["no", "yes", "maybe"])


def test_without_names_the_teacher_keeps_its_own_order(tiny_teacher_dir):
    assert load_teacher(tiny_teacher_dir("bert")).label_order == [0, 1, 2]


def test_what_is_given_for_loading_reaches_all_parts(tiny_teacher_dir, monkeypatch):
    seen = {}
    for kind in (AutoConfig, AutoTokenizer, AutoModelForSequenceClassification):
        real = kind.from_pretrained

        def spy(name, *args, kind=kind, real=real, revision=None, **given):
            seen.setdefault(kind, revision)  # transformers calls them too, later
            return real(name, *args, **given)

        monkeypatch.setattr(kind, "from_pretrained", spy)
    load_teacher(tiny_teacher_dir("bert"), revision="v2")
    assert list(seen.values()) == ["v2"] * 3


def _reads_a_batch_as_single_texts(teacher, sentences):
    encoded = encode_texts(teacher, sentences)
    with torch.inference_mode():
        together = teacher.logits(collate(teacher, encoded).inputs)
        alone = torch.cat([teacher.logits(collate(teacher, [text]).inputs) for text in encoded])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
