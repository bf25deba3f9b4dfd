# SPDX-License-Identifier: Apache-2.0
"""The student's word tokenizer: one token a word, the vocabulary counted from texts."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from zlib import crc32

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BatchEncoding, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dixtill_hf.data.text_pairs import are_pairs, tokenizer_inputs
from dixtill_hf.data.words import word_limit, word_normalizer, word_splitter
from dixtill_hf.student.word_counts import WordCounter, WordCounts, split_words

PAD_TOKEN = "[PAD]"
UNK_TOKEN = "[UNK]"
SPECIAL_TOKENS = (PAD_TOKEN, UNK_TOKEN)
SEP_TOKEN = "[SEP]"
"""Between the two texts of a pair; only students of pairs have it."""

logger = logging.getLogger(__name__)

# As a share of all words of the training texts: more than rare words amount to.
_MANY_UNKNOWN = 0.25

_NORMALIZERS = {"lowercase": word_normalizer}
_PRE_TOKENIZERS = {"words": word_splitter, "whitespace": pre_tokenizers.WhitespaceSplit}


class WordTokenizer(PreTrainedTokenizerFast):
    """A `PreTrainedTokenizerFast` that every supported transformers can load once saved."""


# transformers 5 saves the class name "TokenizersBackend", which 4.57 refuses to load. A saved
# tokenizer carries the name of its class. Goes when transformers 4.57 is no longer supported.
WordTokenizer.__name__ = "PreTrainedTokenizerFast"


def encode_padded(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> BatchEncoding:
    """Texts as a student reads them: cut at its limit, and padded to the longest one.

    Args:
        tokenizer: The student's tokenizer.
        texts: The texts of one batch, or pairs of texts.

    Returns:
        `input_ids` and `attention_mask`, of pairs also `token_type_ids`, tensors `(texts, words)`
        on the CPU. With a fast tokenizer, `data.text_pairs.spans_in_text(text, encoding[row])` are
        the characters of the words of a text.

    Raises:
        ValueError: The texts are pairs, and the tokenizer is one of single texts, or the reverse.
    """
    check_texts_fit(tokenizer, texts)
    return tokenizer(
        **tokenizer_inputs(texts),
        padding=True,
        truncation=True,
        max_length=word_limit(tokenizer.model_max_length),
        return_tensors="pt",
    )


def check_texts_fit(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> None:
    """Refuse pairs for a student of single texts, and single texts for one of pairs.

    Raises:
        ValueError: They do not fit.
    """
    given = are_pairs(texts)
    if given and "token_type_ids" not in tokenizer.model_input_names:
        raise ValueError(
            "The texts are pairs, and this student reads single texts. Give it single texts, or "
            "distil one from pairs."
        )
    # Only a tokenizer that was made here for pairs adds nothing to a text and one token to a pair.
    added = [tokenizer.num_special_tokens_to_add(pair=pair) for pair in (False, True)]
    if len(texts) and not given and added == [0, 1]:
        raise ValueError(
            'This student reads pairs of texts, and the texts are single: give {"text": ..., '
            '"text_pair": ...}, or TextPair(text, text_pair).'
        )


def train_word_tokenizer(
    texts: Iterable[str] | WordCounts,
    min_frequency: int = 1,
    max_size: int | None = None,
    pre_tokenizer: str | pre_tokenizers.PreTokenizer = "words",
    normalizer: str | normalizers.Normalizer = "lowercase",
    extra_words: Iterable[str] = (),
    variant_texts: Iterable[str] = (),
    pairs: bool = False,
    leave_out_words: Iterable[str] = (),
) -> WordTokenizer:
    """Count the words of the texts and build the tokenizer that knows them.

    A special token that is written in a text is words like any other there.

    Ids are [PAD] 0, [UNK] 1, for pairs [SEP] 2, then the words from the most to the least frequent,
    words of equal frequency as they first appear. Offsets refer to the characters of the text as
    given.

    Args:
        texts: The training texts, or their words, counted by `count_words`.
        min_frequency: How often a word must occur to be kept.
        max_size: The largest vocabulary, special tokens included, `extra_words` not counted.
            Defaults to no limit.
        pre_tokenizer: How a text is split into words: `"words"` as `data.words.word_splitter` has
            it, `"whitespace"` only at spaces, for texts that are split already; or any
            pre-tokenizer of the `tokenizers` library.
        normalizer: How a text is cleaned first: `"lowercase"` as `data.words.word_normalizer` has
            it; or any normalizer of the `tokenizers` library.
        extra_words: Words added behind those of the texts, whatever `max_size` is. What is not
            one word to normalizer and pre-tokenizer is left out.
        variant_texts: Variants of the training texts. Words that only they have are added behind
            those of the texts, if they are frequent enough and `max_size` leaves room.
        pairs: Whether the student reads pairs of texts: the first text, [SEP], the second, with
            `token_type_ids` 0, 2 and 1. Default False.
        leave_out_words: Words that are not kept, in any case: names of people, for example.

    Raises:
        TypeError: If `texts` is one string, or one of the texts is no string.
        ValueError: If a setting is out of its range, no word is left to know, or words that are
            counted already should be split in another way.
    """
    if min_frequency < 1:
        raise ValueError(f"min_frequency must be at least 1, got {min_frequency}.")
    special = (*SPECIAL_TOKENS, SEP_TOKEN) if pairs else SPECIAL_TOKENS
    if max_size is not None and max_size <= len(special):
        raise ValueError(
            f"max_size must be more than {len(special)}, the number of special tokens, "
            f"got {max_size}."
        )
    cleaner = _component(normalizer, _NORMALIZERS, normalizers.Normalizer, "normalizer")
    splitter = _component(
        pre_tokenizer, _PRE_TOKENIZERS, pre_tokenizers.PreTokenizer, "pre_tokenizer"
    )
    if isinstance(texts, WordCounts):
        _check_split_alike(pre_tokenizer, normalizer)
    else:
        texts = _count_words(texts, cleaner, splitter)
    counts = _without_special_tokens(texts.counts)
    left_out = spelled_words(leave_out_words, cleaner, splitter)
    words = [
        word
        for word, count in counts.most_common()
        if count >= min_frequency and word not in left_out
    ]
    if not words:
        raise ValueError(
            f"No word occurs {min_frequency} time(s) or more in the texts, which hold "
            f"{len(counts)} different word(s), {len(left_out & set(counts))} of them left out: "
            "give more texts or lower min_frequency."
        )
    made = _without_special_tokens(_count_words(variant_texts, cleaner, splitter).counts)
    new = [w for w, count in made.most_common() if count >= min_frequency and w not in counts]
    single = (word for word in extra_words if split_words(word, cleaner, splitter) == [word])
    counted = [*special, *words, *new][:max_size]
    known = [word for word in dict.fromkeys([*counted, *single]) if word not in left_out]
    _warn_of_unknown_words(counts, known)
    _warn_of_lost_words(texts, known)
    vocabulary = {word: i for i, word in enumerate(known)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK_TOKEN))
    tokenizer.normalizer = cleaner
    tokenizer.pre_tokenizer = splitter
    inputs, tokens = ["input_ids", "attention_mask"], {"pad_token": PAD_TOKEN}
    if pairs:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A:0",
            pair=f"$A:0 {SEP_TOKEN}:2 $B:1",
            special_tokens=[(SEP_TOKEN, vocabulary[SEP_TOKEN])],
        )
        inputs, tokens = [*inputs, "token_type_ids"], {**tokens, "sep_token": SEP_TOKEN}
    return WordTokenizer(
        tokenizer_object=tokenizer,
        unk_token=UNK_TOKEN,
        model_input_names=inputs,
        split_special_tokens=True,
        **tokens,
    )


def spelled_words(
    words: Iterable[str],
    normalizer: normalizers.Normalizer | None,
    pre_tokenizer: pre_tokenizers.PreTokenizer | None,
) -> set[str]:
    """Words as a tokenizer with these components has them in its vocabulary.

    Args:
        words: The words in any case; of several words in one string, each one.
        normalizer: The tokenizer's normalizer, if it has one.
        pre_tokenizer: The tokenizer's pre-tokenizer, if it has one.

    Raises:
        TypeError: `words` is one string.
        ValueError: A special token is among the words.
    """
    if isinstance(words, str):
        raise TypeError(f"leave_out_words must be a list of words, got the string {words!r}.")
    found: set[str] = set()
    for word in words:
        if word.strip() in (*SPECIAL_TOKENS, SEP_TOKEN):
            raise ValueError(f"{word.strip()} cannot be left out: the student needs it.")
        clean = normalizer.normalize_str(word) if normalizer else word.strip()
        pieces = pre_tokenizer.pre_tokenize_str(clean) if pre_tokenizer else [(clean, None)]
        found.update(piece for piece, _ in pieces if piece)
    return found


def _warn_of_unknown_words(counts: Counter[str], known: list[str]) -> None:
    unknown = 1 - sum(counts[word] for word in known) / counts.total()
    if unknown > _MANY_UNKNOWN:
        logger.warning(
            "%.0f %% of the words in the training texts are unknown to the student, which knows "
            "%d. Lower min_frequency, or check that the texts are split as they should be.",
            100 * unknown,
            len(known) - len(SPECIAL_TOKENS),
        )


def _warn_of_lost_words(texts: WordCounts, known: list[str]) -> None:
    rarest = min(texts.counts[word] for word in known if word in texts.counts)
    if rarest <= texts.lost:
        logger.warning(
            "There are more different words than were held in memory while they were counted: "
            "words that occur %d times or less may be missing from the student's vocabulary. "
            "Count with count_words(..., most_words=...) above its default.",
            texts.lost,
        )


def _without_special_tokens(counts: Counter[str]) -> Counter[str]:
    special = (*SPECIAL_TOKENS, SEP_TOKEN)
    return Counter({word: n for word, n in counts.items() if word not in special})


def _check_split_alike(pre_tokenizer: object, normalizer: object) -> None:
    if (pre_tokenizer, normalizer) != ("words", "lowercase"):
        raise ValueError(
            "The words were counted by count_words, which splits texts by the pre_tokenizer "
            f"'words' and the normalizer 'lowercase', got {pre_tokenizer!r} and {normalizer!r}: "
            "leave both out, or give the texts themselves."
        )


def _component(given: object, by_name: dict[str, Callable], kind: type, argument: str) -> object:
    """Return the component that was given, or make the one that was named."""
    if isinstance(given, kind):
        return given
    if given not in by_name:
        raise ValueError(
            f"{argument} must be one of {', '.join(map(repr, by_name))} or a tokenizers "
            f"{kind.__name__}, got {given!r}."
        )
    return by_name[given]()


def _count_words(
    texts: Iterable[str],
    normalizer: normalizers.Normalizer,
    pre_tokenizer: pre_tokenizers.PreTokenizer,
) -> WordCounts:
    if isinstance(texts, str):
        raise TypeError("texts must be many texts, got one string: wrap it in a list.")
    counter = WordCounter(normalizer, pre_tokenizer)
    for text in texts:
        counter.add(text)
    return WordCounts(counter.counts, counter.texts)


LENGTHS = (3, 4, 5)
# Characters of a word that are read, its border included: the word with the most n-grams decides
# how many columns the table of n-grams has.
_MOST_CHARACTERS = 32


def character_ngrams(word: str) -> list[str]:
    """Return the n-grams of 3 to 5 characters of a word with its borders (`<up`, `up>`, `<up>`).

    Only the beginning of a word of more than 30 characters is read.
    """
    bounded = f"<{word}>"[:_MOST_CHARACTERS]
    return [
        bounded[start : start + length]
        for length in LENGTHS
        for start in range(len(bounded) - length + 1)
    ]


def hashed_ngrams(vocabulary: Mapping[str, int], buckets: int) -> torch.Tensor:
    """Return the buckets of the n-grams of each word.

    Args:
        vocabulary: Ids of the words, from 0 on; special tokens have no n-grams.
        buckets: Number of buckets; with 0 no word has n-grams.

    Returns:
        int64 (words, n-grams), 1 to `buckets`; 0 after the last n-gram of a word.
    """
    if buckets == 0:
        return torch.zeros(len(vocabulary), 0, dtype=torch.long)
    found: list[list[int]] = [[] for _ in vocabulary]
    for word, word_id in vocabulary.items():
        if word not in (*SPECIAL_TOKENS, SEP_TOKEN):
            found[word_id] = [1 + crc32(one.encode()) % buckets for one in character_ngrams(word)]
    rows = [torch.tensor(one, dtype=torch.long) for one in found]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
