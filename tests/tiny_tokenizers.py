# SPDX-License-Identifier: Apache-2.0
"""Small tokenizers of every kind that teachers have, trained on a dozen sentences."""

import json
from collections import Counter
from itertools import combinations

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

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


def word_pieces(token_types: bool = True) -> PreTrainedTokenizerFast:
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


def unigrams() -> PreTrainedTokenizerFast:
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


def unigrams_with_an_end() -> PreTrainedTokenizerFast:
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


def roberta_byte_pairs() -> PreTrainedTokenizerFast:
    """RoBERTa's way: <s> and </s> around a text."""
    tokenizer = _byte_pairs(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=False
    )
    first, last = "<s>", "</s>"
    special = {"bos_token": first, "eos_token": last, "cls_token": first, "sep_token": last}
    return _wrap(tokenizer, **special, pad_token="<pad>", unk_token="<unk>", mask_token="<mask>")


def gpt2_byte_pairs() -> PreTrainedTokenizerFast:
    """No special token around a text and, as in the released GPT-2, none for padding."""
    end = "<|endoftext|>"
    tokenizer = _byte_pairs([end])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return _wrap(tokenizer, bos_token=end, eos_token=end, unk_token=end)


def llama_byte_pairs() -> PreTrainedTokenizerFast:
    """A token that begins every text and, as in the released Llamas, none for padding."""
    begin, end = "<|begin_of_text|>", "<|end_of_text|>"
    tokenizer = _byte_pairs([begin, end])
    template = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1", special_tokens=[(begin, 0)]
    )
    byte_level = processors.ByteLevel(trim_offsets=False)
    tokenizer.post_processor = processors.Sequence([byte_level, template])
    return _wrap(tokenizer, bos_token=begin, eos_token=end)
