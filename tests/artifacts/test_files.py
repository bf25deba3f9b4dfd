# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all."""

import pytest

from dixtill_hf.artifacts.files import read_json, unfinished_file, write_json


def test_json_is_refused_what_is_no_number(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": 1\n}\n'
    assert read_json(tmp_path / "x.json") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert read_json(tmp_path / "y.json") is None


def test_what_is_not_finished_leaves_nothing(tmp_path):
    write_json(tmp_path / "value.json", {"older": 1})
    with pytest.raises(ZeroDivisionError), unfinished_file(tmp_path) as temporary:
        assert temporary.write_text("half") / 0
    assert [path.name for path in tmp_path.iterdir()] == ["value.json"]
    assert read_json(tmp_path / "value.json") == {"older": 1}
