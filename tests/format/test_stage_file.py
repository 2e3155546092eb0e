"""The lock file of a stage: one text for each version and stage."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.format.schema import Column, Param, Signature, Tensor
from gitreg.format.stage_file import StageFile, format_stage_file, parse_stage_file, stage_file_path

TEXT = """\
format: 1
model: churn
stage: production
version: v1.3.0
number: 7
run: 29eddffdb8e24874a95ed75a8a7c17e2
commit: 5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f
digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
metrics:
  accuracy: 0.931
params:
  max_depth: "8"
signature:
  inputs:
    plan: string
    tenure: long?
    pixels: array<double>
  outputs:
    "0": long
requirements:
  - cloudpickle==3.1.2
  - scikit-learn==1.9.1
"""

CHURN = StageFile(
    model="churn",
    stage="production",
    version="v1.3.0",
    number=7,
    run="29eddffdb8e24874a95ed75a8a7c17e2",
    commit="5b1f" * 10,
    digest="sha256:" + "a" * 64,
    metrics={"accuracy": 0.931},
    params={"max_depth": "8"},
    signature=parse_stage_file(TEXT).signature,
    requirements=("cloudpickle==3.1.2", "scikit-learn==1.9.1"),
)

texts = st.text(st.characters(codec="utf-8"))
keys = texts | st.sampled_from(["version", "run", "digest", "params", "metrics", "format"])
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
types = st.sampled_from(["long", "double", "string", "boolean", "datetime"])
columns = st.lists(
    st.builds(Column, keys.filter(bool), types, st.booleans()), min_size=1, max_size=4, unique_by=lambda c: c.name
).map(tuple)
unnamed = st.lists(st.builds(Column, st.none(), types), min_size=1, max_size=1).map(tuple)
tensors = st.builds(Tensor, st.none(), st.sampled_from(["float32", "uint8"]), st.just((-1, 28, 28))).map(lambda t: (t,))
params = st.builds(Param, texts.filter(bool), st.just("string"), texts).map(lambda param: (param,))
signatures = st.builds(
    Signature, columns | unnamed | tensors, outputs=st.none() | columns | unnamed | tensors, params=st.none() | params
)
stage_files = st.builds(
    StageFile,
    model=st.sampled_from(["churn", "0123", "1e5", "yes", "null", "A_b-C", "0x1F"]),
    stage=st.sampled_from(["production", "no", "dev", "on"]),
    version=st.sampled_from(["v1.3.0", "v0.0.1", "v1.0.0-rc.1"]),
    number=st.integers(1, 10**9),
    run=st.sampled_from(["0123", "1e5", "0x12", "29eddff", "null", "0b11", "1_000"]),
    commit=hexes | hexes.map(lambda text: text[:40]) | st.just("0" * 40),
    digest=hexes.map(lambda text: "sha256:" + text),
    metrics=st.dictionaries(keys, st.floats(allow_nan=False), max_size=4),
    params=st.dictionaries(keys, texts, max_size=4),
    signature=st.none() | signatures,
    requirements=st.lists(texts, max_size=4).map(tuple),
)


def test_the_text_is_the_one_published() -> None:
    assert format_stage_file(CHURN) == TEXT
    assert parse_stage_file(TEXT) == parse_stage_file(TEXT.encode()) == CHURN
    assert CHURN.signature is not None and CHURN.signature.inputs is not None
    assert CHURN.signature.inputs[1] == Column("tenure", "long", required=False)
    assert CHURN.signature.outputs == (Column(None, "long"),)


def test_where_it_lies() -> None:
    assert stage_file_path("production", "churn") == "stages/production/churn.yaml"
    for stage, model in [("v1", "churn"), ("latest", "churn"), ("a/b", "churn"), ("dev", ".."), ("dev", "run")]:
        with pytest.raises(Refused):
            stage_file_path(stage, model)


@given(stage_files)
def test_a_stage_file_is_read_back(found: StageFile) -> None:
    text = format_stage_file(found)
    assert parse_stage_file(text) == found
    assert format_stage_file(parse_stage_file(text)) == text


@given(stage_files)
def test_every_reader_of_yaml_sees_the_same_facts(found: StageFile) -> None:
    text = format_stage_file(found)
    for value in (yaml.safe_load(text), YAML(typ="safe", pure=True).load(text)):
        assert (value["model"], value["stage"], value["run"]) == (found.model, found.stage, found.run)
        assert (value["commit"], value["digest"]) == (found.commit, found.digest)
        assert value["params"] == found.params
        assert tuple(value["requirements"]) == found.requirements
        assert list(value) == [
            "format", "model", "stage", "version", "number", "run", "commit", "digest", "metrics", "params",
            "signature", "requirements",
        ]  # fmt: skip


@given(stage_files)
def test_one_fact_stands_on_one_line(found: StageFile) -> None:
    changed = replace(found, number=found.number + 1)
    before, after = format_stage_file(found).splitlines(), format_stage_file(changed).splitlines()
    assert [n for n, (old, new) in enumerate(zip(before, after, strict=True)) if old != new] == [4]


def test_the_order_of_facts_and_not_of_the_dicts_decides() -> None:
    one = replace(CHURN, metrics={"b": 1, "a": 2}, params={"q": "1", "p": "2"})
    other = replace(CHURN, metrics={"a": 2, "b": 1}, params={"p": "2", "q": "1"})
    assert format_stage_file(one) == format_stage_file(other)
    assert '  a: 2\n  b: 1\nparams:\n  p: "2"\n  q: "1"\n' in format_stage_file(one)


def test_what_is_not_there_is_said() -> None:
    bare = replace(CHURN, metrics={}, params={}, signature=None, requirements=())
    text = format_stage_file(bare)
    assert text.endswith("metrics: {}\nparams: {}\nsignature: none\nrequirements: []\n")
    assert parse_stage_file(text) == bare


def test_numbers_that_are_none_are_text() -> None:
    found = replace(CHURN, metrics={"a": float("inf"), "b": float("-inf"), "c": float("nan"), "d": 1e-07, "e": 1e22})
    text = format_stage_file(found)
    assert '  a: "Infinity"\n  b: "-Infinity"\n  c: "NaN"\n  d: 1.0e-07\n  e: 1.0e+22\n' in text
    back = parse_stage_file(text).metrics
    assert back["c"] != back["c"]
    assert {key: value for key, value in back.items() if key != "c"} == {
        "a": float("inf"), "b": float("-inf"), "d": 1e-07, "e": 1e22,
    }  # fmt: skip


def test_a_column_with_a_very_long_name_is_read_back() -> None:
    found = replace(CHURN, signature=Signature((Column("é" * 2000, "long"),)))
    assert parse_stage_file(format_stage_file(found)) == found


def test_params_without_quotes_and_unknown_keys_are_taken() -> None:
    text = TEXT.replace('"8"', "8") + "added_later: {a: 1}\n"
    assert parse_stage_file(text) == CHURN


def test_a_higher_format_is_named() -> None:
    with pytest.raises(Unsupported, match=r"^stages/production/churn\.yaml has format 2; .*up to format 1\nhint: "):
        parse_stage_file("format: 2\nmodel: [anything]\n", "stages/production/churn.yaml")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (TEXT, "", "is nothing, not a mapping"),
        ("format: 1\n", "", "states the format ''"),
        ("format: 1\n", "format: true\n", "states the format ''"),
        ("format: 1\n", "format: 0\n", "states the format '0'"),
        ("model: churn\n", "", "model is nothing, not text"),
        ("model: churn", "model: [a]", "model is a list, not text"),
        ("model: churn", "model: ../churn", "bad model name '../churn'"),
        ("stage: production", "stage: latest", "bad stage name 'latest'"),
        ("version: v1.3.0", "version: 1.3.0", "1.3.0"),
        ("version: v1.3.0", "version: latest", "latest"),
        ("number: 7", "number: 0", "number is 0"),
        ("number: 7", "number: x", "number is text, not a whole number"),
        ("number: 7", "number: 1.5", "number is a number, not a whole number"),
        ("run: 29e", "run: a/29e", "bad run id"),
        ("commit: 5b1f", "commit: 5B1F", "not an object id"),
        ("commit: 5b1f", "commit: ", "not an object id"),
        ("digest: sha256:", "digest: md5:", "not sha256: and 64 hex digits"),
        ("accuracy: 0.931", "accuracy: high", "metrics: accuracy is 'high', not a number"),
        ("accuracy: 0.931", "accuracy: true", "metrics: accuracy is True, not a number"),
        ("accuracy: 0.931", "1: 0.931", "the key 1 is a number, not text"),
        ('max_depth: "8"', "max_depth: [8]", "params: max_depth is a list, not text"),
        ('max_depth: "8"', "max_depth:", "params: max_depth is nothing, not text"),
        ("plan: string", "plan: strange", "strange"),
        ("tenure: long?", "tenure: [long]", "tenure"),
        ("  - cloudpickle==3.1.2", "  - {a: b}", "requirements holds a mapping where text should stand"),
        ("run: 29", "run: &a 29", "anchors and aliases are not accepted"),
        ("number: 7", "number: 7\nnumber: 8", "line 6: the key 'number' stands twice"),
    ],
)
def test_a_fact_that_is_missing_or_wrong_is_named(old: str, new: str, says: str) -> None:
    assert old in TEXT
    with pytest.raises(Damaged) as caught:
        parse_stage_file(TEXT.replace(old, new), "stages/production/churn.yaml")
    assert caught.value.message.startswith("stages/production/churn.yaml")
    assert says in caught.value.message


@given(st.text() | st.binary())
def test_any_input_is_an_error_of_ours(text: str | bytes) -> None:
    with pytest.raises(GitregError):
        parse_stage_file(text)


@given(st.integers(0, len(TEXT)), st.integers(0, 12), st.text(max_size=4))
def test_a_changed_file_is_a_stage_file_or_an_error_of_ours(at: int, cut: int, put: str) -> None:
    try:
        found = parse_stage_file(TEXT[:at] + put + TEXT[at + cut :])
    except GitregError:
        return
    assert parse_stage_file(format_stage_file(found)) == found or "NaN" in format_stage_file(found)


@pytest.mark.parametrize(
    "change",
    [{"model": "a b"}, {"stage": "7"}, {"version": "1"}, {"number": 0}, {"run": ""}, {"commit": "x"}, {"digest": "x"},
     {"params": {"a": "\ud800"}}],
)  # fmt: skip
def test_what_could_not_be_read_back_is_not_written(change: dict[str, object]) -> None:
    with pytest.raises((Refused, Damaged)):
        format_stage_file(replace(CHURN, **change))  # type: ignore[arg-type]
