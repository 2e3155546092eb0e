"""What a person reads when something is wrong: the thing, the next step, the exit code; and nothing is touched."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import gitreg as library
from gitreg.registry.place import open_registry
from gitreg.stores.git import NewCommit, RefChange
from testing.commandline import gitreg
from testing.gitcli import git, snapshot
from testing.models import WIDER, write_model, write_on_main
from testing.transcripts import check_error, read_errors

EXPECTED = Path(__file__).parent / "errors.txt"


@dataclass(frozen=True)
class Case:
    """A command in a folder of the home folder, after `arrange`; errors.txt has what it must say."""

    about: str
    command: str
    arrange: Callable[[Path], object] = lambda home: None
    folder: str = "reg"


def mlmodel(text: str) -> Callable[[Path], object]:
    """A folder ~/model whose MLmodel holds this."""

    def write(home: Path) -> None:
        write_model(home / "model")
        (home / "model/MLmodel").write_text(text)

    return write


def file_called(*names: str) -> Callable[[Path], object]:
    """A model directory ~/model with further files."""

    def write(home: Path) -> None:
        write_model(home / "model")
        for name in names:
            (home / "model" / name).parent.mkdir(exist_ok=True)
            (home / "model" / name).write_text("x")

    return write


def on_main(path: str, text: str) -> Callable[[Path], object]:
    """A file on the registry's main."""
    return lambda home: write_on_main(home / "reg", path, text)


def run_of_format_2(home: Path) -> None:
    """A run that a later gitreg logged."""
    place = open_registry(home / "reg")
    message = "run later\n\nGitreg-Format: 2\nGitreg-Run: later\nGitreg-Status: finished\n"
    oid = place.git.write_commits([NewCommit(message, "Ana <a@b>", 1, {"a": b""})])[0]
    place.git.change_refs([RefChange("refs/tags/run/later", oid)])


def version_of_format_2(home: Path) -> None:
    """A version that a later gitreg registered."""
    place = open_registry(home / "reg")
    commit = place.git.find_ref("refs/tags/run/monday")
    tag = place.git.write_tag("churn@v3.0.0", commit, "churn v3.0.0\n\nGitreg-Format: 2\n", "Ana <a@b>", 1)
    place.git.change_refs([RefChange("refs/tags/churn@v3.0.0", tag)])


def moved_tag(home: Path) -> None:
    """The origin has another churn@v1.0.0 than the one that was seen."""
    origin = home / "origin.git"
    git(origin, "update-ref", "refs/tags/churn@v1.0.0", git(origin, "rev-parse", "refs/tags/churn@v1.1.0"))


def wider_run(home: Path) -> None:
    """A run whose model takes one column more."""
    library.commit(write_model(home / "wide", signature=WIDER, weights=b"w"), run_id="wide", registry=home / "reg")


def damaged_payload(home: Path) -> None:
    """The payload of churn@v1.0.0 is another one, here and at the origin."""
    for folder in ("reg/.git/gitreg/cache", "origin.git/payloads"):
        for file in (home / folder).glob("files/md5/*/*"):
            if file.read_bytes() == b"first":
                file.chmod(0o644)
                file.write_bytes(b"worst")


def write_model_in_home(home: Path) -> None:
    """A model directory ~/model."""
    write_model(home / "model", weights=b"another")


def link_to_nowhere(home: Path) -> None:
    """A model directory ~/model with a symbolic link that leads nowhere."""
    write_model_in_home(home)
    (home / "model/extra").symlink_to("gone")


def folder_with_a_file(home: Path) -> None:
    """A folder ~/models that is neither empty nor a repository."""
    (home / "models").mkdir()
    (home / "models/a.txt").write_text("a")


def origin_gone(home: Path) -> None:
    """The disk with the origin is not there any more."""
    (home / "origin.git").rename(home / "elsewhere.git")


def payloads_gone(home: Path) -> None:
    """The payload store is on a disk that is not mounted, and nothing is cached."""
    shutil.rmtree(home / "reg/.git/gitreg/cache")
    git(home / "reg", "config", "gitreg.payloads", home / "mnt/payloads")


def payload_missing(home: Path) -> None:
    """The payload store lost everything, and nothing is cached."""
    shutil.rmtree(home / "reg/.git/gitreg/cache")
    shutil.rmtree(home / "origin.git/payloads/files")


def no_identity(home: Path) -> None:
    """Git knows nobody's name."""
    write_model_in_home(home)
    (home / ".gitconfig").write_text("")


def sha256_repository(home: Path) -> None:
    """A repository ~/code of the other kind of object ids."""
    git(home, "init", "-q", "--object-format=sha256", "code")


def reftable_repository(home: Path) -> None:
    """A repository ~/code that keeps its refs in tables, as newer gits can."""
    git(home, "init", "-q", "code")
    git(home / "code", "config", "core.repositoryformatversion", "1")
    git(home / "code", "config", "extensions.refstorage", "reftable")


def newer_config(home: Path) -> None:
    """A gitreg.yaml that a later gitreg wrote."""
    write_model_in_home(home)
    write_on_main(home / "reg", "gitreg.yaml", "format: 2\n")


def wrong_config(home: Path) -> None:
    """A gitreg.yaml with two mistakes."""
    write_model_in_home(home)
    write_on_main(home / "reg", "gitreg.yaml", "format: 1\nlimits: {file: much}\nmetrics: accuracy\n")


def swapped_stage(home: Path) -> None:
    """The stage file of staging under the name of production."""
    text = (home / "reg/stages/staging/churn.yaml").read_text()
    write_on_main(home / "reg", "stages/production/churn.yaml", text)


CASES = [
    Case("no-repository", "ls", folder="."),
    Case("a-repository-without-a-registry", "ls", arrange=lambda home: git(home, "init", "-q", "code"), folder="code"),
    Case("no-folder", "-R nowhere ls"),
    Case("an-unknown-model", "show chrun@v1"),
    Case("versions-of-an-unknown-model", "ls chrun"),
    Case("the-log-of-an-unknown-model", "log chrun"),
    Case("an-unknown-version", "pull churn@v9.0.0 ../served"),
    Case("an-unknown-line", "pull churn@v7 ../served"),
    Case("an-unknown-number", "show churn@99"),
    Case("an-unknown-stage", "show churn@canary"),
    Case("a-stage-without-this-model", "show fraud@production"),
    Case("an-unknown-run", "show run:nobody"),
    Case("a-run-without-that-model", "register run:tuesday/other churn"),
    Case("a-run-without-a-model", "register alone churn"),
    Case("an-unknown-file", "cat churn@1:weights.bin"),
    Case("a-bad-model-name", "register monday 'churn rate'"),
    Case("a-reserved-model-name", "register monday run"),
    Case("a-name-in-another-case", "register tuesday Churn"),
    Case("a-bad-stage-name", "show churn@v1x"),
    Case("a-bad-reference", "show churn@"),
    Case("a-bad-run-id", "commit ../model --run-id 'a b'", arrange=write_model_in_home),
    Case("a-run-logged-twice", "commit ../model --run-id monday", arrange=write_model_in_home),
    Case("a-run-registered-and-retired", "register wednesday churn"),
    Case("a-step-too-small", "register wide churn --bump patch", arrange=wider_run),
    Case("a-version-that-is-taken", "register wide churn --version v1.1.0", arrange=wider_run),
    Case("a-version-that-is-none", "register wide churn --version 2", arrange=wider_run),
    Case("no-model-folder", "commit ../nothing"),
    Case("no-mlmodel", "commit ../models", arrange=lambda home: (home / "models").mkdir()),
    Case("an-mlmodel-that-is-no-yaml", "commit ../model", arrange=mlmodel("flavors: {")),
    Case("an-mlmodel-too-large", "commit ../model", arrange=mlmodel("a: " + "b" * (1 << 20))),
    Case("an-mlmodel-with-aliases", "commit ../model", arrange=mlmodel("flavors: &f {}\nother: *f\n")),
    Case("an-mlmodel-with-a-key-twice", "commit ../model", arrange=mlmodel("flavors: {}\nrun_id: a\nrun_id: b\n")),
    Case("an-mlmodel-without-flavors", "commit ../model", arrange=mlmodel("run_id: a\n")),
    Case("a-file-name-that-windows-refuses", "commit ../model", arrange=file_called("notes/a:b.txt")),
    Case("a-file-name-that-dvc-takes", "commit ../model", arrange=file_called("other.dvc")),
    Case("file-names-that-differ-in-case", "commit ../model", arrange=file_called("Notes.txt", "notes.txt")),
    Case("a-link-to-nowhere", "commit ../model", arrange=link_to_nowhere),
    Case("a-folder-that-is-not-empty", "pull churn ../models", arrange=folder_with_a_file),
    Case("a-stage-runs-it", "retire churn@v1.0.0 -m old"),
    Case("retiring-what-moves", "retire churn -m old"),
    Case("retiring-twice", "retire churn@v1.2.0 -m old"),
    Case("nothing-to-note", "note churn@v1"),
    Case("a-filter-that-is-wrong", "runs --where 'metrics.accuracy >'"),
    Case("an-attribute-that-is-none", "runs --where \"colour = 'red'\""),
    Case("a-time-that-is-none", "show churn@v1 --at yesterday"),
    Case("before-the-first-version", "show churn@v1 --at 2020-01-01"),
    Case("a-damaged-payload", "pull churn@v1.0.0 ../served", arrange=damaged_payload),
    Case("a-tag-that-moved", "fetch", arrange=moved_tag),
    Case("offline-and-registering", "register tuesday other --offline"),
    Case("offline-and-pushing", "push --offline"),
    Case("a-newer-gitreg-yaml", "commit ../model", arrange=newer_config),
    Case("mistakes-in-gitreg-yaml", "commit ../model", arrange=wrong_config),
    Case("a-newer-run", "show run:later", arrange=run_of_format_2),
    Case("a-newer-version", "show churn@v3.0.0", arrange=version_of_format_2),
    Case("a-stage-file-of-another", "show churn@production", arrange=swapped_stage),
    Case("no-data", "predict churn -i nothing.csv"),
    Case("init-twice", "init"),
    Case("init-in-a-folder-with-files", "init ../models", arrange=folder_with_a_file),
    Case("init-at-a-forge", "init ../new --origin https://github.com/ana/models.git"),
    Case("the-origin-gone", "fetch", origin_gone),
    Case("the-origin-gone-while-registering", "register tuesday other", origin_gone),
    Case("the-origin-gone-for-who-has-only-its-address", "ls -R ssh://nobody@localhost:1/origin.git"),
    Case("the-payload-store-gone", "pull churn ../served", payloads_gone),
    Case("a-payload-that-is-nowhere", "pull churn ../served", payload_missing),
    Case("nobody-is-the-author", "commit ../model", no_identity),
    Case("a-sha256-repository", "ls", sha256_repository, "code"),
    Case("a-reftable-repository", "ls", reftable_repository, "code"),
    Case("usage-no-such-command", "lst"),
    Case("usage-no-such-option", "ls --wher x"),
    Case("usage-missing-argument", "show"),
    Case("usage-option-without-meaning", "--json cat churn:MLmodel"),
    Case("usage-a-file-without-a-path", "cat run:monday"),
    Case("usage-a-label-without-a-value", "note churn team"),
    Case("usage-an-age-without-its-unit", "gc --grace 5"),
    Case("usage-two-registries-at-once", "-R . bundle apply x.gitreg folder"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_an_error_says_what_is_wrong_and_what_to_do(
    case: Case, home: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.arrange(home)
    monkeypatch.chdir(home / case.folder)
    before, status = snapshot(registry), git(registry, "status", "--porcelain")
    said = gitreg(*shlex.split(case.command))
    check_error(EXPECTED, case.about, f"gitreg {case.command}", said, home)
    assert said.code in (2, 75, 128)
    assert snapshot(registry) == before
    assert git(registry, "status", "--porcelain") == status


def test_the_table_has_no_case_that_nobody_tries() -> None:
    assert set(read_errors(EXPECTED)) == {case.about for case in CASES}
