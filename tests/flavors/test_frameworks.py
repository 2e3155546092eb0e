"""XGBoost, LightGBM and ONNX: hostile files, settings and classes never reach them, and errors say what to do."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import pandas as pd
import pytest
import xgboost
from onnx import TensorProto, helper, numpy_helper

from flavors.frameworks import (
    lgb_booster,
    lgb_categories,
    lgb_regressor,
    measured,
    onnx_columns,
    onnx_graph,
    onnx_linear,
    onnx_of_a_frame,
    onnx_with_a_branch,
    target,
    xgb_booster,
    xgb_categories,
    xgb_classifier,
)
from flavors.saving import save_to
from flavors.test_load import without
from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.flavors import load, load_pyfunc
from gitreg.flavors.onnx.files import external_files
from gitreg.flavors.saving import requirements as _requirements
from gitreg.flavors.saving.requirements import infer_requirements
from gitreg.format.mlmodel import MLModel, parse_mlmodel

__all__ = ["without"]  # a fixture

SAVED: dict[str, tuple[Callable[[], tuple[Any, Any]], dict[str, Any], str]] = {
    "ubj": (xgb_classifier, {}, "model.ubj"),
    "json": (xgb_booster, {"model_format": "json"}, "model.json"),
    "lgb": (lgb_booster, {}, "model.lgb"),
    "lgb with categories": (lgb_categories, {}, "model.lgb"),
    "lgb pickle": (lgb_regressor, {}, "model.pkl"),
    "lgb skops": (lgb_regressor, {"serialization_format": "skops"}, "model.skops"),
    "onnx": (onnx_linear, {"save_as_external_data": False}, "model.onnx"),
}


def saved(folder: Path, kind: str) -> tuple[MLModel, Path]:
    make, options, file = SAVED[kind]
    return save_to(folder, make()[0], **options), folder / file


def refused_by_name(folder: Path, mlmodel: MLModel, file: Path) -> None:
    for read in (load, load_pyfunc):
        with pytest.raises(Damaged) as caught:
            read(folder, mlmodel)
        assert caught.value.message.startswith(file.name)
        assert "\n" not in caught.value.message and len(caught.value.message) < 400


@pytest.mark.parametrize("kind", SAVED)
def test_a_payload_that_is_no_model_is_damaged_and_named(kind: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", kind)
    whole = file.read_bytes()
    chance = random.Random(kind)
    cuts = [whole[: chance.randrange(1, len(whole))] for _ in range(40)]
    if kind == "lgb skops":  # each file in it is looked into, and that takes its time
        cuts = cuts[:3]
    for content in (b"", b"{", b"<html>not found</html>", chance.randbytes(100), whole[:-1], *cuts):
        file.write_bytes(content)
        if kind in ("lgb pickle", "json", "onnx") and content == whole[:-1]:
            continue
        refused_by_name(home / "model", mlmodel, file)
    file.unlink()
    file.mkdir()
    with pytest.raises(GitregError):
        load(home / "model", mlmodel)


LIGHTGBM_WORDS = {
    "a leaf that is none": (b"left_child=", b"left_child=9 "),
    "a feature that is none": (b"split_feature=", b"split_feature=1"),
    "a tree of no leaves": (b"num_leaves=4\nnum_cat", b"num_leaves=0\nnum_cat"),
    "text for a number": (b"threshold=", b"threshold=x"),
    "one value less": (b"leaf_value=", b"leaf_values="),
    "a parameter that breaks off": (b"[num_iterations: 4]", b"num_iterations: 4]"),
}


@pytest.mark.parametrize("name", LIGHTGBM_WORDS)
def test_lightgbm_never_sees_a_text_that_would_end_the_process(name: str, home: Path) -> None:
    mlmodel, file = saved(home / "model", "lgb")
    before, after = LIGHTGBM_WORDS[name]
    text = file.read_bytes()
    assert before in text
    unsized = text.replace(b"\ntree_sizes=", b"\nold_sizes=")  # a tree may be longer or shorter than it was
    file.write_bytes(unsized.replace(before, after, 1))
    refused_by_name(home / "model", mlmodel, file)


@pytest.mark.parametrize("sizes", [b"x", b"", b"1", b"-", b"0 "])
def test_lightgbm_never_sees_trees_that_are_not_where_the_text_says(sizes: bytes, home: Path) -> None:
    mlmodel, file = saved(home / "model", "lgb")
    text = file.read_bytes()
    if not sizes:
        text = text.replace(b"\ntree_sizes=", b"\ntree_sizes=\nold_sizes=")
    file.write_bytes(text.replace(b"\ntree_sizes=", b"\ntree_sizes=" + sizes))
    refused_by_name(home / "model", mlmodel, file)


def test_lightgbm_models_of_other_kinds_are_read(home: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3
    kinds: dict[str, dict[str, Any]] = {
        "linear": {"linear_tree": True, "objective": "regression"},
        "classes": {"objective": "multiclass", "num_class": 3},
        "random forest": {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        "dart": {"boosting": "dart"},
        "no split": {"min_data_in_leaf": 1000},
    }
    for name, settings in kinds.items():
        given = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 3, "num_leaves": 5, **settings}
        model = lightgbm.train(given, lightgbm.Dataset(x, y), 2)
        mlmodel = save_to(home / name, model)
        assert load(home / name, mlmodel).predict(x).tolist() == model.predict(x).tolist()  # type: ignore[attr-defined]
        model.save_model(home / "of lightgbm")
        assert (home / name / "model.lgb").read_bytes() == (home / "of lightgbm").read_bytes()


def test_xgboost_models_of_other_kinds_are_read(home: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    for kind in ({}, {"booster": "gblinear"}, {"booster": "dart"}, {"tree_method": "approx"}):
        model = xgboost.train({"nthread": 1, **kind}, xgboost.DMatrix(x, y), 2)
        folder = home / str(len(list(home.iterdir())))
        mlmodel = save_to(folder, model)
        again: Any = load_pyfunc(folder, mlmodel).predict(x)
        assert again.tolist() == model.predict(xgboost.DMatrix(x)).tolist()
        model.save_model(home / "of-xgboost.ubj")
        assert (folder / "model.ubj").read_bytes() == (home / "of-xgboost.ubj").read_bytes()


def test_a_model_of_an_older_xgboost_says_what_to_install(home: Path) -> None:
    file = saved(home / "model", "ubj")[1]
    text = (home / "model/MLmodel").read_text().replace("xgb_version: 3", "xgb_version: 1")
    file.write_bytes(b"binf\x00\x00\x00\x3f")
    with pytest.raises(Unsupported) as caught:
        load(home / "model", parse_mlmodel(text))
    assert caught.value.message.startswith("model.ubj was written by xgboost 1.")
    assert caught.value.hint.startswith("install what it was saved with: pip install -r ")


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("os.system", Refused, "the model_class os.system is not one of XGBoost's own"),
        ("Booster", Refused, "the model_class Booster is not one of XGBoost's own"),
        ("xgboost.core.DMatrix", Damaged, "the model_class xgboost.core.DMatrix is no model of XGBoost"),
        ("xgboost.core.os.abort", GitregError, ""),
        ("xgboost.nothing.Model", GitregError, ""),
        ("xgboost.core.Gone", Unsupported, "the installed xgboost has no xgboost.core.Gone"),
    ],
)
def test_no_class_that_mlmodel_names_is_called_unless_it_is_a_model(
    name: str, kind: type[GitregError], message: str, home: Path
) -> None:
    saved(home / "model", "ubj")
    text = (home / "model/MLmodel").read_text().replace("xgboost.sklearn.XGBClassifier", name)
    for read in (load, load_pyfunc):
        with pytest.raises(kind) as caught:
            read(home / "model", parse_mlmodel(text))
        assert caught.value.message.startswith(message)


def test_a_class_of_the_users_own_is_loaded_where_it_is_trusted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "lib").mkdir()
    (home / "lib/ourtrees.py").write_text("import xgboost\nclass Ours(xgboost.XGBRegressor):\n    pass\n")
    monkeypatch.syspath_prepend(home / "lib")
    import ourtrees  # type: ignore[import-not-found]

    x = measured()
    model = ourtrees.Ours(n_estimators=2, n_jobs=1).fit(x, target(x))
    mlmodel = save_to(home / "model", model, code_paths=[home / "lib/ourtrees.py"])
    with pytest.raises(Refused) as caught:
        load(home / "model", mlmodel)
    assert caught.value.hint == "trust=['ourtrees.Ours']"
    again: Any = load(home / "model", mlmodel, trust=["ourtrees.Ours"])
    assert type(again).__name__ == "Ours"
    assert again.predict(x).tolist() == model.predict(x).tolist()


class Local(xgboost.XGBClassifier):  # type: ignore[misc]
    """A class as a script has it."""


Local.__module__ = "__main__"

WRONG: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "not fitted": (xgboost.XGBClassifier, {}, "XGBClassifier cannot be saved: need to call fit"),
    "a class of a script": (Local, {}, "Local is a class that no other program can import"),
    "no xgboost": (dict, {"flavor": "xgboost"}, "a dict is no XGBoost model"),
    "no lightgbm": (dict, {"flavor": "lightgbm"}, "a dict is no LightGBM model"),
    "no onnx": (dict, {"flavor": "onnx"}, "a dict is no ONNX model"),
    "unknown format": (lambda: xgb_booster()[0], {"model_format": "xgb"}, "no model_format xgb"),
    "unknown serialization": (lambda: lgb_regressor()[0], {"serialization_format": "xml"}, "no serialization_format"),
    "types without skops": (lambda: lgb_regressor()[0], {"skops_trusted_types": ["a.B"]}, "skops_trusted_types is for"),
    "a booster as pickle": (
        lambda: lgb_booster()[0],
        {"serialization_format": "pickle"},
        "lightgbm's Booster does not know the option serialization_format",
    ),
    "an empty graph": (onnx.ModelProto, {}, "the model is not valid: "),
    "providers as text": (
        lambda: onnx_linear()[0],
        {"onnx_execution_providers": "CPUExecutionProvider"},
        "onnx_execution_providers is no list of names",
    ),
    "an unknown session option": (
        lambda: onnx_linear()[0],
        {"onnx_session_options": {"threads": 1}},
        "onnx_session_options has no threads",
    ),
    "a wrong session option": (
        lambda: onnx_linear()[0],
        {"onnx_session_options": {"execution_mode": "fast"}},
        "onnx_session_options: execution_mode is 'fast'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_saved_is_refused(name: str, home: Path) -> None:
    make, options, message = WRONG[name]
    with pytest.raises(Refused) as caught:
        save_to(home / "model", make(), **options)
    assert caught.value.message.startswith(message)
    assert not list((home / "model").glob(".*"))


def outside(location: str, *, where: str = "initializer") -> Any:
    """A model with a tensor in the file `location`."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[300, 1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    ends = [("x", TensorProto.FLOAT, [None, 300])], [("y", TensorProto.FLOAT, [None, 1])]
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    if where == "initializer":
        return onnx_graph([product], *ends, [tensor])
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    if where == "attribute":
        return onnx_graph([constant, product], *ends)
    inner = helper.make_graph([constant], "inner", [], [])
    model = onnx_graph([helper.make_node("Loop", [], ["y"], body=inner)], *ends)
    if where == "function":
        model = onnx_graph([product], *ends)
        model.functions.add(name="f").node.append(constant)
    if where == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(tensor)
    if where == "training":
        model.training_info.add().algorithm.CopyFrom(inner)
    return model


@pytest.mark.parametrize("where", ["initializer", "attribute", "graph", "function", "sparse", "training"])
@pytest.mark.parametrize(
    "location", ["../secret", "/etc/passwd", "a/../../secret", "*/_ORT_MEM_ADDR_/*", "link", "a\\b", "", "C:x", "gone"]
)
def test_tensors_outside_the_directory_are_refused_before_onnx_sees_them(
    where: str, location: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "secret").write_bytes(bytes(1200))
    mlmodel, file = saved(home / "model", "onnx")
    (home / "model/link").symlink_to(home / "secret")
    file.write_bytes(outside(location, where=where).SerializeToString())
    seen: list[str] = []
    monkeypatch.setattr(onnx, "load", seen.append)
    monkeypatch.setattr(onnx.checker, "check_model", seen.append)
    for read in (load, load_pyfunc):
        with pytest.raises(Damaged, match=r"model\.onnx keeps a tensor in .*(leaves the model directory|is missing)"):
            read(home / "model", mlmodel)
    assert seen == []


def sized(tag: bytes, content: bytes) -> bytes:
    """A field of protobuf."""
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return tag + length + bytes([size]) + content


GRAPH, NODE, ATTRIBUTE, SUBGRAPH = b"\x3a", b"\x0a", b"\x2a", b"\x32"
TENSOR, OUTSIDE, KEY, VALUE = b"\x2a", b"\x6a", b"\x0a", b"\x12"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ([(KEY, b"location"), (VALUE, b"a")], ("a",)),
        ([(VALUE, b"a"), (KEY, b"location")], ("a",)),
        ([(KEY, b"offset"), (KEY, b"location"), (VALUE, b"a"), (VALUE, b"b")], ("a", "b")),
        ([(KEY, b"offset"), (VALUE, b"1")], ()),
    ],
)
def test_a_location_is_found_however_it_is_written(
    entry: list[tuple[bytes, bytes]], found: tuple[str, ...], home: Path
) -> None:
    content = b"".join(sized(*field) for field in entry)
    for tag in (OUTSIDE, TENSOR, GRAPH):
        content = sized(tag, content)
    (home / "m").write_bytes(onnx_linear()[0].SerializeToString() + content)
    assert external_files(home / "m") == found


def test_a_graph_that_is_nested_without_end_is_damaged(home: Path) -> None:
    content = b""
    for _ in range(100):
        content = sized(NODE, sized(ATTRIBUTE, sized(SUBGRAPH, content)))
    (home / "m").write_bytes(sized(GRAPH, content))
    with pytest.raises(Damaged, match="m is no complete ONNX model: it is nested too deeply"):
        external_files(home / "m")


def test_settings_that_lead_out_of_the_model_need_trust(home: Path) -> None:
    model, data = onnx_linear()
    options = {"extra_session_config": {"session.model_external_initializers_file_folder_path": "/etc"}}
    mlmodel = save_to(home / "config", model, onnx_session_options=options)
    with pytest.raises(Refused) as caught:
        load_pyfunc(home / "config", mlmodel)
    assert caught.value.hint == "trust=['session.model_external_initializers_file_folder_path']"
    provider = [("CPUExecutionProvider", {"backend": "/tmp/evil.so"})]
    mlmodel = save_to(home / "provider", model, onnx_execution_providers=provider)
    with pytest.raises(Refused) as caught:
        load_pyfunc(home / "provider", parse_mlmodel((home / "provider/MLmodel").read_bytes()))
    assert caught.value.hint == "trust=['CPUExecutionProvider']"
    plainly = {"extra_session_config": {"session.intra_op.allow_spinning": "0"}, "graph_optimization_level": 99}
    mlmodel = save_to(home / "plain", model, onnx_session_options={**plainly, "execution_mode": "parallel"})
    assert len(load_pyfunc(home / "plain", mlmodel).predict(data)["y"]) == 100  # type: ignore[index, call-overload]


def test_saving_an_onnx_model_leaves_it_as_it_was(home: Path) -> None:
    model, _ = onnx_with_a_branch()
    before = model.SerializeToString(deterministic=True)
    save_to(home / "model", model)
    assert model.SerializeToString(deterministic=True) == before
    assert (home / "model/model.onnx.data").stat().st_size == 1200


def test_tensors_are_kept_as_onnx_keeps_them(home: Path) -> None:
    """Each begins where a file can be mapped to memory."""
    tensors = [numpy_helper.from_array(np.full(300, number, "float32"), f"w{number}") for number in range(3)]
    nodes = [helper.make_node("Sum", ["x", "w0", "w1", "w2"], ["y"])]
    model = onnx_graph(nodes, [("x", TensorProto.FLOAT, [300])], [("y", TensorProto.FLOAT, [300])], tensors)
    save_to(home / "model", model)
    graph = onnx.load(home / "model/model.onnx", load_external_data=False).graph
    places = [{entry.key: entry.value for entry in tensor.external_data} for tensor in graph.initializer]
    assert [int(place["offset"]) for place in places] == [0, 4096, 8192]
    assert {(place["location"], place["length"]) for place in places} == {("model.onnx.data", "1200")}


def test_a_model_with_tensors_that_are_not_loaded_is_refused(home: Path) -> None:
    save_to(home / "model", onnx_linear()[0])
    half = onnx.load(home / "model/model.onnx", load_external_data=False)
    with pytest.raises(Refused) as caught:
        save_to(home / "again", half)
    assert (caught.value.message, caught.value.hint) == (
        "the tensor w lies in a file that is not loaded",
        "model = onnx.load(path) loads it",
    )


def test_onnx_answers_a_frame_with_a_frame_and_arrays_with_arrays(home: Path) -> None:
    model, frame = onnx_of_a_frame()
    mlmodel = save_to(home / "model", model)
    predict = load_pyfunc(home / "model", mlmodel).predict
    array = frame.to_numpy("float32")
    of_array: Any = predict(array)
    assert set(of_array) == {"y"} and of_array["y"].shape == (100, 1) and of_array["y"].dtype == "float32"
    of_frame: Any = predict(frame)
    assert isinstance(of_frame, pd.DataFrame) and of_frame["y"].tolist() == of_array["y"].ravel().tolist()
    given = {"x": array.astype("float64")}
    assert predict(given)["y"].tolist() == of_array["y"].tolist()  # type: ignore[index, call-overload]
    assert given["x"].dtype == "float64"
    with pytest.raises(Refused, match="an ONNX model takes no list"):
        predict([[1.0]])


def test_onnx_says_which_inputs_it_takes(home: Path) -> None:
    model, frame = onnx_columns()
    predict = load_pyfunc(home / "model", save_to(home / "model", model)).predict
    with pytest.raises(Refused) as caught:
        predict(frame.to_numpy())
    assert caught.value.hint == "pass a dict of: i, d"
    with pytest.raises(Refused, match="the data lacks i"):
        predict(frame[["d"]])


def test_outputs_that_are_no_table_are_refused_for_a_frame_alone(home: Path) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["all"]), helper.make_node("ReduceSum", ["x"], ["sum"])]
    outputs = [("all", TensorProto.FLOAT, [None, 2]), ("sum", TensorProto.FLOAT, [1, 1])]
    model = onnx_graph(nodes, [("x", TensorProto.FLOAT, [None, 2])], outputs)
    predict = load_pyfunc(home / "model", save_to(home / "model", model)).predict
    data = np.ones((3, 2), "float32")
    with pytest.raises(Refused, match=r"the outputs are no table.*\(all: 6, sum: 1\)"):
        predict(pd.DataFrame(data))
    assert set(predict(data)) == {"all", "sum"}  # type: ignore[call-overload]


def test_categories_predict_with_a_signature_too(home: Path) -> None:
    model, data = xgb_categories()
    mlmodel = save_to(home / "model", model, input_example=data[:3])
    again: Any = load_pyfunc(home / "model", mlmodel).predict(data)
    assert again.tolist() == model.predict(data).tolist()


def test_params_that_predict_does_not_take_are_told(home: Path) -> None:
    model, data = xgb_booster()
    with pytest.warns(UserWarning, match="are ignored: odd"):
        mlmodel = save_to(home / "model", model, input_example=(data[:2], {"output_margin": True, "odd": 1}))
    with pytest.warns(UserWarning, match=r"params that XGBoost's predict does not take are ignored: odd"):
        load_pyfunc(home / "model", mlmodel).predict(data)


@pytest.mark.parametrize(
    ("kind", "module", "named", "distribution"),
    [
        ("ubj", "xgboost", "xgboost", "xgboost-cpu"),
        ("lgb", "lightgbm", "lightgbm", "lightgbm"),
        ("lgb pickle", "sklearn", "scikit-learn", "scikit-learn"),
        ("onnx", "onnxruntime", "onnxruntime", "onnxruntime"),
    ],
)
def test_a_missing_framework_is_named_with_what_installs_it(
    kind: str, module: str, named: str, distribution: str, home: Path, without: Callable[[str], None]
) -> None:
    mlmodel, _ = saved(home / "model", kind)
    without(module)
    with pytest.raises(Unsupported) as caught:
        load_pyfunc(home / "model", mlmodel)
    assert caught.value.message == f"model needs {named}, which is not installed"
    assert caught.value.hint == f"pip install {distribution}=={metadata.version(distribution)}"


@pytest.mark.parametrize("installed", ["xgboost", "xgboost-cpu"])
def test_the_build_of_a_framework_that_is_installed_is_the_one_that_is_required(
    installed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_requirements, "installed_version", lambda name: "3.2.0" if name == installed else None)
    monkeypatch.setattr(_requirements, "_pinned", lambda name: f"{name}==3.2.0")
    assert infer_requirements((), ("xgboost",)).lines == (f"{installed}==3.2.0",)


def test_requirements_name_one_build_of_xgboost(home: Path) -> None:
    saved(home / "model", "ubj")
    lines = (home / "model/requirements.txt").read_text().split()
    assert lines == [f"{name}=={metadata.version(name)}" for name in ("numpy", "scikit-learn", "xgboost-cpu")]


def test_an_estimator_within_a_pipeline_is_scikit_learns(home: Path) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = measured().fillna(0).to_numpy("float64"), target(measured())
    model = make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1)).fit(x, y)
    assert save_to(home / "model", model).flavor_names == ("python_function", "sklearn")
    lines = (home / "model/requirements.txt").read_text()
    assert "lightgbm==" in lines and "scikit-learn==" in lines
