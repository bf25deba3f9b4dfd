# SPDX-License-Identifier: Apache-2.0
"""The command line: help, mistakes, exit statuses."""

import subprocess
import sys

import pytest

from dixtill_hf.cli.main import COMMANDS, main


def test_the_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS)


# A part of the help of one field of each command.
EXPLAINED = {
    "run": "Words that the training texts have less often than this become [UNK]",
    "benchmark": "Other small classifiers to compare with",
    "search": "Most microseconds that a student takes for one text",
    "annotate": "Nodes on the path of Integrated Gradients",
    "ask": "Most calls, those of earlier runs included",
    "record": "Probability of a label that is given without one",
    "train": "Weight of the teacher against the labels",
    "stream": "Parquet files of texts",
    "pretrain": "Most words that the student knows",
    "evaluate": "The split to score",
    "export": "find the best student of at most so many bytes",
    "calibrate": "Wanted share of the answers on which student and teacher agree",
    "predict": "directory or Hub id of the student, or a .dxt file",
    "serve": "who answers texts that the student is unsure of",
    "push": "make a new repository private",
    "space": "texts that the page offers to try",
    "explain": "reads them from standard input",
}


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_says_what_its_fields_mean(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert EXPLAINED[command] in printed


def test_an_unknown_command_gives_the_nearest(capsys):
    assert main(["anotate"]) == 2
    assert "Did you mean 'annotate'?" in capsys.readouterr().err


def test_an_unknown_field_gives_the_nearest(capsys):
    assert main(["run", "--sorce", "x.csv"]) == 2
    assert "Did you mean source?" in capsys.readouterr().err


def test_a_user_error_is_one_line_without_a_traceback(capsys):
    assert main(["run", "--source", "no/such.csv", "--methods", "none"]) == 1
    printed = capsys.readouterr().err
    assert "no/such.csv" in printed
    assert "Traceback" not in printed


def test_a_text_to_explain_is_asked_for(capsys):
    assert main(["explain"]) == 2
    assert "Give a text" in capsys.readouterr().err


def test_the_help_is_quick_to_come():
    """Nothing heavy is imported before a command is chosen."""
    code = (
        "import sys; from dixtill_hf.cli.main import main; main(['--help']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'datasets')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
