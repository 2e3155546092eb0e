"""The hook before a commit: the index holds no payload, and what gitreg reads can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitreg.registry.hooks.before_commit import check_index
from gitreg.registry.hooks.install import install
from testing.gitcli import GitFailed, git
from testing.models import write_model
from testing.registries import Place

Found = Callable[..., list[str]]
STAGE_FILE = """\
format: 1
model: churn
stage: production
version: v1.0.0
number: 1
run: r1
commit: {commit}
digest: sha256:{digest}
signature: none
""".format(commit="a" * 40, digest="b" * 64)


@pytest.fixture
def found(clone: Place, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Put files into the index, which the work tree does not have; what is wrong with it."""
    monkeypatch.chdir(clone.path)

    def check(**files: str | bytes) -> list[str]:
        git(clone.path, "read-tree", "HEAD")
        for name, content in files.items():
            blob = git(clone.path, "hash-object", "-w", "--stdin", input=content)
            git(clone.path, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
        return [problem.text for problem in check_index()]

    return check


def test_a_commit_of_what_belongs_there(found: Found) -> None:
    pointer = 'outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  hash: md5\n  path: "model.pkl"\n'
    files = {
        "model/MLmodel": "flavors: {python_function: {loader_module: x}}\n",
        "model/model.pkl.dvc": pointer,
        "weights.pkl": "outside of a model directory",
        "data.dvc": "outs:\n- md5: 1.dir\n- md5: 2\n",  # DVC's own
        "stages/production/churn.yaml": STAGE_FILE,
        "gitreg.yaml": "format: 1\nlimits: {file: 1MiB}\n",
    }
    assert found(**files) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model/data/model.pkl", b"x", "model/data/model.pkl is a payload in a model directory"),
        ("model/input_example.json", "{}", "model/input_example.json is a payload in a model directory"),
        ("huge.csv", "x" * ((1 << 20) + 1), "huge.csv has 1.0 MiB; a file in Git has at most 1MiB"),
        ("model/x.pkl.dvc", "outs:\n- md5: a\n- md5: b\n", "model/x.pkl.dvc does not name exactly one file"),
        ("other/MLmodel", "flavors: [", "other/MLmodel"),
        ("stages/production/fraud.yaml", STAGE_FILE, "stages/production/fraud.yaml speaks of churn in production"),
        ("stages/churn.yaml", STAGE_FILE, "stages/churn.yaml speaks of churn in production"),
        ("stages/production/churn.yaml", "format: 1\n", "stages/production/churn.yaml: model is nothing, not text"),
        ("gitreg.yaml", "format: one\n", "gitreg.yaml, line 1: format is text, not a whole number"),
        ("gitreg.yaml", "format: 1\nstages: {dev: {approvals: many}}\n", "stages: dev: approvals: this is not a whole"),
    ],
)
def test_what_does_not_belong_there(found: Found, name: str, content: str | bytes, words: str) -> None:
    model = {"model/MLmodel": "flavors: {python_function: {loader_module: x}}\n"}
    (text,) = found(**model, **{name: content})
    assert words in text


def test_the_limit_is_that_of_the_index(found: Found) -> None:
    files = {"gitreg.yaml": "format: 1\nlimits: {file: 99}\n", "a.txt": "x" * 100}
    assert found(**files) == ["a.txt has 100 bytes; a file in Git has at most 99"]


def test_what_is_committed_already_is_left_alone(clone: Place, found: Found) -> None:
    write_model(clone.path / "model")
    git(clone.path, "add", "-f", "model")
    git(clone.path, "commit", "-q", "-m", "before there was a hook")
    assert found(**{"a.txt": "x"}) == []


def test_git_runs_it(clone: Place) -> None:
    install(clone.path)
    write_model(clone.path / "model")
    git(clone.path, "add", "-f", "model/MLmodel")
    (clone.path / "a.txt").write_text("text")
    git(clone.path, "add", "a.txt")
    git(clone.path, "add", "-f", "model/model.pkl")
    with pytest.raises(GitFailed) as caught:
        git(clone.path, "commit", "-q", "-m", "all")
    words = "gitreg: this commit is refused\n  model/model.pkl is a payload in a model directory\n    hint: "
    assert words in str(caught.value)
    git(clone.path, "commit", "-q", "-m", "what is named alone", "a.txt")  # an index of its own
    git(clone.path, "commit", "-q", "--no-verify", "-m", "all the same")


def test_a_first_commit_in_a_repository_that_is_no_registry(home: Path) -> None:
    git(home, "init", "-q", "new")
    install(home / "new")
    write_model(home / "new/model")
    git(home / "new", "add", ".")
    with pytest.raises(GitFailed, match="is a payload in a model directory"):
        git(home / "new", "commit", "-q", "-m", "first")
    git(home / "new", "rm", "-q", "--cached", "model/model.pkl")
    git(home / "new", "commit", "-q", "-m", "first")
