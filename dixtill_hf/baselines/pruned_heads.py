# SPDX-License-Identifier: Apache-2.0
"""The teacher without the attention heads that it needs least, ranked by masking or by gradients.

The baseline "heads".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import f1_score
from transformers import AutoTokenizer

from dixtill_hf.annotation.worker import default_tokens
from dixtill_hf.baselines.attention_heads import (
    LAYOUTS,
    HeadMap,
    gated_heads,
    load_pruned,
    masked_heads,
    prune_heads,
    recorded_layers,
    resumed_from,
    save_pruned,
)
from dixtill_hf.baselines.base import (
    Baseline,
    Cache,
    read_settings,
    register_baseline,
    without_cache,
    write_settings,
)
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEXT
from dixtill_hf.data.splitting import seeded_sample
from dixtill_hf.evaluation.classifiers import PyTorchClassifier
from dixtill_hf.evaluation.efficiency import parameter_count
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, collate, encode_texts
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import Teacher

Metric = Callable[[NDArray[np.integer], NDArray[np.integer]], float]
"""From the right labels and the predicted ones to a score, the higher the better."""

# Averages over the labels that occur among either, as `classification_metrics` does.
macro_f1: Metric = partial(f1_score, average="macro", zero_division=0.0)
REMOVED = -np.inf
"""The importance of a head that the model no longer has: any other goes after it."""


def masking_importance(
    teacher: Teacher, texts: Sequence[str], labels: ArrayLike, metric: Metric = macro_f1
) -> NDArray[np.float64]:
    """By how much the score falls when one head alone is silent (Michel et al. 2019, section 3.2).

    Cantini et al. (2024) rank heads so, by macro F1. Where a head does harm its importance is
    below 0. A silent head changes nothing below its layer, so only the layers from there on are
    run again for it.

    Args:
        teacher: A teacher whose model type is one of `attention_heads.LAYOUTS`.
        texts: Labelled texts that are not the test set.
        labels: Their labels in the order of the data's, shape `(texts,)`.
        metric: From right labels and predicted ones to the score, as scikit-learn's metrics.

    Returns:
        Shape `(layers, heads)`, counted as before any head was removed; `REMOVED` for those that
        the model no longer has.

    Raises:
        ValueError: The model's type is not supported, there is no text, or the labels do not fit.
    """
    head_map = HeadMap(teacher.model)
    labels = _checked(teacher, texts, labels)
    encoded = encode_texts(teacher, texts)
    unmasked = np.zeros(len(texts), dtype=np.int64)
    masked = np.zeros((len(head_map.layers), head_map.heads, len(texts)), dtype=np.int64)

    def work(rows: list[int]) -> None:
        batch = [encoded[row] for row in rows]
        unmasked[rows], masked[:, :, rows] = _predictions(teacher, head_map, batch)

    TokenBudget(default_tokens(teacher)).run([len(text) for text in encoded], work)
    whole = metric(labels, unmasked)
    importance = np.full(masked.shape[:2], REMOVED)
    for layer, kept in enumerate(head_map.kept):
        for head in kept:
            importance[layer, head] = whole - metric(labels, masked[layer, head])
    return importance


def _predictions(
    teacher: Teacher, head_map: HeadMap, texts: Sequence[EncodedText]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels predicted by the whole model `(texts,)`, and with one head silent each.

    The second has shape `(layers, heads, texts)`, 0 for heads that the model no longer has.
    """
    model, inputs = teacher.model, collate(teacher, texts).inputs

    def predict() -> NDArray[np.int64]:
        return teacher.logits(inputs).argmax(-1).cpu().numpy()

    masked = np.zeros((len(head_map.kept), head_map.heads, len(texts)), dtype=np.int64)
    with torch.inference_mode():
        with recorded_layers(model) as outputs:
            unmasked = predict()
        for layer, kept in enumerate(head_map.kept):
            with resumed_from(model, layer, outputs):
                for head in kept:
                    with masked_heads(model, {layer: [head]}):
                        masked[layer, head] = predict()
    return unmasked, masked


def gradient_importance(
    teacher: Teacher, texts: Sequence[str], labels: ArrayLike
) -> NDArray[np.float64]:
    """How sensitive the loss is to each head (Michel et al. 2019, section 4.1).

    The mean over the texts of |∂L/∂ξ_h|, where L is the cross-entropy of the text's label and ξ_h
    multiplies what head h found (1 if nothing is masked); every layer's scores are then divided
    by their L2 norm. One forward and one backward pass for all heads.

    Args:
        teacher: A teacher whose model type is one of `attention_heads.LAYOUTS`.
        texts: Labelled texts that are not the test set.
        labels: Their labels in the order of the data's, shape `(texts,)`.

    Returns:
        Shape `(layers, heads)`, counted as before any head was removed; `REMOVED` for those that
        the model no longer has, 0 for those masked from outside.

    Raises:
        ValueError: The model's type is not supported, there is no text, or the labels do not fit.
    """
    head_map = HeadMap(teacher.model)
    labels = _checked(teacher, texts, labels)
    encoded = encode_texts(teacher, texts)
    sums = [np.zeros(len(kept)) for kept in head_map.kept]

    def work(rows: list[int]) -> None:
        gradients = _gate_gradients(teacher, head_map, [encoded[i] for i in rows], labels[rows])
        for total, gradient in zip(sums, gradients, strict=True):
            total += gradient.abs().double().sum(0).cpu().numpy()

    TokenBudget(default_tokens(teacher)).run([len(text) for text in encoded], work)
    importance = np.full((len(sums), head_map.heads), REMOVED)
    for layer, (kept, total) in enumerate(zip(head_map.kept, sums, strict=True)):
        norm = np.linalg.norm(total)
        importance[layer, kept] = total / norm if norm else total
    return importance


def _gate_gradients(
    teacher: Teacher,
    head_map: HeadMap,
    texts: Sequence[EncodedText],
    labels: NDArray[np.integer],
) -> tuple[torch.Tensor, ...]:
    """For every layer the derivatives of each text's loss by its own gates, `(texts, heads)`."""
    model = teacher.model
    gates = {
        layer: torch.ones(
            len(texts), len(kept), dtype=model.dtype, device=model.device, requires_grad=True
        )
        for layer, kept in enumerate(head_map.kept)
    }
    with torch.enable_grad(), gated_heads(model, gates):
        logits = teacher.logits(collate(teacher, texts).inputs)
        targets = torch.as_tensor(labels, device=logits.device)
        # No text's loss depends on another's gates: the sum has each text's own derivatives.
        loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        return torch.autograd.grad(loss, tuple(gates.values()))


def _checked(teacher: Teacher, texts: Sequence[str], labels: ArrayLike) -> NDArray[np.integer]:
    labels = np.asarray(labels)
    if len(texts) == 0 or labels.shape != (len(texts),):
        raise ValueError(
            f"got {len(texts)} texts and labels of shape {labels.shape}: expected at least one "
            "text, and a label for each"
        )
    last = len(teacher.label_order) - 1
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels have type {labels.dtype}: expected integers from 0 to {last}")
    wrong = np.flatnonzero((labels < 0) | (labels > last))
    if len(wrong):
        raise ValueError(
            f"the label of row {wrong[0]} is {labels[wrong[0]]}: allowed are 0 to {last}; leave "
            "out texts without a label"
        )
    return labels


def choose_heads(
    importance: ArrayLike, per_layer: int | None = None, total: int | None = None
) -> dict[int, list[int]]:
    """The least important heads; of equally important ones those that stand first.

    Heads that the model no longer has (importance `REMOVED`) come first and count. What is chosen
    for a smaller number is always among what is chosen for a larger one.

    Args:
        importance: Shape `(layers, heads)`, as `masking_importance` and `gradient_importance`
            give it.
        per_layer: Choose so many in every layer, as Cantini et al. (2024) do; 0 to `heads - 1`.
        total: Choose so many over all layers, as Michel et al. (2019) do; 0 to
            `layers * (heads - 1)`.

    Returns:
        Layer → its chosen heads in ascending order, counted as before any was removed; layers that
        keep all their heads are not in it.

    Raises:
        ValueError: Not exactly one of the two numbers is given, it is out of range, or the
            importance is not a matrix or holds a NaN.
    """
    importance = np.asarray(importance, dtype=float)
    if importance.ndim != 2 or np.isnan(importance).any():
        raise ValueError(
            f"importance has shape {importance.shape} and {np.isnan(importance).sum()} NaN: "
            "expected numbers of shape (layers, heads)"
        )
    if (per_layer is None) == (total is None):
        raise ValueError(
            f"give one of per_layer and total, got per_layer={per_layer} and total={total}"
        )
    # The last head of every layer stays: the most important one is no candidate.
    ranks = importance.argsort(axis=1, kind="stable")
    candidates = ranks[:, :-1]
    if total is None:
        _check_number("per_layer", per_layer, candidates.shape[1])
        chosen = {layer: heads[:per_layer] for layer, heads in enumerate(candidates)}
    else:
        _check_number("total", total, candidates.size)
        chosen = _least_of_all(importance, candidates, total)
    return {layer: sorted(map(int, heads)) for layer, heads in chosen.items() if len(heads)}


def iterative_gradient_heads(
    teacher: Teacher, texts: Sequence[str], labels: ArrayLike, per_round: int, total: int
) -> list[dict[int, list[int]]]:
    """Choose heads round by round, ranking the rest anew each time (Michel et al. 2019, section 4).

    Every round removes the heads with the least `gradient_importance` in the whole model, measured
    with those of earlier rounds silent.

    Args:
        teacher: A teacher whose model type is one of `attention_heads.LAYOUTS`.
        texts: Labelled texts that are not the test set.
        labels: Their labels in the order of the data's, shape `(texts,)`.
        per_round: Heads to choose in a round, at least 1; the last round may take fewer.
        total: Heads to choose altogether, those that the model no longer has counted.

    Returns:
        After each round all heads chosen so far, as `choose_heads` gives them; the last is for
        `total`.

    Raises:
        ValueError: A number is out of range; also what `gradient_importance` raises.
    """
    if per_round < 1:
        raise ValueError(f"per_round must be at least 1, got {per_round}")
    rounds: list[dict[int, list[int]]] = []
    chosen: dict[int, list[int]] = {}
    for number in [*range(per_round, total, per_round), total]:
        with masked_heads(teacher.model, chosen):
            importance = gradient_importance(teacher, texts, labels)
        for layer, heads in chosen.items():
            importance[layer, heads] = REMOVED
        chosen = choose_heads(importance, total=number)
        rounds.append(chosen)
    return rounds


def _least_of_all(
    importance: NDArray[np.float64], candidates: NDArray[np.integer], total: int
) -> dict[int, list[int]]:
    values = np.take_along_axis(importance, candidates, axis=1)
    chosen: dict[int, list[int]] = {layer: [] for layer in range(len(candidates))}
    for place in values.argsort(axis=None, kind="stable")[:total]:
        layer, rank = divmod(int(place), candidates.shape[1])
        chosen[layer].append(candidates[layer, rank])
    return chosen


def _check_number(name: str, number: int | None, most: int) -> None:
    if number is None or not 0 <= number <= most:
        raise ValueError(
            f"{name} must be from 0 to {most}, since every layer keeps a head; got {number}"
        )


Heads = dict[int, list[int]]
# For every number of heads removed per layer, from 1 on, the heads to remove.
Choice = Callable[[Teacher, Sequence[str], NDArray[np.integer], int], list[Heads]]


def _in_every_layer(
    rank: Callable[..., NDArray[np.float64]],
    teacher: Teacher,
    texts: Sequence[str],
    labels: NDArray[np.integer],
    most: int,
) -> list[Heads]:
    importance = rank(teacher, texts, labels)
    return [choose_heads(importance, per_layer=count) for count in range(1, most + 1)]


def _over_all_layers(
    teacher: Teacher, texts: Sequence[str], labels: NDArray[np.integer], most: int
) -> list[Heads]:
    importance = gradient_importance(teacher, texts, labels)
    layers = len(importance)
    return [choose_heads(importance, total=count * layers) for count in range(1, most + 1)]


def _round_by_round(
    teacher: Teacher, texts: Sequence[str], labels: NDArray[np.integer], most: int
) -> list[Heads]:
    layers = len(HeadMap(teacher.model).layers)
    return iterative_gradient_heads(teacher, texts, labels, per_round=layers, total=most * layers)


@dataclass(frozen=True)
class Ranking:
    """An order in which heads go.

    Attributes:
        score: What ranks them.
        scope: Whether as many go in every layer ("per_layer") or the least important of all
            ("global").
        choose: Chooses them for 1, 2, ... heads a layer.
    """

    score: str
    scope: str
    choose: Choice


RANKINGS = {
    "masking": Ranking("masking", "per_layer", partial(_in_every_layer, masking_importance)),
    "gradient": Ranking("gradient", "per_layer", partial(_in_every_layer, gradient_importance)),
    "gradient-global": Ranking("gradient", "global", _over_all_layers),
    "gradient-iterative": Ranking("gradient-iterative", "global", _round_by_round),
}
"""Rankings by the name that the user types. Cantini et al. (2024) rank by masking and remove as
many in every layer; Michel et al. (2019) rank by gradients, over all layers."""


def heads_to_remove(
    ranking: str,
    teacher: Teacher,
    held_out: Dataset,
    most_texts: int,
    cache: Cache = without_cache,
) -> list[Heads]:
    """For 1, 2, ... heads a layer, those that a ranking removes; the last leaves one a layer.

    Args:
        ranking: A name in `RANKINGS`.
        teacher: The teacher.
        held_out: Texts on which heads are ranked; not the test split. Those without a label are
            left out.
        most_texts: Texts that are ranked on, at most.
        cache: Keeps the choice. By default nothing is kept.
    """
    texts, labels = _ranking_texts(held_out, most_texts)
    head_map = HeadMap(teacher.model)
    layers, most = len(head_map.layers), head_map.heads - 1

    def choose() -> list[list[list[int]]]:
        chosen = RANKINGS[ranking].choose(teacher, texts, labels, most)
        return [[heads.get(layer, []) for layer in range(layers)] for heads in chosen]

    depends_on = [hash_teacher(teacher), texts, labels.tolist()]
    kept = cache(f"heads-{ranking}", depends_on, choose)
    return [{layer: heads for layer, heads in enumerate(one) if heads} for one in kept]


def why_heads_stay(teacher: Teacher, held_out: Dataset) -> str | None:
    """Why no heads of this teacher can be removed with these texts; None if they can.

    Args:
        teacher: The teacher.
        held_out: Texts on which heads are to be ranked.
    """
    kind = teacher.model.config.model_type
    if kind not in LAYOUTS or HeadMap(teacher.model).heads < 2:
        return f"attention heads: none of the model type {kind!r} can be removed"
    if not len(_labelled(held_out)):
        return "attention heads: no text of the validation split has a label to rank them by"
    return None


@dataclass(frozen=True)
class PrunedHeads(Baseline):
    """The teacher without half of its heads in every layer (Cantini et al. 2024, section 5).

    Attributes:
        ranking: Which heads go first, a name in `RANKINGS`.
        ranking_texts: Texts of the validation split on which heads are ranked, at most.
    """

    runtime = "pytorch"
    ranking: str = "masking"
    ranking_texts: int = 500

    def label_for(self, teacher: Teacher) -> str:
        """How many heads are left: "6 of 12 heads"."""
        heads = HeadMap(teacher.model).heads
        return f"{heads - heads // 2} of {heads} heads"

    def depends_on(self, teacher: Teacher, data: DatasetDict) -> list[Any]:
        """Teacher, ranking and the texts that it is computed on."""
        texts, labels = _ranking_texts(data["validation"], self.ranking_texts)
        return [hash_teacher(teacher), self.ranking, texts, labels.tolist()]

    def make(
        self,
        teacher: Teacher,
        data: DatasetDict,
        directory: Path,
        cache: Cache = without_cache,
    ) -> None:
        """Rank the heads, remove half of them and save what is left; see `Baseline.make`."""
        reason = why_heads_stay(teacher, data["validation"])
        if reason is not None:
            raise ValueError(reason)
        heads = HeadMap(teacher.model).heads
        choices = heads_to_remove(
            self.ranking, teacher, data["validation"], self.ranking_texts, cache
        )
        model = prune_heads(teacher.model, choices[heads // 2 - 1])
        save_pruned(model, teacher.tokenizer, directory)
        settings = {"ranking": self.ranking, "removed_per_layer": heads // 2, "heads": heads}
        write_settings(
            directory,
            self,
            teacher,
            settings,
            ("torch", "transformers"),
            label=self.label_for(teacher),
            parameters=parameter_count(model),
        )

    @classmethod
    def load(cls, directory: str | PathLike[str], threads: int | None = None) -> PyTorchClassifier:
        """Load a saved teacher; torch sets the number of threads for all models."""
        settings = read_settings(directory)
        return PyTorchClassifier(
            load_pruned(str(directory)),
            AutoTokenizer.from_pretrained(str(directory)),
            settings["label"],
            settings["label_order"],
            settings["max_length"],
        )

    def parameters(self, directory: str | PathLike[str]) -> int | None:
        """Number of parameters that are left."""
        return read_settings(directory)["parameters"]


def _labelled(split: Dataset) -> Dataset:
    """The texts of a split that have a label."""
    return split.select(np.flatnonzero(np.asarray(split[LABEL]) != LABEL_UNKNOWN))


def _ranking_texts(held_out: Dataset, most: int) -> tuple[list[str], NDArray[np.integer]]:
    sample = seeded_sample(_labelled(held_out), most)
    return sample[TEXT][:], np.asarray(sample[LABEL])


register_baseline(PrunedHeads("heads", "half of the heads"))
