# SPDX-License-Identifier: Apache-2.0
"""A student that learns from a stream: what it sees, where it goes on, what is refused."""

import itertools
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, IterableDataset, load_dataset
from datasets.distributed import split_dataset_by_node
from torch.nn.utils import parameters_to_vector
from torch.utils.data import SequentialSampler
from transformers import PreTrainedTokenizerFast

from dixtill_hf.distillation import streams
from dixtill_hf.distillation.batching import bucketed_order
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.streams import PreparedStream, check_divisible, share_of_process
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.explainers.saliency import Saliency
from dixtill_hf.student.word_counts import count_words
from dixtill_hf.teacher.loading import load_teacher

ROOT = Path(__file__).resolve().parents[2]

MakeTrainer = Callable[..., DistillationTrainer]


class _InOrder(DistillationTrainer):
    """Takes the texts of a dataset in their order."""

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch) -> None:
    """Blocks of two steps, so that a pass has several."""
    monkeypatch.setattr(streams, "BATCHES_SORTED_TOGETHER", 2)


@pytest.fixture
def parquet_stream(annotated, tmp_path) -> IterableDataset:
    """The annotated texts in three files."""
    for part in range(3):
        annotated.select(range(16 * part, 16 * part + 16)).to_parquet(tmp_path / f"{part}.parquet")
    files = [str(tmp_path / f"{part}.parquet") for part in range(3)]
    return load_dataset("parquet", data_files=files, split="train", streaming=True)


def _weights(trainer: DistillationTrainer) -> torch.Tensor:
    return parameters_to_vector(trainer.model.parameters())


def test_a_stream_teaches_what_the_same_dataset_does(
    make_trainer: MakeTrainer, parquet_stream: IterableDataset, monkeypatch
) -> None:
    settings = {"bucket_by_length": False, "gradient_accumulation_steps": 2, "logging_steps": 1}
    streamed = make_trainer(train_dataset=parquet_stream, max_steps=3, **settings)
    streamed.train()
    monkeypatch.setattr(DistillationTrainer, "_get_train_sampler", _InOrder._get_train_sampler)
    mapped = make_trainer(num_train_epochs=1, **settings)
    mapped.train()
    assert mapped.state.global_step == streamed.state.global_step == 3
    assert torch.equal(_weights(streamed), _weights(mapped))
    losses = [
        [log["loss_xai"] for log in trainer.state.log_history if "loss_xai" in log]
        for trainer in (streamed, mapped)
    ]
    assert losses[0] == losses[1]


def _rows(stream: IterableDataset, count: int, bucket_by_length: bool = False) -> list[int]:
    """The column `number` of the first rows of a stream without end, of steps of 4 texts."""
    return [row["number"] for row in itertools.islice(_prepared(stream, bucket_by_length), count)]


def _prepared(stream: IterableDataset, bucket_by_length: bool = False) -> PreparedStream:
    def prepare(table, first_row):
        return table.append_column("length", [[len(text) for text in table["text"].to_pylist()]])

    return PreparedStream(stream._resolve_features(), prepare, 4, bucket_by_length, seed=0)


def _numbered(count: int, **settings) -> IterableDataset:
    texts = ["x" * (7 * number % 10 + 1) for number in range(count)]
    dataset = Dataset.from_dict({"text": texts, "number": range(count)})
    return dataset.to_iterable_dataset(**settings)


def test_a_stream_begins_again_when_it_ends() -> None:
    assert _rows(_numbered(11), 24) == [*range(11), *range(11), 0, 1]
    many = _rows(_numbered(11), 11 * 5, bucket_by_length=True)
    passes = [many[start : start + 11] for start in range(0, 55, 11)]
    assert all(sorted(one) == list(range(11)) for one in passes)
    assert len({tuple(one) for one in passes}) == 5


def test_texts_of_a_block_are_in_the_order_of_the_sampler() -> None:
    lengths = np.array([7 * number % 10 + 1 for number in range(8)])
    expected = bucketed_order(lengths, 4, np.random.default_rng((0, 0, 0)))
    assert _rows(_numbered(20), 8, bucket_by_length=True) == expected.tolist()


STREAMS = {
    "rows": lambda: _numbered(19),
    "shards": lambda: _numbered(19, num_shards=3),
    "a generator": lambda: IterableDataset.from_generator(lambda: iter(list(_numbered(19)))),
    "a batched function": lambda: _numbered(19, num_shards=3).map(
        lambda batch: {"text": [*batch["text"], "more"], "number": [*batch["number"], -1]},
        batched=True,
        batch_size=5,
    ),
    "a filter": lambda: _numbered(40).filter(lambda row: row["number"] % 2),
    "a buffer": lambda: _numbered(19).shuffle(seed=1, buffer_size=6),
    "a part": lambda: _numbered(30).skip(3).take(19),
}


@pytest.mark.parametrize("bucket_by_length", [True, False])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_goes_on_at_the_same_text(kind: str, bucket_by_length: bool, tmp_path) -> None:
    expected = _rows(STREAMS[kind](), 60, bucket_by_length)
    for seen in (4, 8, 12, 20, 36, 44):
        stream = _prepared(STREAMS[kind](), bucket_by_length)
        list(itertools.islice(stream, seen))
        stream.save(tmp_path / "place.json", seen, 1)
        resumed = _prepared(STREAMS[kind](), bucket_by_length)
        resumed.load(tmp_path / "place.json", 1)
        rest = [row["number"] for row in itertools.islice(resumed, 60 - seen)]
        assert rest == expected[seen:], f"after {seen} texts"


def test_a_stream_that_has_changed_is_refused(tmp_path) -> None:
    stream = _prepared(_numbered(19))
    list(itertools.islice(stream, 12))
    stream.save(tmp_path / "place.json", 12, 1)
    other = _prepared(_numbered(19).filter(lambda row: row["number"] != 9))
    other.load(tmp_path / "place.json", 1)
    with pytest.raises(ValueError, match="Row 8 of the stream"):
        next(iter(other))


def test_another_number_of_processes_is_refused(tmp_path) -> None:
    stream = _prepared(_numbered(8))
    list(itertools.islice(stream, 8))
    stream.save(tmp_path / "stream_0.json", 4, 2)
    with pytest.raises(ValueError, match="2 processes"):
        stream.load(tmp_path / "stream_0.json", 1)
    with pytest.raises(ValueError, match="fewer processes"):
        stream.load(tmp_path / "stream_1.json", 2)
    saved = json.loads((tmp_path / "stream_0.json").read_text())
    (tmp_path / "stream_0.json").write_text(json.dumps(saved | {"format": 9}))
    with pytest.raises(ValueError, match="format 9"):
        stream.load(tmp_path / "stream_0.json", 2)


@pytest.mark.parametrize("bucket_by_length", [True, False])
@pytest.mark.slow
def test_resuming_gives_the_weights_of_an_uninterrupted_run(
    make_trainer: MakeTrainer,
    make_student: Callable,
    parquet_stream: IterableDataset,
    bucket_by_length: bool,
) -> None:
    dropouts = {"embedding_dropout": 0.2, "hidden_dropout": 0.2, "word_dropout": 0.2}
    settings = {"save_strategy": "steps", "save_steps": 4, "max_steps": 15, "logging_steps": 1}
    settings |= {"bucket_by_length": bucket_by_length, "lr_scheduler_type": "cosine"}

    def trainer() -> DistillationTrainer:
        return make_trainer(
            model=make_student(**dropouts), train_dataset=parquet_stream, **settings
        )

    whole = trainer()
    whole.train()
    weights = _weights(whole)
    for step in (4, 8, 12):
        resumed = trainer()
        resumed.train(resume_from_checkpoint=f"{resumed.args.output_dir}/checkpoint-{step}")
        assert resumed.state.global_step == 15
        assert resumed.state.epoch == 1.0
        assert torch.equal(_weights(resumed), weights)
    epochs = [log["epoch"] for log in resumed.state.log_history if "loss" in log]
    np.testing.assert_allclose(epochs, np.arange(1, 16) / 15)


@pytest.mark.parametrize("files", [1, 2])
def test_processes_read_their_parts(files: int) -> None:
    stream = _numbered(20, num_shards=files)
    parts = [set(_rows(share_of_process(stream, rank, 2), 10)) for rank in range(2)]
    assert parts[0].isdisjoint(parts[1])
    assert parts[0] | parts[1] == set(range(20))


def test_what_a_stream_cannot_do_is_refused(
    make_trainer: MakeTrainer, parquet_stream: IterableDataset
) -> None:
    with pytest.raises(ValueError, match="max_steps"):
        make_trainer(train_dataset=parquet_stream)
    with pytest.raises(ValueError, match="dataloader_num_workers"):
        make_trainer(train_dataset=parquet_stream, max_steps=2, dataloader_num_workers=1)
    plain = parquet_stream.remove_columns("teacher_logits")
    with pytest.raises(ValueError, match=r"teacher_logits.*annotate"):
        make_trainer(train_dataset=plain, max_steps=2)
    nothing = make_trainer(train_dataset=parquet_stream.filter(lambda row: False), max_steps=2)
    with pytest.raises(ValueError, match="no rows"):
        nothing.train()
    wrong = parquet_stream.map(
        lambda row, i: {"text": None if i == 20 else row["text"]},
        with_indices=True,
        features=parquet_stream.features,
    )
    with pytest.raises(ValueError, match="row 20"):
        make_trainer(train_dataset=wrong, max_steps=9).train()


def test_labels_alone_need_no_teacher(
    make_trainer: MakeTrainer, parquet_stream: IterableDataset
) -> None:
    plain = parquet_stream.select_columns(["text", "label"])
    make_trainer(train_dataset=plain, max_steps=2, method="none").train()
    unlabelled = plain.remove_columns("label")
    with pytest.raises(ValueError, match="label"):
        make_trainer(train_dataset=unlabelled, max_steps=2, method="none")


def test_a_stream_without_labels_learns_from_the_teacher(
    make_trainer: MakeTrainer, parquet_stream: IterableDataset
) -> None:
    trainer = make_trainer(train_dataset=parquet_stream.remove_columns("label"), max_steps=2)
    trainer.train()
    assert trainer.args.per_device_train_batch_size == 8


@pytest.mark.slow
def test_two_processes_train_as_one(
    annotated: Dataset,
    make_student: Callable,
    student_tokenizer: PreTrainedTokenizerFast,
    tmp_path: Path,
) -> None:
    for part in range(3):
        annotated.select(range(16 * part, 16 * part + 16)).to_parquet(tmp_path / f"{part}.parquet")
    make_student().save_pretrained(tmp_path / "student")
    student_tokenizer.save_pretrained(tmp_path / "student")
    script = str(Path(__file__).with_name("train_on_stream.py"))
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc_per_node", "2", script, str(tmp_path), "two"),
        ],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=300,
    )
    runpy.run_path(script)["run"](tmp_path, "one")
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert (one["processes"], two["processes"]) == (1, 2)
    np.testing.assert_allclose(two["weights"], one["weights"], atol=1e-5)
    assert one["resumed_weights"] == one["weights"]
    if "resumed_weights" in two:
        np.testing.assert_allclose(two["resumed_weights"], two["weights"], atol=1e-7)


def test_a_teacher_annotates_a_stream_that_is_not(
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
    make_arguments: Callable,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path / "cache"))
    stream = Dataset.from_dict({"text": sentences}).to_iterable_dataset()
    args = make_arguments(max_steps=2, per_device_train_batch_size=4)
    names = load_teacher(tiny_teacher_dir("bert")).labels
    model, tokenizer = build_student(
        count_words(stream), names, args, min_frequency=1, word_vectors="none"
    )
    trainer = DistillationTrainer(
        model,
        args,
        train_dataset=stream,
        processing_class=tokenizer,
        teacher=tiny_teacher_dir("bert"),
        explainer=Saliency(),
    )
    trainer.train()
    assert trainer.state.global_step == 2
    check_divisible(stream, 1)
    with pytest.raises(ValueError, match=r"1 shards .* 2 processes"):
        check_divisible(stream, 2)
    check_divisible(split_dataset_by_node(stream, 0, 2), 2)
