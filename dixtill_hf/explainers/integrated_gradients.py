# SPDX-License-Identifier: Apache-2.0
"""Integrated Gradients on the word embeddings, with as many evaluations as each text needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
import torch
from scipy.integrate import trapezoid
from scipy.interpolate import CubicSpline

from dixtill_hf.data.names import check_name
from dixtill_hf.explainers.base import (
    Attribution,
    TargetedExplainer,
    check_count,
    check_positive,
    register_explainer,
)
from dixtill_hf.explainers.embeddings import PRECISIONS, EmbeddedTexts, filled, resolve_precision
from dixtill_hf.explainers.quadrature import Rule, fitted, gauss_legendre, share_residual, warped
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.loading import Teacher


class TextPaths:
    """Texts between their baselines and themselves, and the outputs that are explained.

    Attributes:
        logits: `(texts, labels)`, float32.
        labels: `(texts,)`, the label explained; the predicted one where all are.
        change: `(texts, outputs)`, float32: F(text) − F(baseline).
        width: Tokens of the widest text.
    """

    def __init__(
        self,
        explainer: TargetedExplainer,
        teacher: Teacher,
        texts: Sequence[EncodedText],
        budget: TokenBudget,
        precision: str,
    ) -> None:
        """Read the texts and their baselines.

        Args:
            explainer: Says which outputs are explained.
            teacher: The teacher.
            texts: At least one.
            budget: Most tokens in memory at once.
            precision: Precision of the gradients; the logits are in the teacher's own.
        """
        self._explainer = explainer
        self._budget = budget
        self._embedded = EmbeddedTexts(teacher, texts, precision)
        self.logits, start_logits = self._ends()
        self.labels = explainer.labels(self.logits, texts)
        ends = (explainer.chosen(end, self.labels) for end in (self.logits, start_logits))
        text_outputs, start_outputs = ends
        self.change = (text_outputs - start_outputs).cpu().numpy()
        self.width = self._embedded.ordinary.shape[1]

    def derivatives(self, rule: Rule, rows: Sequence[int]) -> np.ndarray:
        """What each token adds to the derivative at every node: `(rows, nodes, outputs, tokens)`.

        As `EmbeddedTexts.derivatives` has it; float32, 0 beyond the end of a text.
        """
        nodes = len(rule.nodes)
        texts = np.repeat(rows, nodes)
        positions = torch.as_tensor(np.tile(rule.nodes, len(rows)), dtype=torch.float32)
        found = np.zeros((len(texts), self.change.shape[1], self.width), np.float32)

        def differentiate(points: list[int]) -> None:
            batch = self._whole(points, texts)
            labels = self.labels[texts[batch]]
            _, by_token = self._embedded.derivatives(
                texts[batch].tolist(),
                positions[batch],
                lambda logits: self._explainer.chosen(logits, labels),
            )
            found[points, :, : by_token.shape[-1]] = by_token[: len(points)].cpu().numpy()

        self._budget.run([self._embedded.widths[text] for text in texts], differentiate)
        return found.reshape(len(rows), nodes, *found.shape[1:])

    def integrals(self, rule: Rule, rows: Sequence[int]) -> np.ndarray:
        """The scores of some texts by a rule, `(rows, outputs, tokens)`, float32."""
        weights = rule.weights.astype(np.float32)
        return np.einsum("n,rnot->rot", weights, self.derivatives(rule, rows))

    def _whole(self, points: list[int], texts: np.ndarray) -> list[int]:
        """The points of a batch, with some of them repeated where batches have few sizes."""
        if not self._embedded.prefers_few_shapes:
            return points
        width = max(self._embedded.widths[text] for text in texts[points])
        return filled(points, self._budget.rows(width))

    def _ends(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits `(texts, labels)` of the texts and of their baselines, each baseline read once."""
        keys = self._embedded.baseline_keys()
        first: dict[tuple[int, ...], int] = {}
        for row, key in enumerate(keys):
            first.setdefault(key, row)
        place = {row: index for index, row in enumerate(first.values())}
        starts = self._read(self._embedded.baseline_logits, list(place))
        texts = self._read(self._embedded.logits, list(range(len(keys))))
        return texts, starts[[place[first[key]] for key in keys]]

    def _read(
        self, logits_of: Callable[[Sequence[int]], torch.Tensor], rows: list[int]
    ) -> torch.Tensor:
        """Logits `(rows, labels)` of some texts, in batches."""
        widths = [self._embedded.widths[row] for row in rows]
        found = self._budget.collect(widths, lambda batch: logits_of([rows[i] for i in batch]))
        return torch.stack(found)


# Even points of the path at which the texts are looked at, and those between them.
PATH_POINTS = 33
_FINE_POINTS = 129


@dataclass(frozen=True)
class PathCalibration:
    """A rule fitted to a teacher, and the profile that it was fitted to.

    Attributes:
        nodes: Nodes of the fitted rule.
        weights: Weights of the fitted rule.
        profile: Size of the gradients at even points of [0, 1], 1 on average.
    """

    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    profile: tuple[float, ...]

    def rule(self) -> Rule:
        """The fitted rule."""
        return Rule(np.array(self.nodes), np.array(self.weights))

    def warped_rule(self, steps: int) -> Rule:
        """A Gauss-Legendre rule of any size that follows the profile."""
        return warped(steps, np.array(self.profile))


def calibrate_path(
    derivatives: Sequence[np.ndarray], changes: Sequence[np.ndarray], steps: int
) -> PathCalibration:
    """Fit a rule to the derivatives of some texts.

    Args:
        derivatives: Derivatives of every text, `(PATH_POINTS, outputs, tokens)`, not all 0: what
            each token adds to the derivative of each output, at even points of the path.
        changes: Change of every text, F(text) − F(baseline), `(outputs,)`.
        steps: Nodes of the fitted rule.
    """
    even, fine = np.linspace(0, 1, PATH_POINTS), np.linspace(0, 1, _FINE_POINTS)
    squared = np.zeros(PATH_POINTS)
    functions, integrals = [], []
    for text, change in zip(derivatives, changes, strict=True):
        size = np.linalg.norm(text, axis=(1, 2))
        squared += (size / size.mean()) ** 2
        curves = CubicSpline(even, text)(fine)
        totals = share_residual(trapezoid(curves, fine, axis=0), change)
        scale = np.linalg.norm(totals)
        functions.append(curves.reshape(_FINE_POINTS, -1) / scale)
        integrals.append(totals.reshape(-1) / scale)
    profile = np.sqrt(squared)
    profile /= profile.mean()
    rule = fitted(warped(steps, profile), np.concatenate(functions, 1), np.concatenate(integrals))
    return PathCalibration(tuple(rule.nodes), tuple(rule.weights), tuple(profile))


# Nodes of the first rule, with a calibration and without one, and texts that it is made from.
_FITTED_STEPS = 7
_PLAIN_STEPS = 14
_CALIBRATION_TEXTS = 24
# What float32 cannot tell from 0 in a difference of logits.
_ROUNDING = 1e-5


@register_explainer("integrated_gradients")
@dataclass(frozen=True)
class IntegratedGradients(TargetedExplainer):
    """Integrated Gradients (Sundararajan et al. 2017) on the embedding layer.

    The path runs straight from a baseline, the same sequence with every ordinary token replaced
    by the padding token and special tokens kept (Cantini et al. 2024), to the text. Each token's
    score is summed over the embedding dimensions, so the scores of a text should sum to
    F(text) − F(baseline); what they miss of it is its completeness error.

    Without `steps` the integral is adaptive. A rule of 7 nodes, fitted to the teacher on a few
    texts, serves most texts. Those whose scores miss more than `tolerance` of their absolute sum
    are integrated again with twice the nodes, until they do not or `max_steps` is reached. What is
    missed in the end is shared among the tokens in proportion to their scores: the scores are then
    complete, and the completeness error tells what they had missed.

    Attributes:
        steps: Nodes of a plain Gauss-Legendre rule for every text (the paper's notebook takes 50),
            nothing shared; None for the adaptive rule.
        tolerance: Largest share of Σ|scores| that a text's scores may miss.
        max_steps: Nodes of the largest rule of a text.
        precision: Precision of the gradients; logits and completeness errors are always in the
            teacher's own. `float32`, `bfloat16`, or `auto`: bfloat16 if the device has
            instructions for it (see `resolve_precision`). What `auto` became is part of the key of
            an annotation.
        calibration: The rule fitted to the teacher. None: `prepared` fits one; an explainer that
            was not prepared starts with 14 plain nodes instead.
    """

    uses_gradients = True

    steps: int | None = None
    tolerance: float = 0.1
    max_steps: int = 56
    precision: str = "auto"
    calibration: PathCalibration | None = None

    def __post_init__(self) -> None:
        """Check the settings before anything is computed; read a calibration given as JSON."""
        super().__post_init__()
        if self.steps is not None:
            check_count("steps", self.steps)
        check_positive("tolerance", self.tolerance)
        check_count("max_steps", self.max_steps, least=_PLAIN_STEPS)
        check_name("precision", self.precision, PRECISIONS)
        if isinstance(self.calibration, Mapping):
            values = {name: tuple(row) for name, row in self.calibration.items()}
            object.__setattr__(self, "calibration", PathCalibration(**values))

    @property
    def texts_to_prepare(self) -> int:
        """Those that the first rule is fitted to."""
        return _CALIBRATION_TEXTS if self.steps is None and self.calibration is None else 0

    def prepared(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> IntegratedGradients:
        """Choose the precision, and fit the first rule to the teacher."""
        chosen = replace(self, precision=self._resolved(teacher))
        with_words = [text for text in texts if text.spans][: self.texts_to_prepare]
        if not with_words:
            return chosen
        path = TextPaths(chosen, teacher, with_words, budget, chosen.precision)
        even = Rule(np.linspace(0, 1, PATH_POINTS), np.ones(PATH_POINTS))
        derivatives = path.derivatives(even, range(len(with_words)))
        calibration = calibrate_path(list(derivatives), list(path.change), _FITTED_STEPS)
        return replace(chosen, calibration=calibration)

    def chosen_here(self, teacher: Teacher) -> dict[str, str]:
        """The precision, where it is `auto`."""
        return {"precision": self._resolved(teacher)} if self.precision == "auto" else {}

    def evaluations(self, words: int) -> float:
        """The nodes and the text itself; baselines are shared by texts of one length."""
        return 1 + (self.steps or _FITTED_STEPS)

    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Explain texts; see `Explainer.explain`.

        Raises:
            ValueError: The model does not read its words through its input embeddings, or gives no
                gradients with respect to them.
        """
        if not texts:
            return []
        path = TextPaths(self, teacher, texts, budget, self._resolved(teacher))
        scores = np.zeros((*path.change.shape, path.width), np.float32)
        evaluations = np.ones(len(texts), int)
        pending = [row for row, text in enumerate(texts) if text.spans]
        missed = np.zeros_like(path.change)
        for rule in self._rules():
            if not pending:
                break
            scores[pending] = path.integrals(rule, pending)
            evaluations[pending] += len(rule.nodes)
            missed[pending] = np.abs(path.change - scores.sum(-1))[pending]
            allowed = self.tolerance * np.abs(scores).sum(-1) + _ROUNDING
            pending = [row for row in pending if (missed[row] > allowed[row]).any()]
        if self.steps is None:
            scores = share_residual(scores, path.change)
        logits, labels = path.logits.cpu(), path.labels.tolist()
        return [
            self.attribution(
                text,
                logits[row],
                labels[row],
                scores[row][:, : len(text)][:, text.ordinary],
                completeness_error=float(missed[row].max()),
                evaluations=int(evaluations[row]),
            )
            for row, text in enumerate(texts)
        ]

    def _resolved(self, teacher: Teacher) -> str:
        return resolve_precision(self.precision, teacher.device)

    def _rules(self) -> Iterator[Rule]:
        """The rules of a text, each for those that the one before it missed."""
        if self.steps is not None:
            yield gauss_legendre(self.steps)
            return
        larger: Callable[[int], Rule] = gauss_legendre
        first = gauss_legendre(_PLAIN_STEPS)
        if self.calibration is not None:
            first, larger = self.calibration.rule(), self.calibration.warped_rule
        yield first
        doubled = (len(first.nodes) * 2**times for times in range(1, 20))
        for steps in takewhile(lambda steps: steps <= self.max_steps, doubled):
            yield larger(steps)
