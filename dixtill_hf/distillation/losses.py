# SPDX-License-Identifier: Apache-2.0
"""The losses of Cantini et al. (2024), section 3, and the classical ones they are compared with.

Every loss returns one value per text, so that texts with and without a label can share a batch;
the mean over texts is what is minimised.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.data.names import check_name

KdLoss = Callable[[Tensor, Tensor, float], Tensor]


def kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """`τ²·KL(p^T(τ) ‖ p^S(τ))` with `p(τ) = softmax(z / τ)` (Hinton et al., 2015).

    Args:
        student_logits: Shape `(batch, labels)`.
        teacher_logits: Shape `(batch, labels)`.
        temperature: τ, above 0.

    Returns:
        One value per text, shape `(batch,)`, in nats.
    """
    return temperature**2 * _divergence(student_logits, teacher_logits, temperature)


def mse(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """`‖z_T − z_S‖²`, the squared distance of the logits (Ba and Caruana, 2014).

    Args:
        student_logits: Shape `(batch, labels)`.
        teacher_logits: Shape `(batch, labels)`.
        temperature: Not used: a temperature would only scale this loss.

    Returns:
        One value per text, shape `(batch,)`.
    """
    return (student_logits.to(_wide(student_logits)) - teacher_logits).square().sum(-1)


def normalized_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """`1 − exp(−KL(p^T(τ) ‖ p^S(τ)))`, the paper's L_KD (Cantini et al., 2024).

    Args:
        student_logits: Shape `(batch, labels)`.
        teacher_logits: Shape `(batch, labels)`.
        temperature: τ, above 0.

    Returns:
        One value per text in [0, 1), shape `(batch,)`.
    """
    return -torch.expm1(-_divergence(student_logits, teacher_logits, temperature))


def normalized_kl_notebook(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float
) -> Tensor:
    """`1 − exp(−τ²·KL)` of the batch's mean KL, as the paper's released notebook computes it.

    The mean stands inside the exponential, so a text's loss depends on its batch, and batches
    split among processes or accumulation steps do not add up to the whole.

    Args:
        student_logits: Shape `(batch, labels)`.
        teacher_logits: Shape `(batch, labels)`.
        temperature: τ, above 0.

    Returns:
        The batch's value in [0, 1) for each of its texts, shape `(batch,)`.
    """
    mean = kl(student_logits, teacher_logits, temperature).mean()
    return -torch.expm1(-mean).expand(len(student_logits))


KD_LOSSES: dict[str, KdLoss | None] = {
    "none": None,
    "kl": kl,
    "mse": mse,
    "normalized_kl": normalized_kl,
    "normalized_kl_notebook": normalized_kl_notebook,
}
"""What a student can learn from its teacher's logits, by the name that `kd_loss` takes."""


def get_kd_loss(name: str) -> KdLoss | None:
    """Look up a loss in `KD_LOSSES`; "none" has no function.

    Raises:
        ValueError: There is none of that name; the message has the nearest one.
    """
    check_name("kd_loss", name, KD_LOSSES)
    return KD_LOSSES[name]


def cosine_explanation_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """`½·(1 − cos(student, teacher))` over the real words, L_XAI of Cantini et al. (2024).

    Where either explanation is zero on every real word, and in a text without words, the loss
    is the constant ½ and passes no gradient.

    Args:
        student: The student's score of every word, shape `(batch, words)`.
        teacher: The teacher's attribution of every word, shape `(batch, words)`.
        mask: Not 0 on real words, shape `(batch, words)`.

    Returns:
        One value per text in [0, 1], shape `(batch,)`.
    """
    student, student_square = _rescaled(student, mask)
    teacher, teacher_square = _rescaled(teacher, mask)
    defined = (student_square > 0) & (teacher_square > 0)
    # Ones stand in for zeros: a square root that `where` leaves out would still give NaN gradients.
    squares = torch.where(defined, student_square * teacher_square, 1)
    cosine = torch.where(defined, (student * teacher).sum(-1) * squares.rsqrt(), 0)
    return (1 - cosine) / 2


def distillation_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    alpha: float,
    kd_loss: str = "none",
    temperature: float = 1.0,
    xai_weight: float = 0.0,
    teacher_logits: Tensor | None = None,
    explanations: tuple[Tensor, Tensor, Tensor] | None = None,
    label_smoothing: float = 0.0,
) -> dict[str, Tensor]:
    """`(1 − α)·CE + α·(KD + xai_weight·XAI)` for every text, with its terms.

    A text without a label (−100) has no cross-entropy, and α goes wholly to the teacher: its
    loss is `KD + xai_weight·XAI`.

    Args:
        logits: The student's, shape `(batch, labels)`.
        labels: Integers, −100 where unknown, shape `(batch,)`.
        alpha: Weight of the teacher's terms, in [0, 1].
        kd_loss: Name in `KD_LOSSES`.
        temperature: τ of the KD term.
        xai_weight: Weight of the explanation within the teacher's terms; at 0 it is left out.
        teacher_logits: Shape `(batch, labels)`; needed unless `kd_loss` is "none".
        explanations: Student's scores, teacher's attributions and mask, each `(batch, words)`;
            needed unless `xai_weight` is 0.
        label_smoothing: Share of the label's probability that goes to all labels alike.

    Returns:
        `loss` and its unweighted terms `ce` and, where they are asked for, `kd` and `xai`; each
        of shape `(batch,)`. `ce` is 0 for a text without a label.

    Raises:
        ValueError: `kd_loss` is unknown, or a term is asked for without what it needs.
    """
    ce = functional.cross_entropy(
        logits.to(_wide(logits)),
        labels,
        reduction="none",
        ignore_index=LABEL_UNKNOWN,
        label_smoothing=label_smoothing,
    )
    terms = {"ce": ce}
    teaching = torch.zeros_like(ce)
    kd = get_kd_loss(kd_loss)
    if kd is not None:
        if teacher_logits is None:
            raise ValueError(f"kd_loss={kd_loss!r} needs teacher_logits, got None")
        terms["kd"] = kd(logits, teacher_logits, temperature)
        teaching = teaching + terms["kd"]
    if xai_weight != 0:
        if explanations is None:
            raise ValueError(f"xai_weight={xai_weight} needs explanations, got None")
        terms["xai"] = cosine_explanation_loss(*explanations)
        teaching = teaching + xai_weight * terms["xai"]
    teacher_weight = torch.where(labels == LABEL_UNKNOWN, 1.0, alpha)
    terms["loss"] = (1 - alpha) * ce + teacher_weight * teaching
    return terms


def _divergence(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """`KL(p^T(τ) ‖ p^S(τ))` of every text, from log-probabilities so that none of them is 0."""
    wide = _wide(student_logits)
    student = functional.log_softmax(student_logits.to(wide) / temperature, dim=-1)
    teacher = functional.log_softmax(teacher_logits.to(wide) / temperature, dim=-1)
    return functional.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)


def _rescaled(scores: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Scores with padding at 0, over their L1 norm, and the sum of their squares.

    The cosine does not change, and squares of very small or large scores stay finite.
    """
    scores = torch.where(mask != 0, scores.to(_wide(scores)), 0)
    norm = scores.detach().abs().sum(-1, keepdim=True)
    scores = scores / torch.where(norm > 0, norm, 1)
    return scores, scores.square().sum(-1)


def _wide(tensor: Tensor) -> torch.dtype:
    """At least float32: under autocast the terms would lose their small differences."""
    return torch.promote_types(tensor.dtype, torch.float32)
