# SPDX-License-Identifier: Apache-2.0
"""`--target wasm`: a page that runs the student in the browser, without server and network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dixtill_hf.data.alignment import align_spans
from dixtill_hf.export.targets.base import (
    ExportRequest,
    ExportResult,
    TeacherExplanation,
    register_target,
)

if TYPE_CHECKING:
    from dixtill_runtime import Classifier
    from dixtill_runtime.browser import Example, Teacher

FILE = "index.html"
EXAMPLES = 3


@register_target("wasm")
def export_wasm(request: ExportRequest) -> ExportResult:
    """Write `index.html`, which holds the student, the core and everything else that it needs.

    The first validation texts, if there are any, are offered as examples, next to what the teacher
    says of them if that is known.

    Raises:
        ImportError: The extra device is not installed.
        ValueError: The student has something that a device cannot carry, or is larger than
            `max_bytes` at its smallest.
    """
    from dixtill_runtime import Classifier
    from dixtill_runtime.browser import page

    student = request.device_student()
    texts = request.validation.texts[:EXAMPLES] if request.validation else ()
    classifier = Classifier(student.data)
    examples = [_example(text, request.teacher.get(text), classifier) for text in texts]
    request.output_dir.mkdir(parents=True, exist_ok=True)
    path = request.output_dir / FILE
    path.write_text(page(student.data, request.name, examples), encoding="utf-8")
    size = path.stat().st_size
    return ExportResult((path,), (*student.report, f"The page has {size:,} bytes."))


def _example(text: str, teacher: TeacherExplanation | None, classifier: Classifier) -> Example:
    """A text, with the teacher's attributions summed on the student's words."""
    if teacher is None:
        return {"text": text, "teacher": None}
    words = [(word.start, word.end) for word in classifier(text).words]
    scores = align_spans(teacher.spans, teacher.scores, words)
    segments: list[tuple[str, float | None]] = []
    place = 0
    for (start, end), score in zip(words, scores.tolist(), strict=True):
        segments += [(text[place:start], None), (text[start:end], score)]
        place = end
    segments.append((text[place:], None))
    shown = [segment for segment in segments if segment[0]]
    says: Teacher = {"label": teacher.label, "segments": shown}
    return {"text": text, "teacher": says}
