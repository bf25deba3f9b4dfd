# SPDX-License-Identifier: Apache-2.0
"""The losses equal those computed by hand, text by text and without padding."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from dixtill_hf.rationales.trainer import RationaleArguments, RationaleTrainer

PREDICT, EXPLAIN, MARK = "predict: ", "explain: ", " So the answer is: "


def trainer(
    model: Any, tokenizer: Any, data: Dataset, directory: Path, **settings: Any
) -> RationaleTrainer:
    args = RationaleArguments(str(directory), report_to=[], use_cpu=True, **settings)
    return RationaleTrainer(model, args, data, data, processing_class=tokenizer)


def loss(model: Any, tokenizer: Any, data: Dataset, directory: Path, **settings: Any) -> float:
    made = trainer(model, tokenizer, data, directory, **settings)
    batch = made.data_collator(list(made.train_dataset))
    model.train()
    return float(made.compute_loss(model, batch).detach())


def by_hand(model: Any, tokenizer: Any, pairs: list[tuple[str, str, str]]) -> float:
    """Mean cross-entropy of the last part of each target, each text read by itself."""
    losses: list[torch.Tensor] = []
    for source, forced, wanted in pairs:
        ids = tokenizer(source, return_tensors="pt")["input_ids"]

        def plain(text: str) -> list[int]:
            return tokenizer(text, add_special_tokens=False)["input_ids"]

        given = [*plain(forced), *(plain(MARK) if forced else [])]
        target = [*plain(wanted), tokenizer.eos_token_id]
        read = torch.tensor([[0, *given, *target[:-1]]])
        logits = model(input_ids=ids, decoder_input_ids=read).logits[0, len(given) :]
        losses += torch.nn.functional.cross_entropy(
            logits, torch.tensor(target), reduction="none"
        ).unbind()
    return float(torch.stack(losses).mean().detach())


def parts(model: Any, tokenizer: Any, data: Dataset) -> dict[str, float]:
    names = data.features["label"].names
    rows = list(data)
    wrong = [
        (PREDICT + row["text"], why, names[place])
        for row in rows
        for place, why in enumerate(row["teacher_counterfactual_rationales"])
        if why
    ]
    made = {
        "predict": [(PREDICT + row["text"], "", names[row["label"]]) for row in rows],
        "explain": [(EXPLAIN + row["text"], "", row["teacher_rationale"]) for row in rows],
        "factual": [
            (PREDICT + row["text"], row["teacher_rationale"], names[row["label"]]) for row in rows
        ],
        "counterfactual": wrong,
    }
    return {name: by_hand(model, tokenizer, pairs) for name, pairs in made.items()}


def test_every_mode_equals_hand_computation(
    model: Any, tokenizer: Any, rationales: Dataset, tmp_path: Path
) -> None:
    one = parts(model, tokenizer, rationales)
    multitask = 0.7 * one["predict"] + 0.3 * one["explain"]
    forced = 0.6 * one["factual"] + 0.4 * one["counterfactual"]
    expected = {
        "label": one["predict"],
        "multitask": multitask,
        "counterfactual": forced,
        "both": 0.8 * multitask + 0.2 * forced,
    }
    for mode, value in expected.items():
        found = loss(
            model, tokenizer, rationales, tmp_path, mode=mode, alpha=0.7, beta=0.6, gamma=0.8
        )
        assert found == pytest.approx(value, rel=1e-5), mode


def test_at_the_edges_of_the_weights_a_mode_is_another(
    model: Any, tokenizer: Any, rationales: Dataset, tmp_path: Path
) -> None:
    plain = loss(model, tokenizer, rationales, tmp_path, mode="label")
    bare = rationales.select_columns(["text", "label"])
    assert loss(model, tokenizer, bare, tmp_path, mode="multitask", alpha=1.0) == plain
    both = loss(model, tokenizer, rationales, tmp_path, mode="both", gamma=1.0, alpha=0.4)
    assert both == pytest.approx(
        loss(model, tokenizer, rationales, tmp_path, mode="multitask", alpha=0.4)
    )


def test_a_batch_is_the_mean_of_its_tokens_whatever_the_padding(
    model: Any, tokenizer: Any, rationales: Dataset, tmp_path: Path
) -> None:
    """The longest text changes nothing about the others."""
    made = trainer(model, tokenizer, rationales, tmp_path, mode="both")
    together = made.data_collator(list(made.train_dataset))
    for part, batch in together.items():
        alone = made.data_collator(list(made.train_dataset)[:1])[part]
        width = alone["labels"].shape[1]
        model.eval()
        with torch.no_grad():
            found = model(**{k: v for k, v in batch.items() if k != "labels"}).logits[0, :width]
            expected = model(**{k: v for k, v in alone.items() if k != "labels"}).logits[0]
        counted = alone["labels"][0] != -100
        torch.testing.assert_close(found[counted], expected[counted], atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_it_trains_evaluates_and_logs_its_terms(
    model: Any, tokenizer: Any, rationales: Dataset, tmp_path: Path
) -> None:
    made = trainer(
        model,
        tokenizer,
        rationales,
        tmp_path,
        mode="both",
        num_train_epochs=30,
        learning_rate=1e-2,
        per_device_train_batch_size=3,
        logging_steps=5,
        eval_strategy="epoch",
        save_strategy="no",
        predict_with_generate=False,
        disable_tqdm=True,
    )
    made.train()
    logs = [one for one in made.state.log_history if "loss" in one]
    assert {"loss_predict", "loss_explain", "loss_factual", "loss_counterfactual"} <= {*logs[0]}
    assert logs[-1]["loss"] < 0.8 * logs[0]["loss"]
    evaluated = [one["eval_loss"] for one in made.state.log_history if "eval_loss" in one]
    assert evaluated[-1] < evaluated[0]


def test_mistakes_are_named(
    model: Any, tokenizer: Any, rationales: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], got 1.5"):
        RationaleArguments(str(tmp_path), alpha=1.5)
    with pytest.raises(ValueError, match="mode"):
        RationaleArguments(str(tmp_path), mode="multi")
    bare = rationales.select_columns(["text", "label"])
    with pytest.raises(ValueError, match="make them with generate_rationales"):
        trainer(model, tokenizer, bare, tmp_path, mode="both")
    with pytest.raises(ValueError, match="end of sequence"):
        RationaleTrainer(model, RationaleArguments(str(tmp_path)), rationales)
