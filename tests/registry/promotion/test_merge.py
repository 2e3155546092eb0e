"""Merging: judged on main as it is, by its policy; all of it or nothing; of two, one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import gitreg
from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable
from gitreg.format.record import Record, parse_record
from gitreg.format.tags import RecordTag
from gitreg.registry.hooks.install import install
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.merge import Merged, merge
from gitreg.registry.promotion.promote import promote
from gitreg.registry.promotion.rollback import rollback
from testing.gitcli import GitFailed, git, snapshot
from testing.killing import merge_one, run, said, start
from testing.registries import log, lone
from testing.team import Member, make_key, member, team, use_key, version

ONE = "format: 1\nstages:\n  staging: {}\n  production:\n    approvals: 1\n"
PEOPLE = """\
format: 1
people:
  ana: {{emails: [ana@example.org, ana@home.example.org]}}
  bo: {{emails: [bo@example.org], keys: ["{key}"]}}
  cy: {{emails: [cy@example.org]}}
groups: {{leads: [ana, bo]}}
stages:
  production:
    approvals: 1
    approvers: ["@leads", cy]
    emergency: [bo]
    {more}
"""


@pytest.fixture
def people(tmp_path: Path) -> tuple[Member, Member]:
    """Ana logged and registered churn v0.1.0 and v0.2.0; production asks for one approval."""
    ana, bo = team(tmp_path, ONE)
    version(ana, 2.0)
    version(ana, 3.0)
    return ana, bo


def settle(who: Member, settings: str) -> None:
    """Let gitreg.yaml of main say something else."""
    (who.path / "gitreg.yaml").write_text(settings)
    git(who.path, "commit", "-qam", "another policy")
    git(who.path, "push", "-q", "origin", "main")


def proposed(who: Member, ref: str = "churn@v0.1.0", stage: str = "production", why: str = "it is better") -> str:
    return promote(ref, stage, why, registry=who.path).number


def approve(who: Member, number: str) -> None:
    forge = who.forge
    forge.review(forge.get(number), "approve", "")


def merged(who: Member, ref: str = "churn@v0.1.0", stage: str = "production", by: Member | None = None) -> Merged:
    number = proposed(who, ref, stage)
    if by:
        approve(by, number)
    return merge(number, registry=(by or who).path)


def everything(who: Member) -> str:
    return git(who.path, "ls-remote", "origin")


def record(who: Member, name: str) -> Record:
    model, stage, number = name.split("#")
    text = git(who.place.origin or who.path, "for-each-ref", "--format=%(contents)", f"refs/tags/{name}")
    return parse_record(text, RecordTag(model, stage.rstrip("!"), int(number), stage.endswith("!")))


def test_a_promotion_is_merged_and_recorded(people: tuple[Member, Member]) -> None:
    ana, bo = people
    number = proposed(ana)
    before = everything(ana)
    with pytest.raises(Refused, match="approvals: 1 approval wanted") as refused:
        merge(number, registry=ana.path)
    assert refused.value.hint == "gitreg check --pr 1 tells all of it"
    assert everything(ana) == before
    approve(bo, number)
    hers, his = snapshot(ana.path), snapshot(bo.path)
    assert merge(number, registry=bo.path, dry_run=True).commit == ""
    done = merge(number, registry=bo.path)
    assert (done.pull.state, done.pull.merged_commit, done.record) == ("merged", done.commit, ("churn#production#1",))
    assert (snapshot(ana.path), snapshot(bo.path)) == (hers, his)
    assert git(bo.path, "rev-parse", "origin/main") == done.commit
    assert git(bo.path, "rev-parse", "churn#production#1")
    text = git(bo.path, "log", "-1", "--format=%B", done.commit)
    assert text.splitlines() == [
        "Promote churn v0.1.0 to production (pull request 1)", "", "it is better", "",
        "Gitreg-Format: 1", "Gitreg-Pull: 1",
    ]  # fmt: skip
    told = record(ana, "churn#production#1")
    assert (told.version, told.before, told.merge, told.pull) == ("v0.1.0", "", done.commit, "1")
    assert (told.requested, told.why) == ("Ana <ana@example.org>", "it is better")
    assert [(each.who, each.by, each.signed) for each in told.approvals] == [
        ("bo@example.org", "Bo <bo@example.org>", "")
    ]
    assert "refs/heads/promote/production/churn" not in everything(ana)
    assert gitreg.resolve("churn@production", registry=ana.path).version == "v0.1.0"
    with pytest.raises(Conflict, match="pull request 1 is merged already"):
        merge(number, registry=ana.path)
    with pytest.raises(NotFound, match="no pull request 9"):
        merge(9, registry=ana.path)


def test_a_rollback_and_an_emptied_stage(people: tuple[Member, Member]) -> None:
    ana, bo = people
    merged(ana, by=bo)
    merged(ana, "churn@v0.2.0", by=bo)
    back = rollback("churn", "production", registry=ana.path)
    approve(bo, back.number)
    assert merge(back.number, registry=ana.path).record == ("churn#production#3",)
    assert gitreg.resolve("churn@production", registry=bo.path).version == "v0.1.0"
    fresh = merged(ana, "churn@v0.1.0", "staging")
    emptied = rollback("churn", "staging", registry=ana.path)
    assert fresh.record == ("churn#staging#1",)
    assert merge(emptied.number, registry=ana.path).record == ("churn#staging!#2",)
    told = record(ana, "churn#staging!#2")
    assert (told.version, told.before) == ("", "v0.1.0")


def test_of_two_promotions_of_a_stage_one_wins_and_the_other_is_told(people: tuple[Member, Member]) -> None:
    ana, bo = people
    merged(ana, by=bo)
    third = proposed(ana, "churn@v0.2.0")
    approve(bo, third)
    mine = _other_proposal(bo)
    merge(third, registry=bo.path)
    with pytest.raises(Conflict) as caught:
        merge(mine, registry=bo.path)
    assert caught.value.message == f"production runs churn v0.2.0 now (pull request {third})"
    assert caught.value.hint == "promote again, if it is still wanted"


def _other_proposal(who: Member) -> str:
    """A second proposal for production, by plain git, on a branch of another name."""
    here = who.path
    git(here, "fetch", "-q", "origin")
    git(here, "checkout", "-q", "-B", "hotfix", "origin/main")
    path = here / "stages/production/churn.yaml"
    path.write_text(path.read_text() + "# by hand\n")
    git(here, "commit", "-qam", "by hand")
    git(here, "push", "-q", "-f", "origin", "hotfix")
    git(here, "checkout", "-q", "main")
    return who.forge.open("hotfix", "main", "By hand", "").number


def test_two_merges_at_once(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    version(ana, 5.0, "fraud")
    numbers = [proposed(ana), proposed(ana, "fraud@v0.1.0")]
    for number in numbers:
        approve(bo, number)
    cy = member(ana.place.clone(tmp_path / "cy"), "Cy", "cy@example.org")
    running = [start(merge_one, who.path, number) for who, number in zip((bo, cy), numbers, strict=True)]
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0, 0]
    assert git(bo.path, "fetch", "-q", "origin") == ""
    line = git(bo.path, "log", "--first-parent", "-2", "--format=%s", "origin/main").splitlines()
    assert sorted(line) == [
        "Promote churn v0.1.0 to production (pull request 1)", "Promote fraud v0.1.0 to production (pull request 2)",
    ]  # fmt: skip
    assert sorted(name for name in ana.place.at_origin() if "#" in name) == ["churn#production#1", "fraud#production#1"]


def test_the_same_merge_by_two_at_once(people: tuple[Member, Member]) -> None:
    ana, bo = people
    number = proposed(ana)
    approve(bo, number)
    running = [start(merge_one, who.path, number) for who in (ana, bo)]
    for process in running:
        process.join()
    assert sorted(process.exitcode for process in running) == [0, 128]
    assert "merged" in said()
    git(bo.path, "fetch", "-q", "origin")
    assert git(bo.path, "rev-list", "--count", "--first-parent", "origin/main") == "2"


def test_a_base_that_moved_elsewhere_is_merged_onto(people: tuple[Member, Member]) -> None:
    ana, bo = people
    number = proposed(ana)
    approve(bo, number)
    ana.branch("other", file="models/churn.md", text="# Churn\n")
    git(ana.path, "push", "-q", "origin", "other:main")
    done = merge(number, registry=bo.path)
    assert git(bo.path, "show", f"{done.commit}:models/churn.md") == "# Churn"


def test_an_approval_of_an_older_head_does_not_count(people: tuple[Member, Member]) -> None:
    ana, bo = people
    number = proposed(ana)
    approve(bo, number)
    assert proposed(ana, "churn@v0.2.0") == number
    with pytest.raises(Refused, match="1 approval wanted; 1 missing"):
        merge(number, registry=bo.path)


def test_the_requester_under_another_address_does_not_count(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    make_key(tmp_path / "key")
    settle(ana, PEOPLE.format(key=(tmp_path / "key.pub").read_text().strip(), more=""))
    number = proposed(ana)
    git(ana.path, "config", "user.email", "ana@home.example.org")
    approve(ana, number)
    with pytest.raises(Refused, match=r"1 approval .* wanted; 1 missing"):
        merge(number, registry=ana.path)
    git(bo.path, "config", "user.email", "eve@example.org")
    approve(bo, number)
    with pytest.raises(Refused, match="1 missing"):
        merge(number, registry=bo.path)


def test_only_signed_approvals_count_where_the_policy_says_so(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    public, hers = bo.signs(tmp_path), ana.signs(tmp_path)
    policy = PEOPLE.format(key=public, more="require: [signed]")
    settle(ana, policy.replace("home.example.org]", f'home.example.org], keys: ["{hers}"]'))
    number = proposed(ana)
    git(ana.path, "config", "--unset", "user.signingkey")
    git(ana.path, "config", "user.email", "bo@example.org")  # anybody can write his name
    approve(ana, number)
    with pytest.raises(Refused, match="signed approvals wanted, 0 there"):
        merge(number, registry=ana.path)
    use_key(ana.path, tmp_path / "hers")
    approve(ana, number)  # signed, but with a key that is not his
    with pytest.raises(Refused, match="signed approvals wanted, 0 there"):
        merge(number, registry=ana.path)
    approve(bo, number)
    merge(number, registry=bo.path)
    assert record(ana, "churn#production#1").approvals[0].signed.startswith("SHA256:")


def test_nobody_approves_what_they_proposed_in_another_name(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    public = bo.signs(tmp_path)
    settle(ana, PEOPLE.format(key=public, more=""))
    git(bo.path, "config", "user.email", "nobody@example.org")
    number = proposed(bo)
    git(bo.path, "config", "user.email", "bo@example.org")
    approve(bo, number)
    with pytest.raises(Refused, match=r"Bo <nobody@example\.org> asks for it, and is nobody among the people"):
        merge(number, registry=bo.path)
    bo.forge.close(number)
    settle(ana, PEOPLE.format(key=public, more="require: [signed]"))
    git(bo.path, "fetch", "-q")
    git(bo.path, "config", "user.email", "cy@example.org")  # somebody who is there, and did not sign it
    number = proposed(bo, "churn@v0.2.0")
    git(bo.path, "config", "user.email", "bo@example.org")
    approve(bo, number)
    with pytest.raises(Refused, match=r"what Bo <cy@example\.org> proposes is signed with a key that is not theirs"):
        merge(number, registry=bo.path)
    git(ana.path, "config", "user.email", "cy@example.org")
    bo.forge.close(number)
    number = proposed(ana, "churn@v0.2.0", why="once more")
    approve(bo, number)
    with pytest.raises(Refused, match=r"what Ana <cy@example\.org> proposes is not signed"):
        merge(number, registry=bo.path)


def test_an_emergency_does_without_approvals_alone(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    make_key(tmp_path / "key")
    settle(ana, PEOPLE.format(key=(tmp_path / "key.pub").read_text().strip(), more=""))
    number = proposed(ana)
    with pytest.raises(Refused, match="an emergency has a reason"):
        merge(number, emergency=True, registry=bo.path)
    with pytest.raises(Refused, match=r"Ana <ana@example.org> may not merge to production in an emergency.*names bo"):
        merge(number, emergency=True, why="fire", registry=ana.path)
    done = merge(number, emergency=True, why="fire", registry=bo.path)
    assert "Gitreg-Emergency: bo" in git(bo.path, "log", "-1", "--format=%B", done.commit)
    told = record(ana, "churn#production#1")
    assert (told.emergency, told.why, told.approvals) == ("bo", "fire", ())
    other = _other_proposal(bo)
    with pytest.raises(Refused, match="stage-file"):
        merge(other, emergency=True, why="fire", registry=bo.path)
    ana.branch("topic")
    number = ana.forge.open("topic", "main", "Notes", "").number
    with pytest.raises(Refused, match=r"changes notes.txt: an emergency is of stages alone"):
        merge(number, emergency=True, why="fire", registry=bo.path)


def test_nobody_has_emergencies_where_the_policy_names_none(people: tuple[Member, Member]) -> None:
    ana, bo = people
    with pytest.raises(Refused, match=r"names nobody"):
        merge(proposed(ana), emergency=True, why="fire", registry=bo.path)


def test_a_weaker_policy_and_a_promotion_in_one_change(people: tuple[Member, Member]) -> None:
    ana, bo = people
    number = proposed(ana)
    git(ana.path, "fetch", "-q", "origin", "promote/production/churn")
    git(ana.path, "checkout", "-q", "-B", "sly", "FETCH_HEAD")
    (ana.path / "gitreg.yaml").write_text("format: 1\n")
    git(ana.path, "commit", "-qam", "simpler")
    git(ana.path, "push", "-q", "origin", "sly")
    git(ana.path, "checkout", "-q", "main")
    sly = ana.forge.open("sly", "main", "Promote", "").number
    approve(bo, sly)
    with pytest.raises(Refused, match=r"policy: gitreg.yaml gets other people, groups or stages"):
        merge(sly, registry=ana.path)
    assert ana.forge.get(number).state == "open"


def test_a_version_that_was_retired(people: tuple[Member, Member]) -> None:
    ana, bo = people
    number = proposed(ana)
    approve(bo, number)
    gitreg.retire("churn@v0.1.0", "broken", registry=ana.path)
    before = everything(ana)
    with pytest.raises(Refused, match="retired"):
        merge(number, registry=bo.path)
    assert everything(ana) == before


def test_a_version_retired_between_judging_and_merging(
    people: tuple[Member, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bo = people
    number = proposed(ana)
    approve(bo, number)
    from gitreg.registry.promotion import merge as module

    judged = module.judge

    def judge_slowly(*args: object, **how: object) -> object:
        found = judged(*args, **how)  # type: ignore[arg-type]  # passed on
        gitreg.retire("churn@v0.1.0", "broken", registry=ana.path)
        return found

    monkeypatch.setattr(module, "judge", judge_slowly)
    main = git(ana.path, "ls-remote", "origin", "refs/heads/main")
    with pytest.raises(Refused, match="was just retired"):
        merge(number, registry=bo.path)
    assert git(ana.path, "ls-remote", "origin", "refs/heads/main") == main


def test_what_is_said_between_judging_and_merging(
    people: tuple[Member, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bo = people
    number = proposed(ana)
    approve(bo, number)
    from gitreg.registry.promotion import merge as module

    judged = module.judge

    def judge_slowly(*args: object, **how: object) -> object:
        found = judged(*args, **how)  # type: ignore[arg-type]  # passed on
        monkeypatch.setattr(module, "judge", judged)
        bo.forge.review(bo.forge.get(number), "request-changes", "wait: it is biased")
        return found

    monkeypatch.setattr(module, "judge", judge_slowly)
    main = git(ana.path, "ls-remote", "origin", "refs/heads/main")
    with pytest.raises(Refused, match="asks for changes"):
        merge(number, registry=ana.path)
    assert git(ana.path, "ls-remote", "origin", "refs/heads/main") == main


def test_a_tampered_stage_file(people: tuple[Member, Member]) -> None:
    ana, bo = people
    proposed(ana)
    git(ana.path, "fetch", "-q", "origin", "promote/production/churn")
    git(ana.path, "checkout", "-q", "-B", "tampered", "FETCH_HEAD")
    path = ana.path / "stages/production/churn.yaml"
    path.write_text(path.read_text().replace("version: v0.1.0", "version: v0.2.0"))
    git(ana.path, "commit", "-qam", "tampered")
    git(ana.path, "push", "-q", "origin", "tampered")
    git(ana.path, "checkout", "-q", "main")
    number = ana.forge.open("tampered", "main", "Promote", "").number
    approve(bo, number)
    with pytest.raises(Refused, match="stage-file"):
        merge(number, registry=ana.path)


def test_offline_and_for_another_branch(people: tuple[Member, Member]) -> None:
    ana, _ = people
    number = proposed(ana)
    with pytest.raises(Unreachable, match="this is offline"):
        merge(number, registry=open_registry(ana.path, offline=True))
    git(ana.path, "push", "-q", "origin", "main:refs/heads/next")
    ana.branch("topic")
    other = ana.forge.open("topic", "next", "Elsewhere", "").number
    with pytest.raises(Refused, match="is for next, not for main"):
        merge(other, registry=ana.path)


def test_a_registry_without_an_origin(tmp_path: Path) -> None:
    path = lone(tmp_path / "lone").path
    log(2.0, "churn", registry=path)
    number = promote("churn@v0.1.0", "production", "why not", registry=path).number
    (path / "gitreg.yaml").write_text("format: 1\n# mine\n")
    done = merge(number, registry=path)
    assert done.record == ("churn#production#1",)
    assert git(path, "rev-parse", "HEAD") == done.commit == git(path, "rev-parse", "main")
    assert (path / "stages/production/churn.yaml").is_file()
    assert git(path, "status", "--porcelain") == " M gitreg.yaml"
    assert "promote/production/churn" not in git(path, "branch", "--list")


def test_what_is_changed_by_hand_in_a_registry_without_an_origin_stays(tmp_path: Path) -> None:
    path = lone(tmp_path / "lone").path
    log(2.0, "churn", registry=path)
    number = promote("churn@v0.1.0", "production", registry=path).number
    (path / "stages/production").mkdir(parents=True)
    (path / "stages/production/churn.yaml").write_text("mine\n")
    before = git(path, "for-each-ref")
    with pytest.raises(Refused, match="has changes of its own"):
        merge(number, registry=path)
    assert git(path, "for-each-ref") == before
    assert (path / "stages/production/churn.yaml").read_text() == "mine\n"


def test_a_server_that_lets_nobody_delete_branches(people: tuple[Member, Member]) -> None:
    ana, bo = people
    assert ana.place.origin
    git(ana.place.origin, "config", "receive.denyDeletes", "true")
    done = merged(ana, by=bo)
    assert "refs/heads/promote/production/churn" in everything(ana)
    assert ana.forge.get("1").merged_commit == done.commit


def test_a_merge_by_plain_git_is_told_of_afterwards(people: tuple[Member, Member]) -> None:
    ana, bo = people
    number = proposed(ana)
    git(bo.path, "fetch", "-q", "origin")
    git(bo.path, "merge", "-q", "--no-ff", "-m", "past everybody", "origin/main", "origin/promote/production/churn")
    git(bo.path, "push", "-q", "origin", "main")
    commit = git(bo.path, "rev-parse", "main")
    done = merge(number, registry=ana.path)
    assert (done.commit, done.record) == (commit, ("churn#production#1",))
    assert bo.forge.get(number).merged_commit == commit
    assert (record(ana, "churn#production#1").pull, record(ana, "churn#production#1").approvals) == (number, ())


def test_what_a_host_without_atomic_pushes_did_by_half_is_completed(people: tuple[Member, Member]) -> None:
    ana, bo = people
    assert ana.place.origin
    git(ana.place.origin, "config", "receive.advertiseAtomic", "false")
    hook = ana.place.origin / "hooks/update"
    hook.write_text('#!/bin/sh\ncase "$1" in *"#"*) echo not now >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    number = proposed(ana)
    approve(bo, number)
    with pytest.raises(GitregError, match="not now"):
        merge(number, registry=bo.path)
    assert ana.forge.get(number).state == "open"
    hook.unlink()
    done = merge(number, registry=ana.path)
    assert done.record == ("churn#production#1",)
    assert [each.by for each in record(ana, "churn#production#1").approvals] == ["Bo <bo@example.org>"]
    assert ana.forge.get(number).merged_commit == done.commit == git(ana.place.origin, "rev-parse", "main")


def test_a_host_without_atomic_pushes(people: tuple[Member, Member]) -> None:
    ana, bo = people
    assert ana.place.origin
    git(ana.place.origin, "config", "receive.advertiseAtomic", "false")
    done = merged(ana, by=bo)
    assert done.record == ("churn#production#1",)
    assert ana.forge.get("1").state == "merged"
    assert "refs/heads/promote/production/churn" not in everything(ana)


KILLS = """\
#!/bin/sh
case " $* " in
*" {verb} "*) if [ ! -e {mark} ]; then touch {mark}; {first}kill -9 $PPID; exit 1; fi ;;
esac
exec {git} "$@"
"""


def git_killed_at(folder: Path, verb: str, *, after: bool) -> str:
    """A PATH whose git kills who starts the first `git VERB`: before it does anything, or when it has."""
    folder.mkdir()
    real = shutil.which("git")
    program = folder / "git"
    first = f'{real} "$@"; ' if after else ""
    program.write_text(KILLS.format(verb=verb, mark=folder / "done", first=first, git=real))
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", ["commit-tree", "mktag", "push", "update-ref"])
def test_killed_anywhere_it_is_merged_and_recorded_or_not_at_all(
    people: tuple[Member, Member], tmp_path: Path, verb: str, after: bool
) -> None:
    ana, bo = people
    number = proposed(ana)
    approve(bo, number)
    before = everything(ana)
    path = git_killed_at(tmp_path / "bin", verb, after=after)
    assert run(merge_one, bo.path, number, path=path) == -9
    done = everything(ana)
    if done == before:
        assert run(merge_one, bo.path, number) == 0
    else:
        assert "refs/tags/churn#production#1" in done and "refs/heads/promote/" not in done
        assert run(merge_one, bo.path, number) == 128
        assert "pull request 1 is merged already" in said()
    assert ana.forge.get(number).state == "merged"
    assert gitreg.resolve("churn@production", registry=bo.path).version == "v0.1.0"
    assert [path for path in bo.path.rglob("*.lock")] == []
    git(bo.path, "fsck", "--strict", "--no-dangling")


def test_what_is_not_allowed_leaves_nothing_half_done(people: tuple[Member, Member]) -> None:
    ana, bo = people
    number = proposed(ana)
    approve(bo, number)
    assert ana.place.origin
    hook = ana.place.origin / "hooks/update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/tags/*) echo no records here >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    before = everything(ana)
    with pytest.raises(GitregError):
        merge(number, registry=bo.path)
    assert everything(ana) == before


def test_behind_the_servers_hook(people: tuple[Member, Member]) -> None:
    ana, bo = people
    assert ana.place.origin
    settle(ana, ONE + "    emergency: [bo@example.org]\n")
    install(ana.place.origin, server=True)
    number = proposed(ana)
    with pytest.raises(Refused, match="1 missing"):
        merge(number, registry=bo.path)
    approve(bo, number)
    assert merge(number, registry=bo.path).record == ("churn#production#1",)
    urgent = proposed(ana, "churn@v0.2.0")
    done = merge(urgent, emergency=True, why="fire", registry=bo.path)
    assert git(ana.place.origin, "rev-parse", "main") == done.commit
    ana.forge.comment(urgent, "what burnt?")
    git(ana.path, "fetch", "-q", "origin")
    git(ana.path, "checkout", "-q", "-B", "main", "origin/main")
    (ana.path / "stages/production/churn.yaml").unlink()
    git(ana.path, "commit", "-qam", "past everybody")
    with pytest.raises(GitFailed, match="no merge of a pull request"):
        git(ana.path, "push", "origin", "main")
