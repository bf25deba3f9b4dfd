# SPDX-License-Identifier: Apache-2.0
"""Compare rules for the path of Integrated Gradients, all on the same derivatives.

    python -m research.path_quadrature runs/tweets/teacher

The derivatives of some texts are computed once at 128 Gauss-Legendre nodes; between these they are
known to many digits by interpolation, so that any rule can be tried without the teacher. The rules
are fitted to other texts. Results go to research/results/path_quadrature.md and .json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dixtill_hf import load_teacher, load_text_classification
from dixtill_hf.annotation.worker import default_tokens
from dixtill_hf.explainers.integrated_gradients import (
    PATH_POINTS,
    IntegratedGradients,
    TextPaths,
    calibrate_path,
)
from dixtill_hf.explainers.quadrature import Rule, gauss_legendre, share_residual
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.workflow.environment import describe_environment

RESULTS = Path(__file__).parent / "results"
DENSE_STEPS = 128
SIZES = (5, 6, 7, 8, 10, 14, 20, 28, 56)
FITTED_SIZES = SIZES[:5]


def main(argv: Sequence[str]) -> None:
    """Measure every rule, write the records and the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("teacher", help="Hub id or directory")
    parser.add_argument("--source", default="data/twitter_financial_news_sentiment/train.csv")
    parser.add_argument("--texts", type=int, default=96)
    parser.add_argument("--calibration_texts", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results_dir", default=str(RESULTS), help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    result = {
        "command": f"python -m research.path_quadrature {' '.join(argv)}",
        "environment": describe_environment(),
        "texts": given.texts,
        "calibration_texts": given.calibration_texts,
        "rules": measure(given),
    }
    directory = Path(given.results_dir)
    content = json.dumps(result, indent=1) + "\n"
    (directory / "path_quadrature.json").write_text(content, encoding="utf-8")
    (directory / "path_quadrature.md").write_text(page(result), encoding="utf-8")


def measure(given: argparse.Namespace) -> list[dict[str, Any]]:
    """How far every rule is from the exact integral."""
    teacher = load_teacher(given.teacher)
    train = load_text_classification(given.source, require_test=False)["train"]
    count = given.texts + given.calibration_texts
    encoded = encode_texts(teacher, train.shuffle(given.seed).select(range(count))["text"][:])
    explainer, budget = IntegratedGradients(), TokenBudget(default_tokens(teacher))

    def paths(texts: list) -> TextPaths:
        return TextPaths(explainer, teacher, texts, budget, precision="float32")

    seen = paths(encoded[given.texts :])
    even = Rule(np.linspace(0, 1, PATH_POINTS), np.ones(PATH_POINTS))
    derivatives = list(seen.derivatives(even, range(given.calibration_texts)))
    unseen = paths(encoded[: given.texts])
    dense = np.concatenate(
        [unseen.derivatives(gauss_legendre(DENSE_STEPS), [row]) for row in range(given.texts)]
    )[:, :, 0]
    rules = {("Gauss-Legendre", size): gauss_legendre(size) for size in SIZES}
    for size in SIZES:
        calibration = calibrate_path(derivatives, list(seen.change), size)
        rules["spread by the profile", size] = calibration.warped_rule(size)
        if size in FITTED_SIZES:
            rules["fitted to the teacher", size] = calibration.rule()
    return [
        {"rule": name, "steps": size, **_distances(rule, dense, unseen.change[:, 0])}
        for (name, size), rule in sorted(rules.items(), key=lambda item: item[0][1])
    ]


def _distances(rule: Rule, dense: np.ndarray, changes: np.ndarray) -> dict[str, Any]:
    """A rule against the dense one, before and after the residual is shared."""
    nodes, weights = gauss_legendre(DENSE_STEPS)
    exact = np.einsum("n,xnt->xt", weights, dense)
    found = np.einsum("n,xnt->xt", rule.weights @ _interpolation(nodes, rule.nodes), dense)
    kinds = {"as it is": found, "shared": share_residual(found, changes)}
    return {
        "missed": float(np.abs(found.sum(-1) - changes).mean()),
        **{
            kind: {
                "cosine": float(np.mean(_cosines(scores, exact))),
                "least_cosine": float(np.min(_cosines(scores, exact))),
                "distance": float(np.mean(_norms(scores - exact) / _norms(exact))),
            }
            for kind, scores in kinds.items()
        },
    }


def _norms(scores: np.ndarray) -> np.ndarray:
    return np.linalg.norm(scores, axis=-1)


def _cosines(scores: np.ndarray, exact: np.ndarray) -> np.ndarray:
    return (scores * exact).sum(-1) / (_norms(scores) * _norms(exact))


def _interpolation(nodes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """From values at Gauss-Legendre nodes to those at other places, `(wanted, nodes)`.

    The barycentric formula with the weights of Legendre points (Wang, Huybrechs and Vandewalle
    2014).
    """
    weights = gauss_legendre(len(nodes)).weights
    signs = np.where(np.arange(len(nodes)) % 2, -1.0, 1.0)
    terms = signs * np.sqrt(nodes * (1 - nodes) * weights) / (wanted[:, None] - nodes)
    same = np.isclose(wanted[:, None], nodes, rtol=0, atol=1e-14)
    matrix = terms / terms.sum(1, keepdims=True)
    return np.where(same.any(1, keepdims=True), same, matrix)


def page(result: Mapping[str, Any]) -> str:
    """The table, with what it depends on."""
    environment, rules = result["environment"], result["rules"]

    def column(title: str, kind: str, name: str, digits: int) -> fmt.Column:
        return fmt.Column(title, [f"{one[kind][name]:.{digits}f}" for one in rules])

    table = fmt.table(
        [
            fmt.Column("nodes", [str(one["steps"]) for one in rules]),
            fmt.Column("rule", [one["rule"] for one in rules], numeric=False),
            fmt.Column("missed", [f"{one['missed']:.4f}" for one in rules]),
            column("cosine", "as it is", "cosine", 5),
            column("distance", "as it is", "distance", 4),
            column("cosine, shared", "shared", "cosine", 5),
            column("least", "shared", "least_cosine", 4),
            column("distance, shared", "shared", "distance", 4),
        ]
    )
    return f"""# Rules for the path of Integrated Gradients

`{result["command"]}`: {result["texts"]} training texts, against {DENSE_STEPS} Gauss-Legendre
nodes; the teacher's profile and the fitted rules come from {result["calibration_texts"]} other
texts, looked at in {PATH_POINTS} even places. torch {environment["versions"]["torch"]}, float32,
{environment["date"]}.

`missed` is the mean of |Σ scores − (F(text) − F(baseline))|. `shared`: what is missed is shared
among the tokens in proportion to the sizes of their scores. `distance` is relative, in L2.

{table}
"""


if __name__ == "__main__":
    main(sys.argv[1:])
