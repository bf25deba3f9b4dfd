# SPDX-License-Identifier: Apache-2.0
"""The model card that a trainer writes beside its student, from what the trainer knows itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import ModelCardData

from dixtill_hf.distillation.arguments import DistillationArguments

_TAGS = ("dixtill", "knowledge-distillation", "explainable-ai")
# What an evaluation logs of its duration.
_NOT_MEASURED = (
    "runtime",
    "samples_per_second",
    "steps_per_second",
    "model_preparation_time",
)

_CARD = """\
---
{metadata}
---

# {name}

A text classifier that explains every prediction: beside the label it gives a score for each word
of the text, from the same forward pass. It was distilled{teacher} with the preset `{preset}` and
the method `{method}` of `dixtill_hf`.

- **Labels:** {labels}
- **Explanation:** {explanation}

## How to use

```python
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model = AutoModelForSequenceClassification.from_pretrained("{repo}", trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained("{repo}")
output = model(**tokenizer("a text to classify", return_tensors="pt"))
label = output.logits.argmax(dim=-1)
print(model.config.id2label[label.item()], model.explain_from(output, label))
```

With `dixtill_hf` installed, `dixtill_pipeline("{repo}")` gives words and scores in one call.

{results}## Citation

```bibtex
@article{{cantini2024dixtill,
  title   = {{XAI-driven knowledge distillation of large language models for efficient deployment on low-resource devices}},
  author  = {{Cantini, Riccardo and Orsino, Alessio and Talia, Domenico}},
  journal = {{Journal of Big Data}},
  volume  = {{11}},
  number  = {{63}},
  year    = {{2024}},
  doi     = {{10.1186/s40537-024-00928-3}}
}}
```
"""  # noqa: E501 - a line of BibTeX

_EXPLANATIONS = {
    "contributions": "what each word adds to the logit of a label; these and the label's bias sum "
    "to the logit.",
    "attention": "the attention score of each word before the softmax, which knows no label.",
}


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
) -> str:
    """Text of a README.md: metadata for the Hub and a short card to read.

    Args:
        name: What the card calls the student.
        repo: What `from_pretrained` takes to load the student.
        args: What it was trained with.
        labels: Names in the order of the logits.
        log_history: The trainer's log; the card shows its last evaluation, if there is one.
        teacher: Hub id, if the teacher has one.
        language: ISO code of the language of the texts, if known.
        license: As the Hub names it, if decided.
        tags: Beside ours.
        datasets: Hub ids of the data.
    """
    data = ModelCardData(
        language=language,
        license=license,
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=list(dict.fromkeys([*_TAGS, *tags])),
        base_model=teacher,
        datasets=list(datasets) or None,
        model_name=name,
    )
    return _CARD.format(
        metadata=data.to_yaml(),
        name=name,
        teacher=f" from `{teacher}`" if teacher else "",
        preset=args.preset,
        method=args.method,
        labels=", ".join(labels),
        explanation=_EXPLANATIONS[args.explanation],
        repo=repo,
        results=_results(log_history),
    )


def _results(log_history: Sequence[Mapping[str, Any]]) -> str:
    """The last evaluation as a section with a table; nothing if there was none."""
    for entry in reversed(log_history):
        for key in entry:
            if key.endswith("_runtime") and key != "train_runtime":
                return _table(key.removesuffix("_runtime"), entry)
    return ""


def _table(split: str, entry: Mapping[str, Any]) -> str:
    metrics = {
        key.removeprefix(f"{split}_"): value
        for key, value in entry.items()
        if key.startswith(f"{split}_")
    }
    rows = [
        f"| {name} | {_cell(value)} |"
        for name, value in metrics.items()
        if name not in _NOT_MEASURED
    ]
    head = ["## Results", "", f"The last evaluation (`{split}`):", "", "| metric | value |"]
    return "\n".join([*head, "| --- | --- |", *rows]) + "\n\n"


def _cell(value: object) -> str:
    """A number with four digits; whatever else the user's own metrics return, as it is."""
    return f"{value:.4f}" if isinstance(value, (int, float)) else str(value).replace("|", r"\|")
