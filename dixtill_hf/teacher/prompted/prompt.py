# SPDX-License-Identifier: Apache-2.0
"""The prompt of a language model that labels texts: instruction, examples, and answers in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerBase

# Stands for the text while a chat template is filled in; no text is this.
_PLACE = "[\u2063the text goes here\u2063]"


@dataclass(frozen=True)
class Prompt:
    """What a language model is told, and the answers that it chooses from.

    Attributes:
        instruction: What to do with a text, in a sentence or more.
        labels: Names of the labels, in the order of the logits; at least two.
        verbalizers: Label → the answer that stands for it, for labels whose name is none that a
            model would give. Labels that are not keys are their own answers.
        examples: Texts with their labels that are shown before the text (few-shot prompting).
    """

    instruction: str
    labels: Sequence[str]
    verbalizers: Mapping[str, str] = field(default_factory=dict)
    examples: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        """Check the prompt before a model is loaded.

        Raises:
            ValueError: There is no instruction, labels or answers are missing or not different,
                or an example has another label.
        """
        if not self.instruction.strip():
            raise ValueError(
                "The instruction is empty: say what a text is to be judged by, such as "
                "'Decide whether the review is positive or negative.'."
            )
        _check_different("labels", self.labels)
        unknown = [label for label in self.verbalizers if label not in self.labels]
        if unknown:
            raise ValueError(
                f"The verbalizers name {unknown}, which are no labels: the labels are "
                f"{list(self.labels)}."
            )
        _check_different("verbalizers", self.answers)
        for text, label in self.examples:
            if label not in self.labels:
                raise ValueError(
                    f"The example {text[:60]!r} has the label {label!r}, which is none of "
                    f"{list(self.labels)}: correct it."
                )

    @property
    def answers(self) -> list[str]:
        """The answer of every label, in their order."""
        return [self.verbalizers.get(label, label) for label in self.labels]

    def answer_for(self, label: str) -> str:
        """The answer that stands for a label."""
        return self.verbalizers.get(label, label)

    def messages(self, text: str) -> list[dict[str, str]]:
        """The prompt of a text as turns of a chat; an answer is the next turn."""
        turns = []
        for number, (shown, label) in enumerate([*self.examples, (text, None)]):
            question = f"Text:\n{shown}\n\nLabel:"
            if number == 0:
                question = f"{self._task}\n\n{question}"
            turns.append({"role": "user", "content": question})
            if label is not None:
                answer = self.verbalizers.get(label, label)
                turns.append({"role": "assistant", "content": answer})
        return turns

    def plain(self, text: str, note: str = "") -> str:
        """The prompt of a text for a model that knows no turns; an answer follows after a space.

        Args:
            text: The text.
            note: What else the model is told about this text.
        """
        parts = [self._task]
        for shown, label in self.examples:
            answer = self.verbalizers.get(label, label)
            parts.append(f"Text:\n{shown}\nLabel: {answer}")
        told = f"{note}\n" if note else ""
        return "\n\n".join([*parts, f"Text:\n{text}\n{told}Label:"])

    def around_text(self, tokenizer: PreTrainedTokenizerBase) -> PromptParts:
        """What stands before and after a text, through the chat template if there is one.

        Raises:
            ValueError: The chat template does not show the text, or cuts or repeats it.
        """
        chat = getattr(tokenizer, "chat_template", None) is not None
        if chat:
            whole = tokenizer.apply_chat_template(
                self.messages(_PLACE), tokenize=False, add_generation_prompt=True
            )
        else:
            whole = self.plain(_PLACE)
        parts = str(whole).split(_PLACE)
        if len(parts) != 2:
            raise ValueError(
                f"The chat template of {tokenizer.name_or_path!r} shows the text "
                f"{len(parts) - 1} times, and must show it once: give the model another "
                "chat_template, or None for a plain prompt."
            )
        answers = [f"{'' if chat else ' '}{answer}" for answer in self.answers]
        return PromptParts(parts[0], parts[1], answers, is_chat=chat)

    def settings(self) -> dict[str, Any]:
        """All that the prompt depends on, as JSON values."""
        return {
            "instruction": self.instruction,
            "labels": list(self.labels),
            "verbalizers": dict(self.verbalizers),
            "examples": [list(example) for example in self.examples],
        }

    @property
    def _task(self) -> str:
        return f"{self.instruction.strip()}\nAnswer with one of: {', '.join(self.answers)}."


@dataclass(frozen=True)
class PromptParts:
    """A prompt as the model is given it, with a gap for the text.

    Attributes:
        before: What stands before the text.
        after: What stands after it.
        answers: The answer of every label, with the space that separates it from `after`.
        is_chat: Whether a chat template made it.
    """

    before: str
    after: str
    answers: Sequence[str]
    is_chat: bool


def _check_different(what: str, names: Iterable[str]) -> None:
    names = list(names)
    good = all(isinstance(name, str) and name.strip() for name in names)
    if not good or len(names) < 2 or len(set(names)) != len(names):
        raise ValueError(f"The {what} must be two or more different words, got {names}.")
