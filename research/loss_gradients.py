# SPDX-License-Identifier: Apache-2.0
"""How large the gradient of each term of the loss is while a student learns by the paper's recipes.

    python -m research.loss_gradients --annotated runs/paper_3000/annotated

A student is trained by the paper's text, another one by its notebook. On the way, the gradients of
all terms are measured on the same texts, weighted as they enter the loss: the cross-entropy by
1 − α, the others by α. Results go to research/results/loss_gradients.json, .md and .png; a recipe
that is finished is not trained again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from datasets import Dataset, load_from_disk
from matplotlib.figure import Figure
from torch import Tensor
from transformers import PrinterCallback, TrainerCallback

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.data.columns import TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.losses.dixtill import distillation_loss
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    INPUT_IDS,
    LABELS,
    TEACHER_LOGITS,
)
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.plot_style import SETTINGS
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.workflow.environment import describe_environment

PRESETS = ("paper", "paper_notebook")
KD_LOSSES = {
    "normalized_kl": "1 − exp(−KL)",
    "normalized_kl_notebook": "1 − exp(−τ²·mean KL)",
    "kl": "τ²·KL",
}
OTHERS = {"ce": "cross-entropy", "xai": "explanation"}
# Steps at which the gradients are measured, beyond the beginning of every epoch.
EARLY = (0, 5, 10, 20, 40)


def main(argv: Sequence[str]) -> None:
    """Measure what is not measured yet, then draw the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--annotated", type=Path, required=True, help="Directory, of a run")
    parser.add_argument("--texts", type=int, default=256, help="Texts that gradients are taken on")
    parser.add_argument("--epochs", type=float, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--word_vectors", help="Start of the embedding. Default: the preset's")
    parser.add_argument("--results_dir", type=Path, default=Path("research/results"))
    given = parser.parse_args(argv)
    train = load_from_disk(str(given.annotated))["train"]
    path = given.results_dir / "loss_gradients.json"
    setting = {
        "texts": given.texts,
        "epochs": given.epochs,
        "seed": given.seed,
        "train_texts": len(train),
        "word_vectors": given.word_vectors,
    }
    content = read_json(path) or {}
    if content.get("setting") != setting:
        content = {"setting": setting, "curves": {}}
    content["command"] = f"python -m research.loss_gradients {' '.join(argv)}"
    content["environment"] = describe_environment()
    for preset in PRESETS:
        if preset not in content["curves"]:
            content["curves"][preset] = measure(preset, train, given)
            write_json(path, content)
    draw(content, path.with_suffix(".png"))
    path.with_suffix(".md").write_text(page(content), encoding="utf-8")
    print(f"The page: {path.with_suffix('.md')}")


def measure(preset: str, train: Dataset, given: argparse.Namespace) -> list[dict[str, float]]:
    """Train a student by a preset; the sizes of the gradients on the way."""
    with tempfile.TemporaryDirectory() as directory:
        args = DistillationArguments.from_preset(
            preset,
            directory,
            seed=given.seed,
            num_train_epochs=given.epochs,
            keep_best_epoch=False,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            use_cpu=True,
        )
        model, tokenizer = build_student(
            train[TEXT][:], label_names(train), args, word_vectors=given.word_vectors
        )
        trainer = DistillationTrainer(model, args, train_dataset=train, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        rows = trainer.train_dataset.select(range(min(given.texts, len(train))))
        batch = trainer.data_collator([dict(row) for row in rows.remove_columns(unused(rows))])
        gradients = GradientSizes(model, batch, args)
        trainer.add_callback(gradients)
        trainer.train()
        return gradients.measured


def unused(rows: Dataset) -> list[str]:
    """The columns of prepared texts that no batch has."""
    used = {INPUT_IDS, LABELS, TEACHER_LOGITS, ATTRIBUTION_TARGETS, EXPLAINED_LABEL}
    return [name for name in rows.column_names if name not in used]


class GradientSizes(TrainerCallback):
    """Measures the gradient of each term early in the training, and before every epoch.

    Attributes:
        measured: Step, and the L2 norm of each term's gradient with respect to all weights.
    """

    def __init__(
        self,
        model: DixtillForSequenceClassification,
        batch: Mapping[str, Tensor],
        args: DistillationArguments,
    ) -> None:
        self.measured: list[dict[str, float]] = []
        self._model, self._batch, self._args = model, batch, args
        self._epoch = -1

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure, if this step is one of those."""
        epoch = int(state.epoch or 0)
        if state.global_step in EARLY or epoch > self._epoch:
            self._epoch = epoch
            self.measured.append({"step": state.global_step, **self._sizes()})

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure the finished student."""
        self.measured.append({"step": state.global_step, **self._sizes()})

    def _sizes(self) -> dict[str, float]:
        sizes = {}
        for name in KD_LOSSES:
            terms = self._terms(name)
            sizes[name] = self._args.alpha * self._norm(terms["kd"])
        sizes["ce"] = (1 - self._args.alpha) * self._norm(terms["ce"])
        sizes["xai"] = self._args.alpha * self._norm(terms["xai"])
        return sizes

    def _terms(self, kd_loss: str) -> dict[str, Tensor]:
        batch = self._batch
        outputs = self._model(input_ids=batch[INPUT_IDS], attention_mask=batch["attention_mask"])
        scores = self._model.explain_from(outputs, batch[EXPLAINED_LABEL])
        return distillation_loss(
            outputs["logits"],
            batch[LABELS],
            alpha=self._args.alpha,
            kd_loss=kd_loss,
            temperature=self._args.temperature,
            xai_weight=1.0,
            teacher_logits=batch[TEACHER_LOGITS],
            explanations=(scores, batch[ATTRIBUTION_TARGETS], batch["attention_mask"]),
        )

    def _norm(self, term: Tensor) -> float:
        weights = [one for one in self._model.parameters() if one.requires_grad]
        gradients = torch.autograd.grad(term.mean(), weights, retain_graph=True, allow_unused=True)
        squares = [one.square().sum() for one in gradients if one is not None]
        return float(torch.stack(squares).sum().sqrt())


def draw(content: Mapping[str, Any], path: Path) -> None:
    """A panel for each preset: the size of each term's gradient against the step."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(10, 4), layout="constrained")
        panels = figure.subplots(1, len(PRESETS), sharey=True)
        for axes, preset in zip(panels, PRESETS, strict=True):
            rows = content["curves"][preset]
            for name, title in {**KD_LOSSES, **OTHERS}.items():
                style = "--" if name in OTHERS else "-"
                steps = [row["step"] for row in rows]
                axes.plot(steps, [row[name] for row in rows], style, label=title)
            axes.set_yscale("log")
            axes.set_title(f"student of the preset {preset}")
            axes.set_xlabel("step")
        panels[0].set_ylabel("size of the gradient")
        panels[-1].legend()
        figure.savefig(path, metadata={"Software": None})


def page(content: Mapping[str, Any]) -> str:
    """The table and the picture, with what they depend on."""
    setting, environment = content["setting"], content["environment"]
    parts = [
        "# Gradients of the paper's losses",
        f"`{content['command']}`: {fmt.count(setting['train_texts'])} training texts, seed "
        f"{setting['seed']}, gradients on {fmt.count(setting['texts'])} of them. "
        f"{environment['cpu']}, torch {environment['versions']['torch']}, {environment['date']}.",
        "The L2 norm of the gradient of each term with respect to all weights, weighted as in the "
        "loss: the cross-entropy by 1 − α = 0.1, the others by α = 0.9. All are measured on the "
        "same student at the same step; only the preset's own are trained on.",
        "![The size of each term's gradient against the step](loss_gradients.png)",
    ]
    for preset in PRESETS:
        rows = content["curves"][preset]
        columns = [fmt.column("step", [row["step"] for row in rows], fmt.count)]
        for name, title in {**KD_LOSSES, **OTHERS}.items():
            columns.append(fmt.Column(title, [f"{row[name]:.2g}" for row in rows]))
        parts += [f"## Student of the preset `{preset}`", fmt.table(columns)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
