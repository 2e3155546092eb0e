"""The frame of the command line: options, exit codes, what is printed where, what is imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

import gitreg as library
from gitreg.cli._group import GROUPS, HIDDEN, Gitreg
from gitreg.errors import GitregError
from testing.commandline import gitreg, on_terminal, program
from testing.gitcli import snapshot
from testing.models import write_on_main

COMMANDS = sorted(name for names in (*GROUPS.values(), HIDDEN) for name in names)


def breaking(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let `gitreg status` end with `error`."""

    def status(*_: object) -> None:
        raise error

    monkeypatch.setattr("gitreg.registry.care.status.status", status)


def test_every_command_has_one_file_and_every_file_one_command() -> None:
    files = Path(__file__).parents[2].glob("gitreg/cli/[!_]*.py")
    assert sorted(path.stem for path in files) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself(name: str) -> None:
    said = gitreg(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: gitreg {name} [OPTIONS]")
    assert gitreg(name, "-h") == said


def test_only_the_file_of_the_given_command_is_imported() -> None:
    script = """
import json, sys
from gitreg.cli._group import Gitreg
Gitreg().main(["ls", "--help"])
print(json.dumps([name for name in sys.modules if name.startswith("gitreg.")]), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("gitreg.cli.") for name in json.loads(done.stderr)}
    assert loaded & set(COMMANDS) == {"ls"}
    assert not [name for name in loaded if name.startswith("gitreg.registry")]


def test_options_may_stand_on_either_side_of_the_command(registry: Path, home: Path) -> None:
    behind = gitreg("ls", "--json", "-R", registry)
    assert behind == gitreg("--json", "-R", registry, "ls") == gitreg("-R", registry, "ls", "--json")
    assert json.loads(behind.out)["registry"] == str(registry)
    assert gitreg("-R", "elsewhere", "ls", "--json", "-R", registry) == behind


def test_a_dry_run_may_be_asked_for_on_either_side(registry: Path, home: Path) -> None:
    before = snapshot(registry)
    said = gitreg("-n", "-R", registry, "note", "churn@v1.1.0", "team=risk")
    assert (said.code, said.out) == (0, "would note team = risk on churn@v1.1.0\n")
    assert said == gitreg("--dry-run", "-R", registry, "note", "churn@v1.1.0", "team=risk")
    assert said == gitreg("note", "churn@v1.1.0", "team=risk", "-R", registry, "-n")
    for args in (("push", "--all"), ("retire", "churn@v1.1.1", "-m", "old"), ("register", "tuesday", "other")):
        assert gitreg("-n", "-R", registry, *args) == gitreg(*args, "-R", registry, "--dry-run")
    assert gitreg("-n", "init", home / "new").out.startswith("would begin the registry in")
    assert not (home / "new").exists()
    assert snapshot(registry) == before


def test_an_option_without_meaning_is_refused_on_either_side() -> None:
    for args in (("-n", "ls"), ("ls", "-n")):
        assert gitreg(*args).err == "error: ls takes no -n\nhint: gitreg ls --help\n"
    assert gitreg("--offline", "retire").code == gitreg("retire", "--offline").code == 2
    assert gitreg("cat", "churn:a", "--json").err == gitreg("--json", "cat", "churn:a").err


def test_an_option_without_its_value_leads_to_the_commands_help() -> None:
    for name in ("ls", "runs"):
        assert gitreg(name, "--where").err == (
            f"error: option '--where' requires an argument\nhint: gitreg {name} --help\n"
        )


@pytest.mark.parametrize("limit", ["abc", "-1", "1.5", ""])
def test_a_limit_is_a_whole_number(limit: str) -> None:
    said = gitreg("ls", f"--limit={limit}")
    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: --limit is {limit!r}, not a whole number from 0\nhint: gitreg ls --help\n"


def test_an_empty_text_is_no_option_left_out(registry: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(registry)
    for args in (("-R", "", "ls"), ("ls", "-R", "")):
        assert (gitreg(*args).code, gitreg(*args).out) == (128, "")
    for args, what in (
        ((home / "new", "--origin", ""), "the origin"),
        ((home / "new", "--payloads="), "the payload store"),
        (("",), "the folder of the registry"),
    ):
        said = gitreg("init", *args)
        assert (said.code, said.out, said.err.splitlines()[0]) == (128, "", f"error: {what} is empty")
    assert not (home / "new").exists()


def test_a_filter_on_the_versions_of_a_model_is_wrong_where_it_was_typed(registry: Path) -> None:
    for where in ("metrics.accuracy >", "  colour = 'red'", "number = 'x'"):
        said = gitreg("ls", "churn", "-R", registry, "--where", where)
        anywhere = library_error(registry, where)
        assert (said.code, said.out, said.err.splitlines()[0]) == (128, "", f"error: {anywhere}")
    assert gitreg("ls", "churn", "-q", "-R", registry, "--where", "metrics.accuracy > 0.92").out == "churn@v1.1.0\n"
    assert gitreg("ls", "churn", "-q", "-R", registry, "--where", "model = 'fraud'").out == ""


def library_error(registry: Path, where: str) -> str:
    """What the library says of a filter on versions."""
    with pytest.raises(GitregError) as caught:
        library.search_versions(where, registry=registry)
    return caught.value.message


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_any_text_can_be_printed_in_any_encoding(registry: Path, encoding: str) -> None:
    title = "Kündigung 日本 \N{ROCKET}"
    write_on_main(registry, "models/churn.md", f"---\ntitle: {title}\n---\n")
    written = "utf-8" if encoding == "ascii" else encoding  # click does not believe a locale that tells of ASCII
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
    for args in (("ls",), ("ls", "--json"), ("show", "churn"), ("ls", "--where", "日本 = 1")):
        command = [sys.executable, "-c", "from gitreg.cli import main; main()", "-R", str(registry), *args]
        done = subprocess.run(command, capture_output=True, env=env)
        assert (done.returncode, b"bug" in done.stderr) == (128 if "--where" in args else 0, False), done
        if "--json" in args:
            (churn,) = (m for m in json.loads(done.stdout.decode(written))["models"] if m["name"] == "churn")
            assert churn["title"] == title


def test_the_version() -> None:
    assert gitreg("--version").out == gitreg("ls", "--version").out == "gitreg 0.1.0\n"


def test_without_a_command_help_is_shown() -> None:
    assert gitreg() == gitreg("--help")
    assert gitreg("-q").err == "error: missing command\nhint: gitreg --help\n"


def test_a_group_without_a_command_shows_its_help() -> None:
    said = gitreg("env")
    assert (said.code, said.out) == (2, "")
    assert said.err == gitreg("env", "--help").out


def test_a_trust_that_python_would_give_is_told_as_an_option(monkeypatch: pytest.MonkeyPatch, registry: Path) -> None:
    breaking(monkeypatch, GitregError("m.pkl holds types", "if you trust them: trust=['a.B', 'c; d'], or not"))
    said = gitreg("-R", registry, "status")
    assert said.err == "error: m.pkl holds types\nhint: if you trust them: --trust a.B --trust 'c; d', or not\n"


def test_git_reg_calls_itself_so() -> None:
    script = "import sys; sys.argv[0] = '/usr/bin/git-reg'; from gitreg.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script, "show"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: missing argument 'REF'\nhint: git reg show --help\n")


def test_a_bug_is_called_one(monkeypatch: pytest.MonkeyPatch, registry: Path) -> None:
    breaking(monkeypatch, ValueError("two\nlines"))
    said = gitreg("status", "-R", registry)
    assert (said.code, said.out) == (70, "")
    assert said.err == (
        "error: this is a bug in gitreg: ValueError: two lines\n"
        "hint: add -v (or set GITREG_TRACEBACK=1) to see where, and report it\n"
    )
    told = gitreg("status", "-R", registry, "-v")
    assert (told.code, told.err.splitlines()[0]) == (70, "Traceback (most recent call last):")
    assert told.err.endswith("\nerror: this is a bug in gitreg: ValueError: two lines\n")
    monkeypatch.setenv("GITREG_TRACEBACK", "1")
    assert gitreg("status", "-R", registry).err.splitlines()[0] == "Traceback (most recent call last):"


def test_an_error_shows_where_it_comes_from_when_asked(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert "Traceback" not in gitreg("ls").err + gitreg("ls", "-v").err
    monkeypatch.setenv("GITREG_TRACEBACK", "1")
    assert "gitreg.errors.NotFound" in gitreg("ls").err


def test_what_the_system_refuses_is_no_bug(monkeypatch: pytest.MonkeyPatch, registry: Path) -> None:
    for number, text in (
        (28, "no space left on the disk for /mnt/a\nhint: free some space and give the same command again"),
        (122, "no space left on the disk for /mnt/a\nhint: free some space and give the same command again"),
        (30, "/mnt: the disk is read-only\nhint: ls -ld /mnt"),
        (13, "/mnt: permission denied\nhint: ls -ld /mnt"),
        (2, "/mnt/a: there is no such file or folder"),
    ):
        breaking(monkeypatch, OSError(number, os.strerror(number), "/mnt/a"))
        said = gitreg("status", "-R", registry)
        assert (said.code, said.err) == (128, f"error: {text}\n")


def test_a_system_error_without_a_name_is_a_bug(monkeypatch: pytest.MonkeyPatch, registry: Path) -> None:
    breaking(monkeypatch, OSError(9, "Bad file descriptor"))
    assert gitreg("status", "-R", registry).code == 70


def test_ctrl_c_says_nothing_and_ends_with_130(registry: Path) -> None:
    command = [sys.executable, "-m", "gitreg", "-R", str(registry), "predict", "churn", "-i", "-"]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.5)
    while running.poll() is None:  # a signal that comes before Python is ready to take it ends it otherwise
        if not Path(f"/proc/{running.pid}/wchan").exists() or _waits(running.pid):
            running.send_signal(signal.SIGINT)
            break
        time.sleep(0.05)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err.strip()) == (130, b"", b"")


def _waits(pid: int) -> bool:
    """Whether a process reads from its pipe."""
    return Path(f"/proc/{pid}/syscall").read_text().startswith("0 0x0 ")


def test_a_reader_that_has_enough_is_no_error(registry: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    said = program("-R", registry, "runs", capture_output=False, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (said.code, said.err) == (0, "")


def test_a_warning_is_one_line_on_stderr(monkeypatch: pytest.MonkeyPatch, registry: Path) -> None:
    def status(*_: object) -> None:
        warnings.warn("left out: one run", stacklevel=2)
        raise KeyboardInterrupt

    monkeypatch.setattr("gitreg.registry.care.status.status", status)
    assert gitreg("status", "-R", registry).err == "warning: left out: one run\n"


def test_a_pipe_gets_no_colours_and_a_terminal_does(registry: Path) -> None:
    assert "\x1b[" not in program("-R", registry, "ls").out
    assert "\x1b[" in on_terminal("-R", str(registry), "ls")
    assert "\x1b[" not in on_terminal("-R", str(registry), "ls", NO_COLOR="1")


def test_a_table_fits_the_terminal_and_is_whole_in_a_pipe(registry: Path) -> None:
    shown = on_terminal("-R", str(registry), "ls", NO_COLOR="1", COLUMNS="50").splitlines()
    assert max(map(len, shown)) <= 50
    assert "…" in shown[1]
    whole = program("-R", registry, "ls", env=os.environ | {"COLUMNS": "50"}).out
    assert "…" not in whole
    assert "production v1.0.0, staging v1.1.0  2026-03-03T10:30:01Z  Customer churn" in whole


def test_a_narrow_terminal_shows_whole_ids_before_values(registry: Path) -> None:
    for width, shown in ((200, True), (60, False)):
        lines = on_terminal("-R", str(registry), "runs", NO_COLOR="1", COLUMNS=str(width)).splitlines()
        assert max(map(len, lines)) <= width
        assert [line.split()[0] for line in lines] == ["RUN", "wednesday", "alone", "tuesday", "fraud-1", "monday"]
        assert all("finished" in line for line in lines[1:])
        assert ("auc" in lines[0], "depth" in lines[0]) == (shown, shown)


def test_a_terminal_is_told_how_long_ago(registry: Path) -> None:
    assert "59 seconds ago" in on_terminal("-R", str(registry), "ls", NO_COLOR="1", COLUMNS="200")


def test_the_group_can_be_driven_by_clicks_own_runner() -> None:
    from click.testing import CliRunner

    assert CliRunner().invoke(Gitreg(), ["--version"]).output == "gitreg 0.1.0\n"
