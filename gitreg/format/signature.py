"""A model's signature: the columns, tensors and parameters that `predict` takes and gives.

The text is MLflow's, three JSON documents inside MLmodel. The short spelling that stage files use is in
signature_spelling.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence

from gitreg.errors import Damaged
from gitreg.format.jsontext import number_to_json
from gitreg.format.schema import (
    SCALARS,
    VECTOR,
    AnyType,
    Array,
    Column,
    Map,
    Object,
    Param,
    Property,
    Schema,
    Signature,
    Tensor,
    Type,
)

__all__ = [
    "DTYPE",
    "SCALARS",
    "VECTOR",
    "AnyType",
    "Array",
    "Column",
    "Map",
    "Object",
    "Param",
    "Property",
    "Schema",
    "Signature",
    "Tensor",
    "Type",
    "canonical_signature",
    "format_signature",
    "parse_signature",
    "signature_digest",
]

DTYPE = re.compile(r"[a-z][a-z0-9_]{0,30}(?:\[[0-9]{0,9}[a-zA-Z]{1,2}\])?")
"""What numpy may call a dtype: float32, str, datetime64[ns]."""

DEEPEST = 50
"""How deep a column's type or a param's default may nest."""

_NOT_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_PYTHON_TYPES = {"boolean": bool, "integer": int, "long": int, "string": str, "datetime": str}


def parse_signature(texts: Mapping[str, object]) -> Signature:
    """The signature that MLmodel's `signature:` holds under `inputs`, `outputs` and `params`.

    Each of the three is JSON text as MLflow writes it, the list that such text decodes to, or None; other keys
    are ignored. Old columns that do not say `required` are required. Damaged, naming the column, where MLflow
    could not have written the value or could not read it back.
    """
    _mapping(texts, "the signature")
    inputs, outputs, params = (_rows(texts.get(part), part) for part in ("inputs", "outputs", "params"))
    signature = Signature(
        inputs=None if inputs is None else _parse_schema(inputs, "inputs"),
        outputs=None if outputs is None else _parse_schema(outputs, "outputs"),
        params=_parse_params(params) if params else None,
    )
    if not signature.declared:
        raise Damaged("the signature declares nothing", "declare its inputs, or leave the whole signature out")
    return signature


def format_signature(signature: Signature) -> dict[str, str | None]:
    """The three JSON texts of MLmodel's `signature:`, byte for byte as MLflow 3 writes them."""
    return {part: None if rows is None else json.dumps(rows) for part, rows in _parts(signature).items()}


def canonical_signature(signature: Signature) -> str:
    """One text for all JSON spellings of the same signature.

    The object of the three decoded parts, a part that is not declared as null: sorted keys, no white space, ASCII,
    and numbers that JSON cannot hold as "NaN", "Infinity" and "-Infinity". Columns keep their order.
    """
    return json.dumps(_finite(_parts(signature)), sort_keys=True, separators=(",", ":"), allow_nan=False)


def signature_digest(signature: Signature | None) -> str:
    """`sha256:<hex>` of the canonical text, or `none` where nothing is declared."""
    if signature is None or not signature.declared:
        return "none"
    return "sha256:" + hashlib.sha256(canonical_signature(signature).encode("ascii")).hexdigest()


def _parts(signature: Signature) -> dict[str, list[dict[str, object]] | None]:
    inputs, outputs, params = signature.inputs, signature.outputs, signature.params
    return {
        "inputs": [_entry_row(entry) for entry in inputs] if inputs else None,
        "outputs": [_entry_row(entry) for entry in outputs] if outputs else None,
        "params": [_param_row(param) for param in params] if params else None,
    }


def _entry_row(entry: Column | Tensor) -> dict[str, object]:
    if isinstance(entry, Column):
        row = _type_row(entry.type)
        if entry.name is not None:
            row["name"] = entry.name
        return {**row, "required": entry.required}
    named: dict[str, object] = {} if entry.name is None else {"name": entry.name}
    return {**named, "type": "tensor", "tensor-spec": {"dtype": entry.dtype, "shape": list(entry.shape)}}


def _type_row(value: Type) -> dict[str, object]:
    if isinstance(value, str):
        return {"type": value}
    if isinstance(value, Array):
        return {"type": "array", "items": _type_row(value.items)}
    if isinstance(value, Map):
        return {"type": "map", "values": _type_row(value.values)}
    if isinstance(value, AnyType):
        return {"type": "any"}
    members = sorted(value.properties, key=lambda member: member.name)
    rows = {member.name: {**_type_row(member.type), "required": member.required} for member in members}
    return {"type": "object", "properties": rows}


def _param_row(param: Param) -> dict[str, object]:
    shape = None if param.shape is None else list(param.shape)
    return {"name": param.name, "default": param.default, "shape": shape, **_type_row(param.type)}


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return number_to_json(value) if isinstance(value, float) else value


def _rows(value: object, part: str) -> Sequence[object] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value, object_pairs_hook=_once, parse_constant=_NOT_NUMBERS.__getitem__)
        except (ValueError, RecursionError) as error:
            raise Damaged(f"{part} of the signature are not valid JSON: {error}") from None
    if value is not None and not isinstance(value, list | tuple):
        raise Damaged(f"{part} of the signature are {_shown(value)}, not a list")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _parse_schema(rows: Sequence[object], part: str) -> Schema:
    what = f"{part} of the signature"
    if not rows:
        raise Damaged(f"{what} are an empty list")
    entries = [_parse_entry(_mapping(row, f"{what}: entry {index}"), what, index) for index, row in enumerate(rows)]
    columns = tuple(entry for entry in entries if isinstance(entry, Column))
    tensors = tuple(entry for entry in entries if isinstance(entry, Tensor))
    if columns and tensors:
        raise Damaged(f"{what} mix columns and tensors")
    names = [entry.name for entry in entries]
    if None not in names:
        _refuse_twice(names, what)
    elif any(name is not None for name in names):
        raise Damaged(f"{what} mix entries with and without a name")
    elif len(tensors) > 1:
        raise Damaged(f"{what} hold several tensors without a name")
    elif not all(column.required for column in columns):
        raise Damaged(f"{what} hold an optional column without a name")
    return columns or tensors


def _parse_entry(row: Mapping[object, object], what: str, index: int) -> Column | Tensor:
    name = row.get("name")
    what = f"{what}: {index if name is None else _shown(name)}"
    if row.get("type") == "tensor":
        spec = _mapping(row.get("tensor-spec"), f"{what}: tensor-spec")
        dtype = spec.get("dtype")
        if not isinstance(dtype, str) or not DTYPE.fullmatch(dtype):
            raise Damaged(f"{what} has the dtype {_shown(dtype)}, which is none of numpy's")
        return Tensor(None if name is None else _text(name, what), dtype, _parse_shape(spec.get("shape"), what))
    if type(name) is int and abs(name) < 2**63:
        return Column(name, _parse_type(row, what), _parse_required(row, what))
    return Column(None if name is None else _text(name, what), _parse_type(row, what), _parse_required(row, what))


def _parse_shape(value: object, what: str) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not all(type(size) is int and -1 <= size < 2**63 for size in value):
        raise Damaged(f"{what} has no shape made of sizes, -1 for any size")
    return tuple(value)


def _parse_type(row: Mapping[object, object], what: str, depth: int = 1) -> Type:
    kind = row.get("type")
    if depth > DEEPEST:
        raise Damaged(f"{what} has a type nested more than {DEEPEST} deep")
    if kind == "array":
        return Array(_parse_type(_mapping(row.get("items"), f"{what}: items"), what, depth + 1))
    if kind == "map":
        return Map(_parse_type(_mapping(row.get("values"), f"{what}: values"), what, depth + 1))
    if kind == "any":
        return AnyType()
    if kind == "object":
        members = []
        for name, value in _mapping(row.get("properties"), f"{what}: properties").items():
            inner = f"{what}: property {_shown(name)}"
            member = _mapping(value, inner)
            value_type = _parse_type(member, inner, depth + 1)
            members.append(Property(_text(name, inner), value_type, _parse_required(member, inner)))
        if not members:
            raise Damaged(f"{what} is an object without properties")
        return Object(tuple(sorted(members, key=lambda member: member.name)))
    if isinstance(kind, str) and (kind in SCALARS or kind == VECTOR):
        return kind
    raise Damaged(f"{what} has the type {_shown(kind)}, which is none of MLflow's")


def _parse_required(row: Mapping[object, object], what: str) -> bool:
    required = row.get("required")
    if required is None:  # MLflow 2 said `optional: true` for a while, MLflow 1 nothing
        optional = row.get("optional", False)
        required = not optional if isinstance(optional, bool) else optional
    if not isinstance(required, bool):
        raise Damaged(f"{what} says {_shown(required)} for required, not true or false")
    return required


def _parse_params(rows: Sequence[object]) -> tuple[Param, ...]:
    params = tuple(_parse_param(row, index) for index, row in enumerate(rows))
    _refuse_twice([param.name for param in params], "params of the signature")
    return params


def _parse_param(value: object, index: int) -> Param:
    row = _mapping(value, f"params of the signature: entry {index}")
    name = row.get("name")
    what = f"params of the signature: {_shown(name)}"
    name = _text(name, what)
    kind = row.get("type") or row.get("dtype")  # the first MLflow with params wrote dtype
    value_type = _parse_type({**row, "type": kind}, what)
    if value_type in ("binary", VECTOR) or isinstance(value_type, Array | Map | AnyType):
        raise Damaged(f"{what} has the type {_shown(kind)}, which is none for a param")
    shape = None if row.get("shape") is None else _parse_shape(row["shape"], what)
    if shape not in (None, (-1,)) or (shape and isinstance(value_type, Object)):
        raise Damaged(f"{what} is neither a single value nor a list of scalars")
    if "default" not in row:
        raise Damaged(f"{what} has no default")
    default = row["default"]
    _check_json(default, what)
    if shape is None:
        return Param(name, value_type, _parse_default(default, value_type, what))
    if not isinstance(default, list | tuple):
        raise Damaged(f"{what} has the default {_shown(default)}, not a list")
    return Param(name, value_type, [_parse_default(one, value_type, what) for one in default], shape)


def _parse_default(value: object, value_type: Type, what: str) -> object:
    if not isinstance(value_type, str):
        if isinstance(value, Mapping):
            return value
    elif value is None or type(value) is _PYTHON_TYPES.get(value_type):
        return value
    elif value_type in ("float", "double") and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return math.nan if value != value else float(value)  # one nan, so that equal signatures are equal
        except OverflowError:
            raise Damaged(f"{what} has a default that is too large") from None
    raise Damaged(f"{what} has the default {_shown(value)}, which does not fit its type")


def _check_json(value: object, what: str, depth: int = 1) -> None:
    if depth > DEEPEST:
        raise Damaged(f"{what} has a default nested more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        for key, one in value.items():
            _text(key, what)
            _check_json(one, what, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            _check_json(one, what, depth + 1)
    elif isinstance(value, str):
        _text(value, what)
    elif value is not None and not isinstance(value, bool | int | float):
        raise Damaged(f"{what} has the default {_shown(value)}, which JSON cannot hold")


def _mapping(value: object, what: str) -> Mapping[object, object]:
    if not isinstance(value, Mapping):
        raise Damaged(f"{what} is {_shown(value)}, not a mapping")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Damaged(f"{what}: {_shown(value)} is not text")
    if not value.isascii() and re.search("[\ud800-\udfff]", value):
        raise Damaged(f"{what}: {_shown(value)} holds half a character (a lone surrogate)")
    return value


def _refuse_twice(names: Sequence[str | int | None], what: str) -> None:
    seen: set[str | int | None] = set()
    for name in names:
        if name in seen:
            raise Damaged(f"{what} name {name!r} twice")
        seen.add(name)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return ascii(value if len(value) <= 60 else value[:60] + "...")
    if value is None or isinstance(value, bool):
        return {None: "missing", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | tuple):
        return "a list"
    return "a mapping" if isinstance(value, Mapping) else f"of type {type(value).__name__}"
