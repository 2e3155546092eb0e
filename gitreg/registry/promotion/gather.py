"""From a change of main to what the checks are given: each stage file it changes, with all that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gitreg.checks._base import Contents, Problem, Proposal, Pull
from gitreg.checks._words import line_of
from gitreg.errors import Damaged, GitregError
from gitreg.forges._base import Forge
from gitreg.format.config import Config, parse_config
from gitreg.format.policy import Policy, StagePolicy, parse_policy
from gitreg.format.pulls import PullRequest, content_of
from gitreg.format.stage_file import StageFile, parse_stage_file, stage_file_path
from gitreg.registry.place import CONFIG_FILE, Registry
from gitreg.registry.promotion.held import contents_of
from gitreg.registry.promotion.said import authors_of, bring_both, bring_notes, reviews_of
from gitreg.registry.promotion.stage_of import written_for
from gitreg.registry.promotion.timeline import timeline
from gitreg.registry.resolve import read_stage, resolve
from gitreg.stores.git.changes import proposed_files

STAGES = "stages/"


@dataclass(frozen=True)
class ProposedChange:
    """What `head` makes of the files that it changed since it left main, and the rules of `base`, main as it is now.

    `files` maps a path to its proposed content, None where it is deleted.
    """

    base: str
    head: str
    files: Mapping[str, bytes | None]
    config: Config = field(default_factory=Config)
    policy: Policy = field(default_factory=Policy)
    pull: Pull | None = None

    @property
    def policy_changed(self) -> bool:
        """Whether it makes other people, groups or stages of gitreg.yaml, or takes them away."""
        if CONFIG_FILE not in self.files:
            return False
        try:
            return parse_policy(self.files[CONFIG_FILE] or b"") != self.policy
        except GitregError:
            return True


def read_change(
    place: Registry, base: str, head: str, *, pull: PullRequest | None = None, forge: Forge | None = None
) -> ProposedChange:
    """The change from main at `base` to `head` (commits), with what was said of it at the forge.

    Damaged where gitreg.yaml of base cannot be read: then there are no rules to judge by. NotFound where one of the
    commits cannot be had.
    """
    bring_both(place, base, head, pull)
    files = proposed_files(place.git, base, head)
    rules = place.git.content(f"{base}:{CONFIG_FILE}", f"{CONFIG_FILE} of {base[:12]}")
    said = None
    if pull is not None:
        content = content_of(files)
        reviews = reviews_of(place, base, head, content, pull, forge) if forge is not None else ()
        said = Pull(
            forge.name if forge is not None else "local", pull.number, pull.author, content, reviews,
            tuple(sorted(files)), authors_of(place, base, head, pull.head), pull.proposer, pull.signed,
        )  # fmt: skip
    return ProposedChange(base, head, files, parse_config(rules), parse_policy(rules), said)


def proposals_of(
    place: Registry,
    base: str,
    head: str,
    *,
    pull: PullRequest | None = None,
    forge: Forge | None = None,
    payloads: bool = True,
) -> list[Proposal]:
    """A proposal for each stage file that the change from `base` to `head` makes, changes or deletes.

    Its files are those that differ from the merge base; `old`, the policy, what the stage runs, and what the stage
    before runs are those of `base` as it is. A stage file that names no version, or the wrong one, makes a proposal
    whose `faults` tell so.
    """
    return proposals_from(place, read_change(place, base, head, pull=pull, forge=forge), payloads=payloads)


def proposals_from(place: Registry, change: ProposedChange, *, payloads: bool = True) -> list[Proposal]:
    """As `proposals_of`, of a change that was read."""
    paths = sorted(path for path in change.files if path.startswith(STAGES))
    if paths:
        bring_notes(place)
    return [_proposal(place, change, path, payloads) for path in paths]


def _proposal(place: Registry, change: ProposedChange, path: str, payloads: bool) -> Proposal:
    new, old = change.files[path] or b"", _content(place, change.base, path)
    parts = path.removeprefix(STAGES).split("/")
    common = Proposal(
        "", path=path, old=old, new=new, policy=change.policy, git_limit=change.config.git_limit,
        model_limit=change.config.model_limit, pull=change.pull, policy_changed=change.policy_changed,
    )  # fmt: skip
    if len(parts) != 2 or not path.endswith(".yaml"):
        return common
    stage, model = parts[0], parts[1].removesuffix(".yaml")
    rules = change.policy.stages.get(stage, StagePolicy(stage))
    reading = _Reading(place, change.base, rules, payloads)
    candidate, written = reading.proposed(model, stage, path, new)
    current = reading.current(model, stage, path, old) if old else None
    before = reading.before(model) if candidate else None
    returns = _ran_before(place, change.base, stage, candidate)
    return replace(
        common, model=model, stage=stage, rules=rules, candidate=candidate, written=written, current=current,
        before=before, faults=tuple(reading.faults), returns=returns,
    )  # fmt: skip


def _ran_before(place: Registry, base: str, stage: str, candidate: Contents | None) -> bool:
    """Whether the history of main tells that the stage ran the version once."""
    if candidate is None:
        return False
    version = candidate.version
    try:
        changes = timeline(place, stage=stage, model=version.model, tip=base)
    except GitregError:  # a clone whose history is cut off does not tell
        return False
    ran = ((each.after.version, each.after.digest) for each in changes if each.after)
    return (version.version, version.digest) in ran


def proposal_for(
    place: Registry, base: str, candidate: Contents, stage: str, new: bytes, written: tuple[str, ...]
) -> Proposal:
    """As if main at `base` were about to let `stage` run a version, in a file of the content `new`."""
    path = stage_file_path(stage, candidate.version.model)
    rules = place.git.content(f"{base}:{CONFIG_FILE}", f"{CONFIG_FILE} of {base[:12]}")
    config, policy = parse_config(rules), parse_policy(rules)
    own = policy.stages.get(stage, StagePolicy(stage))
    reading = _Reading(place, base, own, payloads=False)
    model, old = candidate.version.model, _content(place, base, path)
    current = reading.current(model, stage, path, old) if old else None
    return Proposal(
        model, stage, path, old, new, written, candidate, current, reading.before(model), policy, own,
        config.git_limit, config.model_limit, faults=tuple(reading.faults),
        returns=_ran_before(place, base, stage, candidate),
    )  # fmt: skip


def _content(place: Registry, commit: str, path: str) -> bytes:
    (_, kind, content), *_ = place.git.objects([f"{commit}:{path}"])
    return content if kind == "blob" else b""


class _Reading:
    """Reads what a stage file names; what cannot be read becomes a fault instead of an error."""

    def __init__(self, place: Registry, base: str, rules: StagePolicy, payloads: bool) -> None:
        self.place = place
        self.base = base
        self.rules = rules
        self.payloads = payloads
        self.dataset = rules.stage if rules.evaluate else ""
        self.faults: list[Problem] = []

    def proposed(self, model: str, stage: str, path: str, new: bytes) -> tuple[Contents | None, tuple[str, ...]]:
        """The version that a proposed file names, and the texts that its file may have."""
        try:
            named = parse_stage_file(new, path) if new else None
        except GitregError:  # told of by the check of the stage file
            return None, ()
        if named is None or (named.model, named.stage) != (model, stage):
            return None, ()
        try:
            held = self.contents(named, payloads=self.payloads)
            return held, written_for(self.place, held.version, stage)
        except GitregError as error:
            self.faults.append(Problem(error.message, error.hint, path, line_of(new, "version")))
            return None, ()

    def contents(self, named: StageFile, *, payloads: bool) -> Contents:
        """The version that a stage file names, with what it holds."""
        version = resolve(f"{named.model}@{named.version}", registry=self.place)
        return contents_of(self.place, version, dataset=self.dataset, payloads=payloads)

    def current(self, model: str, stage: str, path: str, old: bytes) -> Contents | None:
        """What the stage runs now."""
        try:
            found = parse_stage_file(old, path)
            if (found.model, found.stage) != (model, stage):
                raise Damaged(f"it speaks of {found.model} in {found.stage}")
            return self.contents(found, payloads=False)
        except GitregError as error:
            text = f"what {stage} runs now cannot be compared with: {error.message}"
            self.faults.append(Problem(text, error.hint, path, blocks=False))
            return None

    def before(self, model: str) -> StageFile | None:
        """What the stage that comes first runs."""
        if not self.rules.after:
            return None
        try:
            return read_stage(self.place, self.rules.after, model, self.base)
        except GitregError as error:
            self.faults.append(Problem(error.message, error.hint, f"{STAGES}{self.rules.after}/{model}.yaml"))
            return None
