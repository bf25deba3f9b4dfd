# SPDX-License-Identifier: Apache-2.0
"""Entry point of `dixtill-hf`: finds the subcommand and turns user errors into one clear line."""

from __future__ import annotations

import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "run": "the whole road: load, fine-tune if needed, annotate, distil, evaluate, report",
    "benchmark": "a run, and its students against int8, pruned heads and a bag of words",
    "search": "find the best students within a budget of bytes and time",
    "annotate": "add a teacher's logits and word attributions to a dataset",
    "ask": "have a language model behind an endpoint label texts, within a budget of calls",
    "record": "annotate texts from answers that exist: labels, probabilities, quotes",
    "train": "distil an annotated dataset into one student",
    "stream": "distil files of any length into one student, annotated as they are read",
    "pretrain": "teach a student a language, from which tasks are then distilled",
    "evaluate": "score a student on an annotated dataset",
    "calibrate": "make a student's probabilities true, and say from which one on it may answer",
    "explain": "classify a text and show which words decided",
    "predict": "score files of texts with a student: label, probabilities, deciding words",
    "serve": "answer over HTTP with a student, and its teacher where it is unsure",
    "export": "write a student for where it is used: one small file in integers, or ONNX",
    "push": "publish a student on the Hugging Face Hub",
    "space": "write a page that runs a student in the browser, as a static Space",
}
_USAGE = "usage: dixtill-hf COMMAND [recipe.yaml] [--field value ...]"
# What a user can mend; anything else is a defect and keeps its traceback.
_USER_ERRORS = (ValueError, OSError, ImportError)
# What a shell reports of a program whose reader has gone: 128 and the number of SIGPIPE.
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit status (0 done, 1 failed, 2 used wrongly)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where something else has replaced it
            # What a terminal cannot show is shown in another way, and ends nothing.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _main(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head -1` has read enough. Python flushes again at its end, which would be a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return status


def _main(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0 if argv else 2
    if argv[0] == "--version":
        from dixtill_hf import __version__

        print(__version__)
        return 0
    if argv[0] not in COMMANDS:
        near = difflib.get_close_matches(argv[0], COMMANDS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        print(f"dixtill-hf: unknown command {argv[0]!r}.{hint}\n{_help()}", file=sys.stderr)
        return 2
    return _run(argv[0], argv[1:])


def _run(command: str, argv: list[str]) -> int:
    from dixtill_hf.cli.arguments import UsageError

    module = importlib.import_module(f"dixtill_hf.cli.{command}")
    try:
        module.main(argv)
    except UsageError as error:
        print(f"dixtill-hf {command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except _USER_ERRORS as error:
        if os.environ.get("DIXTILL_TRACEBACK"):
            raise
        print(f"dixtill-hf {command}: {type(error).__name__}: {error}", file=sys.stderr)
        print("(set DIXTILL_TRACEBACK=1 to see where it was raised)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [_USAGE, "", *lines, "", "dixtill-hf COMMAND --help says what every field means."]
    )


if __name__ == "__main__":
    sys.exit(main())
