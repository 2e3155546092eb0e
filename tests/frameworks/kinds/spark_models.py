"""Models of Spark ML, with data of every type that it takes. Also read in MLflow's environment, which has no gitreg."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import sys
import tempfile
import warnings
from typing import Any

import numpy as np
import pandas as pd

from frameworks.kinds._kind import Kind


@functools.cache
def spark_of_the_tests() -> Any:
    """The one session of this process; what Spark spills goes to a folder that is removed."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    place = tempfile.mkdtemp(prefix="spark-of-the-tests-")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")  # a short life: half the time
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.default.parallelism", "2")
        .config("spark.local.dir", place)
        .config("spark.sql.warehouse.dir", f"file:{place}/warehouse")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    atexit.register(session.stop)
    return session


prepare = spark_of_the_tests
"""What MLflow needs before it loads a model."""


def rows() -> pd.DataFrame:
    """Every type that Spark makes columns of, and each but whole numbers and truth with values missing."""
    at = np.arange(100)
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "double": chance.normal(size=100),
            "float": chance.normal(size=100).astype("float32"),
            "long": chance.integers(0, 9, 100),
            "integer": chance.integers(0, 9, 100).astype("int32"),
            "boolean": at % 3 == 0,
            "text": [f"plan {number % 4}" for number in at],
            "binary": [bytes([number, 255]) for number in at],
            "time": pd.Timestamp("2026-01-02 03:04:05") + pd.to_timedelta(at, unit="h"),
        }
    )
    for place, name in enumerate(("double", "float", "text", "time")):
        frame.loc[place * 7 + 5 : place * 7 + 8, name] = None
    return frame


def _labelled(frame: pd.DataFrame) -> Any:
    label = (frame["long"] + frame["double"].fillna(0) > 4).astype("float64")
    return spark_of_the_tests().createDataFrame(frame.assign(label=label))


def pipeline() -> tuple[Any, Any]:
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import SQLTransformer, StringIndexer, VectorAssembler

    frame = rows()
    data = _labelled(frame)
    numbers = "coalesce(double, 0) + coalesce(float, 0) AS sum, coalesce(hour(time), 0) AS hour"
    other = "CAST(length(binary) AS DOUBLE) AS bytes, CAST(boolean AS INT) AS truth"
    stages = [
        SQLTransformer(statement=f"SELECT *, {numbers}, {other} FROM __THIS__"),
        StringIndexer(inputCol="text", outputCol="plan", handleInvalid="keep"),
        VectorAssembler(
            inputCols=["sum", "long", "integer", "truth", "bytes", "hour", "plan"],
            outputCol="features",
            handleInvalid="keep",
        ),
        LogisticRegression(maxIter=4),
    ]
    return Pipeline(stages=stages).fit(data), frame


def forest() -> tuple[Any, Any]:
    """A model that is no pipeline: its features are lists, which it is given as vectors."""
    from pyspark.ml.functions import array_to_vector
    from pyspark.ml.regression import RandomForestRegressor

    numbers = np.random.default_rng(1).normal(size=(100, 3))
    frame = pd.DataFrame({"features": numbers.tolist()})
    data = spark_of_the_tests().createDataFrame(frame.assign(label=numbers.sum(axis=1)))
    data = data.withColumn("features", array_to_vector("features"))
    return RandomForestRegressor(numTrees=3, maxDepth=3, seed=1).fit(data), frame


def transformer() -> tuple[Any, Any]:
    """A stage that was never fitted."""
    from pyspark.ml.feature import Bucketizer

    spark_of_the_tests()
    bucketizer = Bucketizer(splits=[-9.0, 0.0, 9.0], inputCol="double", outputCol="prediction", handleInvalid="keep")
    return bucketizer, rows()[["double", "text"]]


def ask(native: Any, data: Any) -> Any:
    from pyspark.ml.functions import array_to_vector

    frame = spark_of_the_tests().createDataFrame(data)
    if "features" in data.columns:
        frame = frame.withColumn("features", array_to_vector("features"))
    return [row.prediction for row in native.transform(frame).select("prediction").collect()]


MODELS: dict[str, Kind] = {
    "pipeline": Kind("spark", pipeline, ask),
    "forest without a pipeline": Kind("spark", forest, ask),
    "bare transformer": Kind("spark", transformer, ask, signed=False),
}
