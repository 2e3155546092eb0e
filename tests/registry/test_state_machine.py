"""Whatever is done, in whatever order and from whichever clone: the registry is what a model of it in memory is.

GITREG_TEST_EXAMPLES=200 tries that many orders, new ones each time.
"""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

import gitreg
from gitreg.errors import NotFound, Unreachable
from gitreg.registry.care.fsck import fsck
from gitreg.registry.place import open_registry
from gitreg.registry.runs.commit import commit
from gitreg.registry.wishes import read_wishes
from testing.gitcli import git
from testing.killing import commit_one, git_that_kills, register_as, run
from testing.machine import MODELS, SIGNATURES, Logged, Machine
from testing.models import write_model
from testing.registries import cloned, lone
from testing.sshd import SshServer

MORE = os.environ.get("GITREG_TEST_EXAMPLES")
# An order that fails is told as it was: to look for a shorter one takes many minutes.
STEPS = settings(
    max_examples=int(MORE or 4), stateful_step_count=30 if MORE else 10, deadline=None, derandomize=not MORE,
    phases=(Phase.explicit, Phase.generate),
)  # fmt: skip


class FaultyMachine(Machine):
    """Programs are killed, caches deleted, and the origin goes away; by `address` it is read without a clone."""

    address = ""

    @rule(
        n=st.integers(0, 1), found=st.sampled_from(SIGNATURES), at=st.integers(1, 8), after=st.booleans(),
    )  # fmt: skip
    def log_killed_and_again(self, n: int, found: object, at: int, after: bool) -> None:
        run_id = f"run-{len(self.runs):03}"
        weights = f"weights of {run_id}".encode()
        written = write_model(self.folder(), signature=found, weights=weights)  # type: ignore[arg-type]
        path = git_that_kills(self.folder(), at, after=after)
        assert run(commit_one, self.where(n), f"{run_id} {written}", path=path) in {0, -9}
        commit(written, run_id=run_id, registry=self.where(n))
        self.runs[run_id] = Logged(run_id, found, weights, {}, {})  # type: ignore[arg-type]
        self.here[n % len(self.places)].add(run_id)

    @rule(
        n=st.integers(0, 1), pick=st.integers(0, 99), model=st.sampled_from(MODELS), at=st.integers(1, 16),
        after=st.booleans(),
    )  # fmt: skip
    def register_killed(self, n: int, pick: int, model: str, at: int, after: bool) -> None:
        """It is a version if the origin has it, and then it stays one; what is left here is no hindrance to others."""
        logged = list(self.runs.values())[pick % len(self.runs)]
        if logged.run_id not in self.here[n % len(self.places)] or self.is_known(logged, model):
            return
        path = git_that_kills(self.folder(), at, after=after)
        assert run(register_as, self.where(n), f"{logged.run_id} {model}", path=path) in {0, -9}
        expected = self.expected(logged, model)
        authority = self.places[0].origin or self.places[0].path
        if git(authority, "tag", "--list", f"{model}@{expected.number}"):
            self.appeared(expected, gitreg.resolve(f"{model}@{expected.number}", registry=self.where(n)))
        self.dropped(n, logged, model)

    def is_known(self, logged: Logged, model: str) -> bool:
        return any(version.run is logged for version in self.versions[model])

    def dropped(self, n: int, logged: Logged, model: str) -> None:
        """A wish that was there before may have come true or not."""
        left = {(wish.run_id, wish.model) for wish in read_wishes(open_registry(self.where(n)).state)}
        self.wishes[n % len(self.places)] = sorted(left)

    @precondition(lambda self: self.shared)
    @rule(n=st.integers(0, 1), pick=st.integers(0, 99), model=st.sampled_from(MODELS))
    def register_offline(self, n: int, pick: int, model: str) -> None:
        logged = list(self.runs.values())[pick % len(self.runs)]
        if logged.run_id not in self.here[n]:
            return
        origin = self.places[0].origin
        assert origin
        away = origin.rename(origin.with_suffix(".away"))
        try:
            with pytest.raises(Unreachable):
                gitreg.register(f"run:{logged.run_id}", model, registry=self.where(n))
            with pytest.raises(Unreachable):
                gitreg.resolve(model, registry=self.where(n))
            with pytest.raises((Unreachable, NotFound)):
                gitreg.fetch(registry=self.where(n))
        finally:
            away.rename(origin)
        if (logged.run_id, model) not in self.wishes[n]:
            self.wishes[n].append((logged.run_id, model))

    @precondition(lambda self: self.shared)
    @rule(n=st.integers(0, 1))
    def back_online(self, n: int) -> None:
        self.complete(n)

    @precondition(lambda self: self.shared)
    @rule(n=st.integers(0, 1))
    def delete_the_cache(self, n: int) -> None:
        """What was published is nowhere else: the rest is pushed before."""
        self.complete(n, *sorted(self.here[n] - self.at_origin))
        self.at_origin |= self.here[n]
        shutil.rmtree(open_registry(self.where(n)).cache.root, ignore_errors=True)

    @precondition(lambda self: self.address)
    @rule(pick=st.integers(0, 99), gone=st.booleans())
    def read_by_address(self, pick: int, gone: bool) -> None:
        version = self.a_version(pick)
        if gone:
            shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
        found = gitreg.resolve(f"{version.model}@{version.number}", registry=self.address)
        assert found.tag == version.tag  # an exact version that is here already asks nobody whether it was retired
        pulled = gitreg.pull(str(version), self.folder(), registry=self.address)
        assert (pulled / "model.pkl").read_bytes() == version.run.weights

    def teardown(self) -> None:
        for place in self.places:
            faults = fsck(remote=True, registry=place.path).faults
            # The payloads of a run that nobody registered are published by nobody.
            mine = {f"run/{run_id}" for run_id in self.runs} - {f"run/{run_id}" for run_id in self.at_origin}
            assert [
                f for f in faults if not f.remark and not (f.rule == "store" and f.thing.split(":")[0] in mine)
            ] == []


def test_a_registry_without_an_origin_is_what_was_done_to_it(tmp_path: Path) -> None:
    count = itertools.count()

    def begin() -> Machine:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        return FaultyMachine(lone(folder / "r"))

    run_state_machine_as_test(begin, settings=STEPS)  # type: ignore[arg-type]  # anything that makes one will do


def test_two_clones_of_an_origin_are_what_was_done_to_either(tmp_path: Path, sshd: SshServer) -> None:
    count = itertools.count()

    def begin() -> Machine:
        folder = tmp_path / str(next(count))
        folder.mkdir()
        first = cloned(folder / "r")
        machine = FaultyMachine(first, first.clone(folder / "s"))
        machine.address = sshd.url(first.origin or "")
        return machine

    run_state_machine_as_test(begin, settings=STEPS)  # type: ignore[arg-type]  # anything that makes one will do
