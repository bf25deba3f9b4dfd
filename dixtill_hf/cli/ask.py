# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf ask`: have a language model behind an endpoint label texts, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dixtill_hf.cli.arguments import read_arguments


@dataclass
class AskArguments:
    """Whom to ask for the labels of which texts."""

    source: str = field(metadata={"help": "A file of texts (csv, jsonl, parquet, ...)."})
    output: str = field(metadata={"help": "File of the answers, .jsonl, for annotate_recorded."})
    model: str = field(metadata={"help": "Name of the model, as the endpoint knows it."})
    instruction: str = field(metadata={"help": "What to do with a text, in a sentence or more."})
    labels: list[str] = field(metadata={"help": "The labels: --labels Bearish Bullish Neutral."})
    base_url: str | None = field(
        default=None,
        metadata={
            "help": "Address of the endpoint, http://localhost:8000/v1 for example. Default: "
            "OpenAI's. The key is read from the variable OPENAI_API_KEY."
        },
    )
    text_column: str | None = field(
        default=None, metadata={"help": "Column of the text. Default: found by its usual names."}
    )
    verbalizers: dict[str, str] | None = field(
        default=None, metadata={"help": "Label → answer: --verbalizers Bearish=bad Bullish=good."}
    )
    examples: str | None = field(
        default=None, metadata={"help": "A file of texts with labels that the prompt shows."}
    )
    scoring: str = field(
        default="sampled",
        metadata={
            "help": "'sampled': shares of several answers of a chat model; 'scored': "
            "log-probabilities, of endpoints that repeat the prompt with them, such as vLLM."
        },
    )
    samples: int = field(default=5, metadata={"help": "Answers to each text, if sampled."})
    temperature: float = field(default=1.0, metadata={"help": "Temperature of the answers."})
    quotes: bool = field(default=False, metadata={"help": "Ask for the words that decided, too."})
    max_calls: int | None = field(
        default=None, metadata={"help": "Most calls, those of earlier runs included."}
    )
    workers: int = field(default=4, metadata={"help": "Calls that are made at the same time."})
    cache_dir: str | None = field(
        default=None,
        metadata={"help": "Where answers are kept. Default: answers in the annotations' cache."},
    )
    dry_run: bool = field(
        default=False, metadata={"help": "Say how many calls, tokens and minutes; ask nothing."}
    )


def main(argv: Sequence[str]) -> None:
    """Ask for the labels of a file of texts."""
    (arguments,) = read_arguments(
        "dixtill-hf ask",
        "Have a language model behind an endpoint label texts. No answer is asked for twice.",
        (AskArguments,),
        argv,
    )
    from pathlib import Path

    from dixtill_hf.annotation.recorded import ask_for_labels
    from dixtill_hf.annotation.shards import default_cache_dir
    from dixtill_hf.data.columns import LABEL, TEXT
    from dixtill_hf.data.conventions import find_text_column
    from dixtill_hf.data.sources import read_source
    from dixtill_hf.teacher.prompted.asking import LabelAsker
    from dixtill_hf.teacher.prompted.endpoint import ChatEndpoint, CompletionEndpoint
    from dixtill_hf.workflow.teacher_stage import read_examples

    kind = CompletionEndpoint if arguments.scoring == "scored" else ChatEndpoint
    endpoint = kind(arguments.model, arguments.base_url, temperature=arguments.temperature)
    shown = read_examples(arguments.examples) if arguments.examples else {TEXT: [], LABEL: []}
    asker = LabelAsker(
        endpoint,
        arguments.labels,
        arguments.instruction,
        key=endpoint.key,
        directory=arguments.cache_dir or Path(default_cache_dir()) / "answers",
        examples=list(zip(shown[TEXT], shown[LABEL], strict=True)),
        verbalizers=arguments.verbalizers,
        scoring=arguments.scoring,
        samples=arguments.samples,
        quotes=arguments.quotes,
        max_calls=arguments.max_calls,
        workers=arguments.workers,
    )
    (dataset,) = read_source(arguments.source).values()
    column = find_text_column(dataset.column_names, arguments.text_column, "train")
    if column != TEXT:
        dataset = dataset.rename_column(column, TEXT)
    plan = asker.plan(dataset[TEXT][:])
    minutes = "unknown before the first call" if plan.minutes is None else f"{plan.minutes:.1f}"
    print(
        f"{plan.texts} texts: {plan.calls} calls to make, {plan.kept} answers kept; about "
        f"{plan.tokens} tokens; minutes: {minutes}."
    )
    if not arguments.dry_run:
        ask_for_labels(dataset, asker).to_json(arguments.output, force_ascii=False)
        print(f"Answers: {arguments.output}")
