# SPDX-License-Identifier: Apache-2.0
"""Score Arrow batches: the one step that files, Ray Data, Spark, DuckDB and Polars share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dixtill_hf.data.conventions import find_text_column
from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from dixtill_hf.scoring.scorers import Score, Scorer, ScorerSource, find_scorer

if TYPE_CHECKING:
    import pandas as pd

LABEL = "predicted_label"
LABELS = "predicted_labels"
PROBABILITY = "probability"
PROBABILITIES = "probabilities"
VALUES = "predicted_values"
WORDS = "deciding_words"

_WORD_FIELDS = [
    ("word", pa.string()),
    ("start", pa.int32()),
    ("end", pa.int32()),
    ("score", pa.float32()),
]


def added_columns(scorer: Scorer, words: int) -> pa.Schema:
    """Names and types of the columns that scoring adds; see `BatchPredictor`.

    Args:
        scorer: The student.
        words: How many words that decided are named for each explained label; 0 adds no such
            column.
    """
    numbers = pa.struct([(label, pa.float32()) for label in scorer.labels])
    fields = {
        SINGLE_LABEL: [(LABEL, pa.string()), (PROBABILITY, pa.float32()), (PROBABILITIES, numbers)],
        MULTI_LABEL: [(LABELS, pa.list_(pa.string())), (PROBABILITIES, numbers)],
        REGRESSION: [(VALUES, numbers)],
    }[scorer.problem_type]
    several = [] if scorer.problem_type == SINGLE_LABEL else [("label", pa.string())]
    word = pa.struct([*several, *_WORD_FIELDS])
    return pa.schema([*fields, *([(WORDS, pa.list_(word))] if words else [])])


def score_texts(scorer: Scorer, texts: Sequence[str | None], words: int = 0) -> pa.RecordBatch:
    """The added columns for some texts, missing where a text is missing.

    Args:
        scorer: The student.
        texts: The texts.
        words: How many words that decided are named for each explained label.
    """
    present = [text for text in texts if text is not None]
    scores = iter(scorer.score(present, words))
    rows = [None if text is None else next(scores) for text in texts]
    schema = added_columns(scorer, words)
    arrays = [_column(field, rows, scorer) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(field: pa.Field, rows: Sequence[Score | None], scorer: Scorer) -> pa.Array:
    if field.name in (PROBABILITIES, VALUES):
        return _numbers(rows, field.type)
    names = scorer.labels
    several = scorer.problem_type != SINGLE_LABEL

    def words(row: Score) -> list[dict[str, Any]]:
        named = [word._asdict() | {"label": names[word.label]} for word in row.words]
        return named if several else [_without_label(word) for word in named]

    value: Callable[[Score], Any] = {
        LABEL: lambda row: names[row.label],
        LABELS: lambda row: [names[label] for label in row.labels],
        PROBABILITY: lambda row: row.values[row.label],
        WORDS: words,
    }[field.name]
    return pa.array([None if row is None else value(row) for row in rows], field.type)


def _without_label(word: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in word.items() if name != "label"}


def _numbers(rows: Sequence[Score | None], kind: pa.StructType) -> pa.Array:
    missing = pa.array([row is None for row in rows], pa.bool_())
    columns = [
        pa.array([row and row.values[place] for row in rows], pa.float32())
        for place in range(kind.num_fields)
    ]
    return pa.StructArray.from_arrays(columns, fields=list(kind), mask=missing)


def check_free_columns(names: Sequence[str], added: pa.Schema) -> None:
    """Refuse columns that have the name of an added one.

    Args:
        names: The columns of the texts.
        added: The added ones.

    Raises:
        ValueError: There is one.
    """
    taken = [name for name in added.names if name in names]
    if taken:
        raise ValueError(
            f"The texts have a column {taken[0]!r} already, which scoring adds: rename it."
        )


class BatchPredictor:
    """Scores Arrow tables; loads its student where it is first called.

    So it can be sent to other processes and machines, as Ray Data and Spark do:

    ```python
    predictor = BatchPredictor("my-student", words=3)
    ray_dataset.map_batches(predictor, batch_format="pyarrow")        # Ray Data
    spark_frame.mapInArrow(predictor.batches, schema)                 # Spark
    polars.from_arrow(predictor(polars_frame.to_arrow()))             # Polars
    predictor(duckdb.sql("SELECT * FROM 'texts.parquet'").to_arrow_table())  # DuckDB
    ```

    Columns added to those of the table:
        - `predicted_label`: string.
        - `probability`: float32, of that label.
        - `probabilities`: a struct of one float32 a label.
        - `deciding_words`, with `words`: list of structs of `word`, `start`, `end` (characters of
          the text) and `score` (what the word adds to the logit of the label), those of largest
          magnitude first.

    If a text may have several labels, `predicted_labels`, a list of strings, takes the place of the
    first two. For a regression, `predicted_values`, a struct of one float32 a value, is the only
    one. `deciding_words` then has a field `label` too: the words of each predicted label and the
    most probable one, or of each value, come one after the other.

    They are missing where the text is missing.
    """

    def __init__(
        self,
        student: str | Path,
        words: int = 0,
        text_column: str | None = None,
        engine: str = "auto",
    ) -> None:
        """Name a student; it is loaded by the first call.

        Args:
            student: Directory or Hub id of a student, or a `.dxt` file.
            words: How many words that decided are named for each text. Default 0: none.
            text_column: Column of the text. Default: the one called text, sentence, tweet or
                content.
            engine: `"runtime"`, `"torch"` or `"auto"`, see `find_scorer`.

        Raises:
            ValueError: `words` is negative.
        """
        check_words(words)
        self._student, self._engine = str(student), engine
        self._words, self._text_column = words, text_column
        self._scorer: Scorer | None = None

    def __getstate__(self) -> dict[str, object]:
        """All but the loaded student, which each process loads itself."""
        return {**self.__dict__, "_scorer": None}

    @property
    def scorer(self) -> Scorer:
        """The student, loaded."""
        if self._scorer is None:
            self._scorer = find_scorer(self._student, self._engine).load()
        return self._scorer

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the predictions as columns.

        Args:
            table: Has a column of texts.

        Raises:
            ValueError: There is no column of texts, or one has the name of an added column.
        """
        schema = pa.schema([*table.schema, *added_columns(self.scorer, self._words)])
        scored = self.batches(table.to_batches(max_chunksize=_ROWS_AT_ONCE))
        return pa.Table.from_batches(list(scored), schema)

    def batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Record batches with the predictions as columns; see `predict_batches`."""
        return predict_batches(self.scorer, batches, self._words, self._text_column)

    def series(self, texts: pd.Series) -> pd.DataFrame:
        """The predictions for a pandas series of texts, as Spark's `pandas_udf` takes it.

        Args:
            texts: The texts; missing ones are None or NaN.

        Returns:
            `predicted_label` and `probability`, one row a text; `predicted_labels` if a text may
            have several; the values of a regression, each a column by its name.
        """
        given = [text if isinstance(text, str) else None for text in texts]
        scored = score_texts(self.scorer, given)
        if self.scorer.problem_type == REGRESSION:
            values = scored.column(VALUES)
            return pa.RecordBatch.from_arrays(values.flatten(), self.scorer.labels).to_pandas()
        chosen = [name for name in (LABEL, PROBABILITY, LABELS) if name in scored.schema.names]
        return scored.select(chosen).to_pandas()


_ROWS_AT_ONCE = 4096


def predict_batches(
    scorer: Scorer | ScorerSource,
    batches: Iterable[pa.RecordBatch],
    words: int = 0,
    text_column: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """Add a student's predictions to record batches, one after the other.

    Args:
        scorer: The student.
        batches: Record batches with a column of texts.
        words: How many words that decided are named for each text.
        text_column: Column of the text. Default: the one called text, sentence, tweet or content.

    Yields:
        The batches with the columns of `BatchPredictor`.

    Raises:
        ValueError: There is no column of texts, or one has the name of an added column.
    """
    loaded = scorer.load() if isinstance(scorer, ScorerSource) else scorer
    added = added_columns(loaded, words)
    for batch in batches:
        column = find_text_column(batch.schema.names, text_column, "batch")
        check_free_columns(batch.schema.names, added)
        texts = batch.column(batch.schema.names.index(column)).to_pylist()
        if any(not isinstance(text, str | None) for text in texts):
            kind = batch.schema.field(column).type
            raise ValueError(
                f"The text column {column!r} holds {kind}, not strings. Name another: "
                "text_column=..."
            )
        yield with_columns(batch, score_texts(loaded, texts, words))


def with_columns(batch: pa.RecordBatch, added: pa.RecordBatch) -> pa.RecordBatch:
    """A batch and further columns of the same rows."""
    schema = pa.schema([*batch.schema, *added.schema])
    return pa.RecordBatch.from_arrays([*batch.columns, *added.columns], schema=schema)


def check_words(words: int) -> None:
    """Refuse a negative number of words.

    Raises:
        ValueError: It is negative.
    """
    if words < 0:
        raise ValueError(f"words must be 0 or more, got {words}.")
