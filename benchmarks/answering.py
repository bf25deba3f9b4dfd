# SPDX-License-Identifier: Apache-2.0
"""Does the bound of a student's threshold hold on test texts, and what is a cascade worth?

The students are those of a finished `dixtill-hf run` with several seeds. Each is calibrated on the
run's validation texts and measured on its test texts:

    python -m benchmarks.answering tweets --run runs/tweets

Results go to `results/answering.json`, one entry a data set, and `answering.md` is drawn from it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict, load_from_disk
from numpy.typing import NDArray

from benchmarks.entries import keep_entry
from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS, TEXT
from dixtill_hf.evaluation.classification import calibration_error, softmax
from dixtill_hf.evaluation.significance import interval
from dixtill_hf.selective.calibrate import AGREEMENT, CONFIDENCE, calibrate, student_probabilities
from dixtill_hf.selective.measuring import measure_answers
from dixtill_hf.student.student import load_student
from dixtill_hf.workflow.environment import describe_environment

RESULTS = Path(__file__).parent / "results"
_INTRODUCTION = f"""# Knowing when not to answer

Each student was calibrated on the validation texts of its run (one half gives the temperature and
proposes thresholds, the other tests them) and measured on the test texts. Wanted: agreement with
the teacher on {AGREEMENT:.0%} of the answers, with {CONFIDENCE:.0%} confidence. Calibration error:
expected calibration error against the labels, 15 bins. Mean ± standard deviation over the students.
Everything below is drawn from [answering.json](answering.json), which `benchmarks/answering.py`
writes.

"""


def main() -> None:
    """Measure the students of one run and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_set", help="what the page calls the data")
    parser.add_argument("--run", type=Path, required=True, help="directory of a finished run")
    parser.add_argument("--method", default="dixtill", help="method of the students (dixtill)")
    parser.add_argument("--preset", default="default", help="their preset (default)")
    given = parser.parse_args()
    students = given.run / "students" / given.preset / given.method
    directories = sorted(students.glob("seed-*[0-9]"))  # without checkpoints of a training
    if not directories:
        raise SystemExit(f"{given.run} holds no students of {given.preset} and {given.method}.")
    data = load_from_disk(str(given.run / "annotated"))
    entry = {
        "method": given.method,
        "texts": {name: len(split) for name, split in data.items()},
        "students": [measure(path, data) for path in directories],
        "environment": describe_environment(),
    }
    entries = keep_entry(RESULTS / "answering.json", given.data_set, entry)
    (RESULTS / "answering.md").write_text(page(entries), encoding="utf-8")


def measure(directory: Path, data: DatasetDict) -> dict[str, Any]:
    """Calibrate one student, and measure it on the test texts before and after."""
    student = load_student(directory)
    test = data["test"]
    before = student_probabilities(student.model, student.tokenizer, test[TEXT][:])
    found = calibrate(student.model, student.tokenizer, data["validation"])
    after = student_probabilities(student.model, student.tokenizer, test[TEXT][:])
    labels = np.asarray(test[LABEL])
    threshold = None if found.threshold is None else found.threshold.threshold
    teacher = softmax(np.asarray(test[TEACHER_LOGITS]))
    return {
        **found.to_dict(),
        "test_error": {
            "before": calibration_error(before, labels),
            "after": calibration_error(after, labels),
        },
        "student_agreement": float((after.argmax(-1) == teacher.argmax(-1)).mean()),
        "unknown_words_test": student.unknown_words(test[TEXT][:]),
        **measure_answers(after, teacher, labels, threshold),
    }


def page(entries: Mapping[str, Any]) -> str:
    """The page: one row a data set."""
    header = (
        "| data | students | temperature | calibration error, before → after | agreement of all |"
        " with a threshold | answered | agreement of answers | accuracy of student → teacher |"
        " sent on for 99 % | for 100 % |"
    )
    lines = [header, "| --- |" + " ---: |" * 10]
    lines += [_row(name, entry["students"]) for name, entry in entries.items()]
    versions = {
        f"{e['environment']['cpu']}; torch {e['environment']['versions']['torch']}, transformers "
        f"{e['environment']['versions']['transformers']}"
        for e in entries.values()
    }
    return _INTRODUCTION + "\n".join(lines) + "\n\n" + "; ".join(sorted(versions)) + ".\n"


def _row(name: str, students: list[dict[str, Any]]) -> str:
    certified = [one for one in students if one["threshold"] is not None]
    errors = [
        _spread([one["test_error"][when] for one in students]) for when in ("before", "after")
    ]
    accuracies = [
        _spread([one["cascade"][f"{who}_accuracy"] for one in students])
        for who in ("student", "teacher")
    ]
    cells = [
        name,
        str(len(students)),
        _spread([one["temperature"] for one in students]),
        " → ".join(errors),
        _spread([one["student_agreement"] for one in students]),
        f"{len(certified)} of {len(students)}",
        _spread([one["answers"]["answered"] for one in certified]),
        _spread([one["answers"]["agreement"] for one in certified]),
        " → ".join(accuracies),
        *(
            _spread([one["cascade"]["forwarded"][share] for one in students])
            for share in ("0.99", "1.0")
        ),
    ]
    return f"| {' | '.join(cells)} |"


def _spread(values: list[float] | NDArray) -> str:
    if not len(values):
        return "–"
    found = interval(values)
    return f"{found.mean:.3f}" + ("" if found.sd is None else f" ± {found.sd:.3f}")


if __name__ == "__main__":
    main()
