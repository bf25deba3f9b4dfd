# SPDX-License-Identifier: Apache-2.0
"""A Space that shows a student and its teacher side by side: label, time and coloured words.

    STUDENT=runs/demo/student TEACHER=runs/demo/teacher python examples/space_gradio/app.py

On the Hub, STUDENT and TEACHER are variables of the Space, and hold ids.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from datasets import Dataset

from dixtill_hf import Explanation, Student, Teacher, annotate, load_student, load_teacher

if TYPE_CHECKING:
    import gradio

EXAMPLES = [
    "Veltara raises its outlook after a strong quarter",
    "Shares fall after a profit warning",
]
# The teacher reads a text many times to explain it: nobody should make it read a book.
MOST_CHARACTERS = 2_000


def explain_by_teacher(teacher: Teacher, text: str) -> Explanation:
    """What the teacher says of a text, by Integrated Gradients, as students say it."""
    stream = Dataset.from_dict({"text": [text]}).to_iterable_dataset()
    row = next(iter(annotate(stream, teacher, keep=False)))
    logits = np.asarray(row["teacher_logits"])
    explained, scores = row["teacher_explained_label"], row["teacher_attributions"]
    if not isinstance(explained, list):  # one label a text
        explained, scores = [explained], [scores]
    problem = teacher.problem_type
    probabilities = problem.scores(logits[None])[0] if problem.is_classification else []
    names = [teacher.labels[label] for label in explained]
    spans = [(start, end) for start, end in row["teacher_spans"]]
    return Explanation(
        text=text,
        words=[text[start:end] for start, end in spans],
        spans=spans,
        label=names[0],
        labels=tuple(names) if problem.is_classification else (),
        scores_by_label=dict(zip(names, scores, strict=True)),
        probabilities=dict(zip(teacher.labels, map(float, probabilities), strict=False)),
        logits=dict(zip(teacher.labels, map(float, logits), strict=True)),
    )


def compare(student: Student, teacher: Teacher, text: str) -> tuple[str, str]:
    """The explanations of student and teacher as HTML, each with the time that it took here."""
    text = text[:MOST_CHARACTERS]
    if not text.strip():
        return "", ""
    return _timed(student, text), _timed(partial(explain_by_teacher, teacher), text)


def _timed(explain: Callable[[str], Explanation], text: str) -> str:
    start = perf_counter()
    explanation = explain(text)
    milliseconds = 1000 * (perf_counter() - start)
    return f"{explanation._repr_html_()}<p>{milliseconds:,.1f} ms with the explanation</p>"


def page(student: Student, teacher: Teacher) -> gradio.Blocks:
    """The page of the Space."""
    import gradio as gr

    with gr.Blocks(title="Student and teacher") as blocks:
        gr.Markdown(
            "# Student and teacher\nBlue words speak for the label, orange words against it. The "
            "student explains itself in the pass that predicts; the teacher is explained by "
            "Integrated Gradients."
        )
        text = gr.Textbox(label="Text", lines=3, max_length=MOST_CHARACTERS)
        button = gr.Button("Explain", variant="primary")
        with gr.Row():
            with gr.Column():
                gr.Markdown(f"## Student\n{student.model.num_parameters():,} parameters")
                left = gr.HTML(elem_id="student")
            with gr.Column():
                gr.Markdown(f"## Teacher\n{teacher.model.num_parameters():,} parameters")
                right = gr.HTML(elem_id="teacher")

        def answer(given: str) -> tuple[str, str]:
            return compare(student, teacher, given)

        gr.on([button.click, text.submit], answer, text, [left, right])
        gr.Examples(EXAMPLES, text)
    return blocks


def main() -> None:
    """Load both and serve the page; the Hub calls this file."""
    missing = [name for name in ("STUDENT", "TEACHER") if not os.environ.get(name)]
    if missing:
        raise SystemExit(
            f"{' and '.join(missing)} must be set to a Hub id or a directory: on the Hub as a "
            "variable of the Space, elsewhere as an environment variable."
        )
    student = load_student(os.environ["STUDENT"])
    teacher = load_teacher(os.environ["TEACHER"], student.labels)
    page(student, teacher).launch()


if __name__ == "__main__":
    main()
