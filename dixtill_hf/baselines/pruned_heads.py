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
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray
from transformers import AutoTokenizer

from dixtill_hf.baselines.attention_heads import (
    LAYOUTS,
    HeadMap,
    load_pruned,
    prune_heads,
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
from dixtill_hf.baselines.head_importance import (
    choose_heads,
    gradient_importance,
    iterative_gradient_heads,
    masking_importance,
)
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN
from dixtill_hf.data.splitting import seeded_sample
from dixtill_hf.data.text_pairs import single_texts_of
from dixtill_hf.evaluation.classifiers import PyTorchClassifier
from dixtill_hf.evaluation.efficiency import parameter_count
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import Teacher

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
    return single_texts_of(sample, "Ranking attention heads"), np.asarray(sample[LABEL])


register_baseline(PrunedHeads("heads", "half of the heads"))
