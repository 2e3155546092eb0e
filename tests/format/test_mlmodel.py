"""MLmodel: the files of 2020 and of today, byte for byte, and those of strangers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.mlmodel import MLModel, PyFunc, check_inside, format_mlmodel, parse_mlmodel
from gitreg.format.schema import Column, Signature
from testing.warm import Run

CLASSIC = """\
artifact_path: model
flavors:
  python_function:
    data: model.pkl
    env: conda.yaml
    loader_module: mlflow.sklearn
    python_version: 3.7.3
  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 0.21.3
run_id: 29eddffdb8e24874a95ed75a8a7c17e2
utc_time_created: '2020-02-28 13:26:18.918830'
"""

TODAY = """\
flavors:
  python_function:
    code: code
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
    python_version: 3.11.7
  sklearn:
    code: code
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.9.1
    skops_trusted_types: null
is_signature_from_type_hint: false
metadata:
  a:
    b: 1
    z: 'long long long long long long long long long long long long long long long
      long long long long long long long '
mlflow_version: 3.17.2
model_id: null
model_size_bytes: 1792
model_uuid: ab4d2835828c41a88d6f1547b0493386
prompts: null
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  serving_input_path: serving_input_example.json
  type: dataframe
signature:
  inputs: '[{"type": "long", "name": "tenure", "required": true}, {"type": "double",
    "name": "plan \\u00e9", "required": true}]'
  outputs: '[{"type": "long", "required": true}]'
  params: null
type_hint_from_example: false
utc_time_created: '2026-11-22 13:55:20.406715'
"""

# Files that MLflow's own classes write in this shape, key order and quoting: what read and written must not change.
texts = st.text(st.characters(codec="utf-8"), max_size=12)
plain = st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner, max_size=3))
settings = st.dictionaries(texts | st.sampled_from(["version", "run_id", "model_id"]), plain, max_size=3)
columns = st.builds(Column, texts, st.sampled_from(["long", "double", "string"]), st.booleans())
models = st.builds(
    MLModel,
    flavors=st.dictionaries(texts, settings, min_size=1, max_size=3),
    artifact_path=st.none() | texts,
    run_id=st.none() | texts | st.sampled_from(["0123", "1e5", "null", "yes"]),
    utc_time_created=st.none() | st.just("2026-11-22 13:55:20.406715"),
    mlflow_version=st.none() | st.sampled_from(["3.17.2", "3.1"]),
    model_uuid=st.none() | texts,
    model_id=st.none() | texts,
    model_size_bytes=st.none() | st.integers(0, 1 << 60),
    signature=st.none()
    | st.lists(columns, min_size=1, max_size=3, unique_by=lambda column: column.name).map(
        lambda found: Signature(tuple(found))
    ),
    saved_input_example_info=st.none() | settings,
    metadata=st.none() | settings,
    extra=st.dictionaries(texts.map(lambda key: "x-" + key), plain, max_size=2),
)


def test_a_file_of_2020_is_read() -> None:
    found = parse_mlmodel(CLASSIC)
    assert found.flavor_names == ("python_function", "sklearn")
    assert found.pyfunc == PyFunc("mlflow.sklearn", "model.pkl", None, {"conda": "conda.yaml"})
    assert found.run_id == "29eddffdb8e24874a95ed75a8a7c17e2"
    assert found.utc_time_created == "2020-02-28 13:26:18.918830"
    assert found.signature is found.mlflow_version is found.model_uuid is None
    assert format_mlmodel(found) == CLASSIC


def test_a_file_of_today_is_read() -> None:
    found = parse_mlmodel(TODAY.encode())
    env = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    assert found.pyfunc == PyFunc("mlflow.sklearn", "model.pkl", "code", env)
    assert found.signature == Signature(
        (Column("tenure", "long"), Column("plan é", "double")), outputs=(Column(None, "long"),)
    )
    assert found.model_size_bytes == 1792
    assert found.metadata is not None and found.metadata["a"]["b"] == 1  # type: ignore[index]
    assert found.extra == {
        "is_signature_from_type_hint": False,
        "model_id": None,
        "prompts": None,
        "type_hint_from_example": False,
    }
    assert format_mlmodel(found) == TODAY


@given(models)
def test_a_model_is_read_back(model: MLModel) -> None:
    text = format_mlmodel(model)
    assert parse_mlmodel(text) == model
    assert format_mlmodel(parse_mlmodel(text)) == text
    assert text == yaml.safe_dump(yaml.safe_load(text), default_flow_style=False)


def test_ids_that_look_like_numbers_stay_text() -> None:
    found = parse_mlmodel("flavors: {x: {run_id: 0123}}\nrun_id: 0123\nmodel_uuid: 1e5\nmlflow_version: 1.10\n")
    assert (found.run_id, found.model_uuid, found.mlflow_version) == ("0123", "1e5", "1.10")
    assert found.flavors["x"]["run_id"] == 83  # as MLflow reads it


def test_a_signature_that_declares_nothing_is_none_and_kept() -> None:
    text = "flavors:\n  x: {}\nsignature:\n  inputs: null\n  outputs: null\n  params: null\n"
    found = parse_mlmodel(text)
    assert found.signature is None
    assert format_mlmodel(found) == text


def test_a_model_without_python_function_has_no_pyfunc() -> None:
    assert parse_mlmodel("flavors: {crate: {version: 0.1.0, model: crate.bin}}").pyfunc is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "m/MLmodel is nothing, not a mapping"),
        ("[1]", "m/MLmodel is a list, not a mapping"),
        ("run_id: x", "m/MLmodel: flavors is nothing, not a mapping"),
        ("flavors: {}", "m/MLmodel names no flavor"),
        ("flavors: [sklearn]", "m/MLmodel: flavors is a list"),
        ("flavors: {sklearn: model.pkl}", "m/MLmodel: flavors: sklearn is text, not a mapping"),
        ("flavors: {x: {1: 2}}", "the key 1 is a number, not text"),
        ("flavors: {x: {}}\nrun_id: [1]", "m/MLmodel: run_id is a list, not text"),
        ("flavors: {x: {}}\nmodel_size_bytes: -1", "model_size_bytes is not a whole number of bytes"),
        ("flavors: {x: {}}\nmodel_size_bytes: true", "model_size_bytes is not a whole number of bytes"),
        ("flavors: {x: {}}\nmetadata: x", "m/MLmodel: metadata is text, not a mapping"),
        ("flavors: {x: {}}\nsignature: x", "m/MLmodel: signature is text"),
        ("flavors: {x: {}}\nsignature: {inputs: 'x'}", "m/MLmodel: "),
        ('flavors: {x: {}}\nsignature: {inputs: \'[{"type": "odd"}]\'}', "m/MLmodel: "),
        ("flavors: {x: {}}\nsignature: {inputs: '" + "[" * 100_000 + "'}", "m/MLmodel: "),
        ("flavors: &a {x: {}}\nmetadata: *a", "m/MLmodel, line 1: anchors and aliases are not accepted"),
        ("flavors: {x: {}}\nflavors: {y: {}}", "m/MLmodel, line 2: the key 'flavors' stands twice"),
        ("flavors: {x: {}}\n# " + "x" * (1 << 20), "m/MLmodel has 1048595 bytes"),
        ("flavors: {x: !!python/name:os.system ''}", "is not accepted"),
    ],
)
def test_what_is_no_mlmodel_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(Damaged) as caught:
        parse_mlmodel(text, "m/MLmodel")
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{}", "has no loader_module"),
        ("{loader_module: 5}", "has no loader_module"),
        ("{loader_module: x, model_path: ../x}", "model_path is '../x', which leaves the model directory"),
        ("{loader_module: x, data: /etc/passwd}", "which leaves the model directory"),
        ("{loader_module: x, data: a/../../b}", "which leaves the model directory"),
        ("{loader_module: x, data: 's3://b/x'}", "which leaves the model directory"),
        ("{loader_module: x, data: 'a\\b'}", "which leaves the model directory"),
        ('{loader_module: x, data: "a\\0"}', "which leaves the model directory"),
        ("{loader_module: x, code: ..}", "which leaves the model directory"),
        ("{loader_module: x, code: [a]}", "code is a list, not a file name"),
        ("{loader_module: x, env: ../conda.yaml}", "env is '../conda.yaml'"),
        ("{loader_module: x, env: {conda: /c}}", "env is '/c'"),
        ("{loader_module: x, env: 5}", "env is a number, not a mapping"),
    ],
)
def test_an_entry_that_leads_elsewhere_is_refused(entry: str, says: str) -> None:
    found = parse_mlmodel(f"flavors: {{python_function: {entry}}}")
    with pytest.raises(Damaged) as caught:
        _ = found.pyfunc
    assert says in caught.value.message


def test_a_path_in_the_directory_is_taken_as_it_is() -> None:
    assert check_inside("data/model.pkl", "x") == "data/model.pkl"
    assert check_inside(".", "x") == "."


@given(st.text() | st.binary())
def test_any_input_is_a_model_or_an_error_of_ours(text: str | bytes) -> None:
    with pytest.raises(GitregError):
        parse_mlmodel(text)


@given(st.integers(0, len(TODAY)), st.integers(0, 8), st.text(max_size=4))
def test_a_changed_file_is_a_model_or_an_error_of_ours(at: int, cut: int, put: str) -> None:
    try:
        found = parse_mlmodel(TODAY[:at] + put + TODAY[at + cut :])
        _ = found.pyfunc
    except GitregError:
        return
    assert found.flavor_names


def test_metadata_that_yaml_cannot_hold_is_refused_by_name() -> None:
    with pytest.raises(Refused, match=r"^MLmodel holds object, which YAML has no form for\nhint: hand over plain"):
        format_mlmodel(MLModel({"x": {}}, metadata={"a": object()}))


def test_mlflow_reads_ours_and_we_write_what_mlflow_writes(mlflow_python: Run, tmp_path: Path) -> None:
    written = tmp_path / "MLmodel"
    written.write_text(format_mlmodel(parse_mlmodel(TODAY)))
    code = (
        "import sys, mlflow.models\n"
        "model = mlflow.models.Model.load(sys.argv[1])\n"
        "assert model.get_input_schema().input_names() == ['tenure', 'plan é'], model\n"
        "model.metadata = {'é': [1, 'x' * 200, None], '0123': '0123'}\n"
        "model.save(sys.argv[1])\n"
    )
    mlflow_python("-c", code, written)
    text = written.read_text()
    assert "0123" in text
    assert format_mlmodel(parse_mlmodel(text)) == text
