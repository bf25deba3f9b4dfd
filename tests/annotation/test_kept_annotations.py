# SPDX-License-Identifier: Apache-2.0
"""Annotations that were computed with earlier releases are found; those of newer ones refused.

The literal hashes were computed with the first release of the engine, before its modules moved to
the folder `annotation`. A change of one of them throws away everything that users have computed.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from dixtill_hf.annotation.annotator import ENGINE_VERSION, Annotator, find_assembled
from dixtill_hf.annotation.shards import CACHE_VERSION, ShardStore, hash_keys, row_keys
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.explainers.base import get_explainer, known_explainers
from dixtill_hf.teacher.fingerprint import hash_teacher

BATCH = {"text": ["Acme raises its outlook", "", "Übermut \ud800"], "label": [0, 1, 2]}
TEACHER = "82267c0e3ba43e209382a39852c14bff"
FOLDERS = {
    "attention_rollout": "ed67fd6000daf6d5aecee04e7fcdcd1b",
    "deep_lift": "0594df38bc31c40fb2d5a1c133416bc0",
    "gradient_shap": "a7ec707508de2c991271fd69734c2b43",
    "gradient_x_input": "752cf6e3f4eadb565cc07bb9e7300040",
    "integrated_gradients": "82d602bc4a371879e4976d2b70813d53",
    "kernel_shap": "ba5be8a6102151ed2272db7f107c54be",
    "lime": "8842b72f0ad753af80efebf4e18136a3",
    "none": "c006908533a12783f885f184a3327e13",
    "occlusion": "ea772cd27530cc620fb9501b909d895c",
    "quoted_evidence": "334fe4ec73349c9fdb1379c54d5ec77f",
    "saliency": "daeefd1ae6fc3f40260eed8f10d8f792",
    "shapley_sampling": "d75b9b695329fbbcc96fd89326511193",
}


class DistilBertForSequenceClassification(torch.nn.Module):
    """A model with the parts that its hash depends on, whatever the release of transformers."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        described = {"model_type": "distilbert", "dim": 4, "num_labels": 2}
        origin = {"_name_or_path": "somewhere", "transformers_version": "4.57.6"}
        self.config = SimpleNamespace(to_dict=lambda: {**described, **origin})
        self.weight = torch.nn.Parameter(torch.arange(8, dtype=torch.float32).reshape(2, 4))
        self.register_buffer("scale", torch.tensor([0.5], dtype=torch.bfloat16))

    def num_parameters(self, exclude_embeddings=False):
        return 8


@pytest.fixture
def unchanging_teacher():
    tokenizer = {
        "version": "1.0",
        "truncation": {"max_length": 8},
        "padding": None,
        "model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "a": 1}},
    }
    return SimpleNamespace(
        model=DistilBertForSequenceClassification(),
        tokenizer=SimpleNamespace(
            backend_tokenizer=SimpleNamespace(to_str=lambda: json.dumps(tokenizer)),
            pad_token_id=0,
            truncation_side="right",
        ),
        max_length=8,
        label_order=[1, 0],
        name="any",
        device=torch.device("cpu"),
    )


def _annotator(teacher, explainer, cache_dir=Path("cache"), teacher_hash=TEACHER):
    return Annotator(SimpleNamespace(teacher=teacher, explainer=explainer), teacher_hash, cache_dir)


def test_the_keys_of_texts_are_those_of_the_first_release():
    keys = row_keys(BATCH, [], range(3))
    assert [bytes(key).hex() for key in keys] == [
        "55c43381582b128ed381ab366d429712",
        "c804ce198ec337e3dc762bdd1a09aece",
        "ec3c8ce1524c54f55ff485273a0f1b8f",
    ]
    assert [bytes(key).hex() for key in row_keys(BATCH, ["label"], range(3))] == [
        "1e7f13f34fe819bddd253f434d338e27",
        "f3a6539e8ccdb8036e5ac48217b00c49",
        "13d4e614286f8cf2806eb3129c92572e",
    ]
    assert hash_keys(keys) == "3612846040f8a2eb24963842318a12f3"


def test_the_hash_of_a_teacher_is_that_of_the_first_release(unchanging_teacher):
    assert hash_teacher(unchanging_teacher) == TEACHER


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_the_folder_of_an_explainer_is_that_of_the_first_release(unchanging_teacher, name):
    assert ENGINE_VERSION == 3
    annotator = _annotator(unchanging_teacher, get_explainer(name))
    assert annotator.store.directory == Path("cache") / FOLDERS[name] / "shards"


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_every_setting_of_an_explainer_changes_its_folder(unchanging_teacher, name):
    folders = [FOLDERS[name]]
    explainer = get_explainer(name)
    for field in dataclasses.fields(explainer):
        changed = get_explainer(name)
        object.__setattr__(changed, field.name, "another value")
        folders.append(_annotator(unchanging_teacher, changed).store.directory.parent.name)
    assert len(set(folders)) == len(folders)


def test_every_explainer_with_settings_of_its_own_has_a_folder_here():
    assert set(FOLDERS) == set(known_explainers()) - {"precomputed"}


def _write_shard(directory, keys, metadata):
    """A shard as the first release wrote it, but for the metadata."""
    directory.mkdir(parents=True)
    column = pa.array([bytes(key) for key in keys], pa.binary(16))
    table = pa.table({"key": column, "x": [1, 2, 3]}).replace_schema_metadata(metadata)
    path = directory / "new.parquet"
    pq.write_table(table, path)
    checksum = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    return path.replace(directory / f"{hash_keys(keys)}-{checksum}.parquet")


def _opened(directory):
    store = ShardStore(directory, "settings")
    store.refresh(ProcessGroup())
    return store


def test_a_shard_without_a_version_is_read(tmp_path):
    keys = row_keys(BATCH, [], range(3))
    _write_shard(tmp_path / "shards", keys, {"dixtill_settings": "settings"})
    rows = _opened(tmp_path / "shards").rows(keys[::-1], pa.schema([("x", pa.int64())]))
    assert rows.to_pydict() == {"x": [3, 2, 1]}


def test_a_shard_of_a_newer_release_is_refused_by_name_and_stays(tmp_path):
    metadata = {"dixtill_settings": "settings", "dixtill_version": str(CACHE_VERSION + 1)}
    path = _write_shard(tmp_path / "shards", row_keys(BATCH, [], range(3)), metadata)
    with pytest.raises(ValueError, match=rf"{path.name} has format version 2.*Upgrade dixtill_hf"):
        _opened(tmp_path / "shards")
    assert path.is_file()


def test_an_assembled_dataset_of_a_newer_release_is_refused_by_name(tmp_path):
    path = tmp_path / "new.arrow"
    schema = pa.schema([("x", pa.int64())], {"dixtill_version": "2"})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema):
        pass
    checksum = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    path = path.replace(tmp_path / f"texts-{checksum}.arrow")
    with pytest.raises(ValueError, match=f"{path.name} has format version 2"):
        find_assembled(tmp_path, "texts")


def test_a_folder_that_a_newer_release_has_begun_is_refused_by_name(unchanging_teacher, tmp_path):
    annotator = _annotator(unchanging_teacher, get_explainer("none"), tmp_path)
    annotator.open(ProcessGroup())
    (path,) = tmp_path.glob("*/settings-*.json")
    assert json.loads(path.read_text())["version"] == CACHE_VERSION
    path.write_text(json.dumps({"version": 2}))
    with pytest.raises(ValueError, match=f"{path.name} has format version 2"):
        annotator.open(ProcessGroup())
