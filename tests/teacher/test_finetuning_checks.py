# SPDX-License-Identifier: Apache-2.0
"""A teacher that is not worth learning from is told before anything is annotated."""

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.teacher.finetuning import warn_of_a_weak_teacher


def epochs(*reached: tuple[float, float]) -> list[dict[str, float]]:
    """What the Trainer logs of epochs with these macro F1 and losses."""
    return [{"eval_macro_f1": macro_f1, "eval_loss": loss} for macro_f1, loss in reached]


@pytest.fixture
def dataset() -> DatasetDict:
    """One word tells the label, in training and in validation texts."""
    features = Features({"text": Value("string"), "label": ClassLabel(names=["down", "up"])})
    rows = {"text": [f"shares {('fall', 'rise')[i % 2]} {i}" for i in range(40)]}
    split = Dataset.from_dict(rows | {"label": [i % 2 for i in range(40)]}, features=features)
    return DatasetDict(train=split, validation=split)


@pytest.mark.parametrize(
    ("macro_f1", "logged", "message"),
    [
        (0.2, epochs((0.2, 1.0)), "always answering 'down' reaches too"),
        (0.8, epochs((0.8, 0.5)), "that of a linear model of words is 1.000"),
        (1.0, epochs((0.9, 0.5), (1.0, 0.3)), "still improved when its fine-tuning ended"),
    ],
)
def test_a_weak_teacher_is_told(dataset, caplog, macro_f1, logged, message):
    warn_of_a_weak_teacher(dataset, macro_f1, logged)
    (record,) = caplog.records
    assert message in record.message


@pytest.mark.parametrize(
    "logged",
    [
        epochs((1.0, 0.3)),
        epochs((0.9, 0.2), (1.0, 0.3)),
        epochs((0.995, 0.5), (1.0, 0.3)),
        epochs((1.0, 0.5), (0.9, 0.3)),
    ],
)
def test_a_good_one_is_not(dataset, caplog, logged):
    warn_of_a_weak_teacher(dataset, 1.0, logged)
    assert not caplog.records
