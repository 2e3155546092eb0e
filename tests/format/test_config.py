"""gitreg.yaml: every mistake at once, with its line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Unsupported
from gitreg.format.config import Config, format_config, format_size, parse_config, parse_size
from gitreg.format.yamltext import load_yaml

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/gitreg.yaml.json").read_text())
for policy in ("people", "groups", "stages"):  # what they hold: test_policy_schema.py
    SCHEMA["properties"][policy] = {"type": ["object", "null"]}
POLICY = {"production": {"approvals": 2, "who": ["risk"]}}

sizes = st.integers(0, 10**15) | st.integers(0, 1000).map(lambda n: n << 20)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)
policies = st.dictionaries(texts, st.integers() | st.lists(texts, max_size=2), max_size=3)
configs = st.builds(
    Config,
    format=st.just(1),
    git_limit=sizes,
    model_limit=sizes,
    metrics=st.lists(texts, max_size=3, unique=True).map(tuple),
    people=policies,
    groups=policies,
    stages=policies,
    unknown=st.just(()),
)


def schema_takes(text: str) -> bool:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(load_yaml(text, "x"))


def test_a_registry_begins_with_the_defaults_and_a_word_on_each() -> None:
    text = format_config()
    assert parse_config(text) == Config() == Config(git_limit=1048576, model_limit=16777216)
    assert "format: 1\n" in text
    assert "  file: 1MiB\n  model: 16MiB\n" in text
    assert text.count("# ") == 4
    assert schema_takes(text)


@given(configs)
def test_settings_are_read_back(config: Config) -> None:
    text = format_config(config)
    assert parse_config(text) == parse_config(text.encode()) == config
    assert format_config(parse_config(text)) == text
    assert schema_takes(text)


def test_what_is_left_out_has_its_default() -> None:
    for text in ("format: 1\n", "format: 1\nlimits:\nmetrics:\npeople:\n", "format: 1\nlimits: {file: 1 MiB}\n"):
        assert parse_config(text) == Config()
        assert schema_takes(text)


def test_settings_are_taken_as_they_are() -> None:
    text = "format: 1\nlimits: {file: 500 KiB, model: 0}\nmetrics: [accuracy, val/f1]\nstages: " + json.dumps(POLICY)
    config = parse_config(text)
    assert (config.git_limit, config.model_limit) == (512000, 0)
    assert config.metrics == ("accuracy", "val/f1")
    assert config.stages == POLICY


def test_unknown_keys_are_ignored_and_told() -> None:
    config = parse_config("format: 1\nlimit: {}\nlimits:\n  fiel: 1\n")
    assert config == Config()
    assert config.unknown == ("gitreg.yaml, line 2: unknown key limit", "gitreg.yaml, line 4: unknown key limits: fiel")


def test_all_mistakes_are_told_at_once() -> None:
    text = """\
# settings
limits:
  file: 1 parsec
  model: [1]
metrics:
  - accuracy
  - 5
  - accuracy
people: [ann]
groups: {1: a}
stages: production
"""
    with pytest.raises(Damaged) as caught:
        parse_config(text)
    assert caught.value.message.splitlines() == [
        "gitreg.yaml: the key format is missing; write format: 1",
        "gitreg.yaml, line 3: limits: file is '1 parsec', not a size such as 1MiB or a number of bytes",
        "gitreg.yaml, line 4: limits: model is a list, not a size such as 1MiB or a number of bytes",
        "gitreg.yaml, line 7: metrics: a number is not the name of a metric",
        "gitreg.yaml, line 8: metrics: accuracy stands twice",
        "gitreg.yaml, line 9: people is a list, not a mapping",
        "gitreg.yaml, line 10: groups: the key 1 is a number, not text; put it in quotes",
        "gitreg.yaml, line 11: stages is text, not a mapping",
    ]


@pytest.mark.parametrize(
    "text",
    ["limits: {}\n", "format: '1'\n", "format: 1.0\n", "format: true\n", "format: 0\n", "format: -1\n", "format: [1]\n",
     "format: 1\nlimits: 5\n", "format: 1\nlimits: {file: -1}\n", "format: 1\nlimits: {file: 1.5}\n",
     "format: 1\nlimits: {file: 1.5MiB}\n", "format: 1\nlimits: {file: true}\n", "format: 1\nlimits: {file: }\n",
     "format: 1\nlimits: {file: MiB}\n", "format: 1\nmetrics: accuracy\n", "format: 1\nmetrics: ['']\n",
     "format: 1\nmetrics: [a, a]\n", "format: 1\npeople: ann\n", "[format]\n", "\n", "1\n"],
)  # fmt: skip
def test_the_schema_and_the_parser_refuse_the_same(text: str) -> None:
    with pytest.raises(Damaged, match=r"^main:gitreg\.yaml"):
        parse_config(text, "main:gitreg.yaml")
    # JSON Schema knows no difference between 1 and 1.0.
    assert not schema_takes(text) or "1.0" in text


def test_a_higher_format_is_named_before_anything_else() -> None:
    with pytest.raises(Unsupported, match=r"^gitreg\.yaml has format 2; this gitreg reads up to format 1\nhint: "):
        parse_config("format: 2\nlimits: nonsense\n")


@pytest.mark.parametrize("text", ["format: 1\nformat: 1\n", "a: &a [*a]\n", "format: 1\nstages: *x\n", "x" * 2_000_000])
def test_hostile_yaml_is_refused_by_name(text: str) -> None:
    with pytest.raises(Damaged, match=r"^gitreg\.yaml"):
        parse_config(text)


@given(st.text() | st.binary())
def test_any_input_is_an_error_of_ours(text: str | bytes) -> None:
    with pytest.raises(GitregError):
        parse_config(text)


@given(st.dictionaries(st.sampled_from(["limits", "metrics", "people", "stages", "other"]), st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from(["file", "model"]), inner),
    max_leaves=6,
)))  # fmt: skip
def test_the_schema_and_the_parser_agree(value: dict[str, object]) -> None:
    text = json.dumps({"format": 1, **value}, ensure_ascii=True).replace("\\ud", "?")
    try:
        parse_config(text)
    except Damaged as error:
        assert not schema_takes(text) or "line 1: not valid YAML" in error.message
    else:
        assert schema_takes(text)


@given(sizes)
def test_a_size_is_read_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_sizes_have_many_spellings() -> None:
    for text, size in [("1MiB", 1 << 20), ("1 mib", 1 << 20), ("2GB", 2 * 10**9), ("3 KB", 3000), ("4b", 4), ("5", 5)]:
        assert parse_size(text) == size
    for wrong in ("", "MiB", "-1", "1 TiB", "1 M", "1.5 MiB", "\uff11MiB", "1MiB ", None, 1.5, True, -1, [1]):
        assert parse_size(wrong) is None
    assert [format_size(n) for n in (0, 1, 1024, 1536 << 10, 1 << 30)] == ["0", "1", "1KiB", "1536KiB", "1GiB"]
