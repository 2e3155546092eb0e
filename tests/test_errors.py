"""Errors as those see them who call gitreg from Python."""

from __future__ import annotations

import pickle
import traceback

import gitreg


def test_a_traceback_ends_with_the_hint() -> None:
    error = gitreg.Refused("torch is not here", "pip install torch")
    for shown in (error, pickle.loads(pickle.dumps(error))):
        last = "".join(traceback.format_exception(shown)).splitlines()[-2:]
        assert last == ["gitreg.errors.Refused: torch is not here", "hint: pip install torch"]
        assert (str(shown), shown.hint) == ("torch is not here", "pip install torch")
    assert not hasattr(gitreg.Refused("no hint"), "__notes__")
