# SPDX-License-Identifier: Apache-2.0
"""`annotate`: what it adds, and that nothing is computed twice or lost."""

import errno
import os

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict, Features, load_dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.worker import added_features
from dixtill_hf.data import columns
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.saliency import Saliency
from dixtill_hf.teacher.encoding import encode_texts


def _texts(sentences, copies):
    return [f"{sentence} {copy}" for copy in range(copies) for sentence in sentences]


def test_rows_hold_the_teachers_logits_and_one_score_per_span(dataset, teacher, cheaply):
    annotated = cheaply(dataset)
    for row in annotated:
        inputs = teacher.tokenizer(row["text"], return_tensors="pt")
        with torch.inference_mode():
            logits = teacher.model(**inputs).logits[0].numpy()
        np.testing.assert_allclose(row[columns.TEACHER_LOGITS], logits, atol=1e-5)
        assert row[columns.EXPLAINED_LABEL] == logits.argmax()
        assert len(row[columns.TEACHER_SPANS]) == len(row[columns.TEACHER_ATTRIBUTIONS])
        assert len(row[columns.TEACHER_SPANS]) == inputs["input_ids"].shape[1] - 2
        assert row[columns.EVALUATIONS] == 3
    assert annotated["text"][:] == dataset["text"][:]
    assert annotated["label"][:] == dataset["label"][:]
    assert annotated.features == Features({**dataset.features, **added_features(Saliency())})


def test_the_default_explainer_is_adaptive_and_looked_up_as_well(
    dataset, teacher, tmp_path, computed
):
    first = annotate(dataset, teacher, cache_dir=tmp_path)
    assert sorted(computed) == sorted(dataset["text"])
    computed.clear()
    assert annotate(dataset, teacher, cache_dir=tmp_path).to_dict() == first.to_dict()
    annotate(dataset.select(range(5)), teacher, cache_dir=tmp_path)
    assert computed == []


def test_the_second_call_computes_nothing(dataset, cheaply, computed):
    first = cheaply(dataset)
    assert len(computed) == len(dataset)
    computed.clear()
    second = cheaply(dataset)
    assert computed == []
    assert second.to_dict() == first.to_dict()
    assert second._fingerprint == first._fingerprint


@pytest.mark.parametrize(
    "changed",
    [{"output": "probability"}, {"target": "true"}, {"explainer": "saliency"}],
)
def test_a_changed_setting_is_computed(dataset, cheaply, computed, changed):
    cheaply(dataset)
    computed.clear()
    cheaply(dataset, **changed)
    assert len(computed) == len(dataset)


def test_a_dataset_that_grows_costs_its_growth(dataset, cheaply, computed, small_shards):
    first = cheaply(dataset.select(range(7)))
    computed.clear()
    grown = cheaply(dataset)
    assert sorted(computed) == sorted(dataset["text"][7:])
    assert grown.select(range(7)).to_dict() == first.to_dict()


def test_texts_in_another_order_or_fewer_of_them_cost_nothing(
    dataset, cheaply, computed, small_shards
):
    whole = cheaply(dataset)
    computed.clear()
    for rows in (range(11, -1, -1), [3, 8, 5], [4, 4, 4]):
        assert cheaply(dataset.select(rows)).to_dict() == whole.select(rows).to_dict()
    assert computed == []


def test_equal_texts_are_annotated_once(sentences, cheaply, computed, small_shards):
    texts = [sentences[index % 4] for index in range(30)]
    data = DatasetDict(
        train=Dataset.from_dict({"text": texts}), test=Dataset.from_dict({"text": sentences[2:6]})
    )
    annotated = cheaply(data)
    assert sorted(computed) == sorted(sentences[:6])
    scores = annotated["train"][columns.TEACHER_ATTRIBUTIONS][:]
    assert scores[:4] * 7 + scores[:2] == scores


def test_an_interrupted_annotation_goes_on_where_it_stopped(
    dataset, cheaply, computed, small_shards, monkeypatch, tmp_path
):
    whole = cheaply(dataset, cache_dir=tmp_path / "whole")
    replace, shards = os.replace, []

    def interrupt(source, target):
        shards.append(target)
        if len(shards) == 4:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cheaply(dataset)
    assert not list((tmp_path / "cache").rglob("*.tmp"))
    computed.clear()
    assert cheaply(dataset).to_dict() == whole.to_dict()
    assert len(computed) == len(dataset) - 6


def test_what_a_damaged_shard_held_is_computed_in_the_same_call(
    dataset, cheaply, computed, small_shards, shards, caplog, tmp_path
):
    first = cheaply(dataset)
    damaged = shards()[1]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    for assembled in (tmp_path / "cache").glob("*/assembled/*"):
        assembled.unlink()
    computed.clear()
    assert cheaply(dataset).to_dict() == first.to_dict()
    assert len(computed) == 3
    assert damaged.name in caplog.text
    assert damaged in shards()


def test_a_damaged_assembled_file_is_put_together_anew(
    dataset, cheaply, computed, caplog, tmp_path
):
    first = cheaply(dataset).to_dict()
    (assembled,) = (tmp_path / "cache").glob("*/assembled/*")
    content = bytearray(assembled.read_bytes())
    content[len(content) // 2] ^= 1
    assembled.write_bytes(content)
    computed.clear()
    assert cheaply(dataset).to_dict() == first
    assert computed == []
    assert f"{assembled} is damaged" in caplog.text


def test_a_full_disk_says_what_to_do_and_keeps_what_is_done(
    dataset, cheaply, computed, small_shards, shards, monkeypatch
):
    replace = os.replace

    def full(source, target):
        if len(shards()) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(OSError, match=r"No space left on device.*free some space") as error:
            cheaply(dataset)
    assert error.value.errno == errno.ENOSPC
    assert len(shards()) == 2
    assert cheaply(dataset).num_rows == len(dataset)
    assert len(shards()) == 4


def test_the_budget_does_not_change_the_result(dataset, cheaply, tmp_path):
    wide = cheaply(dataset)
    narrow = cheaply(dataset, tokens_per_batch=16, cache_dir=tmp_path / "narrow")
    for one, other in zip(wide, narrow, strict=True):
        np.testing.assert_allclose(
            one[columns.TEACHER_ATTRIBUTIONS], other[columns.TEACHER_ATTRIBUTIONS], atol=1e-5
        )


def test_all_splits_are_annotated_and_a_new_annotation_replaces_the_old(dataset, cheaply):
    data = DatasetDict(train=dataset, test=dataset.select(range(2)))
    once = cheaply(data)
    twice = cheaply(once, explainer="saliency")
    assert once["test"].column_names == twice["test"].column_names
    assert np.isfinite(once["test"][columns.COMPLETENESS_ERROR]).all()
    assert np.isnan(twice["test"][columns.COMPLETENESS_ERROR]).all()


def test_an_empty_split_gets_the_columns(dataset, cheaply):
    empty = cheaply(DatasetDict(train=dataset, test=dataset.select([])))["test"]
    assert len(empty) == 0
    assert empty.features == cheaply(dataset).features


def test_attributions_of_all_labels_go_to_the_same_column(dataset, cheaply):
    annotated = cheaply(dataset, target="all")
    one = cheaply(dataset)
    for row, of_one in zip(annotated, one, strict=True):
        scores = np.array(row[columns.TEACHER_ATTRIBUTIONS])
        assert scores.shape == (3, len(row[columns.TEACHER_SPANS]))
        assert row[columns.EXPLAINED_LABEL] == of_one[columns.EXPLAINED_LABEL]
        np.testing.assert_allclose(
            scores[row[columns.EXPLAINED_LABEL]], of_one[columns.TEACHER_ATTRIBUTIONS], atol=1e-5
        )
    assert cheaply(dataset, target="all").to_dict() == annotated.to_dict()


def test_what_is_read_at_once_does_not_grow_with_the_dataset(sentences, cheaply, monkeypatch):
    data = Dataset.from_dict({"text": _texts(sentences, 200)})
    read = []
    getitem = Dataset.__getitem__

    def noted(self, key):
        read.append(1 if isinstance(key, int) else len(self) if isinstance(key, str) else len(key))
        return getitem(self, key)

    monkeypatch.setattr(Dataset, "__getitem__", noted)
    cheaply(data.select(range(30)))
    cheaply(data, explainer="precomputed", lexicon={"Acme": 1.0})
    assert max(read) <= 1024 < len(data)


def test_files_larger_than_memory_are_annotated_from_their_memory_map(
    sentences, cheaply, small_shards, tmp_path
):
    for part in range(2):
        texts = [f"{sentence} {part}" for sentence in sentences]
        Dataset.from_dict({"text": texts}).to_parquet(tmp_path / f"texts/{part}.parquet")
    files = load_dataset(
        "parquet", data_dir=str(tmp_path / "texts"), split="train", cache_dir=str(tmp_path / "hf")
    )
    annotated = cheaply(files)
    assert annotated["text"][:] == files["text"][:]
    # Neither the texts nor what was added to them is copied into memory.
    assert len(annotated.cache_files) == 2


def test_truncated_texts_are_counted(dataset, cheaply, caplog):
    long = dataset.select([0]).map(lambda row: {"text": row["text"] * 40})
    annotated = cheaply(long)
    assert annotated[columns.TRUNCATED][:] == [True]
    assert "1 of 1 texts are longer" in caplog.text


def test_missing_columns_are_named(teacher):
    with pytest.raises(ValueError, match=r"\['label'\] are missing.*\['text'\]"):
        annotate(Dataset.from_dict({"text": ["a"]}), teacher, target="true")
    with pytest.raises(ValueError, match=r"\['text'\] are missing.*\['sentence'\]"):
        annotate(Dataset.from_dict({"sentence": ["a"]}), teacher)


def test_a_missing_text_is_named_with_its_split(cheaply):
    data = DatasetDict(
        train=Dataset.from_dict({"text": ["a"]}), test=Dataset.from_dict({"text": ["a", "b", None]})
    )
    with pytest.raises(ValueError, match=r"Split 'test': Row 2 has no text.*None"):
        cheaply(data)
    with pytest.raises(ValueError, match=r"^Row 0 has no text.*holds 7"):
        cheaply(Dataset.from_dict({"text": [7]}))


@pytest.mark.parametrize("kind", ["torch", "numpy"])
@pytest.mark.parametrize("target", ["predicted", "true"])
def test_a_formatted_dataset_is_annotated_and_keeps_its_format(dataset, cheaply, kind, target):
    annotated = cheaply(dataset.with_format(kind), target=target)
    assert annotated.format["type"] == kind
    plain = cheaply(dataset, target=target)
    assert annotated.with_format(None).to_dict() == plain.to_dict()
    np.testing.assert_allclose(
        annotated[0][columns.TEACHER_LOGITS], plain[0][columns.TEACHER_LOGITS]
    )


@pytest.fixture
def memory(monkeypatch) -> dict[str, int]:
    """A device that has no room for more tokens than `tokens` at once, and counts the refusals."""
    state = {"tokens": 100, "refusals": 0}
    explain = IntegratedGradients.explain

    def limited(self, teacher, texts, budget):
        def fits(rows: list[int]) -> None:
            if budget.tokens > state["tokens"]:
                state["refusals"] += 1
                raise torch.cuda.OutOfMemoryError("out of memory")

        budget.run([max(len(text) for text in texts)], fits)
        return explain(self, teacher, texts, budget)

    monkeypatch.setattr(IntegratedGradients, "explain", limited)
    return state


def test_too_little_memory_halves_the_budget_for_good(
    dataset, cheaply, small_shards, memory, caplog, tmp_path
):
    data = DatasetDict(train=dataset, test=dataset.map(lambda row: {"text": row["text"] + "!"}))
    cut = cheaply(data, tokens_per_batch=400)
    assert memory["refusals"] == 2  # 400, 200, then 100 for all that is left
    assert "tokens_per_batch=100" in caplog.text
    memory["tokens"] = 400
    whole = cheaply(data, tokens_per_batch=400, cache_dir=tmp_path / "whole")
    assert memory["refusals"] == 2
    for name, split in cut.items():
        for one, other in zip(split, whole[name], strict=True):
            assert one[columns.TEACHER_SPANS] == other[columns.TEACHER_SPANS]
            np.testing.assert_allclose(
                one[columns.TEACHER_ATTRIBUTIONS], other[columns.TEACHER_ATTRIBUTIONS], atol=1e-5
            )


def test_a_text_that_never_fits_is_named(dataset, teacher, cheaply, memory):
    memory["tokens"] = 1
    lengths = [len(text) for text in encode_texts(teacher, dataset["text"][:])]
    longest = max(range(len(dataset)), key=lengths.__getitem__)
    with pytest.raises(torch.cuda.OutOfMemoryError, match=rf"Row {longest}: A text of \d+ tokens"):
        cheaply(dataset)


def test_a_teacher_that_diverged_names_the_rows(dataset, teacher, cheaply):
    teacher.model.classifier.bias.data[0] = float("nan")
    rows = r"not finite for 12 texts: rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more.*in float32"
    with pytest.raises(ValueError, match=rows):
        cheaply(dataset)


def test_scores_that_do_not_fit_the_spans_name_the_rows(dataset, cheaply, monkeypatch):
    explain = IntegratedGradients.explain

    def short(self, teacher, texts, budget):
        results = explain(self, teacher, texts, budget)
        object.__setattr__(results[0], "scores", results[0].scores[1:])
        return results

    monkeypatch.setattr(IntegratedGradients, "explain", short)
    with pytest.raises(ValueError, match=r"other numbers of scores than of spans for 1 texts: row"):
        cheaply(dataset)


def test_a_budget_below_one_is_refused(dataset, teacher_dir):
    with pytest.raises(ValueError, match="tokens_per_batch must be at least 1, got 0"):
        annotate(dataset, teacher_dir, tokens_per_batch=0)
