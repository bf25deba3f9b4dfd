# SPDX-License-Identifier: Apache-2.0
"""Streams are annotated as they are read, and end up with what datasets do."""

import numpy as np
import pytest
from datasets import (
    Dataset,
    DatasetDict,
    Features,
    IterableDataset,
    IterableDatasetDict,
    load_dataset,
)
from datasets.distributed import split_dataset_by_node

from dixtill_hf.annotation.worker import added_features
from dixtill_hf.data import columns
from dixtill_hf.explainers.saliency import Saliency


@pytest.fixture
def dataset(sentences) -> Dataset:
    return Dataset.from_dict({"text": [*sentences, sentences[2]], "number": range(13)})


def _close(rows, others):
    for row, other in zip(rows, others, strict=True):
        assert row.keys() == other.keys()
        assert row["text"] == other["text"]
        assert row[columns.TEACHER_SPANS] == other[columns.TEACHER_SPANS]
        for name in (columns.TEACHER_LOGITS, columns.TEACHER_ATTRIBUTIONS):
            np.testing.assert_allclose(row[name], other[name], atol=1e-5)


def test_a_stream_has_what_a_dataset_has(dataset, cheaply, small_shards, tmp_path):
    streamed = cheaply(dataset.to_iterable_dataset())
    assert isinstance(streamed, IterableDataset)
    assert streamed.features == Features({**dataset.features, **added_features(Saliency())})
    _close(list(streamed), cheaply(dataset, cache_dir=tmp_path / "whole"))


def test_only_what_is_read_is_computed_and_only_once(dataset, cheaply, computed, small_shards):
    streamed = cheaply(dataset.to_iterable_dataset())
    assert computed == []
    for rows, texts in ((1, 3), (2, 3), (4, 6), (13, 12), (13, 12)):
        assert len(list(streamed.take(rows))) == rows
        assert len(computed) == texts


def test_streams_and_datasets_share_what_is_kept(dataset, cheaply, computed, small_shards):
    whole = cheaply(dataset)
    computed.clear()
    streamed = cheaply(dataset.to_iterable_dataset().shuffle(seed=0, buffer_size=5))
    rows = sorted(streamed, key=lambda row: row["number"])
    assert computed == []
    assert rows == list(whole)


def test_an_interrupted_stream_goes_on_where_it_stopped(dataset, cheaply, computed, small_shards):
    next(iter(cheaply(dataset.to_iterable_dataset())))
    computed.clear()
    list(cheaply(dataset.to_iterable_dataset()))
    assert len(computed) == 9


def test_a_directory_of_files_is_streamed(dataset, cheaply, small_shards, tmp_path):
    for part in range(3):
        rows = range(part * 4, part * 4 + 4)
        dataset.select(rows).to_parquet(tmp_path / "texts" / f"{part}.parquet")
    files = load_dataset("parquet", data_dir=str(tmp_path / "texts"), split="train", streaming=True)
    streamed = cheaply(files)
    _close(list(streamed), cheaply(dataset.select(range(12)), cache_dir=tmp_path / "whole"))


def test_each_process_annotates_what_it_reads(dataset, cheaply, computed, small_shards):
    stream = dataset.to_iterable_dataset(num_shards=2)
    for rank in range(2):
        own = cheaply(split_dataset_by_node(stream, rank, 2))
        assert len(list(own)) == 7 - rank
    assert len(computed) == 12


def test_a_stream_of_unknown_types_is_annotated(dataset, cheaply):
    stream = IterableDataset.from_generator(lambda: iter(dataset))
    assert stream.features is None
    streamed = cheaply(stream)
    assert set(dataset.features) < set(streamed.features)
    _close(list(streamed), cheaply(dataset))


@pytest.mark.parametrize("kind", ["torch", "numpy", None])
def test_a_formatted_stream_keeps_its_format(dataset, cheaply, kind):
    streamed = next(iter(cheaply(dataset.to_iterable_dataset().with_format(kind))))
    plain = cheaply(dataset).with_format(kind)[0]
    assert streamed["text"] == plain["text"]
    assert type(streamed[columns.TEACHER_LOGITS]) is type(plain[columns.TEACHER_LOGITS])
    assert np.array(streamed[columns.TEACHER_LOGITS] == plain[columns.TEACHER_LOGITS]).all()


def test_all_streams_of_a_dictionary_are_annotated(dataset, cheaply):
    data = DatasetDict(train=dataset, test=dataset.select([5]))
    streams = {name: split.to_iterable_dataset() for name, split in data.items()}
    annotated = cheaply(IterableDatasetDict(streams))
    assert isinstance(annotated, IterableDatasetDict)
    for name, split in cheaply(data).items():
        _close(list(annotated[name]), split)


def test_a_new_annotation_replaces_the_old(dataset, cheaply):
    once = cheaply(dataset).to_iterable_dataset()
    twice = cheaply(once, explainer="saliency")
    assert list(twice.features) == list(once.features)
    assert np.isnan(next(iter(twice))[columns.COMPLETENESS_ERROR])


def test_bad_rows_are_named_by_their_place_in_the_stream(sentences, cheaply, small_shards):
    stream = Dataset.from_dict({"text": [*sentences[:5], None]}).to_iterable_dataset()
    with pytest.raises(ValueError, match="Row 5 has no text"):
        list(cheaply(stream))
    with pytest.raises(ValueError, match=r"\['label'\] are missing"):
        cheaply(stream, target="true")


def test_the_first_truncated_text_is_named(sentences, cheaply, caplog, small_shards):
    texts = [*sentences[:4], sentences[0] * 40, sentences[1] * 40]
    stream = cheaply(Dataset.from_dict({"text": texts}).to_iterable_dataset())
    assert [row[columns.TRUNCATED] for row in stream] == [False] * 4 + [True] * 2
    assert caplog.text.count("longer than the teacher's limit") == 1
    assert "row 4 is the first" in caplog.text
