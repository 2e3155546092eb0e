"""The rules for what a registry's policy guards: stage files, and the policy itself (docs/format.md 1.4, 1.7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gitreg.checks import ABOUT_APPROVAL
from gitreg.checks._base import Report
from gitreg.checks._people import LOCAL, has_key, person_behind
from gitreg.checks.approvals import SIGNED
from gitreg.checks.policy import strictest
from gitreg.errors import Damaged, GitregError, NotFound, Refused
from gitreg.forges.local import LocalForge
from gitreg.format.events import PULLS
from gitreg.format.objects import parse_commit_object
from gitreg.format.policy import Policy, parse_policy
from gitreg.format.pulls import PullRequest
from gitreg.format.trailers import parse_trailers
from gitreg.registry.hooks.main_branch import Step
from gitreg.registry.hooks.push import CONFIG, Push, Update
from gitreg.registry.hooks.view import registry_of, view
from gitreg.registry.place import Registry
from gitreg.registry.promotion.judge import judge
from gitreg.registry.promotion.others import config_result
from gitreg.stores.git import Repository
from gitreg.stores.git.changes import changed_blobs, merge_base
from gitreg.stores.git.signing import signatures_of

_PROPOSE = "gitreg promote MODEL@VERSION STAGE, or gitreg rollback; then gitreg pr merge"


def judge_steps(push: Push, update: Update, steps: Sequence[Step]) -> None:
    """Judge each commit of main that changes stage files or gitreg.yaml, by the policy that main had before it."""
    with view(push) as git:
        place = registry_of(push, git)
        for step in steps:
            try:
                for text, hint in _step(place, push, step):
                    push.wrong(update.ref, text, hint)
            except GitregError as error:
                push.wrong(update.ref, f"{step.commit[:12]}: {error.message}", error.hint)


def _config(git: Repository, commit: str) -> Iterator[tuple[str, str]]:
    (_, kind, content), *_ = git.objects([f"{commit}:{CONFIG}"])
    for problem in config_result(content if kind == "blob" else None).problems:
        if problem.blocks:
            yield problem.text, problem.hint


def _step(place: Registry, push: Push, step: Step) -> Iterator[tuple[str, str]]:
    git, base = place.git, step.parents[0]
    changed = changed_blobs(git, base, step.commit)
    staged = sorted(path for path in changed if path.startswith("stages/"))
    old = _policy(git, base) if git.find_ref(f"{base}:{CONFIG}") else Policy()
    if CONFIG in changed:
        yield from _config(git, step.commit)
    if old is None:
        if staged:
            yield f"{CONFIG} of main cannot be read, and nothing can be promoted by it", f"mend {CONFIG} first"
        return
    guarded = staged if old.stages else []
    if CONFIG in changed and strictest(old).approvals and _policy(git, step.commit) != old:
        guarded = [*guarded, CONFIG]
    if guarded:
        yield from _by_pull_request(place, push, step, old, guarded, changed)
    elif staged:
        yield from _failures(judge(place, base, step.commit, quick=True))


def _policy(git: Repository, commit: str) -> Policy | None:
    (_, kind, content), *_ = git.objects([f"{commit}:{CONFIG}"])
    try:
        return parse_policy(content) if kind == "blob" else None
    except GitregError:
        return None


def _failures(reports: Iterable[Report], waived: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    for report in reports:
        for result in report.results:
            if result.state == "failed" and result.check not in waived:
                for problem in result.problems:
                    if problem.blocks:
                        yield f"{report.subject}: {problem.text} ({result.check})", problem.hint


def _by_pull_request(
    place: Registry, push: Push, step: Step, policy: Policy, guarded: Sequence[str],
    changed: dict[str, tuple[str, str]],
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """A guarded change is the merge of an approved pull request, and of nothing else."""
    git, base, short = place.git, step.parents[0], step.commit[:12]
    if len(step.parents) != 2:
        for path in guarded:
            hint = _PROPOSE if path != CONFIG else "gitreg pr open BRANCH; then gitreg pr merge"
            yield f"{path} was changed by a commit that is no merge of a pull request: {short}", hint
        return
    head = step.parents[1]
    forge = LocalForge(git, "", push.branch)
    message = parse_commit_object(git.content(step.commit, "the merge"), f"the merge {short}").message
    trailers = _trailers(message)
    try:
        pull = _pull_of(forge, step, push.branch, trailers.get("Gitreg-Pull", ""))
    except GitregError as error:
        yield f"{', '.join(guarded)} was changed by the merge {short}: {error.message}", error.hint or _PROPOSE
        return
    yield from _exactly(git, base, head, changed, f"the merge {short} of pull request {pull.number}")
    waived = frozenset[str]()
    if who := trailers.get("Gitreg-Emergency", ""):
        text = _not_in_emergency(git, step, policy, guarded, who)
        if text:
            yield f"the merge {short} of pull request {pull.number}: {text}", "gitreg pr review, by those who may"
        waived = ABOUT_APPROVAL
    yield from _failures(judge(place, base, head, pull=pull, forge=forge, quick=True), waived)


def _trailers(message: str) -> dict[str, str]:
    try:
        return parse_trailers(message) or {}
    except Damaged:
        return {}


def _pull_of(forge: LocalForge, step: Step, branch: str, named: str) -> PullRequest:
    """The pull request that a merge merges: the one that it names, if it does.

    NotFound where its second parent is the head of none.
    """
    head = step.parents[1]
    why: GitregError | None = None
    for ref in forge.git.refs(PULLS):
        number, _, part = ref.name.removeprefix(PULLS).partition("/")
        if part != "head" or ref.oid != head or named not in ("", number):
            continue
        try:
            pull = forge.get(number)
        except GitregError as error:
            why = error
            continue
        if pull.base != branch:
            why = Refused(f"pull request {number} proposes a change of {pull.base}, not of {branch}")
        elif pull.state == "closed":
            why = Refused(f"pull request {number} is closed", "propose it again")
        elif pull.state == "merged" and pull.merged_commit != step.commit:
            why = Refused(f"pull request {number} was merged before", "propose it again")
        else:
            return pull
    raise why or NotFound(f"its second parent {head[:12]} is the head of no pull request{f' {named}' if named else ''}")


def _exactly(
    git: Repository, base: str, head: str, changed: dict[str, tuple[str, str]], what: str
) -> Iterator[tuple[str, str]]:
    """A merge changes main by the files of its pull request, and those are still what it was made from."""
    since = merge_base(git, base, head)
    if not since:
        yield f"{what}: it has no history in common with main", "propose a branch that was made from main"
        return
    proposed = changed_blobs(git, since, head)
    here = changed_blobs(git, since, base)
    for path in sorted(proposed):
        if path in here:
            yield f"{what}: {path} was changed on main meanwhile", "propose it again, on top of what main has now"
    for path, (_, after) in sorted(changed.items()):
        if path not in proposed:
            yield f"{what} changes {path}, which the pull request does not", "gitreg pr merge makes the merge"
        elif proposed[path][1] != after:
            yield f"{what} makes another {path} than the pull request", "gitreg pr merge makes the merge"
    for path in sorted(proposed.keys() - changed.keys() - here.keys()):
        yield f"{what} leaves out {path}, which the pull request changes", "gitreg pr merge makes the merge"


def _key(git: Repository, commit: str) -> str:
    return signatures_of(git, [commit])[commit].key


def _not_in_emergency(git: Repository, step: Step, policy: Policy, guarded: Sequence[str], who: str) -> str:
    """Why the merge is no emergency of somebody who may declare one, "" where it is.

    Where approvals have to be signed so has the merge: whoever may push could else name somebody as its committer.
    """
    content = git.content(step.commit, "the merge").decode("utf-8", "replace")
    line = next((line for line in content.split("\n") if line.startswith("committer ")), "committer  0 +0000")
    by = line.removeprefix("committer ").rsplit(" ", 2)[0]
    person = person_behind(policy, LOCAL, by)
    for path in guarded:
        stage = policy.stages.get(path.split("/")[1]) if path.startswith("stages/") else None
        may = policy.members(stage.emergency) if stage else frozenset()
        if person not in {*may, *(name.casefold() for name in may)}:
            return f"{by} may not change {path} in an emergency"
        if stage and SIGNED in stage.require and not has_key(policy, person, _key(git, step.commit)):
            return f"an emergency of {stage.stage} is signed with a key that {CONFIG} has as that of {person}"
    if who not in (person, by) and person_behind(policy, LOCAL, who) != person:
        return f"it names {who} and was made by {by}"
    return ""
