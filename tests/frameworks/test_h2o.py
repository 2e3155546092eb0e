"""H2O: what the contract does not see: files of strangers, models of one id, and the Java that gitreg starts."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gitreg
from flavors.saving import files_of, save_to
from frameworks.java import lived, loaded_without_java, old_java
from frameworks.kinds.h2o_models import gbm, h2o_of_the_tests, rows
from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.flavors import detect_flavor, get_flavor, load, load_pyfunc
from gitreg.flavors._java import INSTALL
from gitreg.format.mlmodel import parse_mlmodel
from testing.commandline import program
from testing.registries import lone

FILE = "model.h2o/gbm_of_the_tests"


@pytest.fixture(scope="module")
def trained() -> Any:
    return gbm()[0]


@pytest.fixture
def saved(trained: Any, home: Path) -> Path:
    save_to(home / "model", trained)
    return home / "model"


def read(folder: Path, how: Callable[..., Any] = load) -> Any:
    return how(folder, parse_mlmodel((folder / "MLmodel").read_bytes()))


def numbers(model: Any, data: Any) -> Any:
    return h2o_of_the_tests() and model.predict(h2o_of_the_tests().H2OFrame(data)).as_data_frame().to_dict("list")


def test_the_same_model_is_the_same_bytes_wherever_it_is_saved(trained: Any, saved: Path, home: Path) -> None:
    save_to(home / "again", trained)
    assert files_of(home / "again") == files_of(saved)
    assert (saved / "model.h2o/h2o.yaml").read_text() == (
        "full_file: model.h2o/gbm_of_the_tests\nmodel_dir: model.h2o\nmodel_file: gbm_of_the_tests\n"
    )


def test_settings_go_into_the_yaml(trained: Any, home: Path) -> None:
    save_to(home / "model", trained, settings={"init": {"max_mem_size": "1G"}})
    assert "init:\n  max_mem_size: 1G\n" in (home / "model/model.h2o/h2o.yaml").read_text()
    assert read(home / "model").model_id == "gbm_of_the_tests"


def test_what_old_mlflow_wrote_is_read(saved: Path) -> None:
    """Before 0.8 the entry had no `data`, and h2o.yaml has always had the paths of the machine that wrote it."""
    (saved / "MLmodel").write_text(
        "flavors:\n  h2o:\n    h2o_version: 3.46.0.12\n"
        "  python_function:\n    data: model.h2o\n    env: conda.yaml\n    loader_module: mlflow.h2o\n"
    )
    (saved / "model.h2o/h2o.yaml").write_text(
        "full_file: /tmp/x/model.h2o/gbm_of_the_tests\nmodel_dir: /tmp/x/model.h2o\nmodel_file: gbm_of_the_tests\n"
    )
    assert read(saved).model_id == "gbm_of_the_tests"
    assert len(read(saved, load_pyfunc).predict(rows())) == 100


def test_a_file_that_is_no_whole_model_is_damaged_and_named(saved: Path) -> None:
    whole = (saved / FILE).read_bytes()
    chance = random.Random(0)
    cuts = [whole[: chance.randrange(20, len(whole))] for _ in range(8)]
    spoilt = bytearray(whole)
    spoilt[200:400] = bytes(200)
    for content in (b"", b"\x1c", b"\x1c\xed", b"\x1c\xed\x0a3.46", b"<html>", whole[:-1], bytes(spoilt), *cuts):
        (saved / FILE).write_bytes(content)
        for how in (load, load_pyfunc):
            with pytest.raises(Damaged) as caught:
                read(saved, how)
            assert caught.value.message.startswith("gbm_of_the_tests is no ")
            assert "\n" not in caught.value.message and len(caught.value.message) < 400
    (saved / FILE).write_bytes(whole)
    assert read(saved).model_id == "gbm_of_the_tests"


def test_a_model_of_another_h2o_says_what_to_install(saved: Path) -> None:
    whole = (saved / FILE).read_bytes()
    (saved / FILE).write_bytes(whole.replace(b"3.46.0.12", b"3.44.0.11", 1))
    with pytest.raises(Unsupported) as caught:
        read(saved)
    assert caught.value.message.startswith("gbm_of_the_tests was saved by H2O 3.44.0.11, and this is H2O 3.46.0.12")
    assert caught.value.hint == "pip install h2o==3.44.0.11"


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("model_file: ../../secret\n", "h2o.yaml is '../../secret', which leaves the model directory"),
        ("model_file: /etc/passwd\n", "h2o.yaml is '/etc/passwd', which leaves the model directory"),
        ("model_file: gone\n", "gone is missing from model.h2o"),
        ("model_dir: x\n", "MLmodel: h2o.yaml is missing"),
        ("- 1\n", "h2o.yaml is a list, not a mapping"),
        ("model_file: gbm_of_the_tests\ninit: yes\n", "h2o.yaml: init is true, not a mapping"),
    ],
)
def test_what_the_yaml_says_is_not_believed(yaml: str, message: str, saved: Path) -> None:
    (saved.parent / "secret").write_bytes(b"secret")
    (saved / "model.h2o/h2o.yaml").write_text(yaml)
    with pytest.raises(Damaged) as caught:
        read(saved)
    assert caught.value.message.endswith(message)


def test_two_models_of_one_id_do_not_answer_for_each_other(trained: Any, saved: Path, home: Path) -> None:
    data = rows()
    wanted = numbers(trained, data)
    h2o = h2o_of_the_tests()
    from h2o.estimators import H2OGradientBoostingEstimator

    other = H2OGradientBoostingEstimator(ntrees=1, max_depth=1, min_rows=2, seed=7, model_id="gbm_of_the_tests")
    other.train(y="y", training_frame=h2o.H2OFrame(data.assign(y=["a", "b"] * 50)))
    save_to(home / "other", other)
    unlike = numbers(other, data)
    with pytest.warns(UserWarning, match="another model gbm_of_the_tests that was in H2O is replaced"):
        first = read(saved, load_pyfunc)
    with pytest.warns(UserWarning, match="another model"):
        second = read(home / "other", load_pyfunc)
    for _ in range(2):
        assert first.predict(data).to_dict("list") == wanted
        assert second.predict(data).to_dict("list") == unlike
    with pytest.warns(UserWarning, match="another model"):
        load(home / "other", parse_mlmodel((home / "other/MLmodel").read_bytes()))
        read(saved)


def test_a_model_is_saved_whatever_its_id(home: Path) -> None:
    h2o = h2o_of_the_tests()
    from h2o.estimators import H2OGeneralizedLinearEstimator

    model = H2OGeneralizedLinearEstimator(family="gaussian", model_id="churn:2026")
    model.train(y="double", x=["long"], training_frame=h2o.H2OFrame(rows()))
    save_to(home / "model", model)
    assert (home / "model/model.h2o/model").is_file()
    assert read(home / "model").model_id == "churn:2026"


def test_what_cannot_be_saved_is_refused(trained: Any, home: Path) -> None:
    from h2o.automl import H2OAutoML
    from h2o.estimators import H2OGradientBoostingEstimator

    automl = H2OAutoML(max_models=1)
    assert detect_flavor(automl).NAME == "h2o"
    wrong: dict[str, tuple[Any, dict[str, Any], str]] = {
        "untrained": (H2OGradientBoostingEstimator(), {}, "this H2OGradientBoostingEstimator is not trained"),
        "automl": (automl, {}, "an H2OAutoML is many models"),
        "other": ({}, {"flavor": "h2o"}, "a dict is no H2O model"),
        "option": (trained, {"mojo": True}, "h2o does not know the option mojo"),
        "settings": (trained, {"settings": 3}, "settings is no mapping"),
    }
    for name, (model, options, message) in wrong.items():
        with pytest.raises(Refused) as caught:
            save_to(home / name, model, **options)
        assert caught.value.message == message
        assert not list((home / name).iterdir())


def test_data_that_h2o_cannot_use_is_refused_in_one_line(saved: Path) -> None:
    model = read(saved, load_pyfunc)
    with pytest.raises(Refused) as caught:
        model.predict(rows()[[]].assign(other=1))
    assert caught.value.message == (
        "H2O cannot predict for this data: Test/Validation dataset has no columns in common with the training set"
    )
    with pytest.warns(UserWarning, match="params that H2O's predict does not take are ignored: depth"):
        model.call(rows(), {"depth": 1})


def test_a_model_of_another_connection_says_so(saved: Path) -> None:
    model = get_flavor("h2o").predictor(read(saved), {})
    pyfunc = read(saved, load_pyfunc)
    h2o = h2o_of_the_tests()
    before = h2o.connection()
    h2o.connect(url=before.base_url, verbose=False)
    try:
        with pytest.raises(Refused, match="is in another H2O than the one the program is connected to now"):
            model(rows(), None)
        assert len(pyfunc.predict(rows())) == 100  # it has its file, and brings it there
    finally:
        h2o.h2o.h2oconn = before


def test_without_java_it_says_what_to_install(saved: Path, home: Path) -> None:
    assert loaded_without_java(saved, home) == ["H2O needs Java, which is not installed", INSTALL]


def test_a_java_that_is_too_old_is_named(saved: Path, home: Path) -> None:
    java = old_java(home)
    message, hint = loaded_without_java(saved, home, JAVA_HOME=str(java))
    assert message == f"H2O needs Java 8 or newer, and {java}/bin/java is Java 7"
    assert hint == "install a newer one and set JAVA_HOME: apt install openjdk-17-jre"


def test_the_command_line_prints_predictions_and_nothing_else(trained: Any, home: Path) -> None:
    place = lone(home / "registry")
    gitreg.log_model(trained, register_as="it", input_example=rows()[:3], registry=place.path)
    frame = rows()
    frame.to_csv(home / "rows.csv", index=False)
    (home / "here").mkdir()
    (home / "tmp").mkdir()
    done = program(
        *("-R", place.path, "predict", "it", "-i", home / "rows.csv", "--format", "json"),
        cwd=home / "here",
        env={**os.environ, "TMPDIR": str(home / "tmp")},
    )
    assert done.code == 0, done.err
    predicted = json.loads(done.out)
    wanted = numbers(trained, frame)["predict"]
    assert re.findall(r"yes|no", json.dumps(predicted["predictions"]))[: len(wanted)]
    assert [row["predict"] for row in predicted["predictions"]] == wanted
    assert not os.listdir(home / "here") and not os.listdir(home / "tmp")


def test_an_h2o_of_its_own_ends_with_the_program_and_is_for_this_machine_alone(saved: Path, home: Path) -> None:
    rows().to_pickle(home / "rows")
    seen = lived("h2o", saved, home / "rows", home)
    assert set(seen["listening"]) == {"0000000000000000FFFF00000100007F"}
    assert seen["without the password"] == 401
    assert seen["kept there"] == []
    message, hint = seen["died"]
    assert message.startswith("the Java process of H2O that gitreg had started has ended")
    assert hint == "try again: that starts another; what was made in it is gone"
    assert seen["the same model again"]
    assert seen["same again"] and seen["predicted"] == read(saved, load_pyfunc).predict(rows()).to_dict("list")
    assert seen["left here"] == []
