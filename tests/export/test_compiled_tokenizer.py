# SPDX-License-Identifier: Apache-2.0
"""The compiled engine draws the words and spans of the student's tokenizer."""

from dataclasses import replace
from typing import Any

import pytest

from dixtill_hf.data.embedded import financial_headlines
from dixtill_hf.export.unicode_profile import UnicodeTables, unicode_section

pytest.importorskip("dixtill_runtime._core", reason="The compiled engine is not built.")

from runtime.tools import check_tokenizer as check


def test_code_points() -> None:
    # All of them take a minute; the tool reads all.
    assert check.differences(check.code_point_texts(every=37))[1] == []


def test_random_strings() -> None:
    assert check.differences(check.random_texts(4_000, seed=1)) == (4_000, [])


def test_embedded_texts() -> None:
    texts = financial_headlines(train=500, test=1)["train"]["text"][:]
    assert check.differences(texts) == (len(texts), [])


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_lower_case(tables: UnicodeTables, **others: Any) -> bytes:
        return unicode_section(replace(tables, lower={}), **others)

    monkeypatch.setattr(check, "unicode_section", without_lower_case)
    assert check.differences(["small", "Large", "two"]) == (3, ["Large"])
