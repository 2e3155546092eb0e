"""Spark ML: what the contract does not see: files of strangers, sessions, and the Java that gitreg starts."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gitreg
from flavors.saving import files_of, save_to
from frameworks.java import lived, loaded_without_java, old_java
from frameworks.kinds.spark_models import ask, pipeline, rows, spark_of_the_tests, transformer
from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.flavors import get_flavor, load, load_pyfunc
from gitreg.flavors._java import INSTALL
from gitreg.format.mlmodel import parse_mlmodel
from testing.commandline import program
from testing.gitcli import git
from testing.registries import lone

BUCKETS = [-9.0, 0.0, 9.0]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved pipeline with stages of all kinds: SQL, labels, a vector and coefficients."""
    folder = tmp_path_factory.mktemp("spark") / "model"
    save_to(folder, pipeline()[0])
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved transformer."""
    folder = tmp_path_factory.mktemp("spark") / "model"
    save_to(folder, transformer()[0])
    return folder


@pytest.fixture
def saved(stored: Path, home: Path) -> Path:
    return Path(shutil.copytree(stored, home / "model"))


def read(folder: Path, how: Callable[..., Any] = load, **options: Any) -> Any:
    return how(folder, parse_mlmodel((folder / "MLmodel").read_bytes()), **options)


def part(folder: Path, where: str) -> Path:
    """The only file that Spark reads in the folders of the model that match."""
    (found,) = [file for file in folder.glob(f"sparkml/{where}/part-*") if file.is_file()]
    return found


def said_of(folder: Path, kind: type[GitregError], **options: Any) -> GitregError:
    """The error that both ways of loading raise, before any Java sees the files."""
    errors = []
    for how in (load, load_pyfunc):
        with pytest.raises(kind) as caught:
            read(folder, how, **options)
        errors.append(caught.value)
    assert errors[0].message == errors[1].message and "\n" not in errors[0].message
    return errors[0]


def test_small_files_stay_in_git_and_the_parquet_files_are_payloads(small: Path, stored: Path, home: Path) -> None:
    place = lone(home / "registry")
    run = gitreg.commit(stored, registry=place.path)
    names = git(place.path, "ls-tree", "-r", "--name-only", f"run/{run.id}").splitlines()
    assert {name.rpartition(".")[2] for name in names if name.endswith(".dvc")} == {"dvc"}
    assert all(".parquet" in name for name in names if name.endswith(".dvc"))
    pulled = gitreg.pull(f"run:{run.id}", home / "pulled", registry=place.path)
    ours = {name: content for name, content in files_of(stored).items()}
    assert {name: content for name, content in files_of(pulled).items() if name != "SHA256SUMS"} == ours
    assert any(name.endswith("._SUCCESS.crc") for name in ours) and b"" in ours.values()
    assert "0_Bucketizer" in "".join(path.name for path in (small / "sparkml/stages").iterdir())


def test_what_old_mlflow_wrote_is_read(small: Path, home: Path) -> None:
    """It named no class, and the part files of Spark 2 had short names."""
    folder = Path(shutil.copytree(small, home / "model"))
    (folder / "MLmodel").write_text(
        "flavors:\n  spark:\n    model_data: sparkml\n    pyspark_version: 2.4.0\n"
        "  python_function:\n    data: sparkml\n    env: conda.yaml\n    loader_module: mlflow.spark\n"
    )
    for file in [*folder.glob("sparkml/metadata/part-*"), *folder.glob("sparkml/stages/*/metadata/part-*")]:
        file.rename(file.with_name("part-00000"))
    for file in [*folder.glob("sparkml/**/.*.crc")]:
        file.unlink()
    data = rows()[["double"]]
    wanted = ask(transformer()[0], data)
    assert ask(read(folder), data) == wanted
    assert read(folder, load_pyfunc).predict(data) == wanted


def test_a_place_with_characters_that_spark_takes_for_a_pattern(small: Path, home: Path) -> None:
    folder = Path(shutil.copytree(small, home / "a [b]{c}*, d%20é"))
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            os.chmod(Path(place, name), 0o555 if name in folders else 0o444)
    assert len(read(folder, load_pyfunc).predict(rows()[["double"]])) == 100
    save_to(home / "q [x]{y}%41", transformer()[0])
    assert (home / "q [x]{y}%41/sparkml/metadata/_SUCCESS").is_file()


CLASSES = {
    "a class of the machine's Java": ("metadata", "java.lang.ProcessBuilder"),
    "a class of Spark's that is no model": ("metadata", "org.apache.spark.sql.SparkSession"),
    "one that only looks like Spark ML's": ("metadata", "org.apache.spark.mlx.Model"),
    "a module of Python": ("stages/0_*/metadata", "os.system"),
    "a module under Spark's": ("stages/0_*/metadata", "pyspark.ml.util;os.system"),
    "a module beside Spark's": ("stages/3_*/metadata", "pyspark.mlevil.Model"),
    "a class without end": ("stages/1_*/metadata", "org.apache.spark.ml."),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_that_is_not_spark_mls_own_is_refused_before_spark_sees_it(name: str, saved: Path) -> None:
    where, evil = CLASSES[name]
    file = part(saved, where)
    file.write_text(re.sub(r'"class":"[^"]*"', f'"class":"{evil}"', file.read_text(), count=1))
    error = said_of(saved, Refused)
    assert error.message.startswith("sparkml/") and repr(evil) in error.message
    assert error.hint == f"if you trust it: trust=['{evil}']"


HIDDEN = {
    "twice": '{{"class":"evil.A",{rest}',
    "below": '{{"paramMap":{{"x":[{{"class":"evil.A"}}]}},{rest}',
    "in the second line": '{{{rest}\n{{"class":"evil.A"}}',
    "spelled with escapes": '{{"cl\\u0061ss":"\\u0065vil.A",{rest}',
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_class_is_found_wherever_it_stands(name: str, saved: Path) -> None:
    file = part(saved, "stages/0_*/metadata")
    file.write_text(HIDDEN[name].format(rest=file.read_text().strip()[1:]))
    assert "'evil.A'" in said_of(saved, Refused).message


def test_metadata_that_spark_would_read_besides_is_refused(saved: Path) -> None:
    """It reads every file of the folder, and unpacks what is packed."""
    file = part(saved, "stages/0_*/metadata")
    for name in ("part-00001.gz", "another.txt", "part-00000-x.txt.bz2", "_x=1", "_metadata.txt"):
        extra = file.with_name(name)
        extra.write_text(file.read_text())
        assert said_of(saved, Damaged).message.endswith(f"{name} is no file of a Spark ML model")
        extra.unlink()


@pytest.mark.parametrize("where", ["metadata", "stages/1_*/metadata"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"<html>", b"[" * 100_000])
def test_metadata_that_is_none_is_damaged_and_named(content: bytes, where: str, saved: Path) -> None:
    file = part(saved, where)
    file.write_bytes(content)
    assert said_of(saved, Damaged).message.startswith(f"sparkml/{file.relative_to(saved / 'sparkml')} is no metadata")


def test_parquet_files_that_are_cut_or_name_classes_are_refused(saved: Path) -> None:
    file = part(saved, "stages/3_*/data")
    whole = file.read_bytes()
    for content in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"PAR1" + b"\xff" * 4 + b"PAR1", b"<html>"):
        file.write_bytes(content)
        assert said_of(saved, Damaged).message.endswith("is no complete parquet file")
    own = b"org.apache.spark.ml.linalg.VectorUDT"
    assert own in whole
    file.write_bytes(whole.replace(own, b"org.apache.spark.xx.evilxx.VectorUDT"))
    assert "'org.apache.spark.xx.evilxx.VectorUDT'" in said_of(saved, Refused).message
    file.write_bytes(
        whole.replace(b'"pyClass"', b'"pyCl\\u0061ss"').replace(b"pyspark.ml.linalg", b"evil000.ml.linalg")
    )
    with pytest.raises(GitregError):  # the footer grew: damaged or refused, but never read
        read(saved)


def test_a_model_without_files_is_damaged(saved: Path) -> None:
    shutil.rmtree(saved / "sparkml/metadata")
    assert said_of(saved, Damaged).message == "sparkml is no Spark ML model: it has no metadata"
    shutil.rmtree(saved / "sparkml")
    assert said_of(saved, Damaged).message == "sparkml is missing from model"
    (saved / "sparkml").write_text("")
    assert said_of(saved, Damaged).message == "sparkml is no folder of a Spark ML model"


def test_what_spark_finds_damaged_is_damaged(small: Path, home: Path) -> None:
    """A checksum beside the file that does not fit, a stage that is gone, a class that is no pipeline."""
    folder = Path(shutil.copytree(small, home / "a"))
    file = part(folder, "stages/0_*/metadata")
    file.write_text(file.read_text().replace("9.0", "8.0"))
    message = said_of(folder, Damaged).message
    assert message.startswith("sparkml is no complete Spark ML model: ") and "Checksum error: stages/0_" in message
    folder = Path(shutil.copytree(small, home / "b"))
    shutil.rmtree(next((folder / "sparkml/stages").iterdir()))
    assert said_of(folder, Damaged).message.startswith("sparkml is no complete Spark ML model: ")
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("pyspark_version: 4.3.0", "pyspark_version: 9.0.0"))
    error = said_of(folder, Unsupported)
    assert error.message == "sparkml was written by pyspark 9.0.0, and 4.3.0 does not read it"
    assert error.hint.startswith("install what it was saved with: pip install -r ")


TRANSFORMER = """
from pyspark import keyword_only
from pyspark.ml import Transformer
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql.functions import col

class Doubled(Transformer, DefaultParamsReadable, DefaultParamsWritable):
    def _transform(self, frame):
        return frame.withColumn("prediction", col("double") * 2)

class Unwritable(Transformer):
    def _transform(self, frame):
        return frame
"""


def test_a_stage_of_the_users_own_is_loaded_where_it_is_trusted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spark_of_the_tests()
    (home / "lib").mkdir()
    (home / "lib/ourstages.py").write_text(TRANSFORMER)
    monkeypatch.syspath_prepend(home / "lib")
    import ourstages  # type: ignore[import-not-found]

    save_to(home / "model", ourstages.Doubled(), code_paths=[home / "lib/ourstages.py"])
    error = said_of(home / "model", Refused)
    assert error.hint == "if you trust it: trust=['ourstages.Doubled']"
    data = pd.DataFrame({"double": [1.0, 2.5]})
    again = read(home / "model", load_pyfunc, trust=["ourstages.Doubled"])
    assert again.predict(data) == [2.0, 5.0]
    with pytest.raises(Refused) as caught:
        save_to(home / "no", ourstages.Unwritable())
    assert caught.value.message == "a Unwritable cannot be written"
    monkeypatch.setattr(ourstages.Doubled, "__module__", "__main__")
    with pytest.raises(Refused) as caught:
        save_to(home / "main", ourstages.Doubled())
    assert caught.value.message == "Doubled is a class that no other program can import"


def test_what_cannot_be_saved_is_refused(home: Path) -> None:
    from pyspark.ml.classification import LogisticRegression

    spark_of_the_tests()
    wrong: dict[str, tuple[Any, dict[str, Any], str]] = {
        "estimator": (LogisticRegression(), {}, "a LogisticRegression is no model or transformer of Spark ML"),
        "other": ({}, {}, "a dict is no model or transformer of Spark ML"),
        "option": (transformer()[0], {"overwrite": True}, "spark does not know the option overwrite"),
    }
    for name, (model, options, message) in wrong.items():
        with pytest.raises(Refused) as caught:
            save_to(home / name, model, flavor="spark", **options)
        assert caught.value.message == message
        assert not [path for path in (home / name).rglob("*") if path.is_file()]


def test_a_cluster_writes_by_way_of_a_folder_that_all_see(home: Path) -> None:
    (home / "shared").mkdir()
    save_to(home / "model", transformer()[0], dfs_tmpdir=f"file://{home}/shared/")
    assert list((home / "shared").iterdir()) == []
    assert len(read(home / "model", load_pyfunc).predict(rows()[["double"]])) == 100


def test_predictions_of_every_kind_of_model_and_data(home: Path) -> None:
    spark = spark_of_the_tests()
    from pyspark.ml.feature import Bucketizer, VectorAssembler

    data = pd.DataFrame({"double": [-1.0, 1.0], "other": [3.0, 4.0]})
    ends = Bucketizer(splits=BUCKETS, inputCol="double", outputCol="bucket")
    of_frame = get_flavor("spark").predictor(ends, {})
    assert of_frame(data, None) == [0.0, 1.0]
    assert of_frame(spark.createDataFrame(data), None) == [0.0, 1.0]
    vectors = VectorAssembler(inputCols=["double", "other"], outputCol="prediction")
    assert get_flavor("spark").predictor(vectors, {})(data, None) == [[-1.0, 3.0], [1.0, 4.0]]
    with pytest.raises(Refused, match="the model cannot predict for this data: "):
        of_frame(data[["other"]], None)
    with pytest.warns(UserWarning, match="params that Spark's models do not take are ignored: x"):
        of_frame(data, {"x": 1})


def test_a_column_that_the_signature_calls_a_vector_takes_lists(home: Path) -> None:
    spark_of_the_tests()
    from pyspark.ml.feature import VectorSlicer

    save_to(home / "model", VectorSlicer(inputCol="v", outputCol="prediction", indices=[1]))
    columns = '[{"type": "sparkml_vector", "name": "v", "required": true}]'
    with (home / "model/MLmodel").open("a") as file:
        file.write(f"signature:\n  inputs: '{columns}'\n  outputs: null\n  params: null\n")
    assert read(home / "model", load_pyfunc).predict(pd.DataFrame({"v": [[1.0, 2.0], [3.0, 4.0]]})) == [[2.0], [4.0]]


def test_a_model_without_a_column_of_predictions_says_what_it_has(home: Path) -> None:
    spark_of_the_tests()
    from pyspark.ml.feature import SQLTransformer

    ask_it = get_flavor("spark").predictor(SQLTransformer(statement="SELECT double AS twice FROM __THIS__"), {})
    with pytest.raises(Refused) as caught:
        ask_it(pd.DataFrame({"double": [1.0]}), None)
    assert caught.value.message == "what the model makes has no column prediction"
    assert caught.value.hint.startswith("it has twice: ")


def test_a_session_of_spark_connect_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    assert said_of(small, Unsupported).hint == "use a session with a Java of its own: unset SPARK_REMOTE"


def test_a_model_of_spark_connect_is_refused(small: Path, home: Path) -> None:
    folder = Path(shutil.copytree(small, home / "model"))
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("pyspark.ml.pipeline.", "pyspark.ml.connect.pipeline."))
    assert said_of(folder, Unsupported).message == "models of pyspark.ml.connect are not loaded"


def test_the_session_that_the_program_has_is_used_and_left(small: Path) -> None:
    spark = spark_of_the_tests()
    before = spark.sparkContext.applicationId
    read(small)
    from gitreg.flavors.spark import session

    assert session._own is None
    session.stop()
    assert spark.sparkContext.applicationId == before and spark.range(3).count() == 3


def test_without_java_it_says_what_to_install(small: Path, home: Path) -> None:
    assert loaded_without_java(small, home) == ["Spark needs Java, which is not installed", INSTALL]


def test_a_java_that_is_too_old_is_named(small: Path, home: Path) -> None:
    java = old_java(home)
    message, _ = loaded_without_java(small, home, JAVA_HOME=str(java))
    assert message == f"Spark needs Java 17 or newer, and {java}/bin/java is Java 7"
    message, hint = loaded_without_java(small, home / "java7", JAVA_HOME=str(home / "gone"))
    assert message == f"JAVA_HOME is {home}/gone, where there is no bin/java"
    assert hint == "unset JAVA_HOME, or correct it"


def test_the_command_line_prints_predictions_and_nothing_else(small: Path, home: Path) -> None:
    place = lone(home / "registry")
    gitreg.register(gitreg.commit(small, registry=place.path), "it", registry=place.path)
    rows()[["double"]].dropna().to_csv(home / "rows.csv", index=False)
    (home / "here").mkdir()
    (home / "tmp").mkdir()
    done = program(
        *("-R", place.path, "predict", "it", "-i", home / "rows.csv", "--format", "json"),
        cwd=home / "here",
        env={**os.environ, "TMPDIR": str(home / "tmp")},
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["predictions"] == ask(transformer()[0], rows()[["double"]].dropna())
    assert os.listdir(home / "here") == [] and os.listdir(home / "tmp") == []


def test_a_session_of_its_own_ends_with_the_program_and_is_for_this_machine_alone(small: Path, home: Path) -> None:
    rows()[["double"]].to_pickle(home / "rows")
    seen = lived("spark", small, home / "rows", home)
    assert set(seen["listening"]) == {"0000000000000000FFFF00000100007F"}
    assert (seen["master"], seen["ui"]) == ("local[*]", None)
    message, hint = seen["died"]
    assert message.startswith("the Java process of Spark has ended")
    assert hint == "try again: that starts another; what was made in it is gone"
    assert (
        seen["the same model again"]
        and seen["same again"]
        and seen["predicted"] == ask(transformer()[0], rows()[["double"]])
    )
    assert seen["left here"] == []
