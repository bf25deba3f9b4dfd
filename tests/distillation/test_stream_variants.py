# SPDX-License-Identifier: Apache-2.0
"""Variants of a stream's texts are made and labelled as it flows."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, IterableDataset, Value

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.worker import Worker
from dixtill_hf.distillation import stream_variants
from dixtill_hf.distillation.augmentation import text_variants
from dixtill_hf.distillation.stream_variants import add_variants
from dixtill_hf.explainers.saliency import Saliency
from dixtill_hf.teacher.loading import Teacher, load_teacher


@pytest.fixture
def teacher(tiny_teacher_dir) -> Teacher:
    return load_teacher(tiny_teacher_dir("bert"), device="cpu")


@pytest.fixture
def dataset(sentences, teacher_labels) -> Dataset:
    features = Features({"text": Value("string"), "label": ClassLabel(names=teacher_labels)})
    labels = [index % 3 for index in range(len(sentences))]
    return Dataset.from_dict({"text": sentences, "label": labels}, features=features)


@pytest.fixture
def varied(dataset, teacher, tmp_path, monkeypatch) -> Callable[..., IterableDataset]:
    """The dataset as an annotated stream with variants, made of four texts at a time."""
    monkeypatch.setattr(stream_variants, "_TEXTS_AT_ONCE", 4)

    def make(explainer=None, **settings) -> IterableDataset:
        explainer = explainer or Saliency()
        shared = {"cache_dir": tmp_path / "cache", "keep": settings.get("keep", True)}
        stream = annotate(dataset.to_iterable_dataset(), teacher, explainer, **shared)
        return add_variants(stream, teacher, explainer=explainer, **shared | settings)

    return make


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("explained", [0, 1])
def test_variants_are_those_of_the_texts_and_the_teacher_labels_them(
    varied, dataset, teacher, tmp_path, explained, keep
):
    rows = list(varied(per_text=2, seed=7, explained=explained, keep=keep))
    places = iter(rows)
    for start in range(0, len(dataset), 4):
        texts = dataset["text"][start : start + 4]
        own = list(itertools.islice(places, len(texts)))
        assert [row["text"] for row in own] == texts
        assert [row["label"] for row in own] == dataset["label"][start : start + 4]
        variants = text_variants(texts, 2, (7, start))
        found = list(itertools.islice(places, len(variants)))
        assert [row["text"] for row in found] == variants
        assert {row["label"] for row in found} == {-100}
        first = len(text_variants(texts, 1, (7, start))) if explained else 0
        assert all(row["teacher_attributions"] for row in found[:first])
        assert not any(row["teacher_attributions"] for row in found[first:])
        expected = annotate(
            Dataset.from_dict({"text": variants}), teacher, Saliency(), cache_dir=tmp_path / "other"
        )
        for row, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(row["teacher_logits"], other["teacher_logits"], atol=1e-5)
    assert next(places, None) is None


def test_a_stream_explained_for_all_labels_stays_so(varied):
    rows = list(varied(Saliency(target="all"), per_text=1))
    assert {len(row["teacher_attributions"]) for row in rows} == {3}


def test_only_what_is_kept_is_computed_once(varied, monkeypatch):
    computed = []
    work = Worker.annotate

    def counted(self, batch, rows):
        computed.extend(batch["text"])
        return work(self, batch, rows)

    monkeypatch.setattr(Worker, "annotate", counted)
    kept, unkept = varied(per_text=1), varied(per_text=1, keep=False)
    for stream, more in ((kept, False), (unkept, True)):
        list(stream)
        before = len(computed)
        list(stream)
        assert (len(computed) > before) == more


def test_wrong_settings_are_refused(varied, dataset, teacher):
    with pytest.raises(ValueError, match="annotate it first"):
        add_variants(dataset.to_iterable_dataset(), teacher)
    with pytest.raises(ValueError, match="per_text must be at least 1"):
        varied(per_text=0)
    with pytest.raises(ValueError, match="explained must be 0 to per_text"):
        varied(per_text=1, explained=2)
    with pytest.raises(ValueError, match="streams"):
        annotate(dataset, teacher, Saliency(), keep=False)
