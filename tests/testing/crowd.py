"""A registry of thousands of versions in seconds: one pack written here, one file of packed refs."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field, replace

from gitreg.format.runs import Run, format_run_message, run_trailers
from gitreg.format.tags import number_ref, run_ref
from gitreg.format.trailers import Message, format_message
from gitreg.format.versions import ModelVersion, format_version_message
from testing.gitcli import git
from testing.plumbed import AUTHOR, SOURCE, Builder, ModelFiles, later, seconds_of

_KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


@dataclass
class Pack:
    """A pack in the making (gitformat-pack)."""

    entries: dict[str, bytes] = field(default_factory=dict)

    def add(self, kind: str, content: bytes) -> str:
        """Add an object; its id."""
        oid = hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(content), content)).hexdigest()
        size = len(content)
        byte, size = _KINDS[kind] << 4 | size & 15, size >> 4
        head = bytearray()
        while size:
            head.append(byte | 128)
            byte, size = size & 127, size >> 7
        head.append(byte)
        self.entries[oid] = bytes(head) + zlib.compress(content, 1)
        return oid

    def written(self) -> bytes:
        """The pack."""
        body = b"".join([struct.pack(">4sII", b"PACK", 2, len(self.entries)), *self.entries.values()])
        return body + hashlib.sha1(body).digest()


def fill(builder: Builder, models: int, versions: int) -> None:
    """Add `models` x `versions` versions, each of a run of its own.

    Model i (from 0) is called `m<i>`; its n-th version (from 1) is `v1.<n-1>.0`, of the run `r<i>-<n>`, which has the
    metrics accuracy (n modulo 100, in hundredths) and loss, the param max_depth (n modulo 10) and the tag team.
    """
    pack = Pack()
    blob = pack.add("blob", b"{}\n")
    inside = pack.add("tree", b"100644 run.json\0" + bytes.fromhex(blob))
    tree = pack.add("tree", b"40000 .gitreg\0" + bytes.fromhex(inside))
    logged = ModelFiles().logged("0")
    refs: dict[str, str] = {}
    for i in range(models):
        for n in range(1, versions + 1):
            begun, run_id = i * 7 + n * 60, f"r{i}-{n}"
            run = Run(
                run_id, f"depth {n % 10}", "finished", later(begun), later(begun + 30), SOURCE,
                {"max_depth": str(n % 10)}, {"accuracy": (n % 100) / 100, "loss": 1 / n}, {"team": "risk"},
                (replace(logged, run_id=run_id),), author=AUTHOR,
            )  # fmt: skip
            made = ModelVersion(
                f"m{i}", f"v1.{n - 1}.0", n, run_id, logged.path, logged.digest, logged.signature, logged.size,
                logged.flavors, run.metrics,
            )  # fmt: skip
            by = f"{AUTHOR} {seconds_of(run.ended)} +0000"
            refs[run_ref(run_id)] = _commit(pack, tree, by, format_run_message(run))
            title = f"{made.model} {made.version} of run {run_id}"
            commit = _commit(pack, tree, by, format_message(Message(title, "", run_trailers(run))))
            head = f"object {commit}\ntype commit\ntag {made}\ntagger {by}\n\n"
            tag = pack.add("tag", (head + format_version_message(made)).encode())
            refs[f"refs/tags/{made}"] = refs[number_ref(made.model, n)] = f"{tag}^{commit}"
    git(builder.path, "index-pack", "--stdin", input=pack.written())
    git(builder.path, "pack-refs", "--all")
    packed = builder.path / ".git" / "packed-refs"
    known = {line[41:]: line[:40] for line in packed.read_text().splitlines() if line[0] not in "#^"}
    lines = ["# pack-refs with: peeled fully-peeled sorted "]
    for name, value in sorted((known | refs).items()):
        oid, _, peeled = value.partition("^")
        lines += [f"{oid} {name}", *([f"^{peeled}"] if peeled else [])]
    packed.write_text("\n".join(lines) + "\n")


def _commit(pack: Pack, tree: str, by: str, message: str) -> str:
    return pack.add("commit", f"tree {tree}\nauthor {by}\ncommitter {by}\n\n{message}".encode())
