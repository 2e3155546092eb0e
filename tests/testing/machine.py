"""A registry beside a model of it in memory: each rule does a thing to both, and compares what they say."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

import gitreg
from gitreg.errors import Conflict, NotFound
from gitreg.format.compatibility import Promise
from gitreg.format.numbering import next_version
from gitreg.format.schema import Signature
from gitreg.format.semver import Semver, format_semver
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import open_registry
from gitreg.registry.runs.commit import commit
from gitreg.registry.wishes import read_wishes
from gitreg.stores.cache import object_path
from testing.gitcli import git
from testing.models import log_run, write_model
from testing.registries import Place, signature

MODELS = ("churn", "price")
SIGNATURES: tuple[Signature | None, ...] = (
    None, signature(a="long"), signature(a="long", b="long?"), signature(a="string"),
)  # fmt: skip


@dataclass(frozen=True)
class Logged:
    """A run as it was logged."""

    run_id: str
    signature: Signature | None
    weights: bytes
    params: dict[str, str]
    metrics: dict[str, float]

    @property
    def promise(self) -> Promise:
        return Promise(self.signature, ("python_function", "sklearn"))


@dataclass
class Known:
    """A version as it was made."""

    model: str
    number: int
    semver: Semver
    run: Logged
    tag: str
    retired: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    noted: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.model}@{format_semver(self.semver)}"


class Machine(RuleBasedStateMachine):
    """`places` are the clones of one origin, or the one repository that has none; a rule acts in `n` of them."""

    def __init__(self, *places: Place) -> None:
        super().__init__()
        self.places = places
        self.shared = len(places) > 1
        self.runs: dict[str, Logged] = {}
        self.here: list[set[str]] = [set() for _ in places]
        self.at_origin: set[str] = set()
        self.versions: dict[str, list[Known]] = {model: [] for model in MODELS}
        self.wishes: list[list[tuple[str, str]]] = [[] for _ in places]  # run and model, asked for while offline
        self.folders = itertools.count()

    def where(self, n: int) -> Path:
        return self.places[n % len(self.places)].path

    def seen(self, n: int) -> set[str]:
        """The runs that can be had in a place: logged there, brought there, or at the origin."""
        return self.here[n % len(self.places)] | self.at_origin

    def folder(self) -> Path:
        return self.places[0].path.parent / f"folder{next(self.folders)}"

    def everything(self) -> list[Known]:
        """All versions, by model and number."""
        return [version for model in MODELS for version in self.versions[model]]

    def a_version(self, pick: int) -> Known:
        return self.everything()[pick % len(self.everything())]

    @initialize(n=st.integers(0, 1), found=st.sampled_from(SIGNATURES))
    def begin(self, n: int, found: Signature | None) -> None:
        self.log(n, found, {"depth": 3}, {"auc": 0.5})
        self.register(n, 0, MODELS[0])

    @rule(
        n=st.integers(0, 1),
        found=st.sampled_from(SIGNATURES),
        params=st.dictionaries(st.sampled_from(["depth", "rate"]), st.integers(0, 9), max_size=2),
        metrics=st.dictionaries(st.sampled_from(["auc", "loss"]), st.floats(0, 1), max_size=2),
    )
    def log(self, n: int, found: Signature | None, params: dict[str, int], metrics: dict[str, float]) -> None:
        run_id = f"run-{len(self.runs):03}"
        weights = f"weights of {run_id}".encode()
        written = write_model(self.folder(), signature=found, weights=weights)
        if params or metrics:
            log_run(self.where(n), run_id, written, params=params, metrics=metrics)
        else:
            made = commit(written, run_id=run_id, registry=self.where(n))
            assert commit(written, run_id=run_id, registry=self.where(n)) == made
        self.runs[run_id] = Logged(run_id, found, weights, {k: str(v) for k, v in params.items()}, metrics)
        self.here[n % len(self.places)].add(run_id)

    @rule(n=st.integers(0, 1), pick=st.integers(0, 99), model=st.sampled_from(MODELS))
    def register(self, n: int, pick: int, model: str) -> None:
        run = list(self.runs.values())[pick % len(self.runs)]
        name = f"run:{run.run_id}/model"
        known = self.versions[model]
        again = next((version for version in known if version.run is run), None)
        if run.run_id not in self.seen(n):
            with pytest.raises(NotFound):
                gitreg.register(name, model, registry=self.where(n))
        elif again and again.retired:
            with pytest.raises(Conflict, match="is retired"):
                gitreg.register(name, model, registry=self.where(n))
        elif again:
            assert gitreg.register(name, model, registry=self.where(n)).tag == again.tag
        else:
            expected = self.expected(run, model)
            self.appeared(expected, gitreg.register(name, model, registry=self.where(n)))
        wishes = self.wishes[n % len(self.places)]
        if (run.run_id, model) in wishes and not (again and again.retired):
            wishes.remove((run.run_id, model))

    def expected(self, run: Logged, model: str) -> Known:
        """What the run becomes, if it is registered now."""
        known = self.versions[model]
        promises = {version.semver: version.run.promise for version in known}
        retired = {version.semver for version in known if version.retired}
        semver, _ = next_version(run.promise, promises, promises.__getitem__, retired=retired)
        return Known(model, len(known) + 1, semver, run, "")

    def appeared(self, expected: Known, made: ModelVersion) -> None:
        """Compare a new version with what was expected, and count it in."""
        known = self.versions[expected.model]
        assert (made.semver, made.number) == (expected.semver, expected.number)
        assert (made.run_id, made.metrics) == (expected.run.run_id, expected.run.metrics)
        assert made.previous == (known[-1].tag if known else "")
        expected.tag = made.tag
        known.append(expected)
        if self.shared:
            self.at_origin.add(made.run_id)

    @rule(n=st.integers(0, 1), pick=st.integers(0, 99))
    def retire(self, n: int, pick: int) -> None:
        version = self.a_version(pick)
        if version.retired:
            with pytest.raises(Conflict, match="is retired already"):
                gitreg.retire(str(version), "again", registry=self.where(n))
        else:
            assert gitreg.retire(f"{version.model}@{version.number}", "old", registry=self.where(n)).retired
            version.retired = True

    @rule(
        n=st.integers(0, 1), pick=st.integers(0, 99),
        key=st.sampled_from(["owner", "approved"]), value=st.none() | st.sampled_from(["yes", "no"]),
    )  # fmt: skip
    def note(self, n: int, pick: int, key: str, value: str | None) -> None:
        version = self.a_version(pick)
        (fact,) = gitreg.note(str(version), {key: value}, registry=self.where(n))
        version.noted[key] = version.noted.get(key, 0) + 1
        assert fact.n == version.noted[key]
        version.labels.pop(key, None)
        if value is not None:
            version.labels[key] = value

    def wished(self, n: int) -> list[Known]:
        """The versions that a push completes first."""
        return []

    @precondition(lambda self: self.shared)
    @rule(n=st.integers(0, 1), pick=st.integers(0, 99))
    def push(self, n: int, pick: int) -> None:
        mine = sorted(self.here[n % 2]) or sorted(self.here[1 - n % 2])
        n = n if self.here[n % 2] else 1 - n
        run_id = mine[pick % len(mine)]
        self.complete(n % 2, run_id)
        self.at_origin.add(run_id)

    def complete(self, n: int, *runs: str) -> None:
        """Push from a place: what was asked for there while it was offline is registered first."""
        asked = [(wish.run_id, wish.model) for wish in read_wishes(open_registry(self.where(n)).state)]
        assert sorted(asked) == sorted(self.wishes[n])
        known = {(version.run.run_id, version.model): version for version in self.everything()}
        refused = [wish for wish in asked if wish in known and known[wish].retired]
        with pytest.raises(Conflict, match="is retired") if refused else contextlib.nullcontext():
            gitreg.push(*runs, registry=self.where(n))
        for run_id, model in asked:
            if (run_id, model) not in known:
                expected = self.expected(self.runs[run_id], model)
                self.appeared(expected, gitreg.resolve(f"{model}@{expected.number}", registry=self.where(n)))
        self.wishes[n] = refused

    @rule(n=st.integers(0, 1), model=st.sampled_from(MODELS))
    def resolve_every_form(self, n: int, model: str) -> None:
        known = self.versions[model]
        standing = [version for version in known if not version.retired]
        greatest = max(standing, key=lambda version: version.semver, default=None)
        expected: dict[str, Known | None] = {model: greatest, f"{model}@latest": greatest}
        expected[f"models:/{model}/latest"] = standing[-1] if standing else None
        for major in range(3):
            line = [version for version in standing if version.semver.major == major]
            expected[f"{model}@v{major}"] = max(line, key=lambda version: version.semver, default=None)
        for version in known:
            spelled = f"models:/{model}/{version.number}" if version.number % 2 else f"{model}@{version.number}"
            expected |= {str(version): version, spelled: version}
        expected |= {f"{model}@v9.9.9": None, f"{model}@{len(known) + 1}": None, f"{model}@nowhere": None}
        for reference, wanted in expected.items():
            if wanted is None:
                with pytest.raises(NotFound):
                    gitreg.resolve(reference, registry=self.where(n))
            else:
                found = gitreg.resolve(reference, registry=self.where(n))
                assert (reference, str(found), found.tag) == (reference, str(wanted), wanted.tag)

    @rule(n=st.integers(0, 1), pick=st.integers(0, 99))
    def pull(self, n: int, pick: int) -> None:
        version = self.a_version(pick)
        pulled = gitreg.pull(str(version), self.folder(), registry=self.where(n))
        assert (pulled / "model.pkl").read_bytes() == version.run.weights

    @rule(n=st.integers(0, 1), pick=st.integers(0, 99))
    def read_run(self, n: int, pick: int) -> None:
        run = list(self.runs.values())[pick % len(self.runs)]
        if run.run_id not in self.seen(n):
            with pytest.raises(NotFound):
                gitreg.get_run(run.run_id, registry=self.where(n))
            return
        found = gitreg.get_run(run.run_id, registry=self.where(n))
        assert (found.id, found.status) == (run.run_id, "finished")
        assert (found.params, found.metrics) == (run.params, run.metrics)
        self.here[n % len(self.places)].add(run.run_id)

    @rule(n=st.integers(0, 1))
    def read_everything(self, n: int) -> None:
        if self.shared:
            gitreg.fetch(registry=self.where(n))
            self.here[n % len(self.places)] |= self.at_origin
        found = gitreg.search_versions(order_by=["model", "number"], registry=self.where(n))
        assert [(str(v), v.number, v.run_id, v.retired, dict(v.labels)) for v in found] == [
            (str(v), v.number, v.run.run_id, v.retired, v.labels) for v in self.everything()
        ]
        runs = gitreg.search_runs(registry=self.where(n))
        assert {run.id for run in runs} == self.here[n % len(self.places)]

    @invariant()
    def every_version_has_its_payload(self) -> None:
        for version in self.everything():
            stored = object_path(self.places[0].payloads, hashlib.md5(version.run.weights).hexdigest())
            assert stored.read_bytes() == version.run.weights

    @invariant()
    def tags_are_exactly_those_of_what_was_done(self) -> None:
        authority = self.places[0].origin or self.places[0].path
        listed = git(authority, "for-each-ref", "--format=%(objectname) %(refname:strip=2)", "refs/tags").splitlines()
        tags = {name: oid for oid, name in (line.split() for line in listed)}
        runs = self.at_origin if self.shared else set(self.runs)
        everything = self.everything()
        expected = {str(v): v.tag for v in everything} | {f"{v.model}@{v.number}": v.tag for v in everything}
        assert {name: tags[name] for name in expected} == expected
        retired = {f"{v}!" for v in everything if v.retired}
        assert set(tags) == {*expected, *retired, *(f"run/{run}" for run in runs)}
