"""Merging on a forge: it may still be thinking whether it can, and its answer may be lost on the way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from gitreg.errors import Conflict, GitregError, Unreachable
from gitreg.forges._answers import NotAllowed
from gitreg.format.pulls import PullRequest

_PAUSES = (0.5, 1.0, 2.0, 4.0, 4.0)  # seconds, for a forge that has not yet looked at a new head


def merge_once(
    pull: PullRequest,
    merge: Callable[[], str],
    get: Callable[[str], PullRequest],
    thinking: Callable[[NotAllowed], bool],
) -> str:
    """What base became. `merge` asks the forge, again while `thinking` says so of its refusal.

    Conflict where the head is not the one that was looked at, or the forge's rules do not allow it.
    """
    now = get(pull.number)
    if now.state != "open":
        raise Conflict(f"pull request {pull.number} is {now.state} already", f"gitreg pr show {pull.number}")
    if now.head_commit != pull.head_commit:
        raise head_moved(pull, now.head_commit)
    for pause in (*_PAUSES, 0.0):
        try:
            return merge() or get(pull.number).merged_commit
        except NotAllowed as error:
            if not pause or not thinking(error):
                raise
        except Unreachable as error:
            return _after_all(pull, get, error)
        time.sleep(random.uniform(pause / 2, pause))
    raise AssertionError("unreachable")


def _after_all(pull: PullRequest, get: Callable[[str], PullRequest], error: Unreachable) -> str:
    """Whether it was merged although the answer did not come."""
    try:
        now = get(pull.number)
    except GitregError:
        raise error from None
    if now.state == "merged" and now.head_commit == pull.head_commit and now.merged_commit:
        return now.merged_commit
    raise error


def head_moved(pull: PullRequest, now: str) -> Conflict:
    """The error of a pull request whose head has become `now`."""
    return Conflict(
        f"pull request {pull.number} has another head by now: {now[:12]}, not {pull.head_commit[:12]}",
        f"gitreg pr show {pull.number} tells what it proposes now",
    )
