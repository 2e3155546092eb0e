"""Keras: what the contract does not see: files of strangers, code in models, custom classes, what old MLflow wrote."""

from __future__ import annotations

import json
import random
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flavors.saving import files_of, save_to
from frameworks.kinds.keras_models import integers, sequential
from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.flavors import detect_flavor, get_flavor, load, load_pyfunc
from gitreg.flavors._base import Missing
from gitreg.format.mlmodel import parse_mlmodel

FILE = "data/model.keras"
LAMBDA = "keras.layers.Lambda"
ONE = np.ones((1, 4), "float32")


@pytest.fixture(scope="module")
def trained() -> Any:
    return sequential()[0]


@pytest.fixture
def saved(trained: Any, home: Path) -> Path:
    save_to(home / "model", trained)
    return home / "model"


def read(folder: Path, how: Callable[..., Any] = load, **arguments: Any) -> Any:
    return how(folder, parse_mlmodel((folder / "MLmodel").read_bytes()), **arguments)


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(folder: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Write the archive again with what `change` does to its members."""
    held = members(folder / FILE)
    change(held)
    with zipfile.ZipFile(folder / FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in held.items():
            archive.writestr(name, content)


def rewrite_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    def within(held: dict[str, bytes]) -> None:
        config = json.loads(held["config.json"])
        change(config)
        held["config.json"] = json.dumps(config).encode()

    rewrite(folder, within)


def activation(entry: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["config"]["layers"][1]["config"].update(activation=entry)


def layer(module: str, name: str) -> Callable[[dict[str, Any]], object]:
    entry = {"module": module, "class_name": name, "config": {}, "registered_name": None}
    return lambda config: config["config"]["layers"].__setitem__(1, entry)


def test_the_same_model_is_the_same_bytes_in_another_process_too(trained: Any, saved: Path, home: Path) -> None:
    save_to(home / "again", trained)
    assert files_of(home / "again") == files_of(saved)
    save_to(home / "loaded", read(saved))  # its objects have other addresses in memory, as in another process
    assert files_of(home / "loaded") == files_of(saved)
    with zipfile.ZipFile(saved / FILE) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert json.loads(archive.read("metadata.json"))["date_saved"] == "1980-01-01@00:00:00"


def test_requirements_are_keras_and_the_backend_that_is_installed(saved: Path) -> None:
    assert [line.partition("==")[0] for line in (saved / "requirements.txt").read_text().splitlines()] == [
        "keras",
        "numpy",
        "tensorflow_cpu",
    ]


def test_a_file_cut_anywhere_is_damaged_and_named(saved: Path) -> None:
    whole = (saved / FILE).read_bytes()
    for size in (0, 1, 10, 1000, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        (saved / FILE).write_bytes(whole[:size])
        for how in (load, load_pyfunc):
            with pytest.raises(Damaged, match=r"^model\.keras is no complete Keras model: "):
                read(saved, how)


def test_weights_spoilt_at_any_place_load_or_are_damaged(saved: Path) -> None:
    chance = random.Random(0)
    whole = members(saved / FILE)["model.weights.h5"]
    for _ in range(12):
        spoilt = bytearray(whole)
        for _ in range(4):
            spoilt[chance.randrange(len(whole))] = chance.randrange(256)
        rewrite(saved, lambda held, content=bytes(spoilt): held.update({"model.weights.h5": content}))
        try:
            read(saved)
        except Damaged as error:
            assert "\n" not in error.message and len(error.message) < 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda held: held.update({"../x": b""}), "model.keras holds '../x', which no Keras model does"),
        (lambda held: held.update({"/etc/x": b""}), "model.keras holds '/etc/x', which no Keras model does"),
        (lambda held: held.update({"assets/../../x": b""}), "holds 'assets/../../x', which no Keras model does"),
        (lambda held: held.update({"assets/a\\..\\x": b""}), "which no Keras model does"),
        (lambda held: held.update({"code.py": b""}), "model.keras holds 'code.py', which no Keras model does"),
        (lambda held: held.update({"assets/x": bytes(9 << 20)}), "assets/x has "),
        (lambda held: held.pop("config.json"), "model.keras is no Keras model: it lacks config.json"),
        (lambda held: held.pop("model.weights.h5"), "model.keras is no Keras model: it lacks model.weights.h5"),
        (lambda held: held.update({"config.json": b"[]"}), "model.keras: config.json is no JSON object"),
        (lambda held: held.update({"config.json": b"\xff"}), "model.keras: config.json is no JSON: "),
        (lambda held: held.update({"config.json": b'{"a":' * 100_000}), "model.keras: config.json is no JSON: "),
        (lambda held: held.update({"config.json": b"{}"}), "model.keras is no complete Keras model: "),
        (lambda held: held.update({"model.weights.h5": b"x" * 99}), "model.keras is no complete Keras model: "),
    ],
)
def test_an_archive_that_keras_would_not_write_is_damaged(
    saved: Path, change: Callable[[dict[str, bytes]], object], message: str
) -> None:
    rewrite(saved, change)
    with pytest.raises(Damaged) as caught:
        read(saved)
    assert message in caught.value.message


def test_two_members_of_one_name_are_damaged(saved: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(saved / FILE, "a") as archive:
            archive.writestr("config.json", "{}")
    with pytest.raises(Damaged, match=r"model\.keras holds config\.json twice"):
        read(saved)


def test_a_small_file_cannot_ask_for_all_memory(saved: Path) -> None:
    rewrite_config(saved, lambda config: config["config"]["layers"][1]["config"].update(units=10**11))
    with pytest.raises(Damaged, match=r"the layer wide declares 400000000000 values, and the weights have \d+ bytes"):
        read(saved)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            activation({"class_name": "__lambda__", "config": {"value": "x"}}),
            Refused,
            "a Lambda layer with Python bytec",
        ),
        (layer("keras.layers", "TFSMLayer"), Refused, "holds a keras.layers.TFSMLayer, which runs code"),
        (layer("keras.src.utils.torch_utils", "TorchModuleWrapper"), Refused, "TorchModuleWrapper, which runs code"),
        (layer("os", "_wrap_close"), Refused, "names os._wrap_close of Python itself"),
        *[
            (
                activation({"module": module, "class_name": "function", "config": name, "registered_name": name}),
                kind,
                message,
            )
            for module, name, kind, message in (
                ("os", "system", Refused, "names os.system of Python itself"),
                ("subprocess", "Popen", Refused, "names subprocess.Popen of Python itself"),
                ("builtins", "exec", Damaged, "no complete Keras model: Could not locate function 'exec'"),
                (
                    "keras.utils",
                    "get_file",
                    Damaged,
                    "no complete Keras model: Cannot deserialize `keras.utils",
                ),
                ("keras.saving", "load_model", Damaged, "no complete Keras model: Cannot deserialize `keras.saving"),
                ("keras.src.utils.file_utils", "copy", Damaged, "not a KerasSaveable subclass"),
                ("evil.layers", "Gate", Unsupported, "model.keras needs evil.layers.Gate, which is not registered"),
            )
        ],
    ],
)
def test_names_in_a_model_import_nothing(
    saved: Path, change: Callable[[dict[str, Any]], object], kind: type[GitregError], message: str
) -> None:
    rewrite_config(saved, change)
    before = set(sys.modules)
    with pytest.raises(kind) as caught:
        read(saved)
    assert message in caught.value.message
    assert not {name for name in set(sys.modules) - before if name.startswith(("evil", "subprocess"))}


def test_bytecode_of_a_lambda_runs_only_where_it_is_trusted_by_name(home: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 3)])
    with pytest.warns(UserWarning, match=r"it loads only with trust=\['keras\.layers\.Lambda'\]"):
        save_to(home / "model", model)
    for how in (load, load_pyfunc):
        with pytest.raises(Refused, match="a Lambda layer with Python bytecode in it") as caught:
            read(home / "model", how)
        assert caught.value.hint == f"trust=['{LAMBDA}']"
    assert read(home / "model", load_pyfunc, trust=[LAMBDA]).predict(ONE).tolist() == [[3.0] * 4]
    save_to(home / "old", model, flavor="tensorflow", keras_model_kwargs={"save_format": "h5"})
    with pytest.raises(Refused, match=r"model\.h5 holds a Lambda layer"):
        read(home / "old")
    assert read(home / "old", trust=[LAMBDA]).predict(ONE, verbose=0).tolist() == [[3.0] * 4]


def test_a_class_of_the_models_own_code_is_imported_from_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    (home / "gates.py").write_text(
        "import keras\n@keras.saving.register_keras_serializable('shop')\nclass Gate(keras.layers.Layer):\n"
        "    def call(self, x):\n        return x * 2\n"
    )
    monkeypatch.syspath_prepend(home)
    import gates

    model = keras.Sequential([keras.Input((4,)), gates.Gate()])
    save_to(home / "with", model, code_paths=[home / "gates.py"])
    with pytest.warns(UserWarning, match="modules that no installed distribution holds: gates"):
        save_to(home / "without", model)

    def forget() -> None:
        sys.modules.pop("gates", None)
        keras.saving.get_custom_objects().clear()

    forget()
    with pytest.raises(Unsupported) as caught:
        read(home / "without")
    assert caught.value.message == "model.keras needs gates.Gate, which is not registered with Keras here"
    assert caught.value.hint == "import gates before, or trust=['gates.Gate'] imports it"
    assert read(home / "without", trust=["gates.Gate"]).predict(ONE, verbose=0).tolist() == [[2.0] * 4]
    forget()
    monkeypatch.undo()
    assert read(home / "with", load_pyfunc).predict(ONE).tolist() == [[2.0] * 4]
    (home / "with/code/gates.py").write_text("Gate = dict\n")
    forget()
    with pytest.raises(Refused, match=r"gates\.Gate is no class of a Keras model"):
        read(home / "with")
    forget()


def test_a_loss_that_is_not_there_is_left_out_with_a_warning(home: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", loss=lambda wanted, found: keras.ops.mean(wanted - found))
    save_to(home / "model", model)
    with pytest.warns(UserWarning, match="is loaded without its loss and optimizer, which need"):
        loaded = read(home / "model")
    assert loaded.predict(ONE, verbose=0).tolist() == model.predict(ONE, verbose=0).tolist()


def test_frames_come_back_as_frames_and_nothing_is_printed(
    trained: Any, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frame = pd.DataFrame(np.ones((3, 4), "float32"), columns=list("abcd"), index=[7, 8, 9])
    save_to(home / "model", trained, input_example=frame)
    model = read(home / "model", load_pyfunc)
    found = model.predict(frame)
    assert found.index.tolist() == [7, 8, 9]
    assert found.to_numpy().tolist() == trained.predict(frame.to_numpy(), verbose=0).tolist()
    assert capfd.readouterr().out == ""
    with pytest.warns(UserWarning, match="declares no params"):
        model.predict(frame, {"depth": 1})


def test_nan_goes_through(home: Path) -> None:
    import keras

    save_to(home / "model", keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))
    found = read(home / "model", load_pyfunc).predict(np.array([[np.nan] * 4, [1, 2, 3, 4]], "float32"))
    assert np.isnan(found[:, 0]).tolist() == [True, False]


def test_an_exported_model_needs_no_keras_class_and_says_when_it_is_cut(home: Path) -> None:
    model, data = integers()
    save_to(home / "model", model, save_exported_model=True, input_example=data[:3])
    graph = home / "model/data/model/saved_model.pb"
    found = read(home / "model", load_pyfunc).predict(data)
    assert found.tolist() == model.predict(data, verbose=0).tolist()
    graph.write_bytes(graph.read_bytes()[:-5])
    with pytest.raises(Damaged, match=r"model/saved_model\.pb is no SavedModel"):
        read(home / "model")


def test_a_backend_that_is_not_the_one_here_is_a_warning(saved: Path) -> None:
    text = (saved / "MLmodel").read_text()
    (saved / "MLmodel").write_text(text.replace("keras_backend: tensorflow", "keras_backend: jax"))
    with pytest.warns(UserWarning, match="saved with Keras on jax, here it runs on tensorflow; KERAS_BACKEND=jax"):
        read(saved)


def test_a_newer_keras_is_named_with_what_to_install(saved: Path) -> None:
    text = (saved / "MLmodel").read_text()
    (saved / "MLmodel").write_text(text.replace("keras_version: 3.15.1", "keras_version: 3.99.0"))
    assert read(saved).name == "churn"
    rewrite_config(saved, layer("keras.layers", "Quantum"))
    with pytest.raises(
        Unsupported, match=r"^model\.keras was written by keras 3\.99\.0, and 3\.15\.1 does not"
    ) as caught:
        read(saved)
    assert caught.value.hint.startswith("install what it was saved with: pip install -r ")


OLD = """artifact_path: model
flavors:
  keras:
    data: data
    keras_module: tensorflow.keras
    keras_version: 2.4.0
    save_format: {format}
  python_function:
    data: data
    env: conda.yaml
    loader_module: mlflow.keras
"""


def test_what_mlflow_1_wrote_in_hdf5_is_read(home: Path) -> None:
    model, data = integers()
    (home / "old/data").mkdir(parents=True)
    model.save(home / "old/data/model.h5")
    (home / "old/data/keras_module.txt").write_text("os")  # a name that is not imported
    (home / "old/MLmodel").write_text(OLD.format(format="h5"))
    assert read(home / "old", load_pyfunc).predict(data).tolist() == model.predict(data, verbose=0).tolist()
    whole = (home / "old/data/model.h5").read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        (home / "old/data/model.h5").write_bytes(whole[:size])
        with pytest.raises(Damaged, match=r"^model\.h5 is no complete HDF5 file: "):
            read(home / "old")


def test_a_saved_model_of_keras_2_says_what_to_install(home: Path) -> None:
    (home / "old/data/model").mkdir(parents=True)
    (home / "old/MLmodel").write_text(OLD.format(format="tf"))
    (home / "old/requirements.txt").write_text("tensorflow==2.4.0\n")
    with pytest.raises(Unsupported) as caught:
        read(home / "old")
    assert caught.value.message == "old was written by Keras 2 as a SavedModel, which Keras 3 does not read"
    assert caught.value.hint == f"install what it was saved with: pip install -r {home}/old/requirements.txt"


def test_a_backend_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'jax'", name="jax")

    monkeypatch.setattr("gitreg.flavors._base.importlib.import_module", absent)
    from gitreg.flavors.keras.objects import import_keras

    with pytest.raises(Missing) as caught:
        import_keras()
    assert caught.value.distribution == "jax"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"save_format": "h5"}, "keras does not know the option save_format"),
        ({"save_model_kwargs": 3}, "save_model_kwargs is no dict"),
        ({"save_model_kwargs": {"zipped": False}}, "zipped is not for gitreg's save"),
        ({"save_model_kwargs": {"wrong": 1}}, "churn cannot be saved: "),
    ],
)
def test_wrong_options_are_refused(trained: Any, home: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        save_to(home / "model", trained, **options)


def test_what_is_no_model_is_refused(home: Path) -> None:
    import keras

    with pytest.raises(Refused, match="a dict is no Keras 3 model"):
        save_to(home / "a", {}, flavor="keras")
    with pytest.raises(Refused, match="has no weights yet"):
        save_to(home / "b", keras.Sequential([keras.layers.Dense(1)]))


def test_detecting_looks_at_names_alone() -> None:
    kind = type("Model", (), {"__module__": "keras.src.models.model"})
    assert detect_flavor(type("Mine", (kind,), {})()) is get_flavor("keras")
