# SPDX-License-Identifier: Apache-2.0
"""Batches of prepared rows: padding, types, and rows that lack something."""

import torch

from dixtill_hf.distillation.batching import DistillationCollator

ROWS = [
    {
        "input_ids": [5, 6, 7],
        "labels": 2,
        "length": 3,
        "teacher_logits": [0.5, -1.0, 2.0],
        "attribution_targets": [0.1, 0.2, -0.3],
        "explained_label": 2,
    },
    {
        "input_ids": [8],
        "labels": -100,
        "length": 1,
        "teacher_logits": [1.0, 0.0, 0.0],
        "attribution_targets": [4.0],
        "explained_label": 0,
    },
]


def test_pads_on_the_right_to_the_longest_text() -> None:
    batch = DistillationCollator(pad_token_id=9)(ROWS)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    expected = torch.tensor([[0.1, 0.2, -0.3], [4.0, 0.0, 0.0]])
    assert torch.equal(batch["attribution_targets"], expected)


def test_values_per_text_and_types() -> None:
    batch = DistillationCollator()(ROWS)
    assert batch["labels"].tolist() == [2, -100]
    assert batch["explained_label"].tolist() == [2, 0]
    assert batch["teacher_logits"].tolist() == [[0.5, -1.0, 2.0], [1.0, 0.0, 0.0]]
    floats = {"teacher_logits", "attribution_targets"}
    assert {name for name, value in batch.items() if value.dtype == torch.float32} == floats
    assert all(v.dtype == torch.int64 for name, v in batch.items() if name not in floats)


def test_columns_that_are_not_there_are_not_made_up() -> None:
    batch = DistillationCollator()([{"input_ids": [1], "labels": 0}])
    assert batch.keys() == {"input_ids", "attention_mask", "labels"}


def test_empty_texts_keep_their_rows() -> None:
    empty = {**ROWS[1], "input_ids": [], "attribution_targets": []}
    assert DistillationCollator()([empty, ROWS[1]])["attention_mask"].tolist() == [[0], [1]]
    alone = DistillationCollator()([empty])
    assert alone["input_ids"].shape == alone["attribution_targets"].shape == (1, 1)
    assert alone["attention_mask"].tolist() == [[0]]
