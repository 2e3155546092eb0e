"""What save writes beside the payload, and what it refuses."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flavors.models import churn, column_pipeline, decision_tree, logistic, random_forest
from flavors.saving import CREATED, files_of, save_to
from gitreg.errors import Conflict, GitregError, Refused
from gitreg.flavors import FLAVORS
from gitreg.flavors.saving import loader_1
from gitreg.format.environment import parse_conda_env, parse_python_env
from gitreg.format.schema import Column, Signature


def lines(folder: Path) -> list[str]:
    return (folder / "requirements.txt").read_text().splitlines()


def test_mlmodel_says_what_it_was_told_and_nothing_of_the_clock(home: Path) -> None:
    model, _ = decision_tree()
    mlmodel = save_to(home / "model", model, metadata={"team": "risk"})
    assert mlmodel.utc_time_created == CREATED
    assert (mlmodel.artifact_path, mlmodel.run_id, mlmodel.model_uuid) == ("model", "r1", "0" * 32)
    assert mlmodel.metadata == {"team": "risk"}
    assert mlmodel.signature is None
    assert mlmodel.mlflow_version is None
    assert mlmodel.flavor_names == ("python_function", "sklearn")


def test_requirements_are_the_distributions_of_the_modules_in_the_pickle(home: Path) -> None:
    model, data = decision_tree()
    save_to(home / "model", model, input_example=data[:3])
    names = ("cloudpickle", "numpy", "scikit-learn")
    assert lines(home / "model") == [f"{name}=={version(name)}" for name in names]


@pytest.mark.parametrize(("how", "name"), [("pickle", ""), ("joblib", "joblib"), ("skops", "skops")])
def test_requirements_hold_what_reads_the_format(how: str, name: str, home: Path) -> None:
    model, _ = logistic()
    save_to(home / "model", model, serialization_format=how)
    found = {line.split("==")[0] for line in lines(home / "model")}
    assert found & {"cloudpickle", "joblib", "skops"} == ({name} if name else set())


def test_a_table_needs_pandas_to_predict(home: Path) -> None:
    model, data = column_pipeline()
    save_to(home / "model", model, input_example=data[:3])
    assert f"pandas=={version('pandas')}" in lines(home / "model")


def test_requirements_handed_over_are_taken_as_they_are(home: Path) -> None:
    model, _ = decision_tree()
    save_to(home / "list", model, pip_requirements=["scikit-learn>=1", "numpy"])
    (home / "needs.txt").write_text("# mine\nscikit-learn==1.0  # old\n\n")
    save_to(home / "file", model, pip_requirements=str(home / "needs.txt"))
    assert lines(home / "list") == ["scikit-learn>=1", "numpy"]
    assert lines(home / "file") == ["scikit-learn==1.0"]


def test_extra_requirements_join_the_inferred_ones(home: Path) -> None:
    model, _ = decision_tree()
    save_to(home / "model", model, extra_pip_requirements=["requests>=2", "NumPy<3", "scikit_learn"])
    assert lines(home / "model") == [
        f"cloudpickle=={version('cloudpickle')}",
        "NumPy<3",
        "requests>=2",
        f"scikit-learn=={version('scikit-learn')}",
    ]


def test_the_environment_files_are_those_of_mlflow(home: Path) -> None:
    model, _ = decision_tree()
    save_to(home / "model", model, pip_requirements=["numpy"])
    python = sys.version.split()[0]
    conda = parse_conda_env((home / "model/conda.yaml").read_bytes())
    assert (conda.name, conda.channels, conda.python, conda.pip) == ("mlflow-env", ("conda-forge",), python, ("numpy",))
    env = parse_python_env((home / "model/python_env.yaml").read_bytes())
    assert (env.python, env.dependencies) == (python, ("-r requirements.txt",))
    assert [line.partition("=")[0] for line in env.build_dependencies] == ["pip", "setuptools", "wheel"]


def test_a_conda_environment_handed_over_is_kept_and_gives_the_requirements(home: Path) -> None:
    model, _ = decision_tree()
    conda = {"name": "mine", "dependencies": ["python=3.12.1", "libgomp", {"pip": ["scikit-learn==1.9.1"]}]}
    save_to(home / "model", model, conda_env=conda)
    (home / "conda.yaml").write_bytes((home / "model/conda.yaml").read_bytes())
    save_to(home / "again", model, conda_env=home / "conda.yaml")
    assert "scikit-learn==1.9.1" in lines(home / "model")
    assert parse_conda_env((home / "model/conda.yaml").read_bytes()).dependencies == ("python=3.12.1", "libgomp")
    assert parse_python_env((home / "model/python_env.yaml").read_bytes()).python == "3.12.1"
    assert files_of(home / "again") == files_of(home / "model")


def test_modules_that_are_in_no_distribution_are_named_in_a_warning(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "ownrules.py").write_text("import numpy\nclass Rule:\n    def predict(self, data):\n        return data\n")
    monkeypatch.syspath_prepend(home)
    import ownrules  # type: ignore[import-not-found]

    with pytest.warns(UserWarning, match=r"no installed distribution holds: ownrules; .*code_paths=\[\.\.\.\]"):
        save_to(home / "alone", ownrules.Rule())
    save_to(home / "sent", ownrules.Rule(), code_paths=["ownrules.py"])
    assert lines(home / "alone") == [f"cloudpickle=={version('cloudpickle')}"]
    # What the code imports is needed too.
    assert lines(home / "sent") == [f"cloudpickle=={version('cloudpickle')}", f"numpy=={version('numpy')}"]


def test_code_paths_leave_behind_what_is_no_code(home: Path) -> None:
    for name in ("lib/a.py", "lib/.git/HEAD", "lib/deep/.dvc/config", "lib/__pycache__/a.pyc", "lib/deep/data.txt"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("# text\n")
    save_to(home / "model", decision_tree()[0], code_paths=["lib"])
    code = {name for name in files_of(home / "model") if name.startswith("code/")}
    assert code == {"code/lib/a.py", "code/lib/deep/data.txt"}


def test_the_loader_in_published_models_is_never_edited() -> None:
    """Its text is in registries: another loader gets another name."""
    text = Path(loader_1.__file__).read_bytes()
    assert hashlib.sha256(text).hexdigest() == "f1057c8a9dbebf47d5d8a20a48988502d235d3475b19bafb658afbbfd8ad420b"


def test_a_prediction_that_fails_leaves_the_outputs_undeclared(home: Path) -> None:
    def broken(data: Any) -> Any:
        raise ValueError("no such thing")

    with pytest.warns(UserWarning, match=r"predicting on the input_example failed: ValueError: no such thing"):
        mlmodel = save_to(home / "model", broken, input_example=churn()[:2])
    assert mlmodel.signature is not None
    assert mlmodel.signature.outputs is None
    assert [column.name for column in mlmodel.signature.inputs or ()] == ["plan", "tenure", "spent"]


def test_the_example_is_not_changed_by_the_prediction_on_it(home: Path) -> None:
    def greedy(data: Any) -> Any:
        data["tenure"] = 0
        return data["tenure"]

    example = churn()[:2]
    before = example.copy()
    save_to(home / "model", greedy, input_example=example)
    pd.testing.assert_frame_equal(example, before)


def test_a_given_signature_is_kept(home: Path) -> None:
    model, data = decision_tree()
    signature = Signature((Column(None, "double"),) * 4)
    assert save_to(home / "model", model, signature=signature, input_example=data[:2]).signature == signature


def test_an_example_that_does_not_fit_the_given_signature_is_a_warning(home: Path) -> None:
    signature = Signature((Column("other", "double"),))
    with pytest.warns(
        UserWarning, match="the input_example does not fit the signature: the data lacks the column other"
    ):
        save_to(home / "model", column_pipeline()[0], signature=signature, input_example=churn()[:2])


def test_an_estimator_without_predict_has_no_python_function(home: Path) -> None:
    from sklearn.preprocessing import StandardScaler

    mlmodel = save_to(home / "model", StandardScaler().fit(np.ones((2, 2))), input_example=np.ones((2, 2)))
    assert mlmodel.flavor_names == ("sklearn",)
    assert mlmodel.signature is not None


def test_the_flavor_can_be_named(home: Path) -> None:
    assert save_to(home / "model", decision_tree()[0], flavor="python_function").flavor_names == ("python_function",)


def make_local() -> Any:
    import threading

    model, _ = decision_tree()
    model.lock = threading.Lock()
    return model


AN_OBJECT = "pass an object with predict, or a function of the data"
CASES: dict[str, tuple[Any, Mapping[str, Any], str, str]] = {
    "a class": (
        dict,
        {},
        "dict is a class, not a fitted model",
        "pass an object: dict(...)",
    ),
    "no model": (7, {}, "int is no model: it has no predict and cannot be called", AN_OBJECT),
    "no python_function": (7, {"flavor": "python_function"}, "int has no predict and cannot be called", AN_OBJECT),
    "unknown flavor": (
        decision_tree,
        {"flavor": "jax"},
        "gitreg has no flavor jax",
        f"it has: {', '.join(FLAVORS)}",
    ),
    "unknown format": (
        decision_tree,
        {"serialization_format": "xml"},
        "no serialization_format xml",
        "one of: cloudpickle, pickle, skops, joblib",
    ),
    "unknown option": (
        decision_tree,
        {"compress": 3},
        "sklearn does not know the option compress",
        "its options: serialization_format, skops_trusted_types, pyfunc_predict_fn",
    ),
    "misspelt option": (
        decision_tree,
        {"input_exemple": [[1.0]]},
        "sklearn does not know the option input_exemple",
        "did you mean input_example?",
    ),
    "options of nothing": (
        lambda: (print, None),
        {"compress": 3},
        "python_function does not know the option compress",
        "its options: artifacts",
    ),
    "types without skops": (
        decision_tree,
        {"skops_trusted_types": ["a.B"]},
        "skops_trusted_types is for skops, not for cloudpickle",
        "serialization_format='skops'",
    ),
    "untrusted types": (
        random_forest,
        {"serialization_format": "skops"},
        "skops does not trust sklearn.tree._tree.Tree",
        "skops_trusted_types=['sklearn.tree._tree.Tree']",
    ),
    "no pickle": (
        lambda: (make_local(), None),
        {},
        "DecisionTreeClassifier cannot be saved with cloudpickle: cannot pickle '_thread.lock' object",
        "",
    ),
    "both requirements": (
        decision_tree,
        {"pip_requirements": ["a"], "conda_env": {}},
        "pip_requirements and conda_env are given, but only one of them can count",
        "leave out conda_env",
    ),
    "a requirement as text": (
        decision_tree,
        {"pip_requirements": "scikit-learn"},
        "pip_requirements: scikit-learn cannot be read: No such file or directory",
        "text is the path of a file; requirements are a list",
    ),
    "an option in the requirements": (
        decision_tree,
        {"extra_pip_requirements": ["numpy", "-r other.txt"]},
        "extra_pip_requirements, item 2: the option -r is not accepted",
        "name packages and versions only, as in scikit-learn==1.5.2",
    ),
    "code that is not there": (
        decision_tree,
        {"code_paths": ["nowhere"]},
        "nowhere of code_paths is not there",
        "relative paths begin at HOME",
    ),
    "code as text": (
        decision_tree,
        {"code_paths": "lib"},
        "code_paths is one path, not a list of paths",
        "code_paths=['lib']",
    ),
    "an example that is none": (
        decision_tree,
        {"input_example": {1, 2}},
        "an input_example cannot be a set",
        "pass a frame, an array, a dict, a list, a number, text, or a pair of one of these and a dict of params",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_saved_is_refused_by_name(name: str, home: Path) -> None:
    make, options, message, hint = CASES[name]
    made = make() if callable(make) and not isinstance(make, type) else make
    model = made[0] if isinstance(made, tuple) else made
    with pytest.raises(GitregError) as caught:
        save_to(home / "model", model, **options)
    assert not isinstance(caught.value, Conflict)
    assert (caught.value.message, caught.value.hint.replace(str(home), "HOME")) == (message, hint)


def test_two_code_paths_of_one_name_are_refused(home: Path) -> None:
    for folder in ("a", "b"):
        (home / folder).mkdir()
        (home / folder / "same.py").touch()
    with pytest.raises(Refused, match=r"two files of code_paths are called same\.py"):
        save_to(home / "model", decision_tree()[0], code_paths=["a/same.py", "b/same.py"])
    (home / "gitreg_loader_1.py").touch()
    with pytest.raises(Refused, match=r"gitreg_loader_1\.py of code_paths has the name of gitreg's own loader"):
        save_to(home / "other", lambda data: data, code_paths=["gitreg_loader_1.py"])


LOOKS = """
import sys
from gitreg.flavors import detect_flavor, infer_signature
from gitreg.flavors.saving.examples import format_example

class Model:
    def predict(self, data):
        return data

assert detect_flavor(Model()).NAME == "python_function"
infer_signature([{"a": 1.5, "b": [1, None]}], ["x"], {"p": 1, "q": [0.5]})
format_example(([{"a": 1.5}], {"p": 1}))
names = {name.partition(".")[0] for name in sys.modules}
frameworks = {"lightgbm", "numpy", "onnx", "onnxruntime", "pandas", "polars", "sklearn", "scipy", "skops", "xgboost"}
print(sorted(names & frameworks))
"""


def test_looking_at_objects_imports_no_framework() -> None:
    top = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", LOOKS], cwd=top, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("model", [lambda data: data, object(), decision_tree])
def test_sklearn_refuses_what_is_no_estimator(model: object, home: Path) -> None:
    with pytest.raises(Refused, match=r"a \w+ is no fitted scikit-learn model") as caught:
        save_to(home / "model", model, flavor="sklearn")
    assert caught.value.hint == "pass an estimator, or leave out flavor='sklearn'"


def test_sklearn_refuses_a_class(home: Path) -> None:
    with pytest.raises(Refused, match="DecisionTreeClassifier is no fitted scikit-learn model"):
        save_to(home / "model", type(decision_tree()[0]), flavor="sklearn")
