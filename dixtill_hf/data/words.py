# SPDX-License-Identifier: Apache-2.0
"""Where words begin and end in a text of any script.

The student's tokenizer, the variants of texts, the bag of words and the explanations that leave out
words all draw the same borders: those that are drawn here.
"""

from collections.abc import Iterable
from functools import lru_cache

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFC, BertNormalizer, Normalizer, Replace
from tokenizers.normalizers import Sequence as NormalizerSequence
from tokenizers.pre_tokenizers import BertPreTokenizer, PreTokenizer, Split
from tokenizers.pre_tokenizers import Sequence as PreTokenizerSequence

from dixtill_hf.data.text_pairs import TextPair

# Words of a text that are read if a student's tokenizer has no limit of its own.
MOST_WORDS = 512
# transformers writes a number beyond any text where a tokenizer has no limit.
_NO_LIMIT = 10**9

# Scripts without spaces between words, except Chinese characters, which BERT takes one by one
# already. U+30FC is the mark of a long vowel in Katakana; U+0E33 and U+0EB3 are vowels of Thai and
# Lao that belong to the character before them.
_WITHOUT_SPACES = Regex(
    r"[\p{Hiragana}\p{Katakana}\x{30FC}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
    r"[\p{M}\x{0E33}\x{0EB3}]*"
)


def word_normalizer() -> Normalizer:
    """Lower case, composed characters (NFC), no control characters, a space for any white space.

    Accents and vowel signs stay: in most languages they tell words apart.
    """
    bert = BertNormalizer(lowercase=True, strip_accents=False)
    return NormalizerSequence([NFC(), bert, *case_rules()])


def case_rules() -> list[Normalizer]:
    """What follows lower case, so that a word is one word in small letters and in capitals.

    A Greek sigma has another form at the end of a word, which its capital has not. The lower case
    of a Turkish capital I with a dot is an i with a combining dot above (U+0307), which goes.
    """
    return [Replace("\u03c2", "\u03c3"), Replace(Regex("(?<=i)\u0307+"), "")]


def word_splitter() -> PreTokenizer:
    """Words as BERT has them, for scripts without spaces one character at a time.

    Words end at white space, at every punctuation mark and around every Chinese character, and so
    around every character of Hiragana, Katakana, Thai, Lao, Khmer and Burmese, with the signs above
    and below it. It expects what `word_normalizer` makes of a text.
    """
    return PreTokenizerSequence([BertPreTokenizer(), Split(_WITHOUT_SPACES, "isolated")])


def word_limit(model_max_length: float) -> int:
    """Words of a text that a student reads; those beyond are cut off.

    Args:
        model_max_length: Limit of the student's tokenizer; `DistillationTrainer` sets it to
            `max_words`.
    """
    return int(model_max_length) if model_max_length < _NO_LIMIT else MOST_WORDS


def normalize_word(word: str) -> str:
    """A word, or any text, as `word_normalizer` makes it."""
    if word.isascii() and word.isprintable():
        return word.lower()
    return _tokenizer().normalizer.normalize_str(word)


def words_of(text: str) -> list[str]:
    """The words of a text, normalised."""
    splitter = _tokenizer()
    normalized = splitter.normalizer.normalize_str(text)
    return [word for word, _ in splitter.pre_tokenizer.pre_tokenize_str(normalized)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """`[start, end)` characters of every word, in the text as given."""
    return _tokenizer().encode(text, add_special_tokens=False).offsets


def without_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """A text in which the characters of spans are spaces, so that the others keep their places.

    Args:
        text: The text; what is left of a pair is a pair.
        spans: `[start, end)` characters of what is taken away.
    """
    characters = list(text)
    for start, end in spans:
        characters[start:end] = " " * (end - start)
    left = "".join(characters)
    if isinstance(text, TextPair):
        return TextPair(left[: len(text.text)], left[text.border :])
    return left


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    """A whole tokenizer: a bare pre-tokenizer's offsets are those of the normalised text."""
    tokenizer = Tokenizer(WordLevel({"": 0}, unk_token=""))
    tokenizer.normalizer = word_normalizer()
    tokenizer.pre_tokenizer = word_splitter()
    return tokenizer
