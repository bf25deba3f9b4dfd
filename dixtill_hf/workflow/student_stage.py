# SPDX-License-Identifier: Apache-2.0
"""Train the students of a comparison, side by side, each one once."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict, disable_progress_bars, load_from_disk
from numpy.typing import NDArray
from tqdm.auto import tqdm
from transformers import PrinterCallback
from transformers.utils import logging as transformers_logging

from dixtill_hf.artifacts.files import newest_whole_checkpoint
from dixtill_hf.artifacts.stage_cache import (
    StageOutput,
    cached_directory,
    checkpoints_of,
    find_directory,
)
from dixtill_hf.distillation.building import build_trainer
from dixtill_hf.distillation.distill import one_thread_on_a_cpu
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count
from dixtill_hf.workflow.predictions import assess, predict
from dixtill_hf.workflow.student_jobs import StudentJob, building_arguments, job_arguments

PROBABILITIES = "test_probabilities.npy"


def train_students(
    jobs: list[StudentJob], workers: int, *, shows_progress: bool = True
) -> list[dict[str, Any]]:
    """Train every student that is not there yet.

    Args:
        jobs: The students.
        workers: How many are trained at a time; 0 for as many as the machine has cores.
        shows_progress: Whether there is a progress bar of the students. Default True.

    Returns:
        Of each student its result, as `train_student` saves it, in the order of the jobs.
    """
    missing = [job for job in jobs if _finished(job) is None]
    with tqdm(
        total=len(jobs),
        initial=len(jobs) - len(missing),
        desc="Students",
        disable=not shows_progress,
    ) as progress:
        if _worker_count(workers) == 1 or len(missing) < 2:
            with one_thread_on_a_cpu():
                for job in missing:
                    train_student(job)
                    progress.update()
        else:
            _train_side_by_side(missing, _worker_count(workers), progress)
    return [_result(job) for job in jobs]


def train_student(job: StudentJob) -> None:
    """Train one student, assess it on validation and, if its job says so, on test; save all of it.

    A training that was interrupted goes on from its last epoch.
    """
    cached_directory(job.directory, job.fingerprint, partial(_train_into, job))


def _train_into(job: StudentJob, directory: Path) -> dict[str, Any]:
    data = load_from_disk(str(job.annotated))
    checkpoints = checkpoints_of(job.directory, job.fingerprint)
    trainer = _trainer(job, data, checkpoints)
    start = time.perf_counter()
    trainer.train(resume_from_checkpoint=newest_whole_checkpoint(checkpoints))
    seconds = time.perf_counter() - start
    trainer.save_model(str(directory))
    model, tokenizer = trainer.model, trainer.processing_class
    predicted = predict(model, tokenizer, data["validation"])
    validation = assess(predicted, model.config.explanation)
    return {
        "method": job.method,
        "preset": job.preset,
        "seed": job.seed,
        "problem_type": predicted.problem.name,
        "parameters": parameter_count(model),
        "bytes": directory_bytes(directory),
        "train_texts": len(trainer.train_dataset),
        **(_on_test(trainer, data["test"], directory) if job.on_test else {}),
        "train_seconds": round(seconds, 2),
        "thresholds": model.config.thresholds,
        "validation": {name: value for name, value in validation.items() if name != "explanation"},
    }


def _on_test(trainer: DistillationTrainer, texts: Dataset, directory: Path) -> dict[str, Any]:
    """What a student reaches on the test texts; its probabilities are saved."""
    test = predict(trainer.model, trainer.processing_class, texts)
    np.save(directory / PROBABILITIES, test.probabilities.astype(np.float32), allow_pickle=False)
    return {"split": "test", **assess(test, trainer.model.config.explanation)}


def _finished(job: StudentJob) -> StageOutput | None:
    return find_directory(job.directory, job.fingerprint)


def _result(job: StudentJob) -> dict[str, Any]:
    """The result of a student that was trained."""
    finished = _finished(job)
    if finished is None:
        raise FileNotFoundError(f"{job.directory} holds no student of this run any more.")
    return finished.value


def probabilities_on_test(job: StudentJob) -> NDArray[np.floating]:
    """What a trained student says of the test texts, `(texts, labels)`."""
    return np.load(job.directory / PROBABILITIES, allow_pickle=False)


def _trainer(job: StudentJob, data: DatasetDict, checkpoints: Path) -> DistillationTrainer:
    arguments = job.arguments
    trainer = build_trainer(
        data["train"],
        job_arguments(arguments, job.preset, job.method, job.seed, checkpoints),
        variants=None if job.variants is None else Dataset.load_from_disk(str(job.variants)),
        include_variant_words=arguments.replacement_words > 0,
        eval_dataset=data["validation"],  # thresholds of several labels are chosen on it
        word_vectors=job.word_vectors,
        **building_arguments(arguments),
    )
    trainer.remove_callback(PrinterCallback)  # one progress bar for all students
    return trainer


def _train_side_by_side(jobs: list[StudentJob], workers: int, progress: tqdm) -> None:
    # Forked children would share PyTorch's threads with their parent and hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        futures = [pool.submit(train_student, job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
                progress.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_thread() -> None:
    """A student this small trains fastest on one thread; the workers share the cores."""
    torch.set_num_threads(1)
    disable_progress_bars()
    transformers_logging.set_verbosity_error()
    # The main process has told what there is to tell of the vocabulary, which all students share.
    for told in ("dixtill_hf.student", "dixtill_hf.distillation.presets"):
        logging.getLogger(told).setLevel(logging.ERROR)


def _worker_count(workers: int) -> int:
    if workers:
        return workers
    return 1 if torch.cuda.is_available() else _usable_cores()


def _usable_cores() -> int:
    """Cores that this process may use; if the system does not tell, all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
