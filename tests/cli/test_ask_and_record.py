# SPDX-License-Identifier: Apache-2.0
"""From texts and a chat endpoint to a student, by three commands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

from dixtill_hf.cli.main import main
from tests.loopback_endpoint import JsonHandler, address, completion, serving

pytest.importorskip("openai", reason="the extra endpoint is not installed")


class _Handler(JsonHandler):
    """Calls texts with "fell" bearish, and quotes the word."""

    def answer(self, asked: Any) -> dict[str, Any]:
        fell = "fell" in asked["messages"][0]["content"]
        said = {"label": "bearish" if fell else "bullish", "quotes": ["fell"] if fell else []}
        message = {"role": "assistant", "content": json.dumps(said)}
        return completion(message=message)


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The address of the endpoint."""
    with serving(_Handler) as server:
        yield f"{address(server)}/v1"


def test_ask_then_record(
    endpoint: str, tmp_path: Path, sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("\n".join(["text", *(f'"{one} {i}"' for i, one in enumerate(sentences))]))
    answers = tmp_path / "answers.jsonl"
    ask = ["ask", "--source", str(texts), "--output", str(answers), "--model", "m"]
    ask += ["--base_url", endpoint, "--instruction", "Is the news good?", "--quotes"]
    ask += ["--labels", "bearish", "bullish", "--samples", "2", "--cache_dir", str(tmp_path / "a")]
    assert main([*ask, "--dry_run"]) == 0
    assert "12 texts: 24 calls to make, 0 answers kept" in capsys.readouterr().out
    assert not answers.exists()
    assert main([*ask, "--max_calls", "10"]) == 1
    assert "10 calls were made, and the budget is 10" in capsys.readouterr().err
    assert main(ask) == 0
    assert "14 calls to make, 10 answers kept" in capsys.readouterr().out
    record = ["record", "--source", str(answers), "--output_dir", str(tmp_path / "run")]
    assert main([*record, "--labels", "bearish", "bullish"]) == 0
    annotated = load_from_disk(str(tmp_path / "run" / "annotated"))
    rows = [*annotated["train"], *annotated["validation"]]
    (fell,) = [row for row in rows if "fell" in row["text"]]
    assert fell["teacher_explained_label"] == 0
    assert sum(fell["teacher_attributions"]) == 1
