"""The server's hook and somebody with push rights who wants round it: what they write is data, and never rules."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gitreg.errors import GitregError
from gitreg.format.events import Event, format_event, pull_refs
from gitreg.registry.promotion.ci import ci_run
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.promote import promote
from gitreg.registry.promotion.pulls import review_pull
from registry.hooks.test_receive_main import POLICY, STAGED, ana, bo, head_of, proposed, put, staged_text
from testing.gitcli import git
from testing.team import Member, use_key

__all__ = ["ana", "bo", "proposed"]

Refused = Callable[..., str]
PULLS = "+refs/gitreg/pulls/*:refs/gitreg/pulls/*"


def by_hand(who: Member, number: str) -> None:
    """Merge a pull request with plain git, and push nothing."""
    git(who.path, "merge", "-q", "--no-ff", "-m", "by hand", head_of(who, number))


def event(who: Member, before: str, told: Event) -> str:
    """An event behind another, as anybody can write one; its commit."""
    empty = git(who.path, "mktree", input="")
    return git(who.path, "commit-tree", empty, *(["-p", before] if before else []), "-F", "-", input=format_event(told))


def asked(origin: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """The hook, given the lines of a push whose objects are there already."""
    env = {**os.environ, "GIT_DIR": str(origin)}
    argv = [sys.executable, "-m", "gitreg", "hooks", "run", "pre-receive"]
    return subprocess.run(argv, cwd=origin, env=env, input="".join(f"{line}\n" for line in lines), text=True,
                          capture_output=True, check=False)  # fmt: skip


def test_no_event_is_an_option_of_git(ana: Member, proposed: str, refused: Refused) -> None:
    assert ana.place.origin
    git(ana.path, "fetch", "-q", "origin", PULLS)
    hook = ana.place.origin / "hooks/pre-receive"
    before = hook.read_bytes()
    meta = pull_refs(proposed)[1]
    told = format_event(Event("merged", head=head_of(ana, proposed), merged="x"))
    empty = git(ana.path, "mktree", input="")
    text = told.replace("Gitreg-Merged: x", f"Gitreg-Merged: --output={hook}")
    said = refused(f"{git(ana.path, 'commit-tree', empty, '-p', meta, '-F', '-', input=text)}:{meta}")
    assert f"pull request {proposed}" in said
    assert hook.read_bytes() == before


def test_what_replaces_an_object_is_not_taken(ana: Member, proposed: str, refused: Refused) -> None:
    there = git(ana.path, "rev-parse", "main:gitreg.yaml")
    weak = git(ana.path, "hash-object", "-w", "--stdin", input=POLICY.replace("approvals: 1", "approvals: 0"))
    assert "refs/replace/" in refused(f"{weak}:refs/replace/{there}")


def test_a_replacement_that_is_there_is_not_looked_at(ana: Member, proposed: str, refused: Refused) -> None:
    assert ana.place.origin
    there = git(ana.path, "rev-parse", "main:gitreg.yaml")
    weak = git(ana.place.origin, "hash-object", "-w", "--stdin", input=POLICY.replace("approvals: 1", "approvals: 0"))
    git(ana.place.origin, "update-ref", f"refs/replace/{there}", weak)
    by_hand(ana, proposed)
    assert "1 missing (approvals)" in refused("main")


def test_events_are_those_of_the_pull_request_alone(ana: Member, bo: Member, proposed: str, refused: Refused) -> None:
    review_pull(proposed, "approve", "", registry=bo.path)
    git(ana.path, "fetch", "-q", "origin", PULLS)
    approved = git(ana.path, "rev-parse", pull_refs(proposed)[1])
    review_pull(proposed, "request-changes", "wait", registry=bo.path)
    by_hand(ana, proposed)
    unsent = f"refs/gitreg/unsent/{proposed}"
    assert f"{unsent}: " in refused("main", f"{approved}:{unsent}")
    assert ana.place.origin
    git(ana.place.origin, "update-ref", unsent, approved)  # it was there before the hook
    assert "bo asks for changes (approvals)" in refused("main")


def test_numbers_are_given_one_after_the_other(ana: Member, bo: Member, refused: Refused) -> None:
    empty = event(ana, "", Event("opened", title="x", head=git(ana.path, "rev-parse", "main"), branch="x", base="main"))
    head, meta = pull_refs("7")
    assert "the next number is 1" in refused(f"main:{head}", f"{empty}:{meta}")


def test_main_is_what_it_is_and_not_what_a_client_says(ana: Member, bo: Member, proposed: str) -> None:
    assert ana.place.origin
    review_pull(proposed, "approve", "", registry=bo.path)
    by_hand(ana, proposed)
    git(ana.path, "push", "-q", "origin", "main:refs/heads/side")
    made = git(ana.path, "rev-parse", "main")
    said = asked(ana.place.origin, f"{'0' * 40} {made} refs/heads/main")
    assert said.returncode == 1
    assert said.stderr.startswith("gitreg: this push came too late")


def test_an_emergency_is_signed_where_approvals_have_to_be(
    ana: Member, bo: Member, tmp_path: Path, refused: Refused
) -> None:
    public = use_key(bo.path, tmp_path / "cy")
    strict = POLICY.replace("emails: [cy@example.org]", f"emails: [cy@example.org], keys: ['{public}']")
    strict = strict.replace("emergency: [cy]", "emergency: [cy], require: [signed]")
    ana.branch("stricter", "gitreg.yaml", strict)
    policy = ana.forge.open("stricter", "main", "Ask for signatures", "").number
    review_pull(policy, "approve", "", registry=bo.path)
    merge(policy, registry=bo.path)
    number = promote("churn@v0.1.0", "production", registry=ana.path).number
    git(ana.path, "reset", "-q", "--hard", "origin/main")
    told = ("merge", "-q", "--no-ff", "-m", "now\n\nGitreg-Format: 1\nGitreg-Emergency: cy", head_of(ana, number))
    git(ana.path, "-c", "user.name=Cy", "-c", "user.email=cy@example.org", *told)
    said = refused("main")
    assert "an emergency of production is signed with a key that gitreg.yaml has as that of cy" in said
    git(ana.path, "config", "user.email", "cy@example.org")
    with pytest.raises(GitregError, match="production asks for signatures"):
        merge(number, emergency=True, why="customers are waiting", registry=ana.path)
    git(bo.path, "config", "user.email", "cy@example.org")
    assert merge(number, emergency=True, why="customers are waiting", registry=bo.path).record


def test_a_record_tells_what_happened(ana: Member, bo: Member, proposed: str, refused: Refused) -> None:
    record = "refs/tags/churn#production#1"
    commit = git(ana.path, "rev-parse", "churn@1^{commit}")
    git(ana.path, "tag", "-a", "-m", "as GTO makes it", "churn#production#1", commit)
    assert "churn#production#1: main changed production of churn 0 times only" in refused(record)
    early = forged(ana, "churn#production#1", "a" * 40)
    assert "churn#production#1: main changed production of churn 0 times only" in refused(f"{early}:{record}")
    review_pull(proposed, "approve", "", registry=bo.path)
    by_hand(ana, proposed)
    git(ana.path, "push", "-q", "origin", "main")
    late = forged(ana, "churn#production#1", git(ana.path, "rev-parse", "main"))
    assert "it is not what main and its pull requests tell of that change" in refused(f"{late}:{record}")
    assert ci_run(registry=bo.path).records == ("churn#production#1",)


def test_a_merge_names_the_pull_request_that_it_merges(ana: Member, bo: Member, proposed: str) -> None:
    head = head_of(ana, proposed)
    for number in range(int(proposed) + 1, 11):  # 10 comes first where they are sorted as text
        opened = event(ana, "", Event("opened", title=str(number), head=head, branch="x", base="main"))
        head_ref, meta_ref = pull_refs(str(number))
        git(ana.path, "push", "-q", "--atomic", "origin", f"{head}:{head_ref}", f"{opened}:{meta_ref}")
    review_pull("9", "approve", "", registry=bo.path)
    merged = merge("9", registry=bo.path)
    assert merged.record == ("churn#production#1",)


def forged(who: Member, name: str, merge: str) -> str:
    """A record as anybody can write one: cy approved; its tag."""
    approved = '[{"who": "cy", "by": "Cy <cy@example.org>", "at": "2026-11-22T10:00:00Z", "signed": null}]'
    lines = ("Format: 1", "Version: v0.1.0", f"Merge: {merge}", "Pull: 1", f"Approved: {approved}")
    text = "churn production 1: v0.1.0\n\n" + "".join(f"Gitreg-{line}\n" for line in lines)
    commit = git(who.path, "rev-parse", "churn@1^{commit}")
    return git(who.path, "mktag", input=f"object {commit}\ntype commit\ntag {name}\ntagger Cy <cy@example.org> 1 +0000"
                                        f"\n\n{text}")  # fmt: skip


@pytest.mark.parametrize("path", ["Stages/production/churn.yaml", "GITREG.yaml"])
def test_nothing_is_taken_for_a_guarded_file_where_case_makes_no_difference(
    ana: Member, refused: Refused, path: str
) -> None:
    put(ana.place, path, "format: 1\n")
    name = path.partition("/")[0]
    assert f"main: {name} differs from {name.casefold()} in case only" in refused("main")


def tree_of(who: Member, *entries: tuple[str, str, str]) -> str:
    """A tree as no git would write it: entries of mode, name and object, as they are given; its id."""
    content = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in entries)
    made = subprocess.run(["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"], cwd=who.path,
                          input=content, capture_output=True, check=True).stdout.decode().strip()  # fmt: skip
    assert made == hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return made


@pytest.mark.parametrize("how", ["twice", "slash", "padded", "unsorted"])
def test_a_tree_that_readers_take_for_two_things(ana: Member, refused: Refused, how: str) -> None:
    assert ana.place.origin
    git(ana.place.origin, "config", "receive.fsckObjects", "false")
    weak = git(ana.path, "hash-object", "-w", "--stdin", input=POLICY.replace("approvals: 1", "approvals: 0"))
    text = staged_text(ana.place, "churn@v0.1.0")
    staged = git(ana.path, "hash-object", "-w", "--stdin", input=text)
    listed = git(ana.path, "ls-tree", "main").splitlines()
    found = [(mode.lstrip("0"), name, oid) for mode, _, oid, name in (line.split() for line in listed)]
    match how:
        case "twice":
            at = next(n for n, entry in enumerate(found) if entry[1] == "gitreg.yaml")
            found.insert(at, ("100644", "gitreg.yaml", weak))
        case "slash":
            found.append(("100644", STAGED, staged))
        case "padded":
            found.append(("0100644", "zzz", staged))
        case _:
            found.insert(0, ("100644", "zzz", staged))
    made = git(ana.path, "commit-tree", tree_of(ana, *found), "-p", "main", "-m", "odd")
    assert "a tree that git does not write" in refused(f"{made}:main")
