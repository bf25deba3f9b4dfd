# SPDX-License-Identifier: Apache-2.0
"""A student as plain arrays and words, and what of it a device cannot carry."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from dixtill_hf.data.words import word_limit, word_normalizer, word_splitter
from dixtill_hf.student.inputs import refuse_student_of_pairs
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

Floats = NDArray[np.float64]

# What the container has room for, in UTF-8.
LONGEST_WORD = 255
_MOST_SIZES = {"embedding_size": 511, "hidden_size": 255, "attention_size": 4_096}
_MOST_LITERALS = 16

# In the order of the container's numbers.
PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")
ONE_LABEL, SEVERAL_LABELS, REGRESSION = PROBLEM_TYPES
_THRESHOLD = 0.5


class DirectionWeights(NamedTuple):
    """One direction of the LSTM, gates in PyTorch's order.

    Attributes:
        input_weight: `(4 * hidden, dimensions)`.
        state_weight: `(4 * hidden, hidden)`.
        bias: The sum of both biases, `(4 * hidden,)`.
    """

    input_weight: Floats
    state_weight: Floats
    bias: Floats


@dataclass(frozen=True)
class FloatStudent:
    """A student as arrays.

    Attributes:
        words: The words that it knows, the most frequent in training first.
        vectors: Vector of the unknown word, of each word, and of each further literal, in this
            order, `(1 + words + further literals, dimensions)`.
        literals: Texts that are a word wherever they stand, such as `[PAD]`, with their row.
        splits_words: Whether words also end at punctuation, instead of only at white space.
        word_limit: Words of a text that are read.
        directions: From left to right, and back.
        attention_weight: Matrix U, `(attention, 2 * hidden)`.
        attention_vector: Vector v, `(attention,)`.
        classifier_weight: `(labels, 2 * hidden)`.
        classifier_bias: `(labels,)`.
        labels: Their names.
        explanation: `"contributions"` or `"attention"`.
        problem_type: One of `PROBLEM_TYPES`.
        thresholds: Probability from which on a text has each label; empty unless a text may have
            several.
        answer_threshold: Least probability of a prediction that is an answer; 0 if every one is.
        temperature: Divides the logits before they become probabilities.
    """

    words: tuple[str, ...]
    vectors: Floats
    literals: Mapping[str, int]
    splits_words: bool
    word_limit: int
    directions: tuple[DirectionWeights, DirectionWeights]
    attention_weight: Floats
    attention_vector: Floats
    classifier_weight: Floats
    classifier_bias: Floats
    labels: tuple[str, ...]
    explanation: str
    problem_type: str = ONE_LABEL
    thresholds: tuple[float, ...] = ()
    answer_threshold: float = 0.0
    temperature: float = 1.0

    @property
    def dimensions(self) -> int:
        """Dimensions of a word vector."""
        return self.vectors.shape[1]

    def with_words(self, count: int) -> FloatStudent:
        """The student that only knows its `count` most frequent words."""
        rows = [*range(1 + count), *range(1 + len(self.words), len(self.vectors))]
        behind = {old: new for new, old in enumerate(rows)}
        return replace(
            self,
            words=self.words[:count],
            vectors=self.vectors[rows],
            literals={name: behind[row] for name, row in self.literals.items()},
        )


def float_student(
    model: DixtillForSequenceClassification, tokenizer: PreTrainedTokenizerFast
) -> FloatStudent:
    """Take a student apart.

    Words longer than 255 bytes become unknown words: no entry of the container is longer.

    Args:
        model: The student; it is left as it is.
        tokenizer: Its tokenizer.

    Raises:
        ValueError: The student has something that a device cannot carry; the message names it.
    """
    config = model.config
    _check_model(config)
    splits_words = _check_tokenizer(tokenizer)
    student = copy.deepcopy(model).cpu().float()
    student.fold_ngrams()
    arrays = {name: value.double().numpy() for name, value in student.state_dict().items()}
    vocabulary = tokenizer.get_vocab()
    added = tokenizer.backend_tokenizer.get_added_tokens_decoder()
    special = {token.content: index for index, token in sorted(added.items())}
    literals = {} if tokenizer.split_special_tokens else special
    unknown = config.unk_token_id
    known = [
        (index, word)
        for word, index in sorted(vocabulary.items(), key=lambda item: item[1])
        if word not in special and index != unknown and len(word.encode()) <= LONGEST_WORD
    ]
    further = [index for index in literals.values() if index != unknown]
    rows = [unknown, *(index for index, _ in known), *further]
    place = {index: row for row, index in enumerate(rows)}
    return FloatStudent(
        words=tuple(word for _, word in known),
        vectors=arrays["embedding.weight"][rows],
        literals={name: place[index] for name, index in literals.items()},
        splits_words=splits_words,
        word_limit=word_limit(tokenizer.model_max_length),
        directions=(
            _direction(arrays, "encoder.layers.0.left_to_right"),
            _direction(arrays, "encoder.layers.0.right_to_left"),
        ),
        attention_weight=arrays["attention.projection.weight"],
        attention_vector=arrays["attention.score.weight"][0],
        classifier_weight=arrays["classifier.weight"],
        classifier_bias=arrays["classifier.bias"],
        labels=tuple(config.id2label[label] for label in range(config.num_labels)),
        explanation=config.explanation,
        problem_type=problem_type_of(config),
        thresholds=thresholds_of(config),
        answer_threshold=getattr(config, "answer_threshold", 0.0),
    )


def problem_type_of(config: Any) -> str:
    """What a student's logits mean: one of `PROBLEM_TYPES`.

    Args:
        config: Its configuration. Without a `problem_type`, one output is a regression and several
            are one label a text, as transformers has it.

    Raises:
        ValueError: The device knows no such problem.
    """
    found = config.problem_type or (REGRESSION if config.num_labels == 1 else ONE_LABEL)
    if found not in PROBLEM_TYPES:
        raise ValueError(
            f"A device student has a problem_type of {', '.join(PROBLEM_TYPES)}, this one has "
            f"{found!r}. Export it with --target onnx."
        )
    return found


def thresholds_of(config: Any) -> tuple[float, ...]:
    """Probability from which on a text has each label; empty unless a text may have several.

    Args:
        config: The student's configuration. Without `thresholds` they are 0.5.

    Raises:
        ValueError: There is not one probability for each label.
    """
    if problem_type_of(config) != SEVERAL_LABELS:
        return ()
    given = getattr(config, "thresholds", None) or [_THRESHOLD] * config.num_labels
    if len(given) != config.num_labels or not all(0 <= one <= 1 for one in given):
        raise ValueError(
            f"thresholds must be {config.num_labels} probabilities, one for each label, got "
            f"{given}. Correct them in the student's config.json."
        )
    return tuple(map(float, given))


def _direction(arrays: Mapping[str, Floats], name: str) -> DirectionWeights:
    return DirectionWeights(
        input_weight=arrays[f"{name}.weight_ih_l0"],
        state_weight=arrays[f"{name}.weight_hh_l0"],
        bias=arrays[f"{name}.bias_ih_l0"] + arrays[f"{name}.bias_hh_l0"],
    )


def _check_model(config: Any) -> None:
    refuse_student_of_pairs(config, "A device")
    cell = getattr(config, "cell", "lstm")
    if cell != "lstm":
        raise ValueError(
            f"A device student has the cell lstm, this one has {cell}. Train it with cell=lstm, or "
            "export it with --target onnx."
        )
    if config.num_layers != 1:
        raise ValueError(
            f"A device student has one layer, this one has {config.num_layers}. Train it with "
            "num_layers=1, or export it with --target onnx."
        )
    for name, most in _MOST_SIZES.items():
        if getattr(config, name) > most:
            raise ValueError(
                f"A device student has {name} of at most {most}, this one has "
                f"{getattr(config, name)}. Export it with --target onnx."
            )


def _check_tokenizer(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Refuse a tokenizer that the device cannot repeat; return whether it splits at punctuation."""
    parts = json.loads(tokenizer.backend_tokenizer.to_str())
    ours = _component_settings()
    refusal = "Export the student with --target onnx, or train it with this project's tokenizer."
    if parts["model"]["type"] != "WordLevel":
        raise ValueError(
            f"The device only has word tokenizers, this one is {parts['model']['type']}. {refusal}"
        )
    if parts["normalizer"] != ours["normalizer"]:
        raise ValueError(f"The tokenizer cleans texts in a way that the device has not. {refusal}")
    if parts["pre_tokenizer"] not in (ours["words"], ours["whitespace"]):
        raise ValueError(f"The tokenizer splits words in a way that the device has not. {refusal}")
    # transformers 5 writes a processor that adds nothing.
    if parts["post_processor"] is not None and parts["post_processor"].get("special_tokens") != {}:
        raise ValueError(f"The tokenizer adds tokens to every text; the device does not. {refusal}")
    added = parts["added_tokens"]
    plain = all(
        token["special"]
        and not any(token[k] for k in ("single_word", "lstrip", "rstrip"))
        and not token["normalized"]
        for token in added
    )
    if not plain or len(added) > _MOST_LITERALS:
        raise ValueError(
            f"The tokenizer has {len(added)} added tokens; the device has up to {_MOST_LITERALS}, "
            f"each special, not normalized, and without stripping. {refusal}"
        )
    if tokenizer.truncation_side != "right":
        raise ValueError(f"The tokenizer cuts texts on the left; the device does not. {refusal}")
    return parts["pre_tokenizer"] == ours["words"]


def _component_settings() -> dict[str, Any]:
    """The components of this project's tokenizers as they are saved."""
    tokenizer = Tokenizer(WordLevel({"": 0}, unk_token=""))
    tokenizer.normalizer = word_normalizer()
    settings = {}
    for name, splitter in (("words", word_splitter()), ("whitespace", WhitespaceSplit())):
        tokenizer.pre_tokenizer = splitter
        saved = json.loads(tokenizer.to_str())
        settings[name] = saved["pre_tokenizer"]
        settings["normalizer"] = saved["normalizer"]
    return settings
