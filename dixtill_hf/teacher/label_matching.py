# SPDX-License-Identifier: Apache-2.0
"""Match the labels of a teacher with the labels of the data, by name and never by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class LabelMismatchError(ValueError):
    """The labels of the teacher and of the data cannot be matched by name."""


def match_labels(
    teacher_labels: Sequence[str],
    data_labels: Sequence[str],
    label_map: Mapping[str, str] | None = None,
) -> list[int]:
    """Find, for every label of the data, the teacher's output for it.

    Names are compared as they are or, where that finds no match, without regard to case and outer
    white space.

    Args:
        teacher_labels: The teacher's label names, in the order of its logits.
        data_labels: The data's label names, in the order of its ClassLabel.
        label_map: Teacher label → data label, for names that differ
            (`{"positive": "Bullish"}`). Labels that are not keys keep their own name.

    Returns:
        A permutation `p`: `teacher_logits[:, p]` are in the data's order.

    Raises:
        LabelMismatchError: Names are left over on either side, or one name belongs to two outputs.
    """
    renamed = _apply_map(teacher_labels, data_labels, label_map or {})
    for key in (str, _key):
        place = {key(name): index for index, name in enumerate(renamed)}
        wanted = [key(name) for name in data_labels]
        if len(place) == len(renamed) and sorted(place) == sorted(wanted):
            return [place[name] for name in wanted]
    raise LabelMismatchError(_explain_mismatch(teacher_labels, data_labels, label_map))


def _key(name: str) -> str:
    return str(name).strip().casefold()


def _apply_map(
    teacher_labels: Sequence[str], data_labels: Sequence[str], label_map: Mapping[str, str]
) -> list[str]:
    targets = {_key(teacher): data for teacher, data in label_map.items()}
    unknown = [name for name in label_map if _key(name) not in map(_key, teacher_labels)]
    if unknown:
        raise LabelMismatchError(
            f"The label map names {unknown}, which the teacher does not have.\n"
            + _both_lists(teacher_labels, data_labels)
        )
    return [targets.get(_key(name), name) for name in teacher_labels]


def _explain_mismatch(
    teacher_labels: Sequence[str],
    data_labels: Sequence[str],
    label_map: Mapping[str, str] | None,
) -> str:
    example = dict(zip(teacher_labels, data_labels, strict=False))
    used = f"\n  label map given:  {dict(label_map)}" if label_map else ""
    if len(teacher_labels) != len(data_labels):
        return (
            f"The teacher has {len(teacher_labels)} labels and the data {len(data_labels)}; each "
            "must match one of the other.\n"
            f"{_both_lists(teacher_labels, data_labels)}{used}\n"
            "Name a teacher with the data's labels, or fine-tune this one on the data: "
            "finetune_teacher(...), teacher_finetune in a recipe."
        )
    return (
        "The labels of the teacher and of the data do not match by name.\n"
        f"{_both_lists(teacher_labels, data_labels)}{used}\n"
        "Give a map from every label of the teacher that is named otherwise to the data's label, "
        f"in this form (check the pairs, they are only an example): label_map={example}"
    )


def _both_lists(teacher_labels: Sequence[str], data_labels: Sequence[str]) -> str:
    return f"  teacher's labels: {list(teacher_labels)}\n  data's labels:    {list(data_labels)}"
