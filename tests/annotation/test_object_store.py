# SPDX-License-Identifier: Apache-2.0
"""A cache in an object store, behind a real server on loopback: found from everywhere, whole."""

from uuid import uuid4

import pytest
from datasets import Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.worker import Worker
from dixtill_hf.artifacts.storage import Storage
from dixtill_hf.data.files import read_file
from dixtill_hf.distillation.building import build_student
from dixtill_hf.scoring.files import predict_files
from dixtill_hf.student.student import Student
from tests.loopback_proxy import LoopbackProxy

SETTINGS = {"steps": 2, "precision": "float32"}
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture
def bucket(monkeypatch):
    """The URL of a bucket of an S3 server, and the proxy that leads to it."""
    pytest.importorskip("s3fs", reason="needs the extra s3")
    moto = pytest.importorskip("moto.server", reason="needs moto[server]")
    import fsspec

    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    proxy = LoopbackProxy(port)
    for name, value in KEYS.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    fsspec.filesystem("s3").clear_instance_cache()
    name = f"texts-{uuid4().hex}"  # the server's buckets outlive it
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}", proxy
    proxy.close()
    server.stop()
    fsspec.filesystem("s3").clear_instance_cache()


@pytest.mark.slow
def test_another_machine_finds_what_one_has_annotated(
    bucket, sentences, tiny_teacher_dir, tmp_path, monkeypatch
):
    address, _ = bucket
    data = Dataset.from_dict({"text": sentences})
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path / "one"))
    one = annotate(data, tiny_teacher_dir("bert"), cache_dir=f"{address}/cache", **SETTINGS)
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path / "another"))
    monkeypatch.setattr(Worker, "annotate", None)
    another = annotate(data, tiny_teacher_dir("bert"), cache_dir=f"{address}/cache", **SETTINGS)
    assert one.to_dict() == another.to_dict()


@pytest.mark.slow
def test_a_store_that_cannot_be_reached_is_named(
    bucket, sentences, tiny_teacher_dir, tmp_path, monkeypatch
):
    address, proxy = bucket
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path))
    proxy.close()
    data = Dataset.from_dict({"text": sentences[:2]})
    with pytest.raises(OSError, match=f"{address}/cache"):
        annotate(data, tiny_teacher_dir("bert"), cache_dir=f"{address}/cache", **SETTINGS)


@pytest.mark.slow
def test_files_are_scored_from_store_to_store(bucket, sentences, tmp_path):
    address, _ = bucket
    model, tokenizer = build_student(sentences, ["down", "up"], min_frequency=1)
    student = Student(model.eval(), tokenizer)
    directory = student.save(tmp_path / "student")
    content = b"id,text\n1,Acme falls\n2,Oil slips\n"
    Storage.at(f"{address}/in").write("a.csv", lambda file: file.write(content))
    output = f"{address}/out/scored.jsonl"
    predict_files(directory, f"{address}/in/*.csv", output, engine="torch")
    store = Storage.at(f"{address}/out")
    assert store.names() == ["scored.jsonl"]
    store.fetch("scored.jsonl", tmp_path / "scored.jsonl")
    found = read_file(tmp_path / "scored.jsonl")["predicted_label"][:]
    assert found == [student("Acme falls").label, student("Oil slips").label]
    with pytest.raises(FileExistsError, match="is there already"):
        predict_files(directory, f"{address}/in/*.csv", output, engine="torch")


@pytest.fixture
def scored(bucket, sentences, tmp_path):
    """A function that scores 3,000 texts from store to store, and what it must give."""
    address, _ = bucket
    model, tokenizer = build_student(sentences, ["down", "up"], min_frequency=1)
    directory = Student(model.eval(), tokenizer).save(tmp_path / "student")
    texts = [f"{sentences[row % 12]} {row}" for row in range(3000)]
    data = Dataset.from_dict({"text": texts})
    data.to_parquet(tmp_path / "texts.parquet")
    content = (tmp_path / "texts.parquet").read_bytes()
    Storage.at(f"{address}/in").write("texts.parquet", lambda file: file.write(content))
    expected = tmp_path / "expected.parquet"
    predict_files(directory, tmp_path / "texts.parquet", expected, engine="torch")

    def score(name: str) -> bool:
        output = f"{address}/out/{name}.parquet"
        predict_files(directory, f"{address}/in/*.parquet", output, engine="torch")
        store = Storage.at(f"{address}/out")
        store.fetch(f"{name}.parquet", tmp_path / name)
        return (tmp_path / name).read_bytes() == expected.read_bytes()

    return score


@pytest.mark.slow
def test_slow_answers_only_take_longer(bucket, scored):
    bucket[1].delay = 0.3
    assert scored("slow")


@pytest.mark.slow
@pytest.mark.parametrize("cuts", [1, 2])
def test_cut_connections_are_tried_again(bucket, scored, cuts):
    bucket[1].cuts = cuts
    assert scored("cut")
    assert bucket[1].cut == cuts


@pytest.mark.slow
def test_a_connection_that_is_always_cut_is_an_error_and_the_same_call_goes_on(bucket, scored):
    bucket[1].cuts = 10**6
    with pytest.raises(OSError, match="s3://"):
        scored("again")
    bucket[1].cuts = 0
    assert scored("again")
