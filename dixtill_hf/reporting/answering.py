# SPDX-License-Identifier: Apache-2.0
"""What a report says of calibration, threshold and cascade, in sentences."""

from collections.abc import Mapping
from typing import Any

from dixtill_hf.reporting import formatting as fmt


def answering_sentences(metrics: Mapping[str, Any]) -> list[str]:
    """What was found of the published student's confidence, as Markdown sentences.

    Args:
        metrics: Contents of metrics.json.

    Returns:
        The sentences; none if the run did not calibrate its student.
    """
    found = metrics.get("answering")
    if not found:
        return []
    if found["temperature"] is None:
        return [
            f"The student was not calibrated: {fmt.counted(found['texts'], 'held-out text')} are "
            "too few. Hold out at least 100 (`--validation_fraction`), or calibrate it on other "
            "texts with `dixtill-hf calibrate`."
        ]
    return [_temperature(found), *_threshold(found), *_cascade(found), _unknown_words(found)]


def _temperature(found: Mapping[str, Any]) -> str:
    return (
        f"Calibration: the logits were divided by {found['temperature']:.2f}, fitted on half of "
        f"{fmt.counted(found['texts'], 'held-out text')}. Expected calibration error against the "
        f"teacher on the other half: {fmt.score(found['error_before'])} before, "
        f"{fmt.score(found['error_after'])} after."
    )


def _threshold(found: Mapping[str, Any]) -> list[str]:
    threshold, answers = found["threshold"], found["answers"]
    if threshold is None:
        return [
            "Threshold: none. The held-out texts do not show that the student agrees with its "
            f"teacher on {_share(found['agreement'])} of any part of them, with "
            f"{_share(found['confidence'])} confidence. Hold out more texts, or ask for less with "
            "`dixtill-hf calibrate --agreement`."
        ]
    sentence = (
        f"Threshold: predictions with a probability of at least {fmt.score(threshold['threshold'])}"
        f" agree with the teacher on {_share(threshold['accuracy'])} of unseen texts, with "
        f"{_share(threshold['confidence'])} confidence{_choice(found)} "
        f"({fmt.count(threshold['answered'])} of {fmt.count(threshold['texts'])} held-out texts "
        f"reach it, {fmt.count(threshold['wrong'])} of them disagree)."
    )
    measured = (
        f"On the test texts {fmt.percent(answers['answered'])} reach it, and "
        f"{fmt.percent(answers['agreement'])} of these agree with the teacher"
    )
    if answers["accuracy"] is not None:
        measured += f"; {fmt.percent(answers['accuracy'])} are right"
    return [f"{sentence} {measured}."]


def _choice(found: Mapping[str, Any]) -> str:
    """That the bound counts the choice of the student, in runs that chose among several."""
    students = found.get("chosen_among", 1)
    return (
        f", although it was chosen among {students} students on these texts" if students > 1 else ""
    )


def _cascade(found: Mapping[str, Any]) -> list[str]:
    cascade = found["cascade"]
    if cascade is None:
        return []
    forwarded = cascade["forwarded"]
    return [
        f"Cascade: for 99 % of the teacher's accuracy, {fmt.percent(forwarded['0.99'])} of the "
        "test texts must go to the teacher, those of which the student is least sure first; for "
        f"all of it {fmt.percent(forwarded['1.0'])}."
    ]


def _unknown_words(found: Mapping[str, Any]) -> str:
    return (
        f"Unknown words: {fmt.percent(found['unknown_words'])} of the words of the held-out texts. "
        "If recent texts have clearly more, what people write has changed "
        "(`student.unknown_words`)."
    )


def _share(value: float) -> str:
    """A share that somebody asked for: "97 %"."""
    return f"{100 * value:.4g} %"
