# SPDX-License-Identifier: Apache-2.0
"""The lines of the documentation that score texts in DuckDB, Polars, Ray Data and Spark."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dixtill_hf.scoring.arrow import BatchPredictor


@pytest.fixture
def predictor(student_dir):
    return BatchPredictor(student_dir, words=1, engine="torch")


@pytest.fixture
def table(texts):
    return pa.table({"id": range(len(texts)), "text": texts})


@pytest.fixture
def expected(student, texts):
    return [one.label for one in student.explain(texts)]


@pytest.mark.slow
def test_duckdb(predictor, table, expected, tmp_path):
    duckdb = pytest.importorskip("duckdb", reason="needs the extra engines")
    pq.write_table(table, tmp_path / "texts.parquet")
    query = duckdb.sql(f"SELECT * FROM '{tmp_path}/texts.parquet' ORDER BY id")
    scored = predictor(query.to_arrow_table())
    assert scored["predicted_label"].to_pylist() == expected
    found = duckdb.sql("SELECT id, probabilities.up FROM scored ORDER BY id").fetchall()
    assert [up for _, up in found] == [row["up"] for row in scored["probabilities"].to_pylist()]


@pytest.mark.slow
def test_polars(predictor, table, expected):
    polars = pytest.importorskip("polars", reason="needs the extra engines")
    scored = polars.from_arrow(predictor(polars.from_arrow(table).to_arrow()))
    assert scored["predicted_label"].to_list() == expected
    assert scored.columns[:2] == ["id", "text"]


@pytest.mark.slow
def test_ray_data(predictor, table, expected):
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        data = ray.data.from_arrow(table).repartition(3)
        scored = data.map_batches(predictor, batch_format="pyarrow").to_pandas().sort_values("id")
        assert scored["predicted_label"].tolist() == expected
    finally:
        ray.shutdown()


@pytest.mark.slow
def test_spark(predictor, table, expected, tmp_path):
    pytest.importorskip("pyspark", reason="needs pyspark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java.")
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import pandas_udf

    spark = SparkSession.builder.master("local[1]").getOrCreate()
    try:
        frame = spark.createDataFrame(table.to_pandas())
        score = pandas_udf(predictor.series, "predicted_label string, probability float")
        rows = frame.select("id", score("text").alias("scored")).orderBy("id").collect()
        assert [row["scored"]["predicted_label"] for row in rows] == expected
    finally:
        spark.stop()
