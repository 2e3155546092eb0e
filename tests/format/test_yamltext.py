"""Reading YAML from strangers, and writing it so that every reader takes it for the same."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.yamltext import (
    LIMIT,
    as_mapping,
    as_strings,
    entry,
    format_yaml,
    load_mapping,
    load_yaml,
    load_yaml_with_lines,
    number,
    quote,
    scalar,
)

texts = st.text(st.characters(codec="utf-8"))
plain_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12)
)
MERGE_BOMB = "a: &a {x: 1}\nb: &b {<<: [*a, *a, *a, *a]}\nc: {<<: [*b, *b, *b, *b]}\n"


def test_values_are_those_of_yamls_safe_loader() -> None:
    text = "a: 1\nb: [1.5, yes, ~, 'yes', 0x1F, 010, 1_000, 1:30]\nc:\n  d: |\n    two\n    lines\n"
    assert load_yaml(text, "x") == yaml.safe_load(text)


@given(plain_data)
def test_what_the_safe_dumper_writes_is_read_the_same(value: object) -> None:
    text = yaml.safe_dump(value)
    assert load_yaml(text, "x") == yaml.safe_load(text) == value


@given(st.dictionaries(texts, plain_data, max_size=4))
def test_what_format_yaml_writes_is_read_back(value: dict[str, object]) -> None:
    assert load_yaml(format_yaml(value, "x"), "x") == value
    assert load_mapping(format_yaml(value, "x", sort_keys=False, allow_unicode=True), "x") == value


@given(st.text() | st.binary())
def test_any_input_is_a_value_or_an_error_of_ours(text: str | bytes) -> None:
    try:
        load_yaml(text, "x")
    except GitregError as error:
        assert error.message.startswith("x")


@given(st.lists(st.sampled_from(list("-?:,[]{}#&*|>'\"%@` \n\t0aé~<=.")), max_size=60).map("".join))
def test_any_row_of_yamls_own_characters_is_a_value_or_an_error_of_ours(text: str) -> None:
    try:
        found = load_yaml(text, "x")
    except GitregError:
        return
    try:
        expected = yaml.safe_load(text)
    except yaml.YAMLError:
        return  # `=` alone is a value to us and an error to PyYAML
    assert found == expected or found != found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "line 1: anchors and aliases are not accepted"),
        (MERGE_BOMB, "line 1: anchors and aliases are not accepted"),
        ("a: *b\n", "line 1"),
        ("&a a: 1\n", "line 1: anchors and aliases are not accepted"),
        ("a: 1\n<<: {b: 2}\n", "line 2: merge keys are not accepted"),
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' stands twice"),
        ("a: {b: 1, b: 2}\n", "line 1: the key 'b' stands twice"),
        ("1: a\n1.0: b\n", "line 2: the key 1.0 stands twice"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "tag:yaml.org,2002:python/object/apply:os.system is not accepted",
        ),
        ("a: !mine x\n", "line 1: the tag !mine is not accepted"),
        ("a: !!set {x, y}\n", "is not accepted"),
        ("a: !!binary aGk=\n", "is not accepted"),
        ("a: !!timestamp 2020-01-01\n", "is not accepted"),
        ("a: !!int x\n", "'x' is not of the type int"),
        ("a: !!bool x\n", "'x' is not of the type bool"),
        ("a: !!int ''\n", "'' is not of the type int"),
        ("a: 0b_\n", "line 1: '0b_' is not of the type int"),
        ("a: 1\n---\nb: 2\n", "line 2: a second document begins"),
        ("[" * 51 + "]" * 51, "more than 50 levels"),
        ("- " * 60 + "x", "more than 50 levels"),
        ("{" * 100_000, "line 1: a key is not a plain value"),
        ("{a: " * 100_000, "more than 50 levels"),
        ("[" * 500_000, "more than 50 levels"),
        ("? [a]\n: b\n", "line 1: a key is not a plain value"),
        ("a: " + "9" * 5000, "a number of 5000 characters"),
        ("a: 1" + ":00" * 300_000, "a number of 900001 characters"),
        ("a: b: c\n", "line 1: not valid YAML"),
        ("a:\n\t- b\n", "line 2: not valid YAML"),
        ("a: '\n", "not valid YAML"),
        ("a: \x07\n", "not valid YAML"),
        ("a: \ud800\n", "holds half a surrogate pair"),
        (b"a: \xff\n", "is not UTF-8: invalid start byte at byte 3"),
        ("# " + "x" * LIMIT, "at most 1048576 are read as YAML"),
        (b"x" * (LIMIT + 1), "has 1048577 bytes"),
        ("é" * (LIMIT // 2 + 1), "at most 1048576 are read as YAML"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str | bytes, says: str) -> None:
    with pytest.raises(Damaged) as caught:
        load_yaml(text, "model/MLmodel")
    assert caught.value.message.startswith("model/MLmodel")
    assert says in caught.value.message


def test_one_mebibyte_is_read() -> None:
    text = "a: " + "x" * (LIMIT - 4) + "\n"
    assert load_mapping(text, "x")["a"] == "x" * (LIMIT - 4)


def test_fifty_levels_are_read() -> None:
    assert load_yaml("[" * 50 + "]" * 50, "x")


def test_named_keys_of_the_top_level_keep_their_scalars_as_text() -> None:
    text = "run_id: 0123\nother: {run_id: 0123}\nparams: {a: 1e5, 2: no, c: [1, 2]}\nmodel_uuid: ~\n"
    found = load_mapping(text, "x", strings=("run_id", "params", "model_uuid"))
    assert found == {
        "run_id": "0123",
        "other": {"run_id": 83},
        "params": {"a": "1e5", "2": "no", "c": ["1", "2"]},
        "model_uuid": None,
    }


def test_times_stay_text() -> None:
    assert load_yaml("[2020-02-28, 2020-02-28 13:26:18.918830]", "x") == ["2020-02-28", "2020-02-28 13:26:18.918830"]


def test_a_byte_order_mark_and_one_document_marker_are_passed_over() -> None:
    assert load_yaml(b"\xef\xbb\xbf--- # first\na: 1\n...\n", "x") == {"a": 1}
    assert load_yaml("", "x") is None


def test_tags_of_plain_data_are_taken() -> None:
    text = "[!!str 1, !!int '2', !!float '3', !!null '', !!bool 'yes', ! 4]"
    assert load_yaml(text, "x") == ["1", 2, 3.0, None, True, "4"]


def test_lines_of_keys_and_items_are_told() -> None:
    _, lines = load_yaml_with_lines("a: 1\nb:\n  c:\n    - x\n    - d: y\n", "x")
    assert lines == {("a",): 1, ("b",): 2, ("b", "c"): 3, ("b", "c", 0): 4, ("b", "c", 1): 5, ("b", "c", 1, "d"): 5}


def test_a_mapping_and_its_keys_are_asked_for_by_name() -> None:
    with pytest.raises(Damaged, match=r"^f is a list, not a mapping$"):
        load_mapping("[1]", "f")
    with pytest.raises(Damaged, match=r"^f is nothing, not a mapping$"):
        load_mapping("", "f")
    with pytest.raises(Damaged, match=r"^f: the key True is true, not text\nhint: put it in quotes$"):
        as_mapping({True: 1}, "f")
    with pytest.raises(Damaged, match=r"^f is text, not a list$"):
        as_strings("abc", "f")
    with pytest.raises(Damaged, match=r"^f holds a number where text should stand$"):
        as_strings(["a", 1], "f")


def test_a_value_that_stands_twice_is_written_twice() -> None:
    shared = {"x": [1, 2]}
    text = format_yaml({"a": shared, "b": shared}, "x")
    assert "&" not in text
    assert load_yaml(text, "x") == {"a": shared, "b": shared}


def test_what_cannot_be_written_is_refused_by_name() -> None:
    circle: list[object] = []
    circle.append(circle)
    for value, says in [
        ({"a": object()}, "metadata holds object"),
        ({"a": circle}, "metadata is nested too deep"),
        ({"a": "\ud800"}, "metadata holds half a surrogate pair"),
        ({"a": b"x"}, "metadata holds bytes"),
        ({"a": {1}}, "metadata holds set"),
        ({"a": "x" * LIMIT}, "metadata would have more than 1048576 bytes"),
    ]:
        with pytest.raises(Refused, match=f"^{says}"):
            format_yaml(value, "metadata")


@given(texts)
def test_a_scalar_is_the_same_text_to_every_reader(text: str) -> None:
    for written in (scalar(text), quote(text)):
        assert "\n" not in written
        for document in (f"k: {written}\n", f"- {written}\n", entry(0, text, "1"), f"a:\n{entry(2, text, '1')}"):
            ours = load_yaml(document, "x")
            assert ours in ({"k": text}, [text], {text: 1}, {"a": {text: 1}})
            assert ours == yaml.safe_load(document) == YAML(typ="safe", pure=True).load(document)


@pytest.mark.parametrize(
    "text",
    ["0123", "1e5", "12e34", "0x1F", "0o17", "0b11", "1_000", "1:30", "yes", "No", "null", "", ".5", ".inf", ".NaN",
     "1E400", "-1", "+1", "2020-02-28", "=", "<<", "...", "---", "- a", "a: b", "a #b", "a:", " a", "a ", "y", "on",
     "1.2.3", "~", "0.", "é", "%a", "@a", "`a", "*a", "&a", "!a", "|", ">", "{a", "[a", '"a', "'a", "#a", "?", "? a"],
)  # fmt: skip
def test_what_a_reader_could_take_for_something_else_is_quoted(text: str) -> None:
    assert scalar(text).startswith('"')


@pytest.mark.parametrize(
    "text",
    ["v1.3.0", "29eddffdb8e24874a95ed75a8a7c17e2", "sha256:" + "0a" * 32, "scikit-learn==1.9.1", "long?", "array<long>",
     "tensor(float32, [-1, 4])", "5b1f", "0b5c", ".gitreg/metrics.json", "model", "a_b-c", "it's"],
)  # fmt: skip
def test_what_stage_files_hold_needs_no_quotes(text: str) -> None:
    assert scalar(text) == text


@given(st.integers(-(10**90), 10**90) | st.floats())
def test_a_number_is_the_same_to_every_reader(value: float) -> None:
    document = f"k: {number(value)}\n"
    if not math.isfinite(value):
        assert load_yaml(document, "x") == {"k": {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[repr(value)]}
        return
    for found in (load_yaml(document, "x"), yaml.safe_load(document), YAML(typ="safe", pure=True).load(document)):
        assert found == {"k": value}
        assert type(found["k"]) is type(value)  # type: ignore[index]


def test_a_key_too_long_for_one_line_takes_two() -> None:
    key = "é" * 3000
    assert load_yaml(entry(0, key, "1") + entry(0, "b", "2"), "x") == {key: 1, "b": 2}


def test_importing_the_modules_of_files_imports_no_yaml() -> None:
    modules = ["yamltext", "mlmodel", "environment", "pointer", "sums", "stage_file", "card", "config", "dvc_files"]
    code = f"import sys, {', '.join('gitreg.format.' + name for name in modules)}; print(*sys.modules)"
    root = Path(__file__).parents[2]
    loaded = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert {"yaml", "packaging", "numpy", "git", "dvc"} & set(loaded.split()) == set()
