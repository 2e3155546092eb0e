"""Bars on a real terminal: what is done, how fast, how long yet; silence in a pipe and with -q."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

import gitreg
from gitreg.cli import _progress
from testing.commandline import on_terminal, program, python_on_terminal
from testing.models import write_model
from testing.registries import Place, cloned

BAR = re.compile(r"(\w+): +(\d+)%\|[^|]*\| [\d.]+[kMG]?/[\d.]+[kMG]? \[\d\d:\d\d<[\d?:]+, +[\d.?]+[kMG]?B/s\]")


@pytest.fixture
def clone(tmp_path: Path) -> Place:
    found = cloned(tmp_path / "reg")
    gitreg.use(found.path)
    return found


@pytest.fixture
def at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars are shown from the first byte, however fast the machine is."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text("import gitreg.cli._progress as bars\nbars._UNSEEN = 0.0\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("TQDM_MININTERVAL", "0")


def bars(shown: str) -> list[str]:
    """What was counted, in the order of its beginning, each with rate and time left."""
    return list(dict.fromkeys(found[1] for found in BAR.finditer(shown)))


def test_a_terminal_sees_what_is_hashed_uploaded_and_copied(clone: Place, tmp_path: Path, at_once: None) -> None:
    model = write_model(tmp_path / "model", weights=os.urandom(9 << 20))
    where = ("-R", str(clone.path))
    shown = on_terminal("commit", *where, str(model), "--as", "churn")
    assert bars(shown) == ["hashing", "uploading"]
    assert "registered as churn@v1.0.0" in shown
    assert bars(on_terminal("pull", *where, "churn", str(tmp_path / "served"))) == ["copying"]


def test_a_terminal_sees_what_is_downloaded(
    clone: Place, tmp_path: Path, at_once: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd = request.getfixturevalue("sshd")
    (tmp_path / "far").mkdir()
    monkeypatch.setenv("GITREG_PAYLOADS", sshd.url(tmp_path / "far"))
    model = write_model(tmp_path / "model", weights=os.urandom(20 << 20))
    (model / "second.bin").write_bytes(os.urandom(5 << 20))
    assert program("commit", "-R", clone.path, model, "--as", "churn").err == ""
    other = clone.clone(tmp_path / "other")
    shown = on_terminal("pull", "-R", str(other.path), "churn", str(tmp_path / "served"))
    assert bars(shown) == ["downloading", "copying"]
    assert "/25.0M [" in shown  # all payloads in one bar


def test_a_pipe_and_a_quiet_command_see_no_bar(clone: Place, tmp_path: Path, at_once: None) -> None:
    model = write_model(tmp_path / "model", weights=os.urandom(9 << 20))
    assert program("commit", "-R", clone.path, model, "--as", "churn").err == ""
    assert on_terminal("-q", "pull", "-R", str(clone.path), "churn", str(tmp_path / "a")) == f"{tmp_path / 'a'}\n"
    assert program("pull", "-R", clone.path, "churn", tmp_path / "b").err == ""


def test_what_takes_no_time_shows_no_bar(clone: Place, tmp_path: Path) -> None:
    program("commit", "-R", clone.path, write_model(tmp_path / "model"), "--as", "churn")
    shown = on_terminal("pull", "-R", str(clone.path), "churn", str(tmp_path / "served"))
    assert bars(shown) == []


def test_python_programs_hear_nothing_on_a_terminal(clone: Place, tmp_path: Path, at_once: None) -> None:
    model = write_model(tmp_path / "model", weights=os.urandom(9 << 20))
    code = f"import gitreg; gitreg.commit({str(model)!r}, register_as='churn', registry={str(clone.path)!r})"
    code += f"; gitreg.pull('churn', {str(tmp_path / 'a')!r}, registry={str(clone.path)!r})"
    assert python_on_terminal("-c", code) == ""


def test_a_bar_counts_what_many_threads_do(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "_UNSEEN", 0.0)
    monkeypatch.setenv("TQDM_MININTERVAL", "0")
    with _progress.bar("moving", 8 * 1000 * 1024) as moved:
        threads = [threading.Thread(target=lambda: [moved(1024) for _ in range(1000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        moved(-1024)  # done again
        moved(1024)
        assert threading.active_count() == 1
    assert "7.81M/7.81M" in capsys.readouterr().err


def test_nothing_to_do_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress.bar("moving", 0) as moved:
        moved(0)
    assert capsys.readouterr().err == ""
