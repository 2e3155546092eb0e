"""A DVC pointer: the small `<name>.dvc` that stands in Git for a payload (docs/format.md 1.2).

Pointers come from other people's repositories, and DVC would let one name a command, a URL or a file elsewhere.
Here it names one file beside itself, and its bytes by md5; anything else is refused by name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from gitreg.errors import Damaged, Refused
from gitreg.format.yamltext import as_mapping, load_mapping, quote

SUFFIX = ".dvc"
"""The ending of a pointer's file name."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_MD5_LIKE_NUMBER = re.compile(r"[0-9]+(?:e[0-9]+)?|0b[01]+")
_BARE = re.compile(r"(?!\.{1,2}\Z)[^/\\:\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")
_LARGEST = 1 << 60
_WRITTEN = re.compile(
    r'outs:\n- md5: ("?[0-9a-f]{32}"?)\n  size: (0|[1-9][0-9]{0,17})\n  hash: md5\n  path: ("(?:[^"\\\n]|\\.)*")\n'
)
_OUT_KEYS = frozenset({"md5", "size", "hash", "path", "isexec", "desc", "type", "labels", "meta"})
_TOP_KEYS = frozenset({"outs", "desc", "meta"})


@dataclass(frozen=True)
class Pointer:
    """`path` is the payload's bare file name, `md5` of its bytes in lower-case hex, `size` in bytes."""

    path: str
    md5: str
    size: int


def parse_pointer(text: str | bytes, what: str = "pointer") -> Pointer:
    """The pointer in `text`, as gitreg or DVC 3 writes it; Damaged, naming `what`, where it is no such pointer."""
    found = _WRITTEN.fullmatch(text.decode(errors="surrogateescape") if isinstance(text, bytes) else text)
    if found:
        path = _unquoted(found[3])
        # Only what we would write ourselves is read without YAML, so that both ways agree.
        if _BARE.fullmatch(path):
            pointer = Pointer(path, found[1].strip('"'), int(found[2]))
            if format_pointer(pointer) == found[0]:
                return pointer
    return _parse_foreign(text, what)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return ""


def format_pointer(pointer: Pointer) -> str:
    """The text of `pointer`, for a file named `<pointer.path>.dvc` beside the payload. Refused where DVC would stumble.

    The path is always quoted, because `a: b #c` would break it; an md5 only where YAML would read a number.
    """
    if not _BARE.fullmatch(pointer.path):
        raise Refused(f"a pointer cannot name {pointer.path!r}", "a payload's name holds no / \\ : and no control")
    if not _MD5.fullmatch(pointer.md5):
        raise Refused(f"{pointer.md5!r} is no md5", "32 lower-case hex digits")
    if not 0 <= pointer.size < _LARGEST:
        raise Refused(f"{pointer.size} is not a size in bytes")
    md5 = quote(pointer.md5) if _MD5_LIKE_NUMBER.fullmatch(pointer.md5) else pointer.md5
    return f"outs:\n- md5: {md5}\n  size: {pointer.size}\n  hash: md5\n  path: {quote(pointer.path)}\n"


def _parse_foreign(text: str | bytes, what: str) -> Pointer:
    value = load_mapping(text, what)
    _refuse_keys(value, _TOP_KEYS, what)
    outs = value.get("outs")
    if not isinstance(outs, list) or len(outs) != 1:
        raise Damaged(f"{what} does not name exactly one file", "one file, one pointer: dvc add each file by itself")
    out = as_mapping(outs[0], f"{what}: outs")
    md5, size, path = out.get("md5"), out.get("size"), out.get("path")
    if isinstance(md5, str) and md5.endswith(".dir"):
        raise Damaged(f"{what} names a folder", "one file, one pointer: dvc add each file by itself")
    _refuse_keys(out, _OUT_KEYS, what)
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        raise Damaged(f"{what}: md5 is not 32 lower-case hex digits")
    if out.get("hash") != "md5":
        raise Damaged(f"{what} has no 'hash: md5'", "it was written before DVC 3: dvc cache migrate --dvc-files")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < _LARGEST:
        raise Damaged(f"{what}: size is not a whole number of bytes")
    if not isinstance(path, str) or not _BARE.fullmatch(path):
        raise Damaged(f"{what}: path is not the bare name of a file beside it")
    return Pointer(path, md5, size)


def _refuse_keys(found: dict[str, object], known: frozenset[str], what: str) -> None:
    for key in found:
        if key not in known:
            raise Damaged(f"{what} has the key {key!r}, which is not accepted in a pointer")
