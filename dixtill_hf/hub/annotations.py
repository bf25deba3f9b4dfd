# SPDX-License-Identifier: Apache-2.0
"""A teacher's explanations of a dataset are published, with a card that says how they were made."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from huggingface_hub import DatasetCardData

from dixtill_hf.artifacts.markdown import escaped, one_line, render
from dixtill_hf.data import columns
from dixtill_hf.data.labels import label_names
from dixtill_hf.explainers.base import Explainer, get_explainer
from dixtill_hf.hub.facts import CardFacts
from dixtill_hf.hub.upload import TAG, Destination, full_id, upload_directory
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting import tables

_TEMPLATES = Path(__file__).with_name("templates")
_COLUMNS = {
    columns.TEXT: "the text",
    columns.LABEL: "its label",
    columns.RATIONALE: "the parts of the text that carry the label, [start, end) characters",
    columns.TEACHER_LOGITS: "the teacher's logits, in the order of the labels",
    columns.TEACHER_SPANS: "[start, end) characters of every attributed token",
    columns.TEACHER_ATTRIBUTIONS: "the signed score of every attributed token",
    columns.EXPLAINED_LABEL: "the label that the scores explain",
    columns.COMPLETENESS_ERROR: "how far the scores are from adding up",
    columns.EVALUATIONS: "evaluations of the teacher that the explanation took",
    columns.TRUNCATED: "whether the teacher read only the beginning",
}


def push_annotations(
    dataset: Dataset | DatasetDict,
    repo_id: str,
    *,
    explainer: str | Explainer,
    teacher_id: str,
    license: str,
    language: str | Sequence[str],
    dataset_id: str | None = None,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
    commit_message: str = "Add annotations",
) -> str:
    """Publish an annotated dataset on the Hugging Face Hub, in one commit.

    The splits become Parquet files; the card says teacher, explainer, settings and errors.

    Args:
        dataset: What `annotate` returned.
        repo_id: Name of the repository: "name" or "organisation/name".
        explainer: The explainer that `annotate` was given: a name or an explainer.
        teacher_id: Hub id of the teacher.
        license: Licence of the texts, as the Hub names it: "cc-by-4.0".
        language: ISO 639 code of the language of the texts, or several: "en".
        dataset_id: Hub id of the texts, if they come from there.
        private: Whether a new repository is private. Default: as the account has it.
        revision: Branch, which is made if it is not there. Default: the main one.
        token: Token with the right to write. Default: the one that is logged in.
        commit_message: What the commit is called. Default "Add annotations".

    Returns:
        Address of the repository.

    Raises:
        ValueError: The dataset is not annotated, or the Hub does not accept one of the facts.
        OSError: The Hub does not take the dataset; the message says why. Nothing was published.
    """
    languages = [language] if isinstance(language, str) else list(language)
    facts = CardFacts(license, languages, dataset_id, teacher_id)
    splits = DatasetDict({"train": dataset}) if isinstance(dataset, Dataset) else dataset
    for name, split in splits.items():
        missing = {columns.TEXT, columns.TEACHER_LOGITS} - set(split.column_names)
        if missing:
            raise ValueError(
                f"The split {name!r} is not annotated: it lacks {', '.join(sorted(missing))}. Give "
                "what annotate(...) returns."
            )
    settings = get_explainer(explainer).settings()
    destination = Destination(repo_id, "dataset", private, revision, token)
    destination = replace(destination, repo_id=full_id(destination))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "data").mkdir()
        for name, split in splits.items():
            split.to_parquet(directory / "data" / f"{name}-00000-of-00001.parquet")
        card = dataset_card(splits, destination.repo_id, settings, facts)
        (directory / "README.md").write_text(card, encoding="utf-8")
        return upload_directory(directory, destination, commit_message, ["data/*"])


def dataset_card(
    splits: Mapping[str, Dataset], repo_id: str, explainer: Mapping[str, Any], facts: CardFacts
) -> str:
    """Text of an annotated dataset's README.md.

    Args:
        splits: The annotated splits, by name.
        repo_id: Where the dataset will be found: "you/name".
        explainer: Name and settings of the explainer, as `Explainer.settings` gives them.
        facts: Licence, language and ids.
    """
    first = next(iter(splits.values()))
    name = repo_id.rsplit("/", 1)[-1]
    data = DatasetCardData(
        language=list(facts.language),
        license=facts.license,
        pretty_name=one_line(name),
        task_categories=["text-classification"],
        source_datasets=[facts.dataset_id] if facts.dataset_id else None,
        tags=[TAG, "explainable-ai", "attribution"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": s, "path": f"data/{s}-*"} for s in splits],
            }
        ],
    )
    present = [column for column in _COLUMNS if column in first.column_names]
    described = [
        fmt.Column("column", [f"`{column}`" for column in present], numeric=False),
        fmt.Column("what it holds", [_COLUMNS[column] for column in present], numeric=False),
    ]
    return render(
        _TEMPLATES,
        "dataset_card.md.jinja",
        metadata=data.to_yaml(),
        name=escaped(name),
        repo=json.dumps(repo_id, ensure_ascii=False),
        teacher=escaped(facts.teacher_id),
        explainer=escaped(explainer["name"]),
        source=escaped(facts.dataset_id or ""),
        labels=[escaped(label) for label in label_names(first)],
        columns=fmt.table(described),
        settings=tables.settings_table(explainer),
        errors=_errors(splits),
    )


def _errors(splits: Mapping[str, Dataset]) -> str:
    """How many texts each split has, and how good their explanations are."""
    names = list(splits)
    errors = [_values(splits[name], columns.COMPLETENESS_ERROR) for name in names]
    cut = [_values(splits[name], columns.TRUNCATED) for name in names]
    spent = [_values(splits[name], columns.EVALUATIONS) for name in names]
    return fmt.table(
        [
            fmt.Column("split", [escaped(name) for name in names], numeric=False),
            fmt.Column("texts", [f"{len(splits[name]):,}" for name in names]),
            fmt.Column("median error", [_figure(one, np.median) for one in errors]),
            fmt.Column("largest error", [_figure(one, np.max) for one in errors]),
            fmt.Column("evaluations a text", [_figure(one, np.mean) for one in spent]),
            fmt.Column("texts cut", [_figure(one, np.sum) for one in cut]),
        ]
    )


def _values(split: Dataset, column: str) -> np.ndarray:
    """The numbers of a column; none if it is not there."""
    given = split[column][:] if column in split.column_names else []
    values = np.asarray(given, dtype=float)
    return values[np.isfinite(values)]


def _figure(values: np.ndarray, summary: Any) -> str:
    return f"{float(summary(values)):.4g}" if values.size else "–"
