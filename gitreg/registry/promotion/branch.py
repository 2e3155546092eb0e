"""The branch of a promotion: one commit on top of main that changes one file, made without any work tree."""

from __future__ import annotations

from dataclasses import dataclass

from gitreg.errors import Conflict, Refused
from gitreg.format.objects import CommitObject, parse_commit_object
from gitreg.registry.place import Registry
from gitreg.registry.publish import push_patiently
from gitreg.stores.clock import now
from gitreg.stores.git import NewCommit, RefChange
from gitreg.stores.git.changes import changed_blobs

UNSENT = "refs/gitreg/proposed/"
"""Below this are the branches that were proposed without asking the origin: refs/gitreg/proposed/<branch>."""


@dataclass(frozen=True)
class Standing:
    """What a branch of promotion proposes now: its commit ("" where there is no branch) and that commit's message.

    `fits` tells whether it does to main what was asked for, and nothing else.
    """

    commit: str = ""
    message: str = ""
    fits: bool = False


def propose_file(place: Registry, path: str, content: bytes | None, branch: str, message: str) -> str:
    """Let `branch` propose to make `content` of the file `path` on main (None deletes it); the commit it is at.

    The commit's parent is main as it was last fetched. A branch that proposes the same already is left alone.
    Conflict where it is moved at the same moment.
    """
    standing = standing_proposal(place, path, content, branch)
    if standing.fits and standing.message == message:
        return standing.commit
    commit = write_proposal(place, path, content, message)
    return push_proposal(place, branch, commit, standing.commit)


def write_proposal(place: Registry, path: str, content: bytes | None, message: str) -> str:
    """The commit on top of main that changes the one file; no ref names it yet."""
    main = place.main()
    when = int(now().timestamp())
    new = NewCommit(message, place.git.identity(), when, {path: content}, _commit(place, main).tree, (main,))
    return place.git.write_commits([new])[0]


def standing_proposal(place: Registry, path: str, content: bytes | None, branch: str) -> Standing:
    """What the branch proposes now, where it counts: at the origin, or here where there is none or it is not asked."""
    found = branch_commit(place, branch)
    if not found:
        return Standing()
    if place.remote and not place.offline and not _is_here(place, found):
        # Without a name of its own here: a branch of the user's may have this one.
        place.git.fetch(
            place.remote, [f"refs/heads/{branch}"], extra=["--depth=2", "--filter=blob:none"] if place.mirror else []
        )
    commit = _commit(place, found)
    return Standing(found, commit.message, _fits(place, found, commit, path, content))


def branch_commit(place: Registry, branch: str) -> str:
    """The commit that a branch of promotion is at, where it counts, or ""."""
    if not place.remote:
        return place.git.find_ref(f"refs/heads/{branch}")
    if place.offline:
        return place.git.find_ref(UNSENT + branch) or place.git.find_ref(f"refs/remotes/{place.remote}/{branch}")
    return place.git.remote_refs(place.remote, f"refs/heads/{branch}").get(f"refs/heads/{branch}", "")


def push_proposal(place: Registry, branch: str, commit: str, old: str) -> str:
    """Bring the branch from `old` ("" none) to `commit`, or to one like it that goes on from `old`; what it is at.

    Conflict where it is not at `old` any more.
    """
    try:
        _move(place, branch, commit, old)
    except Conflict:
        if not (old and place.remote and not place.offline) or branch_commit(place, branch) != old:
            raise
        # Nobody moved it: this server takes no branch that does not go on from what it was.
        made = _commit(place, commit)
        author, when = made.author, made.when
        commit = place.git.write_commits([NewCommit(made.message, author, when, {}, made.tree, (*made.parents, old))])[
            0
        ]
        _move(place, branch, commit, old)
    return commit


def _move(place: Registry, branch: str, commit: str, old: str) -> None:
    ref = f"refs/heads/{branch}"
    try:
        if place.remote and place.offline:
            place.git.change_refs([RefChange(UNSENT + branch, commit, place.git.find_ref(UNSENT + branch))])
        elif place.remote:
            push_patiently(place, [RefChange(ref, commit, old)])
        elif place.git.symbolic_ref("HEAD") == ref:
            raise Refused(f"{branch} is checked out in {place.where}", f"git switch {place.branch}")
        else:
            place.git.change_refs([RefChange(ref, commit, old)])
    except Conflict:
        hint = "see who did it; then give the command again"
        raise Conflict(f"the branch {branch} was moved at this moment", hint) from None


def _is_here(place: Registry, commit: str) -> bool:
    return next(iter(place.git.objects([commit])))[1] == "commit" if not place.mirror else False


def _commit(place: Registry, commit: str) -> CommitObject:
    return parse_commit_object(place.git.content(commit, f"the commit {commit[:12]}"), commit[:12])


def _fits(place: Registry, found: str, commit: CommitObject, path: str, content: bytes | None) -> bool:
    main = place.main()
    parent = commit.parents[0] if commit.parents else ""
    if not parent or (place.mirror and parent != main):
        return False  # of what lies between, a mirror has nothing
    if parent != main and not place.git.is_ancestor(parent, main):
        return False
    changed = changed_blobs(place.git, parent, found)
    wanted = place.git.write_blob(content) if content is not None else ""
    now_on_main = place.git.find_ref(f"{main}:{path}")
    return list(changed) == [path] and changed[path] == (now_on_main, wanted)
