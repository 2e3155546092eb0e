"""The server's hook and files: plain and small, on whatever branch; and the ways by which its words travel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gitreg
from testing.gitcli import git
from testing.models import write_model
from testing.registries import Place, log
from testing.smart_http import HttpServer
from testing.sshd import SshServer

Refused = Callable[..., str]
TOP = Path(__file__).parents[3]


def commit(place: Place, files: dict[str, bytes], branch: str = "work") -> str:
    """A branch with files on top of main; its refspec."""
    git(place.path, "switch", "-q", "-C", branch, "main")
    for name, content in files.items():
        (place.path / name).parent.mkdir(parents=True, exist_ok=True)
        (place.path / name).write_bytes(content)
    git(place.path, "add", "-A", "-f", ".")
    git(place.path, "commit", "-q", "-m", "files")
    return f"{branch}:{branch}"


def test_plain_files_are_taken_on_any_branch(guarded: Place) -> None:
    files = {"a/b c.txt": b"text", "large.txt": b"x" * (1 << 20), "weights.pkl": b"outside of a model directory"}
    git(guarded.path, "push", "-q", "origin", commit(guarded, files))


@pytest.mark.parametrize("branch", ["main", "work"])
def test_a_file_over_the_limit(guarded: Place, refused: Refused, branch: str) -> None:
    said = refused(commit(guarded, {"data/huge.csv": b"x" * ((1 << 20) + 1)}, branch))
    assert f"{branch}: data/huge.csv has 1.0 MiB; a file in Git has at most 1MiB" in said
    assert "dvc add the file" in said


@pytest.mark.parametrize(
    "limits",
    ["limits:\n  # comment\n  model: 16MiB\n  file: 2KiB\n", "limits: {file: 2 KiB}\n", "limits:\n  file: 2048\n"],
)
def test_the_limit_is_that_of_the_main_before(guarded: Place, refused: Refused, limits: str) -> None:
    git(guarded.path, "push", "-q", "origin", commit(guarded, {"gitreg.yaml": f"format: 1\n{limits}".encode()}, "main"))
    larger = {"gitreg.yaml": b"format: 1\nlimits: {file: 1GiB}\n", "a.txt": b"x" * 2049}
    assert "main: a.txt has 2,049 bytes; a file in Git has at most 2KiB" in refused(commit(guarded, larger, "main"))


def test_gitregs_own_lists_may_grow(guarded: Place) -> None:
    git(
        guarded.path,
        "push",
        "-q",
        "origin",
        commit(guarded, {"gitreg.yaml": b"format: 1\nlimits: {file: 200}\n"}, "main"),
    )
    with gitreg.start_run() as run:
        for step in range(50):
            gitreg.log_metric("loss", 1.0, step)
        gitreg.log_model(print, pip_requirements=["cloudpickle"], register_as="churn")
    gitreg.note("churn@1", {"about": "x" * 1000})
    assert f"run/{run.id}" in guarded.at_origin()


@pytest.mark.parametrize("payload", ["model.pkl", "data/model.BIN", "a/b/input_example.json"])
def test_a_payload_in_a_model_directory(guarded: Place, refused: Refused, payload: str) -> None:
    said = refused(commit(guarded, {"model/MLmodel": b"flavors: {}\n", f"model/{payload}": b"small"}))
    assert f"work: model/{payload} is a payload in a model directory" in said


def test_an_mlmodel_beside_a_payload_that_is_there(guarded: Place, refused: Refused) -> None:
    git(guarded.path, "push", "-q", "origin", commit(guarded, {"model/data/model.pkl": b"small"}, "main"))
    said = refused(commit(guarded, {"model/MLmodel": b"flavors: {}\n"}, "main"))
    assert "main: model/data/model.pkl is a payload in a model directory" in said


def test_links_and_submodules(guarded: Place, refused: Refused) -> None:
    git(guarded.path, "switch", "-q", "-c", "work")
    (guarded.path / "a").mkdir()
    (guarded.path / "a/link").symlink_to("../gitreg.yaml")
    git(guarded.path, "add", ".")
    main = git(guarded.path, "rev-parse", "main")
    git(guarded.path, "update-index", "--add", "--cacheinfo", f"160000,{main},sub")
    git(guarded.path, "commit", "-q", "-m", "links")
    said = refused("work")
    assert "work: a/link is a symlink" in said
    assert "work: sub is a submodule" in said


def test_what_is_loose_is_looked_at_as_what_is_packed(guarded: Place, refused: Refused) -> None:
    files = {f"many/{n}": str(n).encode() for n in range(150)}  # more than receive.unpackLimit
    assert "is a payload" in refused(commit(guarded, {**files, "m/MLmodel": b"", "m/x.pkl": b""}))
    assert "is a payload" in refused(commit(guarded, {"m/MLmodel": b"", "m/x.pkl": b""}, "other"))


def test_the_client_of_gitreg_repeats_the_hooks_words(guarded: Place) -> None:
    git(
        guarded.path,
        "push",
        "-q",
        "origin",
        commit(guarded, {"gitreg.yaml": b"format: 1\nlimits: {file: 20}\n"}, "main"),
    )
    git(guarded.path, "fetch", "-q")
    (guarded.path / "gitreg.yaml").write_text("format: 1\n")
    git(guarded.path, "commit", "-q", "-a", "-m", "what only this clone says")
    git(guarded.path, "update-ref", "refs/remotes/origin/main", "main")
    with pytest.raises(gitreg.Refused, match=r"refuses this push") as caught, gitreg.start_run(push=True):
        gitreg.log_text("x" * 100, "notes.txt")
    assert "notes.txt has 100 bytes; a file in Git has at most 20" in caught.value.message
    assert "payloads go to the payload store" in caught.value.message + caught.value.hint


@pytest.mark.parametrize("by", ["path", "ssh", "http"])
def test_the_words_reach_the_client(guarded: Place, by: str, sshd: SshServer, smart_http: HttpServer) -> None:
    origin = guarded.origin
    assert origin
    address = {"path": str(origin), "ssh": sshd.url(origin), "http": smart_http.url(origin)}[by]
    git(guarded.path, "remote", "set-url", "origin", address)
    assert log(2, "churn").version == "churn@v0.1.0"
    oid = git(guarded.path, "rev-parse", "main")
    done = subprocess.run(["git", "push", "origin", f"+{oid}:refs/tags/churn@1"], cwd=guarded.path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert "remote: gitreg: this push is refused" in done.stderr
    assert "remote:   churn@1: a tag never moves" in done.stderr
    git(guarded.path, "config", "gitreg.payloads", guarded.payloads)
    assert log(3, "churn").version == "churn@v0.2.0"


def test_the_hook_needs_none_of_what_is_heavy(guarded: Place) -> None:
    script = """
import runpy, sys
sys.argv = ["gitreg", "hooks", "run", "pre-receive"]
import os
os._exit = lambda code: print(code, *sorted(sys.modules))
runpy.run_module("gitreg", run_name="__main__")
"""
    line = f"{'0' * 40} {git(guarded.path, 'rev-parse', 'main')} refs/heads/work\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=guarded.origin, input=line, capture_output=True,
                          text=True, check=True)  # fmt: skip
    code, *modules = done.stdout.split()
    assert code == "0"
    assert not {"click", "yaml", "dvc", "git", "subprocess", "dataclasses", "typing", "gitreg.cli"} & set(modules)


def test_a_bug_refuses_and_shows_no_traceback(
    guarded: Place, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert guarded.origin
    shutil.copytree(TOP / "gitreg", guarded.path.parent / "code/gitreg")
    monkeypatch.setenv("PYTHONPATH", str(guarded.path.parent / "code"))
    broken = guarded.path.parent / "code/gitreg/registry/hooks/objects.py"
    broken.write_text('def check(push: object) -> None:\n    raise KeyError("oops")\n')
    said = refused(commit(guarded, {"a": b""}))
    assert said.startswith("gitreg: this push is refused: the hook has a bug (KeyError: 'oops')")
    assert "Traceback" not in said


def test_a_model_directory_as_it_came_is_for_gitreg_commit(guarded: Place, refused: Refused, home: Path) -> None:
    write_model(guarded.path / "trained")
    git(guarded.path, "switch", "-q", "-c", "work")
    git(guarded.path, "add", "trained")
    git(guarded.path, "commit", "-q", "-m", "a model by hand")
    assert "work: trained/model.pkl is a payload in a model directory" in refused("work")
