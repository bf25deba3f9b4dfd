# SPDX-License-Identifier: Apache-2.0
"""The text-classification pipeline whose results carry the attributions of the words.

This file travels with every saved model: it imports torch, transformers and what travels with it.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    TextClassificationPipeline,
    pipeline,
)

from .configuration_dixtill import EXPLAINED_TASK, DixtillConfig
from .outputs_dixtill import DixtillOutput

# As `data.words.word_limit` has them, which does not travel with the model.
_NO_LIMIT, _MOST_WORDS = 10**9, 512
# As `data.problem_types` has it.
_DEFAULT_THRESHOLD = 0.5


class DixtillPipeline(TextClassificationPipeline):
    """Classifies texts with a student and explains each label that it returns.

    It takes what every `text-classification` pipeline takes, such as `top_k` and `batch_size`. Each
    result holds `label`, `score` and `attributions`: one `{"word", "start", "end", "score"}` for
    each word of the text. `text[start:end]` is the word, and `config.explanation` says what its
    score is. If the student has a threshold (`config.answering`), each result also holds
    `answered`: whether the best probability reaches it.

    If a text may have several labels, its result is the list of those that reach their threshold
    (`config.thresholds`), the most probable first, unless `top_k` is given. The score of a
    regression is its value.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.model.config.model_type != DixtillConfig.model_type:
            raise ValueError(
                f"Attributions come from a student, got a {self.model.config.model_type} model: "
                "use transformers.pipeline for it, or distil it first."
            )
        # What it is for others, such as `evaluate.evaluator`: only the name to find it differs.
        self.task = "text-classification"

    def preprocess(self, inputs: str | dict, **tokenizer_kwargs: Any) -> dict[str, Any]:
        """Encode one text, cut as in the training, and keep the character span of each word."""
        inputs = _one_text(inputs)
        limit = self.tokenizer.model_max_length
        words = int(limit) if limit < _NO_LIMIT else _MOST_WORDS
        cut = {"truncation": True, "max_length": words}
        encoding = super().preprocess(inputs, **{**cut, **tokenizer_kwargs})
        return {**encoding, "text": inputs, "spans": encoding[0].offsets}

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:
        kept = {name: model_inputs.pop(name) for name in ("text", "spans")}
        # A tokenizer made for another model may give more, such as token types.
        model_inputs = {name: model_inputs[name] for name in ("input_ids", "attention_mask")}
        outputs = super()._forward(model_inputs)
        return {**outputs, **kept, "attention_mask": model_inputs["attention_mask"]}

    def postprocess(self, model_outputs: dict[str, Any], **parameters: Any) -> Any:
        """Return the results of one text, each with the attributions of its label."""
        results = self._results(model_outputs, **parameters)
        threshold = self.model.config.answer_threshold
        best = model_outputs["logits"][0].float().softmax(dim=-1).max().item()
        for result in results if isinstance(results, list) else [results]:
            result["attributions"] = self._attributions(model_outputs, result["label"])
            if threshold:
                result["answered"] = best >= threshold
        return results

    def _results(self, model_outputs: dict[str, Any], **parameters: Any) -> Any:
        """The results as every pipeline has them, or the labels that reach their threshold."""
        config = self.model.config
        several = config.problem_type == "multi_label_classification"
        if not several or "top_k" in parameters:
            return super().postprocess(model_outputs, **parameters)
        results = super().postprocess(
            model_outputs, **{**parameters, "top_k": None, "_legacy": False}
        )
        thresholds = config.thresholds or [_DEFAULT_THRESHOLD] * config.num_labels
        return [one for one in results if one["score"] >= thresholds[config.label2id[one["label"]]]]

    def _attributions(self, model_outputs: dict[str, Any], label: str) -> list[dict[str, Any]]:
        output = DixtillOutput(
            attention_scores=model_outputs["attention_scores"],
            attention_weights=model_outputs["attention_weights"],
            last_hidden_state=model_outputs["last_hidden_state"],
        )
        label_id = torch.tensor([self.model.config.label2id[label]])
        scores = self.model.explain_from(output, label_id)[0]
        real = model_outputs["attention_mask"][0].bool()
        text = model_outputs["text"]
        return [
            {"word": text[start:end], "start": start, "end": end, "score": score}
            for (start, end), score in zip(
                model_outputs["spans"], scores[real].tolist(), strict=True
            )
            if start < end  # special tokens cover no characters of the text
        ]


def _one_text(given: Any) -> str:
    """The text of an input: a string, or `{"text": ...}` as `evaluate.evaluator` gives it.

    Raises:
        TypeError: It is neither.
        ValueError: There is a second text.
    """
    if isinstance(given, dict) and "text" in given and set(given) <= {"text", "text_pair"}:
        if given.get("text_pair") is not None:
            raise ValueError(
                "The input has a text_pair: this student reads single texts. Give only the text."
            )
        given = given["text"]
    if not isinstance(given, str):
        raise TypeError(
            f'Each input must be one text, or {{"text": ...}}, got {type(given).__name__}.'
        )
    return given


def dixtill_pipeline(
    model: str | Path | PreTrainedModel,
    tokenizer: str | PreTrainedTokenizerFast | None = None,
    **kwargs: Any,
) -> DixtillPipeline:
    """Make the pipeline that classifies and explains.

    `pipeline("explained-text-classification", model=...)` of transformers gives the same one.

    Args:
        model: A student, its directory, or its name on the Hub.
        tokenizer: Its tokenizer; needed if `model` is neither a directory nor a name.
        **kwargs: What `transformers.pipeline` takes, such as `device` or `batch_size`.

    Raises:
        ValueError: If the model is not a student.
    """
    return pipeline(
        EXPLAINED_TASK,
        model=str(model) if isinstance(model, Path) else model,
        tokenizer=tokenizer,
        pipeline_class=DixtillPipeline,
        **kwargs,
    )
