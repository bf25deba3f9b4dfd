# SPDX-License-Identifier: Apache-2.0
"""The best student of a run in integers, as it runs on a device: bytes, quality, explanations."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from datasets import Dataset

from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.evaluation.efficiency import directory_bytes
from dixtill_hf.export.device_student import integer_answers
from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.fidelity import LabelledTexts, float_answers, measure_fidelity
from dixtill_hf.export.float_student import float_student
from dixtill_hf.export.row_codes import ENCODERS
from dixtill_hf.student.student import load_student
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.student_jobs import StudentJob


def measure_on_device(context: RunContext, job: StudentJob, test: Dataset) -> dict[str, Any] | None:
    """Round a student to integers in every way, and compare each form with the trained student.

    Args:
        context: What the stages of the run are given.
        job: The student.
        test: The test split.

    Returns:
        `method`, `preset`, `seed`, `words`, `trained_bytes` and `forms`, a dictionary of each with
        `bits`, `bytes` and the numbers of a `Fidelity`; or `refused`, why a device cannot carry the
        student. None if the compiled runtime is not installed, or if no test text has a label.
    """
    if find_spec("dixtill_runtime") is None or find_spec("dixtill_runtime._core") is None:
        return None
    texts = labelled_texts(test, "test")
    if not texts.texts:
        return None
    measured = context.cache.value("device", job.fingerprint, partial(_measure, job, texts))
    return {"method": job.method, "preset": job.preset, "seed": job.seed, **measured}


def labelled_texts(split: Dataset, source: str) -> LabelledTexts:
    """The texts of a split that have a label.

    Args:
        split: With the columns `text` and `label`.
        source: What they are called in the record.
    """
    known = split.filter(lambda label: label not in (None, LABEL_UNKNOWN), input_columns=LABEL)
    labels = [list(one.values()) if isinstance(one, dict) else one for one in known[LABEL]]
    return LabelledTexts(source, texts_of(known), labels)


def _measure(job: StudentJob, texts: LabelledTexts) -> dict[str, Any]:
    student = load_student(job.directory)
    try:
        whole = float_student(student.model, student.tokenizer)
    except ValueError as refusal:
        return {"refused": str(refusal)}
    trained = float_answers(student.model, student.tokenizer, texts.texts)
    forms = []
    for bits in ENCODERS:
        data = student_bytes(whole, bits)
        fidelity = measure_fidelity(trained, integer_answers(data), texts, student.model.config)
        forms.append({"bits": bits, "bytes": len(data), **fidelity.record()})
    return {
        "words": len(whole.words),
        "trained_bytes": directory_bytes(Path(job.directory)),
        "forms": forms,
    }
