"""What a check is given, and what it answers. Checks are pure: whoever calls them has gathered the facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gitreg.format.policy import Policy, StagePolicy
from gitreg.format.pulls import Review
from gitreg.format.runs import Run
from gitreg.format.schema import Signature
from gitreg.format.stage_file import StageFile
from gitreg.format.versions import ModelVersion

State = Literal["passed", "failed", "warned", "skipped"]
PayloadState = Literal["there", "missing", "wrong", "unknown"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `path` and `line` say where it stands, as far as it stands in a file.

    What does not block is a remark, unless the stage's policy requires its check.
    """

    text: str
    hint: str = ""
    path: str = ""
    line: int = 0
    blocks: bool = True

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "text": self.text,
            "hint": self.hint or None,
            "path": self.path or None,
            "line": self.line or None,
            "blocks": self.blocks,
        }


@dataclass(frozen=True)
class Result:
    """The outcome of one check; `about` says in a few words what it looked at and found."""

    check: str
    state: State
    about: str = ""
    problems: tuple[Problem, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        shown = [problem.to_dict() for problem in self.problems]
        return {"check": self.check, "state": self.state, "about": self.about, "problems": shown}


@dataclass(frozen=True)
class Report:
    """What all checks said of `subject`: "churn@v1.3.0", or "churn v1.3.0 to production"."""

    subject: str
    results: tuple[Result, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not any(result.state == "failed" for result in self.results)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {"subject": self.subject, "ok": self.ok, "results": [result.to_dict() for result in self.results]}


@dataclass(frozen=True)
class PayloadFact:
    """One payload of a model: its path there, its size in bytes, its hashes, and what its store says of it."""

    path: str
    size: int
    sha256: str
    md5: str
    state: PayloadState
    why: str = ""


@dataclass(frozen=True)
class Contents:
    """A version with what lies in its model directory.

    `sizes` has the bytes in Git of each file by its path there, `texts` the content of those that are read (MLmodel,
    requirements.txt, conda.yaml, SHA256SUMS, pointers). `measured` are the metrics that gates look at, whoever
    measured them; `payloads` is None where nobody looked at the store. `hashes` are the sha256 of the files in Git.
    """

    version: ModelVersion
    run: Run
    sizes: Mapping[str, int]
    texts: Mapping[str, bytes]
    measured: Mapping[str, float] = field(default_factory=dict)
    signature: Signature | None = None
    payloads: tuple[PayloadFact, ...] | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pull:
    """The pull request that proposes it: on which forge, by whom, and what was said.

    `content` is that of the files it changes at its head; reviews of another content are stale. `changed` are the
    paths of those files, `authors` (`Name <email>`) made its commits; `proposer` and `signed` are PullRequest's.
    """

    forge: str
    number: str
    author: str
    content: str
    reviews: tuple[Review, ...] = ()
    changed: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    proposer: str = ""
    signed: str | None = None

    @property
    def requesters(self) -> tuple[str, ...]:
        """Everybody who asks for it: whoever opened it, put its head there, or made its commits."""
        return tuple(dict.fromkeys(by for by in (self.author, self.proposer, *self.authors) if by))


@dataclass(frozen=True)
class Proposal:
    """A version, and as a rule the stage that shall run it.

    `new` is the stage file as proposed, `old` as it is on base (b"" where there is none: the stage begins to run the
    model, or stops), `written` what gitreg would write for the version (more than one text where formats allow it).
    `candidate` is None where the stage is emptied or names a version that is not there, `current` what the stage
    runs on base, `before` the stage file of the stage that must run it first. `policy` and `rules` are base's.
    """

    model: str
    stage: str = ""
    path: str = ""
    old: bytes = b""
    new: bytes = b""
    written: tuple[str, ...] = ()
    candidate: Contents | None = None
    current: Contents | None = None
    before: StageFile | None = None
    policy: Policy = field(default_factory=Policy)
    rules: StagePolicy = field(default_factory=lambda: StagePolicy(""))
    git_limit: int = 1 << 20
    model_limit: int = 16 << 20
    pull: Pull | None = None
    said: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """What the team's own commands said, by the name of the check: exit code and output."""
    policy_changed: bool = False
    """Whether the same change makes other people, groups or stages of gitreg.yaml."""
    quick: bool = False
    """Whether payload store and commands were left out on purpose, as hooks do: then no policy requires them."""
    faults: tuple[Problem, ...] = ()
    """What was found wrong already where the facts were gathered: a version that is not there, or is damaged."""
    returns: bool = False
    """Whether the stage ran just this version before, so that it is rolled back to."""


class Check(Protocol):
    """A module of this package: one rule."""

    ABOUT: str
    """The rule in one line, for people who read the list of checks."""

    def applies(self, proposal: Proposal) -> bool:
        """Whether the rule says anything of this proposal."""

    def problems(self, proposal: Proposal) -> Iterable[Problem]:
        """What is wrong, most important first."""

    def found(self, proposal: Proposal) -> str:
        """What was looked at and found, in a few words; ABOUT says it where this is empty."""
