# SPDX-License-Identifier: Apache-2.0
"""Prompts that ask a language model for rationales."""

from __future__ import annotations

from collections.abc import Sequence


def explanation_prompt(text: str, answer: str, choices: Sequence[str], task: str) -> str:
    """Ask why a text has its label; the label is given, so that the rationale argues for it."""
    return (
        f"{_given(text, choices, task)}\nThe right answer is: {answer}\n\n"
        "Explain in one to three sentences what in the text makes this the right answer. Name the "
        "decisive words. Do not mention that you were told the answer."
    )


def critique_prompt(
    text: str, answer: str, choices: Sequence[str], task: str, explanation: str
) -> str:
    """Ask what is wrong with an explanation, or missing in it."""
    return (
        f"{_given(text, choices, task)}\nThe right answer is: {answer}\n"
        f"Somebody explains it in this way: {explanation}\n\n"
        "Judge the explanation in two or three sentences. Is each claim supported by the text? "
        "Does it say why the other answers are wrong? What is superfluous?"
    )


def revision_prompt(
    text: str, answer: str, choices: Sequence[str], task: str, explanation: str, critique: str
) -> str:
    """Ask for a better explanation, after a critique."""
    return (
        f"{_given(text, choices, task)}\nThe right answer is: {answer}\n"
        f"First explanation: {explanation}\nIts critique: {critique}\n\n"
        "Write a better explanation in one to four sentences, which takes the critique to heart. "
        "Write only the explanation."
    )


def counterfactual_prompt(text: str, wrong: str, choices: Sequence[str], task: str) -> str:
    """Ask for the best reasons for a label that a text does not have."""
    return (
        f"{_given(text, choices, task)}\n\n"
        f"Argue in one to three sentences that the answer is: {wrong}. Use what the text offers, "
        "and do not say that another answer would be better."
    )


def _given(text: str, choices: Sequence[str], task: str) -> str:
    return f"{task.strip()}\nText: {text}\nPossible answers: {'; '.join(choices)}"
