# SPDX-License-Identifier: Apache-2.0
"""Words are taken out of a student's vocabulary: what is published need not name people."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable

import torch
from tokenizers import Tokenizer

from dixtill_hf.student.student import Student
from dixtill_hf.student.tokenization import WordTokenizer, spelled_words


def without_words(student: Student, words: Iterable[str]) -> Student:
    """A copy of a student that does not know some words.

    Neither their spelling nor their vectors are in it: it reads them as it reads any unknown word.
    So texts with these words may get other predictions.

    Args:
        student: The student.
        words: The words, in any case; of several words in one string, each one. Those that it does
            not know change nothing.

    Returns:
        The copy; the same student if it knows none of the words.

    Raises:
        ValueError: Its tokenizer has pieces of words, or a special token is among the words.
    """
    tokenizer = student.tokenizer
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    if state["model"]["type"] != "WordLevel":
        raise ValueError(
            "Words can be left out of a student whose tokens are words, and its tokenizer is "
            f"of the type {state['model']['type']}."
        )
    backend = tokenizer.backend_tokenizer
    left_out = spelled_words(words, backend.normalizer, backend.pre_tokenizer)
    vocabulary: dict[str, int] = state["model"]["vocab"]
    kept = sorted((id_, word) for word, id_ in vocabulary.items() if word not in left_out)
    if len(kept) == len(vocabulary):
        return student
    rows = torch.tensor([id_ for id_, _ in kept])
    state["model"]["vocab"] = {word: i for i, (_, word) in enumerate(kept)}
    new_ids = {old: new for new, (old, _) in enumerate(kept)}
    for token in state["added_tokens"]:
        token["id"] = new_ids[token["id"]]
    made = WordTokenizer(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        pad_token=tokenizer.pad_token,
        unk_token=tokenizer.unk_token,
        sep_token=tokenizer.sep_token,  # None unless the student reads pairs
        model_input_names=tokenizer.model_input_names,
        model_max_length=tokenizer.model_max_length,
        split_special_tokens=tokenizer.split_special_tokens,
    )
    config = copy.deepcopy(student.model.config)
    config.vocab_size = len(kept)
    config.pad_token_id = made.pad_token_id
    config.unk_token_id = made.unk_token_id
    model = type(student.model)(config).to(student.model.device, student.model.dtype).eval()
    weights = dict(student.model.state_dict())
    for name in ("embedding.weight", "ngrams.ngrams"):
        if name in weights:
            weights[name] = weights[name][rows.to(weights[name].device)]
    model.load_state_dict(weights)
    return Student(model, made, student.directory)
