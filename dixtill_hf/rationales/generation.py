# SPDX-License-Identifier: Apache-2.0
"""Rationales from a language model: explanations, revised ones, and ones for the wrong labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from datasets import Dataset
from tqdm.auto import tqdm
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.data.columns import TEXT
from dixtill_hf.rationales.columns import (
    COUNTERFACTUAL_RATIONALES,
    RATIONALE_LABEL,
    TEACHER_RATIONALE,
    answers_of,
    check_columns,
    choices_of,
)
from dixtill_hf.rationales.templates import (
    counterfactual_prompt,
    critique_prompt,
    explanation_prompt,
    revision_prompt,
)
from dixtill_hf.teacher.prompted.answer_store import AnswerStore
from dixtill_hf.teacher.prompted.asking import Generator


class LocalGenerator:
    """A causal language model of transformers that continues prompts, the likeliest token each.

    Attributes:
        model: The model, in evaluation mode.
        tokenizer: Its tokenizer; its chat template is used if it has one.
        max_new_tokens: Most tokens of an answer.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        max_new_tokens: int = 80,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.max_new_tokens = max_new_tokens

    def generate(self, prompts: Sequence[str]) -> list[str]:
        """One answer to each prompt, without what the model says beyond its end."""
        return [self._answer(prompt) for prompt in prompts]

    def _answer(self, prompt: str) -> str:
        chat = getattr(self.tokenizer, "chat_template", None) is not None
        if chat:
            prompt = str(
                self.tokenizer.apply_chat_template(
                    [{"role": "user", "content": prompt}],
                    tokenize=False,
                    add_generation_prompt=True,
                )
            )
        given = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=not chat)
        ids = given["input_ids"].to(self.model.device)
        end = self.model.config.eos_token_id
        ends = end if isinstance(end, list) else [end]
        settings = GenerationConfig(
            max_new_tokens=self.max_new_tokens,
            do_sample=False,
            eos_token_id=end,
            pad_token_id=next((one for one in ends if one is not None), 0),
        )
        with torch.inference_mode():
            found = self.model.generate(
                ids, attention_mask=torch.ones_like(ids), generation_config=settings
            )
        return self.tokenizer.decode(found[0, ids.shape[1] :], skip_special_tokens=True).strip()


def generate_rationales(
    dataset: Dataset,
    teacher: Generator,
    task: str,
    *,
    key: str,
    directory: str | Path,
    revise: bool = False,
    counterfactual: bool = False,
) -> Dataset:
    """Have a language model write why each text has its label.

    The label is given to the model, so that the rationale argues for it. Every answer is on the
    disk before the next one is asked for: the same call goes on where an interrupted one stopped,
    and nothing is asked twice.

    Args:
        dataset: With the column `text`; the label in `teacher_rationale_label` or in a ClassLabel;
            and `choices`, if they differ from text to text.
        teacher: An object with `generate(prompts)`, such as `ChatEndpoint` or `LocalGenerator`.
        task: What the label says of a text, in a sentence.
        key: Names the model, its revision and its settings; answers are kept under it.
        directory: Where answers are kept.
        revise: Whether each rationale is criticised and written anew: two more answers a text.
        counterfactual: Whether rationales for the other labels are written too: one more answer
            for each of them.

    Returns:
        The dataset with `teacher_rationale`, `teacher_rationale_label` and, if asked for,
        `teacher_counterfactual_rationales`, one for each choice, "" for the label itself.

    Raises:
        ValueError: A column is missing, or a label is none of the choices.
    """
    check_columns(dataset, [TEXT])
    choices, answers = choices_of(dataset), answers_of(dataset)
    store = AnswerStore(Path(directory) / f"rationales-{hash_json([key])}.jsonl")

    def ask(prompt: str) -> str:
        if prompt not in store:
            start = time.perf_counter()
            (answer,) = teacher.generate([prompt])
            store.add(prompt, answer, time.perf_counter() - start)
        return str(store[prompt])

    rationales, counterfactuals = [], []
    rows = zip(dataset[TEXT], answers, choices, strict=True)
    for text, answer, names in tqdm(rows, total=len(dataset), desc="Rationales", unit="text"):
        given = (text, answer, names, task)
        rationale = ask(explanation_prompt(*given))
        if revise:
            critique = ask(critique_prompt(*given, rationale))
            rationale = ask(revision_prompt(*given, rationale, critique))
        rationales.append(rationale)
        if counterfactual:
            counterfactuals.append(_others(ask, text, answer, names, task))
    added = {TEACHER_RATIONALE: rationales, RATIONALE_LABEL: answers}
    result = dataset.remove_columns([name for name in added if name in dataset.column_names])
    for name, values in added.items():
        result = result.add_column(name, values)
    if counterfactual:
        if COUNTERFACTUAL_RATIONALES in result.column_names:
            result = result.remove_columns(COUNTERFACTUAL_RATIONALES)
        result = result.add_column(COUNTERFACTUAL_RATIONALES, counterfactuals)
    return result


def _others(
    ask: Callable[[str], str], text: str, answer: str, names: Sequence[str], task: str
) -> list[str]:
    return [
        "" if one == answer else ask(counterfactual_prompt(text, one, names, task)) for one in names
    ]
