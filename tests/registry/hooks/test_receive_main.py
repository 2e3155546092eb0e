"""The server's hook and main: it goes forward, and what the policy guards comes by approved pull requests alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.format.stage_file import format_stage_file
from gitreg.registry.hooks.receive import REFUSED
from gitreg.registry.place import open_registry
from gitreg.registry.promotion.merge import merge
from gitreg.registry.promotion.promote import promote
from gitreg.registry.promotion.pulls import close_pull, comment_pull, review_pull
from gitreg.registry.promotion.rollback import rollback
from gitreg.registry.promotion.stage_of import stage_file_of
from testing.gitcli import git
from testing.registries import Place
from testing.team import Member, member

Refused = Callable[..., str]
STAGED = "stages/production/churn.yaml"
POLICY = """\
format: 1
people:
  ana: {emails: [ana@example.org]}
  bo: {emails: [bo@example.org, bo@home.example]}
  cy: {emails: [cy@example.org]}
stages:
  staging: {}
  production: {approvals: 1, approvers: [bo, cy], emergency: [cy]}
"""


def put(place: Place, path: str, text: str, message: str = "change it") -> None:
    """A commit on the branch that is checked out: a file has another text, or with "" goes."""
    target = place.path / path
    if text:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    else:
        target.unlink()
    git(place.path, "add", "-A", path)
    git(place.path, "commit", "-q", "-m", message)


def staged_text(place: Place, ref: str, stage: str = "production") -> str:
    """What gitreg writes for a version."""
    registry = open_registry(place.path)
    return format_stage_file(stage_file_of(registry, gitreg.resolve(ref, registry=registry), stage))


@pytest.fixture
def ana(two: Place) -> Member:
    """Who logged the versions, in a registry whose policy guards production."""
    put(two, "gitreg.yaml", POLICY)
    git(two.path, "push", "-q", "origin", "main")  # the policy before asked for nothing
    return member(two, "Ana", "ana@example.org")


@pytest.fixture
def bo(ana: Member, tmp_path: Path) -> Member:
    """An approver, with a clone of their own."""
    clone = ana.place.clone(tmp_path / "bo")
    git(clone.path, "config", "gitreg.payloads", str(ana.place.payloads))
    return member(clone, "Bo", "bo@example.org")


@pytest.fixture
def proposed(ana: Member) -> str:
    """The number of ana's pull request that production runs churn@v0.1.0."""
    return promote("churn@v0.1.0", "production", "it is good", registry=ana.path).number


def head_of(ana: Member, number: str) -> str:
    """The commit that a pull request proposes."""
    return git(ana.path, "rev-parse", f"refs/gitreg/pulls/{number}/head")


def test_a_promotion_from_the_proposal_to_the_rollback(ana: Member, bo: Member, proposed: str) -> None:
    review_pull(proposed, "approve", "fine", registry=bo.path)
    merged = merge(proposed, registry=bo.path)
    assert merged.record == ("churn#production#1",)
    assert "churn#production#1" in ana.place.at_origin()
    assert "promote/production/churn" not in git(ana.place.path, "ls-remote", "origin")
    second = promote("churn@v0.2.0", "production", registry=ana.path).number
    review_pull(second, "approve", "", registry=bo.path)
    merge(second, registry=bo.path)
    back = rollback("churn", "production", registry=ana.path).number
    review_pull(back, "approve", "", registry=bo.path)
    merge(back, registry=bo.path)
    assert gitreg.resolve("churn@production", registry=ana.path).version == "v0.1.0"


def test_a_merge_by_plain_git_is_one_too(ana: Member, bo: Member, proposed: str) -> None:
    review_pull(proposed, "approve", "fine", registry=bo.path)
    git(ana.path, "merge", "-q", "--no-ff", "-m", "by hand", head_of(ana, proposed))
    git(ana.path, "push", "-q", "origin", "main")
    assert "v0.1.0" in git(ana.path, "show", f"origin/main:{STAGED}")


def test_without_the_approvals_it_is_no_promotion(ana: Member, proposed: str, refused: Refused) -> None:
    git(ana.path, "merge", "-q", "--no-ff", "-m", "by hand", head_of(ana, proposed))
    said = refused("main")
    assert said.startswith(REFUSED)
    assert "main: churn v0.1.0 to production: 1 approval of bo, cy wanted; 1 missing (approvals)" in said
    assert f"gitreg pr review {proposed} --approve" in said


def test_an_approval_of_an_older_head_is_none(ana: Member, bo: Member, proposed: str, refused: Refused) -> None:
    review_pull(proposed, "approve", "fine", registry=bo.path)
    assert promote("churn@v0.2.0", "production", registry=ana.path).number == proposed
    git(ana.path, "merge", "-q", "--no-ff", "-m", "by hand", head_of(ana, proposed))
    assert "1 missing (approvals)" in refused("main")


@pytest.mark.parametrize("how", ["squash", "rebase", "direct"])
def test_what_is_no_merge_is_told_by_name(ana: Member, bo: Member, proposed: str, refused: Refused, how: str) -> None:
    review_pull(proposed, "approve", "fine", registry=bo.path)
    match how:
        case "squash":
            git(ana.path, "merge", "-q", "--squash", head_of(ana, proposed))
            git(ana.path, "commit", "-q", "-m", "squashed")
        case "rebase":
            git(ana.path, "cherry-pick", head_of(ana, proposed))
        case _:
            put(ana.place, STAGED, staged_text(ana.place, "churn@v0.1.0"))
    assert f"main: {STAGED} was changed by a commit that is no merge of a pull request" in refused("main")


def test_a_merge_of_something_that_is_no_pull_request(ana: Member, refused: Refused) -> None:
    git(ana.path, "switch", "-q", "-c", "mine")
    put(ana.place, STAGED, staged_text(ana.place, "churn@v0.1.0"))
    git(ana.path, "switch", "-q", "main")
    git(ana.path, "merge", "-q", "--no-ff", "-m", "merged", "mine")
    assert "is the head of no pull request" in refused("main")


def test_a_merge_changes_what_the_pull_request_does_and_nothing_else(
    ana: Member, bo: Member, proposed: str, refused: Refused
) -> None:
    review_pull(proposed, "approve", "fine", registry=bo.path)
    git(ana.path, "merge", "-q", "--no-ff", "--no-commit", head_of(ana, proposed))
    put(ana.place, "stages/staging/churn.yaml", staged_text(ana.place, "churn@v0.2.0", "staging"), "sneaked in")
    assert "changes stages/staging/churn.yaml, which the pull request does not" in refused("main")
    git(ana.path, "reset", "-q", "--hard", "origin/main")
    git(ana.path, "merge", "-q", "--no-ff", "--no-commit", head_of(ana, proposed))
    put(ana.place, STAGED, staged_text(ana.place, "churn@v0.2.0"), "another one")
    assert f"makes another {STAGED} than the pull request" in refused("main")


def test_a_proposal_that_main_has_overtaken(ana: Member, bo: Member, proposed: str, refused: Refused) -> None:
    review_pull(proposed, "approve", "", registry=bo.path)
    head = head_of(ana, proposed)
    merge(proposed, registry=bo.path)
    git(ana.path, "pull", "-q", "--ff-only", "origin", "main")
    second = promote("churn@v0.2.0", "production", registry=ana.path).number
    review_pull(second, "approve", "", registry=bo.path)
    merge(second, registry=bo.path)
    git(ana.path, "pull", "-q", "--ff-only", "origin", "main")
    tree = git(ana.path, "rev-parse", "main~1^{tree}")
    again = git(ana.path, "commit-tree", tree, "-p", "main", "-p", head, "-m", "again")
    git(ana.path, "reset", "-q", "--hard", again)
    assert f"pull request {proposed} was merged before" in refused("main")


def test_a_closed_pull_request(ana: Member, bo: Member, proposed: str, refused: Refused) -> None:
    review_pull(proposed, "approve", "", registry=bo.path)
    close_pull(proposed, registry=bo.path)
    git(ana.path, "merge", "-q", "--no-ff", "-m", "by hand", head_of(ana, proposed))
    assert f"pull request {proposed} is closed" in refused("main")


def test_a_stage_file_that_is_not_what_gitreg_writes(ana: Member, bo: Member, refused: Refused) -> None:
    number = promote("churn@v0.1.0", "production", registry=ana.path).number
    git(ana.path, "fetch", "-q", "origin", "promote/production/churn")
    git(ana.path, "switch", "-q", "-C", "promote/production/churn", "FETCH_HEAD")
    digest = gitreg.resolve("churn@v0.2.0", registry=ana.path).digest
    own = gitreg.resolve("churn@v0.1.0", registry=ana.path).digest
    put(ana.place, STAGED, (ana.path / STAGED).read_text().replace(own, digest))
    git(ana.path, "push", "-q", "origin", "promote/production/churn")
    git(ana.path, "switch", "-q", "main")
    forge = ana.forge
    pull = forge.get(number)
    forge.update(number, pull.title, pull.body)
    review_pull(number, "approve", "", registry=bo.path)
    git(ana.path, "merge", "-q", "--no-ff", "-m", "by hand", forge.get(number).head_commit)
    assert "(stage-file)" in refused("main")


def test_an_emergency_is_of_whom_the_policy_names(ana: Member, bo: Member, proposed: str, refused: Refused) -> None:
    git(
        ana.path,
        "merge",
        "-q",
        "--no-ff",
        "-m",
        "now\n\nGitreg-Format: 1\nGitreg-Emergency: cy",
        head_of(ana, proposed),
    )
    assert f"Ana <ana@example.org> may not change {STAGED} in an emergency" in refused("main")
    git(bo.path, "config", "user.email", "cy@example.org")
    merged = merge(proposed, emergency=True, why="customers are waiting", registry=bo.path)
    assert merged.record == ("churn#production#1",)


def test_main_only_goes_forward(ana: Member, refused: Refused) -> None:
    assert "main: main only goes forward" in refused("+main~1:main")
    assert "main: the registry's branch is never deleted" in refused(":main")
    put(ana.place, "models/churn.md", "---\ntitle: Churn\n---\n")
    git(ana.path, "push", "-q", "origin", "main")
    git(ana.path, "switch", "-q", "-c", "side", "main~1")
    put(ana.place, "models/fraud.md", "---\ntitle: Fraud\n---\n")
    git(ana.path, "merge", "-q", "--no-ff", "-m", "main into side", "main")
    assert "main would be merged into another branch" in refused("side:main")
    git(ana.path, "push", "-q", "origin", "side")  # no branch but main is judged
    git(ana.path, "push", "-q", "-f", "origin", "main:side")
    git(ana.path, "push", "-q", "origin", ":side")


def test_the_policy_changes_as_it_asks_itself(ana: Member, bo: Member, refused: Refused) -> None:
    weaker = POLICY.replace("approvals: 1", "approvals: 0")
    put(ana.place, "gitreg.yaml", weaker)
    assert "gitreg.yaml was changed by a commit that is no merge of a pull request" in refused("main")
    git(ana.path, "reset", "-q", "--hard", "origin/main")
    ana.branch("weaker", "gitreg.yaml", weaker)
    forge = ana.forge
    number = forge.open("weaker", "main", "Ask for less", "").number
    git(ana.path, "merge", "-q", "--no-ff", "-m", "by hand", head_of(ana, number))
    assert "gitreg.yaml: 1 approval of bo, cy wanted; 1 missing (approvals)" in refused("main")
    review_pull(number, "approve", "", registry=bo.path)
    git(ana.path, "push", "-q", "origin", "main")
    assert "approvals: 0" in git(ana.path, "show", "origin/main:gitreg.yaml")
    # What the policy does not guard, whoever may push changes.
    put(ana.place, "gitreg.yaml", f"{weaker}limits: {{file: 2MiB}}\n")
    git(ana.path, "push", "-q", "origin", "main")


def test_a_gitreg_yaml_that_nobody_can_read(ana: Member, refused: Refused) -> None:
    put(ana.place, "gitreg.yaml", POLICY.replace("approvals: 1", "approvals: many"))
    assert "gitreg.yaml, line 8: stages: production: approvals: this is not a whole number" in refused("main")
    put(ana.place, "gitreg.yaml", "")
    assert "gitreg.yaml is deleted: without it this is no registry" in refused("main")


def test_without_stages_in_the_policy_files_are_free_and_valid(two: Place, refused: Refused) -> None:
    text = staged_text(two, "churn@v0.1.0")
    put(two, STAGED, text)
    git(two.path, "push", "-q", "origin", "main")
    put(two, STAGED, text.replace("v0.1.0", "v0.2.0"))
    assert "(stage-file)" in refused("main")
    put(two, STAGED, text.replace("number: 1", "number: one"))
    assert "number is text, not a whole number" in refused("main")
    git(two.path, "reset", "-q", "--hard", "origin/main")
    put(two, "stages/production/fraud.yaml", text)
    assert "it speaks of churn" in refused("main") or "main" in refused("main")
    git(two.path, "reset", "-q", "--hard", "origin/main")
    put(two, STAGED, "")
    git(two.path, "push", "-q", "origin", "main")


def test_no_version_is_retired_while_a_stage_runs_it(two: Place, refused: Refused) -> None:
    put(two, STAGED, staged_text(two, "churn@v0.1.0"))
    git(two.path, "push", "-q", "origin", "main")
    commit = git(two.path, "rev-parse", "churn@1^{commit}")
    git(two.path, "tag", "-a", "-m", "deprecated, as GTO does it", "churn@v0.1.0!", commit)
    assert "churn@v0.1.0!: production runs churn@v0.1.0" in refused("refs/tags/churn@v0.1.0!")
    put(two, STAGED, "")
    git(two.path, "push", "-q", "--atomic", "origin", "main", "refs/tags/churn@v0.1.0!")


def test_the_branch_of_a_registry_beside_code(two: Place, refused: Refused) -> None:
    assert two.origin
    git(two.origin, "config", "gitreg.branch", "gitreg")
    git(two.path, "push", "-q", "origin", "main:gitreg")
    put(two, "gitreg.yaml", "format: 9\n")
    git(two.path, "push", "-q", "origin", "main")
    assert "gitreg.yaml has format 9" in refused("main:gitreg")


def test_what_was_said_is_not_taken_back(ana: Member, bo: Member, proposed: str, refused: Refused) -> None:
    comment_pull(proposed, "I look at it tomorrow", registry=bo.path)
    meta = f"refs/gitreg/pulls/{proposed}/meta"
    git(bo.path, "fetch", "-q", "origin", "+refs/gitreg/pulls/*:refs/gitreg/pulls/*")
    git(ana.path, "fetch", "-q", "origin", "+refs/gitreg/pulls/*:refs/gitreg/pulls/*")
    assert "what was said of a pull request is only added to" in refused(f"+{meta}~1:{meta}")
    assert "a pull request is closed, and not deleted" in refused(f":{meta}")
    assert "its events say" in refused(f"+main:refs/gitreg/pulls/{proposed}/head")
    assert "its other ref is missing" in refused("main:refs/gitreg/pulls/9/head")
    assert "it is no ref of a pull request" in refused("main:refs/gitreg/pulls/draft-12345678/head")
    empty = git(ana.path, "mktree", input="")
    junk = git(ana.path, "commit-tree", empty, "-p", meta, "-m", "junk")
    assert f"pull request {proposed}: its event {junk[:12]}" in refused(f"{junk}:{meta}")
    review_pull(proposed, "approve", "", registry=bo.path)
    merge(proposed, registry=bo.path)
    assert "its pull request is merged, and stays" in refused(f"+main:refs/gitreg/pulls/{proposed}/head")


def test_nothing_is_merged_that_main_does_not_have(ana: Member, bo: Member, proposed: str, refused: Refused) -> None:
    from gitreg.format.events import Event, format_event

    git(ana.path, "fetch", "-q", "origin", "+refs/gitreg/pulls/*:refs/gitreg/pulls/*")
    meta = f"refs/gitreg/pulls/{proposed}/meta"
    told = format_event(Event("merged", head=head_of(ana, proposed), merged=head_of(ana, proposed)))
    empty = git(ana.path, "mktree", input="")
    event = git(ana.path, "commit-tree", empty, "-p", meta, "-F", "-", input=told)
    assert "it says that it is merged, and main does not have that" in refused(f"{event}:{meta}")


def test_notes_are_only_added_to(two: Place, refused: Refused) -> None:
    gitreg.note("churn@1", {"team": "risk"})
    gitreg.note("churn@2", {"team": "risk"})
    assert "refs/notes/gitreg: notes are only added to" in refused("+refs/notes/gitreg~1:refs/notes/gitreg")
    assert "refs/notes/gitreg: notes are only added to" in refused(":refs/notes/gitreg")
    git(two.path, "push", "-q", "origin", "main:refs/notes/other")
