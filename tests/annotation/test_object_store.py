# SPDX-License-Identifier: Apache-2.0
"""A cache in an object store, behind a real server on loopback: found from everywhere, whole."""

from uuid import uuid4

import pytest
from datasets import Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.worker import Worker
from dixtill_hf.data.files import read_file
from dixtill_hf.scoring.files import predict_files

SETTINGS = {"steps": 2, "precision": "float32"}
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture
def bucket(monkeypatch):
    """The URL of a bucket of an S3 server, and the server."""
    pytest.importorskip("s3fs", reason="needs the extra s3")
    moto = pytest.importorskip("moto.server", reason="needs moto[server]")
    import fsspec

    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in KEYS.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    fsspec.filesystem("s3").clear_instance_cache()
    name = f"texts-{uuid4().hex}"  # the server's buckets outlive it
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}", server
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
    address, server = bucket
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path))
    server.stop()
    data = Dataset.from_dict({"text": sentences[:2]})
    with pytest.raises(OSError, match=f"{address}/cache"):
        annotate(data, tiny_teacher_dir("bert"), cache_dir=f"{address}/cache", **SETTINGS)


@pytest.mark.slow
def test_files_are_scored_from_store_to_store(bucket, sentences, tmp_path):
    from dixtill_hf.artifacts.storage import Storage
    from dixtill_hf.distillation.building import build_student
    from dixtill_hf.student.student import Student

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
