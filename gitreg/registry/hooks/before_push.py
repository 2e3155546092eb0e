"""`gitreg hooks run pre-push`: payloads travel before what names them, tags stay, main goes forward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gitreg.checks._base import Problem
from gitreg.errors import GitregError, NotFound
from gitreg.format.objects import parse_commit_object
from gitreg.format.runs import Run, parse_run_message
from gitreg.format.tags import NumberTag, RunTag, TagName, VersionTag, parse_tag_name
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.publish import publish_payloads

_NONE = "0" * 40
_TAGS = "refs/tags/"


def check_push(lines: Sequence[str], progress: Progress = silent) -> list[Problem]:
    """What is wrong with a push; `lines` are those that git gives to the hook. Payloads that are here are sent.

    Where no registry is, nothing is looked at.
    """
    try:
        place = open_registry(Path.cwd(), offline=True)
    except NotFound:
        return []
    found: list[Problem] = []
    sent: set[str] = set()
    for line in lines:
        if line.count(" ") == 3:
            _, new, ref, old = line.split(" ")
            found += _ref(place, "" if new == _NONE else new, ref, "" if old == _NONE else old, sent, progress)
    return found


def lines_of_pre_commit(told: Mapping[str, str]) -> list[str]:
    """The line that git gave to the pre-commit framework, which tells its hooks of one ref by variables alone."""
    ref, named = told.get("PRE_COMMIT_REMOTE_BRANCH", ""), told.get("PRE_COMMIT_LOCAL_BRANCH", "")
    try:
        git = open_registry(Path.cwd(), offline=True).git
        new = git.find_ref(told.get("PRE_COMMIT_TO_REF") or named)
        old = git.remote_refs(told.get("PRE_COMMIT_REMOTE_NAME", ""), ref).get(ref, _NONE)
    except GitregError:
        return []  # no registry, or a remote that git will tell of itself
    return [f"{named} {new} {ref} {old}"] if ref and new else []


def _ref(place: Registry, new: str, ref: str, old: str, sent: set[str], progress: Progress) -> Iterator[Problem]:
    name = parse_tag_name(ref.removeprefix(_TAGS)) if ref.startswith(_TAGS) else None
    short = ref.removeprefix(_TAGS)
    if name is not None and old and new != old:
        what = "moves" if new else "deletes"
        gone = {RunTag: "gitreg gc --remote", VersionTag: f"gitreg purge {short}", NumberTag: f"gitreg purge {short}"}
        hint = gone.get(type(name), "leave it") if not new else "make another tag"
        yield Problem(f"this {what} the tag {short} of the remote; gitreg's tags are made once", hint, ref)
    elif name is not None and new:
        yield from _payloads(place, name, short, new, sent, progress)
    elif ref == f"refs/heads/{place.branch}" and old and new != old:
        if not new:
            yield Problem(f"this deletes {place.branch}, the registry's branch", "push another branch", ref)
        elif not place.git.is_ancestor(old, new):
            text = f"this takes commits from {place.branch} of the remote, which only goes forward"
            yield Problem(text, "git pull, and push again without force", ref)


def _payloads(
    place: Registry, name: TagName, short: str, oid: str, sent: set[str], progress: Progress
) -> Iterator[Problem]:
    """Send the payloads that a run's or version's tag names, before it."""
    if not isinstance(name, RunTag | VersionTag | NumberTag):
        return
    commit = place.git.find_ref(f"{oid}^{{commit}}")
    run = _run(place, commit) if commit and commit not in sent else None
    if run is None:
        return  # GTO's, or a tombstone: it names none
    sent.add(commit)
    try:
        publish_payloads(place, run, progress)
    except GitregError as error:
        hint = error.hint or (
            f"gitreg push {short.replace('/', ':')}" if isinstance(name, RunTag) else f"gitreg push {short}"
        )
        yield Problem(f"{short} would come before its payloads: {error.message}", hint, f"{_TAGS}{short}")


def _run(place: Registry, commit: str) -> Run | None:
    content = place.git.content(commit, commit[:12])
    found = parse_commit_object(content, commit[:12])
    if "\nGitreg-Run: " not in found.message:
        return None
    return parse_run_message(found.message, commit=commit, author=found.author)
