# SPDX-License-Identifier: Apache-2.0
"""Every training text is explained by the teacher that has not seen it, all others by the mean."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from transformers import AutoModel, AutoTokenizer

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.ensemble import annotate_cross_fitted
from dixtill_hf.distillation.augmentation import label_variants
from dixtill_hf.explainers.base import TARGETS
from dixtill_hf.teacher.ensemble import TeacherEnsemble, cross_fit, hash_of
from dixtill_hf.teacher.finetuning import FinetuningSettings
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import load_teacher

SETTINGS = {"steps": 3, "precision": "float32"}


@pytest.fixture(scope="module")
def data(sentences: list[str], teacher_labels: list[str]) -> DatasetDict:
    features = Features({"text": Value("string"), "label": ClassLabel(names=teacher_labels)})
    labels = [i % 3 for i in range(len(sentences))]
    rows = Dataset.from_dict({"text": sentences, "label": labels}, features=features)
    return DatasetDict(train=rows, validation=rows.select(range(6)))


@pytest.fixture(scope="module")
def ensemble(
    tiny_teacher_dir: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
    data: DatasetDict,
) -> TeacherEnsemble:
    """Two teachers that differ: fine-tuned on the two halves of the texts."""
    directory = tmp_path_factory.mktemp("encoder")
    AutoModel.from_pretrained(tiny_teacher_dir("bert")).save_pretrained(directory)
    AutoTokenizer.from_pretrained(tiny_teacher_dir("bert")).save_pretrained(directory)
    settings = FinetuningSettings(epochs=2, batch_size=4, learning_rate=1e-2)
    return cross_fit(data, directory, tmp_path_factory.mktemp("teachers"), 2, settings)


def test_members_are_saved_and_differ(ensemble: TeacherEnsemble, teacher_labels: list[str]):
    hashes = {hash_teacher(member) for member in ensemble.members}
    assert len(hashes) == 2
    for number, member in enumerate(ensemble.members):
        assert Path(member.name).name == f"fold-{number}"
        assert hash_teacher(load_teacher(member.name, teacher_labels)) in hashes


def test_a_training_text_is_explained_by_who_has_not_seen_it(
    data: DatasetDict, ensemble: TeacherEnsemble, tmp_path: Path
):
    train = annotate_cross_fitted(data, ensemble, cache_dir=tmp_path, **SETTINGS)["train"]
    assert train["text"][:] == data["train"]["text"][:]
    for number, member in enumerate(ensemble.members):
        alone = annotate(data["train"], member, cache_dir=tmp_path, **SETTINGS)
        for row, fold in enumerate(ensemble.folds):
            if fold == number:
                assert train[row] == alone[row]


@pytest.mark.parametrize("target", TARGETS)
def test_other_texts_are_explained_by_the_mean(
    data: DatasetDict, ensemble: TeacherEnsemble, tmp_path: Path, target: str
):
    """Against the path integral of the mean logit, on the nodes of the same rule in float64."""
    found = annotate_cross_fitted(
        data, ensemble, cache_dir=tmp_path, **SETTINGS | {"target": target}
    )["validation"]
    assert found["label"][:] == data["validation"]["label"][:]
    assert found.features["label"] == data["validation"].features["label"]
    for row in found:
        logits = np.mean([_logits(member, row["text"]) for member in ensemble.members], 0)
        np.testing.assert_allclose(row["teacher_logits"], logits, atol=1e-5)
        label = row["label"] if target == "true" else int(logits.argmax())
        assert row["teacher_explained_label"] == label
        expected = np.mean([_integral(m, row["text"], label) for m in ensemble.members], 0)
        scores = row["teacher_attributions"]
        np.testing.assert_allclose(
            scores[label] if target == "all" else scores, expected, atol=1e-4
        )


def test_explainers_without_a_target_are_averaged_too(
    data: DatasetDict, ensemble: TeacherEnsemble, tmp_path: Path
):
    found = annotate_cross_fitted(data, ensemble, "attention_rollout", cache_dir=tmp_path)
    held_out = data["validation"]
    alone = [
        annotate(held_out, m, "attention_rollout", cache_dir=tmp_path) for m in ensemble.members
    ]
    for row, *rows in zip(found["validation"], *alone, strict=True):
        expected = np.mean([one["teacher_attributions"] for one in rows], 0)
        np.testing.assert_allclose(row["teacher_attributions"], expected, rtol=1e-6)
        assert row["teacher_explained_label"] == int(np.argmax(row["teacher_logits"]))


def test_texts_without_a_label_column_are_explained(
    data: DatasetDict, ensemble: TeacherEnsemble, tmp_path: Path
):
    bare = DatasetDict(test=data["validation"].remove_columns("label"))
    found = annotate_cross_fitted(bare, ensemble, "gradient_x_input", cache_dir=tmp_path)
    assert "label" not in found["test"].column_names
    assert len(found["test"]["teacher_attributions"]) == 6


def test_variants_are_labelled_by_who_has_not_seen_their_text(
    data: DatasetDict, ensemble: TeacherEnsemble, tmp_path: Path
):
    found = label_variants(data["train"], ensemble, 2, cache_dir=tmp_path)
    expected = [
        label_variants(data["train"].select(unseen), member, 2, cache_dir=tmp_path)
        for member, unseen in ensemble.parts(data["train"])
    ]
    assert found["text"][:] == [text for part in expected for text in part["text"]]
    logits = np.concatenate([np.asarray(part["teacher_logits"]) for part in expected])
    np.testing.assert_array_equal(np.asarray(found["teacher_logits"]), logits)


def test_other_training_texts_are_refused(data: DatasetDict, ensemble: TeacherEnsemble):
    with pytest.raises(ValueError, match="folds of 12 training texts, these are 5"):
        annotate_cross_fitted(DatasetDict(train=data["train"].select(range(5))), ensemble)


def test_the_hash_tells_ensembles_apart(ensemble: TeacherEnsemble):
    other = TeacherEnsemble(ensemble.members, ensemble.folds[::-1])
    assert hash_of(ensemble) != hash_of(other)
    assert hash_of(ensemble.members[0]) == hash_teacher(ensemble.members[0])


def _logits(teacher, text):
    inputs = teacher.tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        return teacher.logits(inputs)[0].numpy()


def _integral(teacher, text, label, steps=3):
    """Gauss-Legendre along the straight path from padding, one gradient a node."""
    encoded = teacher.tokenizer(text, return_tensors="pt", return_special_tokens_mask=True)
    ordinary = ~encoded.pop("special_tokens_mask").bool()
    table = teacher.model.get_input_embeddings()
    end = table(encoded["input_ids"]).detach()
    start = torch.where(ordinary.unsqueeze(-1), table.weight[teacher.tokenizer.pad_token_id], end)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    scores = torch.zeros(end.shape[:2], dtype=torch.float64)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = (start + node * (end - start)).detach().requires_grad_()
        rest = {name: value for name, value in encoded.items() if name != "input_ids"}
        logit = teacher.model(inputs_embeds=point, **rest).logits[0, teacher.label_order[label]]
        gradient = torch.autograd.grad(logit, point)[0]
        scores += weight * (gradient * (end - start)).sum(-1).double()
    return scores[ordinary].numpy()
