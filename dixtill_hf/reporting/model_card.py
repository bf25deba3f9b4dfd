# SPDX-License-Identifier: Apache-2.0
"""The model card of a student, drawn from the metrics.json of the run that made it."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from huggingface_hub import EvalResult

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.model_card import TASK, CardContents, described_loss
from dixtill_hf.distillation.presets import METHODS
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting import tables
from dixtill_hf.reporting.answering import answering_sentences
from dixtill_hf.reporting.benchmark import efficiency_tables
from dixtill_hf.reporting.benchmark import tables as benchmark_tables
from dixtill_hf.reporting.benchmark.compared_models import compared_models
from dixtill_hf.reporting.caveats import caveats
from dixtill_hf.reporting.measurements import (
    METRIC_NAMES,
    Series,
    compression,
    number,
    problem_type_of,
    series_of,
)
from dixtill_hf.reporting.summary import short_name, training_texts

# Settings that mean nothing on another machine.
_ONLY_HERE = ("output_dir", "workers")
# Our metric → its name on the Hub and the arguments that tell which variant it is.
_HUB_METRICS: dict[str, tuple[str, dict[str, str] | None]] = {
    "accuracy": ("accuracy", None),
    "macro_f1": ("f1", {"average": "macro"}),
    "matthews": ("matthews_correlation", None),
    "roc_auc": ("roc_auc", {"average": "macro", "multi_class": "ovr"}),
    "micro_f1": ("f1", {"average": "micro"}),
    "mean_average_precision": ("average_precision", {"average": "macro"}),
    "exact_match": ("exact_match", None),
    "pearson": ("pearsonr", None),
    "spearman": ("spearmanr", None),
    "mae": ("mae", None),
}


def card_contents(
    metrics: Mapping[str, Any],
    model_id: str,
    *,
    method: str = "dixtill",
    preset: str | None = None,
    seed: int | None = None,
    language: str | list[str] | None = None,
    license: str | None = None,
    base_model: str | None = None,
    dataset_id: str | None = None,
) -> CardContents:
    """What the card of a run's student shows; `card_text` writes it.

    Args:
        metrics: Contents of metrics.json.
        model_id: Where the student will be found: a Hub id or the name of a directory.
        method: Method that trained it.
        preset: Preset that trained it; needed only if the run compared several.
        seed: Its seed; needed only if the run trained several.
        language: ISO code, or several, of the language of the texts, if known.
        license: Licence of the student as the Hub names it ("apache-2.0"), if decided.
        base_model: Hub id of the teacher, if it has one.
        dataset_id: Hub id of the data, if it has one.

    Raises:
        ValueError: The metrics hold no such student, or several.
    """
    everything = series_of(metrics)
    one = _chosen_series(everything, method, preset)
    result = _chosen_result(one, seed)
    shown = [other for other in everything if other is one or _is_reference(other, one)]
    dataset = metrics["dataset"]
    many = len(one.results) > 1
    return CardContents(
        name=model_id.rsplit("/", 1)[-1],
        model_id=model_id,
        labels=list(dataset["labels"]),
        problem_type=problem_type_of(metrics),
        explanation=(result.get("explanation") or {}).get("kind"),
        method=one.name,
        distilled=method != "none",
        language=language,
        license=license,
        base_model=base_model,
        teacher=base_model or short_name(metrics["teacher"]["name"]),
        teacher_finetuned=bool(metrics["teacher"].get("finetuned")),
        datasets=[] if dataset_id is None else [dataset_id],
        dataset=dataset_id or _file_name(dataset["source"]),
        training_texts=training_texts(dataset, one),
        parameters=fmt.count(result["parameters"]),
        size=fmt.size(result["bytes"]),
        smaller=_smaller(metrics, result["bytes"]),
        quality=tables.quality_table(metrics, shown),
        quality_note=_quality_note(result.get("seed") if many else None),
        agreement=tables.agreement_table(shown),
        answering=answering_sentences(metrics),
        faithfulness=benchmark_tables.faithfulness_table(_explained(metrics, shown)),
        plausibility=benchmark_tables.plausibility_table(_explained(metrics, shown)),
        efficiency=_efficiency(metrics, shown),
        energy=efficiency_tables.energy_table(metrics),
        loss=_loss(metrics, method, one.preset),
        explainer=str((metrics["teacher"].get("explainer") or {}).get("name") or ""),
        settings=tables.settings_table(
            _published_settings(metrics.get("recipe") or {}, dataset_id)
        ),
        caveats=caveats({**metrics, "comparisons": []}, shown),
        metrics=[_HUB_METRICS[key][0] for key in _defined(result)],
        eval_results=_eval_results(metrics, result, dataset_id),
    )


def _explained(metrics: Mapping[str, Any], shown: Sequence[Series]) -> dict[str, Any]:
    """The metrics with only the explanations of the teacher and of the series that are shown."""
    known = {(one.method, one.preset) for one in shown} | {("teacher", None)}

    def kept(rows: Any) -> Any:
        if not isinstance(rows, list):
            return rows
        return [row for row in rows if (row.get("model"), row.get("preset")) in known]

    explanations = metrics.get("explanations") or {}
    return {**metrics, "explanations": {name: kept(rows) for name, rows in explanations.items()}}


def _efficiency(metrics: Mapping[str, Any], shown: Sequence[Series]) -> str:
    """The sizes and times that were measured, with the machine."""
    measured = {**metrics, "published": None}  # a card shows what the run measured itself
    table = efficiency_tables.size_and_time_table(measured, compared_models(measured, shown))
    if not table:
        return ""
    machine = (metrics.get("environment") or {}).get("cpu")
    where = f"{efficiency_tables.main_setting(metrics)}{f', {machine}' if machine else ''}"
    return f"Times: {where}.\n\n{table}"


def _loss(metrics: Mapping[str, Any], method: str, preset: str | None) -> str:
    """What the student's training minimised; "" if the method is none of ours."""
    if method not in METHODS:
        return ""
    recipe = tables.flattened(metrics.get("recipe") or {})
    given = {key.rsplit(".", 1)[-1]: value for key, value in recipe if value is not None}
    # What a recipe sets concerns the methods that have it.
    names = [
        *(["alpha", "temperature"] if METHODS[method]["alpha"] > 0 else []),
        *(["xai_weight"] if METHODS[method]["xai_weight"] > 0 else []),
    ]
    overrides = {k: given[k] for k in names if k in given}
    arguments = DistillationArguments.from_preset(
        preset or "default", "student", method, use_cpu=True, report_to="none", **overrides
    )
    return described_loss(arguments, problem_type_of(metrics))


def _quality_note(seed: int | None) -> str:
    note = "On the test split, compared with the teacher. "
    if seed is not None:
        note += (
            "Each row is the mean over its seeds. This model is the one of seed "
            f"{seed}; its own figures are in the metadata. "
        )
    return note + "In bold: the best of each column, without the teacher."


def _chosen_series(series: Sequence[Series], method: str, preset: str | None) -> Series:
    of_method = [one for one in series if one.method == method]
    found = [one for one in of_method if preset in (None, one.preset)]
    if len(found) == 1:
        return found[0]
    present = fmt.listing([f"{one.method!r} with preset {one.preset!r}" for one in series])
    problem = "several presets of" if found else "no results of"
    raise ValueError(
        f"metrics.json has {problem} method {method!r}, preset {preset!r}; it has {present}"
    )


def _chosen_result(one: Series, seed: int | None) -> Mapping[str, Any]:
    found = [row for row in one.results if seed is None or row.get("seed") == seed]
    if len(found) == 1:
        return found[0]
    seeds = fmt.listing([str(row.get("seed")) for row in one.results])
    raise ValueError(
        f"a card is of one student: give the seed of yours; {one.name} has {seeds}, got {seed}"
    )


def _is_reference(other: Series, one: Series) -> bool:
    """Whether the card compares its student with the other series."""
    return other.method in ("none", "bag_of_words") and other.preset in (None, one.preset)


def _smaller(metrics: Mapping[str, Any], num_bytes: float) -> str | None:
    """How many times smaller than the teacher a student is, None if it is not."""
    ratio = compression(metrics, num_bytes)
    return fmt.ratio(ratio) if ratio is not None and ratio > 1 else None


def _defined(result: Mapping[str, Any]) -> list[str]:
    return [key for key in METRIC_NAMES if number(result.get(key)) is not None]


def _eval_results(
    metrics: Mapping[str, Any], result: Mapping[str, Any], dataset_id: str | None
) -> list[EvalResult]:
    """The figures of this very student, as the Hub wants them."""
    name = dataset_id or _file_name(metrics["dataset"]["source"])
    return [
        EvalResult(
            task_type=TASK,
            task_name="Text classification",
            dataset_type=name,
            dataset_name=name,
            dataset_split=result.get("split", "test"),
            metric_type=_HUB_METRICS[key][0],
            metric_name=METRIC_NAMES[key],
            metric_args=_HUB_METRICS[key][1],
            metric_value=round(float(result[key]), 6),
        )
        for key in _defined(result)
    ]


def _published_settings(settings: Mapping[str, Any], dataset_id: str | None) -> dict[str, Any]:
    """The settings as strangers can use them: ids and names instead of paths."""
    found = {}
    for key, value in tables.flattened(settings):
        last = key.rsplit(".", 1)[-1]
        if last == "source" and dataset_id:
            found[key] = dataset_id
        elif last not in _ONLY_HERE:
            found[key] = short_name(value) if isinstance(value, str) else value
    return found


def _file_name(path: str) -> str:
    return PurePath(path).name
