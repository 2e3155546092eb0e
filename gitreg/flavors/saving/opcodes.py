"""The modules that a pickle imports, read from its opcodes while it is written.

A pickle names every class and function it needs by GLOBAL or STACK_GLOBAL. Reading these needs neither
a second look at the file nor a copy of its buffers: opcodes come in frames of about 64 KiB, and large
values are passed by without being kept.

Source of the format: PEP 3154, PEP 574 and CPython's `pickletools`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pickle import PickleBuffer
from typing import Protocol

from gitreg.errors import Damaged

Buffer = bytes | bytearray | memoryview | PickleBuffer

# Opcodes that push, pop or mark without naming anything; a run of them is passed in one match.
_QUIET = re.compile(
    rb"(?:[()\]}NRQabdelostu012\x81\x85-\x89\x8f-\x92\x97\x98]|K.|M.{2}|J.{4}|G.{8}|\x82.|\x83.{2}|\x84.{4})+",
    re.DOTALL,
)
_STRINGS = {0x8C: 1, 0x58: 4, 0x8D: 8, 0x55: 1, 0x54: 4}  # SHORT_BINUNICODE BINUNICODE BINUNICODE8 *BINSTRING
_BYTES = {0x43: 1, 0x42: 4, 0x8E: 8, 0x96: 8, 0x8A: 1, 0x8B: 4}  # (SHORT_)BINBYTES(8) BYTEARRAY8 LONG1 LONG4
_MEMO = {0x68: 1, 0x6A: 4, 0x71: 1, 0x72: 4}  # BINGET LONG_BINGET BINPUT LONG_BINPUT
_SHORT_STRING, _MEMOIZE, _STACK_GLOBAL, _STOP = 0x8C, 0x94, 0x93, 0x2E
_TRANSPARENT = {0x95: 8, 0x80: 1}  # FRAME PROTO: they touch no stack
_LINES = frozenset(b"FILVSPpg")  # opcodes of protocol 0 with one line
_PAIRS = frozenset(b"ci")  # GLOBAL INST: two lines
_CUT = frozenset(b"KMJG\x82\x83\x84")  # quiet, but with an argument that may be cut by the end of a piece
_LONGEST_NAME = 1024  # bytes; a longer string is no module
_SUBIMPORT = "cloudpickle.cloudpickle:subimport"  # stands on the stack for the function of that name


class Writable(Protocol):
    """The part of a binary file that a pickler uses."""

    def write(self, data: Buffer, /) -> int | None: ...


class ModuleReader:
    """Collects the modules named by a stream of pickle opcodes that is fed to it in pieces.

    `modules` holds the names found so far, also those that cloudpickle imports by its own `subimport`.
    `keep` says which strings may be names of modules, and so are remembered; without it these are the modules
    imported by now, which is enough for a pickle that this process writes. Raises `Damaged` where the stream is
    no pickle.
    """

    def __init__(self, keep: Callable[[str], bool] | None = None) -> None:
        self.modules: set[str] = set()
        self._keep = sys.modules.__contains__ if keep is None else keep
        self._memo: dict[int, str] = {}
        self._memoized = 0
        self._skip = 0
        self._rest = b""
        # The two last values on the stack, as far as they are strings that matter.
        self._below: str | None = None
        self._top: str | None = None

    def feed(self, data: Buffer) -> None:
        """Read the next piece of the stream; pieces may be cut anywhere."""
        view = data.raw() if isinstance(data, PickleBuffer) else memoryview(data).cast("B")
        if self._skip:
            passed = min(self._skip, view.nbytes)
            self._skip -= passed
            view = view[passed:]
        if view.nbytes:
            self._read(self._rest + view.tobytes())

    def _read(self, buf: bytes) -> None:
        self._rest = b""
        at, end = 0, len(buf)
        quiet, keep, modules = _QUIET.match, self._keep, self.modules
        while at < end:
            code = buf[at]
            if code == _SHORT_STRING and at + 1 < end and (stop := at + 2 + buf[at + 1]) < end:
                # A vocabulary is millions of these: one step for a short string and its MEMOIZE.
                text = buf[at + 2 : stop].decode("utf-8", "replace")
                value = text if keep(text) or text == "subimport" else None
                if value is not None and self._top is _SUBIMPORT:
                    modules.add(value)
                self._below, self._top = self._top, value
                at = stop
                if buf[at] == _MEMOIZE:
                    if value is not None:
                        self._memo[self._memoized] = value
                    self._memoized += 1
                    at += 1
            elif run := quiet(buf, at):
                self._top = self._below = None
                at = run.end()
            elif code == _MEMOIZE:
                if self._top is not None:
                    self._memo[self._memoized] = self._top
                self._memoized += 1
                at += 1
            elif code == _STACK_GLOBAL:
                self._found(self._below, self._top)
                at += 1
            else:
                after = self._read_rare(buf, at)
                if after is None:
                    break
                at = after
        if at > end:
            self._skip = at - end
        elif at < end:
            self._rest = buf[at:]

    def _read_rare(self, buf: bytes, at: int) -> int | None:
        """The position behind the opcode at `at`, or None if it is not all there; it may lie beyond `buf`."""
        code, end = buf[at], len(buf)
        if width := _MEMO.get(code, 0):
            if at + 1 + width > end:
                return None
            self._use_memo(int.from_bytes(buf[at + 1 : at + 1 + width], "little"), get=code in b"hj")
            return at + 1 + width
        if width := _STRINGS.get(code, 0):
            start = at + 1 + width
            size = int.from_bytes(buf[at + 1 : start], "little")
            if start > end or (start + size > end and size <= _LONGEST_NAME):
                return None
            self._push_string(buf[start : start + size] if size <= _LONGEST_NAME else b"")
            return start + size
        if width := _BYTES.get(code, 0):
            if at + 1 + width > end:
                return None
            self._push(None)
            return at + 1 + width + int.from_bytes(buf[at + 1 : at + 1 + width], "little")
        if width := _TRANSPARENT.get(code, 0):
            return at + 1 + width
        if code == _STOP:
            return end
        if code in _CUT:
            return None
        if code not in _LINES and code not in _PAIRS:
            raise Damaged(f"no pickle: unknown opcode {code:#04x}")
        line = buf.find(b"\n", at)
        second = buf.find(b"\n", line + 1) if line >= 0 and code in _PAIRS else line
        if second < 0:
            return None
        text = buf[at + 1 : line].decode("utf-8", "replace")
        if code in _PAIRS:
            self._found(text, buf[line + 1 : second].decode("utf-8", "replace"))
        elif code in b"pg":
            self._use_memo(int(text) if text.isdecimal() and len(text) < 20 else -1, get=code == 0x67)
        else:
            self._push_string(text.encode() if code == 0x56 else b"")
        return second + 1

    def _use_memo(self, index: int, *, get: bool) -> None:
        if get:
            self._push(self._memo.get(index))
        elif self._top is not None:
            self._memo[index] = self._top

    def _push(self, value: str | None) -> None:
        if self._top is _SUBIMPORT and value is not None:
            self.modules.add(value)
        self._below, self._top = self._top, value

    def _push_string(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "replace")
        # The name operand of a GLOBAL matters only for the function that imports modules.
        self._push(text if text == "subimport" or self._keep(text) else None)

    def _found(self, module: str | None, name: str | None) -> None:
        if module is not None:
            self.modules.add(module)
        subimport = module == "cloudpickle.cloudpickle" and name == "subimport"
        self._below, self._top = None, _SUBIMPORT if subimport else None


class Tee:
    """A file for a pickler: what is written goes on to `file` unchanged and is read by a `ModuleReader`.

    Large buffers are passed on as they come, as views of bytes and never as copies. `size` is the number
    of bytes written.
    """

    def __init__(self, file: Writable) -> None:
        self._file = file
        self._reader = ModuleReader()
        self.size = 0

    @property
    def modules(self) -> frozenset[str]:
        """The modules that the opcodes written so far name."""
        return frozenset(self._reader.modules)

    def write(self, data: Buffer, /) -> int:
        """Write all of `data`; returns its number of bytes."""
        view = data.raw() if isinstance(data, PickleBuffer) else memoryview(data).cast("B")
        self._file.write(data if isinstance(data, bytes) else view)
        self._reader.feed(view)
        self.size += view.nbytes
        return view.nbytes
