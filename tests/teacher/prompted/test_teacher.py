# SPDX-License-Identifier: Apache-2.0
"""A prompted teacher's logits are those of the whole prompt, whatever the batch."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.prompted.teacher import PromptedTeacher

INSTRUCTION = "Is the news good for the share?"
EXAMPLES = [("Acme raises its outlook.", "bullish"), ("Profit warning", "bearish")]


def logits(teacher: PromptedTeacher, texts: list[str]) -> torch.Tensor:
    with torch.inference_mode():
        return teacher.logits(collate(teacher, encode_texts(teacher, texts)).inputs)


def whole(teacher: PromptedTeacher, text: str, answer: str) -> float:
    """The log-probability of an answer, from one prompt that is tokenized and read at once."""
    tokenizer, model = teacher.language_tokenizer, teacher.language_model
    parts = teacher.prompt.around_text(tokenizer)
    special = not parts.is_chat

    def ids(given: str) -> torch.Tensor:
        return tokenizer(given, return_tensors="pt", add_special_tokens=special)["input_ids"]

    prompt = ids(parts.before + text + parts.after)
    asked = ids(parts.before + text + parts.after + answer)
    found = torch.log_softmax(model(asked, use_cache=False).logits[0], -1)[:-1]
    by_token = found.gather(-1, asked[0, 1:, None])[:, 0]
    return float(by_token[prompt.shape[1] - 1 :].sum())


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize(
    "architecture",
    ["llama", "gpt2"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("qwen3", "gemma3_text", "opt")],
)
def test_logits_are_log_probabilities_of_whole_answers(
    architecture: str,
    chat: bool,
    tiny_language_model: Callable[..., Path],
    teacher_labels: list[str],
    sentences: list[str],
) -> None:
    teacher = PromptedTeacher(
        tiny_language_model(architecture, chat), teacher_labels, INSTRUCTION, examples=EXAMPLES
    )
    assert len(teacher.model.tokens.answers[0]) > 1  # several tokens
    together = logits(teacher, sentences)
    alone = torch.cat([logits(teacher, [text]) for text in sentences])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
    answers = teacher.prompt.around_text(teacher.language_tokenizer).answers
    expected = [[whole(teacher, text, answer) for answer in answers] for text in sentences[:3]]
    torch.testing.assert_close(together[:3], torch.tensor(expected), atol=1e-4, rtol=1e-4)


def test_the_tokens_before_the_text_are_read_once(
    tiny_language_model: Callable[..., Path], teacher_labels: list[str], sentences: list[str]
) -> None:
    teacher = PromptedTeacher(tiny_language_model("llama"), teacher_labels, INSTRUCTION)
    widths: list[int] = []
    teacher.language_model.register_forward_pre_hook(
        lambda _module, _args, given: widths.append(given["inputs_embeds"].shape[1]),
        with_kwargs=True,
    )
    logits(teacher, sentences)
    logits(teacher, sentences[:4])
    assert max(widths) < len(teacher.model.tokens.before) + 5


def test_calibration_takes_away_what_is_said_of_nothing(
    tiny_language_model: Callable[..., Path], teacher_labels: list[str], sentences: list[str]
) -> None:
    given = tiny_language_model("llama"), teacher_labels, INSTRUCTION
    plain, calibrated = (PromptedTeacher(*given, calibrate=flag) for flag in (False, True))
    apart = logits(plain, sentences) - logits(calibrated, sentences)
    torch.testing.assert_close(apart, apart[:1].expand_as(apart))
    assert float(calibrated.model.prior.exp().sum()) == pytest.approx(1)
    assert hash_teacher(plain) != hash_teacher(calibrated)


def test_spans_are_those_of_the_text_and_no_text_ends_its_turn(
    tiny_language_model: Callable[..., Path], teacher_labels: list[str]
) -> None:
    teacher = PromptedTeacher(tiny_language_model("llama"), teacher_labels, INSTRUCTION)
    text = "Shares fell <|end_of_text|> today"
    (encoded,) = encode_texts(teacher, [text])
    assert all(encoded.ordinary)
    assert "".join(text[start:end] for start, end in encoded.spans) == text
    assert teacher.tokenizer.eos_token_id not in encoded.inputs["input_ids"]


def test_all_that_the_answers_depend_on_is_in_the_hash(
    tiny_language_model: Callable[..., Path], teacher_labels: list[str]
) -> None:
    path = tiny_language_model("llama")
    hashes = {
        hash_teacher(PromptedTeacher(path, teacher_labels, INSTRUCTION, **settings))
        for settings in (
            {},
            {"examples": EXAMPLES},
            {"examples": EXAMPLES[:1]},
            {"verbalizers": {"neutral": "neither"}},
        )
    }
    hashes.add(hash_teacher(PromptedTeacher(path, teacher_labels, "Judge it.")))
    assert len(hashes) == 5
    assert hash_teacher(PromptedTeacher(path, teacher_labels, INSTRUCTION)) in hashes


def test_a_loaded_model_needs_its_tokenizer(
    tiny_language_model: Callable[..., Path], teacher_labels: list[str], sentences: list[str]
) -> None:
    path = tiny_language_model("gpt2")
    model = AutoModelForCausalLM.from_pretrained(path)
    with pytest.raises(ValueError, match="needs its tokenizer"):
        PromptedTeacher(model, teacher_labels, INSTRUCTION)
    tokenizer = AutoTokenizer.from_pretrained(path)
    loaded = PromptedTeacher(model, teacher_labels, INSTRUCTION, tokenizer=tokenizer)
    read = PromptedTeacher(path, teacher_labels, INSTRUCTION)
    torch.testing.assert_close(logits(loaded, sentences), logits(read, sentences))


def test_what_cannot_teach_is_refused(
    tiny_language_model: Callable[..., Path],
    tiny_teacher_dir: Callable[[str], Path],
    teacher_labels: list[str],
) -> None:
    path = tiny_language_model("llama")
    with pytest.raises(ValueError, match="begins with the answer 'neutral'"):
        PromptedTeacher(path, ["neutral", "neutral or so"], INSTRUCTION)
    with pytest.raises(ValueError, match="two or more different"):
        PromptedTeacher(path, ["good"], INSTRUCTION)
    with pytest.raises(ValueError, match="none of"):
        PromptedTeacher(path, teacher_labels, INSTRUCTION, examples=[("Acme", "up")])
    with pytest.raises(ValueError, match="shorten the instruction"):
        PromptedTeacher(path, teacher_labels, "Judge it well. " * 300)
    with pytest.raises(ValueError, match="no causal language model"):
        PromptedTeacher(tiny_teacher_dir("deberta-v2"), teacher_labels, INSTRUCTION)
    with pytest.raises(OSError, match="no file"):
        PromptedTeacher("missing.gguf", teacher_labels, INSTRUCTION)


def test_a_model_whose_batches_change_one_another_is_refused(
    tiny_language_model: Callable[..., Path], teacher_labels: list[str]
) -> None:
    path = tiny_language_model("llama")
    model = AutoModelForCausalLM.from_pretrained(path)
    int8 = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8)
    with pytest.raises(ValueError, match="reads a prompt in parts otherwise than at once"):
        PromptedTeacher(
            int8, teacher_labels, INSTRUCTION, tokenizer=AutoTokenizer.from_pretrained(path)
        )
