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
_SEQUENCES = ("text", "text_pair")
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


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

    A student of pairs (`config.text_pairs`) takes `{"text": ..., "text_pair": ...}`. Each of its
    attributions also has `sequence`, the text that the word is of: `inputs[sequence][start:end]`.
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
        texts = _texts_of(inputs, self.model.config.text_pairs)
        limit = self.tokenizer.model_max_length
        words = int(limit) if limit < _NO_LIMIT else _MOST_WORDS
        cut = {"truncation": True, "max_length": words}
        given = texts if len(texts) > 1 else texts["text"]
        encoding = super().preprocess(given, **{**cut, **tokenizer_kwargs})
        sequences = [
            name if name is None else _SEQUENCES[name] for name in encoding[0].sequence_ids
        ]
        return {
            **encoding,
            "texts": texts,
            "spans": encoding[0].offsets,
            "sequences": sequences,
        }

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:
        kept = {name: model_inputs.pop(name) for name in ("texts", "spans", "sequences")}
        # A tokenizer made for another model may give more.
        model_inputs = {name: model_inputs[name] for name in _INPUTS if name in model_inputs}
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
        texts = model_outputs["texts"]
        found = []
        for (start, end), name, score in zip(
            model_outputs["spans"], model_outputs["sequences"], scores[real].tolist(), strict=True
        ):
            if start < end:  # special tokens cover no characters of the text
                word = texts[name][start:end]
                one = {"word": word, "start": start, "end": end, "score": score}
                found.append({**one, "sequence": name} if len(texts) > 1 else one)
        return found


def _texts_of(given: Any, pairs: bool) -> dict[str, str]:
    """The text of an input, or both of a pair, by name.

    Args:
        given: A string, `{"text": ...}` as `evaluate.evaluator` gives it, or
            `{"text": ..., "text_pair": ...}`.
        pairs: Whether the student reads pairs.

    Raises:
        TypeError: It is none of these.
        ValueError: There is a second text, and the student reads single texts, or the reverse.
    """
    texts = {"text": given}
    if isinstance(given, dict) and "text" in given and set(given) <= {*_SEQUENCES}:
        texts = {name: text for name, text in given.items() if text is not None}
    if len(texts) > 1 and not pairs:
        raise ValueError(
            "The input has a text_pair: this student reads single texts. Give only the text."
        )
    for text in texts.values():
        if not isinstance(text, str):
            raise TypeError(
                f'Each input must be one text, or {{"text": ...}}, got {type(text).__name__}.'
            )
    if pairs and len(texts) < 2:
        raise ValueError('This student reads pairs of texts: give {"text": ..., "text_pair": ...}.')
    return texts


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
