# SPDX-License-Identifier: Apache-2.0
"""The page of the metric's Space: two lists of explanations in, their agreement out."""

import json
from pathlib import Path
from typing import Any

import evaluate
import gradio as gr

HERE = Path(__file__).parent
METRIC = evaluate.load(str(HERE / "explanation_agreement.py"))


def compare(predictions: str, references: str) -> dict[str, Any]:
    """The metric of explanations written as JSON: one list of word scores per text."""
    try:
        return METRIC.compute(
            predictions=json.loads(predictions), references=json.loads(references)
        )
    except (TypeError, ValueError) as error:
        raise gr.Error(str(error)) from error


def page() -> gr.Interface:
    """The form, with one example."""
    return gr.Interface(
        fn=compare,
        inputs=[
            gr.Textbox(label="predictions: word scores of each text, by the model to judge"),
            gr.Textbox(label="references: word scores of the same texts, by the reference model"),
        ],
        outputs=gr.JSON(label="agreement"),
        examples=[["[[0.1, -0.9, 0.4], [1.0, 0.2]]", "[[0.2, -0.8, 0.1], [0.7, -0.1]]"]],
        title="Explanation agreement",
        description=METRIC.description,
    )


if __name__ == "__main__":
    page().launch()
