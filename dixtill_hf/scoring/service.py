# SPDX-License-Identifier: Apache-2.0
"""A student behind HTTP: labels, probabilities and deciding words; unsure texts go to a teacher.

| address | what it does |
| --- | --- |
| `POST /predict` | scores the texts of `{"texts": "one text" or ["several"], "words": 3}` |
| `GET /health` | says that the student is loaded |
| `GET /metrics` | counts and latencies, as Prometheus reads them |
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dixtill_hf.data.problem_types import SINGLE_LABEL
from dixtill_hf.scoring.scorers import Scorer
from dixtill_hf.selective.cascade import Cascade

MAX_TEXTS = 1000
MAX_BYTES = 4_000_000
MAX_WORDS = 100


class PredictionRequest(BaseModel):
    """What is asked: one text or several, and how many deciding words of each are wanted."""

    texts: str | list[str]
    words: int = Field(default=0, ge=0, le=MAX_WORDS)


class WordAnswer(BaseModel):
    """A word that decided; `score` is what it adds to the logit of the label."""

    word: str
    start: int
    end: int
    score: float


class TextAnswer(BaseModel):
    """The answer to a text, and who gave it: "student" or "teacher"."""

    label: str
    probability: float
    probabilities: dict[str, float]
    answered_by: str
    words: list[WordAnswer]


class PredictionResponse(BaseModel):
    """One prediction a text, in their order."""

    predictions: list[TextAnswer]


@dataclass(frozen=True)
class Limits:
    """The largest request that is answered.

    Attributes:
        texts: Most texts. Default 1,000.
        bytes: Most bytes of its body. Default 4,000,000.
    """

    texts: int = MAX_TEXTS
    bytes: int = MAX_BYTES


def make_app(
    scorer: Scorer, cascade: Cascade | None = None, limits: Limits | None = None
) -> FastAPI:
    """The application that serves a student.

    Args:
        scorer: The student.
        cascade: The same student and its teacher, which answers what the student is unsure of.
        limits: The largest request that is answered.

    Raises:
        ValueError: The student does not choose one label a text.
    """
    if scorer.problem_type != SINGLE_LABEL:
        raise ValueError(
            f"The student's problem_type is {scorer.problem_type!r}, and only students of one "
            "label a text are served. dixtill-hf predict scores files with it."
        )
    limits = limits or Limits()
    app = FastAPI(title="dixtill_hf", docs_url=None, redoc_url=None)
    app.add_middleware(_BodyLimit, most=limits.bytes)
    metrics = _Metrics()

    @app.middleware("http")
    async def count(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        start = time.perf_counter()
        response = await call_next(request)
        if request.url.path == "/predict":
            metrics.seconds.observe(time.perf_counter() - start)
            metrics.requests.labels(str(response.status_code)).inc()
        return response

    @app.post("/predict")
    def predict(request: PredictionRequest) -> PredictionResponse:
        texts = [request.texts] if isinstance(request.texts, str) else request.texts
        if len(texts) > limits.texts:
            raise HTTPException(
                413, f"{len(texts)} texts were sent; at most {limits.texts} are answered at once."
            )
        answers = answer_texts(texts, request.words, scorer, cascade)
        for answer in answers:
            metrics.texts.labels(answer.label, answer.answered_by).inc()
        return PredictionResponse(predictions=answers)

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"status": "ok", "engine": scorer.engine, "labels": scorer.labels}

    @app.get("/metrics")
    def show_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def answer_texts(
    texts: Sequence[str], words: int, scorer: Scorer, cascade: Cascade | None
) -> list[TextAnswer]:
    """Answer texts: the student those that it is sure of, the teacher the others.

    Args:
        texts: The texts.
        words: How many words that decided are named for each.
        scorer: The student.
        cascade: The same student and its teacher; None if there is none.
    """
    answers = [
        TextAnswer(
            label=scorer.labels[score.label],
            probability=score.values[score.label],
            probabilities=dict(zip(scorer.labels, score.values, strict=True)),
            answered_by="student",
            words=[
                WordAnswer(word=one.word, start=one.start, end=one.end, score=one.score)
                for one in score.words
            ],
        )
        for score in scorer.score(texts, words)
    ]
    if cascade is None:
        return answers
    unsure = [at for at, one in enumerate(answers) if one.probability < cascade.threshold]
    if unsure:
        for at, answer in zip(unsure, cascade([texts[at] for at in unsure]), strict=True):
            explained = answer.explanation
            order = np.argsort(-np.abs(explained.scores), kind="stable")[:words]
            answers[at] = TextAnswer(
                label=answer.label,
                probability=answer.probability,
                probabilities=dict(zip(scorer.labels, answer.probabilities, strict=True)),
                answered_by=answer.answered_by,
                words=[
                    WordAnswer(
                        word=explained.words[i],
                        start=explained.spans[i][0],
                        end=explained.spans[i][1],
                        score=explained.scores[i],
                    )
                    for i in order
                ],
            )
    return answers


def teacher_endpoint(
    address: str, labels: Sequence[str], timeout: float = 30.0
) -> Callable[[list[str]], NDArray[np.float64]]:
    """A teacher behind HTTP that answers as Hugging Face's inference servers do.

    It is sent `{"inputs": [texts], "parameters": {"top_k": labels}}`, and answers with a list of
    `{"label": ..., "score": ...}` for each text. `$HF_TOKEN`, if it is set, is sent as the bearer.

    Args:
        address: Its URL.
        labels: The student's labels, by which the teacher's are matched.
        timeout: Seconds after which it counts as unreachable. Default 30.

    Returns:
        A function from texts to probabilities `(texts, labels)`. It raises `OSError` if the
        endpoint cannot be reached, and `ValueError` if it gives no probability for a label.
    """
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("HF_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"

    def ask(texts: list[str]) -> NDArray[np.float64]:
        body = {"inputs": texts, "parameters": {"top_k": len(labels)}}
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=timeout) as response:
            answers = json.load(response)
        return np.array([_in_order(answer, labels, address) for answer in answers])

    return ask


def _in_order(answer: list[dict[str, Any]], labels: Sequence[str], address: str) -> list[float]:
    """The probabilities of a text in the order of the labels."""
    found = {one["label"]: one["score"] for one in answer}
    missing = [label for label in labels if label not in found]
    if missing:
        raise ValueError(
            f"{address} gives no probability for the label(s) {', '.join(missing)}; it gives "
            f"{', '.join(found)}. Serve a teacher with the student's labels."
        )
    return [found[label] for label in labels]


class _Metrics:
    """What Prometheus reads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "dixtill_requests", "Requests to /predict.", ["status"], registry=self.registry
        )
        self.texts = Counter(
            "dixtill_texts", "Texts answered.", ["label", "answered_by"], registry=self.registry
        )
        self.seconds = Histogram(
            "dixtill_request_seconds", "Seconds of a request to /predict.", registry=self.registry
        )


class _BodyLimit:
    """Refuses bodies that are too large, while they are read."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._most:
                text = f"The body has more than {self._most} bytes: send fewer texts at once."
                await JSONResponse({"detail": text}, 413)(scope, receive, send)
                return
        given = False

        async def whole() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, whole, send)
