"""The data in a request of MLflow's scoring protocol, as MLflow's servers read it.

Where a signature declares columns or tensors, `data_of` types the data as that says. Without one, arrays are made of
`instances` and `inputs`: what a framework's predict takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitreg.errors import Refused
from gitreg.format.schema import Column, Signature
from gitreg.registry.use.data.files import data_of
from gitreg.registry.use.data.plain_rows import plain_frame
from gitreg.registry.use.data.whole_numbers import whole_params

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")

# Of a language model's request, which is the data itself.
_REQUEST_KEYS = frozenset({"messages", "prompt", "input"})
_EVEN = "every row has as many values as there are columns"
_SPLIT_KEYS = {"columns", "index", "data"}


@dataclass(frozen=True)
class Request:
    """What was asked. `typed` data is as the signature has it; a `bare` answer is not wrapped in `predictions`."""

    data: object
    params: Mapping[str, object] | None = None
    typed: bool = False
    bare: bool = False


def read_request(value: object, signature: Signature | None, what: str) -> Request:
    """What is asked by the JSON `value`. Raises Refused, naming what is wrong."""
    if not isinstance(value, dict):
        raise Refused(f"{what} is no JSON object", f"one that has {', '.join(FORMS)}")
    if not _REQUEST_KEYS.isdisjoint(value):
        declared = {param.name for param in (signature.params if signature else None) or ()}
        own = {key: item for key, item in value.items() if key in declared}
        return Request({key: item for key, item in value.items() if key not in declared}, own, bare=True)
    forms = [form for form in FORMS if form in value]
    if len(forms) != 1:
        found = "more than one" if forms else "none"
        raise Refused(f"{what} has {found} of {', '.join(FORMS)}", f"it has: {', '.join(value)[:200] or 'nothing'}")
    form = forms[0]
    params = value.get("params")
    if params is not None and not isinstance(params, dict):
        raise Refused(f"{what}: params is no object", 'write "params": {"NAME": VALUE}')
    if params and signature and signature.params:
        params = whole_params(params, signature.params)
    inputs = signature.inputs if signature else None
    frame = plain_frame(form, value[form], inputs)
    if frame is not None:
        return Request(frame, params, typed=True)
    return Request(_of_form(form, value[form], signature, what), params)


def _of_form(form: str, value: Any, signature: Signature | None, what: str) -> object:
    inputs = signature.inputs if signature else None
    if form in ("instances", "inputs"):
        if not inputs:
            return _arrays(form, value, what)
        if isinstance(inputs[0], Column) and isinstance(value, dict) and not _nested(value):
            value = [value]  # one row
    elif form == "dataframe_split" and isinstance(value, dict):
        _check_split(value, what)
    return data_of({form: value}, signature, what).data


def _check_split(value: Mapping[str, Any], what: str) -> None:
    if unknown := set(value) - _SPLIT_KEYS:
        raise Refused(f"{what}: dataframe_split has {', '.join(sorted(unknown))[:200]}", "columns, index and data only")
    heads, rows = value.get("columns"), value.get("data")
    if isinstance(heads, list) and isinstance(rows, list):
        for number, row in enumerate(rows):  # pandas fills a short row up
            if isinstance(row, list) and len(row) != len(heads):
                raise Refused(f"{what}, row {number}: {len(row)} of {len(heads)} values", _EVEN)


def _nested(value: Mapping[str, object]) -> bool:
    return any(isinstance(item, list | dict) for item in value.values())


def _arrays(form: str, value: Any, what: str) -> object:
    try:
        import numpy
    except ModuleNotFoundError:  # a model that needs none
        return value
    try:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            if form == "inputs" and all(isinstance(row, dict) for row in value):
                return [{name: numpy.array(item) for name, item in row.items()} for row in value]
            names = dict.fromkeys(name for row in value for name in row)
            value = {name: [row[name] for row in value if name in row] for name in names}
            if len({len(items) for items in value.values()}) > 1:
                raise Refused(f"{what}: some rows lack a name that others have", "give every row the same names")
        if isinstance(value, dict):
            return {name: numpy.array(item) for name, item in value.items()}
        return numpy.array(value)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Refused(f"{what}: {form} is no array: {error}", "every row has as many values as the others") from None
