# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf explain` with pairs of texts."""

import pytest

from dixtill_hf.cli import explain
from dixtill_hf.cli.arguments import UsageError
from dixtill_hf.data.text_pairs import TextPair
from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.student import Student


def test_pairs_are_explained(tmp_path, capsys):
    pairs = [TextPair("A man sleeps.", "He is awake."), TextPair("Dogs run.", "No dog runs.")]
    student = Student(*build_student(pairs, ["no", "yes"], word_vectors="none", min_frequency=1))
    student.save(tmp_path)
    firsts, seconds = zip(*(pair.parts for pair in pairs), strict=True)
    explain.main([*firsts, "--text_pair", *seconds, "--student", str(tmp_path)])
    shown = capsys.readouterr().out
    for word in ("sleeps", "awake", "Dogs", "runs"):
        assert word in shown


def test_each_text_needs_a_second_one():
    with pytest.raises(UsageError, match="--text_pair has 1 texts for 2"):
        explain.main(["A man sleeps.", "Dogs run.", "--text_pair", "He is awake."])
