"""A registry against a model of it in memory: any sequence of what can be done leads both to the same answers."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

import gitreg
from gitreg.errors import Conflict, NotFound
from gitreg.format.numbering import next_version
from gitreg.format.semver import Semver, parse_line
from gitreg.registry.catalog import read_tags, read_versions
from gitreg.registry.notes import read_labels
from gitreg.registry.place import open_registry
from testing.registries import Place, cloned, lone, promised, signature, times

SIGNATURES = [signature(a="long"), signature(a="long", b="long?"), signature(a="string")]
MODELS = ["churn", "leavers"]


@dataclass
class Known:
    """One version as the model knows it."""

    model: str
    semver: Semver
    number: int
    run: str
    kind: int
    factor: int
    retired: bool = False
    labels: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.model}@{self.semver}"


class Machine(RuleBasedStateMachine):
    """Both registries, and what they should say."""

    runs = Bundle("runs")
    versions = Bundle("versions")
    with_origin = False

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="gitreg-model-"))
        self.known: list[Known] = []
        self.count = 0

    @initialize()
    def begin(self) -> None:
        self.place: Place = (cloned if self.with_origin else lone)(self.top / "registry")
        self.others = [self.place.clone(self.top / "other").path] if self.with_origin else []
        self.paths = [self.place.path, *self.others]

    @rule(target=runs, kind=st.sampled_from([0, 0, 1, 2]))
    def log(self, kind: int) -> tuple[str, int, int]:
        self.count += 1
        run = f"run-{self.count}"
        gitreg.log_model(
            times(self.count), run_id=run, signature=SIGNATURES[kind], pip_requirements=["cloudpickle"],
            registry=self.place.path,
        )  # fmt: skip
        return run, kind, self.count

    @rule(target=versions, run=runs, model=st.sampled_from(MODELS))
    def register(self, run: tuple[str, int, int], model: str) -> object:
        name, kind, factor = run
        mine = [v for v in self.known if v.model == model]
        before = [v for v in mine if v.run == name]
        if before:
            if before[0].retired:
                with pytest.raises(Conflict, match="is retired"):
                    gitreg.register(f"run:{name}", model, registry=self.place.path)
            else:
                again = gitreg.register(f"run:{name}", model, registry=self.place.path)
                assert (str(again), again.number) == (str(before[0]), before[0].number)
            return multiple()
        expected, _ = next_version(
            promised(SIGNATURES[kind]), [v.semver for v in mine],
            {v.semver: promised(SIGNATURES[v.kind]) for v in mine}.__getitem__,
            retired=[v.semver for v in mine if v.retired],
        )  # fmt: skip
        made = gitreg.register(f"run:{name}", model, registry=self.place.path)
        known = Known(model, expected, len(mine) + 1, name, kind, factor)
        assert (str(made), made.number) == (str(known), known.number)
        self.known.append(known)
        return known

    @rule(version=consumes(versions))
    def retire(self, version: Known) -> None:
        gitreg.retire(str(version), "for a test", registry=self.place.path)
        version.retired = True

    @rule(version=versions, key=st.sampled_from(["owner", "seen"]), value=st.none() | st.sampled_from(["x", "y"]))
    def note(self, version: Known, key: str, value: str | None) -> None:
        gitreg.note(str(version), {key: value}, registry=self.paths[-1])
        version.labels.pop(key, None)
        if value is not None:
            version.labels[key] = value

    @rule(version=versions, which=st.integers(0, 1))
    def load(self, version: Known, which: int) -> None:
        loaded = gitreg.load_model(f"{version.model}@{version.number}", registry=self.paths[which % len(self.paths)])
        assert callable(loaded) and loaded(2) == 2 * version.factor

    @rule(model=st.sampled_from(MODELS), form=st.sampled_from(["", "@latest", "@v1", "@v2", "@v1.1"]))
    def resolve(self, model: str, form: str) -> None:
        standing = [v for v in self.known if v.model == model and not v.retired]
        if form.startswith("@v"):
            standing = [v for v in standing if parse_line(form[1:]).holds(v.semver)]
        for path in self.paths:
            if not standing:
                with pytest.raises(NotFound):
                    gitreg.resolve(model + form, registry=path)
                continue
            expected = max(standing, key=lambda v: v.semver)
            assert str(gitreg.resolve(model + form, registry=path)) == str(expected)

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "place"):
            return
        registry = open_registry(self.place.path)
        found = read_versions(registry, read_tags(registry).values())
        assert found.damaged == ()
        told = {str(v): (v.number, v.run_id, v.retired) for v in found.versions}
        assert told == {str(v): (v.number, v.run, v.retired) for v in self.known}
        last: dict[str, str] = {}
        for version in found.versions:
            assert version.previous == last.get(version.model, "")
            last[version.model] = version.tag

    def teardown(self) -> None:
        if hasattr(self, "place"):
            if self.with_origin:
                gitreg.fetch(registry=self.place.path)
                registered = {tag for tag in self.place.tags() if "@" in tag}
                assert registered == {tag for tag in self.place.at_origin() if "@" in tag}
            registry = open_registry(self.place.path)
            tags = {str(v): registry.git.find_ref(f"refs/tags/{v}") for v in self.known}
            labels = read_labels(registry, list(tags.values()))
            assert {str(v): labels.get(tags[str(v)], {}) for v in self.known} == {str(v): v.labels for v in self.known}
        shutil.rmtree(self.top, ignore_errors=True)


class MachineWithOrigin(Machine):
    """The same, between a clone that registers, another that notes, and their origin."""

    with_origin = True


class TestWithoutOrigin(Machine.TestCase):
    """Every sequence in a repository of its own."""

    settings = settings(max_examples=4, stateful_step_count=18, deadline=None, derandomize=True)


class TestWithOrigin(MachineWithOrigin.TestCase):
    """Every sequence in clones of an origin."""

    settings = settings(max_examples=3, stateful_step_count=14, deadline=None, derandomize=True)
