"""What was said of a pull request, bound to what its files were then; and the commits that it takes to know."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from gitreg.errors import GitregError, NotFound
from gitreg.forges._base import Forge
from gitreg.format.objects import parse_commit_object
from gitreg.format.pulls import PullRequest, Review, content_of
from gitreg.registry.notes import merge_notes
from gitreg.registry.place import Registry
from gitreg.stores.git.changes import changed_blobs, merge_base, proposed_files


def reviews_of(
    place: Registry, base: str, head: str, content: str, pull: PullRequest, forge: Forge
) -> tuple[Review, ...]:
    """What was said of it, each with the content of the files at the commit that was looked at.

    A review of a commit that cannot be had has none: nobody can tell what was approved.
    """
    known = {head: content}
    found = []
    for review in forge.reviews(pull.number):
        if not review.content and review.commit:
            if review.commit not in known:
                known[review.commit] = _content_at(place, base, review.commit)
            review = replace(review, content=known[review.commit])
        found.append(review)
    return tuple(found)


def _content_at(place: Registry, base: str, commit: str) -> str:
    try:
        bring_both(place, base, commit)
        return content_of(proposed_files(place.git, base, commit))
    except GitregError:
        return ""


def bring_commit(place: Registry, commit: str, pull: PullRequest | None = None) -> None:
    """Have a commit, its trees and its files here. NotFound where the origin does not give it either."""
    if not _is_here(place, commit):
        for ref in (commit, *_refs(pull)):
            with contextlib.suppress(GitregError):
                _fetch(place, ref)
            if _is_here(place, commit):
                break
        else:
            what = f"pull request {pull.number}" if pull else "it"
            raise NotFound(f"the commit {commit[:12]} is not here: {what} cannot be looked at", "gitreg fetch")
    if place.mirror:
        _bring_tree(place, commit)


def bring_both(place: Registry, base: str, head: str, pull: PullRequest | None = None) -> None:
    """Have what it takes to compare main at `base` with `head`: these, and the commit at which they parted."""
    bring_commit(place, base)
    bring_commit(place, head, pull)
    if place.mirror and (since := merge_base(place.git, base, head)):
        _bring_tree(place, since)


def _bring_tree(place: Registry, commit: str) -> None:
    """Have the files of a commit of which a mirror has no more than that it is there."""
    tree = parse_commit_object(place.git.content(commit, f"the commit {commit[:12]}"), commit[:12]).tree
    if not place.offline and place.git.read("ls-tree", "-r", "-l", tree).code:
        place.git.fetch(place.remote, [tree], extra=["--quiet", "--no-filter", "--refetch"])


def _refs(pull: PullRequest | None) -> Sequence[str]:
    """Where forges keep the head of a pull request."""
    if pull is None:
        return ()
    return f"refs/heads/{pull.head}", f"refs/pull/{pull.number}/head", f"refs/merge-requests/{pull.number}/head"


def _fetch(place: Registry, ref: str) -> None:
    if not place.remote or place.offline:
        return
    place.git.fetch(place.remote, [ref], extra=["--quiet", "--filter=tree:0"] if place.mirror else [])


def _is_here(place: Registry, commit: str) -> bool:
    return bool(commit) and place.git.text("cat-file", "-t", commit) == "commit"


def authors_of(place: Registry, base: str, head: str, branch: str = "") -> tuple[str, ...]:
    """`Name <email>` of everybody who wrote or made a commit of `head` that main has not.

    Where `branch` is one of promotion, and `head` goes on from a commit of main with an earlier proposal behind it (an
    origin took no forced push), it alone tells what is proposed: whoever made the earlier one did not ask for this.
    """
    _, _, named = branch.partition("promote/")
    if named and _replaces(place, base, head, f"stages/{named}.yaml"):
        asked = ["-1", "--end-of-options", head]
    else:
        since = merge_base(place.git, base, head)
        asked = ["--end-of-options", f"{since}..{head}" if since else head]
    answer = place.git.read("log", "--format=%an <%ae>%n%cn <%ce>", *asked)
    return tuple(sorted(set(answer.out.decode("utf-8", "replace").splitlines())))


def _replaces(place: Registry, base: str, head: str, path: str) -> bool:
    """Whether `head` proposes this file alone, on top of a commit of main, whatever lies behind its other parent."""
    since, *others = parse_commit_object(place.git.content(head, f"the commit {head[:12]}"), head[:12]).parents or [""]
    if len(others) != 1 or not place.git.is_ancestor(since, base):
        return False
    return changed_blobs(place.git, since, head).keys() == {path}


def bring_notes(place: Registry) -> None:
    """Have what others noted on versions, where the origin answers."""
    if place.remote and not place.offline:
        with contextlib.suppress(
            GitregError
        ):  # away, or nobody is named who could join them: those that are here count
            merge_notes(place)
