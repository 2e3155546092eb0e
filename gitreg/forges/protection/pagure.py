"""Pagure's settings of a project, as far as they go; they are set by hand, for its API sets all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gitreg.forges._http import Api
from gitreg.forges.protection import Step, Wanted

LIMITS = (
    "Pagure has no rule that keeps those who may propose from pushing to main or moving a tag, and no required check: "
    "gitreg audit tells what went round them"
)


def steps(wanted: Wanted) -> Sequence[Step]:
    # Not "pull request access only": it refuses every push, of tags and of the branches of promotions too.
    page = "Settings, Project Options:"
    return [
        Step("merge commits", "merge commits only", command=f"{page} tick Always merge"),
        Step("pushes", "versions and promotions can be pushed", command=f"{page} leave out Pull request access only"),
        Step(
            "score",
            f"{wanted.approvals} approvals",
            command=f"{page} Minimum score to merge pull-request {wanted.approvals}",
        ),
    ]


def apply(api: Api, path: str, wanted: Wanted) -> Sequence[Step]:
    return [replace(step, state="impossible", why="set it on the project's page") for step in steps(wanted)]
