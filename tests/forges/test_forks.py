"""Forks: anybody may open a pull request from one, and name its branch as they like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import pytest

from gitreg.forges._base import Forge
from gitreg.forges._http import Api, Json
from gitreg.forges.gitea import Gitea
from gitreg.forges.gitlab import GitLab

BRANCH, OURS, THEIRS = "promote/production/churn", 1, 7


@dataclass(frozen=True)
class Listed:
    """A forge that lists what it is given, whatever it is asked for."""

    found: tuple[Json, ...]

    def pages(self, path: str, **query: object) -> Iterator[Json]:
        """All of it."""
        yield from self.found


def of_gitea(number: int, repository: int) -> Json:
    """An open pull request as Gitea tells it."""
    base, head = {"ref": "main", "sha": "b" * 40, "repo_id": OURS}, {"ref": BRANCH, "sha": "a" * 40}
    return {"number": number, "state": "open", "base": base, "head": {**head, "repo_id": repository}}


def of_gitlab(number: int, repository: int) -> Json:
    """An open merge request as GitLab tells it."""
    told = {"source_branch": BRANCH, "target_branch": "main", "source_project_id": repository}
    return {"iid": number, "state": "opened", "sha": "a" * 40, "target_project_id": OURS, **told}


@pytest.mark.parametrize(("forge", "told"), [(Gitea, of_gitea), (GitLab, of_gitlab)])
def test_a_proposal_is_never_that_of_a_fork(forge: type[Gitea | GitLab], told: Callable[[int, int], Json]) -> None:
    def asked(*found: Json) -> Forge:
        return forge(cast(Api, Listed(found)), "team/models")

    assert asked(told(3, THEIRS)).find(BRANCH, "main") is None
    pull = asked(told(3, THEIRS), told(2, OURS)).find(BRANCH, "main")
    assert pull and pull.number == "2"
