"""One warning that lists what differs between this interpreter and what a model asks for."""

from __future__ import annotations

import sys
import warnings
from importlib import metadata
from pathlib import Path

import pytest

import gitreg
from gitreg.format.mlmodel import MLModel
from gitreg.registry.environments.compare import differences, warn_of_differences
from testing.environments import MINOR
from testing.registries import cloned, log

MODEL = MLModel({"python_function": {"loader_module": "mlflow.sklearn"}})
NUMPY = metadata.version("numpy")


def folder(home: Path, *lines: str, python: str = f"{MINOR}.99") -> Path:
    (home / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))
    (home / "python_env.yaml").write_text(f"python: {python}\n")
    return home


def test_each_difference_is_said_in_its_words(home: Path) -> None:
    found = differences(
        folder(
            home, "numpy==1.0", "NumPy>=99,<100", "scikit_learn", "never-heard-of==2.1", "nor-of-this", python="3.6.1"
        ),
        MODEL,
    )
    assert found[0] == f"Python 3.6 wanted, {MINOR} here"
    assert found[1] == f"numpy 1.0 wanted, {NUMPY} here"
    assert found[2] in (f"NumPy >=99,<100 wanted, {NUMPY} here", f"NumPy <100,>=99 wanted, {NUMPY} here")
    assert found[3:] == ("never-heard-of 2.1 wanted, not here", "nor-of-this wanted, not here")


def test_what_does_not_matter_is_not_said(home: Path) -> None:
    lines = [f"numpy=={NUMPY}", "numpy>=1", 'other==1; python_version < "3"', "mlflow==2.0", "xgboost", "PyYAML"]
    assert differences(folder(home, *lines), MODEL) == ()
    own_kind = MLModel({"python_function": {"loader_module": "mlflow.pyfunc.model"}})
    assert differences(home, own_kind) == ("mlflow 2.0 wanted, not here",)
    (home / "requirements.txt").write_text("--evil\n")
    assert differences(home, MODEL) == ()
    assert differences(home / "nowhere", MODEL) == ()


def test_a_version_of_this_machine_is_the_same_version(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "site/Frame_Work-2.1.0+cpu.dist-info").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(home / "site"), *sys.path])
    assert differences(folder(home, "frame-work==2.1.0"), MODEL) == ()
    assert differences(folder(home, "frame.work==2.2.0"), MODEL) == ("frame.work 2.2.0 wanted, 2.1.0+cpu here",)


def test_there_is_one_warning_for_all_of_them(home: Path) -> None:
    with pytest.warns(UserWarning) as said:
        warn_of_differences(folder(home, *(f"nothing{n}" for n in range(20))), MODEL, "churn@v1.0.0")
    (text,) = (str(warning.message) for warning in said)
    assert text.startswith("this environment is not the one of churn@v1.0.0: nothing0 wanted, not here, nothing1 ")
    assert ", and 8 more (gitreg env create" in text


def test_loading_warns_and_the_line_is_the_callers(tmp_path: Path) -> None:
    gitreg.use(cloned(tmp_path / "reg").path)
    gitreg.log_model(print, register_as="churn", pip_requirements=["numpy==1.0"], flavor="python_function")
    for load in (gitreg.load_model, gitreg.load_pyfunc):
        with pytest.warns(UserWarning, match=rf"of churn@v0\.1\.0: numpy 1\.0 wanted, {NUMPY} here") as said:
            load("churn")
        assert [Path(warning.filename).name for warning in said] == ["test_compare.py"]


def test_what_was_logged_here_loads_here_without_a_word(tmp_path: Path) -> None:
    gitreg.use(cloned(tmp_path / "reg").path)
    log(2, "churn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gitreg.load_model("churn")


@pytest.mark.parametrize("marker", ['platform_machine ~= "x86"', '"gpu" in dependency_groups', 'python_version ~= "x"'])
def test_a_marker_that_compares_what_cannot_be_compared_makes_no_difference(home: Path, marker: str) -> None:
    assert differences(folder(home, f"never-heard-of==1; {marker}"), MODEL) == ()


def test_a_python_version_of_many_digits_makes_no_difference(home: Path) -> None:
    assert differences(folder(home, python="3." + "9" * 5000), MODEL) == ()
