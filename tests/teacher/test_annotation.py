# SPDX-License-Identifier: Apache-2.0
"""`annotate`: what it adds, that it is computed once, and that nothing finished is lost."""

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.data import columns
from dixtill_hf.teacher import annotator
from dixtill_hf.teacher.annotation import annotate
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.integrated_gradients import IntegratedGradients
from dixtill_hf.teacher.loading import load_teacher


@pytest.fixture
def dataset(sentences, teacher_labels) -> Dataset:
    features = Features({"text": Value("string"), "label": ClassLabel(names=teacher_labels)})
    labels = [index % 3 for index in range(len(sentences))]
    return Dataset.from_dict({"text": sentences, "label": labels}, features=features)


@pytest.fixture
def teacher_dir(tiny_teacher_dir):
    return tiny_teacher_dir("bert")


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Texts of every batch that was really computed."""
    sizes: list[int] = []
    explain = IntegratedGradients.explain

    def counted(self, teacher, batch, max_tokens):
        sizes.append(len(batch.labels))
        return explain(self, teacher, batch, max_tokens)

    monkeypatch.setattr(IntegratedGradients, "explain", counted)
    return sizes


def test_rows_hold_the_teachers_logits_and_one_score_per_span(
    dataset, teacher_dir, teacher_labels, tmp_path
):
    annotated = annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path)
    teacher = load_teacher(teacher_dir, teacher_labels)
    for row in annotated:
        inputs = teacher.tokenizer(row["text"], return_tensors="pt")
        with torch.inference_mode():
            logits = teacher.model(**inputs).logits[0].numpy()
        np.testing.assert_allclose(row[columns.TEACHER_LOGITS], logits, atol=1e-5)
        assert row[columns.EXPLAINED_LABEL] == logits.argmax()
        assert len(row[columns.TEACHER_SPANS]) == len(row[columns.TEACHER_ATTRIBUTIONS])
        assert len(row[columns.TEACHER_SPANS]) == inputs["input_ids"].shape[1] - 2
        assert row[columns.EVALUATIONS] == 6
    assert annotated["text"][:] == dataset["text"][:]
    assert annotated["label"][:] == dataset["label"][:]


def test_the_second_call_computes_nothing(dataset, teacher_dir, tmp_path, calls):
    first = annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path)
    assert sum(calls) == len(dataset)
    calls.clear()
    second = annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path)
    assert calls == []
    assert second.to_dict() == first.to_dict()
    assert second._fingerprint == first._fingerprint


@pytest.mark.parametrize("changed", [{"steps": 5}, {"output": "probability"}, {"target": "true"}])
def test_a_changed_setting_is_computed(dataset, teacher_dir, tmp_path, calls, changed):
    annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path)
    calls.clear()
    annotate(dataset, teacher_dir, **{"steps": 4, **changed}, cache_dir=tmp_path)
    assert sum(calls) == len(dataset)


def test_an_interrupted_annotation_goes_on_where_it_stopped(
    dataset, teacher_dir, tmp_path, monkeypatch, calls
):
    monkeypatch.setattr(annotator, "TEXTS_PER_SHARD", 3)
    whole = annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path / "whole")
    calls.clear()
    write = annotator.ShardStore.write

    def interrupt(self, number, table):
        if number == 2:
            raise KeyboardInterrupt
        write(self, number, table)

    monkeypatch.setattr(annotator.ShardStore, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path / "cut")
    monkeypatch.setattr(annotator.ShardStore, "write", write)
    calls.clear()
    resumed = annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path / "cut")
    assert sum(calls) == len(dataset) - 6
    assert resumed.to_dict() == whole.to_dict()


def test_the_budget_does_not_change_the_result(dataset, teacher_dir, tmp_path):
    wide = annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path / "wide")
    narrow = annotate(
        dataset, teacher_dir, steps=4, tokens_per_batch=16, cache_dir=tmp_path / "narrow"
    )
    for one, other in zip(wide, narrow, strict=True):
        np.testing.assert_allclose(
            one[columns.TEACHER_ATTRIBUTIONS], other[columns.TEACHER_ATTRIBUTIONS], atol=1e-5
        )


def test_all_splits_are_annotated_and_a_new_annotation_replaces_the_old(
    dataset, teacher_dir, tmp_path
):
    data = DatasetDict(train=dataset, test=dataset.select(range(2)))
    once = annotate(data, teacher_dir, steps=2, cache_dir=tmp_path)
    twice = annotate(once, teacher_dir, steps=3, cache_dir=tmp_path)
    assert once["test"].column_names == twice["test"].column_names
    assert twice["test"][columns.EVALUATIONS][:] == [5, 5]


def test_truncated_texts_are_counted(dataset, teacher_dir, tmp_path, caplog):
    long = dataset.select([0]).map(lambda row: {"text": row["text"] * 40})
    annotated = annotate(long, teacher_dir, steps=2, cache_dir=tmp_path)
    assert annotated[columns.TRUNCATED][:] == [True]
    assert "1 of 1 texts are longer" in caplog.text


def test_missing_columns_are_named(teacher_dir):
    with pytest.raises(ValueError, match=r"\['label'\] are missing.*\['text'\]"):
        annotate(Dataset.from_dict({"text": ["a"]}), teacher_dir, target="true")
    with pytest.raises(ValueError, match=r"\['text'\] are missing.*\['sentence'\]"):
        annotate(Dataset.from_dict({"sentence": ["a"]}), teacher_dir)


def test_texts_need_no_labels_for_what_the_teacher_predicts(
    dataset, teacher_dir, teacher_labels, tmp_path
):
    wanted = annotate(dataset, teacher_dir, steps=2, cache_dir=tmp_path / "labelled")
    bare = dataset.select_columns(["text"])
    loaded = load_teacher(teacher_dir, teacher_labels[::-1])
    for teacher, order in ((teacher_dir, slice(None)), (loaded, slice(None, None, -1))):
        annotated = annotate(bare, teacher, steps=2, cache_dir=tmp_path / "bare")
        logits = np.array(annotated[columns.TEACHER_LOGITS][:])[:, order]
        np.testing.assert_allclose(logits, wanted[columns.TEACHER_LOGITS][:], atol=1e-6)


def test_a_split_without_labels_takes_the_order_of_those_that_have_some(
    dataset, teacher_dir, teacher_labels, tmp_path
):
    feature = ClassLabel(names=teacher_labels[::-1])
    turned = dataset.remove_columns("label").add_column(
        "label", [0] * len(dataset), feature=feature
    )
    data = DatasetDict(more=dataset.select_columns(["text"]), train=turned)
    annotated = annotate(data, teacher_dir, steps=2, cache_dir=tmp_path)
    straight = annotate(dataset, teacher_dir, steps=2, cache_dir=tmp_path)
    for split in annotated.values():
        logits = np.array(split[columns.TEACHER_LOGITS][:])[:, ::-1]
        np.testing.assert_allclose(logits, straight[columns.TEACHER_LOGITS][:], atol=1e-6)


@pytest.mark.parametrize(("target", "texts"), [("predicted", 0), ("true", 12)])
def test_new_labels_are_a_new_annotation_only_where_they_are_explained(
    dataset, teacher_dir, tmp_path, calls, target, texts
):
    annotate(dataset, teacher_dir, steps=2, target=target, cache_dir=tmp_path)
    calls.clear()
    relabelled = dataset.map(lambda row: {"label": (row["label"] + 1) % 3})
    annotate(relabelled, teacher_dir, steps=2, target=target, cache_dir=tmp_path)
    assert sum(calls) == texts


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("target", ["predicted", "true"])
def test_a_formatted_dataset_is_annotated_and_keeps_its_format(
    dataset, teacher_dir, tmp_path, kind, target
):
    settings = {"steps": 2, "target": target, "cache_dir": tmp_path}
    annotated = annotate(dataset.with_format(kind), teacher_dir, **settings)
    assert annotated.format["type"] == kind
    plain = annotate(dataset, teacher_dir, **settings)
    assert annotated.with_format(None).to_dict() == plain.to_dict()
    np.testing.assert_allclose(
        annotated[0][columns.TEACHER_LOGITS], plain[0][columns.TEACHER_LOGITS]
    )


@pytest.fixture
def memory(monkeypatch) -> dict[str, int]:
    """A device that has no room for more tokens than `tokens` at once, and counts the refusals."""
    state = {"tokens": 100, "refusals": 0}
    explain = IntegratedGradients.explain

    def limited(self, teacher, batch, max_tokens):
        if max(max_tokens, batch.ordinary.numel()) > state["tokens"]:
            state["refusals"] += 1
            raise torch.cuda.OutOfMemoryError("out of memory")
        return explain(self, teacher, batch, max_tokens)

    monkeypatch.setattr(IntegratedGradients, "explain", limited)
    return state


def test_too_little_memory_halves_the_budget_for_good(
    dataset, teacher_dir, tmp_path, memory, monkeypatch, caplog
):
    monkeypatch.setattr(annotator, "TEXTS_PER_SHARD", 4)
    data = DatasetDict(train=dataset, test=dataset.select([3, 1]))
    settings = {"steps": 4, "tokens_per_batch": 400}
    cut = annotate(data, teacher_dir, **settings, cache_dir=tmp_path / "cut")
    assert memory["refusals"] == 2  # 400, 200, then 100 for all that is left
    assert "tokens_per_batch=100" in caplog.text
    memory["tokens"] = 400
    whole = annotate(data, teacher_dir, **settings, cache_dir=tmp_path / "whole")
    assert memory["refusals"] == 2
    for name, split in cut.items():
        for one, other in zip(split, whole[name], strict=True):
            assert one[columns.TEACHER_SPANS] == other[columns.TEACHER_SPANS]
            np.testing.assert_allclose(
                one[columns.TEACHER_ATTRIBUTIONS], other[columns.TEACHER_ATTRIBUTIONS], atol=1e-5
            )


def test_a_text_that_never_fits_is_named(dataset, teacher_dir, tmp_path, memory):
    memory["tokens"] = 1
    longest = max(range(len(dataset)), key=lambda row: len(_spans(dataset, teacher_dir, row)))
    with pytest.raises(torch.cuda.OutOfMemoryError, match=rf"Row {longest}, with \d+ tokens"):
        annotate(dataset, teacher_dir, steps=4, cache_dir=tmp_path)


def _spans(dataset, teacher_dir, row):
    (encoded,) = encode_texts(load_teacher(teacher_dir), [dataset[row]["text"]])
    return encoded.spans


def test_a_teacher_that_diverged_names_the_rows(dataset, teacher_dir, teacher_labels, tmp_path):
    teacher = load_teacher(teacher_dir, teacher_labels)
    teacher.model.classifier.bias.data[0] = float("nan")
    with pytest.raises(ValueError, match=r"not finite for rows \["):
        annotate(dataset, teacher, steps=2, cache_dir=tmp_path)


def test_a_budget_below_one_is_refused(dataset, teacher_dir):
    with pytest.raises(ValueError, match="tokens_per_batch must be at least 1, got 0"):
        annotate(dataset, teacher_dir, tokens_per_batch=0)
