# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf serve STUDENT`: answer over HTTP with a student."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dixtill_hf.cli.arguments import UsageError

if TYPE_CHECKING:
    from dixtill_hf.selective.cascade import Cascade

# Seconds in which requests are finished after the server was told to stop.
_SECONDS_TO_STOP = 30


def main(argv: Sequence[str]) -> None:
    """Serve until the process is told to stop; requests under way are finished then."""
    given = _parser().parse_args(argv)
    try:
        import uvicorn

        from dixtill_hf.scoring.service import Limits, make_app
    except ImportError as error:
        raise ImportError(f'Serving needs: pip install "dixtill_hf[serve]" ({error}).') from error
    from dixtill_hf.scoring.scorers import find_scorer

    for name in ("max_texts", "max_bytes"):
        if getattr(given, name) < 1:
            raise UsageError(f"--{name} must be at least 1, got {getattr(given, name)}.")
    scorer = find_scorer(given.student, given.engine).load()
    app = make_app(scorer, _cascade(given), Limits(given.max_texts, given.max_bytes))
    uvicorn.run(
        app,
        host=given.host,
        port=given.port,
        log_level="warning",
        timeout_graceful_shutdown=_SECONDS_TO_STOP,
    )


def _cascade(given: argparse.Namespace) -> Cascade | None:
    """The student and its teacher, if one is given."""
    if given.teacher is None:
        if given.threshold is not None:
            raise UsageError("--threshold says which texts go to the teacher: name one, --teacher.")
        return None
    if given.student.endswith(".dxt"):
        raise UsageError(
            "A teacher's answers are explained by the student in torch: name the student's "
            "directory or Hub id, not a .dxt file."
        )
    from dixtill_hf.selective.cascade import Cascade
    from dixtill_hf.student.student import load_student

    student = load_student(given.student)
    if given.teacher.startswith(("http://", "https://")):
        from dixtill_hf.scoring.service import teacher_endpoint

        return Cascade(student, teacher_endpoint(given.teacher, student.labels), given.threshold)
    from dixtill_hf.teacher.loading import load_teacher

    return Cascade(student, load_teacher(given.teacher, student.labels), given.threshold)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dixtill-hf serve",
        description="Answer over HTTP with a student: POST /predict, GET /health, GET /metrics.",
        allow_abbrev=False,
    )
    parser.add_argument("student", help="directory or Hub id of the student, or a .dxt file")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument(
        "--teacher",
        help="who answers texts that the student is unsure of: directory or Hub id of the teacher, "
        "or the URL of an inference endpoint for text classification. Default: nobody",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        help="least probability of the student's own answer (default: the student's own, which "
        "dixtill-hf calibrate finds)",
    )
    parser.add_argument("--engine", default="auto", help="runtime, torch or auto: see predict")
    parser.add_argument(
        "--max_texts", type=int, default=1000, help="most texts of a request (default: %(default)s)"
    )
    parser.add_argument(
        "--max_bytes",
        type=int,
        default=4_000_000,
        help="most bytes of a request (default: %(default)s)",
    )
    return parser
