"""A training job that has an address and a token: it logs, registers and publishes, and never has a clone."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, GitregError, Unreachable
from gitreg.registry.care.status import status
from gitreg.registry.homes import cache_home, state_home
from gitreg.registry.journal import read_journals
from gitreg.registry.notes import NOTES
from gitreg.registry.place import Registry, open_registry
from testing.addresses import Remote
from testing.commandline import gitreg as typed
from testing.gitcli import git
from testing.registries import log, times


def forget() -> None:
    """Delete the whole cache."""
    shutil.rmtree(cache_home(), ignore_errors=True)


def journals() -> list[str]:
    return [run.id for run in read_journals(open_registry().state)]


def kept_payloads() -> list[Path]:
    return [path for path in (open_registry().written.root / "files").rglob("*") if path.is_file()]


def cached_payloads() -> list[Path]:
    return [path for path in (open_registry().cache.root / "files").rglob("*") if path.is_file()]


def test_a_job_with_an_address_does_all_that_a_clone_can_do(remote: Remote, tmp_path: Path) -> None:
    with gitreg.start_run("night", run_id="job", tags={"team": "risk"}):
        gitreg.log_params({"depth": 3})
        gitreg.log_metric("loss", 0.5, step=1)
        gitreg.log_text("rows", "rows.parquet")
        gitreg.log_model(times(2), register_as="churn", pip_requirements=["cloudpickle"])
    assert remote.published() == ["churn@1", "churn@v0.1.0", "run/job"]
    second = log(3)
    assert remote.published("run/*") == ["run/job"]
    assert gitreg.push(second.run_id).runs == (second.run_id,)
    version = gitreg.register(second, "churn", description="the second")
    assert (str(version), version.number) == ("churn@v0.2.0", 2)
    gitreg.note("churn@2", {"owner": "risk"}, {"auc": 0.5})
    assert len(git(remote.origin, "notes", "--ref", NOTES, "show", version.tag).splitlines()) == 2
    assert gitreg.retire("churn@1", "old").retired
    assert gitreg.resolve("churn").number == 2
    pulled = gitreg.pull("churn@2", tmp_path / "pulled")
    taken = gitreg.commit(pulled, run_id="again", register_as="copy")
    assert [m.version for m in taken.models] == ["copy@v0.1.0"]
    assert remote.published("copy*") == ["copy@1", "copy@v0.1.0"]
    told = status()
    assert (told.unpushed, told.wishes, told.open_runs, told.stale) == ((), (), (), False)
    assert (told.models, told.versions, told.runs) == (2, 3, 3)
    assert journals() == [] == kept_payloads()
    git(remote.origin, "fsck", "--strict")
    assert not list(tmp_path.glob("**/gitreg-*"))


def test_what_waits_for_the_origin_outlives_the_cache(remote: Remote, tmp_path: Path) -> None:
    one, two = log(2), log(3)
    assert remote.published() == []
    ids = tuple(sorted((one.run_id, two.run_id)))
    forget()
    assert status().unpushed == ids
    assert gitreg.get_run(one.run_id).models[0].digest == one.digest
    assert gitreg.load_model(f"run:{one.run_id}/model")(4) == 8  # type: ignore[operator]
    assert {run.id for run in gitreg.search_runs()} == set(ids)
    assert {run.status for run in gitreg.search_runs()} == {"finished"}
    commit = gitreg.get_run(one.run_id).commit
    forget()
    assert gitreg.get_run(one.run_id).commit == commit
    assert gitreg.push(f"run:{one.run_id}").runs == (one.run_id,)
    assert git(remote.origin, "rev-parse", f"run/{one.run_id}") == commit
    assert (status().unpushed, journals()) == ((two.run_id,), [two.run_id])
    assert (len(kept_payloads()), len(cached_payloads())) == (1, 1)
    forget()
    assert gitreg.register(f"run:{two.run_id}", "churn").number == 1
    assert (status().unpushed, journals(), kept_payloads()) == ((), [], [])
    forget()
    assert gitreg.load_model("churn")(2) == 6  # type: ignore[operator]


def test_push_all_sends_what_waits_and_nothing_that_came_from_there(over_http: Remote) -> None:
    gitreg.push(log(1, run_id="theirs").run_id)
    gitreg.search_runs()
    git(over_http.origin, "tag", "-d", "run/theirs")
    log(2, run_id="mine")
    forget()
    assert gitreg.push(all=True, dry_run=True).runs == ("mine",)
    assert gitreg.push(all=True).runs == ("mine",)
    assert over_http.published() == ["run/mine"]
    assert journals() == []


def test_the_cache_may_go_while_a_run_is_open(over_http: Remote) -> None:
    with gitreg.start_run(run_id="job"):
        gitreg.log_metric("loss", 0.5)
        forget()
        gitreg.log_model(times(2), register_as="churn", pip_requirements=["cloudpickle"])
        forget()
    assert over_http.published() == ["churn@1", "churn@v0.1.0", "run/job"]
    assert gitreg.load_model("churn")(4) == 8  # type: ignore[operator]


def test_a_night_without_the_origin_and_without_the_cache(remote: Remote) -> None:
    gitreg.start_run(run_id="job")
    gitreg.log_model(times(2), register_as="churn", pip_requirements=["cloudpickle"])
    gone = remote.away()
    forget()
    with pytest.warns(UserWarning, match="gitreg push completes it"):
        gitreg.end_run()
    gone.rename(remote.origin)
    forget()
    told = status()
    assert (told.unpushed, told.wishes) == (("job",), ("run:job/model as churn",))
    (version,) = gitreg.push().versions
    assert (str(version), version.run_id) == ("churn@v0.1.0", "job")
    assert (status().unpushed, status().wishes, journals()) == ((), (), [])
    assert remote.published() == ["churn@1", "churn@v0.1.0", "run/job"]


def test_offline_what_waits_is_told_too(over_http: Remote) -> None:
    log(1, "churn")
    logged = log(2)
    gone = over_http.away()
    with pytest.raises(Unreachable):
        gitreg.register(logged, "churn")
    for told in (status(), status(offline=True)):
        assert (told.unpushed, told.wishes) == ((logged.run_id,), (f"{logged} as churn",))
        assert told.stale
    gone.rename(over_http.origin)
    assert [v.number for v in gitreg.push().versions] == [2]


def test_a_run_that_was_to_be_pushed_waits(over_http: Remote) -> None:
    run = gitreg.start_run(run_id="night", push=True)
    gone = over_http.away()
    with pytest.warns(UserWarning, match="cannot push to|there is no repository"):
        run.end()
    gone.rename(over_http.origin)
    forget()
    assert status().unpushed == ("night",)
    assert gitreg.push("night").runs == ("night",)
    assert (status().unpushed, journals()) == ((), [])


def test_the_same_job_again_while_its_run_waits_keeps_what_waits(over_http: Remote) -> None:
    first = log(2, run_id="job")
    commit = gitreg.get_run("job").commit
    forget()
    with pytest.raises(Conflict, match="run job is logged already"):
        log(3, run_id="job")
    forget()
    assert log(2, run_id="job") == first
    gitreg.start_run(run_id="job")
    gitreg.log_model(times(2), register_as="churn", pip_requirements=["cloudpickle"])
    forget()
    gitreg.active_run().discard()  # type: ignore[union-attr]
    assert (status().unpushed, gitreg.get_run("job").commit) == (("job",), commit)
    assert log(2, "churn", run_id="job").version == "churn@v0.1.0"
    assert git(over_http.origin, "rev-parse", "run/job") == commit
    assert (journals(), kept_payloads()) == ([], [])


def test_an_interrupted_run_is_told_and_goes_on(over_http: Remote) -> None:
    run = gitreg.start_run(run_id="job")
    gitreg.log_metric("loss", 1)
    run.journal.close(remove=False)
    from gitreg.registry.runs import open_run

    open_run._active.clear()
    forget()
    (told,) = status().open_runs
    assert (told.id, told.status, status().unpushed) == ("job", "interrupted", ())
    with gitreg.start_run(run_id="job", resume=True):
        gitreg.log_metric("loss", 2)
    assert gitreg.get_run("job").metrics == {"loss": 2.0}


def test_payloads_that_two_runs_share_stay_until_both_are_published(over_http: Remote) -> None:
    one, two = log(2, run_id="one"), log(2, run_id="two")
    assert one.size == two.size
    gitreg.push("one")
    assert (len(kept_payloads()), journals()) == (1, ["two"])
    shutil.rmtree(over_http.place.payloads)
    over_http.place.payloads.mkdir()
    forget()
    gitreg.push("two")
    assert (kept_payloads(), journals()) == ([], [])
    assert len([path for path in over_http.place.payloads.rglob("*") if path.is_file()]) == 1


def test_a_run_that_somebody_else_pushed_can_be_registered(remote: Remote, tmp_path: Path) -> None:
    other = remote.place.clone(tmp_path / "other")
    logged = log(2, run_id="theirs", push=True, registry=other.path)
    version = gitreg.register("run:theirs", "churn")
    assert (version.number, version.digest) == (1, logged.digest)
    assert gitreg.register("run:theirs", "copy").number == 1
    assert gitreg.register("churn@1", "third").run_id == "theirs"
    git(remote.origin, "fsck", "--strict")


def test_a_run_of_which_only_the_trees_are_here_can_be_registered(over_http: Remote) -> None:
    commit = log(2, run_id="theirs", push=True, registry=over_http.place.path)
    assert [run.id for run in gitreg.search_runs()] == ["theirs"]
    mirror = open_registry().git
    oid = git(over_http.origin, "rev-parse", "run/theirs")
    mirror.fetch("origin", [oid], extra=["--filter=blob:none", "--refetch", "--depth=1"])
    assert gitreg.register("run:theirs", "churn").digest == commit.digest
    git(over_http.origin, "fsck", "--strict")


def test_a_signature_is_compared_with_those_of_versions_that_were_never_read(over_http: Remote) -> None:
    from testing.registries import signature

    log(1, "churn", found=signature(a="integer"), registry=over_http.place.path)
    log(2, "churn", found=signature(a="integer", b="long?"), registry=over_http.place.path)
    assert log(3, "churn", found=signature(a="long", b="long?")).version == "churn@v1.2.0"
    assert log(4, "churn", found=signature(c="long")).version == "churn@v2.0.0"


def test_registering_sends_only_what_is_new_and_fetches_nothing_of_other_versions(
    over_http: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(8):
        log(n, "churn", registry=over_http.place.path)
    log(1, "price", registry=over_http.place.path)
    gitreg.search_versions("model = 'churn'")
    mirror = open_registry().git.common_dir
    before = objects(mirror)
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(tmp_path / "trace"))
    version = gitreg.register(log(99), "churn")
    monkeypatch.delenv("GIT_TRACE2_EVENT")
    assert version.number == 9
    new = objects(mirror) - before
    commits = {version.commit, gitreg.get_run(version.run_id).commit}
    own = set(git(mirror, "rev-list", "--objects", "--no-object-names", *commits).split()) | {version.tag}
    assert new <= own
    children = [
        event["argv"]
        for event in map(json.loads, (tmp_path / "trace").read_text().splitlines())
        if event["event"] == "child_start"
    ]
    assert not [argv for argv in children if "--filter=blob:none" in argv and "fetch" in argv]  # what git does lazily


def objects(repository: Path) -> set[str]:
    asked = ["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]
    return set(git(repository, *asked).split())


def test_a_note_that_could_not_be_sent_outlives_the_cache(over_http: Remote) -> None:
    version = gitreg.register(log(2), "churn")
    gone = over_http.away()
    gitreg.note("churn@1", {"owner": "risk"})
    gone.rename(over_http.origin)
    assert noted(over_http, version.tag) == 0
    forget()
    gitreg.push()
    assert noted(over_http, version.tag) == 1
    gitreg.push()
    gitreg.note("churn@1", {"more": "1"})
    assert noted(over_http, version.tag) == 2
    assert not list((open_registry().state / "notes").iterdir())


def test_a_note_stays_when_the_cache_goes_before_it_is_sent(over_http: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    from gitreg.registry import notes as module

    version = gitreg.register(log(2), "churn")
    gone = over_http.away()
    gitreg.note("churn@1", {"owner": "risk"})
    gone.rename(over_http.origin)
    real = module._push_notes

    def forgetful(registry: Registry) -> None:
        forget()
        real(registry)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_push_notes", forgetful)
        with contextlib.suppress(GitregError):
            gitreg.push()
    assert noted(over_http, version.tag) == 0
    gitreg.push()
    assert noted(over_http, version.tag) == 1


def noted(remote: Remote, tag: str) -> int:
    """How many lines the origin's note on a tag object has."""
    if tag not in git(remote.origin, "notes", "--ref", NOTES, "list"):
        return 0
    return len(git(remote.origin, "notes", "--ref", NOTES, "show", tag).splitlines())


def test_two_registries_at_one_host_share_nothing(over_http: Remote, tmp_path: Path) -> None:
    log(2, run_id="job")
    assert len(list(state_home().iterdir())) == 1
    other = over_http.place.clone(tmp_path / "other")
    assert status(other.path).unpushed == ()


def test_the_commands_say_the_same_of_an_address(over_http: Remote, tmp_path: Path) -> None:
    logged = log(2)
    pulled = gitreg.pull(str(logged), tmp_path / "pulled")
    said = typed("commit", pulled, "--run-id", "job")
    assert (said.code, said.err) == (0, "")
    forget()
    told = typed("status")
    assert "2 runs only here: gitreg push --all sends them" in told.out
    answer = json.loads(typed("status", "--json").out)
    assert answer["unpushed"] == sorted(["job", logged.run_id])
    said = typed("register", "job", "churn")
    assert (said.code, said.out) == (0, "churn@v0.1.0 (number 1) is run:job/model\n")
    assert typed("push", "--all").out == f"run:{logged.run_id} sent\n"
    assert typed("push").out == "nothing waited for the origin\n"
    assert json.loads(typed("status", "--json").out)["unpushed"] == []


def test_a_push_lets_go_of_no_run_that_only_a_deleted_mirror_had(
    over_http: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitreg.registry import push as module
    from gitreg.registry.settle import renew_mirror

    def forgetful(registry: Registry) -> None:
        forget()
        renew_mirror(registry)  # as any other program does that writes by address

    log(2, run_id="job")
    with monkeypatch.context() as patch:
        patch.setattr(module, "push_notes", forgetful)
        gitreg.push()
    assert (status().unpushed, journals(), len(kept_payloads())) == (("job",), ["job"], 1)
    assert gitreg.push("job").runs == ("job",)
    assert journals() == []


def test_a_wish_for_somebody_elses_run_outlives_the_cache(over_http: Remote, tmp_path: Path) -> None:
    log(2, run_id="theirs", push=True, registry=over_http.place.path)
    gitreg.get_run("theirs")
    gone = over_http.away()
    with pytest.raises(Unreachable, match="cannot"):
        gitreg.register("run:theirs", "churn")
    gone.rename(over_http.origin)
    forget()
    assert status().wishes == ("run:theirs/model as churn",)
    assert [str(version) for version in gitreg.push(dry_run=True).versions] == ["churn@v0.1.0"]
    assert [version.number for version in gitreg.push().versions] == [1]
    assert status().wishes == ()


def test_a_waiting_run_that_cannot_be_made_again_keeps_nobody_from_reading(over_http: Remote) -> None:
    gitreg.register(log(2, registry=over_http.place.path), "churn", registry=over_http.place.path)
    log(3, run_id="job")
    shutil.rmtree(open_registry().state / "runs" / "job" / "files")
    forget()
    assert gitreg.load_model("churn")(4) == 8  # type: ignore[operator]
    assert (status().unpushed, journals()) == (("job",), ["job"])
