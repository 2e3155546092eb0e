"""Parts of downloads: one owner each, taken over when it is dead, gone when the whole is there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from gitreg.stores.payloads.partial import partial_file

NAME = "a" * 32

HOLD = """\
import sys
from pathlib import Path
from gitreg.stores.payloads.partial import partial_file
with partial_file(Path(sys.argv[1]), sys.argv[2]) as partial:
    partial.append(b"begun by another")
    print(partial.path.name, flush=True)
    sys.stdin.read()
"""


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def test_an_empty_part_goes_and_one_with_bytes_is_taken_over(tmp_path: Path) -> None:
    with partial_file(tmp_path, NAME):
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == set()
    with partial_file(tmp_path, NAME) as first:
        first.append(b"half")
    with partial_file(tmp_path, "b" * 32) as other:
        assert other.path != first.path and other.size() == 0
    with partial_file(tmp_path, NAME) as second:
        assert second.path == first.path and second.size() == 4
        second.append(b" and half")
        second.path.rename(tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == b"half and half"
    assert names(tmp_path) == {"whole"}


def test_a_part_that_is_in_use_is_left_alone_until_its_program_is_dead(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, tmp_path, NAME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as alive:
        assert alive.stdout
        held = alive.stdout.readline().strip()
        with partial_file(tmp_path, NAME) as mine:
            assert mine.path.name != held and mine.size() == 0
        with partial_file(tmp_path, NAME) as mine:
            mine.append(b"whole")
            mine.path.rename(tmp_path / "whole")
        assert names(tmp_path) == {held, "whole"}
        alive.kill()
    with partial_file(tmp_path, NAME) as mine:
        assert mine.path.name == held and mine.size() == len("begun by another")
        mine.empty()
    assert names(tmp_path) == {"whole"}


def test_what_is_left_is_cut_to_what_can_be_of_use(tmp_path: Path) -> None:
    seen = hashlib.sha256()
    with partial_file(tmp_path, NAME) as mine:
        mine.append(b"0123456789")
        assert mine.feed(4, [seen]) == 4
        mine.append(b"45")
        assert mine.path.read_bytes() == b"012345"
    mine.append(b"by a thread that nobody waits for")
    with (tmp_path / "another").open("wb+") as another:  # it has the number of the closed one
        another.write(b"bytes of another file")
        another.flush()
        assert mine.feed(4, [seen]) == 0
        assert (tmp_path / "another").read_bytes() == b"bytes of another file"
    assert mine.path.read_bytes() == b"012345"
