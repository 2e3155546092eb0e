"""What every flavor promises, for models of any framework: tests that a flavor passes as it arrives.

A class of tests names the module with the table of its models (`MODELS`, of name to Kind), the folder that module is
imported from, and the package of the framework.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

import gitreg
from flavors.asking import height, rows
from frameworks.kinds._kind import Kind
from gitreg.errors import Damaged
from gitreg.flavors import detect_flavor, get_flavor
from gitreg.flavors._base import Flavor
from gitreg.format.pointer import parse_pointer
from gitreg.stores.cache import object_path
from testing.gitcli import git
from testing.registries import Place, cloned

TESTS = Path(__file__).parents[1]

ELSEWHERE = """
import importlib, pickle, sys
sys.path[:0] = sys.argv[3:]
import gitreg
from flavors.asking import plain
kinds = importlib.import_module(sys.argv[1]).MODELS
done = {}
for name, (registry, where, data) in pickle.loads(open(sys.argv[2], "rb").read()).items():
    kind = kinds[name]
    native = kind.ask(gitreg.load_model(where, trust=kind.trust, registry=registry), data)
    ask = lambda: plain(gitreg.load_pyfunc(where, trust=kind.trust, registry=registry).predict(data))
    done[name] = (native, ask() if kind.predicts else None)
assert "mlflow" not in sys.modules
open(sys.argv[2], "wb").write(pickle.dumps(done))
"""

WITHOUT = """
import importlib.abc, json, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import gitreg
from gitreg.cli._group import Gitreg
gitreg.use(sys.argv[2])
version = gitreg.resolve("it")
for command in (["ls", "it"], ["show", "it"], ["diff", "it@1", "it@1"], ["log", "it"], ["promote", "it", "staging"]):
    assert Gitreg().main(["-R", sys.argv[2], *command]) == 0, command
gitreg.pull(version, sys.argv[3])
try:
    gitreg.load_model(version)
except gitreg.Unsupported as error:
    print("\\n" + json.dumps([error.message, error.hint]))
"""


def called(name: str) -> str:
    """A kind's name as that of a registered model."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name)


@dataclass(frozen=True)
class Published:
    """A registry with a version of each kind of a table: data, and what each model predicted before it was saved."""

    place: Place
    data: Mapping[str, Any]
    wanted: Mapping[str, Any]

    def jobs(self, names: Iterator[str] | list[str], registry: Path) -> dict[str, tuple[str, str, Any]]:
        """What `elsewhere` is asked for: registry, reference and data of each kind."""
        return {name: (str(registry), called(name), self.data[name]) for name in names}


class FlavorContract:
    """What is promised of one table of models."""

    flavor: ClassVar[str]
    table: ClassVar[str]
    """The module that holds MODELS."""
    package: ClassVar[str]
    """What the framework is imported from."""
    path: ClassVar[Path] = TESTS
    """Where the module of the table is imported from."""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The models of the table."""
        found: Mapping[str, Kind] = importlib.import_module(self.table).MODELS
        return found

    @pytest.fixture(scope="class")
    def published(self, sealed_session: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
        place = cloned(tmp_path_factory.mktemp("journey") / "registry")
        data, wanted = {}, {}
        for name, kind in self.kinds.items():
            model, data[name] = kind.make()
            assert height(data[name]) == 100
            wanted[name] = kind.ask(model, data[name])
            options = {**kind.options, **kind.only_gitreg}
            if kind.signed:
                options["input_example"] = rows(data[name], 3)
            if kind.flavor != detect_flavor(model).NAME:
                options["flavor"] = kind.flavor
            gitreg.log_model(model, register_as=called(name), registry=place.path, **options)
        return Published(place, data, wanted)

    def elsewhere(self, jobs: Mapping[str, tuple[str, str, Any]], folder: Path) -> dict[str, tuple[Any, Any]]:
        """What a new program predicts with each model, natively and through pyfunc."""
        (folder / "jobs.pickle").write_bytes(pickle.dumps(dict(jobs)))
        command = [sys.executable, "-c", ELSEWHERE, self.table, folder / "jobs.pickle", TESTS, self.path]
        subprocess.run(list(map(str, command)), check=True, cwd=folder)
        found: dict[str, tuple[Any, Any]] = pickle.loads((folder / "jobs.pickle").read_bytes())
        return found

    def test_it_has_the_names_of_a_flavor(self) -> None:
        found = get_flavor(self.flavor)
        assert isinstance(found, Flavor)
        assert self.flavor == found.NAME
        assert any(kind.flavor == self.flavor for kind in self.kinds.values())

    def test_another_program_elsewhere_predicts_the_same(self, published: Published, tmp_path: Path) -> None:
        other = published.place.clone(tmp_path / "other")
        found = self.elsewhere(published.jobs(list(self.kinds), other.path), tmp_path)
        assert {name: native for name, (native, _) in found.items()} == published.wanted
        for name, kind in self.kinds.items():
            if kind.ask_pyfunc is not None:
                assert found[name][1] == kind.ask_pyfunc(published.wanted[name])

    def test_a_payload_that_was_changed_is_refused_by_its_name(self, published: Published, tmp_path: Path) -> None:
        other = published.place.clone(tmp_path / "other")
        model = called(next(iter(self.kinds)))
        names = git(other.path, "ls-tree", "-r", "--name-only", f"{model}@1").splitlines()
        pointers = [name for name in names if name.endswith(".dvc") and "example" not in name]
        assert pointers
        for name in pointers:
            pointer = parse_pointer(git(other.path, "show", f"{model}@1:{name}") + "\n")
            with changed(object_path(published.place.payloads, pointer.md5)):
                for read in (gitreg.load_model, gitreg.load_pyfunc):
                    with pytest.raises(Damaged, match=re.escape(pointer.path)):
                        read(model, registry=other.path)

    def test_without_the_framework_all_but_loading_works(self, published: Published, tmp_path: Path) -> None:
        place = cloned(tmp_path / "registry")
        folder = gitreg.pull(called(next(iter(self.kinds))), tmp_path / "folder", registry=published.place.path)
        gitreg.commit(folder, register_as="it", registry=place.path)
        command = [sys.executable, "-c", WITHOUT, self.package, place.path, tmp_path / "pulled"]
        done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, cwd=tmp_path)
        message, hint = json.loads(done.stdout.splitlines()[-1])
        distribution = get_flavor(self.flavor).DISTRIBUTIONS[0]
        assert re.fullmatch(rf"it@v[01]\.[01]\.0 needs {distribution}, which is not installed", message)
        assert hint.startswith("pip install ")


@contextlib.contextmanager
def changed(file: Path) -> Iterator[None]:
    """Another byte at the end of a file, for as long as it lasts; an empty file gets one."""
    before = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]) if before else b"x")
    try:
        yield
    finally:
        file.write_bytes(before)
