# SPDX-License-Identifier: Apache-2.0
"""Fixtures that all tests share: tiny teachers of every architecture, made here, without a network.

Their weights are random and their tokenizers are trained on a few sentences; they are built when a
test first asks for them, in a fraction of a second, and kept for the session.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

# Read by the libraries when they are imported: no test may reach the Hub or fill the user's cache.
_CACHE = tempfile.TemporaryDirectory(prefix="dixtill-tests-", ignore_cleanup_errors=True)
os.environ.update(HF_HOME=_CACHE.name, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import pytest  # noqa: E402
import torch  # noqa: E402
from tokenizers import (  # noqa: E402
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (  # noqa: E402
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
)

LABELS = ["bearish", "bullish", "neutral"]

SENTENCES = [
    "Shares of Acme fell 4.2% after a weak quarter.",
    "Acme raises its full-year outlook and the stock jumps.",
    "The board will meet on Tuesday.",
    "Profit warning: Globex cuts 1,200 jobs as demand slows!",
    "Globex fails to fall, despite a downgrade.",
    "$INIT beats estimates; revenue up 12% to $3.4bn",
    "Initech isn't expected to raise its dividend this year.",
    "Café operator Übermut opens a store in Zürich",
    "Analysts remain cautious on Hooli after its record run.",
    "Hooli and Initech agree to merge, sources say.",
    "Oil slips while gold holds steady",
    "Umbrella surges on strong sales, then gives back gains.",
]


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """A dozen short financial sentences, with numbers, punctuation and accents."""
    return list(SENTENCES)


@pytest.fixture(scope="session")
def teacher_labels() -> list[str]:
    """The names of the tiny teachers' labels, in the order of their logits."""
    return list(LABELS)


def _wrap(
    tokenizer: Tokenizer, token_types: bool = False, **special: str
) -> PreTrainedTokenizerFast:
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if token_types else [])]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, model_input_names=names, **special
    )


def _between_cls_and_sep(tokenizer: Tokenizer, token_types: bool) -> PreTrainedTokenizerFast:
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return _wrap(tokenizer, token_types, **{name: f"[{name[:-6].upper()}]" for name in names})


def _word_pieces(token_types: bool = True) -> PreTrainedTokenizerFast:
    """BERT's way: lower-cased words, cut into pieces; [CLS] and [SEP] around a text."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    normalizer = normalizers.BertNormalizer(lowercase=True)
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # The library's trainer breaks ties at random: another vocabulary, and teacher, in each process.
    counts = Counter(
        ("##" if start else "") + word[start:end]
        for sentence in SENTENCES
        for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(sentence))
        for start, end in combinations(range(len(word) + 1), 2)
    )
    characters = sorted(piece for piece in counts if len(piece.removeprefix("##")) == 1)
    longer = sorted(counts.keys() - characters, key=lambda piece: (-counts[piece], piece))
    pieces = [*special, *characters, *longer][:160]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(special)
    return _between_cls_and_sep(tokenizer, token_types)


def _sort_pieces(tokenizer: Tokenizer, special: list[str]) -> None:
    """Number the pieces by their names, and round their scores.

    The library's trainer adds up scores in a random order, and numbers pieces by them.
    """
    model = json.loads(tokenizer.to_str())["model"]
    scores = {piece: round(score, 2) for piece, score in model["vocab"]}
    pieces = sorted(scores.keys() - set(special))
    vocabulary = [(piece, scores[piece]) for piece in [*special, *pieces]]
    tokenizer.model = models.Unigram(vocabulary, unk_id=model["unk_id"])


def _unigrams() -> PreTrainedTokenizerFast:
    """SentencePiece's way, as DeBERTa has it: pieces that carry the space before them."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    trainer = trainers.UnigramTrainer(
        vocab_size=160, special_tokens=special, unk_token="[UNK]", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    _sort_pieces(tokenizer, special)
    return _between_cls_and_sep(tokenizer, token_types=True)


def _unigrams_with_an_end() -> PreTrainedTokenizerFast:
    """SentencePiece's way, as T5 has it: a token that ends a text, and none that begins it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=160, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    _sort_pieces(tokenizer, special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return _wrap(tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def _byte_pairs(special: list[str]) -> Tokenizer:
    """Pairs of bytes, merged: any text is known, and a token's span may begin with a space."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def _roberta_byte_pairs() -> PreTrainedTokenizerFast:
    tokenizer = _byte_pairs(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=False
    )
    first, last = "<s>", "</s>"
    special = {"bos_token": first, "eos_token": last, "cls_token": first, "sep_token": last}
    return _wrap(tokenizer, **special, pad_token="<pad>", unk_token="<unk>", mask_token="<mask>")


def _gpt2_byte_pairs() -> PreTrainedTokenizerFast:
    """No special token around a text and, as in the released GPT-2, none for padding."""
    end = "<|endoftext|>"
    tokenizer = _byte_pairs([end])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return _wrap(tokenizer, bos_token=end, eos_token=end, unk_token=end)


def _llama_byte_pairs() -> PreTrainedTokenizerFast:
    """A token that begins every text and, as in the released Llamas, none for padding."""
    begin, end = "<|begin_of_text|>", "<|end_of_text|>"
    tokenizer = _byte_pairs([begin, end])
    template = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1", special_tokens=[(begin, 0)]
    )
    byte_level = processors.ByteLevel(trim_offsets=False)
    tokenizer.post_processor = processors.Sequence([byte_level, template])
    return _wrap(tokenizer, bos_token=begin, eos_token=end)


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
    "bert": (_word_pieces, _SMALL),
    "distilbert": (partial(_word_pieces, token_types=False), _DISTILBERT),
    "electra": (_word_pieces, {**_SMALL, "embedding_size": 8}),
    "roberta": (_roberta_byte_pairs, _ROBERTA),
    "mpnet": (_roberta_byte_pairs, {**_SMALL, "max_position_embeddings": 66, "pad_token_id": 1}),
    "deberta-v2": (_unigrams, _DEBERTA),
    "modernbert": (
        partial(_word_pieces, token_types=False),
        {**_MODERNBERT, "bos_token_id": 2, "eos_token_id": 3},
    ),
    "gpt2": (_gpt2_byte_pairs, {**_GPT2, "bos_token_id": 0, "eos_token_id": 0}),
    "llama": (_llama_byte_pairs, {**_SMALL, "bos_token_id": 0, "eos_token_id": 1}),
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
    "bart": (_roberta_byte_pairs, _BART),
    "mbart": (_roberta_byte_pairs, _BART),
    "t5": (_unigrams_with_an_end, {**_T5, **_T5_TOKENS, "initializer_factor": 1.0}),
    "umt5": (_unigrams_with_an_end, {**_T5, **_T5_TOKENS, "initializer_factor": 1.0}),
    "xlm-roberta": (_roberta_byte_pairs, _ROBERTA),
    "camembert": (_roberta_byte_pairs, _ROBERTA),
    "xlm-roberta-xl": (_roberta_byte_pairs, _ROBERTA),
    "albert": (_unigrams, {**_SMALL, "embedding_size": 8}),
    "deberta": (_roberta_byte_pairs, {**_DEBERTA, "type_vocab_size": 0, "pad_token_id": 1}),
    "rembert": (_unigrams, {**_SMALL, "input_embedding_size": 8, "output_embedding_size": 8}),
    "ernie": (_word_pieces, _SMALL),
    "big_bird": (_unigrams, {**_SMALL, "attention_type": "original_full"}),
    "longformer": (_roberta_byte_pairs, {**_ROBERTA, "attention_window": [8, 8]}),
    "mobilebert": (
        _word_pieces,
        {**_SMALL, "embedding_size": 8, "intra_bottleneck_size": 8, "true_hidden_size": 8},
    ),
    "qwen3": (_llama_byte_pairs, {**_GROUPED, "head_dim": 8}),
    "mistral": (_llama_byte_pairs, {**_GROUPED, "head_dim": 8}),
    "phi": (_llama_byte_pairs, {**_SMALL, "bos_token_id": 0, "eos_token_id": 1}),
    "gpt_neox": (_llama_byte_pairs, _GPT_NEOX),
    "opt": (_llama_byte_pairs, {**_OPT, "bos_token_id": 0, "eos_token_id": 1}),
    "bloom": (_llama_byte_pairs, {"hidden_size": 16, "n_layer": 2, "n_head": 2}),
}


def _save_tiny_teacher(directory: Path, architecture: str) -> Path:
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


@pytest.fixture(scope="session")
def tiny_teacher_dir(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from an architecture to the directory of a tiny classifier with its tokenizer.

    Architectures: those of `ARCHITECTURES` and `OTHER_ARCHITECTURES`. Three labels
    (`teacher_labels`), at most 64 tokens, 16 hidden units. The decoders have no padding token.
    """
    directory = tmp_path_factory.mktemp("teachers")
    built: dict[str, Path] = {}

    def build(architecture: str) -> Path:
        if architecture not in built:
            built[architecture] = _save_tiny_teacher(directory, architecture)
        return built[architecture]

    return build


# The others read texts as one of these does, so they are tested with the slow tests.
FAST_ARCHITECTURES = ("bert", "roberta", "deberta-v2", "modernbert", "llama")
_EACH_ARCHITECTURE = [
    name if name in FAST_ARCHITECTURES else pytest.param(name, marks=pytest.mark.slow)
    for name in ARCHITECTURES
]


@pytest.fixture(scope="session", params=_EACH_ARCHITECTURE)
def each_teacher_dir(
    request: pytest.FixtureRequest, tiny_teacher_dir: Callable[[str], Path]
) -> Path:
    """The directory of a tiny teacher: a test that asks for it runs once for each architecture."""
    return tiny_teacher_dir(request.param)


# In short, as models that know turns have it.
_CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]\n{{ m['content'] | trim }}\n"
    "{% endfor %}{% if add_generation_prompt %}[assistant]\n{% endif %}"
)
_LONG = {"max_position_embeddings": 1024}
LANGUAGE_MODELS: dict[str, tuple[Callable[[], PreTrainedTokenizerFast], dict[str, Any]]] = {
    "gpt2": (_gpt2_byte_pairs, {**_GPT2, "n_positions": 1024}),
    "llama": (_llama_byte_pairs, {**_SMALL, **_LONG}),
    "qwen3": (_llama_byte_pairs, {**_SMALL, **_LONG, "head_dim": 8, "num_key_value_heads": 1}),
    "gemma3_text": (
        _llama_byte_pairs,
        {**_SMALL, **_LONG, "head_dim": 8, "num_key_value_heads": 1, "sliding_window": 512},
    ),
    "opt": (
        _gpt2_byte_pairs,
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


@pytest.fixture(scope="session")
def tiny_language_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function from (architecture, chat=False) to the directory of a tiny causal language model.

    Architectures: those of `LANGUAGE_MODELS`. At most 1,024 tokens; with `chat` its tokenizer has a
    chat template.
    """
    directory = tmp_path_factory.mktemp("language-models")

    def build(architecture: str, chat: bool = False) -> Path:
        path = directory / f"{architecture}{'-chat' * chat}"
        if path.is_dir():
            return path
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

    return build


@pytest.fixture(
    scope="session",
    params=[
        name if name in ("bart", "t5") else pytest.param(name, marks=pytest.mark.slow)
        for name in OTHER_ARCHITECTURES
    ],
)
def other_teacher_dir(
    request: pytest.FixtureRequest, tiny_teacher_dir: Callable[[str], Path]
) -> Path:
    """The directory of a tiny teacher of each further family."""
    return tiny_teacher_dir(request.param)


@pytest.fixture(scope="session")
def student_start_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small pretrained student: 3 dimensions, 4 units, four words."""
    from dixtill_hf.student.configuration_dixtill import DixtillConfig
    from dixtill_hf.student.modeling_dixtill import DixtillModel
    from dixtill_hf.student.tokenization import train_word_tokenizer

    path = tmp_path_factory.mktemp("start")
    tokenizer = train_word_tokenizer(["shares rise and shares fall"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = DixtillConfig(vocab_size=len(tokenizer), embedding_size=3, hidden_size=4)
        DixtillModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path
