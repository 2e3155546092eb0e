from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gitreg.errors import Damaged
from gitreg.format.signature import (
    AnyType,
    Array,
    Column,
    Map,
    Object,
    Param,
    Property,
    Signature,
    Tensor,
    canonical_signature,
    format_signature,
    parse_signature,
    signature_digest,
)
from testing.signatures import signatures
from testing.warm import Run

HERE = Path(__file__).parent
MLFLOW = json.loads((HERE / "signatures_mlflow.json").read_text())
WRITTEN = MLFLOW["written"]
READ = MLFLOW["read"]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_mlflow_writes_is_written_the_same(name: str) -> None:
    assert format_signature(parse_signature(WRITTEN[name])) == WRITTEN[name]


@pytest.mark.parametrize("name", [name for name, case in READ.items() if case["rewritten"]])
def test_what_mlflow_reads_is_read_the_same(name: str) -> None:
    assert format_signature(parse_signature(READ[name]["texts"])) == READ[name]["rewritten"]


@pytest.mark.parametrize("name", [name for name, case in READ.items() if not case["rewritten"]])
def test_what_mlflow_refuses_is_damaged(name: str) -> None:
    with pytest.raises(Damaged):
        parse_signature(READ[name]["texts"])


def test_mlflow_still_says_what_was_recorded(mlflow_python: Run) -> None:
    assert _ask(mlflow_python) == MLFLOW


@settings(max_examples=1, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(signatures.map(lambda found: _for_mlflow(found)), min_size=50, max_size=50))
def test_mlflow_reads_what_is_written_and_writes_it_again(mlflow_python: Run, found: list[Signature]) -> None:
    texts = [format_signature(signature) for signature in found]
    assert _ask(mlflow_python, texts) == texts


def _ask(mlflow_python: Run, texts: object = None) -> object:
    script = [HERE / "signatures_from_mlflow.py", *(["read"] if texts else [])]
    return json.loads(mlflow_python(*script, input=json.dumps(texts)))


def test_the_values_of_a_signature() -> None:
    assert parse_signature(WRITTEN["nested"]) == Signature(
        inputs=(
            Column("a", "long"),
            Column("b", AnyType(), required=False),
            Column("c", Array(Object((Property("d", "double"), Property("e", "boolean", required=False))))),
            Column("ü", Object((Property("y", Array(Array("double")), required=False), Property("z", "string")))),
        ),
        outputs=(Column(None, "double"),),
    )
    assert parse_signature(WRITTEN["tensors"]).inputs == (
        Tensor("x", "float64", (-1, 28, 28)),
        Tensor("y", "str", (-1,)),
    )
    assert parse_signature(WRITTEN["numbered columns"]).inputs == (Column(0, "double"), Column(1, "double"))
    assert parse_signature(READ["map and any"]["texts"]).inputs == (Column("m", Map(AnyType()), required=False),)
    params = {param.name: param for param in parse_signature(WRITTEN["params"]).params or ()}
    assert params["many"] == Param("many", "long", [1, 2], (-1,))
    assert params["when"] == Param("when", "datetime", "2024-01-02T03:04:05")
    assert params["nan"] == Param("nan", "double", math.nan)


@pytest.mark.parametrize("name", WRITTEN)
def test_decoded_lists_are_read_as_their_texts_are(name: str) -> None:
    decoded = {part: None if text is None else json.loads(text) for part, text in WRITTEN[name].items()}
    assert format_signature(parse_signature(decoded)) == WRITTEN[name]


@pytest.mark.parametrize(
    "row, required",
    [
        ({}, True),
        ({"required": True}, True),
        ({"required": False}, False),
        ({"required": None}, True),
        ({"optional": True}, False),
        ({"optional": False}, True),
        ({"optional": True, "required": True}, True),
    ],
)
@pytest.mark.parametrize("column_type", [{"type": "long"}, {"type": "array", "items": {"type": "long"}}])
def test_old_forms_of_an_optional_column(row: dict[str, bool], required: bool, column_type: dict[str, object]) -> None:
    (column,) = parse_signature({"inputs": [{"name": "a", **column_type, **row}]}).inputs or ()
    assert isinstance(column, Column)
    assert column.required is required


HOSTILE: dict[str, tuple[object, str]] = {
    "not a mapping": ([], "the signature is a list, not a mapping"),
    "nothing declared": ({"inputs": None}, "the signature declares nothing"),
    "only empty params": ({"params": "[]"}, "the signature declares nothing"),
    "a number": ({"inputs": 7}, "inputs of the signature are a number, not a list"),
    "a key twice": (
        {"inputs": '[{"type":"long","type":"string"}]'},
        "inputs of the signature are not valid JSON: a key stands twice in one object",
    ),
    "a name twice": (
        {"inputs": [{"type": "long", "name": "a"}, {"type": "string", "name": "a"}]},
        "inputs of the signature name 'a' twice",
    ),
    "a label twice": ({"inputs": [{"type": "long", "name": 0}] * 2}, "inputs of the signature name 0 twice"),
    "a list as name": (
        {"inputs": [{"type": "long", "name": ["a", "b"]}]},
        "inputs of the signature: a list: a list is not text",
    ),
    "a boolean as name": (
        {"inputs": [{"type": "long", "name": True}]},
        "inputs of the signature: true: true is not text",
    ),
    "half a character": (
        {"inputs": '[{"type":"long","name":"\\ud800"}]'},
        "inputs of the signature: '\\ud800': '\\ud800' holds half a character (a lone surrogate)",
    ),
    "half a character in a property": (
        {"inputs": '[{"type":"object","properties":{"\\udfff":{"type":"long"}}}]'},
        "inputs of the signature: 0: property '\\udfff': '\\udfff' holds half a character (a lone surrogate)",
    ),
    "half a character in a default": (
        {"params": '[{"name":"a","type":"string","default":"\\ud800"}]'},
        "params of the signature: 'a': '\\ud800' holds half a character (a lone surrogate)",
    ),
    "entry is text": ({"inputs": ["long"]}, "inputs of the signature: entry 0 is 'long', not a mapping"),
    "type is a list": (
        {"inputs": [{"type": [], "name": "a"}]},
        "inputs of the signature: 'a' has the type a list, which is none of MLflow's",
    ),
    "type is missing inside": (
        {"inputs": [{"type": "array", "items": {}, "name": "a"}]},
        "inputs of the signature: 'a' has the type missing, which is none of MLflow's",
    ),
    "required is text": (
        {"inputs": [{"type": "long", "name": "a", "required": "yes"}]},
        "inputs of the signature: 'a' says 'yes' for required, not true or false",
    ),
    "optional is text": (
        {"inputs": [{"type": "long", "name": "a", "optional": "yes"}]},
        "inputs of the signature: 'a' says 'yes' for required, not true or false",
    ),
    "dtype with a comma": (
        {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32, [1]", "shape": [1]}}]},
        "inputs of the signature: 0 has the dtype 'float32, [1]', which is none of numpy's",
    ),
    "size is true": (
        {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [True]}}]},
        "inputs of the signature: 0 has no shape made of sizes, -1 for any size",
    ),
    "size is -2": (
        {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-2]}}]},
        "inputs of the signature: 0 has no shape made of sizes, -1 for any size",
    ),
    "default too large": (
        {"params": [{"name": "a", "type": "double", "default": 10**400}]},
        "params of the signature: 'a' has a default that is too large",
    ),
    "default of bytes": (
        {"params": [{"name": "a", "type": "string", "default": b"x"}]},
        "params of the signature: 'a' has the default of type bytes, which JSON cannot hold",
    ),
    "list of an object": (
        {
            "params": [
                {"name": "a", "type": "object", "properties": {"x": {"type": "long"}}, "default": [], "shape": [-1]}
            ]
        },
        "params of the signature: 'a' is neither a single value nor a list of scalars",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_signature_is_named(name: str) -> None:
    texts, message = HOSTILE[name]
    with pytest.raises(Damaged) as damaged:
        parse_signature(texts)  # type: ignore[arg-type]
    assert damaged.value.message == message


def _deep(depth: int) -> dict[str, object]:
    found: dict[str, object] = {"type": "long"}
    for _ in range(depth):
        found = {"type": "array", "items": found}
    return found


@pytest.mark.parametrize("depth", [50, 900])
def test_a_type_cannot_nest_without_end(depth: int) -> None:
    assert parse_signature({"inputs": [_deep(49)]})
    with pytest.raises(Damaged, match="has a type nested more than 50 deep"):
        parse_signature({"inputs": [_deep(depth)]})


def test_a_text_of_brackets_is_damaged() -> None:
    with pytest.raises(Damaged):
        parse_signature({"inputs": "[" * 200_000})
    with pytest.raises(Damaged):
        parse_signature({"params": '[{"name":"a","type":"string","default":' + "[" * 900 + "]" * 900 + "}]"})


@given(signatures)
def test_any_signature_round_trips(signature: Signature) -> None:
    texts = format_signature(signature)
    assert parse_signature(texts) == signature
    assert format_signature(parse_signature(texts)) == texts


KEYS = [
    "name",
    "type",
    "required",
    "optional",
    "items",
    "values",
    "properties",
    "tensor-spec",
    "dtype",
    "shape",
    "default",
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner | st.sampled_from(["long", "tensor", "object", "array", "map", "any", "double", "float32", "binary"]),
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(["inputs", "outputs", "params"]), _JSON | _JSON.map(json.dumps) | st.text()))
def test_a_hostile_signature_is_damaged_or_round_trips(texts: dict[str, object]) -> None:
    try:
        signature = parse_signature(texts)
    except Damaged:
        return
    assert format_signature(parse_signature(format_signature(signature))) == format_signature(signature)


@given(signatures, st.randoms(use_true_random=False))
def test_the_canonical_text_does_not_depend_on_the_spelling(signature: Signature, random: object) -> None:
    respelled = {
        part: None if text is None else json.dumps(_shuffled(json.loads(text)), indent=1, ensure_ascii=False)
        for part, text in format_signature(signature).items()
    }
    assert canonical_signature(parse_signature(respelled)) == canonical_signature(signature)
    assert signature_digest(parse_signature(respelled)) == signature_digest(signature)


def _shuffled(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shuffled(value[key]) for key in reversed(value)}
    return [_shuffled(one) for one in value] if isinstance(value, list) else value


@given(signatures, signatures)
def test_other_signatures_have_other_texts(one: Signature, other: Signature) -> None:
    assert (canonical_signature(one) == canonical_signature(other)) == (
        format_signature(one) == format_signature(other)
    )


def test_the_canonical_text_and_its_digest() -> None:
    signature = parse_signature(
        {
            "inputs": [{"type": "long", "name": "ü"}, {"type": "string", "name": "a", "required": False}],
            "params": [
                {"name": "t", "type": "double", "default": 1},
                {"name": "n", "type": "double", "default": math.nan},
            ],
        }
    )
    text = (
        '{"inputs":[{"name":"\\u00fc","required":true,"type":"long"},{"name":"a","required":false,"type":"string"}],'
        '"outputs":null,"params":[{"default":1.0,"name":"t","shape":null,"type":"double"},'
        '{"default":"NaN","name":"n","shape":null,"type":"double"}]}'
    )
    assert canonical_signature(signature) == text
    assert signature_digest(signature) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_depends_on_the_order_of_columns() -> None:
    one = Signature((Column("a", "long"), Column("b", "long")))
    assert signature_digest(one) != signature_digest(replace(one, inputs=(Column("b", "long"), Column("a", "long"))))


def test_the_digest_of_nothing_is_none() -> None:
    assert (
        signature_digest(None) == signature_digest(Signature(None)) == signature_digest(Signature((), (), ())) == "none"
    )


def _for_mlflow(signature: Signature) -> Signature:
    """`signature` without what MLflow takes in JSON but stumbles over: vectors inside objects, datetimes of None."""
    params = tuple(
        param
        for param in signature.params or ()
        if not isinstance(param.type, Object)  # here the defaults are no values of the type
        and (param.type != "datetime" or (isinstance(param.default, list | str) and None not in list(param.default)))
    )
    inputs, outputs = (
        None if "sparkml_vector" in repr(part) else part for part in (signature.inputs, signature.outputs)
    )
    return Signature(inputs or (Column("a", "long"),), outputs, params or None)
