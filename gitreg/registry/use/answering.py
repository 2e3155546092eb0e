"""The answer to one request of MLflow's scoring protocol: bytes in, bytes out.

It knows nothing of HTTP servers, Git or DVC, so it runs in a model's own environment too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from gitreg.errors import GitregError, Refused, Unsupported
from gitreg.flavors.pyfunc import PyFunc
from gitreg.registry.use.data.files import parse_data, parse_json
from gitreg.registry.use.data.jsonable import format_answer
from gitreg.registry.use.data.predictions import Kind
from gitreg.registry.use.request import Request, read_request

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
CONTENT_TYPES: Mapping[str, Kind] = {JSON: "json", CSV: "csv", PARQUET: "parquet", "application/x-parquet": "parquet"}

ERROR_CODES = {
    404: "ENDPOINT_NOT_FOUND",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""MLflow's names of errors, by status. Every other one is BAD_REQUEST."""

_BODY = "the data"
_log = logging.getLogger("gitreg.answering")


@dataclass(frozen=True)
class Answer:
    """What is sent back: the HTTP status, the type of the body, the body."""

    status: int
    content_type: str
    body: bytes


class _NotTaken(Exception):
    """A content type that no model takes."""


def answer(model: PyFunc, content_type: str, body: bytes) -> Answer:
    """The model's answer to the data in `body`, which is of `content_type`. Raises nothing.

    200 with `{"predictions": ...}`; 400 that names the column and row where the data is not what the model takes; 415
    for another content type; 500 where the model's own code fails, which is logged with its traceback.
    """
    try:
        request = _read(model, content_type, body)
        data, params = model.prepare(request.data, request.params, typed=request.typed)
    except _NotTaken as error:
        return failure(415, str(error))
    except GitregError as error:
        return failure(500 if isinstance(error, Unsupported) else 400, _words(error))
    except Exception as error:  # pandas, numpy and pyarrow have any error for bytes that are no data
        return failure(400, f"{_BODY} cannot be read: {type(error).__name__}: {str(error)[:300]}")
    try:
        return Answer(200, JSON, format_answer(model.call(data, params), bare=request.bare).encode())
    except Refused as error:
        return failure(400, _words(error))
    except Exception as error:  # the model's own code, whatever it raises
        _log.exception("%s failed to predict", model.version or model.name)
        return failure(500, f"the model failed to predict: {type(error).__name__}")


def failure(status: int, message: str) -> Answer:
    """An error as MLflow's clients read it."""
    code = ERROR_CODES.get(status, "BAD_REQUEST")
    return Answer(status, JSON, json.dumps({"error_code": code, "message": message}, ensure_ascii=False).encode())


def _words(error: GitregError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _read(model: PyFunc, content_type: str, body: bytes) -> Request:
    kind = _kind(content_type)
    if kind == "json":
        return read_request(parse_json(body, _BODY), model.signature, _BODY)
    return Request(parse_data(body, kind, model.signature, _BODY).data)


def _kind(content_type: str) -> Kind:
    if content_type == JSON:
        return "json"
    name, *parameters = (part.strip() for part in content_type.split(";"))
    kind = CONTENT_TYPES.get(name.lower())
    if kind is None:
        raise _NotTaken(f"the content type is {name or 'not given'}, not one of: {', '.join(CONTENT_TYPES)}")
    for parameter in filter(None, parameters):
        key, _, value = parameter.partition("=")
        if key.strip().lower() != "charset":
            raise _NotTaken(f"the content type has a parameter {key.strip()!r}; only charset=utf-8 is taken")
        if value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise _NotTaken(f"the charset is {value.strip()!r}; only utf-8 is taken")
    return kind
