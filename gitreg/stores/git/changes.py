"""What lies between two commits: the files that differ, and the history of a file on a branch's first-parent line."""

from __future__ import annotations

from dataclasses import dataclass

from gitreg.errors import NotFound, Refused
from gitreg.stores.git.reading import Reading


@dataclass(frozen=True)
class Change:
    """What one commit of a first-parent line did to a file.

    `before` and `after` are the file's blobs ("" where it is not there), `parents` the commit's, `when` the
    committer's seconds since 1970 and `by` its `Name <email>`; `message` is whole.
    """

    commit: str
    parents: tuple[str, ...]
    path: str
    before: str
    after: str
    when: int
    by: str
    message: str


def merge_base(git: Reading, ours: str, theirs: str) -> str:
    """The commit that two histories have in common, or ""."""
    return git.text("merge-base", "--end-of-options", ours, theirs)


def changed_blobs(git: Reading, old: str, new: str) -> dict[str, tuple[str, str]]:
    """Path -> the blobs before and after ("" for none) of each file that differs between two commits or trees.

    Refused where one became a symlink or a submodule.
    """
    # Against the empty tree where there is nothing before.
    since = old or git.text("hash-object", "-t", "tree", "/dev/null")
    answer = git.read("diff-tree", "-r", "-z", "--no-renames", "--end-of-options", since, new)
    if answer.code:
        raise NotFound(f"git cannot compare {old[:12] or 'nothing'} with {new[:12]}: {answer.err}", "gitreg fetch")
    parts = answer.out.decode("utf-8", "surrogateescape").split("\0")
    found: dict[str, tuple[str, str]] = {}
    for facts, path in zip(parts[0::2], parts[1::2], strict=False):
        _, mode, before, after, _ = facts.split()
        if mode not in {"000000", "100644", "100755"}:
            raise Refused(f"{path} in {new[:12]} is a symlink or submodule", "gitreg reads plain files only")
        found[path] = tuple("" if set(oid) == {"0"} else oid for oid in (before, after))  # type: ignore[assignment]  # two
    return found


def changed_files(git: Reading, old: str, new: str) -> dict[str, tuple[bytes | None, bytes | None]]:
    """Path -> the content before and after (None for none) of each file that differs between two commits."""
    blobs = changed_blobs(git, old, new)
    wanted = sorted({oid for pair in blobs.values() for oid in pair if oid})
    texts = {
        oid: content for oid, (_, kind, content) in zip(wanted, git.objects(wanted), strict=True) if kind == "blob"
    }
    return {path: (texts.get(before), texts.get(after)) for path, (before, after) in blobs.items()}


def proposed_files(git: Reading, base: str, head: str) -> dict[str, bytes | None]:
    """What the commit `head` makes of each file it changed since it left `base`; None of one that it deleted."""
    return {path: after for path, (_, after) in changed_files(git, merge_base(git, base, head) or base, head).items()}


def first_parent_changes(git: Reading, tip: str, *paths: str) -> list[Change]:
    """What happened to files (or to all below folders) on the first-parent line that ends in `tip`, oldest first."""
    pretty = "%x01%H%x00%P%x00%ct%x00%cn <%ce>%x00%B%x00"
    # A merge is compared with its first parent alone: what it brought to the branch.
    how = ["--first-parent", "--diff-merges=first-parent", "--reverse", "--raw", "--no-abbrev", "--no-renames", "-z"]
    answer = git.read("log", *how, f"--format={pretty}", "--end-of-options", tip, "--", *paths)
    if answer.code:
        raise NotFound(f"git has no history of {tip[:40]}: {answer.err}", "gitreg fetch")
    found: list[Change] = []
    for entry in answer.out.decode("utf-8", "replace").split("\x01")[1:]:
        commit, parents, when, by, message, *raw = entry.split("\0")
        fields = [field.lstrip("\n") for field in raw if field.strip("\n")]
        for facts, path in zip(fields[0::2], fields[1::2], strict=False):
            _, _, before, after, _ = facts.split()
            old, new = ("" if set(oid) == {"0"} else oid for oid in (before, after))
            found.append(Change(commit, tuple(parents.split()), path, old, new, int(when), by, message.strip("\n")))
    return found
