# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf export STUDENT --target dxt`: write a student for where it is used."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dixtill_hf.export.fidelity import LabelledTexts
    from dixtill_hf.export.targets.base import TeacherExplanation


def main(argv: Sequence[str]) -> None:
    """Export a student and print what was written and what it costs."""
    given = _parser().parse_args(argv)
    from dixtill_hf.export.targets.base import ExportRequest, export
    from dixtill_hf.student.inputs import refuse_student_of_pairs
    from dixtill_hf.student.student import load_student

    student = load_student(given.student)
    refuse_student_of_pairs(student.model.config, "dixtill-hf export")
    request = ExportRequest(
        model=student.model,
        tokenizer=student.tokenizer,
        name=Path(given.student).name if Path(given.student).exists() else given.student,
        output_dir=Path(given.output_dir or f"runs/export/{given.target}"),
        bits=given.bits,
        max_bytes=given.max_bytes,
        validation=_validation(given, student.labels),
        licences=tuple(given.licence),
        teacher=_teacher(given.validation),
    )
    result = export(given.target, request)
    for line in result.report:
        print(line)
    for path in result.files:
        print(f"Written: {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dixtill-hf export",
        description="Write a student for where it is used: one small file in integers that runs "
        "on any device, or ONNX.",
        allow_abbrev=False,
    )
    parser.add_argument("student", help="directory or Hub id of the student")
    parser.add_argument(
        "--target",
        default="dxt",
        help="dxt: one file for dixtill-runtime; wasm: a page for the browser; c: sources for a "
        "microcontroller; onnx: for ONNX Runtime (default: %(default)s)",
    )
    parser.add_argument("--output_dir", help="default: runs/export/TARGET")
    parser.add_argument(
        "--bits",
        help="of the word vectors: 8, 4 or pq (product-quantised). Default 8, with --max_bytes "
        "the best of them; for onnx float32, or 8",
    )
    parser.add_argument(
        "--max_bytes",
        type=int,
        help="find the best student of at most so many bytes, on the --validation data",
    )
    parser.add_argument(
        "--validation",
        help="the data that the student was trained from, to measure on its validation split: a "
        "directory that was saved with save_to_disk (runs/demo/annotated), a Hub id, or files",
    )
    parser.add_argument(
        "--label_names", nargs="+", help="of --validation, if it has numbers for labels"
    )
    parser.add_argument(
        "--licence",
        action="append",
        default=[],
        help="a licence to name in the file, of the word vectors for example; may be repeated",
    )
    return parser


def _validation(given: argparse.Namespace, labels: Sequence[str]) -> LabelledTexts | None:
    """The validation split, its labels in the student's order."""
    if given.validation is None:
        return None
    from dixtill_hf.data.columns import LABEL, TEXT
    from dixtill_hf.data.labels import label_names
    from dixtill_hf.export.fidelity import LabelledTexts
    from dixtill_hf.workflow.data_stage import load_data
    from dixtill_hf.workflow.recipe import DataArguments

    arguments = DataArguments(source=given.validation, label_names=given.label_names)
    data = load_data(arguments, require_test=False)
    names = label_names(data)
    unknown = [name for name in names if name not in labels]
    if unknown:
        raise ValueError(
            f"The student does not know the label(s) {', '.join(unknown)} of {given.validation}; "
            f"it knows {', '.join(labels)}. Give --label_names in the order of the numbers."
        )
    split = data["validation"]
    return LabelledTexts(
        source=f"{given.validation}, validation",
        texts=split[TEXT][:],
        labels=[_as_the_student_has_it(label, names, labels) for label in split[LABEL]],
    )


def _as_the_student_has_it(label: Any, names: Sequence[str], labels: Sequence[str]) -> Any:
    """A label, a list of labels, or the values of a regression, in the student's order."""
    if isinstance(label, list):
        return [_as_the_student_has_it(one, names, labels) for one in label]
    if isinstance(label, dict):
        return [label[name] for name in labels]
    return label if isinstance(label, float) else list(labels).index(names[label])


def _teacher(source: str | None) -> dict[str, TeacherExplanation]:
    """What the teacher says of the validation texts, if the data are annotated."""
    if source is None or not Path(source, "dataset_dict.json").is_file():
        return {}
    from datasets import load_from_disk

    from dixtill_hf.data import columns
    from dixtill_hf.data.alignment import explained_scores
    from dixtill_hf.data.labels import label_names
    from dixtill_hf.export.targets.base import TeacherExplanation

    split = load_from_disk(source)["validation"]
    if columns.EXPLAINED_LABEL not in split.column_names:
        return {}
    names = label_names(split)
    found = {}
    for row in split:
        label, scores = row[columns.EXPLAINED_LABEL], row[columns.TEACHER_ATTRIBUTIONS]
        if isinstance(label, list):  # of several explained labels, the first
            label, scores = label[0], scores[0]
        found[row[columns.TEXT]] = TeacherExplanation(
            label=names[label],
            spans=row[columns.TEACHER_SPANS],
            scores=explained_scores(scores, label).tolist(),
        )
    return found
