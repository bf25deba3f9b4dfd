# SPDX-License-Identifier: Apache-2.0
"""Tiny classifiers and language models of every architecture, with random weights."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
)

from tests.tiny_tokenizers import (
    gpt2_byte_pairs,
    llama_byte_pairs,
    roberta_byte_pairs,
    unigrams,
    unigrams_with_an_end,
    word_pieces,
)

LABELS = ["bearish", "bullish", "neutral"]

# The weights are drawn wide enough for the random teachers to tell texts apart.
_SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}
_DISTILBERT = {
    "dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 32,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}
_DEBERTA = {**_SMALL, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
# RoBERTa counts positions from the padding token's index on.
_ROBERTA = {**_SMALL, "max_position_embeddings": 66, "type_vocab_size": 1, "pad_token_id": 1}
_MODERNBERT = {**_SMALL, "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3}
_GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "initializer_range": 0.2}

# Each architecture: what makes its tokenizer, and the settings of its model.
ARCHITECTURES: dict[str, tuple[Callable[[], PreTrainedTokenizerFast], dict[str, Any]]] = {
    "bert": (word_pieces, _SMALL),
    "distilbert": (partial(word_pieces, token_types=False), _DISTILBERT),
    "electra": (word_pieces, {**_SMALL, "embedding_size": 8}),
    "roberta": (roberta_byte_pairs, _ROBERTA),
    "mpnet": (roberta_byte_pairs, {**_SMALL, "max_position_embeddings": 66, "pad_token_id": 1}),
    "deberta-v2": (unigrams, _DEBERTA),
    "modernbert": (
        partial(word_pieces, token_types=False),
        {**_MODERNBERT, "bos_token_id": 2, "eos_token_id": 3},
    ),
    "gpt2": (gpt2_byte_pairs, {**_GPT2, "bos_token_id": 0, "eos_token_id": 0}),
    "llama": (llama_byte_pairs, {**_SMALL, "bos_token_id": 0, "eos_token_id": 1}),
}

_BART = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
    "init_std": 0.2,
    "scale_embedding": True,
}
_T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
_T5_TOKENS = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
_GPT_NEOX = {**_SMALL, "bos_token_id": 0, "eos_token_id": 1}
_GROUPED = {**_SMALL, "bos_token_id": 0, "eos_token_id": 1, "num_key_value_heads": 1}
_OPT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32}
_OPT |= {"max_position_embeddings": 64, "word_embed_proj_dim": 16, "init_std": 0.2}

# Families that are read but not explained in every way in the tests.
OTHER_ARCHITECTURES: dict[str, tuple[Callable[[], PreTrainedTokenizerFast], dict[str, Any]]] = {
    "bart": (roberta_byte_pairs, _BART),
    "mbart": (roberta_byte_pairs, _BART),
    "t5": (unigrams_with_an_end, {**_T5, **_T5_TOKENS, "initializer_factor": 1.0}),
    "umt5": (unigrams_with_an_end, {**_T5, **_T5_TOKENS, "initializer_factor": 1.0}),
    "xlm-roberta": (roberta_byte_pairs, _ROBERTA),
    "camembert": (roberta_byte_pairs, _ROBERTA),
    "xlm-roberta-xl": (roberta_byte_pairs, _ROBERTA),
    "albert": (unigrams, {**_SMALL, "embedding_size": 8}),
    "deberta": (roberta_byte_pairs, {**_DEBERTA, "type_vocab_size": 0, "pad_token_id": 1}),
    "rembert": (unigrams, {**_SMALL, "input_embedding_size": 8, "output_embedding_size": 8}),
    "ernie": (word_pieces, _SMALL),
    "big_bird": (unigrams, {**_SMALL, "attention_type": "original_full"}),
    "longformer": (roberta_byte_pairs, {**_ROBERTA, "attention_window": [8, 8]}),
    "mobilebert": (
        word_pieces,
        {**_SMALL, "embedding_size": 8, "intra_bottleneck_size": 8, "true_hidden_size": 8},
    ),
    "qwen3": (llama_byte_pairs, {**_GROUPED, "head_dim": 8}),
    "mistral": (llama_byte_pairs, {**_GROUPED, "head_dim": 8}),
    "phi": (llama_byte_pairs, {**_SMALL, "bos_token_id": 0, "eos_token_id": 1}),
    "gpt_neox": (llama_byte_pairs, _GPT_NEOX),
    "opt": (llama_byte_pairs, {**_OPT, "bos_token_id": 0, "eos_token_id": 1}),
    "bloom": (llama_byte_pairs, {"hidden_size": 16, "n_layer": 2, "n_head": 2}),
}

# In short, as models that know turns have it.
_CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]\n{{ m['content'] | trim }}\n"
    "{% endfor %}{% if add_generation_prompt %}[assistant]\n{% endif %}"
)
_LONG = {"max_position_embeddings": 1024}
LANGUAGE_MODELS: dict[str, tuple[Callable[[], PreTrainedTokenizerFast], dict[str, Any]]] = {
    "gpt2": (gpt2_byte_pairs, {**_GPT2, "n_positions": 1024}),
    "llama": (llama_byte_pairs, {**_SMALL, **_LONG}),
    "qwen3": (llama_byte_pairs, {**_SMALL, **_LONG, "head_dim": 8, "num_key_value_heads": 1}),
    "gemma3_text": (
        llama_byte_pairs,
        {**_SMALL, **_LONG, "head_dim": 8, "num_key_value_heads": 1, "sliding_window": 512},
    ),
    "opt": (
        gpt2_byte_pairs,
        {
            "hidden_size": 16,
            "word_embed_proj_dim": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "ffn_dim": 32,
            "max_position_embeddings": 1024,
            "init_std": 0.2,
            "pad_token_id": 1,
        },
    ),
}


def save_tiny_teacher(directory: Path, architecture: str) -> Path:
    """Save a classifier of random weights with its tokenizer; return its directory.

    Args:
        directory: Where its directory goes.
        architecture: One of `ARCHITECTURES` and `OTHER_ARCHITECTURES`.
    """
    make_tokenizer, settings = {**ARCHITECTURES, **OTHER_ARCHITECTURES}[architecture]
    tokenizer = make_tokenizer()
    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
        **settings,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_config(config)
    path = directory / architecture
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def save_tiny_language_model(path: Path, architecture: str, chat: bool) -> Path:
    """Save a causal language model of random weights with its tokenizer; return its directory.

    Args:
        path: The directory.
        architecture: One of `LANGUAGE_MODELS`.
        chat: Whether the tokenizer has a chat template.
    """
    make_tokenizer, settings = LANGUAGE_MODELS[architecture]
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 1024
    if chat:
        tokenizer.chat_template = _CHAT_TEMPLATE
    special = {"bos_token_id": 0, "eos_token_id": tokenizer.eos_token_id}
    config = AutoConfig.for_model(
        architecture, vocab_size=len(tokenizer), **{**special, **settings}
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path
