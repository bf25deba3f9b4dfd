# SPDX-License-Identifier: Apache-2.0
"""Ray's actors annotate as one process does, and a lost one costs only its batch."""

import os
import signal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.ray_data import AnnotatorActor

SETTINGS = {"steps": 2, "precision": "float32"}
COLUMNS = ("teacher_logits", "teacher_attributions")


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.fixture
def texts(sentences):
    return [f"{sentence} {number}" for number in range(4) for sentence in sentences]


def same(found, expected):
    for name in COLUMNS:
        for one, other in zip(found[name], expected[name], strict=True):
            np.testing.assert_allclose(np.asarray(one.tolist()), other, atol=1e-5)


class _DiesOnce(AnnotatorActor):
    """An actor that is killed at its second batch, the first time that any is."""

    calls = 0

    def __call__(self, table):
        type(self).calls += 1
        mark = Path(os.environ["DIXTILL_TEST_MARK"])
        if type(self).calls == 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(table)


@pytest.mark.slow
def test_actors_annotate_as_one_process_though_one_dies(
    ray, texts, tiny_teacher_dir, tmp_path, monkeypatch
):
    from dixtill_hf.annotation import ray_data

    expected = annotate(
        Dataset.from_dict({"text": texts}),
        tiny_teacher_dir("bert"),
        cache_dir=tmp_path / "alone",
        **SETTINGS,
    )
    monkeypatch.setattr(ray_data, "AnnotatorActor", _DiesOnce)
    table = pa.table({"id": range(len(texts)), "text": texts})
    mark = tmp_path / "killed"
    options = {
        "batch_size": 8,
        "concurrency": 2,
        "runtime_env": {"env_vars": {"DIXTILL_TEST_MARK": str(mark)}},
    }
    annotated = annotate(
        ray.data.from_arrow(table).repartition(6),
        tiny_teacher_dir("bert"),
        cache_dir=tmp_path / "cache",
        ray_options=options,
        **SETTINGS,
    )
    found = annotated.to_pandas().sort_values("id")
    assert mark.exists()
    same(found.to_dict("list"), expected)
    shards = sorted(path.name for path in tmp_path.glob("cache/*/shards/*"))
    again = annotated.to_pandas().sort_values("id")
    same(again.to_dict("list"), expected)
    assert sorted(path.name for path in tmp_path.glob("cache/*/shards/*")) == shards


@pytest.mark.slow
def test_what_ray_cannot_do_is_refused(ray, texts, tiny_teacher_dir, tmp_path):
    from dixtill_hf.teacher.loading import load_teacher

    data = ray.data.from_arrow(pa.table({"text": texts, "label": [0] * len(texts)}))
    teacher = tiny_teacher_dir("bert")
    with pytest.raises(TypeError, match="give its name or path"):
        annotate(data, load_teacher(teacher, device="cpu"))
    with pytest.raises(ValueError, match="leave label_map out"):
        annotate(data, teacher, label_map={"a": "b"})
    with pytest.raises(ValueError, match=r"columns \['text'\] are missing"):
        annotate(data.drop_columns(["text"]), teacher)


def test_options_of_ray_need_a_ray_dataset(texts, tiny_teacher_dir):
    with pytest.raises(ValueError, match="ray_options are for a Ray Dataset"):
        annotate(Dataset.from_dict({"text": texts}), tiny_teacher_dir("bert"), ray_options={})
