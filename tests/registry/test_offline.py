"""The origin is away: what is kept, what is said, and what completes it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Unreachable
from gitreg.registry.care.status import status
from gitreg.registry.notes import NOTES, read_labels
from gitreg.registry.place import open_registry
from testing.commandline import gitreg as typed
from testing.gitcli import git
from testing.registries import Place, log, times


@contextlib.contextmanager
def away(place: Place) -> Iterator[None]:
    """As long as this lasts, the origin is somewhere else."""
    assert place.origin
    elsewhere = place.origin.rename(place.origin.with_suffix(".away"))
    try:
        yield
    finally:
        elsewhere.rename(place.origin)


def test_a_registration_waits_and_push_completes_it(clone: Place) -> None:
    log(1, "churn")
    logged = log(2)
    wish = f"run:{logged.run_id}/model as churn"
    before = clone.tags()
    with away(clone):
        with pytest.raises(Unreachable, match="cannot fetch from") as refused:
            gitreg.register(logged, "churn", description="the second")
        assert (refused.value.exit_code, refused.value.hint) == (
            75, "it is kept and not yet a version: gitreg push completes it",
        )  # fmt: skip
        assert clone.tags() == before
        told = status()
        assert (told.wishes, told.stale, told.unpushed) == ((wish,), True, None)
        with pytest.raises(Unreachable):
            gitreg.push()
        assert status().wishes == (wish,)
    assert "churn@2" not in clone.at_origin()
    assert status().wishes == (wish,)
    (version,) = gitreg.push().versions
    assert (str(version), version.description, version.number) == ("churn@v0.2.0", "the second", 2)
    assert (status().wishes, status().unpushed) == ((), ())
    assert clone.at_origin() == clone.tags()


def test_the_command_line_says_so_and_ends_with_75(clone: Place) -> None:
    logged = log(2)
    with away(clone):
        said = typed("register", str(logged), "churn")
        assert said.code == 75
        assert "it is kept and not yet a version: gitreg push completes it" in said.err
        told = typed("status")
        assert told.code == 0
        assert f"{logged} as churn" in told.out
        assert typed("push").code == 75
        assert typed("fetch").code == 75
    assert clone.tags("churn*") == clone.at_origin() == []
    assert typed("push").code == 0
    assert clone.tags("churn*") == clone.at_origin("churn*") == ["churn@1", "churn@v0.1.0"]


def test_a_wish_is_completed_by_registering_again_too(clone: Place) -> None:
    logged = log(2)
    with away(clone), pytest.raises(Unreachable):
        gitreg.register(logged, "churn")
    first = gitreg.register(logged, "churn")
    assert status().wishes == ()
    assert gitreg.push().versions == ()
    assert gitreg.resolve("churn") == first


def test_what_somebody_else_registered_meanwhile_comes_first(clone: Place, tmp_path: Path) -> None:
    other = clone.clone(tmp_path / "other")
    logged = log(2)
    with away(clone), pytest.raises(Unreachable):
        gitreg.register(logged, "churn")
    assert log(3, "churn", registry=other.path).version == "churn@v0.1.0"
    (version,) = gitreg.push().versions
    assert (str(version), version.number) == ("churn@v0.2.0", 2)
    assert version.previous == git(other.path, "rev-parse", "churn@1")


def test_a_training_goes_on_and_only_warns(clone: Place) -> None:
    with away(clone):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            with gitreg.start_run(run_id="night") as run:
                gitreg.log_metric("loss", 0.5)
                gitreg.log_model(times(2), register_as="churn", pip_requirements=["cloudpickle"])
        assert [w.category for w in seen] == [UserWarning]
        assert "gitreg push completes it" in str(seen[0].message)
        assert (gitreg.get_run(run.id).status, gitreg.get_run(run.id).metrics) == ("finished", {"loss": 0.5})
        assert clone.tags() == ["run/night"]
        assert status().wishes == ("run:night/model as churn",)
        loaded = gitreg.load_model("run:night")
        assert callable(loaded) and loaded(3) == 6
    assert [str(v) for v in gitreg.push().versions] == ["churn@v0.1.0"]
    assert clone.at_origin() == ["churn@1", "churn@v0.1.0", "run/night"]


def test_a_run_that_was_to_be_pushed_warns_and_is_pushed_later(clone: Place) -> None:
    with (
        away(clone),
        pytest.warns(UserWarning, match="cannot push to"),
        gitreg.start_run(run_id="night", push=True),
    ):
        pass
    assert status().unpushed == ("night",)
    assert gitreg.push("night").runs == ("night",)
    assert status().unpushed == ()


def test_retiring_and_fetching_need_the_origin_and_leave_nothing(clone: Place) -> None:
    log(2, "churn")
    before = clone.tags()
    with away(clone):
        for call in (lambda: gitreg.retire("churn@1", "old"), gitreg.fetch, lambda: gitreg.resolve("churn@9")):
            with pytest.raises(Unreachable):
                call()
        assert clone.tags() == before
        assert not gitreg.resolve("churn@1").retired
    assert gitreg.retire("churn@1", "old").retired


def test_names_that_may_move_need_the_origin_and_others_do_not(clone: Place) -> None:
    version = gitreg.register(log(2), "churn")
    with away(clone):
        for moving in ("churn", "churn@latest", "churn@v0", "models:/churn/latest"):
            with pytest.raises(Unreachable):
                gitreg.resolve(moving)
            found = gitreg.resolve(moving, offline=True)
            assert (str(found), found.stale) == (str(version), True)
        for fixed in ("churn@v0.1.0", "churn@1", f"run:{version.run_id}"):
            loaded = gitreg.load_model(fixed)
            assert callable(loaded) and loaded(3) == 6
    assert not gitreg.resolve("churn").stale


def lines(repository: Path, tag: str) -> list[str]:
    """The note on a tag object, with plain git."""
    return git(repository, "notes", "--ref", NOTES, "show", tag).splitlines()


def labels(place: Place, tag: str) -> dict[str, str]:
    return read_labels(open_registry(place.path), [tag]).get(tag, {})


def test_a_note_made_meanwhile_is_sent_by_the_next_push(clone: Place) -> None:
    version = gitreg.register(log(2), "churn")
    assert clone.origin
    with away(clone):
        gitreg.note("churn@1", {"owner": "risk"}, {"auc": 0.5})
        assert labels(clone, version.tag) == {"owner": "risk", "metrics.auc": "0.5"}
    assert git(clone.origin, "notes", "--ref", NOTES, "list") == ""
    gitreg.push()
    assert lines(clone.origin, version.tag) == lines(clone.path, version.tag)
    assert len(lines(clone.origin, version.tag)) == 2


def test_notes_of_two_clones_are_merged_line_by_line(clone: Place, tmp_path: Path) -> None:
    one, two = gitreg.register(log(2), "churn"), gitreg.register(log(3), "churn")
    assert clone.origin
    gitreg.note(one, {"before": "both"})
    other = clone.clone(tmp_path / "other")
    gitreg.fetch(registry=other.path)
    with away(clone):
        gitreg.note("churn@1", {"mine": "1", "shared": "a"})
        gitreg.note("churn@1", {"theirs": "1", "shared": "b"}, registry=other.path)
        gitreg.note("churn@2", {"only": "there"}, registry=other.path)
        wanted = {*lines(clone.path, one.tag), *lines(other.path, one.tag)}
    assert len(wanted) == 5
    gitreg.push(registry=other.path)
    gitreg.push()
    gitreg.fetch(registry=other.path)
    for repository in (clone.origin, clone.path, other.path):
        assert lines(repository, one.tag) == sorted(wanted)
        assert len(lines(repository, two.tag)) == 1
    assert labels(clone, one.tag) == labels(other, one.tag)
    assert {"before", "mine", "theirs", "shared"} == set(labels(clone, one.tag))


def test_offline_asked_for_writes_nothing_to_the_origin(clone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    version = gitreg.register(log(2), "churn")
    before = clone.at_origin()
    monkeypatch.setenv("GITREG_OFFLINE", "1")
    with pytest.warns(UserWarning, match="this is offline"):
        log(3, "churn")
    gitreg.note("churn", {"owner": "risk"})
    for call in (gitreg.push, gitreg.fetch, lambda: gitreg.retire("churn@1", "old")):
        with pytest.raises(Unreachable):
            call()
    assert clone.origin
    assert (clone.at_origin(), git(clone.origin, "notes", "--ref", NOTES, "list")) == (before, "")
    monkeypatch.delenv("GITREG_OFFLINE")
    assert [str(v) for v in gitreg.push().versions] == ["churn@v0.2.0"]
    assert len(lines(clone.origin, version.tag)) == 1
