"""The branch of a promotion: made by plumbing, pushed with a lease."""

from __future__ import annotations

import pytest

from gitreg.errors import Conflict, Refused
from gitreg.registry.promotion.branch import propose_file, push_proposal, standing_proposal, write_proposal
from testing.churn import at_origin
from testing.gitcli import git, snapshot
from testing.team import Member

BRANCH = "promote/production/churn"
MESSAGE = "Promote it\n\nGitreg-Format: 1\n"


def files(who: Member, commit: str) -> list[str]:
    return at_origin(who, "ls-tree", "-r", "--name-only", commit).splitlines()


def test_one_file_is_made_changed_and_deleted_on_top_of_main(ana: Member) -> None:
    made = propose_file(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE)
    assert at_origin(ana, "diff", "--name-status", "main", BRANCH) == "A\tstages/a/x.yaml"
    git(ana.path, "push", "-q", "origin", f"{made}:refs/heads/main")
    registry = ana.registry
    registry.fetch_main()
    changed = propose_file(registry, "stages/a/x.yaml", b"two\n", BRANCH, MESSAGE)
    assert at_origin(ana, "show", f"{BRANCH}:stages/a/x.yaml") == "two"
    assert at_origin(ana, "rev-parse", f"{changed}^") == made
    propose_file(registry, "stages/a/x.yaml", None, BRANCH, MESSAGE)
    assert at_origin(ana, "diff", "--name-status", "main", BRANCH) == "D\tstages/a/x.yaml"
    assert "gitreg.yaml" in files(ana, BRANCH)


def test_the_commit_is_its_authors_with_just_this_message(ana: Member) -> None:
    commit = propose_file(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE)
    shown = at_origin(ana, "log", "-1", "--format=%an <%ae>%n%cn <%ce>%n%B", commit)
    assert shown == f"Ana <ana@example.org>\nAna <ana@example.org>\n{MESSAGE}"


def test_nothing_is_pushed_where_the_branch_proposes_just_that(ana: Member) -> None:
    first = propose_file(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE)
    assert propose_file(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE) == first
    assert propose_file(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH, "Other\n\nGitreg-Format: 1\n") != first


def test_a_branch_that_moved_is_left_alone(ana: Member) -> None:
    registry = ana.registry
    first = propose_file(registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE)
    second = propose_file(registry, "stages/a/x.yaml", b"two\n", BRANCH, MESSAGE)
    mine = write_proposal(registry, "stages/a/x.yaml", b"mine\n", MESSAGE)
    for old in ("", first):
        with pytest.raises(Conflict, match="was moved at this moment"):
            push_proposal(registry, BRANCH, mine, old)
    assert at_origin(ana, "rev-parse", BRANCH) == second


def test_a_server_that_takes_no_forced_push_gets_one_that_goes_on(ana: Member) -> None:
    assert ana.place.origin
    git(ana.place.origin, "config", "receive.denyNonFastForwards", "true")
    first = propose_file(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE)
    second = propose_file(ana.registry, "stages/a/x.yaml", b"two\n", BRANCH, MESSAGE)
    assert at_origin(ana, "rev-parse", f"{second}^1", f"{second}^2").split() == [
        *(at_origin(ana, "rev-parse", "main"), first)
    ]
    assert at_origin(ana, "diff", "--name-only", "main", BRANCH) == "stages/a/x.yaml"
    standing = standing_proposal(ana.registry, "stages/a/x.yaml", b"two\n", BRANCH)
    assert (standing.commit, standing.fits) == (second, True)


@pytest.mark.parametrize("spoilt", ["another file", "other bytes", "no common history"])
def test_only_a_branch_that_does_just_this_stands(ana: Member, spoilt: str) -> None:
    registry = ana.registry
    propose_file(registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE)
    git(ana.path, "fetch", "-q", "origin", BRANCH)
    git(ana.path, "checkout", "-q", "FETCH_HEAD")
    if spoilt == "no common history":
        git(ana.path, "checkout", "-q", "--orphan", "alone")
    name = "stages/a/x.yaml" if spoilt == "other bytes" else "stages/a/y.yaml"
    (ana.path / name).write_text("spoilt\n")
    git(ana.path, "add", ".")
    git(ana.path, "commit", "-q", "-m", "by hand")
    git(ana.path, "push", "-q", "-f", "origin", f"HEAD:refs/heads/{BRANCH}")
    assert not standing_proposal(registry, "stages/a/x.yaml", b"one\n", BRANCH).fits


def test_a_branch_that_is_not_there_is_none(ana: Member) -> None:
    standing = standing_proposal(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH)
    assert (standing.commit, standing.fits) == ("", False)


def test_hooks_and_settings_of_the_clone_change_nothing(ana: Member) -> None:
    for name in ("pre-commit", "commit-msg", "pre-push", "reference-transaction"):
        hook = ana.path / ".git/hooks" / name
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    git(ana.path, "config", "push.followTags", "true")
    git(ana.path, "config", "commit.gpgSign", "true")
    before = snapshot(ana.path)
    propose_file(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE)
    assert snapshot(ana.path) == before


def test_a_push_that_the_server_refuses_is_told(ana: Member) -> None:
    assert ana.place.origin
    hook = ana.place.origin / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'branches are closed' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Refused, match=r"branches are closed|pre-receive hook declined"):
        propose_file(ana.registry, "stages/a/x.yaml", b"one\n", BRANCH, MESSAGE)
