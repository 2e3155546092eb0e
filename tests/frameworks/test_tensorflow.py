"""TensorFlow: what the contract does not see: damaged and unfriendly graphs, TensorFlow 1, pickled custom objects."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flavors.saving import files_of, save_to
from frameworks.kinds.keras_models import sequential
from frameworks.kinds.tensorflow_models import module
from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.flavors import detect_flavor, get_flavor, load, load_pyfunc
from gitreg.format.mlmodel import parse_mlmodel

GRAPH = "tf2model/saved_model.pb"
INDEX = "tf2model/variables/variables.index"
VALUES = "tf2model/variables/variables.data-00000-of-00001"


@pytest.fixture(scope="module")
def line() -> tuple[Any, Any]:
    return module()()


@pytest.fixture
def saved(line: tuple[Any, Any], home: Path) -> Path:
    save_to(home / "model", line[0])
    return home / "model"


def read(folder: Path, how: Callable[..., Any] = load, **arguments: Any) -> Any:
    return how(folder, parse_mlmodel((folder / "MLmodel").read_bytes()), **arguments)


def test_of_a_saved_model_the_variables_are_the_same_bytes(line: tuple[Any, Any], saved: Path, home: Path) -> None:
    """The graph numbers its functions, and the fingerprint has a random id."""
    save_to(home / "again", line[0])
    one, other = files_of(saved), files_of(home / "again")
    assert {name for name in one if one[name] != other.get(name)} <= {GRAPH, "tf2model/fingerprint.pb", "MLmodel"}
    assert {INDEX, VALUES} <= set(one) == set(other)


def test_what_was_loaded_can_be_saved_again(line: tuple[Any, Any], saved: Path, home: Path) -> None:
    native, data = read(saved), line[1]
    assert detect_flavor(native) is get_flavor("tensorflow")
    save_to(home / "again", native, input_example=data[:3])
    found = read(home / "again", load_pyfunc)
    assert found.predict(data).tolist() == line[0](data).numpy().tolist()
    assert found.signature is not None and found.signature.outputs is not None


@pytest.mark.parametrize("name", [GRAPH, INDEX, VALUES])
def test_a_file_that_is_cut_spoilt_or_gone_is_damaged_or_loads(saved: Path, name: str) -> None:
    whole, chance = (saved / name).read_bytes(), random.Random(0)
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        (saved / name).write_bytes(whole[:size])
        for how in (load, load_pyfunc):
            with pytest.raises(Damaged, match=r"^tf2model"):
                read(saved, how)
    for _ in range(40):
        spoilt = bytearray(whole)
        for _ in range(3):
            spoilt[chance.randrange(len(whole))] = chance.randrange(256)
        (saved / name).write_bytes(bytes(spoilt))
        try:
            read(saved)
        except (Damaged, Unsupported) as error:
            assert "\n" not in error.message and len(error.message) < 500
    (saved / name).unlink()
    with pytest.raises(Damaged, match=r"^tf2model"):
        read(saved)


def test_a_graph_that_reads_or_writes_files_is_refused_unless_its_operations_are_trusted(home: Path) -> None:
    import tensorflow as tf

    class Reader(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
        def __call__(self, x: Any) -> Any:
            tf.print("to the terminal")
            return tf.io.read_file(x)

    class Writer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
        def __call__(self, x: Any) -> Any:
            tf.print("to a file", output_stream="file:///nowhere")
            return tf.numpy_function(lambda value: value, [x], tf.string)

    save_to(home / "reads", Reader())
    with pytest.raises(Refused, match=r"reads or writes files or calls Python .*: ReadFile\nhint: ") as caught:
        read(home / "reads")
    assert caught.value.hint == "trust=['tensorflow.ReadFile']"
    assert read(home / "reads", trust=["tensorflow.ReadFile"]) is not None
    save_to(home / "writes", Writer())
    with pytest.raises(Refused, match=r": PyFunc, WriteFile\nhint: "):
        read(home / "writes", load_pyfunc)


TF1 = """flavors:
  python_function:
    env: conda.yaml
    loader_module: mlflow.tensorflow
  tensorflow:
    meta_graph_tags:
    - serve
    saved_model_dir: tfmodel
    signature_def_key: serving_default
"""


@pytest.fixture
def of_tensorflow_1(home: Path) -> Path:
    """What MLflow 1.x wrote of a session of TensorFlow 1."""
    import tensorflow as tf

    v1, folder = tf.compat.v1, home / "old"
    folder.mkdir()
    with v1.Session(graph=tf.Graph()) as session:
        x = v1.placeholder(tf.float32, (None,), name="x")
        y = x * v1.get_variable("three", initializer=3.0)
        session.run(v1.global_variables_initializer())
        outputs = {"flat": y, "thin": y[:, None], "wide": tf.stack([y, y], 1)}
        v1.saved_model.simple_save(session, str(folder / "tfmodel"), {"x": x}, outputs)
    (folder / "MLmodel").write_text(TF1)
    return folder


def test_saved_models_of_tensorflow_1_are_asked_by_name(of_tensorflow_1: Path) -> None:
    import tensorflow as tf

    assert read(of_tensorflow_1)(x=tf.constant([1.0, 2.0]))["flat"].numpy().tolist() == [3.0, 6.0]
    model = read(of_tensorflow_1, load_pyfunc)
    found = model.predict({"x": np.array([1, 2], "float32")})
    assert found["flat"] == [3.0, 6.0] and found["wide"] == [[3.0, 3.0], [6.0, 6.0]]
    assert found["thin"].tolist() == [3.0, 6.0]
    frame = model.predict(pd.DataFrame({"x": [1.0, np.nan]}))
    assert sorted(frame) == ["flat", "thin", "wide"]
    assert frame["flat"][0] == 3.0 and np.isnan(frame["flat"][1])
    with pytest.raises(Refused, match="the data has z, the function takes x"):
        model.predict({"z": [1.0]})
    with pytest.raises(Refused, match="a list has no names"):
        model.predict([1.0])


@pytest.mark.parametrize(
    ("old", "new", "kind", "message"),
    [
        ("serving_default", "other", Damaged, "tfmodel has no signature 'other'; it has: serving_default"),
        ("- serve", "- train", Damaged, "tfmodel is no complete SavedModel: "),
        ("dir: tfmodel", "dir: ../old", Damaged, "which leaves the model directory"),
        ("dir: tfmodel", "dir: gone", Damaged, "gone is missing from old"),
        ("tensorflow:\n", "tensorflow:\n    model_type: tf9\n", Unsupported, "old is a 'tf9' of TensorFlow"),
    ],
)
def test_wrong_entries_are_named(of_tensorflow_1: Path, old: str, new: str, kind: Any, message: str) -> None:
    (of_tensorflow_1 / "MLmodel").write_text(TF1.replace(old, new))
    with pytest.raises(kind) as caught:
        read(of_tensorflow_1)
    assert message in caught.value.message


def test_custom_objects_are_pickled_beside_a_keras_model_when_they_are_given(home: Path) -> None:
    import keras

    class Twice(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    model = keras.Sequential([keras.Input((4,)), Twice()])
    save_to(home / "model", model, flavor="tensorflow", custom_objects={"Twice": Twice})
    assert "cloudpickle==" in (home / "model/requirements.txt").read_text()
    found = read(home / "model", load_pyfunc).predict(np.ones((1, 4), "float32"))
    assert found.tolist() == [[2.0] * 4]
    pickle = home / "model/data/custom_objects.cloudpickle"
    pickle.write_bytes(pickle.read_bytes()[:-3])
    with pytest.raises(Damaged, match=r"custom_objects\.cloudpickle is no complete pickle"):
        read(home / "model")
    pickle.unlink()
    with pytest.raises(Unsupported, match=r"Twice, which is not registered with Keras here"):
        read(home / "model")


def test_a_module_without_a_function_says_so_when_it_is_saved_and_asked(home: Path) -> None:
    import tensorflow as tf

    class Holder(tf.Module):
        def __init__(self) -> None:
            self.value = tf.Variable(1.0)

    with pytest.warns(UserWarning, match=r"no __call__ that is a tf\.function"):
        save_to(home / "model", Holder())
    assert read(home / "model").value.numpy() == 1.0
    with pytest.raises(Refused, match="saved without a function to call"):
        read(home / "model", load_pyfunc).predict(np.ones(1))


def test_a_function_that_was_never_called_is_called_with_the_example(home: Path) -> None:
    import tensorflow as tf

    class Double(tf.Module):
        @tf.function
        def __call__(self, x: Any) -> Any:
            return x * 2

    save_to(home / "model", Double(), input_example=np.ones((2, 3), "float32"))
    assert read(home / "model", load_pyfunc).predict(np.ones((2, 3), "float32")).tolist() == [[2.0] * 3] * 2


def test_modules_take_arrays_alone(saved: Path) -> None:
    with pytest.raises(Refused, match="a dict is nothing a TensorFlow module takes"):
        read(saved, load_pyfunc).predict({"x": np.ones((1, 4), "float32")})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wrong": 1}, "tensorflow does not know the option wrong"),
        ({"custom_objects": {"a": 1}}, "custom_objects is for Keras models"),
        ({"saved_model_kwargs": 3}, "saved_model_kwargs is no dict"),
        ({"saved_model_kwargs": {"signatures": 3}}, "cannot be saved: "),
    ],
)
def test_wrong_options_are_refused(line: tuple[Any, Any], home: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        save_to(home / "model", line[0], **options)


def test_a_save_format_that_is_none_is_refused(home: Path) -> None:
    with pytest.raises(Refused, match="no save_format zip"):
        save_to(home / "a", sequential()[0], flavor="tensorflow", keras_model_kwargs={"save_format": "zip"})
    with pytest.raises(Refused, match=r"a dict is no tf\.Module"):
        save_to(home / "b", {}, flavor="tensorflow")
