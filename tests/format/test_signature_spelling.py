from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged
from gitreg.format.schema import (
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
)
from gitreg.format.signature import parse_signature
from gitreg.format.signature_spelling import (
    parse_column,
    parse_param,
    parse_schema,
    parse_spelling,
    spell_column,
    spell_param,
    spell_schema,
    spell_signature,
)
from testing.signatures import schemas, signatures

WRITTEN = json.loads((Path(__file__).parent / "signatures_mlflow.json").read_text())["written"]

COLUMNS: list[tuple[str, Column | Tensor]] = [
    ("long", Column("a", "long")),
    ("long?", Column("a", "long", required=False)),
    ("any", Column("a", AnyType())),
    ("any?", Column("a", AnyType(), required=False)),
    ("sparkml_vector", Column("a", "sparkml_vector")),
    ("array<long>", Column("a", Array("long"))),
    ("array<array<any>>?", Column("a", Array(Array(AnyType())), required=False)),
    ("map<string>", Column("a", Map("string"))),
    (
        "object{a: long, b: string?}",
        Column("a", Object((Property("a", "long"), Property("b", "string", required=False)))),
    ),
    (
        "array<object{x: map<object{y: any?}>}>?",
        Column("a", Array(Object((Property("x", Map(Object((Property("y", AnyType(), False),)))),))), required=False),
    ),
    (
        'object{"": long, "1": long, "a b": long, "a\\"b": long, "x?": long, ö: long}',
        Column("a", Object(tuple(Property(name, "long") for name in ("", "1", "a b", 'a"b', "x?", "ö")))),
    ),
    ("tensor(float32, [-1, 4])", Tensor("a", "float32", (-1, 4))),
    ("tensor(datetime64[ns], [])", Tensor("a", "datetime64[ns]", ())),
    ("tensor(str, [3])", Tensor("a", "str", (3,))),
]


@pytest.mark.parametrize("text, entry", COLUMNS)
def test_how_a_column_is_spelled(text: str, entry: Column | Tensor) -> None:
    assert spell_column(entry) == text
    assert parse_column("a", text) == entry


PARAMS = [
    ("double = 0.7", Param("a", "double", 0.7)),
    ("double = NaN", Param("a", "double", math.nan)),
    ('string = "a = b"', Param("a", "string", "a = b")),
    ("boolean = true", Param("a", "boolean", True)),
    ("long = null", Param("a", "long", None)),
    ("array<long> = [1, null]", Param("a", "long", [1, None], (-1,))),
    ('object{x: long} = {"x": 1}', Param("a", Object((Property("x", "long"),)), {"x": 1})),
]


@pytest.mark.parametrize("text, param", PARAMS)
def test_how_a_param_is_spelled(text: str, param: Param) -> None:
    assert spell_param(param) == text
    assert spell_param(parse_param("a", text)) == text
    assert parse_spelling({"params": {"a": text}}).params == (param,)


SCHEMAS: list[tuple[dict[str, str], Schema]] = [
    ({"0": "long", "1": "string"}, (Column(None, "long"), Column(None, "string"))),
    ({'"0"': "long"}, (Column("0", "long"),)),
    ({"[0]": "long", "[-1]": "long"}, (Column(0, "long"), Column(-1, "long"))),
    ({'"[0]"': "long"}, (Column("[0]", "long"),)),
    ({'"\\"a\\""': "long"}, (Column('"a"', "long"),)),
    ({'""': "long"}, (Column("", "long"),)),
    ({'"\\n"': "long", '"\\u2028"': "long"}, (Column("\n", "long"), Column("\u2028", "long"))),
    ({"a b": "long", "größe: m²": "long", "-": "long"}, tuple(Column(n, "long") for n in ("a b", "größe: m²", "-"))),
    ({"0": "tensor(float32, [-1])"}, (Tensor(None, "float32", (-1,)),)),
    ({"x": "tensor(str, [])", '"0"': "tensor(str, [])"}, (Tensor("x", "str", ()), Tensor("0", "str", ()))),
]


@pytest.mark.parametrize("lines, schema", SCHEMAS)
def test_the_keys_of_a_schema(lines: dict[str, str], schema: Schema) -> None:
    assert spell_schema(schema) == lines
    assert list(spell_schema(schema)) == list(lines)
    assert parse_schema(lines, "inputs") == schema


def test_only_declared_parts_are_spelled() -> None:
    signature = Signature((Column("a", "long"),), None, ())
    assert spell_signature(signature) == {"inputs": {"a": "long"}}
    assert parse_spelling({"inputs": {"a": "long"}, "comment": 7}) == Signature((Column("a", "long"),))


@pytest.mark.parametrize("name", WRITTEN)
def test_what_mlflow_writes_can_be_spelled(name: str) -> None:
    signature = parse_signature(WRITTEN[name])
    assert parse_spelling(spell_signature(signature)) == signature


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "'' has no type at character 1"),
        ("lang", "'lang' has no type at character 1"),
        ("longer", "'longer' has no type at character 1"),
        ("Long", "'Long' has no type at character 1"),
        ("long??", "'long??' is not how gitreg spells a column"),
        ("long ", "'long ' is not how gitreg spells a column"),
        ("array<long", "'array<long' lacks '>' at character 11"),
        ("array<long?>", "'array<long?>' lacks '>' at character 11"),
        ("array<>", "'array<>' has no type at character 7"),
        ("map<long,long>", "'map<long,long>' lacks '>' at character 9"),
        ("object{}", "'object{}' has no property's name at character 8"),
        ("object{a:long}", "'object{a:long}' lacks ': ' at character 9"),
        ("object{a: long,b: long}", "'object{a: long,b: long}' lacks '}' at character 15"),
        ("object{b: long, a: long}", "'object{b: long, a: long}' is not how gitreg spells a column"),
        ("object{a: long, a: string}", "'object{a: long, a: string}' names a property twice"),
        ('object{"a": long}', "'object{\"a\": long}' is not how gitreg spells a column"),
        ('object{"\\q": long}', "'\"\\\\q\"' is not valid JSON"),
        ("tensor(float32, [-1,4])", "'tensor(float32, [-1,4])' has no type at character 1"),
        ("tensor(float32, [4, ])", "'tensor(float32, [4, ])' is not how gitreg spells a column"),
        ("tensor(float32, [04])", "'tensor(float32, [04])' is not how gitreg spells a column"),
        ("tensor(float32, [-2])", "'tensor(float32, [-2])' has no type at character 1"),
        ("tensor(float32, [1])?", "'tensor(float32, [1])?' has no type at character 1"),
        ("array<" * 51 + "long" + ">" * 51, "a type in a signature is nested more than 50 deep"),
    ],
)
def test_what_is_no_column_is_damaged(text: str, message: str) -> None:
    with pytest.raises(Damaged) as damaged:
        parse_column("a", text)
    assert damaged.value.message == message


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"inputs": None},
        {"inputs": {}},
        {"inputs": ["long"]},
        {"inputs": {"a": 7}},
        {"inputs": {0: "long"}},
        {"inputs": {"a": "long", '"a"': "long"}},
        {"inputs": {'"a"': "long"}},
        {"inputs": {'"a': "long"}},
        {"inputs": {'"\\ud800"': "long"}},
        {"inputs": {"a": "long", "b": "tensor(str, [])"}},
        {"inputs": {"[0]": "tensor(str, [])"}},
        {"inputs": {"[00]": "long"}},
        {"inputs": {"0": "long", "2": "long"}},
        {"inputs": {"0": "long?"}},
        {"inputs": {"0": "tensor(str, [])", "1": "tensor(str, [])"}},
        {"inputs": {"a": "tensor(nothing!, [])"}},
        {"inputs": {"a": "long"}, "params": {}},
        {"params": {"a": "double"}},
        {"params": {"a": "double = "}},
        {"params": {"a": "double = x"}},
        {"params": {"a": 'double = "x"'}},
        {"params": {"a": "double = 1"}},
        {"params": {"a": "double  = 1.0"}},
        {"params": {"[0]": "double = 1.0"}},
        {"params": {"a": "binary = null"}},
        {"params": {"a": "any = null"}},
        {"params": {"a": "long = " + "[" * 5000}},
    ],
)
def test_what_is_no_signature_is_damaged(parts: dict[str, object]) -> None:
    with pytest.raises(Damaged):
        parse_spelling(parts)


@pytest.mark.parametrize(
    "parts, message",
    [
        ({"inputs": {"a": "long", "b": "lang"}}, "inputs of the signature: 'b': 'lang' has no type at character 1"),
        ({"params": {"a": "long"}}, "params of the signature: 'a': 'long' is not how gitreg spells a param"),
        ({"outputs": {"a": 7}}, "outputs of the signature: 'a' is not text with a type as text"),
        ({"outputs": {"0": "long?"}}, "outputs of the signature hold an optional column without a name"),
    ],
)
def test_the_damaged_line_is_named(parts: dict[str, object], message: str) -> None:
    with pytest.raises(Damaged) as damaged:
        parse_spelling(parts)
    assert damaged.value.message == message


@given(signatures)
def test_any_signature_round_trips(signature: Signature) -> None:
    spelled = spell_signature(signature)
    assert parse_spelling(spelled) == signature
    assert spell_signature(parse_spelling(spelled)) == spelled


@given(schemas)
def test_every_key_and_type_fits_on_a_line(schema: Schema) -> None:
    for key, text in spell_schema(schema).items():
        assert key.isprintable() and text.isprintable() and key


_PIECES = [
    "long",
    "?",
    "array<",
    ">",
    "map<",
    "object{",
    "}",
    ": ",
    ", ",
    "a",
    '"b"',
    "tensor(",
    ")",
    "[",
    "]",
    "-1",
    "4",
    " = ",
]


@given(
    st.dictionaries(
        st.sampled_from(["inputs", "outputs", "params"]),
        st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["0", "[0]", '"0"']),
            st.text(max_size=20) | st.lists(st.sampled_from(_PIECES), max_size=12).map("".join),
            max_size=3,
        ),
        max_size=2,
    )
)
def test_a_hostile_spelling_is_damaged_or_round_trips(parts: dict[str, object]) -> None:
    try:
        signature = parse_spelling(parts)
    except Damaged:
        return
    assert spell_signature(signature) == parts
