"""What every forge does alike. A class of tests names its `shop`, which makes one of a repository with main."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitreg.errors import Conflict, GitregError, NotFound, Refused
from gitreg.forges import Forge
from gitreg.format.pulls import PullRequest, Status
from testing.gitcli import GitFailed, git

BRANCH = "promote/production/churn"


@dataclass(frozen=True)
class Shop:
    """A forge with one repository: `work` is a clone whose user is ana; `forge(login)` is what somebody sees.

    ana proposes, bo and cy may review and merge, eve may read only.
    """

    work: Path
    bare: Path
    forge: Callable[[str], Forge]

    def push(self, text: str, branch: str = BRANCH, *, path: str = "stages/production/churn.yaml") -> str:
        """A commit on top of main that holds this, pushed to a branch; its id."""
        git(self.work, "checkout", "-q", "-B", "new", "origin/main")
        target = self.work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", text)
        git(self.work, "push", "-q", "--force", "origin", f"HEAD:{branch}")
        return git(self.work, "rev-parse", "HEAD")

    def main(self) -> str:
        """The commit that the forge's main is at."""
        return git(self.bare, "rev-parse", "main")


def proposed(shop: Shop, text: str = "version: v1.0.0\n", branch: str = BRANCH) -> PullRequest:
    shop.push(text, branch)
    return shop.forge("ana").open(branch, "main", f"Promote churn {text.strip()}", "Why: better.\n")


class ForgeContract:
    """Tests that a forge passes as it arrives in the table."""

    own_message = True
    """Whether the merge commit has the message that the forge is given."""

    def test_it_tells_who_asks(self, shop: Shop) -> None:
        assert [shop.forge(login).whoami() for login in ("ana", "bo")] == ["ana", "bo"]

    def test_what_is_proposed_is_found(self, shop: Shop) -> None:
        ana = shop.forge("ana")
        assert ana.find(BRANCH, "main") is None
        head = shop.push("version: v1.0.0\n")
        pull = ana.open(BRANCH, "main", "Promote churn v1.0.0", "Why: better.\n")
        assert (pull.title, pull.body.strip(), pull.author) == ("Promote churn v1.0.0", "Why: better.", "ana")
        assert (pull.head, pull.head_commit, pull.base, pull.state) == (BRANCH, head, "main", "open")
        assert pull.at.endswith("Z") and pull.merged_commit == "" and pull.url.startswith("http")
        assert ana.find(BRANCH, "main") == ana.get(pull.number) == pull
        assert ana.find("promote/staging/churn", "main") is None
        assert [one.number for one in ana.pulls()] == [pull.number]
        with pytest.raises(NotFound):
            ana.get("99")

    def test_a_branch_is_proposed_once(self, shop: Shop) -> None:
        pull = proposed(shop)
        with pytest.raises(Conflict):
            shop.forge("ana").open(BRANCH, "main", "again", "")
        assert [one.number for one in shop.forge("ana").pulls(None)] == [pull.number]

    def test_a_proposal_is_updated_and_its_head_moves(self, shop: Shop) -> None:
        ana, pull = shop.forge("ana"), proposed(shop)
        head = shop.push("version: v1.1.0\n")
        changed = ana.update(pull.number, "Promote churn v1.1.0", "Better still.")
        assert (changed.title, changed.body, changed.head_commit) == ("Promote churn v1.1.0", "Better still.", head)
        assert ana.get(pull.number) == changed

    def test_what_was_said_is_told_in_order(self, shop: Shop) -> None:
        pull = proposed(shop)
        shop.forge("bo").comment(pull.number, "Which data?")
        shop.forge("bo").review(pull, "request-changes", "See above.")
        shop.forge("cy").review(pull, "approve", "")
        shop.forge("bo").review(pull, "approve", "Now yes.")
        said = shop.forge("ana").reviews(pull.number)
        told = [(one.by, one.verdict) for one in said if one.verdict != "comment"]
        assert told == [("bo", "request-changes"), ("cy", "approve"), ("bo", "approve")]
        assert {one.commit for one in said if one.verdict != "comment"} == {pull.head_commit}
        assert [one.text for one in said if "Which data" in one.text] == ["Which data?"]
        assert all(one.at.endswith("Z") for one in said) and [one.at for one in said] == sorted(one.at for one in said)

    def test_an_approval_names_the_head_that_it_is_of(self, shop: Shop) -> None:
        pull = proposed(shop)
        shop.forge("bo").review(pull, "approve", "")
        head = shop.push("version: v6.6.6\n")
        shop.forge("cy").review(shop.forge("cy").get(pull.number), "approve", "")
        approvals = {one.by: one.commit for one in shop.forge("ana").reviews(pull.number) if one.verdict == "approve"}
        assert approvals == {"bo": pull.head_commit, "cy": head}

    def test_a_review_of_an_older_head_is_refused(self, shop: Shop) -> None:
        pull = proposed(shop)
        shop.push("version: v6.6.6\n")
        for verdict in ("approve", "request-changes"):
            with pytest.raises(Conflict):
                shop.forge("bo").review(pull, verdict, "Fine.")
        assert [one for one in shop.forge("ana").reviews(pull.number) if one.verdict != "comment"] == []

    def test_nobody_approves_what_is_their_own(self, shop: Shop) -> None:
        pull = proposed(shop)
        with pytest.raises((Conflict, Refused)):
            shop.forge("ana").review(pull, "approve", "Mine.")

    def test_the_newest_status_of_each_check_is_told(self, shop: Shop) -> None:
        ana, head = shop.forge("ana"), proposed(shop).head_commit
        assert ana.statuses(head) == []
        ana.set_status(head, Status("gitreg/check", "pending", "running"))
        ana.set_status(head, Status("other", "success", ""))
        ana.set_status(head, Status("gitreg/check", "failure", "accuracy is too low", "https://ci.example.org/7"))
        found = {one.context: one for one in ana.statuses(head)}
        assert found["gitreg/check"] == Status(
            "gitreg/check", "failure", "accuracy is too low", "https://ci.example.org/7"
        )
        assert found["other"].state == "success" and len(found) == 2
        ana.set_status(head, Status("gitreg/check", "failure", "still"))  # said again, it is no error
        ana.set_status(head, Status("gitreg/check", "success", "y" * 2000))
        newest = {one.context: one for one in ana.statuses(head)}["gitreg/check"]
        assert newest.state == "success" and newest.text.startswith("yyy")

    def test_a_merge_needs_what_the_forge_asks_for(self, shop: Shop) -> None:
        pull, before = proposed(shop), shop.main()
        with pytest.raises(Conflict):
            shop.forge("bo").merge(pull, "Promote churn")
        shop.forge("bo").review(pull, "approve", "")
        with pytest.raises(GitregError):
            shop.forge("eve").merge(pull, "Promote churn")
        assert shop.main() == before
        message = "Promote churn v1.0.0 to production (pull request 1)\n\nWhy: better.\n\nGitreg-Pull: 1\n"
        new = shop.forge("bo").merge(pull, message)
        assert shop.main() == new
        assert git(shop.bare, "log", "-1", "--format=%P", "main").split() == [before, pull.head_commit]
        if self.own_message:
            assert git(shop.bare, "log", "-1", "--format=%B", "main").strip() == message.strip()
        merged = shop.forge("ana").get(pull.number)
        assert (merged.state, merged.merged_commit) == ("merged", new)
        with pytest.raises(Conflict, match="merged already"):
            shop.forge("bo").merge(merged, "again")
        assert shop.forge("ana").pulls() == [] and [p.number for p in shop.forge("ana").pulls("merged")] == [
            pull.number
        ]

    def test_a_head_that_moved_is_not_merged(self, shop: Shop) -> None:
        pull, before = proposed(shop), shop.main()
        shop.forge("bo").review(pull, "approve", "")
        shop.push("version: v6.6.6\n")
        with pytest.raises(Conflict):
            shop.forge("bo").merge(pull, "Promote churn")
        assert shop.main() == before

    def test_what_is_closed_is_closed(self, shop: Shop) -> None:
        pull = proposed(shop)
        shop.forge("ana").close(pull.number)
        assert shop.forge("ana").get(pull.number).state == "closed"
        assert shop.forge("ana").find(BRANCH, "main") is None
        assert [one.number for one in shop.forge("ana").pulls("closed")] == [pull.number]
        with pytest.raises(Conflict, match="closed already"):
            shop.forge("bo").merge(pull, "Promote churn")
        again = shop.forge("ana").open(BRANCH, "main", "Once more", "")
        assert [one.number for one in shop.forge("ana").pulls(None)] == [again.number, pull.number]

    def test_a_text_that_is_too_long_is_cut(self, shop: Shop) -> None:
        ana, pull = shop.forge("ana"), proposed(shop)
        found = ana.update(pull.number, "Long", "x" * (ana.longest + 1))
        assert len(found.body) == ana.longest and "cut" in found.body[-100:]
        ana.comment(pull.number, "x" * (ana.longest + 1))

    def test_a_protected_repository_takes_no_push_to_main_and_no_second_tag(self, shop: Shop) -> None:
        shop.push("a\n", "elsewhere")
        before = shop.main()
        with pytest.raises(GitFailed, match="protected"):
            git(shop.work, "push", "-q", "origin", "HEAD:main")
        git(shop.work, "push", "-q", "origin", "HEAD:refs/tags/churn@v1.0.0")
        with pytest.raises(GitFailed, match="protected"):
            git(shop.work, "push", "-q", "--force", "origin", "HEAD~1:refs/tags/churn@v1.0.0")
        assert shop.main() == before
