# SPDX-License-Identifier: Apache-2.0
"""The server answers as the student does, within its limits, and asks the teacher when unsure."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra serve")
pytest.importorskip("httpx", reason="the test client needs httpx")

from fastapi.testclient import TestClient

from dixtill_hf.scoring.scorers import scorer_of
from dixtill_hf.scoring.service import Limits, make_app, teacher_endpoint
from dixtill_hf.selective.cascade import Cascade
from tests.loopback_endpoint import JsonHandler, address, serving


@pytest.fixture(scope="module")
def scorer(student):
    return scorer_of(student, "torch")


@pytest.fixture(scope="module")
def client(scorer):
    return TestClient(make_app(scorer, limits=Limits(texts=3, bytes=2000)))


def predicted(client, texts, words=0):
    response = client.post("/predict", json={"texts": texts, "words": words})
    assert response.status_code == 200, response.text
    return response.json()["predictions"]


def test_answers_are_those_of_the_student(client, student):
    texts = ["Acme falls", "Café operator Übermut opens a store"]
    for answer, one in zip(predicted(client, texts, 2), student.explain(texts), strict=True):
        assert (answer["label"], answer["answered_by"]) == (one.label, "student")
        assert answer["probabilities"] == pytest.approx(one.probabilities, abs=1e-5)
        assert len(answer["words"]) == 2
        for word in answer["words"]:
            assert one.text[word["start"] : word["end"]] == word["word"]
    assert predicted(client, "Acme falls")[0]["words"] == []
    assert predicted(client, []) == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"texts": ["a"] * 4}, 413, "at most 3"),
        ({"texts": ["a" * 3000]}, 413, "more than 2000 bytes"),
        ({"texts": [1]}, 422, "string"),
        ({"texts": "a", "words": -1}, 422, "greater than or equal to 0"),
        ({}, 422, "required"),
    ],
)
def test_what_is_too_large_or_wrong_is_refused(client, body, status, message):
    response = client.post("/predict", json=body)
    assert response.status_code == status
    assert message in response.text


def test_health_and_metrics(scorer, student):
    client = TestClient(make_app(scorer))
    assert client.get("/health").json() == {
        "status": "ok",
        "engine": "torch",
        "labels": student.labels,
    }
    predicted(client, ["a", "b"])
    client.post("/predict", json={})
    found = client.get("/metrics").text
    assert 'dixtill_requests_total{status="200"} 1.0' in found
    assert 'dixtill_requests_total{status="422"} 1.0' in found
    assert "dixtill_request_seconds_count 2.0" in found
    assert 'answered_by="student"' in found


def test_unsure_texts_go_to_the_teacher(scorer, student, texts):
    def teacher(asked):
        return np.tile([0.1, 0.2, 0.7], (len(asked), 1))

    explained = student.explain(texts[:10])
    threshold = float(np.median([one.probability for one in explained]))
    cascade = Cascade(student, teacher, threshold)
    answers = predicted(TestClient(make_app(scorer, cascade)), texts[:10], 1)
    for answer, one in zip(answers, explained, strict=True):
        if one.probability < threshold - 1e-6:
            assert answer["answered_by"] == "teacher"
            assert (answer["label"], answer["probability"]) == ("flat", 0.7)
        elif one.probability > threshold + 1e-6:
            assert (answer["answered_by"], answer["label"]) == ("student", one.label)
    assert {answer["answered_by"] for answer in answers} == {"student", "teacher"}


class _Endpoint(JsonHandler):
    labels = ("flat", "up", "down")

    def answer(self, asked):
        scores = zip(self.labels, (0.5, 0.3, 0.2), strict=True)
        answer = [{"label": name, "score": score} for name, score in scores]
        return [answer] * len(asked["inputs"])


def test_a_teacher_behind_an_address_is_matched_by_its_labels():
    with serving(_Endpoint) as server:
        ask = teacher_endpoint(address(server), ["down", "up", "flat"])
        np.testing.assert_allclose(ask(["a", "b"]), [[0.2, 0.3, 0.5]] * 2)
        with pytest.raises(ValueError, match=r"no probability for the label\(s\) sideways"):
            teacher_endpoint(address(server), ["down", "sideways", "flat"])(["a"])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ask_until_answered(url, text):
    """A client that tries again, as one behind a restarted server must."""
    body = json.dumps({"texts": text}).encode()
    request = urllib.request.Request(f"{url}/predict", body, {"Content-Type": "application/json"})
    for _ in range(1200):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)["predictions"][0]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError("no answer in two minutes")


@pytest.mark.slow
def test_nothing_is_lost_when_the_server_is_stopped_and_started_again(student_dir, student, texts):
    port = free_port()
    command = [sys.executable, "-m", "dixtill_hf.cli.main", "serve", student_dir]
    command += ["--port", str(port), "--engine", "torch"]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(command)
    try:
        found = [ask_until_answered(url, text) for text in texts[:5]]
        answers = {}
        client = threading.Thread(
            target=lambda: answers.update(
                {text: ask_until_answered(url, text)["label"] for text in texts}
            )
        )
        client.start()
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) in (0, -signal.SIGTERM)
        server = subprocess.Popen(command)
        client.join()
    finally:
        server.terminate()
        server.wait(60)
    expected = [one.label for one in student.explain(texts)]
    assert [one["label"] for one in found] == expected[:5]
    assert [answers[text] for text in texts] == expected
