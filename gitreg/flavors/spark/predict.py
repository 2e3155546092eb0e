"""Predictions of a Spark ML model for a pandas data frame: its column `prediction`, as a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gitreg.errors import Refused, warn
from gitreg.flavors._base import Predict
from gitreg.flavors.spark.session import connected, said
from gitreg.format.schema import VECTOR, Column
from gitreg.format.signature import Signature

_COLUMN = "prediction"
_LONGEST = 200


def predictor_of(model: Any, signature: Signature | None, again: Callable[[], Any] | None = None) -> Predict:
    """How predictions are asked of `model`: data frames in, a list out, vectors in it as lists of floats.

    Columns that the signature calls Spark vectors, and the column of features of the model's last stage, are given as
    lists of numbers. `again` loads the model again, where the Java process that it was in has ended since.
    """
    columns = (signature.inputs or ()) if signature else ()
    vectors = [column.name for column in columns if isinstance(column, Column) and column.type == VECTOR]

    with connected() as at_first:
        gateway = at_first.sparkContext._gateway

    def predict(data: Any, params: Mapping[str, object] | None) -> list[object]:
        if params:
            warn(f"params that Spark's models do not take are ignored: {', '.join(params)}")
        nonlocal model, gateway
        with connected(to_load=False) as session:
            if session.sparkContext._gateway is not gateway:
                if again is None:
                    raise Refused("the model was in a Java process of Spark that has ended", "load it again")
                model, gateway = again(), session.sparkContext._gateway
            return _ask(session, model, data, vectors)

    return predict


def _ask(session: Any, model: Any, data: Any, vectors: list[Any]) -> list[object]:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException
    from pyspark.ml.linalg import Vector

    try:
        frame = _with_vectors(_frame_of(session, data, vectors), vectors, model)
        predicted = model.transform(frame)
        column = _answer_of(model, predicted.columns)
        rows = predicted.select(column).collect()
    except (PySparkException, Py4JJavaError) as error:
        raise Refused(f"the model cannot predict for this data: {said(error)}") from error
    return [value.toArray().tolist() if isinstance(value, Vector) else value for (value,) in rows]


def _frame_of(session: Any, data: Any, vectors: list[Any]) -> Any:
    from pyspark.sql import DataFrame

    if isinstance(data, DataFrame):
        return data
    if hasattr(data, "columns") and vectors:
        floats = {_name(name, data): [[float(x) for x in row] for row in data[_name(name, data)]] for name in vectors}
        data = data.assign(**floats)
    return session.createDataFrame(data)


def _name(name: Any, frame: Any) -> Any:
    """The only column may be without a name in the signature."""
    return frame.columns[0] if name is None else name


def _with_vectors(frame: Any, vectors: list[Any], model: Any) -> Any:
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql.types import ArrayType, DoubleType

    names = {_name(name, frame) for name in vectors}
    last = _last_stage(model)
    if last is not None and last.hasParam("featuresCol") and last.isDefined("featuresCol"):
        names.add(last.getOrDefault("featuresCol"))
    for field in frame.schema.fields:
        kind = field.dataType
        if field.name in names and isinstance(kind, ArrayType) and isinstance(kind.elementType, DoubleType):
            frame = frame.withColumn(field.name, array_to_vector(field.name))
    return frame


def _last_stage(model: Any) -> Any:
    stages = getattr(model, "stages", None)
    return model if stages is None else (stages[-1] if stages else None)


def _answer_of(model: Any, columns: list[str]) -> str:
    """The column of the predictions; of a pipeline that ends with a transformer, the column that one makes."""
    if _COLUMN in columns:
        return _COLUMN
    last = _last_stage(model)
    if last is not None and last.hasParam("outputCol") and last.getOrDefault("outputCol") in columns:
        return str(last.getOrDefault("outputCol"))
    hint = f"it has {', '.join(columns)[:_LONGEST]}: call setPredictionCol('{_COLUMN}') before it is saved"
    raise Refused(f"what the model makes has no column {_COLUMN}", hint)
