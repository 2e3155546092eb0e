"""Predictions in chunks are those at once, whatever the table."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pandas
import pyarrow
import pyarrow.parquet as parquet
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitreg.errors import GitregError, Refused
from gitreg.format.schema import Signature
from gitreg.registry.use.data.csv_types import MISSING
from testing.seeing import model_of, predicted, tell
from testing.signatures import columns

TYPED = Signature(
    columns(w="double?", x="long?", y="boolean?", z="string?", t="datetime?", r="string", a="array<long>?", f="float?")
)

_wholes = st.one_of(st.integers(-3, 3), st.integers(-(2**70), 2**70), st.sampled_from([2**53 + 1, 2**63, 2**64 - 1]))
_numbers = st.one_of(
    _wholes.map(str), st.floats().map(repr), st.sampled_from(["+5", "1.", ".5", "1e5", "007", " 7", "7 ", "1_0", "0x1"])
)
_truths = st.sampled_from(["true", "False", "TRUE"])
_missing = st.sampled_from(["", "NA", "nan", "None"])
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
_fields = {
    "numbers": _numbers,
    "small": st.integers(-2, 2).map(str),
    "truths": _truths,
    "holes": st.one_of(_missing, _numbers),
    "maybe": st.one_of(_missing, _truths),
    "missing": _missing,
    "texts": _texts,
    "quoted": st.sampled_from(["a\nb", "a\r\nb", "\r", '"', ",", "\ufeff", " ", "\n\n", "a\tb"]),
    "any": st.one_of(_missing, _numbers, _truths, _texts),
    "times": st.sampled_from(["2026-03-02", "2026-03-02T10:00:00", "", "2026-03-02T10:00:00.123456789"]),
    "lists": st.sampled_from(["[1, 2]", "[]", ""]),
}


def written(rows: list[list[str]], end: str, quoted: bool, bom: bool, blank: str) -> bytes:
    """The rows as CSV, every field in quotes or only those that need it; a `blank` line behind each, but for "-"."""

    def field(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if quoted or set(text) & set(',"\r\n') else text

    lines = [",".join(map(field, row)) or '""' for row in rows]
    return ("\ufeff" * bom + (end if blank == "-" else end + blank + end).join([*lines, ""])).encode()


@st.composite
def tables(draw: st.DrawFn, heads: dict[str, list[str]] | None = None) -> bytes:
    """CSVs; each column is of one kind of field, and may end with another."""
    count = draw(st.integers(1, 9))
    found = []
    for kinds in (heads or {name: [*_fields] for name in "abc"[: draw(st.integers(1, 3))]}).values():
        kind = draw(st.sampled_from(kinds))
        column = draw(st.lists(_fields[kind], min_size=count, max_size=count))
        if draw(st.booleans()):
            column[-1] = draw(_fields[draw(st.sampled_from(kinds))])
        found.append(column)
    names = [*heads] if heads else draw(st.lists(_texts, min_size=len(found), max_size=len(found)))
    rows = [names, *map(list, zip(*found, strict=True))]
    end, blank = draw(st.sampled_from(["\n", "\r\n", "\r"])), draw(st.sampled_from(["-", "", " \t"]))
    return written(rows, end, draw(st.booleans()), draw(st.booleans()), blank)


def outcome(content: bytes, chunk_rows: int, signature: Signature | None = None, ending: str = ".csv") -> object:
    """The predictions, or the error's kind."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"data{ending}")
        path.write_bytes(content)
        try:
            return predicted(model_of(tell, signature), path, chunk_rows)
        except GitregError as error:
            return type(error)


@given(tables(), st.integers(1, 4))
@example(b"a\n1\n2\nx\n", 1)
@example(b'a\n9007199254740993\n""\n1.5\n', 1)
@example(b"a,b\n18446744073709551615,1\n-1,1\n", 1)
@example(b"a\n9223372036854775808\nNone\n", 1)
@example(b"a\ntrue\n1\n", 1)
@example(b'a\ntrue\n""\n', 1)
@settings(max_examples=40, deadline=None)
def test_without_a_signature_every_chunk_is_typed_as_the_whole(content: bytes, chunk_rows: int) -> None:
    whole = outcome(content, 0)
    assert outcome(content, chunk_rows) == whole
    assert isinstance(whole, bytes) or whole is Refused  # nothing of a written table is no CSV


_OF_TYPED = {
    "w": ["holes", "small", "truths"], "x": ["small", "numbers"], "y": ["truths", "maybe", "missing", "small"],
    "z": ["any"], "t": ["times"], "r": ["any", "quoted"], "a": ["lists"], "f": ["small", "any"], "extra": ["any"],
}  # fmt: skip
_VALID = {
    "w": ["small", "missing"], "x": ["small"], "y": ["maybe"], "z": ["any"], "t": ["times"], "r": ["quoted"],
    "a": ["lists"], "f": ["small", "missing"],
}  # fmt: skip


@given(st.one_of(tables(_OF_TYPED), tables(_VALID)), st.integers(1, 4))
@example(b"w,x,y,z,t,r,a,f\n,1e999999999999999999999,,,,,,\n,1.0,,,,,,\n", 1)
@example(b"w,x,y,z,t,r,a,f\n,9007199254740993,,,,,,\n,0.0,,,,,,\n", 1)
@settings(max_examples=40, deadline=None)
def test_with_a_signature_every_chunk_is_typed_as_the_whole(content: bytes, chunk_rows: int) -> None:
    assert outcome(content, chunk_rows, TYPED) == outcome(content, 0, TYPED)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_table_is_typed_as_pandas_types_it(data: st.DataObject) -> None:
    """But for whole numbers that fit no 64 bits, which pandas leaves as texts or objects, and text beside them."""
    kinds = ["small", "truths", "maybe", "missing", "texts", "quoted"]
    content = data.draw(tables({name: kinds for name in "ab"}).filter(lambda found: b"\r" not in found))
    theirs = pandas.read_csv(
        io.BytesIO(content.removeprefix(b"\xef\xbb\xbf")), keep_default_na=False, na_values=MISSING,
        skipinitialspace=True, low_memory=False,
    )  # fmt: skip
    ours = outcome(content, 1)
    if len(theirs):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "data.csv").write_bytes(content)
            assert predicted(model_of(lambda _: tell(theirs)), Path(folder, "data.csv")) == ours


_ARROW = {
    pyarrow.int64(): st.integers(-(2**63), 2**63 - 1),
    pyarrow.int8(): st.integers(-128, 127),
    pyarrow.uint64(): st.integers(0, 2**64 - 1),
    pyarrow.float32(): st.floats(width=32),
    pyarrow.bool_(): st.booleans(),
    pyarrow.string(): _texts,
    pyarrow.binary(): st.binary(max_size=3),
    pyarrow.timestamp("us"): st.datetimes(),
    pyarrow.timestamp("ns", "UTC"): st.integers(-(2**60), 2**60),
    pyarrow.date32(): st.dates(),
    pyarrow.decimal128(9, 2): st.decimals(-9999, 9999, places=2),
    pyarrow.list_(pyarrow.int64()): st.lists(st.one_of(st.none(), st.integers(-5, 5)), max_size=3),
    pyarrow.struct({"s": pyarrow.int64()}): st.fixed_dictionaries({"s": st.one_of(st.none(), st.integers(-5, 5))}),
    pyarrow.null(): st.none(),
    pyarrow.dictionary(pyarrow.int32(), pyarrow.string()): st.sampled_from(["red", "green", "blue"]),
}


@given(st.data(), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_parquet_in_chunks_is_parquet_at_once(data: st.DataObject, chunk_rows: int) -> None:
    count = data.draw(st.integers(1, 9))
    kinds = data.draw(st.lists(st.sampled_from([*_ARROW]), min_size=1, max_size=4))
    arrays = [
        pyarrow.array(
            data.draw(st.lists(st.one_of(_ARROW[kind], st.none()), min_size=count, max_size=count)), kind
        )
        for kind in kinds
    ]  # fmt: skip
    out = io.BytesIO()
    statistics = data.draw(st.booleans())
    table = pyarrow.table(arrays, names=[f"c.{place}" for place in range(len(arrays))])
    parquet.write_table(
        table, out, row_group_size=data.draw(st.integers(1, 5)), write_statistics=statistics
    )  # fmt: skip
    whole = outcome(out.getvalue(), 0, ending=".parquet")
    assert isinstance(whole, bytes)
    assert outcome(out.getvalue(), chunk_rows, ending=".parquet") == whole
