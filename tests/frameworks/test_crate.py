"""Crates: R trains, logs and registers; R and Python load the same bytes and predict the same."""

from __future__ import annotations

import csv
import datetime
import gc
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import gitreg as library
from gitreg.errors import Damaged, Refused, Unsupported
from gitreg.flavors import FLAVORS, get_flavor, load, load_pyfunc
from gitreg.flavors.crate.rscript import RError
from gitreg.flavors.pyfunc import PyFunc
from gitreg.format.mlmodel import PREDICT_ALONE, parse_mlmodel
from gitreg.registry.use.answering import answer
from gitreg.serve.loading import load_served, read_folder
from testing.commandline import Said, gitreg, program

R = "gitreg/r/gitreg.R"
MLMODEL = "flavors:\n  crate:\n    version: 0.1.0\n    model: crate.bin\n"

CRATES = {
    "same": "function(data) { cat('noise\\n'); print(1); message('noise'); system('echo noise'); data }",
    "column": "function(data, times = 1, ...) data[[1]] * times",
    "fails": "function(data) stop('no \\u00e9 here')",
    "quits": "function(data) if (is.na(data$x[[1]])) quit('no', 3) else data$x",
    "killed": "function(data) tools::pskill(Sys.getpid(), 9)",
    "gives": """function(data) switch(data$what[[1]],
        null = NULL, fn = mean, uneven = list(a = 1, b = 1:2), cube = array(1, c(2, 2, 2)), complex = 1i,
        nested = data.frame(a = I(list(1, 2))),
        named = c(a = 1.5, b = NA), matrix = matrix(1:4, 2), heads = matrix(1:4, 2, dimnames = list(NULL, c('a', 'b'))),
        list = list(a = 1:2, b = c('x', NA)), factor = factor(c('b', NA, 'a')),
        lt = as.POSIXlt('2026-01-02', tz = 'UTC'),
        gaps = data.frame(i = c(1L, NA), l = c(NA, TRUE), t = c('', NA), d = as.Date(c('1969-12-31', NA))))""",
}


def r(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What R says to `script`, with gitreg's functions."""
    path = Path(library.__file__).parents[1] / R
    text = f"source({json.dumps(str(path))})\n{script}"
    env = os.environ | {"GITREG_PYTHON": sys.executable} | variables
    return subprocess.run(["Rscript", "-e", text], env=env, capture_output=True, text=True, check=False)


def said_by(script: str, **variables: str) -> str:
    """What R prints, where it does not fail."""
    done = r(script, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory, sealed_session: Path) -> Path:
    """A folder of model directories, one for each of CRATES, as MLflow's R package writes them."""
    folder = tmp_path_factory.mktemp("crates")
    lines = []
    for name, code in CRATES.items():
        (folder / name).mkdir()
        (folder / name / "MLmodel").write_text(MLMODEL)
        lines.append(f'saveRDS(serialize(gitreg_crate({code}), NULL), "{folder}/{name}/crate.bin")')
    said_by("\n".join(lines))
    return folder


def opened(folder: Path) -> PyFunc:
    return load_pyfunc(folder, parse_mlmodel((folder / "MLmodel").read_text()))


@pytest.fixture
def crate(crates: Path) -> Iterator[Callable[[str], PyFunc]]:
    """`crate("same")`: one of CRATES, loaded; its R ends with the test."""
    there: list[Any] = []

    def start(name: str) -> PyFunc:
        there.append(opened(crates / name))
        return there[-1]

    yield start
    for model in there:
        model.native.close()


@pytest.fixture
def place(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry in ~/reg, which is the current folder."""
    library.init(home / "reg")
    monkeypatch.chdir(home / "reg")
    return home / "reg"


TRAIN = """
set.seed(7)
plans <- factor(sample(c("basic", "pr\\u00e9mium"), 100, TRUE))
rows <- data.frame(x = rnorm(100), plan = plans, n = 1:100)
rows$y <- rows$x + (plans == "basic") + rnorm(100)
rows$x[c(3, 50)] <- NA
"""


# The story


def test_what_r_logs_python_reads_and_predicts_alike_to_the_last_bit(place: Path, home: Path) -> None:
    said_by(TRAIN + """
gitreg_start_run("odd 'name' \\"of\\" a r\\u00fcn", tags = list(team = "risk & 'co'\\n$(id) \\u00e9"))
fit <- lm(y ~ x + plan + n, rows)
gitreg_log_params(list(alpha = 0.1, "odd 'n\\"ame \\u00e9" = "x\\ny", flag = TRUE))
for (step in 1:3) gitreg_log_metric("loss", 1 / step, step)
gitreg_log_metrics(list(sigma = summary(fit)$sigma, "not.a.number" = NaN, "up" = Inf))
gitreg_log_model(fit, input_example = rows[1:3, c("x", "plan", "n")], register_as = "churn")
run <- gitreg_end_run()
stopifnot(run$versions == "churn@v1.0.0")
write.csv(rows[c("x", "plan", "n")], "../rows.csv", row.names = FALSE)
""")  # fmt: skip
    run = library.get_run(library.resolve("churn").run_id)
    assert run.name == "odd 'name' \"of\" a rün"
    assert dict(run.tags) == {"team": "risk & 'co'\n$(id) é"}
    assert dict(run.params) == {"alpha": "0.1", "odd 'n\"ame é": "x\ny", "flag": "TRUE"}
    assert (run.metrics["loss"], run.metrics["up"]) == (1 / 3, np.inf)
    assert np.isnan(run.metrics["not.a.number"])
    series = gitreg("cat", f"run:{run.id}:.gitreg/metrics/loss.tsv").out.splitlines()
    assert [line.split("\t")[:2] for line in series[1:]] == [["1", "1.0"], ["2", "0.5"], ["3", repr(1 / 3)]]
    for command in (("show", "churn"), ("ls",), ("fsck",), ("diff", "churn@1", "churn@1")):
        assert gitreg(*command).code == 0
    assert library.resolve("churn").flavors == ("crate",)

    wanted = said_by("""
crate <- gitreg_load_model("churn@v1")
cat(sprintf("%.17g", crate(read.csv("../rows.csv"))), sep = "\\n")
""").splitlines()
    got = gitreg("predict", "churn@1", "-i", str(home / "rows.csv"))
    assert got.code == 0, got
    predicted = [row["prediction"] for row in csv.DictReader(io.StringIO(got.out))]
    assert [text and float(text) for text in predicted] == ["" if w == "NA" else float(w) for w in wanted]
    assert len(wanted) == 100
    assert wanted.count("NA") == 2


def test_a_promotion_needs_no_r(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said_by(TRAIN + 'gitreg_log_model(lm(y ~ x, rows), input_example = rows["x"], register_as = "churn")')
    monkeypatch.setenv("PATH", _without_rscript(place.parent))
    assert gitreg("promote", "churn@1", "production", "-m", "better").code == 0
    said = gitreg("check", "churn@1", "--stage", "production")
    assert (said.code, "python_function" in said.out, "nobody can tell" in said.out) == (0, False, False)
    assert gitreg("diff", "churn@1", "churn@1").code == 0
    assert gitreg("pull", "churn", "served").code == 0
    with pytest.raises(Unsupported, match="needs R, which is not installed") as caught:
        library.load_model("churn")
    assert caught.value.hint == "apt install r-base-core, or set PATH"


def _without_rscript(home: Path) -> str:
    folder = home / "bin"
    folder.mkdir()
    (folder / "git").symlink_to("/usr/bin/git")
    return str(folder)


def test_glm_with_arguments_of_predict_and_what_callers_may_set(place: Path) -> None:
    """glm predicts on the scale of its link unless told otherwise; arguments with a default become params."""
    said_by(TRAIN + """
fit <- glm(y > 0 ~ n, binomial, rows)
gitreg_log_model(fit, input_example = rows["n"], predict_args = list(type = "response"), register_as = "risk")
over <- function(data, cut = 0.5, name = "a'b") stats::predict(fit, data, type = "response") > cut
crate <- gitreg_crate(over, fit = fit)
gitreg_log_model(crate, input_example = rows["n"], register_as = "cut")
""")  # fmt: skip
    risk, cut = library.load_pyfunc("risk"), library.load_pyfunc("cut")
    data = pd.DataFrame({"n": np.arange(1, 101, dtype="int32")})
    chances = np.asarray(risk.predict(data))
    assert ((chances > 0) & (chances < 1)).all()
    assert cut.signature is not None
    assert [(p.name, p.type, p.default) for p in cut.signature.params or ()] == [
        ("cut", "double", 0.5), ("name", "string", "a'b"),
    ]  # fmt: skip
    for at in (0.2, 0.5):
        assert np.asarray(cut.predict(data, {"cut": at})).tolist() == (chances > at).tolist()
    with pytest.raises(Refused, match="n"):
        risk.predict(pd.DataFrame({"n": ["x"]}))


def test_serving_answers_with_a_crate(place: Path) -> None:
    said_by(TRAIN + 'gitreg_log_model(lm(y ~ n, rows), input_example = rows["n"], register_as = "churn")')
    model = library.load_pyfunc("churn")
    body = json.dumps({"dataframe_split": {"columns": ["n"], "data": [[1], [2]]}}).encode()
    found = answer(model, "application/json", body)
    predicted = json.loads(found.body)["predictions"]
    assert (found.status, predicted) == (200, list(model.predict(pd.DataFrame({"n": np.int32([1, 2])}))))
    served = load_served(read_folder(library.pull("churn", "served")))
    try:
        assert served.answer("application/json", body).body == found.body
    finally:
        served.close()
    wrong = answer(model, "application/json", body.replace(b"[2]", b'["x"]'))
    assert (wrong.status, json.loads(wrong.body)["error_code"]) == (400, "BAD_REQUEST")


# What a directory of R's holds


def test_what_r_saves_is_the_form_of_mlflow(home: Path, mlflow_side: Callable[..., str]) -> None:
    said_by("""
rows <- data.frame(d = c(0.1, Inf), i = 1:2, l = c(TRUE, NA), t = c("a'b \\u2028\\\\", NA), f = factor(c("x", "y")),
                   day = as.Date("2026-01-02") + 0:1, at = as.POSIXct("2026-01-02 10:00:00.25", tz = "UTC") + 0:1,
                   "odd: name" = 1:2, check.names = FALSE)
gitreg_save_model(gitreg_crate(function(data) data[c("d", "t")]), "saved", rows, metadata = list(why = "it's: #1"))
""")
    saved = yaml.safe_load(Path("saved/MLmodel").read_text())
    assert saved["flavors"]["crate"].keys() == {"version", "model", "r_version"}
    assert (saved["flavors"]["crate"]["version"], saved["flavors"]["crate"]["model"]) == ("0.1.0", "crate.bin")
    assert saved["metadata"] == {"why": "it's: #1"}
    inputs = {c["name"]: (c["type"], c["required"]) for c in json.loads(saved["signature"]["inputs"])}
    assert inputs == {
        "d": ("double", True), "i": ("integer", True), "l": ("boolean", False), "t": ("string", False),
        "f": ("string", True), "day": ("datetime", True), "at": ("datetime", True), "odd: name": ("integer", True),
    }  # fmt: skip
    assert [c["name"] for c in json.loads(saved["signature"]["outputs"])] == ["d", "t"]
    example = json.loads(Path("saved/input_example.json").read_text())
    assert example["data"][0] == [0.1, 1, True, "a'b \u2028\\", "x", "2026-01-02", "2026-01-02T10:00:00.250000", 1]
    assert example["data"][1][:4] == [np.inf, 2, None, None]
    script = (
        "import sys; from mlflow.models import Model; print(Model.load(sys.argv[1]).signature.inputs.input_names())"
    )
    assert mlflow_side("-c", script, home / "saved").strip() == str(list(inputs))
    found = opened(Path("saved")).predict(pd.DataFrame({
        "d": [1.5], "i": np.int32([1]), "l": [True], "t": ["x"], "f": ["y"], "day": pd.to_datetime(["2026-01-02"]),
        "at": pd.to_datetime(["2026-01-02"]), "odd: name": np.int32([1]),
    }))  # fmt: skip
    assert found.to_dict("list") == {"d": [1.5], "t": ["x"]}  # type: ignore[attr-defined]


def test_a_crate_tells_the_packages_it_needs(home: Path) -> None:
    said_by("""
predict.odd <- function(object, ...) 1
crate <- gitreg_crate(function(data) jsonlite::toJSON(sub(data)), sub = function(x) yaml::yaml.load("1")[1, ])
gitreg_save_model(crate, "named")
library(yaml)
gitreg_save_model(gitreg_crate(function(data) yaml.load("[1, 2]") + data$x, .parent = globalenv()), "attached")
gitreg_save_model(gitreg_crate(function(data) predict(fit, data), fit = lm(dist ~ speed, cars)), "base")
""")
    needs = {name: yaml.safe_load(Path(name, "MLmodel").read_text())["flavors"]["crate"].get("packages")
             for name in ("named", "attached", "base")}  # fmt: skip
    assert needs["named"].keys() == {"jsonlite", "yaml"}
    assert (needs["attached"].keys(), needs["base"]) == ({"yaml"}, None)
    assert list(opened(Path("attached")).predict(pd.DataFrame({"x": [0.5, 0.5]}))) == [1.5, 2.5]


def test_a_missing_package_is_named(crates: Path, home: Path) -> None:
    folder = _copy(crates / "column", home / "m", 'packages:\n      nosuchpackage: "1.0"')
    with pytest.raises(Unsupported, match=r"crate\.bin needs the R package nosuchpackage, which is not ins") as told:
        opened(folder)
    assert told.value.hint == "install.packages('nosuchpackage') in R"
    done = r('gitreg_load_model(path = "m")')
    assert "m needs the R package nosuchpackage, which is not installed" in done.stderr


def _copy(source: Path, target: Path, *entries: str, payload: bytes | None = None) -> Path:
    target.mkdir()
    (target / "MLmodel").write_text(MLMODEL + "".join(f"    {entry}\n" for entry in entries))
    (target / "crate.bin").write_bytes((source / "crate.bin").read_bytes() if payload is None else payload)
    return target


# What comes back


def test_every_type_comes_through_as_it_was(crate: Callable[[str], PyFunc]) -> None:
    gone = np.arange(100) % 7 == 3

    def gaps(values: Any) -> list[Any]:
        return [None if missing else value for missing, value in zip(gone, values, strict=True)]

    numbers = np.random.default_rng(0).normal(size=100)
    numbers[:3] = [np.inf, -np.inf, -0.0]
    numbers[gone] = np.nan
    day = datetime.date(1960, 2, 29)
    data = pd.DataFrame({
        "double": numbers, "float": numbers.astype("float32"), "integer": np.arange(100, dtype="int32"),
        "long": np.arange(100) + 2**52, "small": np.arange(100, dtype="uint8"), "logical": gone,
        "text": pd.Series(gaps([f"é{i}\n" for i in range(100)])), "empty": ["", None] * 50,
        "factor": pd.Categorical(gaps(["a", "é"] * 50)),
        "ordered": pd.Categorical(["lo", "hi"] * 50, categories=["lo", "hi"], ordered=True),
        "integers": pd.array(gaps(range(100)), dtype="Int32"), "logicals": pd.array(gaps(gone), dtype="boolean"),
        "at": pd.Timestamp("1969-01-01T10:00:00.123456") + pd.to_timedelta(np.arange(100), unit="D"),
        "date": gaps([day + datetime.timedelta(i) for i in range(100)]), "nothing": [None] * 100, "odd 'name' é": 1.5,
    })  # fmt: skip
    found = crate("same").predict(data)
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == list(data.columns)
    for name in ("integer", "small", "long", "logical", "odd 'name' é"):
        assert found[name].tolist() == data[name].tolist()
    assert found["double"].to_numpy()[~gone].view("u8").tolist() == numbers[~gone].view("u8").tolist()
    assert found[["double", "float"]].isna().all(axis=1).tolist() == gone.tolist()
    for name in ("text", "empty", "integers", "logicals"):
        assert found[name].tolist() == [None if pd.isna(value) else value for value in data[name]]
    assert found["integers"].map(type).tolist()[0] is int
    for name in ("factor", "ordered"):
        assert (found[name].cat.categories.tolist(), found[name].cat.ordered) == (
            data[name].cat.categories.tolist(), data[name].cat.ordered,
        )  # fmt: skip
        assert found[name].cat.codes.tolist() == data[name].cat.codes.tolist()
    assert (found["at"] == data["at"]).all()
    assert [None if pd.isna(value) else value.date() for value in found["date"]] == data["date"].tolist()
    assert found["nothing"].isna().all()


def test_nan_and_na_of_r_stay_two_things(crate: Callable[[str], PyFunc]) -> None:
    model = crate("same")
    na, nan = struct.pack("<Q", 0x7FF00000000007A2), struct.pack("<d", np.nan)
    array = np.frombuffer(na + nan, "<f8")
    assert np.asarray(model.predict(array)).tobytes() == na + nan
    assert np.asarray(model.predict(pd.DataFrame({"x": [np.nan]}))["x"]).tobytes() == na  # type: ignore[index]


def test_other_forms_of_data(crate: Callable[[str], PyFunc]) -> None:
    import polars as pl

    same = crate("same")
    records = [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]
    for data in ({"a": [1, 2], "b": "x"}, records, pl.DataFrame(records)):
        assert same.predict(data).to_dict("list") == {"a": [1.0, 2.0], "b": ["x", "x"]}  # type: ignore[attr-defined]
    assert same.predict({"a": 1}).to_dict("list") == {"a": [1.0]}  # type: ignore[attr-defined]
    matrix = np.arange(6.0).reshape(2, 3)
    assert np.asarray(same.predict(matrix)).tolist() == matrix.tolist()
    assert np.asarray(same.predict(["é", None])).tolist() == ["é", None]
    assert np.asarray(same.predict([1.5, 2.5])).tolist() == [1.5, 2.5]
    assert np.asarray(crate("column").native(pd.DataFrame({"x": [1.5]}), times=2)).tolist() == [3.0]  # type: ignore[operator]


def test_data_that_r_has_no_like_for_is_refused(crate: Callable[[str], PyFunc]) -> None:
    same = crate("same")
    wrong: list[tuple[Any, str]] = [
        (pd.DataFrame({"x": [b"raw"]}), "column x: R has no column of bytes"),
        (pd.DataFrame({"x": [1, "a"]}), "column x: R has no column of int, str"),
        (pd.DataFrame({"x": [2**53 + 1]}), "column x: 9007199254740993 is more than R's numbers hold exactly"),
        (pd.DataFrame({"x": ["a\0b"]}), "column x: a text holds a NUL"),
        (pd.DataFrame({"x\0": [1]}), "holds a NUL"),
        (pd.DataFrame({"x": pd.to_timedelta([1])}), "column x: R has no column of timedelta"),
        ({"a": [1, 2], "b": [1]}, "the data is no table"),
        ([[1], [1, 2]], "the data is uneven"),
        (object(), "a object is no data for a crate"),
    ]  # fmt: skip
    for data, message in wrong:
        with pytest.raises(Refused, match=message):
            same.predict(data)
    assert same.predict({"a": 1}) is not None


def test_what_a_crate_gives(crate: Callable[[str], PyFunc]) -> None:
    gives = crate("gives")

    def give(what: str) -> Any:
        return gives.predict(pd.DataFrame({"what": [what]}))

    named = give("named")
    assert named.tolist()[0] == 1.5
    assert np.isnan(named.tolist()[1])
    assert give("matrix").tolist() == [[1, 3], [2, 4]]
    assert give("heads").to_dict("list") == {"a": [1, 2], "b": [3, 4]}
    assert give("list").to_dict("list") == {"a": [1, 2], "b": ["x", None]}
    assert give("factor").tolist() == ["b", None, "a"]
    assert give("lt").tolist() == [datetime.datetime(2026, 1, 2)]
    gaps = give("gaps")
    assert gaps[["i", "l", "t"]].to_numpy().tolist() == [[1, None, ""], [None, True, None]]
    assert gaps["d"].tolist() == [pd.Timestamp("1969-12-31"), pd.NaT]
    for what, message in {
        "null": "a NULL, which Python has no like for", "fn": "a function, which", "uneven": "a list that is no table",
        "cube": "an array of 3 dimensions", "complex": "a complex, which", "nested": "column a of what the crate gave",
    }.items():  # fmt: skip
        with pytest.raises(RError, match=message):
            give(what)


# What goes wrong


def test_an_error_of_the_crate_is_told_and_harms_nothing(crate: Callable[[str], PyFunc]) -> None:
    fails = crate("fails")
    for _ in range(2):
        with pytest.raises(RError, match="no é here"):
            fails.predict(pd.DataFrame({"x": [1]}))


def test_what_the_command_line_says_of_it(crates: Path, place: Path) -> None:
    library.commit(crates / "fails", register_as="fails")
    Path("data.csv").write_text("x\n1\n")
    assert gitreg("predict", "fails", "-i", "data.csv") == Said(
        128, "", "error: fails@v0.1.0 failed to predict: RError: no é here\n"
        "hint: gitreg predict -v shows where in the model's code\n",
    )  # fmt: skip


def test_what_a_crate_prints_goes_to_stderr(crates: Path, place: Path) -> None:
    library.commit(crates / "same", register_as="same")
    Path("data.csv").write_text("x\n1\n")
    said = program("predict", "same", "-i", "data.csv")
    assert (said.code, said.out) == (0, "x\n1.0\n")
    assert said.err.count("noise") == 3


def test_an_r_that_ended_says_so_and_starts_again(crate: Callable[[str], PyFunc]) -> None:
    quits, killed = crate("quits"), crate("killed")
    with pytest.raises(RError, match=r"Rscript ended while it was busy with crate\.bin \(exit code 3\)"):
        quits.predict(pd.DataFrame({"x": [np.nan]}))
    assert np.asarray(quits.predict(pd.DataFrame({"x": [1.5]}))).tolist() == [1.5]
    with pytest.raises(RError, match="killed by signal 9"):
        killed.predict(pd.DataFrame({"x": [1.5]}))


def test_a_profile_of_the_current_folder_is_not_run(
    crate: Callable[[str], PyFunc], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {".Rprofile": "quit('no', 9)", ".Renviron": "R_DEFAULT_PACKAGES=nosuch"}.items():
        (home / "stranger").mkdir(exist_ok=True)
        (home / "stranger" / name).write_text(text)
    monkeypatch.chdir(home / "stranger")
    assert np.asarray(crate("column").predict({"x": 2})).tolist() == [2.0]


def test_r_ends_with_the_model(crates: Path) -> None:
    model = opened(crates / "column")
    process = model.native._rscript._running.process  # type: ignore[attr-defined]
    assert process.poll() is None
    del model
    gc.collect()
    assert process.returncode is not None


def test_r_ends_with_the_program(crates: Path) -> None:
    script = f"""
from pathlib import Path
from gitreg.flavors import crate
model = crate.load(Path({str(crates / "column")!r}), {{"model": "crate.bin"}}, ())
print(model._rscript._running.process.pid)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_threads_take_turns(crate: Callable[[str], PyFunc]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    column = crate("column")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: float(np.asarray(column.predict({"x": n}))[0]), range(40)))
    assert found == list(range(40))


def _rds(version: int) -> bytes:
    """The beginning of what a later R would write."""
    return b"X\n" + struct.pack(">iii", version, 0x090101, 0x090000) + b"\0" * 64


def test_a_payload_that_is_no_crate(crates: Path, home: Path) -> None:
    whole = (crates / "column/crate.bin").read_bytes()
    said_by("""
dir.create("other")
saveRDS(serialize(lm, NULL), "other/function.bin")
saveRDS(lm(dist ~ speed, cars), "other/model.bin")
saveRDS(as.raw(1:20), "other/raw.bin")
""")
    cases: dict[str, tuple[bytes, type[Exception], str]] = {
        "truncated": (whole[: len(whole) // 2], Damaged, r"crate\.bin is no complete crate"),
        "empty": (b"", Damaged, r"crate\.bin is no complete crate"),
        "pickle": (b"\x80\x04N.", Damaged, r"crate\.bin is no complete crate"),
        "raw": (Path("other/raw.bin").read_bytes(), Damaged, r"crate\.bin is no complete crate"),
        "huge": (b"X\n" + struct.pack(">5i", 2, 0x040202, 0x020300, 24, 0x7FFFFFFF), Damaged, "is no complete crate"),
        "function": (Path("other/function.bin").read_bytes(), Refused, "a function that is no crate"),
        "model": (Path("other/model.bin").read_bytes(), Refused, r"crate\.bin holds a lm, not a crate"),
        "newer": (_rds(9), Unsupported, "was written in a form that this R does not read"),
    }  # fmt: skip
    for name, (payload, kind, message) in cases.items():
        with pytest.raises(kind, match=message):
            opened(_copy(crates / "column", home / name, payload=payload))


def test_what_mlmodel_may_not_say(crates: Path, home: Path) -> None:
    for number, entry in enumerate(("model: ../crate.bin", "model: gone.bin", "packages: {'x y': 1}", "packages: [a]")):
        folder = _copy(crates / "column", home / f"m{number}")
        text = f"flavors:\n  crate:\n    {entry}\n" + ("" if entry.startswith("model") else "    model: crate.bin\n")
        (folder / "MLmodel").write_text(text)
        with pytest.raises(Damaged):
            opened(folder)


def test_a_newer_r_is_told_of(crates: Path, home: Path) -> None:
    folder = _copy(crates / "column", home / "m", 'r_version: "99.1.0"')
    with pytest.warns(UserWarning, match=r"crate\.bin was made by R 99\.1\.0; this is R "):
        opened(folder)
    (folder / "crate.bin").write_bytes(_rds(9))
    with pytest.raises(Unsupported, match=r"was written by R 99\.1\.0 in a form"):
        opened(folder)


def test_python_makes_no_crates(crate: Callable[[str], PyFunc], place: Path) -> None:
    native = crate("column").native
    with pytest.raises(Refused, match="a crate is made and logged in R"):
        library.log_model(native)
    assert "in R" in repr(native)


def test_the_native_object_is_called(crates: Path) -> None:
    native = load(crates / "column", parse_mlmodel(MLMODEL))
    assert np.asarray(native(pd.DataFrame({"x": [2.0]}), times=1.5)).tolist() == [3.0]  # type: ignore[operator]
    with pytest.raises(RError, match="non-numeric"):
        native(pd.DataFrame({"x": ["a"]}))  # type: ignore[operator]


def test_the_format_and_the_flavors_agree_on_who_predicts_alone() -> None:
    assert {name for name in FLAVORS if getattr(get_flavor(name), "PREDICTS_ALONE", False)} == PREDICT_ALONE


# In R


def test_a_run_of_several_models_or_none_or_failed(place: Path) -> None:
    ids = said_by(TRAIN + """
gitreg_start_run(run_id = "two")
gitreg_log_model(lm(y ~ n, rows), "models/a", register_as = "a")
gitreg_log_model(lm(y ~ x, rows), "models/b", register_as = "b", metrics = list(auc = 0.5))
two <- gitreg_end_run()
gitreg_start_run(run_id = "none"); gitreg_log_param("depth", 8L); gitreg_end_run("failed")
one <- gitreg_log_model(lm(y ~ n, rows), params = list(a = 1))
again <- gitreg_register(one, "c", description = "it's \\u00e9")
cat(two$versions, again)
""")  # fmt: skip
    assert ids == "a@v0.1.0 b@v0.1.0 c@v0.1.0"
    two, none = library.get_run("two"), library.get_run("none")
    assert [model.path for model in two.models] == ["models/a", "models/b"]
    assert (none.status, dict(none.params), none.models) == ("failed", {"depth": "8"}, ())
    assert library.resolve("c").description == "it's é"


def test_a_wrong_use_is_told_in_r(place: Path) -> None:
    wrong = {
        'gitreg_log_param("a", 1)': "no run is open",
        "gitreg_log_model(function(data) data)": "a function is no crate",
        'gitreg_log_model("text")': "a character is no model: there is no predict",
        'gitreg_load_model("nosuch")': "no model nosuch",
        'gitreg_register("run:nosuch", "churn")': "nosuch",
        'gitreg_log_model(lm(dist ~ speed, cars), register_as = "no model")': "no model",
        "gitreg_crate(function(data) data, 1)": "a crate's values have names",
        "gitreg_crate(sum)": "a crate is made of a function",
        "gitreg_load_model()": "one of ref and path is needed",
        'gitreg_start_run(); gitreg_log_metric("a", "b")': "metric a is no number",
        'gitreg_log_param("a", 1); gitreg_log_param("a", 2)': "param a is 1 already",
        "gitreg_discard_run(); gitreg_start_run(); gitreg_start_run()": "is open",
        "gitreg_end_run()": "nothing was logged",
    }  # fmt: skip
    lines = [f"cat(tryCatch({{ {code} }}, gitreg_error = conditionMessage), '\\n--\\n')" for code in wrong]
    told = said_by("\n".join(lines)).split("--\n")
    for (code, message), text in zip(wrong.items(), told, strict=False):
        assert message in text, (code, text)
        assert text.count("hint: ") <= 1


def test_without_gitreg_r_says_how_to_name_it(home: Path) -> None:
    done = r('gitreg_load_model("churn")', GITREG_PYTHON="", PATH=f"{Path('/usr/bin')}")
    assert "gitreg is not found on PATH" in done.stderr
    assert "options(gitreg.python" in done.stderr


def test_outputs_stay_undeclared_where_the_example_fails(home: Path) -> None:
    done = r('gitreg_save_model(gitreg_crate(function(data) nosuch(data)), "m", data.frame(x = 1))')
    assert "outputs stay undeclared: predicting on the input_example failed: could not find function" in done.stderr
    signature = parse_mlmodel(Path("m/MLmodel").read_text()).signature
    assert signature is not None
    assert signature.outputs is None


def test_the_same_model_is_the_same_bytes(home: Path) -> None:
    for name in "ab":
        said_by(f'gitreg_save_model(lm(dist ~ speed, cars), "{name}", cars[1:2, ])')
    assert Path("a/crate.bin").read_bytes() == Path("b/crate.bin").read_bytes()


def test_training_is_not_disturbed(place: Path) -> None:
    """A run's id takes nothing of R's random numbers."""
    assert said_by("set.seed(1); gitreg_start_run(); cat(runif(1))") == said_by("set.seed(1); cat(runif(1))")
