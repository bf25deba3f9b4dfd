# SPDX-License-Identifier: Apache-2.0
"""Fine-tune a pretrained encoder on labelled text so that it can teach.

Whether the result is worth learning from is told before its texts are annotated.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from safetensors.torch import load_model, save_model
from transformers import Trainer
from transformers.trainer import TRAINING_ARGS_NAME

from dixtill_hf.artifacts.files import newest_whole_checkpoint, read_json, write_json
from dixtill_hf.artifacts.hashing import hash_file, hash_json, hash_texts
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.artifacts.stage_cache import cached_directory, checkpoints_of, is_replaceable
from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.label_column import label_array, problem_type_of
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.problem_types import (
    MULTI_LABEL,
    PROBLEM_TYPES,
    SINGLE_LABEL,
    ProblemType,
    problem_type_of_model,
)
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.data.thresholds import best_thresholds
from dixtill_hf.teacher.finetuning_metrics import JUDGEMENTS, Judgement
from dixtill_hf.teacher.finetuning_trainer import FinetuningSettings, build_trainer
from dixtill_hf.teacher.linear_start import start_from_linear_probe

logger = logging.getLogger(__name__)

# Raised when the same texts, encoder and settings come to give another teacher: 2 since the output
# layer starts from a linear probe.
_PROCEDURE = 2
_PROBE_RECORD = "linear_probe.json"
# Where encoders keep their configuration, weights and tokenizers.
_ENCODER_FILES = {".json", ".safetensors", ".bin", ".txt", ".model"}
# What the last epoch must have gained, in macro F1, to call a training unfinished.
_STILL_IMPROVING = 0.01


def finetune_teacher(
    dataset: DatasetDict,
    encoder: str | Path,
    output_dir: str | Path,
    settings: FinetuningSettings | None = None,
) -> Path:
    """Fine-tune an encoder with a plain Trainer run and keep the best epoch.

    The best epoch is that of the best macro F1 on validation; of the best mean average precision if
    a text may have several labels, whose thresholds are then chosen on validation; of the best
    correlation in a regression.

    The output layer starts from a logistic regression on the features of the frozen encoder, so
    that the teacher is never worse than this on validation. A teacher that a linear model of words
    surpasses, or that still improved when its training ended, is told in a warning.

    A finished run is reused when the labelled texts, the encoder, the settings and the procedure
    are the same; an interrupted one goes on from its last epoch. Texts without a label are left
    out.

    Args:
        dataset: Splits `train` and `validation` with columns `text` and `label`, which tells the
            kind of task.
        encoder: Hub id or directory of a pretrained encoder.
        output_dir: Where the teacher is saved, with its tokenizer and a record of the run. What an
            interrupted run goes on from is kept in a directory next to it.
        settings: Defaults to `FinetuningSettings()`.

    Returns:
        The directory, for `load_teacher`.

    Raises:
        OSError: The encoder cannot be read.
        ValueError: There are no texts of two labels to learn from or none to validate on, the
            encoder is an encoder-decoder, its tokenizer gives no offsets, or the directory holds
            files of something else.
    """
    settings = settings or FinetuningSettings()
    directory = Path(output_dir).resolve()
    if not is_replaceable(directory):
        raise ValueError(
            f"output_dir is {str(output_dir)!r}, which holds files that are not those of a teacher "
            "fine-tuned here: name a new directory, so that nothing of yours is written over."
        )
    labelled = DatasetDict({name: _labelled(dataset[name]) for name in ("train", "validation")})
    _check_labelled(labelled)
    fingerprint = _fingerprint(labelled, encoder, settings)
    checkpoints = checkpoints_of(directory, fingerprint)

    def finetune(path: Path) -> dict[str, Any]:
        trainer = build_trainer(labelled, encoder, checkpoints, settings)
        judgement = JUDGEMENTS[_problem_of(labelled).name]
        trained = _train(trainer, checkpoints, judgement.metric)
        _choose_thresholds(trainer)
        trainer.save_model(str(path))
        if trainer.is_world_process_zero():
            # A pickle, and of no use to those who load the teacher.
            (path / TRAINING_ARGS_NAME).unlink(missing_ok=True)
            warn_of_a_weak_teacher(labelled, trained["validation"], trained["epochs"])
        return {"settings": asdict(settings), **trained}

    cached_directory(directory, fingerprint, finetune, ProcessGroup.launched())
    return Path(output_dir)


def _labelled(split: Dataset) -> Dataset:
    """The rows that have a label, as plain Python values."""
    plain, problem = split.with_format(None), problem_type_of(split)
    if problem is None:
        return plain.select([])
    labels = label_array(plain, problem, len(label_names(plain)))
    # GLUE's −1 is an unknown label too.
    known = labels >= 0 if labels.ndim == 1 else problem.is_labelled(labels)
    return plain.select(np.flatnonzero(known))


def _problem_of(dataset: DatasetDict) -> ProblemType:
    """The kind of task of labelled texts."""
    return problem_type_of(dataset["train"]) or PROBLEM_TYPES[SINGLE_LABEL]


def _choose_thresholds(trainer: Trainer) -> None:
    """Choose the thresholds of several labels a text on validation; they are saved with it."""
    config = trainer.model.config
    if problem_type_of_model(config).name == MULTI_LABEL:
        found = trainer.predict(trainer.eval_dataset, metric_key_prefix="thresholds")
        scores = PROBLEM_TYPES[MULTI_LABEL].scores(found.predictions)
        config.thresholds = best_thresholds(scores, found.label_ids)


def _check_labelled(dataset: DatasetDict) -> None:
    names, problem = label_names(dataset["train"]), _problem_of(dataset)
    if problem.name != SINGLE_LABEL:
        if len(dataset["train"]) == 0:
            raise ValueError("No text of train has a label that a teacher could learn from.")
        found = names
    else:
        found = [names[label] for label in sorted(set(dataset["train"][LABEL]))]
    if problem.name == SINGLE_LABEL and len(found) < 2:
        raise ValueError(
            f"A teacher needs labelled texts of at least two labels to learn from; those of train "
            f"have {found} out of {names}. Label some more, or name a teacher that is already "
            "fine-tuned."
        )
    if len(dataset["validation"]) == 0:
        raise ValueError(
            "No text of the split 'validation' has a label, so the best epoch cannot be told. "
            "Label some of them, or hold out labelled texts of train."
        )


def _train(trainer: Trainer, checkpoints: Path, metric: str) -> dict[str, Any]:
    """Train from the linear probe, or from the newest checkpoint, and keep the best.

    Returns:
        For the record: the metric on validation of what is kept, which is the best epoch, or the
        probe if no epoch is better; that of the probe; and what was logged after each epoch.
    """
    newest = newest_whole_checkpoint(checkpoints)
    probe = checkpoints / "linear-probe"
    if newest is None and start_from_linear_probe(trainer):
        found = trainer.evaluate()[f"eval_{metric}"]
        if trainer.is_world_process_zero():
            probe.mkdir(parents=True, exist_ok=True)
            save_model(trainer.model, str(probe / "model.safetensors"))
            write_json(probe / _PROBE_RECORD, {metric: found})
    trainer.train(newest)
    best = trainer.state.best_metric
    of_probe = (read_json(probe / _PROBE_RECORD) or {}).get(metric)
    if of_probe is not None and of_probe > best:
        load_model(trainer.model, str(probe / "model.safetensors"), device=str(trainer.args.device))
        best = of_probe
    epochs = [entry for entry in trainer.state.log_history if f"eval_{metric}" in entry]
    return {"validation": best, "linear_probe": of_probe, "epochs": epochs}


def _fingerprint(dataset: DatasetDict, encoder: str | Path, settings: FinetuningSettings) -> str:
    train, validation = dataset["train"], dataset["validation"]
    return hash_json(
        {
            "train": hash_texts(texts_of(train)) + hash_json(list(train[LABEL])),
            "validation": hash_texts(texts_of(validation)) + hash_json(list(validation[LABEL])),
            "labels": label_names(train),
            "encoder": _identify(encoder),
            "settings": asdict(settings),
            "procedure": _PROCEDURE,
        }
    )


def _identify(encoder: str | Path) -> str:
    """A local encoder by what its files hold, so that moving it changes nothing; else its id."""
    directory = Path(encoder)
    if not directory.is_dir():
        return str(encoder)
    files = sorted(path for path in directory.iterdir() if path.suffix in _ENCODER_FILES)
    return hash_json([[path.name, hash_file(path)] for path in files])


def warn_of_a_weak_teacher(
    dataset: DatasetDict, quality: float, epochs: Sequence[Mapping[str, float]]
) -> None:
    """Warn if a simpler model would do as well, or if more training would have paid.

    Args:
        dataset: The labelled splits `train` and `validation`.
        quality: What the teacher reaches on validation, in the metric of its kind of task.
        epochs: What the Trainer logged after each epoch: `eval_loss` and `eval_` with that metric.
    """
    problem = _problem_of(dataset)
    judgement = JUDGEMENTS[problem.name]
    if problem.name == SINGLE_LABEL:
        answer, constant = _constant_answer(dataset["validation"])
        if quality <= constant:
            logger.warning(
                "The teacher's macro F1 on validation is %.3f, which always answering %r reaches "
                "too: it has learnt nothing. Try a lower learning rate, more epochs, or more "
                "texts.",
                quality,
                answer,
            )
            return
    linear = _linear_baseline(dataset, problem, judgement)
    metric = f"eval_{judgement.metric}"
    if quality < linear:
        logger.warning(
            "The teacher's %s on validation is %.3f, and that of a linear model of words is %.3f: "
            "a student would learn little from this teacher. Try more epochs (teacher_epochs), "
            "another encoder, or more texts.",
            judgement.called,
            quality,
            linear,
        )
    elif _still_improves(epochs, metric):
        logger.warning(
            "The teacher still improved when its fine-tuning ended (%s on validation %.3f after "
            "%.3f): give it more epochs (teacher_epochs) before you annotate.",
            judgement.called,
            epochs[-1][metric],
            epochs[-2][metric],
        )


def _constant_answer(validation: Dataset) -> tuple[str, float]:
    """The most frequent label, and the macro F1 of always answering it."""
    label, count = Counter(validation[LABEL]).most_common(1)[0]
    macro_f1 = 2 * count / (len(validation) + count) / len(set(validation[LABEL]))
    return label_names(validation)[label], macro_f1


def _linear_baseline(dataset: DatasetDict, problem: ProblemType, judgement: Judgement) -> float:
    """What a linear model of words and pairs of words (tf-idf) reaches on validation."""
    outputs = len(label_names(dataset["train"]))
    train, validation = (
        (texts_of(dataset[name]), label_array(dataset[name], problem, outputs))
        for name in ("train", "validation")
    )
    model = judgement.linear().fit(*train)
    return judgement.compute(judgement.predict(model, validation[0]), validation[1])[
        judgement.metric
    ]


def _still_improves(epochs: Sequence[Mapping[str, float]], metric: str) -> bool:
    """Whether the last epoch was the best by loss and by metric, and clearly the best."""
    if len(epochs) < 2:
        return False
    last, earlier = epochs[-1], epochs[:-1]
    best = max(epoch[metric] for epoch in earlier)
    lowest = min(epoch["eval_loss"] for epoch in earlier)
    return last[metric] > best + _STILL_IMPROVING and last["eval_loss"] < lowest
