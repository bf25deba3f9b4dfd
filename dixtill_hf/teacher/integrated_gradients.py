# SPDX-License-Identifier: Apache-2.0
"""Integrated Gradients on the word embeddings, batched over texts and nodes of the path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from dixtill_hf.data.names import check_name
from dixtill_hf.teacher.encoding import EncodedBatch
from dixtill_hf.teacher.explainers import Attributions, Explainer, register_explainer
from dixtill_hf.teacher.loading import Teacher

# What is attributed, from logits `(rows, labels)` to one score per label.
_OUTPUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "logit": lambda logits: logits,
    "probability": lambda logits: torch.softmax(logits, dim=-1),
}
_TARGETS = ("predicted", "true")


@register_explainer("integrated_gradients")
@dataclass(frozen=True)
class IntegratedGradients(Explainer):
    """Integrated Gradients (Sundararajan et al. 2017) on the embedding layer.

    The path runs straight from a baseline, the same sequence with every ordinary token replaced
    by the padding token and special tokens kept (Cantini et al. 2024), to the text. The integral
    is a Gauss-Legendre sum, and each token's score is summed over the embedding dimensions, so
    the scores of a text sum to F(text) − F(baseline) up to the error of that sum.

    Attributes:
        steps: Gauss-Legendre nodes on the path.
        output: What is attributed: the `logit` of the explained label, or its `probability` (the
            paper's notebook; saturated probabilities need many more steps).
        target: The label that is explained: the teacher's `predicted` one, or the `true` one (the
            predicted one where a text has no label).
    """

    steps: int = 10
    output: str = "logit"
    target: str = "predicted"

    def __post_init__(self) -> None:
        """Check the settings before anything is computed."""
        if not isinstance(self.steps, int) or self.steps < 1:
            raise ValueError(f"steps must be a whole number of at least 1, got {self.steps!r}.")
        check_name("output", self.output, _OUTPUTS)
        check_name("target", self.target, _TARGETS)

    @property
    def evaluations_per_text(self) -> int:
        """The nodes; the two ends of the path come on top of them."""
        return self.steps

    @property
    def uses_labels(self) -> bool:
        """Only where the true label is explained."""
        return self.target == "true"

    def explain(self, teacher: Teacher, batch: EncodedBatch, max_tokens: int) -> Attributions:
        """Explain a batch of texts; see `Explainer.explain`.

        Raises:
            ValueError: The model does not read its words through its input embeddings.
        """
        with torch.inference_mode():
            ends = _path_ends(teacher, batch)
            logits = _logits_at(teacher, batch, ends[0])
            start_logits = _logits_at(teacher, batch, ends[1])
        labels = self._explained_labels(logits, batch)
        gradient = self._mean_gradient(teacher, batch, ends, labels, max_tokens)
        scores = ((ends[0] - ends[1]) * gradient).sum(-1).float() * batch.ordinary
        output = _OUTPUTS[self.output]
        change = _pick(output(logits), labels) - _pick(output(start_logits), labels)
        return Attributions(
            logits=logits,
            explained_labels=labels,
            scores=scores,
            completeness_errors=(scores.sum(-1) - change).abs(),
            evaluations=torch.full_like(labels, self.steps + 2),
        )

    def _explained_labels(self, logits: torch.Tensor, batch: EncodedBatch) -> torch.Tensor:
        predicted = logits.argmax(-1)
        if self.target == "predicted":
            return predicted
        return torch.where(batch.labels >= 0, batch.labels, predicted)

    def _mean_gradient(
        self,
        teacher: Teacher,
        batch: EncodedBatch,
        ends: tuple[torch.Tensor, torch.Tensor],
        labels: torch.Tensor,
        max_tokens: int,
    ) -> torch.Tensor:
        """Gradient of the explained output averaged over the path, `(texts, tokens, dims)`."""
        text, start = (end.clone() for end in ends)  # inference tensors cannot enter autograd
        nodes, weights = gauss_legendre(self.steps)
        texts, tokens, _ = text.shape
        chunk = max(1, max_tokens // (texts * tokens))
        mean = torch.zeros_like(text)
        for first in range(0, self.steps, chunk):
            t = torch.tensor(nodes[first : first + chunk], dtype=text.dtype, device=text.device)
            w = torch.tensor(weights[first : first + chunk], dtype=text.dtype, device=text.device)
            path = start + t.view(-1, 1, 1, 1) * (text - start)
            gradients = self._gradients(teacher, batch, path.flatten(0, 1), labels.repeat(len(t)))
            mean += torch.einsum("n,nbtd->btd", w, gradients.view_as(path))
        return mean

    def _gradients(
        self, teacher: Teacher, batch: EncodedBatch, points: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Gradient at every point `(rows, tokens, dims)` of the path, of the same shape."""
        points.requires_grad_(True)
        logits = _logits_at(teacher, batch, points)
        score = _pick(_OUTPUTS[self.output](logits), labels).sum()
        return torch.autograd.grad(score, points)[0]


@lru_cache(maxsize=16)
def gauss_legendre(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the Gauss-Legendre rule on [0, 1], float64, `(steps,)` each."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2


def _pick(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The score of each row's label: `(rows, labels)`, `(rows,)` → `(rows,)`."""
    return scores.gather(1, labels.unsqueeze(1)).squeeze(1)


def _path_ends(teacher: Teacher, batch: EncodedBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of the texts and of their baselines, `(texts, tokens, dims)` each."""
    embedding = teacher.model.get_input_embeddings()
    ids = batch.inputs["input_ids"]
    baseline_ids = ids.masked_fill(batch.ordinary, teacher.tokenizer.pad_token_id)
    return embedding(ids), embedding(baseline_ids)


def _logits_at(teacher: Teacher, batch: EncodedBatch, embeddings: torch.Tensor) -> torch.Tensor:
    """Logits `(rows, labels)` with the word embeddings replaced by `(rows, tokens, dims)`.

    The rows run through the texts of the batch as often as needed. The model is still given its
    token ids, since some models derive positions or the last token from them.
    """
    copies = embeddings.shape[0] // batch.ordinary.shape[0]
    inputs = {name: tensor.repeat(copies, 1) for name, tensor in batch.inputs.items()}
    with _replaced_embeddings(teacher, embeddings):
        return teacher.logits(inputs)


@contextmanager
def _replaced_embeddings(teacher: Teacher, embeddings: torch.Tensor) -> Iterator[None]:
    used = False

    def replace(module: torch.nn.Module, args: tuple, output: torch.Tensor) -> torch.Tensor:
        nonlocal used
        used = True
        return embeddings

    handle = teacher.model.get_input_embeddings().register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()
    if not used:
        raise ValueError(
            f"The teacher {teacher.name!r} ({type(teacher.model).__name__}) does not call what its "
            "get_input_embeddings() returns, so its words cannot be attributed. Let that method "
            "return the module that embeds the tokens, or choose another teacher."
        )
