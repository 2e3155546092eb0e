"""Loading: directories of 2020, code that travels, and errors that say what to do."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

from flavors.models import FOREST_TYPES, churn, column_pipeline, decision_tree, logistic, random_forest
from flavors.saving import save_to
from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.flavors import load, load_pyfunc
from gitreg.format.mlmodel import MLModel, parse_mlmodel
from gitreg.serve._base import Served
from gitreg.serve.local import LocalPredictor

MLMODEL_2020 = """\
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
CONDA_2020 = """\
channels:
- defaults
dependencies:
- python=3.7.3
- scikit-learn=0.21.3
- pip:
  - mlflow
  - cloudpickle=1.2.2
name: mlflow-env
"""


@pytest.fixture
def of_2020(home: Path) -> Path:
    """A model directory as MLflow 1.x wrote it."""
    folder = home / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text(MLMODEL_2020)
    (folder / "conda.yaml").write_text(CONDA_2020)
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(decision_tree()[0], protocol=4))
    return folder


@pytest.fixture
def without() -> Any:
    """`without("sklearn")`: from here on the module is not installed."""
    hidden: dict[str, Any] = {}

    def hide(name: str) -> None:
        for known in [known for known in sys.modules if known.partition(".")[0] == name]:
            hidden[known] = sys.modules.pop(known)
        sys.modules[name] = None  # type: ignore[assignment]

    yield hide
    for name in [name for name, module in sys.modules.items() if module is None]:
        del sys.modules[name]
    sys.modules.update(hidden)


def mlmodel_of(folder: Path) -> MLModel:
    return parse_mlmodel((folder / "MLmodel").read_bytes())


def test_a_directory_of_2020_predicts_natively_and_through_pyfunc_without_mlflow(of_2020: Path) -> None:
    model, data = decision_tree()
    mlmodel = mlmodel_of(of_2020)
    pyfunc = load_pyfunc(of_2020, mlmodel)
    assert np.array_equal(load(of_2020, mlmodel).predict(data), model.predict(data))  # type: ignore[attr-defined]
    assert np.array_equal(pyfunc.predict(data), model.predict(data))  # type: ignore[arg-type]
    assert pyfunc.metadata.run_id == "29eddffdb8e24874a95ed75a8a7c17e2"
    assert pyfunc.signature is None
    assert "mlflow" not in sys.modules


def test_a_python_function_entry_alone_is_enough(of_2020: Path) -> None:
    text = MLMODEL_2020.replace(MLMODEL_2020[MLMODEL_2020.index("  sklearn:") : MLMODEL_2020.index("run_id")], "")
    mlmodel = parse_mlmodel(text)
    assert mlmodel.flavor_names == ("python_function",)
    model, data = decision_tree()
    assert np.array_equal(load_pyfunc(of_2020, mlmodel).predict(data), model.predict(data))  # type: ignore[arg-type]


def test_a_missing_framework_of_2020_is_named_with_its_version(of_2020: Path, without: Callable[[str], None]) -> None:
    without("sklearn")
    for read in (load, load_pyfunc):
        with pytest.raises(Unsupported) as caught:
            read(of_2020, mlmodel_of(of_2020), name="churn@v1.0.0")  # type: ignore[operator]
        assert caught.value.message == "churn@v1.0.0 needs scikit-learn, which is not installed"
        assert caught.value.hint == "pip install scikit-learn==0.21.3"


@pytest.mark.parametrize(
    ("how", "module", "message", "hint"),
    [
        ("cloudpickle", "sklearn", "scikit-learn", f"scikit-learn=={sys.modules['sklearn'].__version__}"),
        ("skops", "skops", "skops", "skops==0.16.0"),
        ("joblib", "joblib", "joblib", "joblib==1.6.0"),
    ],
)
def test_a_missing_framework_is_named_with_the_command_that_installs_it(
    how: str, module: str, message: str, hint: str, home: Path, without: Callable[[str], None]
) -> None:
    save_to(home / "model", logistic()[0], serialization_format=how)
    without(module)
    with pytest.raises(Unsupported) as caught:
        load(home / "model", mlmodel_of(home / "model"))
    assert caught.value.message == f"model needs {message}, which is not installed"
    assert caught.value.hint == f"pip install {hint}"


def test_a_table_model_says_that_it_needs_pandas(home: Path, without: Callable[[str], None]) -> None:
    save_to(home / "model", lambda data: len(data), input_example=churn()[:2])
    model = load_pyfunc(home / "model", mlmodel_of(home / "model"))
    assert model.predict([{"plan": "pro", "tenure": 1, "spent": 1.5}]) == 1
    without("pandas")
    with pytest.raises(Unsupported, match=r"needs pandas, which is not installed"):
        model.predict([{"plan": "pro", "tenure": 1, "spent": 1.5}])


def break_in_two(folder: Path) -> None:
    data = (folder / "model.pkl").read_bytes()
    (folder / "model.pkl").write_bytes(data[: len(data) // 2])


def make_text(folder: Path) -> None:
    (folder / "model.pkl").write_text("<html>not found</html>")


def make_empty(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"")


def take_away(folder: Path) -> None:
    (folder / "model.pkl").unlink()


def lead_outside(folder: Path) -> None:
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("model.pkl", "../model.pkl"))


def drop_key(folder: Path) -> None:
    text = (folder / "MLmodel").read_text()
    lines = [line for line in text.splitlines(keepends=True) if "model.pkl" not in line]
    (folder / "MLmodel").write_text("".join(lines))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_in_two, "model.pkl is no complete pickle: "),
        (make_text, "model.pkl is no complete pickle: "),
        (make_empty, "model.pkl is no complete pickle: Ran out of input"),
        (take_away, "model.pkl is missing from model"),
        (lead_outside, "MLmodel: pickled_model is '../model.pkl', which leaves the model directory"),
        (drop_key, "MLmodel: pickled_model is missing"),
    ],
)
def test_a_damaged_directory_is_refused_by_the_name_of_the_file(
    damage: Callable[[Path], None], message: str, home: Path
) -> None:
    save_to(home / "model", decision_tree()[0])
    damage(home / "model")
    with pytest.raises(Damaged) as caught:
        load(home / "model", mlmodel_of(home / "model"))
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("how", ["joblib", "skops"])
def test_a_truncated_payload_of_any_format_is_damaged(how: str, home: Path) -> None:
    save_to(home / "model", logistic()[0], serialization_format=how)
    file = home / "model" / f"model.{how}"
    file.write_bytes(file.read_bytes()[:-400])
    with pytest.raises(Damaged, match=rf"^model\.{how} is no complete "):
        load(home / "model", mlmodel_of(home / "model"))


def test_a_class_that_is_not_here_is_unsupported_and_names_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "gone.py").write_text("class Rule:\n    def predict(self, data):\n        return data\n")
    monkeypatch.syspath_prepend(home)
    import gone  # type: ignore[import-not-found]

    with pytest.warns(UserWarning, match="gone"):
        save_to(home / "model", gone.Rule())
    del gone.Rule
    with pytest.raises(Unsupported) as caught:
        load(home / "model", mlmodel_of(home / "model"))
    assert "Can't get attribute 'Rule'" in caught.value.message
    assert caught.value.hint.startswith("install what it was saved with: pip install -r ")


def test_skops_types_are_trusted_by_the_caller_alone(home: Path) -> None:
    model, data = random_forest()
    mlmodel = save_to(home / "model", model, serialization_format="skops", skops_trusted_types=FOREST_TYPES)
    assert mlmodel.flavors["sklearn"]["skops_trusted_types"] == list(FOREST_TYPES)
    for read in (load, load_pyfunc):
        with pytest.raises(Refused) as caught:
            read(home / "model", mlmodel)  # type: ignore[operator]
        assert caught.value.message == "model.skops holds types that are not trusted: sklearn.tree._tree.Tree"
        assert caught.value.hint == "trust=['sklearn.tree._tree.Tree']"
    loaded: Any = load(home / "model", mlmodel, trust=FOREST_TYPES)
    assert np.array_equal(loaded.predict(data), model.predict(data))


def test_a_flavor_that_is_not_there_is_named_with_those_that_are(home: Path) -> None:
    mlmodel = save_to(home / "model", decision_tree()[0])
    with pytest.raises(Unsupported) as caught:
        load(home / "model", mlmodel, flavor="onnx")
    assert caught.value.message == "model has no flavor onnx"
    assert caught.value.hint == "it has: python_function, sklearn"
    foreign = MLModel(flavors={"jax": {"model": "model.bin"}})
    with pytest.raises(Unsupported) as caught:
        load(home / "model", foreign)
    assert caught.value.message == "gitreg has none of the flavors of model: jax"
    with pytest.raises(Unsupported, match="has no python_function, so it has no predict"):
        load_pyfunc(home / "model", foreign)


def write_rule(folder: Path, factor: int) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "ourrules").mkdir(parents=True)
    (folder / "ourrules/__init__.py").write_text("from ourrules.rule import Rule\n")
    (folder / "ourrules/rule.py").write_text(
        "from ourrules import factors\nclass Rule:\n    def predict(self, data):\n        return data * factors.BY\n"
    )
    (folder / "ourrules/factors.py").write_text(f"BY = {factor}\n")
    return folder / "ourrules"


def forget_rules() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "ourrules"]:
        del sys.modules[name]


def test_each_of_two_versions_gets_the_code_it_came_with(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(home / "lib"), *sys.path])
    for factor in (2, 3):
        package = write_rule(home / "lib", factor)
        sys.path_importer_cache.clear()
        import ourrules  # type: ignore[import-not-found]

        save_to(home / f"v{factor}", ourrules.Rule(), code_paths=[package])
        forget_rules()
    sys.path.remove(str(home / "lib"))
    two = load_pyfunc(home / "v2", mlmodel_of(home / "v2"))
    three = load_pyfunc(home / "v3", mlmodel_of(home / "v3"))
    again = load_pyfunc(home / "v2", mlmodel_of(home / "v2"))
    assert [model.predict(10) for model in (two, three, again)] == [20, 30, 20]
    forget_rules()


def write_factor(folder: Path, factor: int) -> MLModel:
    """A model that imports its own code where it predicts, not where it is loaded."""
    (folder / "code").mkdir(parents=True)
    (folder / "code/ourfactor.py").write_text(f"BY = {factor}\n")
    (folder / "code/ourmodel.py").write_text(
        "def _load_pyfunc(path):\n    return Model(open(path).read())\n"
        "class Model:\n"
        "    def __init__(self, text):\n        assert not text, text\n"
        "    def predict(self, data):\n        import ourfactor\n        return data * ourfactor.BY\n"
    )
    (folder / "data.txt").write_text("")
    return MLModel({"python_function": {"loader_module": "ourmodel", "data": "data.txt", "code": "code"}})


def test_a_version_that_cannot_be_loaded_leaves_the_others_their_code(home: Path) -> None:
    mlmodel = write_factor(home / "v2", 2)
    write_factor(home / "v3", 3)
    (home / "v3/data.txt").write_text("broken")
    two = load_pyfunc(home / "v2", mlmodel)
    path = list(sys.path)
    assert two.predict(10) == 20
    for _ in range(2):
        with pytest.raises(AssertionError, match="broken"):
            load_pyfunc(home / "v3", mlmodel)
        assert two.predict(10) == 20
    assert sys.path == path


def test_a_predictor_that_is_closed_leaves_the_others_their_code(home: Path) -> None:
    mlmodel = write_factor(home / "v2", 2)
    write_factor(home / "v3", 3)
    path = list(sys.path)
    two, again, three = (
        LocalPredictor(model, Served(folder, home / folder, mlmodel, ""))
        for folder in ("v2", "v2", "v3")
        for model in [load_pyfunc(home / folder, mlmodel)]
    )

    def said(predictor: LocalPredictor) -> object:
        return json.loads(predictor.answer("application/json", b'{"inputs": [[10]]}').body)["predictions"]

    assert said(three) == [[30]]
    for _ in range(2):
        three.close()
        assert said(two) == [[20]]
    two.close()
    two.close()
    assert said(again) == [[20]]
    again.close()
    assert sys.path == path


def test_a_module_that_the_program_has_already_stays_with_a_warning(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(home / "lib"), *sys.path])
    package = write_rule(home / "lib", 2)
    import ourrules

    save_to(home / "model", ourrules.Rule(), code_paths=[package])
    load_pyfunc(home / "model", mlmodel_of(home / "model"))
    (home / "lib/ourrules/factors.py").write_text("BY = 5\n")
    with pytest.warns(UserWarning, match=r"the model gets ourrules\.factors of this program"):
        model = load_pyfunc(home / "model", mlmodel_of(home / "model"))
    assert type(model.unwrap()) is ourrules.Rule
    forget_rules()


def test_a_loader_module_of_the_users_own_is_asked_as_mlflow_asks_it(home: Path) -> None:
    folder = home / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "code/ourloader.py").write_text(
        "class Model:\n"
        "    def __init__(self, text):\n        self.text = text\n"
        "    def predict(self, data, params=None):\n        return [self.text + d + str(params) for d in data]\n"
        "def _load_pyfunc(path):\n    return Model(open(path).read())\n"
    )
    (folder / "data.txt").write_text("hello ")
    entry = {"loader_module": "ourloader", "data": "data.txt", "code": "code"}
    mlmodel = MLModel(flavors={"python_function": entry})
    assert load_pyfunc(folder, mlmodel).predict(["you"], None) == ["hello youNone"]
    (folder / "code/ourloader.py").unlink()
    del sys.modules["ourloader"]
    with pytest.raises(GitregError) as caught:
        load_pyfunc(folder, mlmodel, name="greeter")
    assert caught.value.message == "greeter needs ourloader, which is not installed"


def test_a_loader_module_that_loads_nothing_is_damaged(home: Path) -> None:
    home.joinpath("model").mkdir()
    with pytest.raises(Damaged, match="json, the loader_module of model, has no _load_pyfunc"):
        load_pyfunc(home / "model", MLModel(flavors={"python_function": {"loader_module": "json"}}))


class Grown:
    """A class that has changed since an object of it was saved."""

    def __setstate__(self, state: dict[str, object]) -> None:
        raise ValueError("node array from the pickle has an incompatible dtype")


@pytest.mark.parametrize("loader", [".rules", "rules..main", "--index-url=elsewhere rules", "$(touch here)"])
def test_a_loader_module_that_is_no_name_of_a_module_is_damaged(home: Path, loader: str) -> None:
    (home / "model").mkdir()
    with pytest.raises(Damaged, match="which is no module"):
        load_pyfunc(home / "model", MLModel(flavors={"python_function": {"loader_module": loader}}))


@pytest.mark.parametrize("versions", ["==1.5.2", ">=1,<2"])
def test_the_command_that_installs_a_framework_runs_nothing_else(
    of_2020: Path, versions: str, without: Callable[[str], None]
) -> None:
    without("sklearn")
    line = f"scikit-learn{versions}; platform_version != '$(touch here)'"
    (of_2020 / "requirements.txt").write_text(f"{line}\n")
    with pytest.raises(Unsupported) as caught:
        load(of_2020, mlmodel_of(of_2020))
    assert shlex.split(caught.value.hint, comments=True) == ["pip", "install", f"scikit-learn{versions}"]


def test_another_version_of_a_framework_is_unsupported(of_2020: Path) -> None:
    grown = Grown()
    grown.x = 1  # type: ignore[attr-defined]
    (of_2020 / "model.pkl").write_bytes(cloudpickle.dumps(grown))
    with pytest.raises(Unsupported) as caught:
        load(of_2020, mlmodel_of(of_2020))
    assert caught.value.message.startswith("model.pkl cannot be loaded here: node array from the pickle")
    assert caught.value.hint == f"install what it was saved with: conda env create -f {of_2020 / 'conda.yaml'}"


def test_a_pyfunc_shows_what_it_is(home: Path) -> None:
    model, data = column_pipeline()
    mlmodel = save_to(home / "model", model, input_example=data[:3])
    pyfunc = load_pyfunc(home / "model", mlmodel, version="churn@v1.0.0")
    assert pyfunc.version == "churn@v1.0.0"
    assert pyfunc.signature == mlmodel.signature
    assert pyfunc.unwrap() is pyfunc.native
