# SPDX-License-Identifier: Apache-2.0
"""Ask a language model behind an interface for labels: scored or sampled, within a budget."""

from __future__ import annotations

import json
import re
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.teacher.prompted.answer_store import AnswerStore
from dixtill_hf.teacher.prompted.prompt import Prompt

SCORINGS = ("scored", "sampled")
# Characters of a token, for estimates: about what English has.
_CHARACTERS_OF_A_TOKEN = 4
_TOKENS_OF_AN_ANSWER = 8
_TOKENS_OF_QUOTES = 60
# Added to the count of every label, so that none has probability 0 (Krichevsky-Trofimov).
_PRIOR_COUNT = 0.5


@runtime_checkable
class Scorer(Protocol):
    """What gives log-probabilities of continuations."""

    def score(
        self, prompts: Sequence[str], continuations: Sequence[str]
    ) -> Sequence[Sequence[float]]:
        """Log-probability of each continuation after each prompt, `(prompts, continuations)`."""


@runtime_checkable
class Generator(Protocol):
    """What answers in words; asked twice, it may answer differently."""

    def generate(self, prompts: Sequence[str]) -> Sequence[str]:
        """One answer to each prompt."""


class BudgetExceededError(ValueError):
    """The next call would pass the budget; all answers so far are kept."""


@dataclass(frozen=True)
class AskingPlan:
    """What it takes to ask for the labels of texts.

    Attributes:
        texts: Texts that differ.
        calls: Calls that are left to make.
        kept: Answers that are there already.
        tokens: Estimate of the tokens of these calls, answers included.
        minutes: Estimate of their time, from the calls that were made before with the same prompt;
            None before the first call.
    """

    texts: int
    calls: int
    kept: int
    tokens: int
    minutes: float | None


@dataclass(frozen=True)
class TextAnswers:
    """What a language model said of one text.

    Attributes:
        logits: `(labels,)`, float32.
        answers: Its answers in words; none if it was scored.
        quotes: The quotes of every answer, if they were asked for.
        unclear: Answers that name no label, or several.
    """

    logits: np.ndarray
    answers: list[str]
    quotes: list[list[str]]
    unclear: int


class LabelAsker:
    """A function from texts to logits that asks a language model, and asks nothing twice.

    Scored, a label's logit is the log-probability of its answer. Sampled, it is the logarithm of
    the share of several answers that name the label, each label counted half a time more: coarse
    probabilities, with which Integrated Gradients cannot work. Explain such a teacher by quotes or
    by a perturbation explainer.

    Attributes:
        scoring: "scored" or "sampled".
        key: Hash of all that the answers depend on: model, prompt, scoring.
        calls: Calls made by this object.
    """

    def __init__(
        self,
        source: Scorer | Generator,
        labels: Sequence[str],
        instruction: str,
        *,
        key: str,
        directory: str | Path,
        examples: Sequence[tuple[str, str]] = (),
        verbalizers: Mapping[str, str] | None = None,
        scoring: str | None = None,
        samples: int = 5,
        quotes: bool = False,
        max_calls: int | None = None,
        workers: int = 4,
    ) -> None:
        """Describe what is asked, and open the file of answers.

        Args:
            source: An object with `score(prompts, continuations)` or `generate(prompts)`.
            labels: Names of the labels, in the order of the logits.
            instruction: What to do with a text, in a sentence or more.
            key: Names the model and its revision, and whatever else changes its answers, such as a
                temperature. A secret must not be part of it.
            directory: Where answers are kept.
            examples: Texts with their labels that are shown before the text.
            verbalizers: Label → answer, if a label's name is not what the model shall say.
            scoring: "scored" or "sampled". Default: scored if the source can.
            samples: Answers to each text if it is sampled.
            quotes: Whether each answer shall quote the words that decided; only if it is sampled.
            max_calls: Most calls of this model and prompt, those of earlier runs included.
            workers: Calls that are made at the same time.

        Raises:
            ValueError: The source cannot do what is asked of it, or a number is out of range.
        """
        self.prompt = Prompt(instruction, tuple(labels), dict(verbalizers or {}), tuple(examples))
        self.scoring = scoring or ("scored" if isinstance(source, Scorer) else "sampled")
        _check(source, self.scoring, quotes, samples, workers, max_calls)
        self._source = source
        self._samples = samples if self.scoring == "sampled" else 1
        self._quotes = quotes
        self._max_calls = max_calls
        self._workers = workers
        self._lock = threading.Lock()
        self.calls = 0
        described = {**self.prompt.settings(), "scoring": self.scoring, "quotes": quotes}
        self.key = hash_json([key, described])
        self._store = AnswerStore(Path(directory) / f"{self.key}.jsonl")
        self._earlier = len(self._store) * self._calls_of_one

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Logits `(texts, labels)`, float32; see `ask`."""
        return np.stack([answer.logits for answer in self.ask(texts)])

    def plan(self, texts: Sequence[str]) -> AskingPlan:
        """What asking for these texts would take; nothing is asked."""
        unique = list(dict.fromkeys(texts))
        left = self._left([(text, "") for text in unique])
        answer = _TOKENS_OF_QUOTES if self._quotes else _TOKENS_OF_AN_ANSWER
        tokens = sum(
            (len(self._asked(text, "")) // _CHARACTERS_OF_A_TOKEN + answer) * self._calls_of_one
            for text, _, _ in left
        )
        minutes = None
        if self._store.seconds:
            minutes = statistics.median(self._store.seconds) * len(left) / self._workers / 60
        kept = len(unique) * self._samples - len(left)
        return AskingPlan(len(unique), len(left) * self._calls_of_one, kept, tokens, minutes)

    def ask(self, texts: Sequence[str], notes: Sequence[str] | None = None) -> list[TextAnswers]:
        """Ask for the labels of texts; only what was never answered is asked.

        Args:
            texts: The texts.
            notes: What else the model is told about each text; an answer with a note is another
                one than without.

        Returns:
            What was said of every text, in their order.

        Raises:
            BudgetExceededError: The next call would pass `max_calls`; answers so far are kept.
        """
        told = list(zip(texts, notes or [""] * len(texts), strict=True))
        left = self._left(list(dict.fromkeys(told)))
        with ThreadPoolExecutor(self._workers) as pool:
            jobs = [pool.submit(self._ask_one, *question) for question in left]
            try:
                for job in jobs:
                    job.result()
            except BaseException:
                for job in jobs:
                    job.cancel()
                raise
        return [self._read(text, note) for text, note in told]

    @property
    def _calls_of_one(self) -> int:
        """Calls for one answer: a scorer reads the prompt with each label."""
        return len(self.prompt.labels) if self.scoring == "scored" else 1

    def _left(self, told: Sequence[tuple[str, str]]) -> list[tuple[str, str, int]]:
        return [
            (text, note, sample)
            for text, note in told
            for sample in range(self._samples)
            if _question(text, note, sample) not in self._store
        ]

    def _asked(self, text: str, note: str) -> str:
        prompt = self.prompt.plain(text, note)
        if not self._quotes:
            return prompt
        return (
            f"{prompt}\n\nAnswer only with JSON of this form: "
            '{"label": "...", "quotes": ["...", "..."]}. The quotes are the few words of the text '
            "that decided, copied as they are."
        )

    def _ask_one(self, text: str, note: str, sample: int) -> None:
        self._spend()
        start = time.perf_counter()
        answer: Any
        if self.scoring == "scored":
            answers = [f" {answer}" for answer in self.prompt.answers]
            assert isinstance(self._source, Scorer)
            answer = [
                float(one) for one in self._source.score([self._asked(text, note)], answers)[0]
            ]
            if len(answer) != len(answers) or not np.isfinite(answer).all():
                raise ValueError(
                    f"score(...) must give {len(answers)} finite log-probabilities for a prompt, "
                    f"gave {answer}."
                )
        else:
            assert isinstance(self._source, Generator)
            (answer,) = self._source.generate([self._asked(text, note)])
        self._store.add(_question(text, note, sample), answer, time.perf_counter() - start)

    def _spend(self) -> None:
        with self._lock:
            spent = self._earlier + self.calls + self._calls_of_one
            if self._max_calls is not None and spent > self._max_calls:
                raise BudgetExceededError(
                    f"{self._earlier + self.calls} calls were made, and the budget is "
                    f"{self._max_calls}: all answers are kept. Raise max_calls to go on."
                )
            self.calls += self._calls_of_one

    def _read(self, text: str, note: str) -> TextAnswers:
        found = [self._store[_question(text, note, i)] for i in range(self._samples)]
        if self.scoring == "scored":
            return TextAnswers(np.asarray(found[0], np.float32), [], [], 0)
        parsed = [_parse(answer, self._quotes) for answer in found]
        named = [match_answer(label, self.prompt.answers) for label, _ in parsed]
        counts = np.full(len(self.prompt.labels), _PRIOR_COUNT)
        for label in named:
            if label is not None:
                counts[label] += 1
        logits = np.log(counts / counts.sum()).astype(np.float32)
        quotes = [quoted for _, quoted in parsed] if self._quotes else []
        return TextAnswers(logits, [str(answer) for answer in found], quotes, named.count(None))


def _question(text: str, note: str, sample: int) -> list[str | int]:
    """What an answer is kept under."""
    return [text, sample, note] if note else [text, sample]


def match_answer(said: str, answers: Sequence[str]) -> int | None:
    """The position of the answer that was given.

    It is the one that what was said begins with, or the only one whose words are in it; the longer
    one if one answer is a part of another.

    Returns:
        The position; None if there is none, or if there are several.
    """
    words = " ".join(re.findall(r"\w+", said.casefold()))
    wanted = [" ".join(re.findall(r"\w+", answer.casefold())) for answer in answers]

    def those(test: Callable[[str], bool]) -> list[int]:
        found = [i for i, one in enumerate(wanted) if one and test(one)]
        longer = [wanted[i] for i in found]
        return [
            i for i in found if not any(wanted[i] != one and wanted[i] in one for one in longer)
        ]

    for test in (
        lambda one: f"{words} ".startswith(f"{one} "),
        lambda one: f" {one} " in f" {words} ",
    ):
        found = those(test)
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _parse(answer: str, quotes: bool) -> tuple[str, list[str]]:
    """The label that an answer names, and its quotes."""
    if not quotes:
        return answer, []
    match = re.search(r"\{.*\}", answer, re.DOTALL)
    try:
        found = json.loads(match[0]) if match else {}
    except json.JSONDecodeError:
        found = {}
    given = found.get("quotes") if isinstance(found, dict) else None
    quoted = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
    label = found.get("label") if isinstance(found, dict) else None
    return (label if isinstance(label, str) else answer), quoted


def _check(
    source: object, scoring: str, quotes: bool, samples: int, workers: int, max_calls: int | None
) -> None:
    if scoring not in SCORINGS:
        raise ValueError(f"scoring must be one of {', '.join(SCORINGS)}, got {scoring!r}.")
    needed = Scorer if scoring == "scored" else Generator
    method = "score" if scoring == "scored" else "generate"
    if not isinstance(source, needed):
        raise ValueError(
            f"A {type(source).__name__} has no method {method}(...), which scoring={scoring!r} "
            "needs: give an object that has it, or take the other scoring."
        )
    if quotes and scoring == "scored":
        raise ValueError(
            "Quotes come with answers in words: take scoring='sampled', or leave them out."
        )
    for name, value in (("samples", samples), ("workers", workers)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    if max_calls is not None and max_calls < 0:
        raise ValueError(f"max_calls must be at least 0, got {max_calls}.")
