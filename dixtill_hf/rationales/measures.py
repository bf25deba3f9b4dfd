# SPDX-License-Identifier: Apache-2.0
"""Whether answers follow rationales, and whether rationales help to foresee answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import ArrayLike
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dixtill_hf.artifacts.evaluation_mode import evaluating
from dixtill_hf.data.columns import TEXT
from dixtill_hf.rationales.batches import IGNORED, RationaleCollator, Wording
from dixtill_hf.rationales.columns import (
    COUNTERFACTUAL_RATIONALES,
    answers_of,
    check_columns,
    choices_of,
)


def score_answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    choices: Sequence[Sequence[str]],
    rationales: Sequence[str] | None = None,
    wording: Wording | None = None,
) -> list[np.ndarray]:
    """Log-probability of every answer that a text can have.

    Args:
        model: A sequence-to-sequence model.
        tokenizer: Its tokenizer.
        texts: The texts.
        choices: The answers that each text can have.
        rationales: Rationales that the decoder is given first; None for none.
        wording: What is written around texts and answers. Default: that of `RationaleArguments`.

    Returns:
        One array `(choices,)` for each text.
    """
    wording = wording or Wording()
    start = model.config.decoder_start_token_id
    collator = RationaleCollator(tokenizer, ["predict"], wording, start)
    found = []
    with evaluating(model):
        for row, (text, names) in enumerate(zip(texts, choices, strict=True)):
            if rationales is None:
                plain = Wording(wording.predict_prefix, wording.explain_prefix, "")
                maker = RationaleCollator(tokenizer, ["predict"], plain, start)
                batch = maker.forced([text] * len(names), [""] * len(names), names)
            else:
                batch = collator.forced([text] * len(names), [rationales[row]] * len(names), names)
            found.append(_log_probabilities(model, batch))
    return found


def _log_probabilities(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> np.ndarray:
    batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
    labels = batch.pop("labels")
    with torch.inference_mode():
        logits = model(**batch).logits.float()
    counted = labels != IGNORED
    by_token = torch.log_softmax(logits, -1).gather(-1, labels.clamp(min=0).unsqueeze(-1))
    return (by_token.squeeze(-1) * counted).sum(1).cpu().numpy()


def accuracy(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    wording: Wording | None = None,
) -> float:
    """Share of texts whose likeliest answer is theirs; see `score_answers`.

    Raises:
        ValueError: A column is missing, or there is no text.
    """
    check_columns(dataset, [TEXT])
    answers, choices = answers_of(dataset), choices_of(dataset)
    scores = score_answers(model, tokenizer, dataset[TEXT][:], choices, None, wording)
    said = [names[int(one.argmax())] for names, one in zip(choices, scores, strict=True)]
    return _mean([one == right for one, right in zip(said, answers, strict=True)])


def counterfactual_consistency(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    wording: Wording | None = None,
) -> float:
    """Share of answers that follow a rationale for a wrong label (after SCOTT, Wang et al. 2023).

    A model whose answers do not depend on the rationale stays with its own answer, however it is
    argued with; then the rationales that it writes explain nothing.

    Args:
        model: A sequence-to-sequence model.
        tokenizer: Its tokenizer.
        dataset: With text, label and `teacher_counterfactual_rationales`.
        wording: What is written around texts and answers. Default: that of `RationaleArguments`.

    Raises:
        ValueError: A column is missing, or there is no wrong rationale.
    """
    check_columns(dataset, [TEXT, COUNTERFACTUAL_RATIONALES])
    answers, choices = answers_of(dataset), choices_of(dataset)
    asked = [
        (dataset[row][TEXT], names, wrong, why)
        for row, names in enumerate(choices)
        for wrong, why in zip(names, dataset[row][COUNTERFACTUAL_RATIONALES], strict=True)
        if why and wrong != answers[row]
    ]
    if not asked:
        raise ValueError(f"No text has a rationale for a wrong label in its {TEXT!r}.")
    texts, names, wrongs, reasons = (list(part) for part in zip(*asked, strict=True))
    scores = score_answers(model, tokenizer, texts, names, reasons, wording)
    return _mean(
        [
            own[int(one.argmax())] == wrong
            for own, one, wrong in zip(names, scores, wrongs, strict=True)
        ]
    )


@dataclass(frozen=True)
class Simulatability:
    """How much rationales help to foresee a model's answers.

    Attributes:
        adjusted: Mean of the two groups' gains: LAS.
        leaking: Gain on texts whose rationale gives the answer away by itself; None without such.
        other: Gain on the other texts; None without such.
        leaking_share: Share of texts whose rationale gives the answer away.
    """

    adjusted: float
    leaking: float | None
    other: float | None
    leaking_share: float


def leakage_adjusted_simulatability(
    answers: ArrayLike, with_text: ArrayLike, with_both: ArrayLike, with_rationale: ArrayLike
) -> Simulatability:
    """How much better a simulator foresees a model's answers if it is shown the rationales.

    Leakage-adjusted simulatability (LAS; Hase et al. 2020, "Leakage-Adjusted Simulatability"): the
    gain is taken separately for rationales that give the answer away and for those that do not, and
    averaged, so that "the answer is B" is no good explanation.

    Args:
        answers: The model's answers, `(texts,)`.
        with_text: What the simulator says from the text, `(texts,)`.
        with_both: From the text and the rationale.
        with_rationale: From the rationale.

    Raises:
        ValueError: The arrays are empty or of different lengths.
    """
    arrays = [np.asarray(one) for one in (answers, with_text, with_both, with_rationale)]
    if len({len(one) for one in arrays}) != 1 or not len(arrays[0]):
        raise ValueError(
            f"The four arrays must be of one length, at least 1, got {[len(a) for a in arrays]}."
        )
    right, text, both, rationale = arrays
    gain = (both == right).astype(float) - (text == right)
    leaks = rationale == right
    parts = [float(gain[group].mean()) if group.any() else None for group in (leaks, ~leaks)]
    known = [part for part in parts if part is not None]
    return Simulatability(float(np.mean(known)), parts[0], parts[1], float(leaks.mean()))


def _mean(values: Sequence[bool]) -> float:
    if not values:
        raise ValueError("There is no text to measure on.")
    return float(np.mean(values))
