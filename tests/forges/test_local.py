"""Pull requests kept in Git: two clones of a bare origin, and a repository that is alone."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from gitreg.errors import Conflict, Damaged, GitregError, NotFound, Refused, Unreachable
from gitreg.forges._chains import read_chains, write_event
from gitreg.forges.local import LocalForge
from gitreg.format.events import Event, pull_refs
from gitreg.format.keys import key_fingerprint
from gitreg.format.pulls import Status, content_of
from gitreg.registry.place import open_registry
from gitreg.stores.git import RefChange
from testing.gitcli import git, snapshot
from testing.registries import lone
from testing.team import Member, team


@pytest.fixture
def people(tmp_path: Path) -> tuple[Member, Member]:
    return team(tmp_path)


def refs(path: Path | None, *patterns: str) -> list[str]:
    assert path
    return git(path, "for-each-ref", "--format=%(refname)", *(patterns or ("refs/gitreg",))).split()


def meta(number: str = "1") -> str:
    return pull_refs(number)[1]


def test_a_pull_request_from_its_opening_to_its_merge(people: tuple[Member, Member]) -> None:
    ana, bo = people
    head = ana.branch("topic", text="proposed\n")
    before = snapshot(ana.path), snapshot(bo.path)
    opened = ana.forge.open("topic", "main", "A  change", "Why it\nis good.")
    assert (opened.number, opened.url, opened.title, opened.body) == ("1", "", "A change", "Why it\nis good.")
    assert (opened.head, opened.head_commit, opened.base, opened.state) == ("topic", head, "main", "open")
    assert opened.author == "Ana <ana@example.org>"

    assert bo.forge.get("1") == opened == bo.forge.find("topic", "main")
    bo.forge.comment("1", "Have you\n\nthought of this?")
    bo.forge.review(opened, "request-changes", "not yet")
    bo.forge.review(opened, "approve", "")
    said = ana.forge.reviews("1")
    assert [(each.by, each.verdict, each.text) for each in said] == [
        ("Bo <bo@example.org>", "comment", "Have you\n\nthought of this?"),
        ("Bo <bo@example.org>", "request-changes", "not yet"),
        ("Bo <bo@example.org>", "approve", ""),
    ]
    assert said[2].content == content_of({"notes.txt": b"proposed\n"})
    assert (said[2].commit, said[2].signed, said[2].broken) == (head, "", "")

    commit = bo.forge.merge(opened, "Merge it\n\nGitreg-Format: 1\n")
    origin = ana.place.origin
    assert origin
    assert git(origin, "rev-parse", "main") == commit
    assert git(origin, "log", "-1", "--format=%P", commit).split()[1] == head
    assert git(origin, "show", f"{commit}:notes.txt") == "proposed"
    merged = ana.forge.get("1")
    assert (merged.state, merged.merged_commit) == ("merged", commit)
    assert [pull.number for pull in ana.forge.pulls("merged")] == ["1"] and not ana.forge.pulls()
    assert ana.forge.find("topic", "main") is None
    assert (snapshot(ana.path), snapshot(bo.path)) == before
    assert git(bo.path, "rev-parse", "origin/main") == commit
    for change in (lambda: bo.forge.merge(merged, "again"), lambda: bo.forge.close("1"),
                   lambda: bo.forge.update("1", "x", "y"), lambda: bo.forge.review(merged, "approve", "")):  # fmt: skip
        with pytest.raises(Conflict, match="is merged already"):
            change()
    bo.forge.comment("1", "well done")
    assert ana.forge.reviews("1")[-1].text == "well done"


def test_closing_and_what_is_not_there(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    with pytest.raises(Conflict, match="pull request 1 proposes topic already"):
        bo.forge.open("topic", "main", "The same", "")
    bo.forge.close("1")
    assert ana.forge.get("1").state == "closed"
    assert ana.forge.open("topic", "main", "Once more", "").number == "2"
    with pytest.raises(NotFound, match="no pull request 3"):
        ana.forge.get("3")
    with pytest.raises(Damaged, match=r"'\.\./main' is not the number"):
        ana.forge.get("../main")
    with pytest.raises(NotFound, match="has no branch nowhere"):
        ana.forge.open("nowhere", "main", "x", "")
    with pytest.raises(NotFound, match="has no branch topic~1"):
        ana.offline().open("topic~1", "main", "x", "")
    ana.branch("mine", push=False)
    with pytest.raises(NotFound) as caught:
        ana.forge.open("mine", "main", "x", "")
    assert caught.value.hint == "git push origin mine"
    with pytest.raises(Refused, match="200000 is the most"):
        ana.forge.comment("2", "x" * 200_001)
    assert [pull.number for pull in ana.forge.pulls(None)] == ["2", "1"]
    ana.forge.set_status("0" * 40, Status("check", "success", ""))
    assert ana.forge.statuses("0" * 40) == ()


def test_a_new_head_makes_approvals_of_the_old_one_stale(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic", text="one\n")
    first = ana.forge.open("topic", "main", "A change", "")
    bo.forge.review(first, "approve", "")
    head = ana.branch("topic", text="two\n")
    moved = ana.forge.update("1", "A better change", "body")
    assert (moved.head_commit, moved.title, moved.body) == (head, "A better change", "body")
    assert ana.forge.update("1", "A better change", "body") == moved
    assert len(ana.forge.reviews("1")) == 1
    with pytest.raises(Conflict, match="has another head now"):
        bo.forge.review(first, "approve", "")
    with pytest.raises(Conflict, match="has another head now"):
        bo.forge.merge(first, "Merge it")
    bo.forge.review(bo.forge.get("1"), "approve", "")
    old, new = ana.forge.reviews("1")
    assert (old.content, new.content) == (content_of({"notes.txt": b"one\n"}), content_of({"notes.txt": b"two\n"}))


def test_a_rebase_that_changes_nothing_keeps_the_content(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic", text="one\n")
    bo.forge.review(ana.forge.open("topic", "main", "A change", ""), "approve", "")
    ana.branch("other", file="other.txt")
    git(ana.path, "push", "-q", "origin", "other:main")
    ana.branch("topic", text="one\n")
    ana.forge.update("1", "A change", "")
    bo.forge.review(bo.forge.get("1"), "approve", "")
    first, second = ana.forge.reviews("1")
    assert first.commit != second.commit and first.content == second.content


def test_verdicts_are_signed(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    public = bo.signs(tmp_path)
    ana.branch("topic")
    opened = ana.forge.open("topic", "main", "A change", "")
    bo.forge.review(opened, "approve", "signed")
    ana.forge.review(opened, "approve", "not signed")
    assert [review.signed for review in ana.forge.reviews("1")] == [key_fingerprint(public), ""]


@pytest.mark.parametrize(
    ("said", "verdict", "broken"),
    [
        ("approved", "comment", "approved, but the signature is not one of this text"),
        ("changes-requested", "request-changes", ""),
    ],
)
def test_an_approval_whose_signature_is_broken_is_a_comment_and_a_block_stays_one(
    people: tuple[Member, Member], tmp_path: Path, said: str, verdict: str, broken: str
) -> None:
    ana, bo = people
    bo.signs(tmp_path)
    ana.branch("topic")
    bo.forge.review(ana.forge.open("topic", "main", "A change", ""), "request-changes", "not so")
    origin = ana.place.origin
    assert origin
    text = git(origin, "cat-file", "commit", meta()) + "\n"
    text = text.replace("changes-requested", said).replace("not so", "never")
    forged = git(origin, "hash-object", "-t", "commit", "-w", "--stdin", input=text)
    git(origin, "update-ref", meta(), forged)
    found = LocalForge(open_registry(origin).git, "", "main").reviews("1")[0]
    assert (found.verdict, found.signed, found.broken) == (verdict, "", broken)


def test_a_verdict_after_the_merge_is_none(people: tuple[Member, Member]) -> None:
    ana, _ = people
    ana.branch("topic")
    ana.forge.merge(ana.forge.open("topic", "main", "A change", ""), "Merge it")
    git_ = ana.registry.git
    late = write_event(git_, Event("approved", content="sha256:" + "0" * 64), git_.find_ref(meta()))
    git(ana.path, "push", "-q", "origin", f"{late}:{meta()}")
    found = ana.forge.reviews("1")[0]
    assert (found.verdict, found.broken) == ("comment", "approved, but it was given after the merge")


def test_offline_everything_waits_for_the_next_push(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    bo.forge.get("1")
    head = bo.branch("mine", file="mine.txt", push=False)
    with pytest.warns(UserWarning, match="waits here for the origin"):
        draft = bo.offline().open("mine", "main", "Mine", "body")
    assert draft.number.startswith("draft-") and draft.head_commit == head
    assert bo.offline().find("mine", "main") == draft == bo.offline().get(draft.number)
    with pytest.warns(UserWarning, match=r"draft-\w+: this waits here"):
        bo.offline().comment(draft.number, "on the draft")
    with pytest.warns(UserWarning, match="waits here for the origin"):
        bo.offline().comment("1", "from the train")
    with pytest.warns(UserWarning, match="waits here"):
        bo.offline().review(bo.offline().get("1"), "approve", "fine")
    assert [review.text for review in bo.offline().reviews("1")] == ["from the train", "fine"]
    assert bo.offline().waiting() == ["1", draft.number]
    with pytest.raises(Unreachable):
        bo.offline().merge(bo.offline().get("1"), "Merge it")
    with pytest.raises(Unreachable):
        bo.offline().update("1", "x", "y")
    ana.forge.comment("1", "meanwhile")
    assert refs(ana.place.origin) == ["refs/gitreg/pulls/1/head", meta()]

    with pytest.warns(UserWarning, match="is pull request 2 now"):
        assert bo.forge.send() == ["1", "2"]
    assert bo.forge.waiting() == [] == bo.forge.send()
    assert [review.text for review in ana.forge.reviews("1")] == ["meanwhile", "from the train", "fine"]
    sent = ana.forge.get("2")
    assert (sent.title, sent.author, sent.head_commit) == ("Mine", "Bo <bo@example.org>", head)
    assert [review.text for review in ana.forge.reviews("2")] == ["on the draft"]
    assert git(ana.path, "ls-remote", "origin", "refs/heads/mine").split()[0] == head
    assert refs(bo.path, "refs/gitreg/unsent", "refs/gitreg/pulls/draft*") == []


def test_an_origin_that_is_away_is_as_offline(people: tuple[Member, Member]) -> None:
    ana, _ = people
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    origin = ana.place.origin
    assert origin
    origin.rename(origin.with_name("away"))
    with pytest.warns(UserWarning, match="as they were seen last"):
        assert ana.forge.get("1").title == "A change"
    with pytest.warns(UserWarning, match=r"gitreg push sends it|seen last"):
        ana.forge.comment("1", "later")
    with pytest.raises(Unreachable):
        ana.forge.merge(ana.offline().get("1"), "Merge it")
    origin.with_name("away").rename(origin)
    assert [review.text for review in ana.forge.reviews("1")] == ["later"]
    assert ana.offline().waiting() == []


def test_signed_events_are_signed_again_behind_those_of_others(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    public = bo.signs(tmp_path)
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    bo.forge.get("1")
    with pytest.warns(UserWarning):
        bo.offline().review(bo.offline().get("1"), "approve", "")
    ana.forge.comment("1", "meanwhile")
    bo.forge.send()
    assert [(r.verdict, r.signed) for r in ana.forge.reviews("1")] == [
        ("comment", ""), ("approve", key_fingerprint(public)),
    ]  # fmt: skip


def test_an_origin_that_takes_no_event_is_told_of_and_nothing_waits(people: tuple[Member, Member]) -> None:
    ana, _ = people
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    origin = ana.place.origin
    assert origin
    hook = origin / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho not here >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitregError, match="refuses this push"):
        ana.forge.comment("1", "lost?")
    ana.branch("other", push=False)
    hook.unlink()
    git(ana.path, "push", "-q", "origin", "other")
    hook.write_text("#!/bin/sh\necho not here >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitregError, match="refuses this push"):
        ana.forge.open("other", "main", "x", "")
    assert ana.offline().waiting() == []
    assert [pull.number for pull in ana.offline().pulls(None)] == ["1"]


def test_a_draft_whose_number_was_claimed_by_a_program_that_was_killed(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic", push=False)
    with pytest.warns(UserWarning, match="waits here for the origin"):
        draft = ana.offline().open("topic", "main", "A change", "")
    head, first = (git(ana.path, "rev-parse", ref) for ref in pull_refs(draft.number))
    pushed = [f"{head}:refs/heads/topic", f"{head}:{pull_refs('1')[0]}", f"{first}:{meta()}"]
    git(ana.path, "push", "-q", "--atomic", "origin", *pushed)
    with pytest.warns(UserWarning, match="waits here"):
        ana.offline().comment(draft.number, "one more")
    with pytest.warns(UserWarning, match="is pull request 1 now"):
        assert [pull.number for pull in ana.forge.pulls()] == ["1"]
    assert [review.text for review in bo.forge.reviews("1")] in ([], ["one more"])
    ana.forge.send()
    assert [review.text for review in bo.forge.reviews("1")] == ["one more"]


def test_a_draft_of_what_somebody_proposed_meanwhile_stays(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic", push=False)
    with pytest.warns(UserWarning, match="waits here for the origin"):
        draft = ana.offline().open("topic", "main", "A change", "").number
    bo.branch("topic", text="other\n")
    bo.forge.open("topic", "main", "Mine", "")
    with pytest.warns(UserWarning, match="stays here: pull request 1 proposes topic already"):
        found = ana.forge.pulls()
    assert [pull.number for pull in found] == [draft, "1"]
    with pytest.warns(UserWarning, match="waits here"):
        ana.offline().close(draft)


def comments(path: str, who: str, count: int) -> None:
    forge = LocalForge(open_registry(path).git, "origin", "main")
    for n in range(count):
        forge.comment("1", f"{who} {n}")


def opens(path: str, who: str, count: int) -> None:
    for n in range(count):
        LocalForge(open_registry(path).git, "origin", "main").open(f"{who}-{n}", "main", f"{who} {n}", "")


def test_two_clones_that_comment_at_once_lose_nothing(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    _at_once(comments, (ana, "ana", 6), (bo, "bo", 6), (bo, "cy", 4))
    said = [review.text for review in ana.forge.reviews("1")]
    assert sorted(said) == sorted([*(f"ana {n}" for n in range(6)), *(f"bo {n}" for n in range(6)),
                                   *(f"cy {n}" for n in range(4))])  # fmt: skip
    for who in ("ana", "bo", "cy"):
        own = [text for text in said if text.startswith(who)]
        assert own == sorted(own)
    assert ana.forge.waiting() == bo.forge.waiting() == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_another_program_of_the_clone_says_while_this_one_sends_is_not_lost(
    when: str, people: tuple[Member, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bo = people
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    bo.forge.comment("1", "so that what ana says goes behind it")
    one = ana.forge
    send = one.refs.change

    def beside(changes: Sequence[RefChange]) -> None:
        monkeypatch.setattr(one.refs, "change", send)
        if when == "after":
            send(changes)
        with pytest.warns(UserWarning, match="waits here for the origin"):
            ana.offline().comment("1", "the other")
        if when == "before":
            send(changes)

    monkeypatch.setattr(one.refs, "change", beside)
    one.comment("1", "the one")
    ana.forge.send()
    assert [review.text for review in bo.forge.reviews("1")] == [
        "so that what ana says goes behind it",
        "the one",
        "the other",
    ]
    assert ana.forge.waiting() == []


def test_two_clones_that_open_at_once_get_numbers_of_their_own(people: tuple[Member, Member]) -> None:
    ana, bo = people
    for who, name in ((ana, "ana"), (bo, "bo")):
        for n in range(4):
            who.branch(f"{name}-{n}", file=f"{name}.txt", text=f"{n}\n")
    _at_once(opens, (ana, "ana", 4), (bo, "bo", 4))
    found = ana.forge.pulls(None)
    assert [pull.number for pull in found] == [str(n) for n in range(8, 0, -1)]
    assert sorted(pull.title for pull in found) == sorted(f"{who} {n}" for who in ("ana", "bo") for n in range(4))


def _at_once(work: object, *who: tuple[Member, str, int]) -> None:
    context = multiprocessing.get_context("fork")
    running = [context.Process(target=work, args=(str(each.path), name, count)) for each, name, count in who]  # type: ignore[arg-type]  # a function
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * len(running)


def test_a_chain_that_was_rewritten_is_not_believed(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    ana.branch("other", file="other.txt")
    ana.forge.open("other", "main", "Another", "")
    bo.forge.review(bo.forge.get("1"), "request-changes", "no")
    ana.forge.get("1")
    git(bo.path, "push", "-q", "-f", "origin", f"{meta()}~1:{meta()}")  # the verdict vanishes
    with pytest.raises(Damaged, match="pull request 1: its events at the origin are not those that were seen before"):
        ana.forge.get("1")
    with pytest.raises(Damaged):
        ana.forge.comment("1", "what?")
    with pytest.warns(UserWarning, match="pull request 1: its events"):
        assert [pull.number for pull in ana.forge.pulls()] == ["2"]
    assert ana.forge.get("2").title == "Another"
    assert [review.text for review in ana.offline().reviews("1")] == ["no"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("files", "holds files"),
        ("merge", "follows two others"),
        ("prose", "does not end with trailers"),
        ("format", "format"),
        ("kind", "'praised' is no event"),
        ("opened", "is opened twice"),
        ("headless", "does not begin with what it proposes"),
        ("moved", "its head is"),
    ],
)
def test_events_that_are_none_are_damaged_and_named(people: tuple[Member, Member], spoil: str, why: str) -> None:
    ana, bo = people
    head = ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    origin = ana.place.origin
    assert origin
    tip, empty = git(origin, "rev-parse", meta()), git(origin, "mktree", input="")
    said = "commented\n\nGitreg-Format: 1\nGitreg-Event: commented\n"
    made = {
        "files": lambda: _commit(origin, f"{head}^{{tree}}", said, tip),
        "merge": lambda: _commit(origin, empty, said, tip, _commit(origin, empty, said)),
        "prose": lambda: _commit(origin, empty, "hello\n", tip),
        "format": lambda: _commit(origin, empty, said.replace("Format: 1", "Format: 2"), tip),
        "kind": lambda: _commit(origin, empty, said.replace("Event: commented", "Event: praised"), tip),
        "opened": lambda: _commit(origin, empty, git(origin, "log", "-1", "--format=%B", tip), tip),
        "headless": lambda: _commit(origin, empty, said),
        "moved": lambda: tip,
    }[spoil]()
    number = "2" if spoil == "headless" else "1"
    git(origin, "update-ref", meta(number), made)
    git(origin, "update-ref", pull_refs(number)[0], f"{head}~1" if spoil == "moved" else head)
    with pytest.raises(GitregError, match=why) as caught:
        bo.forge.get(number)
    assert f"pull request {number}" in caught.value.message


def _commit(repo: Path, tree: str, message: str, *parents: str) -> str:
    before = [word for parent in parents for word in ("-p", parent)]
    who = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org")
    return git(repo, *who, "commit-tree", tree, *before, input=message)


def test_events_copied_under_another_number_are_not_its_own(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    bo.forge.review(ana.forge.open("topic", "main", "A change", ""), "approve", "")
    origin = ana.place.origin
    assert origin
    for old, new in zip(pull_refs("1"), pull_refs("7"), strict=True):
        git(origin, "update-ref", new, old)
    with pytest.raises(Damaged, match="pull request 7 is a copy of pull request 1"):
        bo.forge.get("7")
    assert bo.forge.get("1").state == "open"
    ana.branch("next", file="next.txt")
    with pytest.warns(UserWarning, match="pull request 7 is a copy"):
        assert ana.forge.open("next", "main", "Next", "").number == "8"


def test_thousands_of_events(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic")
    opened = ana.forge.open("topic", "main", "A change", "")
    repo, count = ana.registry.git, 3000
    stream = [f"reset refs/gitreg/many\nfrom {repo.find_ref(meta())}\n\n"]
    message = "commented\n\nmore\n\nGitreg-Format: 1\nGitreg-Event: commented\n"
    for n in range(count):
        stream.append(f"commit refs/gitreg/many\ncommitter Eve <eve@example.org> {1_788_000_000 + n} +0000\n"
                      f"data {len(message)}\n{message}\n")  # fmt: skip
    git(ana.path, "fast-import", "--quiet", "--force", input="".join(stream))
    git(ana.path, "push", "-q", "origin", f"refs/gitreg/many:{meta()}")
    assert len(bo.forge.reviews("1")) == count
    assert bo.forge.get("1") == opened
    bo.forge.review(opened, "approve", "")
    assert ana.forge.reviews("1")[-1].verdict == "approve"


def test_a_repository_without_an_origin_keeps_them_itself(tmp_path: Path) -> None:
    path = lone(tmp_path / "lone").path
    git(path, "checkout", "-q", "-b", "topic")
    (path / "x").write_text("x\n")
    git(path, "add", "x")
    git(path, "commit", "-q", "-m", "x")
    git(path, "checkout", "-q", "main")
    forge = LocalForge(open_registry(path).git, "", "main")
    pull = forge.open("topic", "main", "A change", "")
    assert pull.number == "1"
    forge.comment("1", "here")
    forge.review(pull, "approve", "")
    assert forge.waiting() == []
    assert forge.update("1", "Another title", "").title == "Another title"
    commit = forge.merge(forge.get("1"), "Merge it")
    assert git(path, "rev-parse", "main") == commit
    assert forge.get("1").state == "merged"
    assert refs(path) == ["refs/gitreg/pulls/1/head", meta()]


def test_files_keep_their_modes_and_deletions_are_merged(people: tuple[Member, Member]) -> None:
    ana, bo = people
    here = ana.path
    git(here, "checkout", "-q", "-b", "topic")
    script = here / 'odd "name"\twith\nlines.sh'
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    git(here, "rm", "-q", ".dvc/config")
    git(here, "add", ".")
    git(here, "commit", "-q", "-m", "modes")
    git(here, "push", "-q", "origin", "topic")
    git(here, "checkout", "-q", "main")
    ana.branch("main-goes-on", file="beside.txt")
    git(here, "push", "-q", "origin", "main-goes-on:main")
    commit = bo.forge.merge(ana.forge.open("topic", "main", "A change", ""), "Merge it")
    listed = git(bo.path, "ls-tree", "-r", "-z", commit).split("\0")
    assert [line.split("\t", 1)[1] for line in listed if line] == ["beside.txt", "gitreg.yaml", script.name]
    assert next(line for line in listed if line.endswith(script.name)).startswith("100755 ")


def test_a_file_where_a_folder_is_cannot_be_merged(people: tuple[Member, Member]) -> None:
    ana, bo = people
    ana.branch("topic", file="thing")
    opened = ana.forge.open("topic", "main", "A change", "")
    ana.branch("other", file="thing/inside")
    git(ana.path, "push", "-q", "origin", "other:main")
    before = git(ana.path, "ls-remote", "origin")
    with pytest.raises(Conflict, match="in the way"):
        bo.forge.merge(opened, "Merge it")
    assert git(ana.path, "ls-remote", "origin") == before


def test_reading_a_chain_that_is_not_there(people: tuple[Member, Member]) -> None:
    ana, _ = people
    assert read_chains(ana.registry.git, {}) == {}
    with pytest.raises(Damaged, match="git cannot read the pull requests"):
        read_chains(ana.registry.git, {"1": "0" * 39 + "1"})


def test_a_clone_that_was_made_again_sees_everything(people: tuple[Member, Member], tmp_path: Path) -> None:
    ana, bo = people
    ana.branch("topic")
    bo.forge.review(ana.forge.open("topic", "main", "A change", ""), "approve", "")
    shutil.rmtree(bo.path)
    git(tmp_path, "clone", "-q", str(ana.place.origin), bo.path)
    assert bo.forge.reviews("1")[0].verdict == "approve"


@pytest.mark.parametrize("kind", ["blob", "tag"])
def test_refs_that_hold_no_events_hide_no_others(people: tuple[Member, Member], kind: str) -> None:
    ana, bo = people
    ana.branch("topic")
    ana.forge.open("topic", "main", "A change", "")
    origin = ana.place.origin
    assert origin
    git(origin, "-c", "user.name=Eve", "-c", "user.email=e@x.org", "tag", "-a", "-m", "x", "x", meta())
    made = git(origin, "hash-object", "-w", "--stdin", input="x") if kind == "blob" else "refs/tags/x"
    git(origin, "update-ref", meta("5"), made)
    git(origin, "update-ref", "refs/gitreg/pulls/nonsense/meta", meta())
    with pytest.warns(UserWarning, match="pull request 5: its event"):
        assert [pull.number for pull in bo.forge.pulls(None)] == ["1"]
    with pytest.raises(Damaged, match="pull request 5"):
        bo.forge.get("5")
