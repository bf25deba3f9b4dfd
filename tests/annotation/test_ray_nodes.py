# SPDX-License-Identifier: Apache-2.0
"""Two nodes of a Ray cluster on one host annotate; one is lost in the middle."""

import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset

from dixtill_hf.annotation import ray_data
from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.ray_data import AnnotatorActor

SETTINGS = {"steps": 2, "precision": "float32"}
TEXTS_A_BATCH = 8


@pytest.fixture
def cluster():
    """A head that does no work itself, and two nodes of one CPU each for actors."""
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes = [made.add_node(num_cpus=1, resources={"annotator": 1}) for _ in range(2)]
    ray.init(address=made.address, log_to_driver=False)
    yield made, nodes
    ray.shutdown()
    made.shutdown()


class _SlowActor(AnnotatorActor):
    """Takes half a second a batch, so that a node can be lost in the middle."""

    def __call__(self, table):
        time.sleep(0.5)
        return super().__call__(table)


@pytest.mark.slow
def test_a_lost_node_costs_only_its_batch(
    cluster, sentences, tiny_teacher_dir, tmp_path, monkeypatch
):
    import ray

    made, nodes = cluster
    monkeypatch.setattr(ray_data, "AnnotatorActor", _SlowActor)
    texts = [f"{sentence} {number}" for number in range(20) for sentence in sentences]
    expected = annotate(
        Dataset.from_dict({"text": texts}),
        tiny_teacher_dir("bert"),
        cache_dir=tmp_path / "alone",
        **SETTINGS,
    )
    options = {
        "batch_size": TEXTS_A_BATCH,
        "concurrency": 2,
        "num_cpus": 1,
        "resources": {"annotator": 1},
    }
    annotated = annotate(
        ray.data.from_arrow(pa.table({"id": range(len(texts)), "text": texts})).repartition(10),
        tiny_teacher_dir("bert"),
        cache_dir=tmp_path / "cache",
        ray_options=options,
        **SETTINGS,
    )
    lost = threading.Event()

    def lose_a_node():
        while not list(tmp_path.glob("cache/*/shards/*")):
            time.sleep(0.1)
        made.remove_node(nodes[1], allow_graceful=False)
        lost.set()

    threading.Thread(target=lose_a_node, daemon=True).start()
    found = annotated.to_pandas().sort_values("id")
    assert lost.is_set()
    assert found["id"].tolist() == list(range(len(texts)))
    for name in ("teacher_logits", "teacher_attributions"):
        for one, other in zip(found[name], expected[name], strict=True):
            np.testing.assert_allclose(np.asarray(list(one)), other, atol=1e-5)
