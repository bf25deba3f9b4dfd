# SPDX-License-Identifier: Apache-2.0
"""The model card of a student: one template, and what a trainer knows to fill it with.

A finished run knows more; `reporting.model_card` fills the same template from its figures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.artifacts.markdown import escaped, one_line, render
from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from dixtill_hf.distillation.arguments import DistillationArguments

TASK = "text-classification"
CARD_FILE = "README.md"
CONTENTS_FILE = "model_card.json"
"""What a card is drawn from; it lies next to the card, so that the card can be drawn again."""

TAGS = ("dixtill", "knowledge-distillation", "explainable-ai", "attribution")
_CELL_TAGS = {"lstm": ["bilstm"]}
_TEMPLATES = Path(__file__).with_name("templates")
# What an evaluation logs of its duration.
_NOT_MEASURED = (
    "runtime",
    "samples_per_second",
    "steps_per_second",
    "model_preparation_time",
)


@dataclass(frozen=True)
class CardContents:
    """All that the template shows. What is not known is left out of the card.

    Attributes:
        name: What the card calls the student.
        model_id: What `from_pretrained` takes to load the student: a Hub id or a directory.
        labels: Names of the labels in the order of the logits.
        explanation: Kind of explanation: "contributions", "attention" or None.
        method: Method that trained it, as readers see it.
        problem_type: Name of the kind of task.
        distilled: Whether it learnt from a teacher.
        language: ISO code of the language of the texts, or several.
        license: Licence of the student as the Hub names it ("apache-2.0").
        base_model: Hub id of the teacher.
        teacher: What readers see of the teacher. Defaults to `base_model`.
        teacher_finetuned: Whether it was fine-tuned on the training texts before it taught.
        datasets: Hub ids of the data.
        dataset: What readers see of the data. Defaults to the first of `datasets`.
        training_texts: What the student learnt from: "90 texts".
        tags: Further tags.
        parameters: Number of parameters, written.
        size: Size of the weights, written.
        smaller: How many times smaller than the teacher it is, written.
        quality: Markdown table of its quality.
        quality_note: What the table shows.
        agreement: Markdown table of the agreement with the teacher's explanations.
        answering: What is known of its confidence, as Markdown sentences.
        settings: Markdown table of the settings of the training.
        caveats: Further limitations, as Markdown sentences.
        example: A text to try the student with.
        text_pairs: Whether the student reads pairs of texts.
        cell: What reads the words in each direction, as in `DixtillConfig`.
        example_pair: The second text of the example, if so.
        picture: What the picture explanation.svg shows; "" if there is none next to the card.
        device: Size of the device file in the repository, written; "" if there is none.
        faithfulness: Markdown table.
        plausibility: Markdown table.
        efficiency: Markdown of sizes and times, with the machine.
        energy: Markdown table of measured energy.
        loss: What the training minimised.
        explainer: How the teacher explained itself.
        metrics: Names of the metrics on the Hub.
        eval_results: The figures of this very student, for the Hub.
    """

    name: str
    model_id: str
    labels: Sequence[str]
    explanation: str | None
    method: str
    problem_type: str = SINGLE_LABEL
    distilled: bool = True
    language: str | list[str] | None = None
    license: str | None = None
    base_model: str | None = None
    teacher: str | None = None
    teacher_finetuned: bool = False
    datasets: Sequence[str] = ()
    dataset: str | None = None
    training_texts: str | None = None
    tags: Sequence[str] = ()
    parameters: str | None = None
    size: str | None = None
    smaller: str | None = None
    quality: str = ""
    quality_note: str = ""
    agreement: str = ""
    answering: Sequence[str] = ()
    settings: str = ""
    caveats: Sequence[str] = ()
    example: str = ""
    text_pairs: bool = False
    cell: str = "lstm"
    example_pair: str = ""
    picture: str = ""
    device: str = ""
    faithfulness: str = ""
    plausibility: str = ""
    efficiency: str = ""
    energy: str = ""
    loss: str = ""
    explainer: str = ""
    metrics: Sequence[str] = ()
    eval_results: Sequence[EvalResult] = ()

    @property
    def shown_example(self) -> str | dict[str, str]:
        """What the card gives to the student: a text, or a pair of texts by name."""
        if not self.text_pairs:
            return self.example or "a text to classify"
        second = self.example_pair or "a second text"
        return {"text": self.example or "a text", "text_pair": second}


def card_text(card: CardContents) -> str:
    """Text of a README.md: metadata that the Hub reads, and a card for people.

    Args:
        card: What the template shows.
    """
    data = ModelCardData(
        language=card.language,
        license=card.license,
        library_name="transformers",
        pipeline_tag=TASK,
        tags=list(dict.fromkeys([*TAGS, *_CELL_TAGS.get(card.cell, ()), *card.tags])),
        base_model=card.base_model,
        # The Hub has no word for distilled; of those that it has, this is the nearest.
        base_model_relation="finetune" if card.base_model else None,
        datasets=list(card.datasets) or None,
        metrics=list(card.metrics) or None,
        model_name=one_line(card.name),
        eval_results=list(card.eval_results) or None,
    )
    shown = {name: getattr(card, name) for name in _SHOWN_AS_IT_IS}
    languages = [card.language] if isinstance(card.language, str) else card.language or []
    return render(
        _TEMPLATES,
        "model_card.md.jinja",
        **shown,
        metadata=data.to_yaml(),
        name=escaped(card.name),
        repo=json.dumps(card.model_id, ensure_ascii=False),
        labels=[escaped(label) for label in card.labels],
        language=escaped(", ".join(languages)),
        license=escaped(card.license or ""),
        method=escaped(card.method),
        example=json.dumps(card.shown_example, ensure_ascii=False),
        picture=escaped(card.picture),
        loss=escaped(card.loss),
        explainer=escaped(card.explainer),
        teacher=escaped(card.teacher or card.base_model or ""),
        dataset=escaped(card.dataset or next(iter(card.datasets), "")),
    )


def write_card(directory: Path, card: CardContents) -> None:
    """Write README.md and what it is drawn from.

    Args:
        directory: Directory of the student; it is made if it is not there.
        card: What the card shows.
    """
    write_json(directory / CONTENTS_FILE, asdict(card))
    (directory / CARD_FILE).write_text(card_text(card), encoding="utf-8")


def read_card(directory: Path) -> CardContents | None:
    """What the card of a student is drawn from; None if its directory does not have it.

    Args:
        directory: Directory of the student.
    """
    given = read_json(directory / CONTENTS_FILE)
    if given is None:
        return None
    results = [EvalResult(**one) for one in given.pop("eval_results")]
    return CardContents(**given, eval_results=results)


_SHOWN_AS_IT_IS = (
    "problem_type",
    "text_pairs",
    "cell",
    "explanation",
    "distilled",
    "teacher_finetuned",
    "training_texts",
    "parameters",
    "size",
    "smaller",
    "quality",
    "quality_note",
    "agreement",
    "answering",
    "settings",
    "caveats",
    "device",
    "faithfulness",
    "plausibility",
    "efficiency",
    "energy",
)


def training_card(
    name: str,
    repo: str,
    args: DistillationArguments,
    labels: Sequence[str],
    log_history: Sequence[Mapping[str, Any]],
    *,
    teacher: str | None = None,
    language: str | None = None,
    license: str | None = None,
    tags: Sequence[str] = (),
    datasets: Sequence[str] = (),
    problem_type: str = SINGLE_LABEL,
    text_pairs: bool = False,
    cell: str = "lstm",
) -> CardContents:
    """What the card of a trainer shows: what the trainer knows itself.

    Args:
        name: What the card calls the student.
        repo: What `from_pretrained` takes to load the student.
        args: What it was trained with.
        labels: Names in the order of the logits.
        log_history: The trainer's log; the card shows its last evaluation, if there is one.
        teacher: Hub id of the teacher, if it has one.
        language: ISO code of the language of the texts, if known.
        license: Licence as the Hub names it, if decided.
        tags: Further tags.
        datasets: Hub ids of the data.
        problem_type: Name of the kind of task.
        text_pairs: Whether the student reads pairs of texts.
        cell: What reads the words in each direction, as in `DixtillConfig`.
    """
    split, quality = _last_evaluation(log_history)
    return CardContents(
        name=name,
        model_id=repo,
        labels=list(labels),
        explanation=args.explanation,
        method=f"{args.method} (preset {args.preset})",
        problem_type=problem_type,
        text_pairs=text_pairs,
        cell=cell,
        distilled=args.method != "none",
        loss=described_loss(args, problem_type),
        language=language,
        license=license,
        base_model=teacher,
        datasets=list(datasets),
        tags=list(tags),
        quality=quality,
        quality_note=f"The last evaluation (`{split}`):",
    )


_LABEL_LOSS = {
    SINGLE_LABEL: "cross-entropy with the labels",
    MULTI_LABEL: "binary cross-entropy with the labels",
    REGRESSION: "squared distance from the labels",
}


def described_loss(args: DistillationArguments, problem_type: str = SINGLE_LABEL) -> str:
    """What a training minimises, in words.

    Args:
        args: Its arguments.
        problem_type: Name of the kind of task.
    """
    args = args.for_problem(problem_type)
    if args.alpha == 0:
        return _LABEL_LOSS[problem_type]
    terms = [f"{args.kd_loss} of the teacher's logits at temperature {args.temperature:g}"]
    if args.needs_explanations:
        # Half, because the loss is ½·(1 − cos).
        terms.append(f"{args.xai_weight / 2:g} times the cosine distance of the explanations")
    label = f"{1 - args.alpha:.3g} of the {_LABEL_LOSS[problem_type]}"
    together = "the sum of " if len(terms) > 1 else ""
    return f"{label}, and {args.alpha:.3g} of {together}{' and '.join(terms)}"


def evaluations(log_history: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The last evaluation of every split that a trainer's log holds.

    Args:
        log_history: The log.

    Returns:
        By prefix, such as "eval" or "test", in the order of their last evaluations: its metrics
        without prefix, and without how long it took.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in log_history:
        for key in entry:
            if key.endswith("_runtime") and key != "train_runtime":
                split = key.removesuffix("_runtime")
                found.pop(split, None)
                found[split] = _measured(split, entry)
    return found


def _measured(split: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    named = {
        key.removeprefix(f"{split}_"): value
        for key, value in entry.items()
        if key.startswith(f"{split}_")
    }
    return {name: value for name, value in named.items() if name not in _NOT_MEASURED}


def _last_evaluation(log_history: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Its prefix and its table; empty if there was none."""
    found = evaluations(log_history)
    if not found:
        return "", ""
    split, metrics = list(found.items())[-1]
    rows = [f"| {escaped(name)} | {_cell(value)} |" for name, value in metrics.items()]
    return split, "\n".join(["| metric | value |", "| :--- | ---: |", *rows])


def _cell(value: object) -> str:
    """A number with four digits; other values, of the user's own metrics, as they are."""
    return f"{value:.4f}" if isinstance(value, int | float) else escaped(value)
