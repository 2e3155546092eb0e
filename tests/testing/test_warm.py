"""A warm interpreter runs scripts as a cold one does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.warm import Run, warm

TELLS = """
import json, os, sys
print(json.dumps([__name__, __file__, sys.argv, sys.path[0], os.getcwd(), os.environ.get("ASKED"), sys.stdin.read()]))
print("to the other stream", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def run(sealed_session: Path) -> Iterator[Run]:
    with warm(sys.executable, "json") as found:
        yield found


def test_a_script_sees_what_it_would_see_in_a_cold_one(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKED", "ü")
    (home / "scripts").mkdir()
    script = home / "scripts/tells.py"
    script.write_text(TELLS)
    cold = subprocess.check_output([sys.executable, script, "a", "b c"], input="text\n", text=True)
    assert json.loads(run(script, "a", "b c", input="text\n")) == json.loads(cold)
    assert json.loads(run(script, cwd=home / "scripts", ASKED="other"))[4:] == [str(home / "scripts"), "other", ""]


def test_nothing_is_left_for_the_next_one(run: Run) -> None:
    run("-c", "import sys, os, decimal; sys.path.append('left'); os.environ['LEFT'] = '1'; json = 5")
    said = run("-c", "import sys, os; print('left' in sys.path, 'LEFT' in os.environ, 'decimal' in sys.modules)")
    assert said == "False False False\n"
    assert run("-c", "import sys; print('json' in sys.modules)") == "True\n"


@pytest.mark.parametrize("ends", ["raise ValueError('why')", "import sys; sys.exit('why')", "import os; os._exit(3)"])
def test_a_script_that_fails_fails_the_test(run: Run, ends: str) -> None:
    with pytest.raises(AssertionError, match=r"ended with [13]: (?s:.*why)?"):
        run("-c", ends)
    assert run("-c", "print('the next one runs')") == "the next one runs\n"


def test_modules_of_pythonpath_are_found(run: Run, home: Path) -> None:
    (home / "apart").mkdir()
    (home / "apart/found_there.py").write_text("value = 7")
    assert run("-c", "import found_there; print(found_there.value)", PYTHONPATH=str(home / "apart")) == "7\n"
