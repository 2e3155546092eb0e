from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.format.compatibility import Change, Promise, compare, needed
from gitreg.format.schema import Array, Column, Object, Param, Property, Schema, Signature, Tensor
from gitreg.format.semver import BUMPS, Bump
from gitreg.format.signature_spelling import parse_param, parse_schema
from testing.signatures import FLAVORS, columns, promise, promises
from testing.work import growth

Lines = dict[str, str] | None


@dataclass(frozen=True)
class Case:
    """One cell of the table: what was and what is, in the short spelling, and the changes that are seen."""

    old: Lines
    new: Lines
    bump: Bump
    changes: tuple[str, ...]


INPUT_COLUMNS = {
    # patch
    "nothing": Case({"a": "long", "b": "string?"}, {"a": "long", "b": "string?"}, "patch", ()),
    "reordered": Case({"a": "long", "b": "string"}, {"b": "string", "a": "long"}, "patch", ("were reordered",)),
    # minor
    "removed": Case({"a": "long", "b": "string"}, {"a": "long"}, "minor", ("b was removed",)),
    "optional removed": Case({"a": "long", "b": "string?"}, {"a": "long"}, "minor", ("b was removed",)),
    "optional added": Case({"a": "long"}, {"a": "long", "b": "string?"}, "minor", ("b was added as optional",)),
    "required to optional": Case({"a": "long"}, {"a": "long?"}, "minor", ("a became optional",)),
    "integer->long": Case({"a": "integer"}, {"a": "long"}, "minor", ("a integer became long",)),
    "integer->double": Case({"a": "integer"}, {"a": "double"}, "minor", ("a integer became double",)),
    "float->double": Case({"a": "float"}, {"a": "double"}, "minor", ("a float became double",)),
    "optional integer->long": Case({"a": "integer?"}, {"a": "long?"}, "minor", ("a integer became long",)),
    "one removed, another added": Case(
        {"a": "long", "b": "string?"},
        {"a": "long", "c": "double?"},
        "minor",
        ("b was removed", "c was added as optional"),
    ),
    # major
    "required added": Case({"a": "long"}, {"a": "long", "b": "string"}, "major", ("b was added",)),
    "renamed": Case({"a": "long", "b": "string"}, {"a": "long", "c": "string"}, "major", ("b was renamed to c",)),
    "renamed in case only": Case({"plan": "long"}, {"Plan": "long"}, "major", ("plan was renamed to Plan",)),
    "optional renamed in case only": Case(
        {"x": "long", "plan": "long?"}, {"PLAN": "long?", "x": "long"}, "major", ("plan was renamed to PLAN",)
    ),
    "optional renamed": Case(
        {"a": "long", "b": "string?"}, {"a": "long", "c": "string?"}, "major", ("b was renamed to c",)
    ),
    "renamed and moved": Case(
        {"a": "long", "b": "string"}, {"c": "string", "a": "long"}, "major", ("b was removed", "c was added")
    ),
    "renamed and of another type": Case(
        {"a": "long"}, {"A": "string"}, "major", ("a was renamed to A", "A long became string")
    ),
    "a label became text": Case({"[0]": "long"}, {'"0"': "long"}, "major", ('[0] was renamed to "0"',)),
    "optional to required": Case({"a": "long?"}, {"a": "long"}, "major", ("a became required",)),
    "long->double": Case({"a": "long"}, {"a": "double"}, "major", ("a long became double",)),
    "long->integer": Case({"a": "long"}, {"a": "integer"}, "major", ("a long became integer",)),
    "double->integer": Case({"a": "double"}, {"a": "integer"}, "major", ("a double became integer",)),
    "double->float": Case({"a": "double"}, {"a": "float"}, "major", ("a double became float",)),
    "integer->float": Case({"a": "integer"}, {"a": "float"}, "major", ("a integer became float",)),
    "long->string": Case({"a": "long"}, {"a": "string"}, "major", ("a long became string",)),
    "boolean->integer": Case({"a": "boolean"}, {"a": "integer"}, "major", ("a boolean became integer",)),
    "string->binary": Case({"a": "string"}, {"a": "binary"}, "major", ("a string became binary",)),
    "datetime->string": Case({"a": "datetime"}, {"a": "string"}, "major", ("a datetime became string",)),
    "long->any": Case({"a": "long"}, {"a": "any"}, "major", ("a long became any",)),
    "any->long": Case({"a": "any"}, {"a": "long"}, "major", ("a any became long",)),
    "long->array": Case({"a": "long"}, {"a": "array<long>"}, "major", ("a long became array<long>",)),
    "two at once": Case({"a": "integer?"}, {"a": "long"}, "major", ("a became required", "a integer became long")),
    # the whole
    "columns to tensor": Case(
        {"a": "long"}, {"0": "tensor(int64, [-1])"}, "major", ("columns became unnamed tensors",)
    ),
    "columns to named tensors": Case({"a": "long"}, {"a": "tensor(int64, [-1])"}, "major", ("columns became tensors",)),
    "named to unnamed": Case({"a": "long"}, {"0": "long"}, "major", ("columns became unnamed columns",)),
    "unnamed to named": Case({"0": "long"}, {"a": "long"}, "major", ("unnamed columns became columns",)),
    "declared": Case(None, {"a": "long"}, "major", ("were declared",)),
    "dropped": Case({"a": "long"}, None, "major", ("were dropped",)),
}

NESTED = {
    # minor
    "optional property added": Case(
        {"a": "object{x: long}"}, {"a": "object{x: long, y: long?}"}, "minor", ("a property 'y' was added as optional",)
    ),
    "property required to optional": Case(
        {"a": "object{x: long}"}, {"a": "object{x: long?}"}, "minor", ("a property 'x' became optional",)
    ),
    "optional property added in an array": Case(
        {"a": "array<object{x: long}>"},
        {"a": "array<object{x: long, y: long?}>"},
        "minor",
        ("a property 'y' was added as optional",),
    ),
    "property to optional in a map in an object": Case(
        {"a": "object{m: map<object{x: long}>}"},
        {"a": "object{m: map<object{x: long?}>}"},
        "minor",
        ("a property 'm.x' became optional",),
    ),
    # major
    "required property added": Case(
        {"a": "object{x: long}"}, {"a": "object{x: long, y: long}"}, "major", ("a property 'y' was added",)
    ),
    "property removed": Case(
        {"a": "object{x: long, y: long}"}, {"a": "object{x: long}"}, "major", ("a property 'y' was removed",)
    ),
    "optional property removed": Case(
        {"a": "object{x: long, y: long?}"}, {"a": "object{x: long}"}, "major", ("a property 'y' was removed",)
    ),
    "property renamed": Case(
        {"a": "object{x: long}"},
        {"a": "object{y: long}"},
        "major",
        ("a property 'x' was removed", "a property 'y' was added"),
    ),
    "property optional to required": Case(
        {"a": "object{x: long?}"}, {"a": "object{x: long}"}, "major", ("a property 'x' became required",)
    ),
    "property integer->long": Case(
        {"a": "object{x: integer}"}, {"a": "object{x: long}"}, "major", ("a integer became long in property 'x'",)
    ),
    "property float->double": Case(
        {"a": "object{x: float}"}, {"a": "object{x: double}"}, "major", ("a float became double in property 'x'",)
    ),
    "array of integer->long": Case({"a": "array<integer>"}, {"a": "array<long>"}, "major", ("a integer became long",)),
    "map of integer->long": Case({"a": "map<integer>"}, {"a": "map<long>"}, "major", ("a integer became long",)),
    "array to map": Case({"a": "array<long>"}, {"a": "map<long>"}, "major", ("a array<long> became map<long>",)),
    "array unpacked": Case({"a": "array<long>"}, {"a": "long"}, "major", ("a array<long> became long",)),
    "object to map": Case(
        {"a": "object{x: long}"}, {"a": "map<long>"}, "major", ("a object{x: long} became map<long>",)
    ),
    "array of any": Case({"a": "array<long>"}, {"a": "array<any>"}, "major", ("a long became any",)),
    "deep inside": Case(
        {"a": "object{p: array<object{q: long?, r: long}>}"},
        {"a": "object{p: array<object{q: string, r: long?}>}"},
        "major",
        (
            "a property 'p.q' became required",
            "a long became string in property 'p.q'",
            "a property 'p.r' became optional",
        ),
    ),
}

UNNAMED_INPUTS = {
    "nothing": Case({"0": "long", "1": "string"}, {"0": "long", "1": "string"}, "patch", ()),
    "added": Case({"0": "long"}, {"0": "long", "1": "long"}, "major", ("1 columns became 2",)),
    "removed": Case({"0": "long", "1": "long"}, {"0": "long"}, "major", ("2 columns became 1",)),
    "integer->long": Case({"0": "integer"}, {"0": "long"}, "major", ("0 integer became long",)),
    "reordered": Case(
        {"0": "long", "1": "string"},
        {"0": "string", "1": "long"},
        "major",
        ("0 long became string", "1 string became long"),
    ),
    "optional property": Case(
        {"0": "object{x: long}"},
        {"0": "object{x: long?}"},
        "major",
        ("0 object{x: long} became object{x: long?}",),
    ),
}

INPUT_TENSORS = {
    "nothing": Case({"0": "tensor(float32, [-1, 4])"}, {"0": "tensor(float32, [-1, 4])"}, "patch", ()),
    "named, reordered": Case(
        {"a": "tensor(str, [1])", "b": "tensor(str, [2])"},
        {"b": "tensor(str, [2])", "a": "tensor(str, [1])"},
        "patch",
        ("were reordered",),
    ),
    # minor
    "n -> -1": Case(
        {"0": "tensor(float32, [-1, 4])"},
        {"0": "tensor(float32, [-1, -1])"},
        "minor",
        ("the shape [-1, 4] became [-1, -1]",),
    ),
    "every n -> -1": Case(
        {"a": "tensor(float32, [2, 4])"},
        {"a": "tensor(float32, [-1, -1])"},
        "minor",
        ("a the shape [2, 4] became [-1, -1]",),
    ),
    "named removed": Case(
        {"a": "tensor(str, [1])", "b": "tensor(str, [2])"}, {"a": "tensor(str, [1])"}, "minor", ("b was removed",)
    ),
    # major
    "dtype": Case({"0": "tensor(float32, [4])"}, {"0": "tensor(float64, [4])"}, "major", ("float32 became float64",)),
    "dtype of a named one": Case(
        {"a": "tensor(int32, [4])"}, {"a": "tensor(int64, [4])"}, "major", ("a int32 became int64",)
    ),
    "rank": Case(
        {"0": "tensor(float32, [-1, 4])"},
        {"0": "tensor(float32, [-1, 4, 1])"},
        "major",
        ("the shape [-1, 4] became [-1, 4, 1]",),
    ),
    "rank less": Case(
        {"0": "tensor(float32, [-1, 4])"}, {"0": "tensor(float32, [-1])"}, "major", ("the shape [-1, 4] became [-1]",)
    ),
    "-1 -> n": Case(
        {"0": "tensor(float32, [-1, 4])"},
        {"0": "tensor(float32, [1, 4])"},
        "major",
        ("the shape [-1, 4] became [1, 4]",),
    ),
    "n -> m": Case(
        {"0": "tensor(float32, [-1, 4])"},
        {"0": "tensor(float32, [-1, 5])"},
        "major",
        ("the shape [-1, 4] became [-1, 5]",),
    ),
    "n -> -1 and n -> m": Case(
        {"0": "tensor(float32, [3, 4])"},
        {"0": "tensor(float32, [-1, 5])"},
        "major",
        ("the shape [3, 4] became [-1, 5]",),
    ),
    "added": Case(
        {"a": "tensor(str, [1])"}, {"a": "tensor(str, [1])", "b": "tensor(str, [2])"}, "major", ("b was added",)
    ),
    "renamed": Case({"a": "tensor(str, [1])"}, {"b": "tensor(str, [1])"}, "major", ("a was removed", "b was added")),
    "named to unnamed": Case(
        {"a": "tensor(str, [1])"}, {"0": "tensor(str, [1])"}, "major", ("tensors became unnamed tensors",)
    ),
    "tensor to columns": Case(
        {"0": "tensor(str, [1])"}, {"0": "string"}, "major", ("unnamed tensors became unnamed columns",)
    ),
}

OUTPUT_COLUMNS = {
    "nothing": Case({"a": "long"}, {"a": "long"}, "patch", ()),
    # minor
    "added": Case({"a": "long"}, {"a": "long", "b": "long"}, "minor", ("b was added",)),
    "optional added": Case({"a": "long"}, {"a": "long", "b": "long?"}, "minor", ("b was added",)),
    "reordered": Case({"a": "long", "b": "string"}, {"b": "string", "a": "long"}, "minor", ("were reordered",)),
    "optional to required": Case({"a": "long?"}, {"a": "long"}, "minor", ("a became required",)),
    "long->integer": Case({"a": "long"}, {"a": "integer"}, "minor", ("a long became integer",)),
    "double->integer": Case({"a": "double"}, {"a": "integer"}, "minor", ("a double became integer",)),
    "double->float": Case({"a": "double"}, {"a": "float"}, "minor", ("a double became float",)),
    "first declared": Case(None, {"a": "long"}, "minor", ("were declared",)),
    # major
    "removed": Case({"a": "long", "b": "long"}, {"a": "long"}, "major", ("b was removed",)),
    "optional removed": Case({"a": "long", "b": "long?"}, {"a": "long"}, "major", ("b was removed",)),
    "renamed": Case({"a": "long"}, {"b": "long"}, "major", ("a was renamed to b",)),
    "renamed in case only": Case({"a": "long"}, {"A": "long"}, "major", ("a was renamed to A",)),
    "required to optional": Case({"a": "long"}, {"a": "long?"}, "major", ("a became optional",)),
    "integer->long": Case({"a": "integer"}, {"a": "long"}, "major", ("a integer became long",)),
    "integer->double": Case({"a": "integer"}, {"a": "double"}, "major", ("a integer became double",)),
    "float->double": Case({"a": "float"}, {"a": "double"}, "major", ("a float became double",)),
    "double->long": Case({"a": "double"}, {"a": "long"}, "major", ("a double became long",)),
    "long->string": Case({"a": "long"}, {"a": "string"}, "major", ("a long became string",)),
    "nested": Case(
        {"a": "object{x: long}"},
        {"a": "object{x: long, y: long?}"},
        "major",
        ("a object{x: long} became object{x: long, y: long?}",),
    ),
    "dropped": Case({"a": "long"}, None, "major", ("were dropped",)),
    "columns to tensor": Case(
        {"a": "long"}, {"0": "tensor(int64, [-1])"}, "major", ("columns became unnamed tensors",)
    ),
}

OTHER_OUTPUTS = {
    "nothing unnamed": Case({"0": "long"}, {"0": "long"}, "patch", ()),
    "nothing of a tensor": Case({"0": "tensor(str, [1])"}, {"0": "tensor(str, [1])"}, "patch", ()),
    # minor
    "-1 -> n": Case(
        {"0": "tensor(float32, [-1, -1])"},
        {"0": "tensor(float32, [-1, 3])"},
        "minor",
        ("the shape [-1, -1] became [-1, 3]",),
    ),
    "-1 -> n of a named one": Case(
        {"a": "tensor(float32, [-1])"}, {"a": "tensor(float32, [3])"}, "minor", ("a the shape [-1] became [3]",)
    ),
    "unnamed first declared": Case(None, {"0": "long"}, "minor", ("were declared",)),
    "tensor first declared": Case(None, {"0": "tensor(str, [1])"}, "minor", ("were declared",)),
    # major
    "n -> -1": Case(
        {"0": "tensor(float32, [3])"}, {"0": "tensor(float32, [-1])"}, "major", ("the shape [3] became [-1]",)
    ),
    "n -> m": Case(
        {"0": "tensor(float32, [3])"}, {"0": "tensor(float32, [4])"}, "major", ("the shape [3] became [4]",)
    ),
    "rank": Case({"0": "tensor(float32, [3])"}, {"0": "tensor(float32, [])"}, "major", ("the shape [3] became []",)),
    "dtype": Case({"0": "tensor(float32, [3])"}, {"0": "tensor(float16, [3])"}, "major", ("float32 became float16",)),
    "tensor removed": Case(
        {"a": "tensor(str, [1])", "b": "tensor(str, [2])"}, {"a": "tensor(str, [1])"}, "major", ("b was removed",)
    ),
    "tensor added": Case(
        {"a": "tensor(str, [1])"}, {"a": "tensor(str, [1])", "b": "tensor(str, [2])"}, "major", ("b was added",)
    ),
    "tensors reordered": Case(
        {"a": "tensor(str, [1])", "b": "tensor(str, [2])"},
        {"b": "tensor(str, [2])", "a": "tensor(str, [1])"},
        "major",
        ("were reordered",),
    ),
    "unnamed narrower": Case({"0": "long"}, {"0": "integer"}, "major", ("0 long became integer",)),
    "unnamed wider": Case({"0": "integer"}, {"0": "long"}, "major", ("0 integer became long",)),
    "unnamed added": Case({"0": "long"}, {"0": "long", "1": "long"}, "major", ("1 columns became 2",)),
    "unnamed removed": Case({"0": "long", "1": "long"}, {"0": "long"}, "major", ("2 columns became 1",)),
    "unnamed to named": Case({"0": "long"}, {"a": "long"}, "major", ("unnamed columns became columns",)),
    "unnamed dropped": Case({"0": "long"}, None, "major", ("were dropped",)),
    "tensor dropped": Case({"0": "tensor(str, [1])"}, None, "major", ("were dropped",)),
}

PARAMS = {
    "nothing": Case({"a": "long = 1"}, {"a": "long = 1"}, "patch", ()),
    "the same default": Case({"a": "double = 1"}, {"a": "double = 1.0"}, "patch", ()),
    "reordered": Case(
        {"a": "long = 1", "b": "long = 1"}, {"b": "long = 1", "a": "long = 1"}, "patch", ("were reordered",)
    ),
    # minor
    "first added": Case({}, {"a": "long = 1"}, "minor", ("a was added",)),
    "added": Case({"a": "long = 1"}, {"a": "long = 1", "b": "long = 1"}, "minor", ("b was added",)),
    "default changed": Case({"a": "long = 1"}, {"a": "long = 2"}, "minor", ("a has another default",)),
    "default to none": Case({"a": "long = 1"}, {"a": "long = null"}, "minor", ("a has another default",)),
    "default of a list": Case(
        {"a": "array<long> = [1]"}, {"a": "array<long> = [1, 2]"}, "minor", ("a has another default",)
    ),
    "default of an object": Case(
        {"a": 'object{x: long} = {"x": 1}'}, {"a": 'object{x: long} = {"x": 2}'}, "minor", ("a has another default",)
    ),
    "integer->long": Case({"a": "integer = 1"}, {"a": "long = 1"}, "minor", ("a integer became long",)),
    "integer->double": Case({"a": "integer = 1"}, {"a": "double = 1.0"}, "minor", ("a integer became double",)),
    "long->double": Case({"a": "long = 1"}, {"a": "double = 1.0"}, "minor", ("a long became double",)),
    "float->double": Case({"a": "float = 1.0"}, {"a": "double = 1.0"}, "minor", ("a float became double",)),
    "list of long->double": Case(
        {"a": "array<long> = [1]"}, {"a": "array<double> = [1.0]"}, "minor", ("a long became double",)
    ),
    "wider, with another default": Case(
        {"a": "long = 1"}, {"a": "double = 0.5"}, "minor", ("a long became double", "a has another default")
    ),
    # major
    "removed": Case({"a": "long = 1", "b": "long = 1"}, {"a": "long = 1"}, "major", ("b was removed",)),
    "all removed": Case({"a": "long = 1"}, {}, "major", ("a was removed",)),
    "renamed": Case({"a": "long = 1"}, {"b": "long = 1"}, "major", ("a was removed", "b was added")),
    "double->long": Case({"a": "double = 1.0"}, {"a": "long = 1"}, "major", ("a double became long",)),
    "double->float": Case({"a": "double = 1.0"}, {"a": "float = 1.0"}, "major", ("a double became float",)),
    "long->integer": Case({"a": "long = 1"}, {"a": "integer = 1"}, "major", ("a long became integer",)),
    "integer->float": Case({"a": "integer = 1"}, {"a": "float = 1.0"}, "major", ("a integer became float",)),
    "long->string": Case({"a": "long = 1"}, {"a": 'string = "1"'}, "major", ("a long became string",)),
    "boolean->integer": Case({"a": "boolean = true"}, {"a": "integer = 1"}, "major", ("a boolean became integer",)),
    "property": Case(
        {"a": 'object{x: long} = {"x": 1}'},
        {"a": 'object{x: long?} = {"x": 1}'},
        "major",
        ("a object{x: long} became object{x: long?}",),
    ),
    "one value to a list": Case({"a": "long = 1"}, {"a": "array<long> = [1]"}, "major", ("a one value became a list",)),
    "a list to one value": Case({"a": "array<long> = [1]"}, {"a": "long = 1"}, "major", ("a a list became one value",)),
    "a list of a wider type": Case(
        {"a": "long = 1"},
        {"a": "array<double> = [1.0]"},
        "major",
        ("a one value became a list", "a long became double"),
    ),
}

FLAVOR_CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...], Bump, tuple[str, ...]]] = {
    "nothing": (FLAVORS, FLAVORS, "patch", ()),
    "another order": (("sklearn", "python_function"), ("python_function", "sklearn"), "patch", ()),
    "native changed": (FLAVORS, ("python_function", "xgboost"), "minor", ("sklearn became xgboost",)),
    "native added": (("python_function",), FLAVORS, "minor", ("sklearn was added",)),
    "native removed": (FLAVORS, ("python_function",), "minor", ("sklearn was removed",)),
    "python_function added": (("sklearn",), FLAVORS, "minor", ("python_function was added",)),
    "python_function lost": (FLAVORS, ("sklearn",), "major", ("python_function was removed",)),
    "R predicts instead": (FLAVORS, ("crate",), "minor", ("sklearn became crate",)),
    "R predicted": (("crate",), FLAVORS, "minor", ("crate became sklearn",)),
    "R lost": (("crate", "sklearn"), ("sklearn",), "major", ("crate was removed",)),
    "both": (FLAVORS, ("onnx",), "major", ("python_function was removed", "sklearn became onnx")),
}


def _told(changes: tuple[Change, ...]) -> tuple[str, ...]:
    return tuple(f"{change.name} {change.what}".strip() for change in changes)


def _schema(lines: Lines) -> Schema | None:
    return None if lines is None else parse_schema(lines, "columns")


def _ids(cases: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", list(cases.values()), ids=list(cases))


INPUT_CASES = [
    pytest.param(case, id=f"{part}-{name}")
    for part, cases in {
        "named": INPUT_COLUMNS,
        "nested": NESTED,
        "unnamed": UNNAMED_INPUTS,
        "tensor": INPUT_TENSORS,
    }.items()
    for name, case in cases.items()
]
OUTPUT_CASES = [
    pytest.param(case, id=f"{part}-{name}")
    for part, cases in {"named": OUTPUT_COLUMNS, "other": OTHER_OUTPUTS}.items()
    for name, case in cases.items()
]


@pytest.mark.parametrize("case", INPUT_CASES)
def test_inputs(case: Case) -> None:
    kept = columns(kept="long")
    changes = compare(promise(_schema(case.old), kept), promise(_schema(case.new), kept))
    assert (_told(changes), needed(changes)) == (case.changes, case.bump)
    assert {change.part for change in changes} <= {"inputs"}


@pytest.mark.parametrize("case", OUTPUT_CASES)
def test_outputs(case: Case) -> None:
    kept = columns(kept="long")
    changes = compare(promise(kept, _schema(case.old)), promise(kept, _schema(case.new)))
    assert (_told(changes), needed(changes)) == (case.changes, case.bump)
    assert {change.part for change in changes} <= {"outputs"}


@_ids(PARAMS)
def test_params(case: Case) -> None:
    old, new = (
        promise(columns(kept="long"), None, *(parse_param(name, text) for name, text in (lines or {}).items()))
        for lines in (case.old, case.new)
    )
    changes = compare(old, new)
    assert (_told(changes), needed(changes)) == (case.changes, case.bump)
    assert {change.part for change in changes} <= {"params"}


@pytest.mark.parametrize("old, new, bump, told", list(FLAVOR_CASES.values()), ids=list(FLAVOR_CASES))
def test_flavors(old: tuple[str, ...], new: tuple[str, ...], bump: Bump, told: tuple[str, ...]) -> None:
    signature = Signature(columns(a="long"))
    changes = compare(Promise(signature, old), Promise(signature, new))
    assert (_told(changes), needed(changes)) == (told, bump)
    assert {change.part for change in changes} <= {"flavors"}


@pytest.mark.parametrize(
    "old, new, bump, told",
    [
        (None, Signature(columns(a="long")), "major", ("was declared",)),
        (Signature(None), Signature(None, columns(a="long")), "major", ("was declared",)),
        (Signature(columns(a="long")), None, "major", ("was dropped",)),
        (Signature(columns(a="long")), Signature(None, None, ()), "major", ("was dropped",)),
        (None, None, "patch", ()),
        (None, Signature(None), "patch", ()),
    ],
)
def test_the_signature_itself(old: Signature | None, new: Signature | None, bump: Bump, told: tuple[str, ...]) -> None:
    changes = compare(Promise(old, FLAVORS), Promise(new, FLAVORS))
    assert (_told(changes), needed(changes)) == (told, bump)
    assert {change.part for change in changes} <= {"signature"}


def test_without_a_signature_predict_was_never_promised() -> None:
    changes = compare(Promise(None, FLAVORS), Promise(None, ("sklearn",)))
    assert changes == (Change("flavors", "python_function", "was removed", "minor", "there is no predict any more"),)


def test_changes_of_all_parts_are_told_in_order() -> None:
    old = promise(columns(a="long"), columns(y="long"), Param("p", "long", 1))
    new = replace(
        promise(columns(a="long?"), columns(y="integer"), Param("p", "long", 2)), flavors=("python_function",)
    )
    assert [change.part for change in compare(old, new)] == ["inputs", "outputs", "params", "flavors"]


def test_two_columns_cannot_be_renamed_to_one() -> None:
    old, new = columns(a="long", A="long", b="long"), columns(b="long", á="long", x="long?")
    assert _told(compare(promise(old), promise(new)))[:2] == ("a was removed", "A was renamed to á")
    swapped = compare(promise(columns(ab="long", Ab="long")), promise(columns(aB="long")))
    assert _told(swapped) == ("ab was renamed to aB", "Ab was removed")


def test_a_default_that_is_not_a_number_is_no_change() -> None:
    one, other = Param("p", "double", float("nan")), Param("p", "double", math.nan)
    assert compare(promise(columns(a="long"), None, one), promise(columns(a="long"), None, other)) == ()


def test_values_made_by_hand_compare_as_parsed_ones_do() -> None:
    unsorted = Object((Property("y", "long"), Property("x", "long")))
    by_hand = promise((Column("a", Array(unsorted)),), None, Param("p", "long", (1, 2), (-1,)))
    parsed = promise(columns(a="array<object{x: long, y: long}>"), None, Param("p", "long", [1, 2], (-1,)))
    assert compare(by_hand, parsed) == ()


@given(promises)
def test_a_promise_does_not_differ_from_itself(one: Promise) -> None:
    assert compare(one, one) == ()
    assert needed(compare(one, one)) == "patch"


@given(promises, promises)
def test_promises_that_differ_have_changes(old: Promise, new: Promise) -> None:
    changes = compare(old, new)
    assert needed(changes) == max((change.bump for change in changes), key=BUMPS.index, default="patch")
    assert len(set(changes)) == len(changes)
    assert all(change.what and change.effect for change in changes)
    if old.signature != new.signature or set(old.flavors) != set(new.flavors):
        assert changes


@given(promises, st.data())
def test_what_is_only_reordered_is_a_patch_for_inputs_and_params(one: Promise, data: st.DataObject) -> None:
    if one.signature is None or one.signature.inputs is None or one.signature.inputs[0].name is None:
        return
    inputs: Any = tuple(data.draw(st.permutations(one.signature.inputs)))
    params = one.signature.params and tuple(data.draw(st.permutations(one.signature.params)))
    other = replace(one, signature=replace(one.signature, inputs=inputs, params=params))
    assert needed(compare(one, other)) == "patch"


@given(promises, promises)
def test_no_step_and_its_way_back_are_both_less_than_minor(one: Promise, other: Promise) -> None:
    """A change that callers may use is one that callers miss when it is taken back."""
    if needed(compare(one, other)) == "minor":
        assert needed(compare(other, one)) != "patch"


def test_in_wide_tables_no_column_looks_at_every_other() -> None:
    def work(width: int) -> None:
        old, new = tables[width]
        assert len(compare(old, new)) == 2 * width

    tables = {
        width: (
            promise(tuple(Column(f"c{n}", "long") for n in range(width))),
            promise(tuple(Column(f"d{n}", "string") for n in reversed(range(width)))),
        )
        for width in (100, 1000)
    }
    assert growth(work, 100, 10) < 12  # a hundred, if it did


def test_a_tensor_keeps_its_name_in_the_change() -> None:
    old, new = (promise((Tensor("image", "uint8", (size,)),)) for size in (1, 2))
    assert compare(old, new) == (
        Change("inputs", "image", "the shape [1] became [2]", "major", "what callers send is refused"),
    )
