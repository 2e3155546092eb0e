"""The sealed environment shows nothing of the machine it runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testing.clock import START, Clock
from testing.gitcli import git
from testing.sealed import seal


def test_git_knows_ana_and_no_other_settings(home: Path) -> None:
    assert git(home, "var", "GIT_AUTHOR_IDENT").startswith("Ana Analyst <ana@example.org> ")
    origins = {line.split("\t")[0] for line in git(home, "config", "--list", "--show-origin").splitlines()}
    assert origins == {f"file:{home}/.gitconfig"}


def test_new_repositories_begin_on_main(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git(tmp_path, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_a_test_starts_in_its_own_home_and_in_no_repository(home: Path) -> None:
    assert Path.cwd() == Path.home() == home
    done = subprocess.run(["git", "rev-parse", "--git-dir"], capture_output=True, check=False)
    assert done.returncode == 128


def test_variables_that_steer_tools_are_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steering = {
        *("GIT_DIR", "GIT_AUTHOR_DATE", "GIT_COMMITTER_EMAIL", "GITREG_REGISTRY", "GITREG_NOW", "DVC_STUDIO_TOKEN"),
        *("GITHUB_ACTOR", "GITLAB_USER_EMAIL", "MLFLOW_TRACKING_URI", "NO_COLOR", "EMAIL", "XDG_RUNTIME_DIR"),
    }
    for name in steering:
        monkeypatch.setenv(name, "of the machine")
    monkeypatch.setenv("GITREG_TEST_GTO", "where make test put it")
    with pytest.MonkeyPatch.context() as patch:
        seal(patch, tmp_path)
        assert not steering & set(os.environ)
        assert os.environ["GITREG_TEST_GTO"] == "where make test put it"
    assert steering <= set(os.environ)


def test_everything_that_tools_write_for_the_user_is_in_the_home(home: Path) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "DVC_SITE_CACHE_DIR"):
        assert Path(os.environ[name]).is_relative_to(home)


def test_the_clock_stands_still_until_it_is_moved(fixed_clock: Clock) -> None:
    assert os.environ["GITREG_NOW"] == START == "2026-03-02T09:30:00Z"
    assert fixed_clock.advance(90.5) == os.environ["GITREG_NOW"] == "2026-03-02T09:31:30.500000Z"
    assert fixed_clock.advance(-0.5) == "2026-03-02T09:31:30Z"


def test_other_processes_see_the_same_clock(fixed_clock: Clock) -> None:
    fixed_clock.set("2031-01-01T00:00:00Z")
    program = "import os; print(os.environ['GITREG_NOW'])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "2031-01-01T00:00:00Z\n"
