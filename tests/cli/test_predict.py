"""`gitreg predict`: a file goes in, typed as the signature says; predictions come out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pandas as pd
import pytest

import gitreg as library
from gitreg.format.schema import Param, Signature, Tensor
from testing.clock import Clock
from testing.commandline import gitreg, program
from testing.signatures import columns

TYPED = Signature(
    columns(
        code="string", visits="long", small="integer", share="double", ok="boolean", since="datetime", note="string?"
    ),
    None,
    (Param("times", "long", 1),),
)
CSV = """\
since,code,visits,small,share,ok,note,extra
2026-03-02,007,12,3,1,true,,x
2026-03-02T10:00:00,1e5,0,4,0.5,False,hi,y
"""
ROWS: list[dict[str, object]] = [
    dict(code="007", visits=12, small=3, share=1, ok=True, since="2026-03-02", note=None),
    dict(code="1e5", visits=0, small=4, share=0.5, ok=False, since="2026-03-02T10:00:00", note="hi"),
]


def tell(data: pd.DataFrame, params: dict[str, int] | None = None) -> list[str]:
    """What the model sees: a text for each row."""
    names = ("code", "visits", "small", "share", "ok", "since", "note")
    rows = (tuple(row[name] for name in names if name in data) for _, row in data.iterrows())
    return [repr([str(value) for value in row] + [(params or {}).get("times")]) for row in rows]


def total(data: pd.DataFrame) -> pd.DataFrame:
    """Two outputs, one of them NaN where there is nothing."""
    return pd.DataFrame({"sum": data.sum(axis=1), "first": data.iloc[:, 0].where(data.iloc[:, 0] > 0)})


@pytest.fixture
def place(home: Path, fixed_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry in ~/reg, which is the current folder."""
    library.init(home / "reg")
    monkeypatch.chdir(home / "reg")
    return home / "reg"


@pytest.fixture
def typed(place: Path) -> Path:
    """With the model typed, which tells what it sees."""
    library.log_model(tell, signature=TYPED, register_as="typed", registry=place)
    return place


@pytest.fixture
def plain(place: Path) -> Path:
    """With the model plain, which has no signature."""
    library.log_model(total, register_as="plain", registry=place)
    return place


SEEN = [
    "['007', '12', '3', '1.0', 'True', '2026-03-02 00:00:00', 'nan', 1]",
    "['1e5', '0', '4', '0.5', 'False', '2026-03-02 10:00:00', 'hi', 1]",
]


def seen(out: str) -> list[str]:
    found = json.loads(out)["predictions"]
    return [text.replace("'None'", "'nan'") for text in found]


def test_a_csv_is_typed_by_the_signature(typed: Path) -> None:
    said = gitreg("predict", "typed", "-i", "-", "--format", "json", input=CSV.encode())
    assert (said.code, said.err) == (0, "")
    assert seen(said.out) == SEEN


def test_every_form_of_json_gives_the_same(typed: Path) -> None:
    split = {"columns": list(ROWS[0]), "data": [list(row.values()) for row in ROWS]}
    lists = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    for form in (
        ROWS,
        split,
        {"dataframe_split": split},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"inputs": lists},
        {"inputs": ROWS, "params": {"times": 1}},
        split | {"params": {"times": 1}},
    ):
        said = gitreg("predict", "typed", "-i", "-", input=json.dumps(form).encode())
        assert (said.code, said.err) == (0, ""), form
        assert seen(said.out) == SEEN, form


def test_params_are_handed_on(typed: Path) -> None:
    said = gitreg("predict", "typed", "-i", "-", "--params", '{"times": 3}', input=CSV.encode())
    assert said.out.count("3]") == 2
    for wrong in ("{", "[1]"):
        refused = gitreg("predict", "typed", "-i", "-", "--params", wrong, input=CSV.encode())
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.startswith("error: --params is no JSON")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",12,", ",twelve,", "column visits, row 0: 'twelve' is no long"),
        (",12,", ",1.5,", "column visits, row 0: 1.5 is no long (the column is float64)"),
        (",3,1,", ",3,x,", "column share, row 0: 'x' is no double"),
        (",4,0.5", ",3000000000,0.5", "column small, row 1: 3000000000 is no integer"),
        ("False", "no", "column ok, row 1: 'no' is no boolean"),
        ("2026-03-02T10:00:00", "today", "column since, row 1: 'today' is no datetime, written as 2026-11-22T13:37:00"),
        ("code,", "kode,", "the data lacks the column code"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_row(typed: Path, old: str, new: str, message: str) -> None:
    said = gitreg("predict", "typed", "-i", "-", input=CSV.replace(old, new, 1).encode())
    assert (said.code, said.out) == (128, "")
    assert said.err.splitlines()[0] == f"error: {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "the data is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"a": 1}', "the data has none of the forms of data for a model"),
        ('{"dataframe_split": [1]}', "the data: dataframe_split holds no table"),
        ('{"dataframe_records": [1]}', "the data: dataframe_records is no list of objects"),
        ('{"inputs": [], "params": 1}', "the data: params is no object"),
        ("", "the data is no CSV: No columns to parse from file"),
        ('code\n"a\n', "the data lacks the columns visits, small, share, ok, since"),
    ],
)
def test_data_that_is_none_is_refused(typed: Path, content: str, message: str) -> None:
    said = gitreg("predict", "typed", "-i", "-", input=content.encode())
    assert (said.code, said.out, said.err.splitlines()[0]) == (128, "", f"error: {message}")


def test_what_the_models_own_code_raises_is_the_models(place: Path) -> None:
    def fail(data: pd.DataFrame) -> object:
        raise RuntimeError("boom\nand more")

    library.log_model(fail, register_as="bad", registry=place)
    said = gitreg("predict", "bad", "-i", "-", input=b"a\n1\n")
    assert (said.code, said.out) == (128, "")
    assert said.err == (
        "error: bad@v0.1.0 failed to predict: RuntimeError: boom and more\n"
        "hint: gitreg predict -v shows where in the model's code\n"
    )
    told = gitreg("predict", "bad", "-i", "-", "-v", input=b"a\n1\n")
    assert (told.code, told.err.splitlines()[0]) == (128, "Traceback (most recent call last):")
    assert "in fail" in told.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n\n3\n", "the data, row 1: 1 of 2 values"),
        ("a,b,c\n1,2,3\n1,2\n", "the data, row 1: 2 of 3 values"),
        ("a,b\n0,1,2\n1,2,3\n", "the data, row 0: 3 of 2 values"),
        ('a,b\n"1\n, 2",3\n4\n', "the data, row 1: 1 of 2 values"),
    ],
)
def test_a_row_that_is_not_as_long_as_the_head_is_named(plain: Path, content: str, message: str) -> None:
    said = gitreg("predict", "plain", "-i", "-", input=content.encode())
    assert (said.code, said.out) == (128, "")
    assert said.err == f"error: {message}\nhint: every row has as many values as there are columns\n"


def test_empty_fields_and_long_ones_are_values(typed: Path) -> None:
    lines = CSV.splitlines()
    content = (
        "\n\n".join([lines[0], lines[1].replace(",x", ","), lines[2].replace(",y", f",{'y' * 200_000}")]) + "\n \n"
    )
    said = gitreg("predict", "typed", "-i", "-", "--format", "json", input=content.encode())
    assert (said.code, said.err) == (0, "")
    assert seen(said.out) == SEEN


def test_a_head_with_blanks_names_the_same_columns(typed: Path) -> None:
    content = CSV.replace("code,visits", "code, visits")
    assert seen(gitreg("predict", "typed", "-i", "-", "--format", "json", input=content.encode()).out) == SEEN


@pytest.mark.parametrize("model", ["typed", "plain"])
def test_a_csv_of_a_head_alone_has_no_rows(typed: Path, plain: Path, model: str) -> None:
    for content in (CSV.splitlines()[0], CSV.splitlines()[0] + "\n\n"):
        said = gitreg("predict", model, "-i", "-", input=content.encode())
        assert (said.code, said.out, said.err.splitlines()[0]) == (128, "", "error: the data has no rows")


def test_a_value_that_only_looks_right_is_refused_as_any_other(typed: Path) -> None:
    for old, new, column in (
        (",12,", ",99999999999999999999,", "visits, row 0: 99999999999999999999 is no long"),
        (",3,1,", ",3,1_0,", "share, row 0: '1_0' is no double"),
    ):
        said = gitreg("predict", "typed", "-i", "-", input=CSV.replace(old, new, 1).encode())
        assert (said.code, said.out) == (128, "")
        assert said.err.startswith(f"error: column {column}"), said.err
    assert gitreg("predict", "typed", "-i", "-", input=CSV.replace(",true,", ",,").encode()).code == 0


def test_what_is_no_file_is_named(plain: Path, home: Path) -> None:
    Path("in.csv").write_text("a,b\n1,2\n")
    Path("served").mkdir()
    for args, message, hint in (
        (("-i", "served"), "served is a folder", "name a CSV, parquet or JSON file, or - for stdin"),
        (("-i", "gone.csv"), "no file gone.csv", "name a CSV, parquet or JSON file, or - for stdin"),
        (("-i", "in.csv", "-o", "no/where/out.csv"), "no folder no/where", "mkdir -p no/where"),
        (("-i", "in.csv", "-o", "served"), "served is a folder", "name a file in it: served/predictions.csv"),
    ):
        said = gitreg("predict", "plain", *args)
        assert (said.code, said.out, said.err) == (128, "", f"error: {message}\nhint: {hint}\n")


def test_json_is_a_format_of_predictions() -> None:
    for args in (("--json", "predict", "plain", "-i", "-"), ("predict", "plain", "-i", "-", "--json")):
        said = gitreg(*args)
        assert (said.code, said.err) == (
            *(2, "error: predict takes no --json\nhint: --format json writes the predictions as JSON\n"),
        )


def test_predictions_are_written_as_the_files_name_says(plain: Path) -> None:
    Path("in.csv").write_text("a,b\n1,2\n-3,4.5\n")
    said = gitreg("predict", "plain", "-i", "in.csv", "-o", "out.csv")
    assert (said.code, said.out) == (0, "predictions of plain@v0.1.0 are in out.csv\n")
    assert Path("out.csv").read_text() == "sum,first\n3.0,1.0\n1.5,\n"
    assert gitreg("predict", "plain", "-i", "in.csv", "-o", "out.json", "-q").out == "out.json\n"
    assert json.loads(Path("out.json").read_text()) == {
        "predictions": [{"sum": 3.0, "first": 1.0}, {"sum": 1.5, "first": None}]
    }
    assert gitreg("predict", "plain", "-i", "in.csv").out == Path("out.csv").read_text()
    assert gitreg("predict", "plain", "-i", "in.csv", "--format", "json").out == Path("out.json").read_text()
    said = gitreg("predict", "plain", "-i", "in.csv", "-o", "out.xlsx")
    assert (said.code, said.err) == (
        128,
        "error: out.xlsx: its ending tells no form that predictions are written in\n"
        "hint: -o predictions.csv, .json or .parquet; or say --format\n",
    )
    assert sorted(path.name for path in Path().iterdir() if "out" in path.name) == ["out.csv", "out.json"]
    assert gitreg("predict", "plain", "-i", "in.csv", "-o", "out.xlsx", "--format", "csv", "-q").code == 0
    assert gitreg("predict", "plain", "-i", "in.csv", "-o", "out", "-q").code == 0
    assert Path("out").read_text() == Path("out.xlsx").read_text() == Path("out.csv").read_text()


def test_nothing_half_written_is_left(plain: Path) -> None:
    Path("in.csv").write_text("a\nx\n")
    Path("out.csv").write_text("before")
    assert gitreg("predict", "plain", "-i", "in.csv", "-o", "out.csv").code != 0
    assert Path("out.csv").read_text() == "before"
    Path("in.csv").write_text("a\n1\n")
    assert gitreg("predict", "plain", "-i", "in.csv", "-o", "nowhere/out.csv").code == 128


def test_a_model_of_tensors_takes_lists(place: Path) -> None:
    def double(data: object) -> object:
        assert type(data).__name__ == "ndarray"
        return data * 2  # type: ignore[operator]

    signature = Signature((Tensor(None, "float32", (-1, 2)),))
    library.log_model(double, signature=signature, register_as="tensors", registry=place)
    for form in ({"inputs": [[1, 2], [3, 4]]}, {"instances": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]):
        said = gitreg("predict", "tensors", "-i", "-", input=json.dumps(form).encode())
        assert json.loads(said.out) == {"predictions": [[2.0, 4.0], [6.0, 8.0]]}, said
    assert gitreg("predict", "tensors", "-i", "-", "--format", "csv", input=b"[[1, 2]]").out == "0,1\n2.0,4.0\n"
    said = gitreg("predict", "tensors", "-i", "-", input=b'[[1, 2], ["x", 4]]')
    assert (said.code, said.err.splitlines()[0]) == (
        *(128, "error: the data: the data is no array: could not convert string to float: 'x'"),
    )


def test_without_pandas_a_csv_is_refused_and_plain_json_is_not(place: Path, home: Path) -> None:
    (home / "pandas").mkdir()
    (home / "pandas/__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'pandas'\", name='pandas')\n")
    code = home / "code"
    code.mkdir()
    (code / "counting.py").write_text("def count(data):\n    return [len(row) for row in data]\n")
    log = "gitreg.log_model(count, code_paths=['counting.py'], register_as='count')"
    script = f"import gitreg; from counting import count; {log}"
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(code), *sys.path]), "GITREG_REGISTRY": str(place)}
    assert program(before=(sys.executable, "-c", script), cwd=code, env=env).code == 0
    env["PYTHONPATH"] = os.pathsep.join([str(home), *sys.path])
    (home / "in.json").write_text('{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}}')
    said = program("predict", "count", "-i", home / "in.json", env=env)
    assert (said.code, said.out) == (0, '{"predictions": [2, 2]}\n'), said
    (home / "in.csv").write_text("a,b\n1,2\n")
    said = program("predict", "count", "-i", home / "in.csv", env=env)
    assert (said.code, said.out) == (128, "")
    assert said.err == "error: reading CSV needs pandas\nhint: pip install pandas\n"
