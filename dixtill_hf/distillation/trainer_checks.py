# SPDX-License-Identifier: Apache-2.0
"""What a `DistillationTrainer` is given, checked before anything is computed."""

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from dixtill_hf.distillation.arguments import DistillationArguments


def checked_arguments(args: object) -> DistillationArguments:
    """The arguments, unless they lack what a distillation needs.

    Raises:
        TypeError: They are no `DistillationArguments`.
    """
    if not isinstance(args, DistillationArguments):
        raise TypeError(
            f"args must be DistillationArguments, got {type(args).__name__}: they hold alpha, "
            "temperature and the losses beside all that TrainingArguments have"
        )
    return args


def check_student(model: PreTrainedModel) -> None:
    """Refuse a model that cannot be taught to explain itself.

    Raises:
        TypeError: It is no student.
    """
    if not hasattr(model, "explain_from"):
        raise TypeError(
            f"model is a {type(model).__name__}, which does not explain itself: make a student "
            "with build_student(...), or load one with from_pretrained."
        )


def check_padding(tokenizer: PreTrainedTokenizerFast) -> None:
    """Refuse a tokenizer that cannot make batches.

    Raises:
        ValueError: It has no padding token.
    """
    if tokenizer.pad_token_id is None:
        raise ValueError(
            "the student's tokenizer has no padding token, which batches need: set "
            "tokenizer.pad_token, to tokenizer.eos_token for example"
        )


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Refuse a student that does not know all words of its tokenizer.

    Raises:
        ValueError: Its embedding has fewer rows than there are words.
    """
    if len(tokenizer) > model.config.vocab_size:
        raise ValueError(
            f"the tokenizer knows {len(tokenizer)} words, the student's embedding has "
            f"{model.config.vocab_size}: make it with DixtillConfig(vocab_size=len(tokenizer))"
        )
