"""The first version of a model: names are unique ignoring case, and two programs may name one at the same moment."""

from __future__ import annotations

from gitreg.errors import Conflict
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import read_tags
from gitreg.registry.notes import NOTES, THEIRS
from gitreg.registry.place import Registry
from gitreg.stores.git import NewCommit, RefChange


def check_spelling(registry: Registry, model: str) -> str:
    """Conflict where another model differs from `model` in case only: some file systems hold the refs of one of the
    two only. The commit that the authority's notes were at when its models were looked at, or ""."""
    notes = "" if registry.remote else registry.git.find_ref(NOTES)
    names = set(read_tags(registry))
    if registry.remote and not registry.offline:
        refs = registry.git.remote_refs(registry.remote, "refs/tags/*@1", NOTES)
        notes = refs.pop(NOTES, "")
        names |= {ref.removeprefix("refs/tags/").partition("@")[0] for ref in refs}
    for name in names:
        if name != model and name.casefold() == model.casefold():
            raise Conflict(
                f"there is a model {name}, which differs from {model} in case only", f"register it as {name}"
            )
    return notes


def claim(registry: Registry, version: ModelVersion, notes: str, when: int) -> RefChange:
    """A change of refs/notes/gitreg that changes no note. It is published with the first version of a model.

    Of two first versions, of whatever models, it lets only one through: whoever comes second looks again, and finds
    the other's name. `notes` is what `check_spelling` told.
    """
    if notes and registry.remote:
        # A clone that has part of the notes only could make no commit on top of them.
        registry.git.fetch(registry.remote, [f"+{NOTES}:{THEIRS}"], extra=["--no-filter"] if registry.mirror else [])
    commit = NewCommit(f"{version.model}: a new model\n", version.author, when, {}, parents=(notes,) if notes else ())
    return RefChange(NOTES, registry.git.write_commits([commit])[0], notes)
