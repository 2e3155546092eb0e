"""A registry begins: on its own, beside code, with an origin, at one that is there."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable, Unsupported
from gitreg.format.config import Config, format_config
from gitreg.format.dvc_files import parse_dvc_config
from gitreg.registry.place import open_registry
from gitreg.registry.runs.open_run import start_run
from gitreg.registry.start import init as init_module
from gitreg.registry.start.init import Initialised, init
from testing.gitcli import GitFailed, git, snapshot

NAMES = [".dvc/.gitignore", ".dvc/config", ".gitattributes", "gitreg.yaml"]
SETTINGS = {
    "uploadpack.allowfilter",
    "uploadpack.allowanysha1inwant",
    "receive.denydeletes",
    "receive.denynonfastforwards",
    "receive.fsckobjects",
    "core.logallrefupdates",
}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A code repository in the middle of work: commits, a hook, a staged, a changed and an untracked file, a stash."""
    repo = tmp_path / "code"
    git(tmp_path, "init", "-q", repo)
    (repo / "train.py").write_text("print(1)\n")
    (repo / "sub").mkdir()
    (repo / "sub/x.py").write_text("x = 1\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "code")
    (repo / "train.py").write_text("print(2)\n")
    git(repo, "stash", "-q")
    (repo / "train.py").write_text("print(3)\n")
    git(repo, "add", "train.py")
    (repo / "train.py").write_text("print(4)\n")
    (repo / "new.py").write_text("y = 1\n")
    for name in ("pre-commit", "post-checkout", "post-commit", "reference-transaction", "pre-push"):
        hook = repo / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\nexit 1\n")
        hook.chmod(0o755)
    return repo


def files_below(folder: Path) -> dict[str, bytes]:
    """Everything there is, with times of change, to see that nothing was written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = content + str(path.stat().st_mtime_ns).encode()
    return found


def add_run(registry: Path, run_id: str, content: bytes = b"weights") -> None:
    with start_run(run_id=run_id, registry=registry) as run:
        run.put_file("weights.pkl", content)


# a repository of its own


@pytest.mark.parametrize("kind", ["missing", "empty", "unborn", "unborn with another branch name"])
def test_a_new_folder_becomes_a_registry(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "deep/registry"
    if kind != "missing":
        folder.mkdir(parents=True)
    if kind.startswith("unborn"):
        git(folder, "init", "-q", "-b", "trunk" if "another" in kind else "main")
    made = init(folder)
    assert made == Initialised(str(folder), "main", "", str(folder / ".git/gitreg/cache"), False, False)
    assert git(folder, "log", "--format=%s|%an|%P") == "Begin a model registry|Ana Analyst|"
    assert git(folder, "ls-tree", "-r", "--name-only", "HEAD").splitlines() == NAMES
    assert git(folder, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(folder, "status", "--porcelain") == ""
    assert (folder / "gitreg.yaml").read_text() == format_config()
    assert (folder / ".gitattributes").read_text() == "* text eol=lf\n"
    place = open_registry(folder)
    assert (place.remote, place.branch, place.config) == ("", "main", Config())
    assert place.payload_remote.url == made.payloads == str(place.cache.root)


def test_the_folder_here_is_meant_when_none_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "here").mkdir()
    monkeypatch.chdir(home / "here")
    assert init().path == str(home / "here")


def test_what_was_begun_is_told_as_json(tmp_path: Path) -> None:
    assert init(tmp_path / "r", origin=tmp_path / "o.git").to_dict() == {
        "path": str(tmp_path / "r"),
        "branch": "main",
        "origin": str(tmp_path / "o.git"),
        "payloads": str(tmp_path / "o.git/payloads"),
        "created_origin": True,
        "joined": False,
    }


def test_a_run_can_be_logged_at_once(tmp_path: Path) -> None:
    init(tmp_path / "r", origin=tmp_path / "o.git")
    with start_run(run_id="first", registry=tmp_path / "r", push=True) as run:
        run.put_file("weights.pkl", b"weights")
    assert git(tmp_path / "o.git", "tag", "--list") == "run/first"
    assert [path.read_bytes() for path in (tmp_path / "o.git/payloads").rglob("*") if path.is_file()] == [b"weights"]


def test_payloads_lie_where_they_are_told_to(home: Path, tmp_path: Path) -> None:
    (home / "store").mkdir()
    assert init(tmp_path / "a", payloads="store/of/../payloads").payloads == str(home / "store/payloads")
    assert init(tmp_path / "b", payloads="s3://bucket/folder").payloads == "s3://bucket/folder"
    assert init(tmp_path / "c", payloads=f"file://{home}/store").payloads == str(home / "store")
    assert open_registry(tmp_path / "a").payload_remote.url == str(home / "store/payloads")


@pytest.mark.parametrize(
    ("payloads", "message"),
    [
        ("s3://me:secret@bucket/x", "password"),
        ("box:payloads", "write it as ssh://"),
        ("/no/such/folder", "there is no folder /no/such"),
        ("https://[", "bad address"),
    ],
)
def test_a_payload_store_that_cannot_be_is_refused(tmp_path: Path, payloads: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        init(tmp_path / "r", payloads=payloads)
    assert message in f"{caught.value.message} {caught.value.hint}"
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("origin", [None, "origin.git"])
def test_a_second_init_is_refused(tmp_path: Path, origin: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    init("r", origin=origin)
    before = files_below(tmp_path)
    for again in (None, "origin.git", "other.git") if origin else (None,):
        with pytest.raises(Conflict) as caught:
            init("r", origin=again)
        assert caught.value.message.startswith(f"{tmp_path}/r is a registry")
        assert caught.value.hint == "gitreg status"
    assert files_below(tmp_path) == before


def test_a_file_and_an_address_are_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", "ssh://box/registry.git", "box:registry.git", "a#b"):
        with pytest.raises(Refused):
            init(path)


def test_a_folder_with_files_and_without_git_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("x")
    with pytest.raises(Refused) as caught:
        init(tmp_path)
    assert caught.value.hint == f"git init {tmp_path}, or name a new folder"
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


def test_without_an_identity_nothing_is_made(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".gitconfig").write_text("")
    with pytest.raises(Refused, match="nobody is named"):
        init(tmp_path / "r", origin=tmp_path / "o.git")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("GITREG_USER", "Bo <bo@example.org>")
    init(tmp_path / "r", origin=tmp_path / "o.git")
    assert git(tmp_path / "r", "log", "--format=%an %ae") == "Bo bo@example.org"


@pytest.mark.parametrize("kind", ["sha256", "reftable"])
def test_kinds_of_repository_that_dvc_cannot_read_are_refused(tmp_path: Path, kind: str) -> None:
    for name, bare in (("here", False), ("there.git", True)):
        git(tmp_path, "init", "-q", *(["--bare"] if bare else []), tmp_path / name)
        top = tmp_path / name / ("" if bare else ".git")
        settings = {"sha256": "objectFormat = sha256", "reftable": "refStorage = reftable"}[kind]
        with (top / "config").open("a") as config:
            config.write(f"[core]\n\trepositoryformatversion = 1\n[extensions]\n\t{settings}\n")
    before = files_below(tmp_path)
    for arguments in ((tmp_path / "here", None), (tmp_path / "new", tmp_path / "there.git")):
        with pytest.raises(Unsupported, match="reftable" if kind == "reftable" else "SHA-256"):
            init(arguments[0], origin=arguments[1])
    assert files_below(tmp_path) == before


# beside code


def test_a_code_repository_is_left_alone(code: Path) -> None:
    before = snapshot(code)
    made = init(code / "sub")
    assert (made.path, made.branch, made.origin) == (str(code), "gitreg", "")
    after = snapshot(code)
    new = {key: value for key, value in after.items() if before.get(key) != value}
    assert set(new) == {"branch/gitreg", "config", "logs/refs/heads/gitreg"}
    assert set(before) <= set(after)
    assert git(code, "config", "gitreg.branch") == "gitreg"
    assert git(code, "ls-tree", "-r", "--name-only", "gitreg").splitlines() == NAMES
    assert git(code, "rev-list", "--count", "gitreg") == "1"
    assert list(code.parent.glob("ran-*")) == []
    assert open_registry(code / "sub").branch == "gitreg"


def test_files_without_a_commit_are_code_too(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "train.py").write_text("x")
    assert init(tmp_path).branch == "gitreg"
    assert git(tmp_path, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(tmp_path, "status", "--porcelain") == "?? train.py"


def test_a_remote_of_the_code_is_not_the_registrys_until_it_is_named(code: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "code.git")
    git(code, "remote", "add", "origin", tmp_path / "code.git")
    before = files_below(tmp_path / "code.git")
    assert init(code).origin == ""
    assert files_below(tmp_path / "code.git") == before
    assert open_registry(code).remote == ""


def test_the_codes_own_origin_can_hold_the_registry(code: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "code.git")
    git(code, "remote", "add", "origin", "../code.git")
    git(code, "-c", "core.hooksPath=/dev/null", "push", "-q", "origin", "main")
    before = snapshot(code)
    made = init(code, origin="origin")
    assert (made.origin, made.created_origin) == (str(tmp_path / "code.git"), False)
    new = {key for key, value in snapshot(code).items() if before.get(key) != value}
    assert new == {"branch/gitreg", "config", "logs/refs/heads/gitreg"}
    assert git(tmp_path / "code.git", "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(tmp_path / "code.git", "for-each-ref", "--format=%(refname)") == "refs/heads/gitreg\nrefs/heads/main"
    assert open_registry(code).remote == "origin"
    assert open_registry(f"{tmp_path}/code.git#gitreg").branch == "gitreg"

    git(tmp_path, "clone", "-q", tmp_path / "code.git", "colleague")
    with pytest.raises(NotFound) as caught:
        open_registry(tmp_path / "colleague")
    assert caught.value.hint == "git config gitreg.branch gitreg"
    joined = init(tmp_path / "colleague")
    assert (joined.joined, joined.branch, joined.origin) == (True, "gitreg", made.origin)
    assert open_registry(tmp_path / "colleague").main() == open_registry(code).main()
    assert (tmp_path / "colleague/train.py").exists()
    assert git(tmp_path / "colleague", "branch", "--list", "--format=%(refname:short)") == "main"


def test_an_origin_of_the_registrys_own_goes_beside_the_codes(code: Path, tmp_path: Path) -> None:
    git(code, "remote", "add", "origin", "https://example.org/code.git")
    init(code, origin=tmp_path / "models.git")
    assert open_registry(code).remote == "gitreg"
    assert git(code, "remote", "get-url", "origin") == "https://example.org/code.git"
    assert git(tmp_path / "models.git", "symbolic-ref", "HEAD") == "refs/heads/gitreg"
    git(tmp_path, "clone", "-q", tmp_path / "models.git", "clone")
    assert open_registry(tmp_path / "clone").branch == "gitreg"


def test_a_branch_of_that_name_is_not_taken_over(code: Path) -> None:
    git(code, "-c", "core.hooksPath=/dev/null", "branch", "gitreg")
    before = snapshot(code)
    with pytest.raises(Conflict, match="there is a branch gitreg"):
        init(code)
    assert snapshot(code) == before


# origins that are folders


def test_an_origin_is_made_and_a_clone_of_it_is_a_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = init("r", origin="deep/origin.git")
    origin = tmp_path / "deep/origin.git"
    assert (made.origin, made.payloads, made.created_origin) == (str(origin), str(origin / "payloads"), True)
    settings = git(origin, "config", "--local", "--list").splitlines()
    assert {f"{name}=true" for name in SETTINGS} <= set(settings)
    assert git(origin, "rev-parse", "--is-bare-repository") == "true"
    assert git(origin, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(origin, "rev-parse", "main") == git("r", "rev-parse", "HEAD") == git("r", "rev-parse", "origin/main")
    assert git("r", "config", "--get-all", "remote.origin.fetch").splitlines() == [
        "+refs/heads/*:refs/remotes/origin/*",
        "refs/tags/*:refs/tags/*",
    ]
    assert git("r", "pull", "--ff-only") == "Already up to date."
    assert git("r", "status", "--porcelain", "--branch") == "## main...origin/main"
    git(tmp_path, "clone", "-q", origin, "clone")
    place = open_registry("clone")
    assert (place.remote, place.branch, place.payload_remote.url) == ("origin", "main", made.payloads)
    assert open_registry(f"{origin}").main() == place.main()
    assert open_registry("r").last_fetch() != ""


def test_plain_git_fetch_brings_tags_of_runs_and_no_moved_one(tmp_path: Path) -> None:
    init(tmp_path / "r", origin=tmp_path / "o.git")
    init(tmp_path / "s", origin=tmp_path / "o.git")
    add_run(tmp_path / "s", "one")
    git(tmp_path / "s", "push", "-q", "origin", "run/one")
    git(tmp_path / "r", "fetch", "-q")
    assert git(tmp_path / "r", "tag") == "run/one"
    git(tmp_path / "o.git", "update-ref", "refs/tags/run/one", "refs/heads/main")
    with pytest.raises(GitFailed, match="would clobber existing tag"):
        git(tmp_path / "r", "fetch")


def test_an_empty_bare_repository_is_taken_as_it_is(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "-b", "master", "o.git")
    assert not init(tmp_path / "r", origin=f"file://{tmp_path}/o.git").created_origin
    assert git(tmp_path / "o.git", "symbolic-ref", "HEAD") == "refs/heads/main"
    assert set(git(tmp_path / "o.git", "config", "--local", "--list", "--name-only").splitlines()) >= SETTINGS


def test_a_clone_of_an_empty_origin_is_begun_there(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "o.git")
    git(tmp_path, "clone", "-q", "o.git", "r")
    assert init(tmp_path / "r").origin == str(tmp_path / "o.git")
    assert open_registry(tmp_path / "r").remote == "origin"
    assert "refs/tags/*:refs/tags/*" in git(tmp_path / "r", "config", "--get-all", "remote.origin.fetch").splitlines()


def test_a_new_registry_at_an_origin_of_code_is_a_branch_there(code: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", code, "code.git")
    made = init(tmp_path / "r", origin=tmp_path / "code.git")
    assert made.branch == "gitreg"
    assert git(tmp_path / "code.git", "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(tmp_path / "r", "symbolic-ref", "HEAD") == "refs/heads/gitreg"
    assert git(tmp_path / "r", "status", "--porcelain") == ""
    other = init(tmp_path / "s", origin=f"{tmp_path}/code.git#models")
    assert (other.branch, other.joined) == ("models", False)
    with pytest.raises(Refused, match="bad branch"):
        init(tmp_path / "t", origin=f"{tmp_path}/code.git#-x")


@pytest.mark.parametrize("kind", ["files", "work tree", "file", "same folder", "inside", "below another repository"])
def test_an_origin_that_cannot_be_one_is_refused(tmp_path: Path, kind: str) -> None:
    origin = tmp_path / "o"
    path = tmp_path / "r"
    match kind:
        case "files":
            origin.mkdir()
            (origin / "notes.txt").write_text("x")
        case "work tree":
            init(origin)
        case "file":
            origin.write_text("x")
        case "same folder":
            path = origin
        case "inside":
            path = origin / "r"
        case "below another repository":
            git(tmp_path, "init", "-q", "outer")
            origin = tmp_path / "outer/sub"
            origin.mkdir()
            (origin / "x").write_text("x")
    before = files_below(tmp_path)
    with pytest.raises(Refused):
        init(path, origin=origin)
    assert files_below(tmp_path) == before


def test_an_origin_of_a_later_format_is_refused(tmp_path: Path) -> None:
    init(tmp_path / "r", origin=tmp_path / "o.git")
    (tmp_path / "r/gitreg.yaml").write_text("format: 7\n")
    git(tmp_path / "r", "commit", "-q", "-a", "-m", "later")
    git(tmp_path / "r", "push", "-q")
    with pytest.raises(Unsupported):
        init(tmp_path / "s", origin=tmp_path / "o.git")
    assert not (tmp_path / "s").exists()


# joining


def test_a_registry_at_the_origin_is_joined(tmp_path: Path) -> None:
    first = init(tmp_path / "r", origin=tmp_path / "o.git")
    add_run(tmp_path / "r", "one")
    git(tmp_path / "r", "push", "-q", "origin", "run/one")
    made = init(tmp_path / "s", origin=tmp_path / "o.git")
    assert made == Initialised(str(tmp_path / "s"), "main", first.origin, first.payloads, False, True)
    assert git(tmp_path / "s", "status", "--porcelain", "--branch") == "## main...origin/main"
    assert (tmp_path / "s/gitreg.yaml").exists()
    assert git(tmp_path / "s", "tag") == "run/one"
    assert git(tmp_path / "s", "rev-parse", "main") == git(tmp_path / "o.git", "rev-parse", "main")
    assert open_registry(tmp_path / "s").last_fetch() != ""


def test_who_joins_needs_no_identity(tmp_path: Path, home: Path) -> None:
    init(tmp_path / "r", origin=tmp_path / "o.git")
    (home / ".gitconfig").write_text("")
    assert init(tmp_path / "s", origin=tmp_path / "o.git").joined


def test_who_joins_may_have_payloads_elsewhere(tmp_path: Path) -> None:
    init(tmp_path / "r", origin=tmp_path / "o.git")
    (tmp_path / "copy").mkdir()
    made = init(tmp_path / "s", origin=tmp_path / "o.git", payloads=tmp_path / "copy")
    assert made.payloads == open_registry(tmp_path / "s").payload_remote.url == str(tmp_path / "copy")
    stated = parse_dvc_config(git(tmp_path / "o.git", "show", "main:.dvc/config")).remote
    assert stated is not None and stated.url == str(tmp_path / "o.git/payloads")


def test_code_joins_without_a_branch_or_a_file(code: Path, tmp_path: Path) -> None:
    init(tmp_path / "r", origin=tmp_path / "o.git")
    git(tmp_path / "r", "tag", "mine")
    git(tmp_path / "r", "push", "-q", "origin", "mine")
    before = snapshot(code)
    assert init(code, origin=tmp_path / "o.git").joined
    assert {key for key, value in snapshot(code).items() if before.get(key) != value} == {"config"}
    assert git(code, "tag") == ""
    assert open_registry(code).main() == open_registry(tmp_path / "r").main()


# a registry gets an origin


@pytest.fixture
def lone(tmp_path: Path) -> Path:
    """A registry without an origin: a run with a payload, a version of it, a note, a tag of the user's own."""
    registry = tmp_path / "lone"
    init(registry)
    add_run(registry, "one")
    add_run(registry, "two", b"other weights")
    for name in ("churn@v1.0.0", "churn@1"):
        git(registry, "tag", "-a", "-m", "a version", name, "run/one^{commit}")
    git(registry, "tag", "mine", "main")
    git(registry, "notes", "--ref=gitreg", "add", "-m", "{}", "churn@1")
    return registry


def test_everything_moves_to_the_origin(lone: Path, tmp_path: Path) -> None:
    tags = set(git(lone, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags", "refs/notes").splitlines())
    made = init(lone, origin=tmp_path / "o.git")
    assert (made.created_origin, made.joined, made.payloads) == (True, False, str(tmp_path / "o.git/payloads"))
    there = git(tmp_path / "o.git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags", "refs/notes")
    assert {line for line in tags if not line.endswith("/mine")} == set(there.splitlines())
    payloads = [path.read_bytes() for path in (tmp_path / "o.git/payloads").rglob("*") if path.is_file()]
    assert sorted(payloads) == [b"other weights", b"weights"]
    assert git(lone, "status", "--porcelain", "--branch") == "## main...origin/main"
    assert git(lone, "log", "--format=%s").splitlines()[-1] == "Begin a model registry"
    place = open_registry(lone)
    assert (place.remote, place.payload_remote.url) == ("origin", made.payloads)
    git(tmp_path, "clone", "-q", tmp_path / "o.git", "clone")
    assert open_registry(tmp_path / "clone").payload_remote.url == made.payloads


def test_payloads_that_had_a_store_stay_in_it(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    init(tmp_path / "r", payloads=tmp_path / "store")
    main = git(tmp_path / "r", "rev-parse", "main")
    made = init(tmp_path / "r", origin=tmp_path / "o.git")
    assert made.payloads == str(tmp_path / "store")
    assert git(tmp_path / "o.git", "rev-parse", "main") == main


def test_payloads_can_move_to_another_store(lone: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    assert init(lone, origin=tmp_path / "o.git", payloads=tmp_path / "store").payloads == str(tmp_path / "store")
    assert len([path for path in (tmp_path / "store").rglob("*") if path.is_file()]) == 2


def test_code_with_a_registry_gets_an_origin_for_it(code: Path, tmp_path: Path) -> None:
    init(code)
    add_run(code, "one")
    before = snapshot(code)
    init(code, origin=tmp_path / "o.git")
    changed = {key for key, value in snapshot(code).items() if before.get(key) != value}
    assert changed == {"branch/gitreg", "config", "logs/refs/heads/gitreg"}
    assert git(tmp_path / "o.git", "for-each-ref", "--format=%(refname)").splitlines() == [
        "refs/heads/gitreg",
        "refs/tags/run/one",
    ]
    assert open_registry(code).remote == "origin"


def test_an_origin_added_by_hand_is_the_one(lone: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "o.git")
    git(lone, "remote", "add", "origin", tmp_path / "o.git")
    assert init(lone).origin == str(tmp_path / "o.git")
    assert open_registry(lone).remote == "origin"


@pytest.mark.parametrize("there", ["registry", "run", "number", "version of that model", "branch"])
def test_an_origin_that_is_not_empty_is_a_conflict(lone: Path, tmp_path: Path, there: str) -> None:
    origin = tmp_path / "o.git"
    if there == "registry":
        init(tmp_path / "other", origin=origin)
    else:
        git(tmp_path, "init", "-q", "--bare", origin)
        blob = git(origin, "hash-object", "-w", "--stdin", input="x")
        tree = git(origin, "mktree", input=f"100644 blob {blob}\tx\n")
        commit = git(origin, "commit-tree", "-m", "x", tree)
        names = {"run": "tags/run/x", "number": "tags/a@1", "version of that model": "tags/churn@v9.0.0"}
        git(origin, "update-ref", f"refs/{names.get(there, 'heads/main')}", commit)
    before, outside = snapshot(lone), files_below(origin)
    with pytest.raises(Conflict):
        init(lone, origin=origin)
    assert snapshot(lone) == before
    assert files_below(origin) == outside


def test_versions_that_gto_tagged_are_no_conflict(code: Path, tmp_path: Path) -> None:
    git(code, "-c", "core.hooksPath=/dev/null", "tag", "churn@v1.0.0")
    git(tmp_path, "clone", "-q", "--bare", code, "code.git")
    made = init(code, origin=tmp_path / "code.git")
    assert not made.joined
    assert git(tmp_path / "code.git", "tag") == "churn@v1.0.0"


def test_changes_of_the_users_in_the_way_stop_it_before_the_push(lone: Path, tmp_path: Path) -> None:
    with (lone / ".dvc/config").open("a") as config:
        config.write("# mine\n")
    before = snapshot(lone)
    with pytest.raises(Refused, match=r"\.dvc/config in .* has changes of its own"):
        init(lone, origin=tmp_path / "o.git")
    assert {key: value for key, value in snapshot(lone).items() if key != "index"} == {
        key: value for key, value in before.items() if key != "index"
    }
    assert git(tmp_path / "o.git", "for-each-ref") == ""


# interruptions


STEPS = ["make_origin", "_first_commit", "publish", "_keep_branch", "keep_remote"]
FETCHING = ["fetch_registry", "_keep_branch", "keep_remote", "merge_notes"]


def interrupted(patch: pytest.MonkeyPatch, step: str, call: Callable[[], object]) -> None:
    """Run `call`, killed right after its `step`, where it comes to it."""
    real = getattr(init_module, step)

    def killed(*args: object, **named: object) -> object:
        real(*args, **named)
        raise KeyboardInterrupt

    with patch.context() as inner:
        inner.setattr(init_module, step, killed)
        with pytest.raises(KeyboardInterrupt):
            call()


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_init_can_be_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path, origin = tmp_path / "r", tmp_path / "o.git"
    interrupted(monkeypatch, step, lambda: init(path, origin=origin))
    if step != "keep_remote":
        init(path, origin=origin)
    assert git(path, "status", "--porcelain", "--branch") == "## main...origin/main"
    assert git(origin, "rev-list", "--count", "main") == "1"
    assert open_registry(path).remote == "origin"


@pytest.mark.parametrize("step", FETCHING)
def test_an_interrupted_join_can_be_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path, origin = tmp_path / "s", tmp_path / "o.git"
    init(tmp_path / "r", origin=origin)
    interrupted(monkeypatch, step, lambda: init(path, origin=origin))
    if step not in {"keep_remote", "merge_notes"}:
        assert init(path, origin=origin).joined
    assert git(path, "status", "--porcelain", "--branch") == "## main...origin/main"
    assert open_registry(path).remote == "origin"


@pytest.mark.parametrize("step", ["_first_commit", "publish", "_keep_branch", "keep_remote"])
def test_an_interrupted_move_can_be_given_again(
    lone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    origin = tmp_path / "o.git"
    interrupted(monkeypatch, step, lambda: init(lone, origin=origin))
    if step != "keep_remote":
        init(lone, origin=origin)
    assert git(lone, "status", "--porcelain", "--branch") == "## main...origin/main"
    assert git(origin, "rev-list", "--count", "main") == "2"
    assert open_registry(lone).payload_remote.url == str(origin / "payloads")


@pytest.mark.parametrize("step", ["_first_commit", "_keep_branch"])
def test_an_interrupted_branch_beside_code_can_be_given_again(
    code: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    interrupted(monkeypatch, step, lambda: init(code))
    init(code)
    assert open_registry(code).branch == "gitreg"
    assert git(code, "rev-list", "--count", "gitreg") == "1"


def test_a_registry_whose_files_were_not_checked_out_yet_is_completed(tmp_path: Path) -> None:
    init(tmp_path / "r")
    for name in NAMES:
        (tmp_path / "r" / name).unlink()
    (tmp_path / "r/.git/index").unlink()
    init(tmp_path / "r")
    assert git(tmp_path / "r", "status", "--porcelain") == ""


# nothing is written in a dry run


@pytest.mark.parametrize("case", ["new", "with origin", "join", "code", "move"])
def test_a_dry_run_tells_what_would_be_and_writes_nothing(lone: Path, code: Path, tmp_path: Path, case: str) -> None:
    init(tmp_path / "r", origin=tmp_path / "o.git")
    arguments: tuple[Path, Path | None] = {
        "new": (tmp_path / "new", None),
        "with origin": (tmp_path / "new", tmp_path / "new.git"),
        "join": (tmp_path / "new", tmp_path / "o.git"),
        "code": (code, tmp_path / "new.git"),
        "move": (lone, tmp_path / "new.git"),
    }[case]
    before = files_below(tmp_path)
    told = init(arguments[0], origin=arguments[1], dry_run=True)
    assert files_below(tmp_path) == before
    assert init(arguments[0], origin=arguments[1]) == told


# hosts that only speak git


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for ssh to any host: it serves repositories below `forge/` to git, gives no shell, and keeps a log."""
    folder = tmp_path / "forge"
    folder.mkdir()
    program = tmp_path / "ssh-of-the-forge"
    program.write_text(
        f"""#!/bin/sh
for last; do :; done
echo "$last" >> {tmp_path}/forge.log
cd {folder} || exit 255
case "$last" in
    git-upload-pack*|git-receive-pack*) exec sh -c "$last";;
    *) echo "Hi ana! You have successfully authenticated, but there is no shell here." >&2; exit 1;;
esac
"""
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
    return folder


@pytest.mark.parametrize("host", ["git@github.com", "git@models.example.org"])
def test_a_forge_is_refused_without_a_place_for_payloads(forge: Path, tmp_path: Path, host: str) -> None:
    git(forge, "init", "-q", "--bare", "models.git")
    with pytest.raises(Refused) as caught:
        init(tmp_path / "r", origin=f"{host}:models.git")
    assert caught.value.message == f"{host}:models.git keeps Git only: payloads must lie somewhere else"
    for choice in ("--payloads s3://", "--payloads ssh://", "--payloads FOLDER"):
        assert choice in caught.value.hint
    assert not (tmp_path / "r").exists()
    log = (tmp_path / "forge.log").read_text()
    assert ("sh -c" in log) == (host == "git@models.example.org")  # a known forge is not asked for a shell
    assert git(forge / "models.git", "for-each-ref") == ""


def test_a_forge_with_payloads_elsewhere_is_an_origin(forge: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "models.git")
    (tmp_path / "store").mkdir()
    address = f"ssh://git@github.com{tmp_path}/models.git"
    made = init(tmp_path / "r", origin=address, payloads=tmp_path / "store")
    assert (made.origin, made.created_origin) == (address, False)
    settings = set(git(tmp_path / "models.git", "config", "--local", "--list", "--name-only").splitlines())
    assert not SETTINGS & settings
    joined = init(tmp_path / "s", origin=address)
    assert (joined.joined, joined.payloads) == (True, str(tmp_path / "store"))


@pytest.mark.parametrize("address", ["https://github.com/me/models.git", "git@github.com:me/models.git"])
def test_a_forge_that_does_not_answer_is_refused_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(Refused, match="keeps Git only"):
        init(tmp_path / "r", origin=address)
    with pytest.raises(Unreachable):
        init(tmp_path / "r", origin=address, payloads=tmp_path)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "address",
    [
        "-oProxyCommand=x:y",
        "ssh://-oProxyCommand=x/y",
        "box:-x",
        "ssh://me:secret@box/x",
        "ssh://box:port/x",
        "ssh://box",
        "ext::sh -c true",
        "ext://x/y",
        "a\nb",
    ],
)
def test_addresses_that_could_run_something_are_refused(forge: Path, tmp_path: Path, address: str) -> None:
    with pytest.raises(Refused):
        init(tmp_path / "r", origin=address)
    assert not (tmp_path / "forge.log").exists()
    assert not (tmp_path / "r").exists()


def test_errors_are_all_gitregs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(GitregError, match="git is not installed"):
        init(tmp_path / "r")


@pytest.mark.parametrize(
    ("given", "what"),
    [({"path": ""}, "folder"), ({"origin": ""}, "origin"), ({"payloads": ""}, "payload store")],
)
def test_an_empty_text_is_refused_by_name(home: Path, given: dict[str, str], what: str) -> None:
    with pytest.raises(Refused, match=what) as caught:
        init(**{"path": home / "new", **given})
    assert caught.value.message.endswith(" is empty")
    assert not (home / "new").exists()
