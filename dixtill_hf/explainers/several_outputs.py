# SPDX-License-Identifier: Apache-2.0
"""Explanations of several outputs of a teacher: every label that it gives a text, or every value.

Every pair of a text and an output is explained as a text of its own, so that each explainer that
can explain one label can explain several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.problem_types import SINGLE_LABEL
from dixtill_hf.explainers.base import Attribution, Explainer, TargetedExplainer, read_logits
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.loading import Teacher


def check_output(explainer: Explainer, teacher: Teacher) -> None:
    """Refuse to explain what compares labels if a text does not have exactly one of them.

    Raises:
        ValueError: The output is not the logit.
    """
    problem = teacher.problem_type
    if not isinstance(explainer, TargetedExplainer) or problem.name == SINGLE_LABEL:
        return
    if explainer.output != "logit":
        raise ValueError(
            f"output={explainer.output!r} compares the labels of a text, and the teacher "
            f"{teacher.name!r} is of the problem type {problem.name}: leave output out, so that "
            "logits are explained."
        )


def explain_outputs(
    explainer: Explainer, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
) -> list[Attribution]:
    """Explain texts as `Explainer.explain` does, for one output each or for several.

    Args:
        explainer: The explainer.
        teacher: The teacher. If its texts may have several explained outputs, each attribution has
            a list of labels, and scores `(labels, spans)`.
        texts: The texts, encoded for the teacher.
        budget: Most tokens in memory at once.

    Returns:
        One attribution per text, in their order.
    """
    if not teacher.explains_several or not texts:
        return explainer.explain(teacher, texts, budget)
    if explainer.explains_all_labels:
        found = explainer.explain(teacher, texts, budget)
        return [replace(one, label=list(range(len(one.scores)))) for one in found]
    if not isinstance(explainer, TargetedExplainer):
        return [_repeated(one, teacher) for one in explainer.explain(teacher, texts, budget)]
    logits = read_logits(teacher, texts, budget)
    outputs = explained_outputs(explainer, teacher, texts, logits)
    pairs = [
        replace(text, row={LABEL: output})
        for text, own in zip(texts, outputs, strict=True)
        for output in own
    ]
    single = replace(explainer, target="true")
    found = single.explain(teacher, pairs, budget)
    results, start = [], 0
    for own in outputs:
        results.append(_together(found[start : start + len(own)]))
        start += len(own)
    return results


def explained_outputs(
    explainer: Explainer, teacher: Teacher, texts: Sequence[EncodedText], logits: np.ndarray
) -> list[list[int]]:
    """The outputs of each text that are explained: those predicted, or those it has.

    Args:
        explainer: Its `target` may be the `true` labels; where a text has none, or has no label in
            the data, the predicted ones are explained.
        teacher: The teacher.
        texts: The texts.
        logits: `(texts, labels)`.
    """
    outputs = teacher.problem_type.explained_outputs(logits, teacher.thresholds)
    if getattr(explainer, "target", None) != "true":
        return outputs
    given = [text.row.get(LABEL) for text in texts]
    return [
        list(labels) if isinstance(labels, list) and labels else own
        for labels, own in zip(given, outputs, strict=True)
    ]


def _repeated(one: Attribution, teacher: Teacher) -> Attribution:
    """Scores that explain no label in particular, for each output that is predicted."""
    (outputs,) = teacher.problem_type.explained_outputs(one.logits[None], teacher.thresholds)
    return replace(one, label=outputs, scores=np.repeat(one.scores[None], len(outputs), 0))


def _together(found: Sequence[Attribution]) -> Attribution:
    """The attributions of the outputs of one text as one."""
    return Attribution(
        logits=found[0].logits,
        label=[one.label for one in found if isinstance(one.label, int)],
        spans=found[0].spans,
        scores=np.stack([one.scores for one in found]),
        completeness_error=max(one.completeness_error for one in found),
        evaluations=1 + sum(one.evaluations for one in found),
    )
