"""Histories of stages made by plain git, as people and forges make them, and a forge that says what it is told."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gitreg.errors import NotFound
from gitreg.format.pulls import PullRequest, PullState, Review, Status, Verdict, promotion_branch
from gitreg.format.stage_file import format_stage_file, stage_file_path
from gitreg.format.times import from_seconds
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.promotion.stage_of import stage_file_of
from gitreg.registry.resolve import resolve
from testing.gitcli import git
from testing.registries import Place

ANA, BEN, CARA = "Ana <ana@example.org>", "Ben <ben@example.org>", "Cara <cara@example.org>"
LOGGER = "Ana Analyst <ana@example.org>"  # as testing/sealed.py has it
START = 1_788_000_000  # in August 2026
HOUR = 3600


def as_(who: str, when: int, where: Path, *args: str | Path) -> str:
    """`git ARGS` by `who` at a moment (seconds since 1970)."""
    name, _, email = who.removesuffix(">").partition(" <")
    own = {f"GIT_{kind}_{what}": value for kind in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", name), ("EMAIL", email), ("DATE", f"@{when} +0100"))}  # fmt: skip
    done = subprocess.run(["git", *map(str, args)], cwd=where, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class History:
    """A registry whose stages change hour by hour, by plain git in a clone; every way leaves main pushed."""

    place: Place
    when: int = START
    said: Said = field(default_factory=lambda: Said())

    @property
    def registry(self) -> Registry:
        """The clone, freshly opened."""
        return open_registry(self.place.path)

    def text(self, ref: str, stage: str) -> str:
        """The stage file that gitreg writes for a version."""
        registry = self.registry
        return format_stage_file(stage_file_of(registry, resolve(ref, registry=registry), stage))

    def propose(self, ref: str, stage: str, *, by: str = BEN, text: str | None = None, why: str = "") -> str:
        """A branch with one changed file (an empty text: it is deleted), pushed; its head."""
        model = ref.partition("@")[0]
        branch, path = promotion_branch(stage, model), stage_file_path(stage, model)
        here = self.place.path
        git(here, "checkout", "-q", "-B", branch, "main")
        self._put(path, self.text(ref, stage) if text is None else text)
        message = f"Promote {ref} to {stage}\n\n" + (f"{why}\n\n" if why else "") + "Gitreg-Format: 1\n"
        head = self._commit(by, message)
        git(here, "push", "-q", "-f", "origin", branch)
        git(here, "checkout", "-q", "main")
        return head

    def merge(
        self, ref: str, stage: str, *, by: str = CARA, proposed: str = BEN, text: str | None = None, why: str = "",
        message: str = "", approved: Sequence[str] = (), pull: bool = True,
    ) -> str:  # fmt: skip
        """A pull request, approved by some, and merged by a merge commit; what main became."""
        head = self.propose(ref, stage, by=proposed, text=text, why=why)
        self._tick()
        number = self.said.opened(head, ref, stage, proposed, self.when) if pull else ""
        for who in approved:
            self._tick()
            self.said.approved(number, who, head, self.when)
        self._tick()
        title = message or f"Merge pull request #{number or 0} from team/promote\n"
        as_(by, self.when, self.place.path, "merge", "-q", "--no-ff", "-m", title, head)
        return self._pushed(number)

    def squash(self, ref: str, stage: str, *, by: str = CARA, pull: bool = True) -> str:
        """The same by a squash: one commit, of which the branch knows nothing."""
        head = self.propose(ref, stage)
        self._tick()
        number = self.said.opened(head, ref, stage, BEN, self.when) if pull else ""
        git(self.place.path, "merge", "-q", "--squash", head)
        self._commit(by, f"Promote {ref} to {stage} (#{number})" if pull else f"Promote {ref} to {stage}")
        return self._pushed(number)

    def push(self, ref: str, stage: str, *, by: str = BEN, text: str | None = None, message: str = "") -> str:
        """Straight to main, past everybody."""
        self._put(stage_file_path(stage, ref.partition("@")[0]), self.text(ref, stage) if text is None else text)
        self._commit(by, message or f"{ref} in {stage}, quickly")
        return self._pushed()

    def push_branch(self, branch: str, path: str, text: str) -> None:
        """A branch on top of main with one changed file, put where the origin keeps it; nobody asks who may."""
        here = self.place.path
        git(here, "checkout", "-q", "-B", branch, "main")
        self._put(path, text)
        self._commit(BEN, branch)
        assert self.place.origin is not None
        git(here, "push", "-q", self.place.origin, branch)
        git(here, "checkout", "-q", "main")

    def revert(self, commit: str, *, by: str = CARA) -> str:
        """What a merge brought is taken back."""
        self._tick()
        as_(by, self.when, self.place.path, "revert", "--no-edit", "-m", "1", commit)
        return self._pushed()

    def policy(self, text: str) -> str:
        """gitreg.yaml says something else from now on."""
        self._put("gitreg.yaml", text)
        self._commit(ANA, "another policy")
        return self._pushed()

    def _put(self, path: str, text: str) -> None:
        target = self.place.path / path
        if not text:
            git(self.place.path, "rm", "-q", path)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        git(self.place.path, "add", path)

    def _commit(self, by: str, message: str) -> str:
        self._tick()
        as_(by, self.when, self.place.path, "commit", "-q", "-m", message)
        return git(self.place.path, "rev-parse", "HEAD")

    def _pushed(self, number: str = "") -> str:
        git(self.place.path, "push", "-q", "origin", "main")
        made = git(self.place.path, "rev-parse", "HEAD")
        if number:
            self.said.merged(number, made)
        return made

    def _tick(self) -> None:
        self.when += HOUR


@dataclass
class Said:
    """A forge that keeps pull requests and reviews in memory; only what reads is there."""

    name: str = "github"
    longest: int = 1000
    all: dict[str, PullRequest] = field(default_factory=dict)
    spoken: dict[str, list[Review]] = field(default_factory=dict)
    comments: list[tuple[str, str]] = field(default_factory=list)
    set: list[tuple[str, Status]] = field(default_factory=list)

    def opened(self, head: str, ref: str, stage: str, by: str, when: int) -> str:
        number = str(len(self.all) + 1)
        branch = promotion_branch(stage, ref.partition("@")[0])
        self.all[number] = PullRequest(
            number, f"https://forge.example/{number}", f"Promote {ref} to {stage}", "", branch, head, "main", by,
            "open", from_seconds(when),
        )  # fmt: skip
        self.spoken[number] = []
        return number

    def approved(self, number: str, by: str, commit: str, when: int) -> None:
        self.spoken[number].append(Review(by, "approve", commit, from_seconds(when)))

    def merged(self, number: str, commit: str) -> None:
        self.all[number] = replace(self.all[number], state="merged", merged_commit=commit)

    def open(self, head: str, base: str, title: str, body: str) -> PullRequest:
        raise AssertionError("nobody opens one here")

    def find(self, head: str, base: str) -> PullRequest | None:
        return next((pull for pull in self.pulls() if pull.head == head and pull.base == base), None)

    def get(self, number: str) -> PullRequest:
        if number not in self.all:
            raise NotFound(f"no pull request {number}")
        return self.all[number]

    def pulls(self, state: PullState | None = "open") -> Sequence[PullRequest]:
        return [pull for pull in reversed(self.all.values()) if state in (None, pull.state)]

    def update(self, number: str, title: str, body: str) -> PullRequest:
        self.all[number] = replace(self.get(number), title=title, body=body)
        return self.all[number]

    def comment(self, number: str, text: str) -> None:
        self.comments.append((number, text))

    def reviews(self, number: str) -> Sequence[Review]:
        return self.spoken[number]

    def review(self, pull: PullRequest, verdict: Verdict, text: str) -> None:
        raise AssertionError("reviews are told by `approved`")

    def set_status(self, commit: str, status: Status) -> None:
        self.set.append((commit, status))

    def statuses(self, commit: str) -> Sequence[Status]:
        return [status for about, status in self.set if about == commit]

    def merge(self, pull: PullRequest, message: str) -> str:
        raise AssertionError("nobody merges here")

    def close(self, number: str) -> None:
        self.all[number] = replace(self.get(number), state="closed")
