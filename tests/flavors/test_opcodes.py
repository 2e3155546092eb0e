"""The modules that a pickle names, read while it is written."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import io
import itertools
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import joblib.numpy_pickle
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flavors.models import CASES
from gitreg.errors import Damaged, GitregError
from gitreg.flavors.saving.classes import stable_pickler
from gitreg.flavors.saving.opcodes import ModuleReader, Tee
from gitreg.flavors.saving.pickles import _dump_joblib

TOP = Path(__file__).parents[2]


class Oracle(pickle.Unpickler):
    """Python's own unpickler, which says what it imports."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), fix_imports=False)
        self.modules: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.modules.add(module)
        names = {"copy_reg": "copyreg", "__builtin__": "builtins"}
        found = super().find_class(names.get(module, module), {"unicode": "str"}.get(name, name))
        if (module, name) == ("cloudpickle.cloudpickle", "subimport"):
            return lambda imported: self.modules.add(imported) or found(imported)
        return found


def imported_by(data: bytes) -> set[str]:
    oracle = Oracle(data)
    oracle.load()
    return oracle.modules


def read(data: bytes, cuts: list[int]) -> set[str]:
    reader = ModuleReader()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        reader.feed(data[start:end])
    return reader.modules


class Colour(enum.Enum):
    RED = 1


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=300),
        st.binary(max_size=300),
        st.sampled_from(["decimal", "numpy", "subimport", "cloudpickle.cloudpickle", "collections"]),
        st.sampled_from([decimal.Decimal(1), datetime.date(2026, 1, 1), fractions.Fraction(1, 2), Colour.RED]),
        st.sampled_from([collections.OrderedDict(a=1), collections.Counter, len, np.float32(1), np.arange(3)]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=5), inner, max_size=5), st.tuples(inner, inner)
    ),
    max_leaves=20,
)


@given(value=VALUES, protocol=st.integers(0, 5), cuts=st.lists(st.integers(0, 10**6), max_size=10))
def test_the_modules_are_those_that_the_unpickler_imports(value: Any, protocol: int, cuts: list[int]) -> None:
    data = pickle.dumps(value, protocol=protocol, fix_imports=False)
    assert read(data, cuts) == imported_by(data)


@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=4))
def test_what_is_no_pickle_is_damaged_at_worst(data: bytes, cuts: list[int]) -> None:
    try:
        read(data, cuts)
    except GitregError as error:
        assert isinstance(error, Damaged)


@pytest.mark.parametrize("name", CASES)
def test_the_modules_of_real_models_are_those_that_the_unpickler_imports(name: str) -> None:
    model, _ = CASES[name].make()
    data = cloudpickle.dumps(model)
    assert read(data, [17, 4000, 70000]) == imported_by(data) != set()


def test_a_module_object_is_imported_by_its_name_also_when_the_memo_holds_it() -> None:
    functions = [lambda x: np.log(x), "numpy", "pandas", lambda x: pd.isna(np.exp(x)), lambda x: decimal.Decimal(x)]
    data = cloudpickle.dumps(functions)
    assert {"numpy", "pandas", "decimal"} <= read(data, []) == imported_by(data)


def test_large_values_pass_by_and_names_after_them_are_seen() -> None:
    value = [b"x" * 200_000, "y" * 300_000, np.zeros(100_000), bytearray(70_000), decimal.Decimal(2)]
    file = io.BytesIO()
    tee = Tee(file)
    pickle.Pickler(tee, protocol=5).dump(value)
    assert tee.modules == imported_by(file.getvalue()) >= {"decimal"}
    assert tee.size == len(file.getvalue())


def test_joblib_arrays_between_the_opcodes_are_no_opcodes() -> None:
    chance = np.random.default_rng(0)
    value = {
        "a": chance.integers(0, 256, 100_000, "uint8"),
        "b": decimal.Decimal(1),
        "c": np.asfortranarray(np.ones((9, 9))),
    }
    file, wanted = io.BytesIO(), io.BytesIO()
    modules, size = _dump_joblib(value, file)
    joblib.dump(value, wanted, protocol=5)
    assert file.getvalue() == wanted.getvalue()
    assert size == len(wanted.getvalue())
    assert "decimal" in modules
    assert "joblib.numpy_pickle" in modules


def test_the_bytes_are_as_many_as_cloudpickle_writes() -> None:
    class Node:
        colour = Colour.RED

        def other(self) -> Any:
            return Leaf

    class Leaf(Node):
        kind = Node

    for value in (
        Leaf(),
        [Node, Leaf, Leaf()],
        lambda: Leaf(),
        np.zeros(10**6),
        "text" * 50_000,
        {"a": random.Random(1)},
    ):
        file = io.BytesIO()
        tee = Tee(file)
        stable_pickler(tee, 5).dump(value)
        assert tee.size == len(file.getvalue()) == len(cloudpickle.dumps(value, protocol=5))
        pickle.loads(file.getvalue())


SCRIPT = """
import enum, hashlib, io, sys
from gitreg.flavors.saving.classes import stable_pickler

class Colour(enum.Enum):
    RED = 1

class Model:
    colour = Colour.RED
    limit = LIMIT
    def predict(self, data):
        return Other(), [x for x in data if x > self.limit]

class Other(Model):
    pass

file = io.BytesIO()
stable_pickler(file, 5).dump(Model())
print(hashlib.sha256(file.getvalue()).hexdigest())
import pickle
assert type(pickle.loads(file.getvalue())) is Model
"""


def run(script: str) -> str:
    path = f"{TOP}:{TOP / 'tests'}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_class_of_a_script_gives_the_same_bytes_in_every_process_and_another_class_others() -> None:
    first = run(SCRIPT.replace("LIMIT", "1"))
    assert run(SCRIPT.replace("LIMIT", "1")) == first
    assert run(SCRIPT.replace("LIMIT", "2")) != first


def test_two_versions_of_a_class_do_not_meet_where_both_are_loaded() -> None:
    def make(limit: int) -> Any:
        class Model:
            def predict(self) -> int:
                return limit

        return Model()

    files = []
    for limit in (1, 2):
        file = io.BytesIO()
        stable_pickler(file, 5).dump(make(limit))
        files.append(file.getvalue())
    models = [pickle.loads(data) for data in files]
    assert [model.predict() for model in models] == [1, 2]


MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from flavors.saving import save_to
from sklearn.linear_model import LinearRegression

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

small = LinearRegression().fit(np.ones((2, 1)), np.ones(2))
save_to(Path("small"), small, serialization_format="FORMAT")
model = LinearRegression().fit(np.ones((2, 1)), np.ones(2))
model.table_ = np.ones((SIZE, 1024, 128))
if ORDER:
    model.table_ = model.table_.T
before = peak()
save_to(Path("large"), model, serialization_format="FORMAT")
print(peak() - before, before)
print(sum(p.stat().st_size for p in Path("large").glob("model.*")))
"""


@pytest.mark.parametrize(
    ("how", "transposed", "size"),
    [("cloudpickle", False, 160), ("cloudpickle", True, 160), ("pickle", False, 160), ("joblib", False, 160)],
)
def test_saving_a_large_array_takes_less_than_60_mebibytes_more(how: str, transposed: bool, size: int) -> None:
    script = MEMORY.replace("FORMAT", how).replace("ORDER", str(transposed)).replace("SIZE", str(size))
    growth, written = run(script).splitlines()
    more, before = map(float, growth.split())
    assert before > size
    assert more < 60
    assert int(written) > size * 2**20
