# SPDX-License-Identifier: Apache-2.0
"""Annotations of texts that are longer than a teacher reads: window by window, then joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, Features, Value, concatenate_datasets

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data import columns
from dixtill_hf.data.columns import LABEL, TEXT
from dixtill_hf.data.text_pairs import refuse_pairs
from dixtill_hf.explainers.base import Explainer, TargetedExplainer, get_explainer
from dixtill_hf.explainers.perturbation import words_of_tokens
from dixtill_hf.teacher.checkpoints import NO_LIMIT
from dixtill_hf.teacher.loading import Teacher

# Tokens of a window that are left free: a part of a text may be cut into a few tokens more than it
# has within the whole.
_SLACK = 8
# The outputs of which a weighted mean of logits has the weighted mean of attributions.
_LINEAR_OUTPUTS = ("logit", "margin")


@dataclass(frozen=True)
class Window:
    """A part of a text that the teacher can read.

    Attributes:
        start: Its first character in the text.
        text: Its characters.
        weight: Its share of the text's tokens.
    """

    start: int
    text: str
    weight: float


def windows_of(teacher: Teacher, text: str) -> list[Window]:
    """Cut a text into as few windows as the teacher can read, of about the same length.

    Windows do not overlap, and begin and end with words. A word longer than a window is a window by
    itself, and is cut off by the teacher.

    Args:
        teacher: Whose tokenizer and limit.
        text: The text; one window if the teacher can read it.
    """
    if teacher.max_length >= NO_LIMIT:
        return [Window(0, text, 1.0)]
    encoded = teacher.tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    spans = [tuple(span) for span in encoded["offset_mapping"]]
    special = teacher.tokenizer.num_special_tokens_to_add()
    if len(spans) + special <= teacher.max_length:
        return [Window(0, text, 1.0)]
    most = max(1, teacher.max_length - special - _SLACK)
    even = -(-len(spans) // -(-len(spans) // most))
    owners = words_of_tokens(text, spans)
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff([*firsts, len(spans)])
    starts, count = [0], 0
    for first, size in zip(firsts, sizes, strict=True):
        if count and (count >= even or count + size > most):
            starts.append(int(first))
            count = 0
        count += int(size)
    ends = [*starts[1:], len(spans)]
    borders = [0, *(_start_of_word(text, spans[at]) for at in starts[1:]), len(text)]
    return [
        Window(borders[at], text[borders[at] : borders[at + 1]], (end - start) / len(spans))
        for at, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _start_of_word(text: str, span: tuple[int, int]) -> int:
    """First character of a token that is no white space, which some tokens begin with."""
    start, end = span
    while start < end - 1 and text[start].isspace():
        start += 1
    return start


def annotate_long_texts(
    data: Dataset | DatasetDict,
    teacher: Teacher,
    explainer: str | Explainer = "integrated_gradients",
    **options: Any,
) -> Dataset | DatasetDict:
    """Annotate texts of any length: those beyond the teacher's limit by windows.

    A long text is cut between words into as few windows as the teacher can read, of about the same
    length. Its logits are the mean of those of its windows, weighted by their tokens. The label
    that this mean predicts is explained in each window, and the attributions are weighted alike: so
    they explain the mean exactly as well as those of the windows explain theirs. What a window says
    of another one's words is not seen.

    Texts that the teacher can read are annotated as by `annotate`, and found again if they were.

    Args:
        data: A dataset with the column `text`, or splits of it.
        teacher: A loaded teacher of one label a text or one value.
        explainer: Name in the registry, or an explainer with its settings.
        **options: Options of `annotate`: `tokens_per_batch`, `cache_dir` and settings of the
            explainer.

    Returns:
        The data with the columns of `annotate` added. `teacher_truncated` is true only where a word
        is longer than a window.

    Raises:
        ValueError: Texts are pairs, a text may have several labels, the explained output is a
            probability, or for the reasons of `annotate`.
    """
    if teacher.explains_several:
        raise ValueError(
            f"The teacher {teacher.name!r} gives a text several labels or values, which are not "
            "joined over windows. Use annotate(...), which reads texts up to its limit."
        )
    shared = {name: options.pop(name, None) for name in ("tokens_per_batch", "cache_dir")}
    method = get_explainer(explainer, **options)
    if isinstance(method, TargetedExplainer) and method.output not in _LINEAR_OUTPUTS:
        raise ValueError(
            f"output is {method.output!r}, of which the mean over windows is not explained by the "
            f"mean of the explanations: choose one of {', '.join(_LINEAR_OUTPUTS)}."
        )
    for split in data.values() if isinstance(data, DatasetDict) else [data]:
        refuse_pairs(split.column_names, "annotate_long_texts")
    if isinstance(data, DatasetDict):
        return DatasetDict(
            {name: _annotate_split(split, teacher, method, shared) for name, split in data.items()}
        )
    return _annotate_split(data, teacher, method, shared)


def _annotate_split(
    split: Dataset, teacher: Teacher, explainer: Explainer, shared: dict[str, Any]
) -> Dataset:
    given = split[TEXT] if TEXT in split.column_names else []
    # annotate names the rows without a text, and a column that is missing.
    windows = [windows_of(teacher, "" if text is None else text) for text in given]
    long = [row for row, parts in enumerate(windows) if len(parts) > 1]
    short = [row for row, parts in enumerate(windows) if len(parts) == 1]
    annotated = annotate(split.select(short), teacher, explainer, **shared)
    if not long:
        return annotated
    added = Features(
        {
            name: annotated.features[name]
            for name in annotated.features
            if name.startswith("teacher_")
        }
    )
    texts = split.select(long)
    texts = texts.remove_columns([name for name in added if name in texts.column_names])
    rows = _joined(texts, [windows[row] for row in long], teacher, explainer, shared)
    joined = Dataset.from_dict(
        {name: [row[name] for row in rows] for name in added}, features=added
    )
    whole = concatenate_datasets([texts, joined], axis=1)
    order = np.argsort([*short, *long])
    return concatenate_datasets([annotated.select_columns(whole.column_names), whole]).select(order)


def _joined(
    texts: Dataset,
    windows: Sequence[Sequence[Window]],
    teacher: Teacher,
    explainer: Explainer,
    shared: dict[str, Any],
) -> list[dict[str, Any]]:
    """The annotation of each long text."""
    flat = Dataset.from_dict(
        {TEXT: [part.text for parts in windows for part in parts]},
        features=Features({TEXT: Value("string")}),
    )
    counts = [len(parts) for parts in windows]
    ends = np.cumsum(counts)
    said = np.asarray(annotate(flat, teacher, "none", **shared)[columns.TEACHER_LOGITS][:])
    means = [
        np.average(said[end - len(parts) : end], 0, [part.weight for part in parts])
        for end, parts in zip(ends, windows, strict=True)
    ]
    labels = [int(mean.argmax()) for mean in means]
    if isinstance(explainer, TargetedExplainer) and not explainer.explains_all_labels:
        if explainer.target == "true":
            given = [-1 if label is None else int(label) for label in texts[LABEL]]
            labels = [own if own >= 0 else label for own, label in zip(given, labels, strict=True)]
        flat = flat.add_column(LABEL, np.repeat(labels, counts))
        explainer = replace(explainer, target="true")
    found = annotate(flat, teacher, explainer, **shared)
    return [
        _joined_row(
            [found[row] for row in range(end - len(parts), end)],
            parts,
            mean,
            label,
        )
        for end, parts, mean, label in zip(ends, windows, means, labels, strict=True)
    ]


def _joined_row(
    found: Sequence[dict[str, Any]], parts: Sequence[Window], mean: np.ndarray, label: int
) -> dict[str, Any]:
    """The annotation of a text from those of its windows."""
    weighted = [
        np.multiply(row[columns.TEACHER_ATTRIBUTIONS], part.weight)
        for row, part in zip(found, parts, strict=True)
    ]
    return {
        columns.TEACHER_LOGITS: mean.tolist(),
        columns.TEACHER_SPANS: [
            [part.start + start, part.start + end]
            for row, part in zip(found, parts, strict=True)
            for start, end in row[columns.TEACHER_SPANS]
        ],
        columns.TEACHER_ATTRIBUTIONS: np.concatenate(weighted, -1).tolist(),
        columns.EXPLAINED_LABEL: label,
        columns.COMPLETENESS_ERROR: sum(
            part.weight * row[columns.COMPLETENESS_ERROR]
            for row, part in zip(found, parts, strict=True)
        ),
        columns.EVALUATIONS: sum(row[columns.EVALUATIONS] for row in found),
        columns.TRUNCATED: any(row[columns.TRUNCATED] for row in found),
    }
