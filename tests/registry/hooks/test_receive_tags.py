"""The server's hook and tags: each rule lets what gitreg makes pass, and refuses what it would not make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from gitreg.registry.care.purge import purge
from gitreg.registry.hooks.receive import LATE, REFUSED, format_refusal, judge_push
from gitreg.registry.place import open_registry
from gitreg.stores.git import RefChange, Taken
from gitreg.stores.incoming import NONE
from testing.gitcli import git
from testing.registries import Place, log

Refused = Callable[..., str]
FORMAT = "Gitreg-Format: 1"


def tag(place: Place, ref: str, target: str, message: str, *, name: str = "") -> str:
    """An annotated tag object under a ref, made by plain git; its id."""
    short = name or ref.removeprefix("refs/tags/")
    text = f"object {target}\ntype commit\ntag {short}\ntagger Ana <ana@example.org> 1788000000 +0000\n\n{message}\n"
    oid = git(place.path, "hash-object", "-t", "tag", "-w", "--stdin", input=text)
    git(place.path, "update-ref", ref if ref.startswith("refs/") else f"refs/tags/{ref}", oid)
    return oid


def message(place: Place, name: str, **changed: str) -> str:
    """The message of a version's tag, with other values for some trailers (Previous="none"; "" takes one out)."""
    text = git(place.path, "cat-file", "tag", name).split("\n\n", 1)[1]
    for key, value in changed.items():
        lines = text.split("\n")
        at = next(n for n, line in enumerate(lines) if line.startswith(f"Gitreg-{key}: "))
        lines[at : at + 1] = [f"Gitreg-{key}: {value}"] if value else []
        text = "\n".join(lines)
    return text


def third(
    place: Place, *, version: str = "v0.3.0", number: str = "3", target: str = "", **changed: str
) -> tuple[str, str]:
    """A third version by hand, right but for what is told; the refspecs of its two tags."""
    there = git(place.path, "rev-parse", "churn@2")
    facts = {"Number": number, "Previous": there} | changed
    text = message(place, "churn@2", **facts).replace("churn v0.2.0", f"churn {version}", 1)
    oid = tag(place, f"churn@{version}", target or git(place.path, "rev-parse", "churn@2^{commit}"), text)
    git(place.path, "update-ref", f"refs/tags/churn@{number}", oid)
    return f"refs/tags/churn@{version}", f"refs/tags/churn@{number}"


def test_what_gitreg_registers_is_taken(two: Place) -> None:
    assert two.at_origin("churn@*") == ["churn@1", "churn@2", "churn@v0.1.0", "churn@v0.2.0"]
    assert len(two.at_origin("run/*")) == 2


def test_a_third_version_by_hand_is_taken_where_all_is_right(two: Place) -> None:
    git(two.path, "push", "-q", "--atomic", "origin", *third(two))
    assert "churn@3" in two.at_origin()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"number": "4"}, "churn@4: the next number of churn is 3"),
        ({"Previous": "none"}, "churn@3: Gitreg-Previous is none, and the tag of number 2 is"),
        ({"Previous": "a" * 40}, "churn@3: Gitreg-Previous is aaaaaaaaaaaa, and the tag of number 2 is"),
        ({"Number": "9"}, "churn@3: the tag says that it is number 9"),
        ({"Format": "7"}, "churn@v0.3.0 has format 7; this gitreg reads up to format 1"),
        ({"Path": ""}, "version churn@v0.3.0 has no trailer Gitreg-Path"),
        ({"Path": "elsewhere"}, "its commit has no elsewhere/MLmodel"),
        ({"Digest": f"sha256:{'0' * 64}"}, "and that of its SHA256SUMS sha256:"),
        ({"Digest": "md5:1"}, "Gitreg-Digest"),
        ({"Run": "other"}, "its commit is not made of run other"),
        ({"Size": "many"}, "Gitreg-Size is 'many', not a number"),
    ],
)
def test_a_version_that_says_what_is_not_so(two: Place, refused: Refused, facts: dict[str, str], words: str) -> None:
    assert words in refused(*third(two, **facts))
    assert "churn@v0.3.0" not in two.at_origin()


def test_two_trailers_of_one_name(two: Place, refused: Refused) -> None:
    text = message(two, "churn@2", Number="3").replace("churn v0.2.0", "churn v0.3.0", 1) + "\nGitreg-Number: 3"
    tag(two, "churn@v0.3.0", git(two.path, "rev-parse", "churn@2^{commit}"), text)
    git(two.path, "update-ref", "refs/tags/churn@3", "refs/tags/churn@v0.3.0")
    assert "trailer Gitreg-Number stands twice" in refused("refs/tags/churn@v0.3.0", "refs/tags/churn@3")


def test_one_of_the_two_tags_alone(two: Place, refused: Refused) -> None:
    version, number = third(two)
    assert "churn@v0.3.0: churn@3 must come with it" in refused(version)
    assert "churn@3: churn@v0.3.0 must come with it" in refused(number)
    # A host without atomic pushes may have been left between the two.
    assert two.origin
    git(two.path, "push", "-q", "--atomic", "origin", version, number)
    git(two.origin, "update-ref", "-d", version)
    git(two.path, "push", "-q", "origin", version)
    assert "churn@v0.3.0" in two.at_origin()


def test_the_two_tags_are_not_the_same(two: Place, refused: Refused) -> None:
    version, number = third(two)
    commit = git(two.path, "rev-parse", "churn@2^{commit}")
    tag(two, "refs/tags/churn@3", commit, message(two, "churn@v0.3.0", Size="1"), name="churn@v0.3.0")
    assert "churn@3 is another version already" in refused(version, number)


def test_versions_of_one_push_count_on(two: Place) -> None:
    first = third(two)
    text = message(two, "churn@3", Number="4", Previous=git(two.path, "rev-parse", "churn@3"))
    oid = tag(two, "churn@v0.4.0", git(two.path, "rev-parse", "churn@2^{commit}"), text.replace("v0.3.0", "v0.4.0", 1))
    git(two.path, "update-ref", "refs/tags/churn@4", oid)
    git(two.path, "push", "-q", "--atomic", "origin", *first, "refs/tags/churn@v0.4.0", "refs/tags/churn@4")
    assert "churn@4" in two.at_origin()


@pytest.mark.parametrize("name", ["churn@v0.9.0", "churn@3", "churn@v0.1.0!", "churn#production#1"])
def test_a_tag_that_is_no_annotated_one(two: Place, refused: Refused, name: str) -> None:
    git(two.path, "update-ref", f"refs/tags/{name}", "churn@2^{commit}")
    assert f"{name}: it is no annotated tag" in refused(f"refs/tags/{name}")


@pytest.mark.parametrize("name", ["churn@v0.9.0", "churn@3", "churn@v0.1.0!", "churn#production#1"])
def test_a_tag_under_another_name(two: Place, refused: Refused, name: str) -> None:
    git(two.path, "update-ref", f"refs/tags/{name}", "fraud" if name == "none" else "refs/tags/churn@2")
    said = refused(f"refs/tags/{name}")
    assert "is 'churn@v0.2.0': it is another tag under this name" in said or "it is number 2" in said


def test_a_version_on_a_commit_that_is_no_runs(two: Place, refused: Refused) -> None:
    main = git(two.path, "rev-parse", "main")
    assert "its commit is not made of run" in refused(*third(two, target=main))
    tree = git(two.path, "rev-parse", "churn@2^{tree}")
    text = git(two.path, "log", "-1", "--format=%B", "churn@2^{commit}")
    child = git(two.path, "commit-tree", tree, "-p", main, "-F", "-", input=text)
    git(two.path, "tag", "-d", "churn@v0.3.0", "churn@3")
    assert "its commit is missing or has a parent" in refused(*third(two, target=child))


def test_a_version_with_other_files_than_its_run(two: Place, refused: Refused) -> None:
    lines = git(two.path, "ls-tree", "churn@2^{tree}").replace("dvc.yaml", "other.yaml")
    tree = git(two.path, "mktree", input=lines + "\n")
    text = git(two.path, "log", "-1", "--format=%B", "churn@2^{commit}")
    commit = git(two.path, "commit-tree", tree, "-F", "-", input=text)
    assert "its files are not those of run/" in refused(*third(two, target=commit))


def test_the_name_in_another_case(two: Place, refused: Refused) -> None:
    oid = tag(two, "Churn@v0.1.0", git(two.path, "rev-parse", "churn@2^{commit}"),
              message(two, "churn@1").replace("churn v", "Churn v", 1))  # fmt: skip
    git(two.path, "update-ref", "refs/tags/Churn@1", oid)
    said = refused("refs/tags/Churn@1", "refs/tags/Churn@v0.1.0")
    assert "there is a model churn, which differs from Churn in case only" in said
    run = two.at_origin("run/*")[0]
    git(two.path, "update-ref", f"refs/tags/{run.upper().replace('RUN/', 'run/')}", f"refs/tags/{run}")
    assert f"there is a tag {run}, which differs from it in case only" in refused(
        f"refs/tags/{run.upper().replace('RUN/', 'run/')}"
    )


@pytest.mark.parametrize("name", ["churn@v0.1.0", "churn@1", "run"])
def test_no_tag_moves_and_none_is_deleted(two: Place, refused: Refused, name: str) -> None:
    name = two.at_origin("run/*")[0] if name == "run" else name
    other = "main" if name.startswith("run/") else "refs/tags/churn@2"
    assert f"{name}: a tag never moves" in refused(f"+{other}:refs/tags/{name}")
    said = refused(f":refs/tags/{name}")
    assert "this registry keeps its tags" in said or "a version is never deleted" in said


def test_gtos_own_versions_are_taken(guarded: Place, refused: Refused) -> None:
    commit = git(guarded.path, "rev-parse", "main")
    for name in ("fraud@v1.0.0", "fraud@v1.0.0!", "fraud#staging#1", "fraud#staging!#2"):
        tag(guarded, name, commit, "Registering artifact fraud")
        git(guarded.path, "push", "-q", "origin", f"refs/tags/{name}")
    git(guarded.path, "tag", "v1.0")
    git(guarded.path, "push", "-q", "origin", "v1.0")
    git(guarded.path, "push", "-q", "origin", ":v1.0")  # none of gitreg's
    tag(guarded, "fraud#staging#1", commit, "another")
    assert "fraud#staging#1: a tag never moves" in refused("+refs/tags/fraud#staging#1")


def test_a_run_is_a_commit_of_its_own(two: Place, refused: Refused) -> None:
    run = two.at_origin("run/*")[0]
    git(two.path, "update-ref", "refs/tags/run/mine", run)
    assert f"run/mine: its commit is the run {run.removeprefix('run/')}" in refused("refs/tags/run/mine")
    git(two.path, "update-ref", "refs/tags/run/mine", "main")
    assert "run/mine: run mine states the format ''" in refused("refs/tags/run/mine")
    tag(two, "run/mine", git(two.path, "rev-parse", run), "a run")
    assert "run/mine: a run is a commit, and this is a tag" in refused("refs/tags/run/mine")
    tree = git(two.path, "rev-parse", "main^{tree}")
    text = f"run mine\n\n{FORMAT}\nGitreg-Run: mine\n"
    bare = git(two.path, "commit-tree", tree, "-p", "main", "-F", "-", input=text)
    git(two.path, "update-ref", "refs/tags/run/mine", bare)
    said = refused("refs/tags/run/mine")
    assert "a run's commit has no parent" in said
    assert "run/mine: it has no .gitreg/run.json" in said


def test_a_retirement_stands_on_the_version_that_no_stage_runs(two: Place, refused: Refused) -> None:
    gitreg.retire("churn@v0.1.0", "old")
    assert "churn@v0.1.0!" in two.at_origin()
    commit = git(two.path, "rev-parse", "churn@2^{commit}")
    text = f"churn v0.2.0 retired\n\nold\n\n{FORMAT}\nGitreg-Retired: 2026-11-22T10:00:00Z"
    tag(two, "churn@v0.2.0!", git(two.path, "rev-parse", "main"), text)
    assert "churn@v0.2.0!: it is on the commit" in refused("refs/tags/churn@v0.2.0!")
    tag(two, "churn@v0.2.0!", commit, text.rpartition("\n")[0])
    assert "it has no trailer Gitreg-Retired" in refused("refs/tags/churn@v0.2.0!")
    tag(two, "churn@v0.9.0!", commit, text)
    assert "it retires churn@v0.9.0, which is not there" in refused("refs/tags/churn@v0.9.0!")


def test_a_record_is_well_formed_and_made_once(two: Place, refused: Refused) -> None:
    commit = git(two.path, "rev-parse", "churn@2^{commit}")
    tag(two, "churn#staging#1", commit, f"churn staging 1: v0.2.0\n\n{FORMAT}\nGitreg-Approved: nobody")
    assert "Gitreg-Approved is not a list of approvals" in refused("refs/tags/churn#staging#1")
    tag(two, "churn#staging#1", commit, "as GTO makes it")
    git(two.path, "push", "-q", "origin", "refs/tags/churn#staging#1")
    assert "this registry keeps its tags" in refused(":refs/tags/churn#staging#1")


def test_purging_needs_the_servers_leave(two: Place, refused: Refused) -> None:
    with pytest.raises(gitreg.Refused, match="lets nobody purge a version"):
        purge("churn@1", "it holds names", yes=True)
    assert two.origin
    git(two.origin, "config", "gitreg.allowDeletes", "true")
    assert purge("churn@1", "it holds names", yes=True).done
    assert len(two.at_origin("run/*")) == 1
    assert log(4, "churn").version == "churn@v0.3.0"  # the chain goes on over the tombstone's number
    assert "a version is never deleted" in refused(":refs/tags/churn@2")
    stone = git(two.path, "rev-parse", "churn@1")
    assert "it would become the tombstone of something else" in refused(f"+{stone}:refs/tags/churn@2")


def test_everything_is_told_at_once(two: Place, refused: Refused) -> None:
    version, number = third(two, Format="7")
    git(two.path, "update-ref", "refs/tags/run/mine", "main")
    said = refused(version, number, "refs/tags/run/mine", ":refs/tags/churn@1")
    assert said.startswith("gitreg: this push is refused\n")
    assert all(f"  {name}: " in said for name in ("churn@v0.3.0", "run/mine", "churn@1"))


def test_a_registry_that_moves_here_comes_whole(two: Place, tmp_path: Path) -> None:
    from gitreg.registry.hooks.install import install

    other = tmp_path / "other.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", other)
    install(other, server=True)
    git(two.path, "push", "-q", "--atomic", other, "main", "refs/tags/*:refs/tags/*")
    assert git(other, "tag", "--list") == git(two.path, "tag", "--list")


def test_a_push_that_came_too_late_is_told_from_a_wrong_one(two: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert two.origin
    monkeypatch.setenv("GIT_DIR", str(two.origin))
    first = git(two.path, "rev-parse", "churn@1")
    late = judge_push([f"{NONE} {first} refs/tags/churn@2"])
    assert format_refusal(late).startswith(f"{LATE}\n  churn@2: another one was made a moment ago\n")
    main = git(two.origin, "rev-parse", "main")
    wrong = judge_push([f"{NONE} {first} refs/tags/churn@2", f"{main} {NONE} refs/heads/main"])
    assert format_refusal(wrong).startswith(f"{REFUSED}\n  main: ")
    assert format_refusal(judge_push([])) == ""


def test_the_client_looks_again_where_it_came_too_late(clone: Place) -> None:
    assert clone.origin
    hook = clone.origin / "hooks/pre-receive"
    hook.write_text(f"#!/bin/sh\necho '{LATE}' >&2\nexit 1\n")
    hook.chmod(0o755)
    git_ = open_registry(clone.path).git
    with pytest.raises(Taken):
        git_.push("origin", [RefChange("refs/heads/new", git(clone.path, "rev-parse", "main"))])
    hook.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(gitreg.Refused, match="refuses this push: a hook, without a reason"):
        git_.push("origin", [RefChange("refs/heads/new", git(clone.path, "rev-parse", "main"))])
