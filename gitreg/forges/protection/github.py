"""GitHub's rulesets: one for main, one for tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gitreg.forges._http import Api
from gitreg.forges._json import needed, text
from gitreg.forges.protection import Step, Wanted

LIMITS = "rulesets of a private repository need a paid plan of GitHub; administrators may go round none of these"
_MOST_APPROVALS = 10
_MAIN, _TAGS = "gitreg: main", "gitreg: tags"


def steps(wanted: Wanted) -> Sequence[Step]:
    approvals = min(wanted.approvals, _MOST_APPROVALS)
    reviewed: dict[str, object] = {
        "required_approving_review_count": approvals, "dismiss_stale_reviews_on_push": True,
        "require_code_owner_review": False, "require_last_push_approval": approvals > 0,
        "required_review_thread_resolution": False, "allowed_merge_methods": ["merge"],
    }  # fmt: skip
    checked: dict[str, object] = {
        "strict_required_status_checks_policy": False, "required_status_checks": [{"context": wanted.status}],
    }  # fmt: skip
    main: list[Mapping[str, object]] = [
        {"type": "deletion"}, {"type": "non_fast_forward"}, {"type": "pull_request", "parameters": reviewed},
        {"type": "required_status_checks", "parameters": checked},
    ]  # fmt: skip
    tags: list[Mapping[str, object]] = [{"type": "deletion"}, {"type": "non_fast_forward"}, {"type": "update"}]
    return [
        _ruleset(
            _MAIN, f"{wanted.branch}: pull requests, {approvals} approvals, {wanted.status}, merge commits only",
            "branch", [f"refs/heads/{wanted.branch}"], main,
        ),
        _ruleset(
            _TAGS, f"tags {' '.join(wanted.tags)} are made once, never moved, never deleted",
            "tag", [f"refs/tags/{pattern}" for pattern in wanted.tags], tags,
        ),
    ]  # fmt: skip


def _ruleset(name: str, about: str, target: str, refs: list[str], rules: list[Mapping[str, object]]) -> Step:
    body = {
        "name": name, "target": target, "enforcement": "active", "bypass_actors": [],
        "conditions": {"ref_name": {"include": refs, "exclude": []}}, "rules": rules,
    }  # fmt: skip
    return Step(name, about, "POST", "rulesets", body)


def apply(api: Api, path: str, wanted: Wanted) -> Sequence[Step]:
    at = f"repos/{path}/rulesets"
    there = {text(one, "name"): needed(one, "id") for one in api.pages(at, includes_parents=False)}
    return [_set(api, at, step, there) for step in steps(wanted)]


def _set(api: Api, at: str, step: Step, there: Mapping[str, str]) -> Step:
    if step.name in there:
        api.call("PUT", f"{at}/{there[step.name]}", dict(step.body))
        return replace(step, method="PUT", path=f"rulesets/{there[step.name]}", state="set")
    api.call("POST", at, dict(step.body))
    return replace(step, state="set")
