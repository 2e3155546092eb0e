"""Work is counted, whoever does it and however fast."""

from __future__ import annotations

import subprocess
import sys

import pytest

from testing.gitcli import git
from testing.work import growth, processes, steps


def test_functions_of_python_and_of_c_count() -> None:
    def twice() -> None:
        abs(-1)
        abs(-1)

    assert steps(twice) - steps(lambda: None) == 2
    assert steps(lambda: [twice() for _ in range(10)]) > 30


def test_counting_ends_with_the_call() -> None:
    before = sys.getprofile()
    with pytest.raises(ZeroDivisionError):
        steps(lambda: 1 // 0)
    assert sys.getprofile() is before


def test_growth_tells_linear_from_quadratic() -> None:
    assert growth(lambda size: [abs(n) for n in range(size)], 50, 8) == pytest.approx(8, rel=0.2)
    assert growth(lambda size: [abs(n) for n in range(size * size)], 50, 8) > 50


def test_processes_are_told_and_run() -> None:
    said: list[str] = []
    assert processes(lambda: said.append(git(".", "version"))) == [["git", "version"]]
    assert said[0].startswith("git version")
    assert processes(lambda: subprocess.run(["true"], check=True)) == [["true"]]
    assert processes(lambda: None) == []
