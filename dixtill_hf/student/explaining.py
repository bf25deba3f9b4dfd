# SPDX-License-Identifier: Apache-2.0
"""Explained predictions of texts: a label, its probability, and a score for every word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from html import escape

import torch
from transformers import PreTrainedTokenizerFast

from dixtill_hf.artifacts.evaluation_mode import evaluating
from dixtill_hf.artifacts.markdown import one_line
from dixtill_hf.data.problem_types import (
    predicted_labels,
    problem_type_of_model,
    thresholds_of_model,
)
from dixtill_hf.data.text_pairs import as_text, is_pair, place_in_pair, spans_in_text
from dixtill_hf.student.inputs import INPUTS, check_reads
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import encode_padded

# Red, green and blue of words that speak for the label and against it; the colour-blind tell them
# apart.
_FOR, _AGAINST = "31,119,180", "255,127,14"


@dataclass(frozen=True)
class Explanation:
    """The prediction for one text, and a score for each of its words.

    `str()` gives label, probability and one line a word; a notebook shows the coloured text. If a
    text may have several labels, both show each label that is explained.

    Attributes:
        text: The text; a pair is a `TextPair`, one string with both texts.
        words: Its words as the text has them, up to the limit of the tokenizer. The student may not
            know all of them.
        spans: First character of each word and the one after its last, in `text`.
        label: The label that was asked for, or the one with the largest logit.
        labels: The labels that are predicted: `(label,)`, or those that reach their thresholds if a
            text may have several; empty for a regression.
        scores_by_label: For each label that is explained, the scores of the words, signed: what a
            word adds to the logit of the label (`explanation="contributions"`), or its attention
            score (`"attention"`). Explained are the labels that were asked for, or `label` and all
            of `labels`, or all values of a regression.
        probabilities: The probability of every label, by name; empty for a regression.
        logits: The logit of every label, by name; for a regression the values.
        answered: Whether the student is sure enough to answer: whether its best probability reaches
            the threshold of `config.answering`. True if it has none.
    """

    text: str
    words: list[str]
    spans: list[tuple[int, int]]
    label: str
    labels: tuple[str, ...]
    scores_by_label: dict[str, list[float]]
    probabilities: dict[str, float]
    logits: dict[str, float]
    answered: bool = True

    @property
    def sequences(self) -> list[str]:
        """The text that each word is of: "text", or "text_pair" for the second text of a pair."""
        return [place_in_pair(self.text, *span)[0] for span in self.spans]

    @property
    def scores(self) -> list[float]:
        """The score of each word for `label`."""
        return self.scores_by_label[self.label]

    @property
    def probability(self) -> float | None:
        """The probability of `label`; None for a regression."""
        return self.probabilities.get(self.label)

    def deciding_words(self, most: int) -> list[str]:
        """The words that speak most for `label`, in the order of their scores.

        Args:
            most: How many words are named at most; words that speak against the label are not.
        """
        order = sorted(range(len(self.words)), key=lambda place: -self.scores[place])
        return [self.words[place] for place in order[:most] if self.scores[place] > 0]

    def headline(self, label: str) -> str:
        """A label and its probability in one line; of a regression the value.

        Args:
            label: One of the labels.
        """
        return f"{one_line(label)}{self._number(label)}"

    def _number(self, label: str) -> str:
        probability = self.probabilities.get(label)
        return f" = {self.logits[label]:.3f}" if probability is None else f" ({probability:.3f})"

    def __str__(self) -> str:
        lines = []
        for label, scores in self.scores_by_label.items():
            pairs = zip(scores, self.words, strict=True)
            lines += [self.headline(label)]
            lines += [f"{score:+.3f}  {one_line(word)}" for score, word in pairs]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The text for a notebook, each word on a colour as strong as its score."""
        return "".join(map(self._paragraph, self.scores_by_label))

    def _paragraph(self, label: str) -> str:
        scores = self.scores_by_label[label]
        largest = max(map(abs, scores), default=0.0) or 1.0
        parts, end = [], 0
        for (first, last), score in zip(self.spans, scores, strict=True):
            if first < end:  # several words of one character, such as the parts of an emoji
                continue
            colour = f"rgba({_FOR if score > 0 else _AGAINST},{abs(score) / largest:.2f})"
            word = escape(self.text[first:last])
            parts += [
                escape(self.text[end:first]),
                f'<span style="background:{colour}" title="{score:+.3f}">{word}</span>',
            ]
            end = last
        head = f"<b>{escape(label)}</b>{self._number(label)}"
        shown = "".join(parts) + escape(self.text[end:])
        if is_pair(self.text):  # the line break between both texts
            shown = f'<span style="white-space:pre-line">{shown}</span>'
        return f"<p>{head}<br>{shown}</p>"


def explain(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str | Mapping[str, str]],
    batch_size: int = 64,
    labels: Sequence[str | int] | None = None,
) -> list[Explanation]:
    """Predict the labels of each text and explain them, or explain the labels given.

    Args:
        model: The student.
        tokenizer: Its tokenizer.
        texts: The texts to explain. For a student of pairs: `{"text": ..., "text_pair": ...}` or
            `TextPair`s.
        batch_size: Texts that go through the model at once.
        labels: The label to explain in each text, by name or id. Defaults to the predicted ones:
            every label that reaches its threshold and the most probable one, if a text may have
            several; all values of a regression.

    Raises:
        TypeError: If `texts` is one text, or one of them is no text.
        ValueError: If there is not one label a text, the student does not know one of them, or it
            reads pairs and the texts are single or the reverse.
    """
    if isinstance(texts, str | Mapping):
        kind = "string" if isinstance(texts, str) else "pair"
        raise TypeError(f"texts must be many texts, got one {kind}: wrap it in a list.")
    given = list(map(as_text, texts))
    check_reads(model.config, given)
    label_ids = None if labels is None else _label_ids(model, labels, len(texts))
    explanations = []
    with evaluating(model), torch.inference_mode():
        for start in range(0, len(texts), batch_size):
            batch = slice(start, start + batch_size)
            targets = None if label_ids is None else label_ids[batch]
            explanations += _explain_batch(model, tokenizer, given[batch], targets)
    return explanations


def _explain_batch(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    texts: list[str],
    label_ids: list[int] | None,
) -> list[Explanation]:
    encoding = encode_padded(tokenizer, texts)
    mask = encoding["attention_mask"].bool()
    inputs = encoding.to(model.device)
    # A tokenizer made for another model may give more.
    output = model(**{name: inputs[name] for name in INPUTS if name in inputs})
    logits = output.logits.float().cpu().numpy()
    problem, thresholds = problem_type_of_model(model.config), thresholds_of_model(model.config)
    every = problem.scores(logits)
    explained = (
        problem.explained_outputs(logits, thresholds)
        if label_ids is None
        else [[label] for label in label_ids]
    )
    most = max(map(len, explained))
    # Texts with fewer targets repeat one of them.
    padded = [(targets + targets[:1] * most)[:most] for targets in explained]
    scores = model.explain_from(output, torch.tensor(padded, device=model.device)).cpu()
    names = [model.config.id2label[label] for label in range(model.config.num_labels)]
    predicted = predicted_labels(problem, every, thresholds)
    explanations = []
    for row, text in enumerate(texts):
        offsets = spans_in_text(text, encoding[row])
        # Special tokens cover no characters of the text.
        shown = [i for i, (first, end) in enumerate(offsets) if mask[row, i] and first < end]
        spans = [offsets[i] for i in shown]
        targets = sorted(explained[row], key=lambda label: -logits[row, label])
        explanations.append(
            Explanation(
                text=text,
                words=[text[first:end] for first, end in spans],
                spans=spans,
                label=names[targets[0]],
                labels=tuple(names[label] for label in predicted[row]),
                scores_by_label={
                    names[label]: scores[row, explained[row].index(label)][shown].tolist()
                    for label in targets
                },
                probabilities=dict(zip(names, every[row].tolist(), strict=True))
                if problem.is_classification
                else {},
                logits=dict(zip(names, logits[row].tolist(), strict=True)),
                answered=not model.config.answering
                or bool(every[row].max() >= model.config.answer_threshold),
            )
        )
    return explanations


def _label_ids(
    model: DixtillForSequenceClassification, labels: Sequence[str | int], texts: int
) -> list[int]:
    """Return the ids of labels given by name or id."""
    if len(labels) != texts:
        raise ValueError(f"labels must hold one label a text: got {len(labels)} for {texts} texts.")
    known = {**model.config.label2id, **{label: label for label in model.config.id2label}}
    for row, label in enumerate(labels):
        if label not in known:
            nearest = get_close_matches(str(label), model.config.label2id, n=1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise ValueError(
                f"The student does not know the label {label!r} of text {row}; it knows "
                f"{', '.join(map(repr, model.config.label2id))}.{hint}"
            )
    return [known[label] for label in labels]
