"""The file that carries versions to where no network goes: a tar whose every byte follows from its manifest.

manifest.json, objects.bundle (a bundle of git's), payloads/<sha256> in order; nothing else (docs/format.md 1.8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gitreg.errors import Damaged, GitregError, Refused
from gitreg.format.jsontext import format_file, parse_object
from gitreg.format.runs import check_format
from gitreg.format.tags import NumberTag, RetireTag, RunTag, VersionTag, parse_tag_name
from gitreg.format.times import parse_time

FORMAT = 1
BLOCK = 512
MANIFEST, OBJECTS = "manifest.json", "objects.bundle"
MANIFEST_LIMIT = 64 << 20
"""Bytes that a manifest may have."""

_HEADS, _TAGS, _NOTES = "refs/heads/", "refs/tags/", "refs/notes/gitreg"
_BRANCH = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|[./](?=[A-Za-z0-9_-])){0,199}")
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256, _MD5 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{32}")
_LARGEST = 1 << 60
_OCTAL = 8**11


@dataclass(frozen=True)
class BundledFile:
    """A file in a bundle: digests in hex (`md5` of payloads only), `size` in bytes."""

    sha256: str
    size: int
    md5: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds. `registry` is a name for people; `refs` and `since` map full refs to object ids.

    `since` is what whoever applies it must have already: its objects and payloads were left out.
    """

    registry: str
    branch: str
    created: str
    refs: Mapping[str, str]
    objects: BundledFile
    since: Mapping[str, str] = field(default_factory=dict)
    payloads: tuple[BundledFile, ...] = ()

    @property
    def main_ref(self) -> str:
        """The full ref of the registry's main."""
        return _HEADS + self.branch

    def members(self) -> Iterator[tuple[str, BundledFile]]:
        """Name and file of each member behind the manifest, in order."""
        yield OBJECTS, self.objects
        for payload in self.payloads:
            yield f"payloads/{payload.sha256}", payload


def format_manifest(found: Manifest) -> bytes:
    """The text of the manifest."""
    facts: dict[str, object] = {
        "format": FORMAT,
        "registry": found.registry,
        "branch": found.branch,
        "created": found.created,
        "refs": dict(found.refs),
        "since": dict(found.since),
        "objects": {"sha256": found.objects.sha256, "size": found.objects.size},
        "payloads": [{"md5": p.md5, "sha256": p.sha256, "size": p.size} for p in found.payloads],
    }
    return format_file(facts).encode()


def parse_manifest(text: bytes, what: str) -> Manifest:
    """The manifest in `text`. Damaged, naming `what`, where a fact is missing or wrong; Unsupported for newer ones."""
    try:
        found = parse_object(text.decode(), "its manifest")
        stated = found.get("format")
        check_format(str(stated) if isinstance(stated, int) and not isinstance(stated, bool) else "", what, FORMAT)
        manifest = Manifest(
            registry=_text(found, "registry"),
            branch=_text(found, "branch"),
            created=_text(found, "created"),
            refs=_refs(found, "refs"),
            since=_refs(found, "since"),
            objects=_file(found.get("objects")),
            payloads=tuple(_file(row, payload=True) for row in _rows(found, "payloads")),
        )
        _check(manifest)
        return manifest
    except UnicodeDecodeError:
        raise Damaged(f"{what}: its manifest is not UTF-8") from None
    except (Damaged, Refused) as error:
        raise Damaged(f"{what}: {error.message}", error.hint) from None


def _text(found: Mapping[str, object], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or len(value) > 1000 or not value.isprintable():
        raise Damaged(f"its manifest has no right {key}")
    return value


def _rows(found: Mapping[str, object], key: str) -> list[object]:
    value = found.get(key)
    if not isinstance(value, list):
        raise Damaged(f"its manifest has no right {key}")
    return value


def _refs(found: Mapping[str, object], key: str) -> dict[str, str]:
    value = found.get(key)
    if not isinstance(value, dict):
        raise Damaged(f"its manifest has no right {key}")
    for ref, oid in value.items():
        if not isinstance(oid, str) or not _OID.fullmatch(oid):
            raise Damaged(f"its manifest has no object id for {ref[:100]!r}")
    return {str(ref): str(oid) for ref, oid in value.items()}


def _file(row: object, *, payload: bool = False) -> BundledFile:
    if isinstance(row, dict):
        sha256, size, md5 = row.get("sha256"), row.get("size"), row.get("md5") if payload else ""
        if isinstance(sha256, str) and isinstance(md5, str) and isinstance(size, int) and not isinstance(size, bool):
            right = _SHA256.fullmatch(sha256) and (not payload or _MD5.fullmatch(md5)) and 0 <= size < _LARGEST
            if right:
                return BundledFile(sha256, size, md5)
    raise Damaged("its manifest tells of a file without its sha256, size or md5")


def _check(found: Manifest) -> None:
    parse_time(found.created)
    if not _BRANCH.fullmatch(found.branch) or found.branch.endswith(".lock"):
        raise Damaged(f"its manifest names a bad branch {found.branch[:100]!r}")
    if found.main_ref not in found.refs:
        raise Damaged("it does not hold the registry's main")
    for ref in found.refs:
        if ref not in {found.main_ref, _NOTES} and not is_carried(ref):
            raise Damaged(f"it holds the ref {ref[:200]!r}, which is none of a registry's")
    for ref in found.since:
        if not is_carried(ref):
            raise Damaged(f"it builds on the ref {ref[:200]!r}, which is none of a registry's")
    for kind, names in (("sha256", [p.sha256 for p in found.payloads]), ("md5", [p.md5 for p in found.payloads])):
        if len(set(names)) != len(names):
            raise Damaged(f"two of its payloads have the same {kind}")
    if [p.sha256 for p in found.payloads] != sorted(p.sha256 for p in found.payloads):
        raise Damaged("its payloads are not in order")


def is_carried(ref: str) -> bool:
    """Whether a bundle may hold the tag `ref` (full name): of a run, a version, its number, its retirement."""
    if not ref.startswith(_TAGS):
        return False
    try:
        return isinstance(parse_tag_name(ref[len(_TAGS) :]), RunTag | VersionTag | NumberTag | RetireTag)
    except GitregError:
        return False


def format_header(name: str, size: int) -> bytes:
    """The tar header of a member: a plain file without owner and time, so that it has only one right text."""
    # A size that octal digits cannot tell is told in base 256, as GNU tar does.
    told = b"%011o\0" % size if size < _OCTAL else b"\x80" + size.to_bytes(11, "big")
    zero = b"0000000\0"
    parts = [
        name.encode().ljust(100, b"\0"), b"0000644\0", zero, zero, told, b"00000000000\0", b" " * 8, b"0",
        bytes(100), b"ustar\x0000", bytes(64), zero, zero, bytes(167),
    ]  # fmt: skip
    header = b"".join(parts)
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def manifest_size(header: bytes, what: str) -> int:
    """The size that the first header of a bundle tells; Damaged, naming `what`, where the file is no bundle."""
    told = header[124:135]
    size = int(told, 8) if re.fullmatch(rb"[0-7]{11}", told) else -1
    if size < 0 or header != format_header(MANIFEST, size):
        raise Damaged(f"{what} is no bundle of gitreg's", "gitreg bundle create REF... -o FILE makes one")
    if size > MANIFEST_LIMIT:
        raise Damaged(f"{what}: its manifest has {size} bytes, more than {MANIFEST_LIMIT}")
    return size


def padding(size: int) -> bytes:
    """The zeros behind a member of `size` bytes."""
    return bytes(-size % BLOCK)


END = bytes(2 * BLOCK)
"""What ends a bundle."""
