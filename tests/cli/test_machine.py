"""A machine that says no: full disks, read-only folders, missing programs and packages. All of it is real."""

from __future__ import annotations

import os
import resource
import shlex
import sys
from pathlib import Path

import pytest

from testing.commandline import Said, program
from testing.gitcli import git, snapshot
from testing.models import write_model
from testing.transcripts import check_error, read_errors

EXPECTED = Path(__file__).parent / "errors-of-the-machine.txt"

# Root may write anywhere; without these rights its commands are refused what others are.
POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()


def expect(name: str, command: str, said: Said, home: Path, registry: Path, before: dict[str, str]) -> None:
    check_error(EXPECTED, name, f"gitreg {command}", said, home)
    assert snapshot(registry) == before
    assert git(registry, "status", "--porcelain", "--untracked-files=no") == ""


def test_a_disk_that_is_full(home: Path, registry: Path) -> None:
    write_model(home / "model", weights=b"large" * 100_000)
    before = snapshot(registry)
    command = "commit ../model"
    said = program(*shlex.split(command), cwd=registry, preexec_fn=lambda: _largest_file(200_000))
    expect("a-disk-that-is-full", command, said, home, registry, before)
    assert not list((registry / ".git/gitreg/cache/tmp").iterdir())
    assert program("runs", "--where", "run_name = 'large'", cwd=registry).out == "no run matches\n"


def _largest_file(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_stdout_that_is_full(home: Path, registry: Path) -> None:
    before = snapshot(registry)
    with open("/dev/full", "wb") as full:
        for name, command in (("stdout-that-is-full", "cat churn:MLmodel"), ("a-table-to-a-full-disk", "ls")):
            said = program(*shlex.split(command), cwd=registry, capture_output=False, stdout=full, stderr=-1)
            expect(name, command, said, home, registry, before)


def test_a_folder_that_cannot_be_written(home: Path, registry: Path) -> None:
    before = snapshot(registry)
    (home / "locked").mkdir(mode=0o555)
    for name, command in (
        ("a-read-only-folder", "pull churn ../locked/served"),
        ("a-new-registry-in-one", "init ../locked/new"),
    ):
        expect(name, command, program(*shlex.split(command), cwd=registry, before=POWERLESS), home, registry, before)


def test_a_registry_that_cannot_be_written(home: Path, registry: Path) -> None:
    write_model(home / "model", weights=b"m")
    before = snapshot(registry)
    folders = [registry / ".git", *(path for path in (registry / ".git").rglob("*") if path.is_dir())]
    try:
        for folder in folders:
            folder.chmod(0o555)
        for name, command in (("a-read-only-registry", "commit ../model"), ("a-note-in-one", "note churn@1 a=b")):
            said = program(*shlex.split(command), cwd=registry, before=POWERLESS)
            expect(name, command, said, home, registry, before)
        assert program("ls", "-q", cwd=registry, before=POWERLESS).out == "churn\nfraud\n"
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_model_that_cannot_be_read(home: Path, registry: Path) -> None:
    model = write_model(home / "model", weights=b"m")
    before = snapshot(registry)
    (model / "model.pkl").chmod(0)
    command = "commit ../model"
    said = program(*shlex.split(command), cwd=registry, before=POWERLESS)
    expect("a-file-that-cannot-be-read", command, said, home, registry, before)


def test_a_machine_without_git(home: Path, registry: Path) -> None:
    before = snapshot(registry)
    said = program("ls", cwd=registry, env=os.environ | {"PATH": str(home)})
    expect("a-machine-without-git", "ls", said, home, registry, before)


@pytest.mark.parametrize(("package", "name"), [("sklearn", "a-framework-that-is-missing")])
def test_a_package_that_is_missing(package: str, name: str, home: Path, registry: Path) -> None:
    (home / "hidden" / package).mkdir(parents=True)
    (home / "hidden" / package / "__init__.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')\n"
    )
    (home / "data.csv").write_text("plan,tenure\na,1\n")
    before = snapshot(registry)
    path = os.pathsep.join([str(home / "hidden"), *filter(None, sys.path)])
    command = "predict churn -i ../data.csv"
    said = program(*shlex.split(command), cwd=registry, env=os.environ | {"PYTHONPATH": path})
    expect(name, command, said, home, registry, before)


def test_the_table_has_no_case_that_nobody_tries() -> None:
    here = Path(__file__).read_text()
    assert [name for name in read_errors(EXPECTED) if f'"{name}"' not in here] == []
