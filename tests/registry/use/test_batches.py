"""Batches: files of any length, in order, complete or not at all, in memory that does not grow with them."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pyarrow.parquet as parquet
import pytest

from gitreg.errors import Damaged, GitregError, Refused, Unsupported
from gitreg.format.schema import Signature
from gitreg.registry.use.batches import MOST_BYTES, MOST_ROWS, predict_batches
from gitreg.registry.use.data.files import parse_data
from gitreg.registry.use.data.sources import Source
from gitreg.registry.use.data.written import whole_file
from testing.seeing import model_of, predicted, tell
from testing.signatures import columns

TESTS = Path(__file__).parents[2]
TYPED = Signature(columns(a="long", b="double?"))
CSV = "a,b\n" + "".join(f"{n},{n / 2}\n" for n in range(10))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten rows."""
    path = tmp_path / "data.csv"
    path.write_text(CSV)
    return path


def total(frame: pandas.DataFrame) -> Any:
    return frame.sum(axis=1)


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
@pytest.mark.parametrize(
    "call",
    [
        total,
        lambda frame: frame * 2,
        lambda frame: frame.to_numpy(),
        lambda frame: [{"x": a, "y": str(b)} for a, b in frame.to_numpy()],
        lambda frame: [None if a == 3 else f"{a}" for a in frame["a"]],
    ],
)
def test_in_chunks_the_same_is_written_as_at_once(data: Path, call: Callable[[Any], Any], form: Any) -> None:
    whole, chunks = (predicted(model_of(call), data, rows, form) for rows in (0, 3))
    if form == "parquet":
        assert parquet.read_table(io.BytesIO(chunks)).equals(parquet.read_table(io.BytesIO(whole)))
    else:
        assert chunks == whole


@pytest.mark.parametrize("chunk_rows", [1, 9, 10, 11, 0, None])
def test_every_source_gives_the_same(data: Path, tmp_path: Path, chunk_rows: int | None) -> None:
    zipped, arrow = tmp_path / "data.csv.gz", tmp_path / "data.parquet"
    zipped.write_bytes(gzip.compress(CSV.encode()))
    pandas.read_csv(data).to_parquet(arrow)
    wanted = predicted(model_of(tell), data)
    for path in (data, zipped, arrow):
        assert predicted(model_of(tell), path, chunk_rows) == wanted


def test_a_pipe_is_read_twice_where_no_signature_types_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = CSV.replace("9,4.5", "nine,4.5").encode()
    (tmp_path / "data.csv").write_bytes(content)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    out = io.BytesIO()
    with Source("-") as source:
        assert predict_batches(model_of(tell), source, out, chunk_rows=2) == 10
    assert out.getvalue() == predicted(model_of(tell), tmp_path / "data.csv")


def test_a_typed_pipe_is_answered_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is predicted before the next one is read."""
    seen: list[str] = []

    class Slow(io.BytesIO):
        def readinto1(self, buffer: Any) -> int:
            seen.append("read")
            return super().readinto1(memoryview(buffer)[:8])

    def call(frame: Any) -> Any:
        seen.append("predict")
        return total(frame)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Slow(b"a,b\n" + b"10,2000\n" * 2_000)))
    with Source("-") as source:
        predict_batches(model_of(call, TYPED), source, io.BytesIO(), chunk_rows=10)
    assert seen.index("predict") < len(seen) // 2
    assert seen.count("predict") == 200


@pytest.mark.parametrize("chunk_rows", [3, 0])
@pytest.mark.parametrize(
    ("row", "signature", "message"),
    [
        ("x,1", TYPED, "column a, row 10: 'x' is no long"),
        ("99999999999,1\n1.5,1", TYPED, "column a, row 11: 1.5 is no long (the column is float64)"),
        ("1,true", TYPED, "column b, row 10: "),
        ("1", None, "{}, row 10: 1 of 2 values"),
        ("1,2,3", TYPED, "{}, row 10: 3 of 2 values"),
        ('1,"2', None, "{} is no CSV: the quotes of row 10 are never closed"),
        ("\u00e9,2", None, "{} is no UTF-8: "),
    ],
)
def test_errors_name_the_row_of_the_file(
    data: Path, row: str, signature: Signature | None, message: str, chunk_rows: int
) -> None:
    data.write_bytes((CSV + row + "\n").encode("latin-1"))
    with pytest.raises(GitregError) as found:
        predicted(model_of(tell, signature), data, chunk_rows)
    if "the column is float64" in message and not chunk_rows:
        message = "column a, row 11: 1.5 is no long"
    assert found.value.message.startswith(message.format(data))


def test_the_models_own_error_names_its_rows(data: Path) -> None:
    def call(frame: Any) -> Any:
        if 7 in set(frame["a"]):
            raise RuntimeError("boom")
        return total(frame)

    with pytest.raises(Unsupported, match="seer failed to predict rows 6 to 8: RuntimeError: boom"):
        predicted(model_of(call), data, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda frame: frame["a"].sum(),
        lambda frame: frame[frame["a"] > 1],
        lambda frame: {"total": [1], "rows": list(frame["a"])},
    ],
)
def test_predictions_that_are_not_one_to_a_row_take_all_rows_at_once(data: Path, call: Callable[[Any], Any]) -> None:
    with pytest.raises(Refused, match=r"seer gives .* for 3 rows of the data") as found:
        predicted(model_of(call), data, 3)
    assert "--chunk-rows 0" in found.value.hint
    assert predicted(model_of(call), data, 0, "json")


def test_later_predictions_of_other_columns_are_refused(data: Path) -> None:
    def call(frame: Any) -> Any:
        return frame if 0 in set(frame["a"]) else frame.rename(columns={"a": "c"})

    for form in ("csv", "parquet"):
        with pytest.raises(Refused, match="not those of the rows before: c, b, not a, b") as found:
            predicted(model_of(call), data, 3, form)  # type: ignore[arg-type]  # a Kind
        assert "--chunk-rows 0" in found.value.hint


def test_types_of_parquet_are_widened_where_later_rows_need_it(data: Path, tmp_path: Path) -> None:
    def call(frame: Any) -> Any:
        first = int(frame["a"].iloc[0])
        values: Any = {0: [None] * 3, 3: [1, 2, 3], 6: [0.5, None, 2.0], 9: [7]}[first]
        return pandas.DataFrame({"value": values, "same": frame["a"].to_numpy(), "when": pandas.NaT})

    with whole_file(tmp_path / "out.parquet") as out, Source(data) as source:
        predict_batches(model_of(call), source, out, "parquet", chunk_rows=3)
    table = parquet.read_table(tmp_path / "out.parquet")
    assert [str(field.type) for field in table.schema][:2] == ["double", "int64"]
    assert table.column("value").to_pylist() == [None, None, None, 1.0, 2.0, 3.0, 0.5, None, 2.0, 7.0]
    assert table.column("same").to_pylist() == list(range(10))


def test_types_without_a_common_one_are_refused(data: Path) -> None:
    def call(frame: Any) -> Any:
        return list(frame["a"]) if 0 in set(frame["a"]) else ["text"] * len(frame)

    with pytest.raises(Refused, match="have no type in common"):
        predicted(model_of(call), data, 3, "parquet")
    assert predicted(model_of(call), data, 3).startswith(b"prediction\n0\n1\n2\ntext\n")


@pytest.mark.parametrize("name", ["out.csv", "out.json", "out.parquet", "out.csv.gz"])
def test_a_target_is_complete_or_not_there(data: Path, tmp_path: Path, name: str) -> None:
    def fail(frame: Any) -> Any:
        if 7 in set(frame["a"]):
            raise RuntimeError("boom")
        return total(frame)

    target = tmp_path / name
    target.write_text("before")
    for call in (fail, total):
        try:
            with whole_file(target) as out, Source(data) as source:
                predict_batches(model_of(call), source, out, chunk_rows=3)
        except Unsupported:
            assert target.read_text() == "before"
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["data.csv", name])
    content = target.read_bytes()
    assert content != b"before"
    if name.endswith(".gz"):
        assert len(gzip.decompress(content).splitlines()) == 11


def test_a_file_that_is_cut_or_none_is_damaged(data: Path, tmp_path: Path) -> None:
    zipped, arrow = tmp_path / "cut.csv.gz", tmp_path / "cut.parquet"
    zipped.write_bytes(gzip.compress(CSV.encode())[:-12])
    pandas.read_csv(data).to_parquet(arrow)
    arrow.write_bytes(arrow.read_bytes()[:-9])
    for path in (zipped, arrow):
        with pytest.raises(Damaged, match=path.name):
            predicted(model_of(tell), path, 3)
    with pytest.raises(Damaged, match="is no parquet"):
        parse_data(b"PAR1 nothing", "parquet", None, "the data")


def test_parquet_is_typed_by_the_signature(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    frame = pandas.DataFrame({"extra": ["x"] * 4, "b": [1, 2, 3, 4], "a": numpy.arange(4, dtype="int32")})
    frame.index = pandas.Index([7, 8, 9, 10], name="id")
    frame.to_parquet(path)
    told = predicted(model_of(tell, TYPED), path, 3).decode()
    assert "('a', 'int64', 'int', 3), ('b', 'float64', 'float', 4.0)" in told
    assert predicted(model_of(tell, TYPED), path).decode() == told
    assert parse_data(path.read_bytes(), "parquet", TYPED, "x").data.columns.tolist() == ["b", "a"]  # type: ignore[attr-defined]  # a frame
    frame["a"] = [1, 2, None, 4]
    frame.to_parquet(path)
    with pytest.raises(Refused, match="column a, row 2: nan is no long"):
        predicted(model_of(tell, TYPED), path, 3)
    frame.drop(columns="a").to_parquet(path)
    with pytest.raises(Refused, match="the data lacks the column a"):
        predicted(model_of(tell, TYPED), path, 3)
    frame[:0].to_parquet(path)
    with pytest.raises(Refused, match="has no rows"):
        predicted(model_of(tell), path, 3)


def test_by_default_wide_rows_go_in_smaller_chunks(tmp_path: Path) -> None:
    sizes: list[int] = []

    def call(frame: Any) -> Any:
        sizes.append(len(frame))
        return frame["n"]

    path = tmp_path / "wide.csv"
    path.write_text("n,text\n" + f"1,{'x' * 10_000}\n" * 1000)
    predicted(model_of(call), path, None)
    assert sum(sizes) == 1000
    assert max(sizes) == MOST_BYTES // 10_000 + 1
    sizes.clear()
    path.write_text("n\n" + "1\n" * (MOST_ROWS + 1))
    predicted(model_of(call), path, None)
    assert sizes == [MOST_ROWS, 1]


_PEAK = """\
import sys
from pathlib import Path
from gitreg.registry.use.data.written import whole_file
from gitreg.registry.use.data.sources import Source
from gitreg.registry.use.batches import predict_batches
from testing.seeing import model_of

source, target = sys.argv[1:]
model = model_of(lambda frame: frame["a"] + frame["b"])
with Source(source) as data, whole_file(Path(target)) as out:
    predict_batches(model, data, out, "parquet" if target.endswith("parquet") else "csv", chunk_rows=None)
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(peak)
"""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_memory_does_not_grow_with_the_file(tmp_path: Path, ending: str) -> None:
    """27 MB and 81 MB. What the larger file has more would at least be added to the peak, were it kept."""
    rng = numpy.random.default_rng(1)
    rows = pandas.DataFrame({"a": rng.random(30_000), "b": rng.random(30_000), "text": ["some words " * 25] * 30_000})
    peaks, sizes = [], []
    for count in (3, 9):
        source = tmp_path / f"{count}.{ending}"
        if ending == "csv":
            text = rows.to_csv(index=False)
            source.write_text(text + text.partition("\n")[2] * (count - 1))
        else:
            rows["text"] = rng.bytes(140 * 30_000).hex(" ", 140).split()
            writer = None
            for _ in range(count):
                table = pyarrow.Table.from_pandas(rows, preserve_index=False)
                writer = writer or parquet.ParquetWriter(source, table.schema, compression="none", use_dictionary=False)
                writer.write_table(table)
            assert writer
            writer.close()
        environment = os.environ | {"PYTHONPATH": str(TESTS), "ARROW_DEFAULT_MEMORY_POOL": "system"}
        command = [sys.executable, "-c", _PEAK, source, tmp_path / f"{count}-out.{ending}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        peaks.append(int(done.stdout) * 1024)
        sizes.append(source.stat().st_size)
    assert sizes[1] > 80_000_000, sizes
    assert peaks[1] - peaks[0] < sizes[1] - sizes[0], (peaks, sizes)


def test_json_is_one_answer(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"dataframe_split": {"columns": ["a"], "data": [[1], [2]]}}))
    assert predicted(model_of(lambda frame: frame["a"].sum()), path, 1, "json") == b'{"predictions": 3}\n'
