# SPDX-License-Identifier: Apache-2.0
"""The page of a metric's Space on the Hub: two lists of explanations in, their agreement out."""

import json
from os import PathLike
from typing import Any

import evaluate
import gradio as gr


def page(script: str | PathLike[str]) -> gr.Interface:
    """The form of a metric, with one example.

    Args:
        script: The metric's script, as `evaluate.load` takes it.
    """
    metric = evaluate.load(str(script))

    def compare(predictions: str, references: str) -> dict[str, Any]:
        """The metric of explanations written as JSON: one list of word scores per text."""
        try:
            return metric.compute(
                predictions=json.loads(predictions), references=json.loads(references)
            )
        except (TypeError, ValueError) as error:
            raise gr.Error(str(error)) from error

    return gr.Interface(
        fn=compare,
        inputs=[
            gr.Textbox(label="predictions: word scores of each text, by the model to judge"),
            gr.Textbox(label="references: word scores of the same texts, by the reference model"),
        ],
        outputs=gr.JSON(label="agreement"),
        examples=[["[[0.1, -0.9, 0.4], [1.0, 0.2]]", "[[0.2, -0.8, 0.1], [0.7, -0.1]]"]],
        title=metric.name.replace("_", " ").capitalize(),
        description=metric.description,
    )
