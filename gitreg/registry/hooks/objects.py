"""The rules for every object that comes with a push, on whatever branch: plain files, and no payload in Git.

On the way of every push: see gitreg/stores/incoming.py for what is not imported here.
"""

from __future__ import annotations

from gitreg.format.names import EXAMPLE_FILES, PAYLOAD_SUFFIXES, is_payload_name
from gitreg.registry.hooks.push import Push

_ODD = {"120000": "a symlink", "160000": "a submodule"}
_ENDS = tuple(f"{suffix}\0".encode() for suffix in PAYLOAD_SUFFIXES) + tuple(
    f" {name}\0".encode() for name in sorted(EXAMPLE_FILES)
)
_MODEL = b" MLmodel\0"
_FOLDER = b"40000 "
_OWN = frozenset({"MLmodel", "SHA256SUMS"})
_STORE_IT = "gitreg commit the model directory, or dvc add the file: payloads go to the payload store"


def check(push: Push) -> None:
    """Refuse symlinks, submodules, large files, and payloads in a model directory."""
    incoming = push.incoming
    contents = {oid: incoming.known[oid][1] for oid in incoming.trees}
    # Nearly always nothing is wrong, and one look at all trees together tells so.
    together = b"".join(contents.values())
    odd: list[str] = []
    if b"120000 " in together or b"160000 " in together:
        odd = [oid for oid, content in contents.items() if b"120000 " in content or b"160000 " in content]
    payloads: dict[str, str] = {}
    if _MODEL in together:
        lowered = together.lower()
        payloads = _payloads(push, contents, any(end in lowered for end in _ENDS))
    large = incoming.blobs_over(push.limit)
    if broken := incoming.odd_trees():
        _tell_broken(push, broken)
    if odd or payloads or large:
        _tell(push, odd, payloads, large)


def _payloads(push: Push, contents: dict[str, bytes], suspicious: bool) -> dict[str, str]:
    """Tree of a model directory that came -> the path in it of a payload."""
    incoming, found = push.incoming, dict[str, str]()
    models = [oid for oid, content in contents.items() if _MODEL in content]
    if not suspicious:
        # Only a folder that was here before, beside an MLmodel that is new, may hold one.
        models = [oid for oid in models if _FOLDER in contents[oid]]
    waiting = [(oid, oid, "") for oid in models if "MLmodel" in incoming.entries(oid)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        incoming.read(tree for _, tree, _ in waiting)
        below = []
        for model, tree, under in waiting:
            for name, (mode, oid) in incoming.entries(tree).items():
                if mode == "40000":
                    below.append((model, oid, f"{under}{name}/"))
                elif is_payload_name(name) and f"{under}{name}" != "MLmodel":
                    found.setdefault(model, f"{under}{name}")
        waiting = [each for each in below if each[:2] not in seen]
        seen.update(each[:2] for each in waiting)
    return found


def _tell_broken(push: Push, broken: list[str]) -> None:
    places = push.places(broken)
    for tree in broken:
        ref, path = places.get(tree, ("objects", ""))
        text = f"{path or 'the top folder'} is a tree that git does not write: {tree[:12]}"
        push.wrong(ref, text, "commit the files with git; git fsck tells what is wrong with it")


def _tell(push: Push, odd: list[str], payloads: dict[str, str], large: dict[str, int]) -> None:
    places = push.places([*odd, *payloads, *large])
    for tree in odd:
        ref, under = places.get(tree, ("", ""))
        for name, (mode, _) in push.incoming.entries(tree).items():
            if mode in _ODD:
                hint = "a registry holds plain files: git rm it, and commit the file itself"
                push.wrong(ref or "objects", f"{_joined(under, name)} is {_ODD[mode]}", hint)
    for tree, path in payloads.items():
        ref, under = places.get(tree, ("objects", ""))
        text = f"{_joined(under, path)} is a payload in a model directory"
        push.wrong(ref, text, _STORE_IT)
    for blob, size in large.items():
        if blob not in places:
            continue  # a note
        ref, path = places[blob]
        if path.rsplit("/", 1)[-1] in _OWN or path.startswith(".gitreg/"):
            continue  # gitreg's own lists grow with the run
        push.wrong(ref, too_large(path or blob, size, push.limit), _STORE_IT)


def too_large(path: str, size: int, limit: int) -> str:
    """What is said of a file of `size` bytes where Git may have `limit`."""
    from gitreg.format.config import format_size

    shown = f"{size / (1 << 20):.1f} MiB" if size >= 1 << 20 else f"{size:,} bytes"
    return f"{path} has {shown}; a file in Git has at most {format_size(limit)}"


def _joined(under: str, name: str) -> str:
    return f"{under}/{name}" if under else name
