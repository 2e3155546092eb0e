"""GitLab's protected branches and tags, merge method, and, where the plan has them, rules of approval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from gitreg.errors import GitregError, NotFound, Refused
from gitreg.forges._http import Api, Json
from gitreg.forges._json import objects, text
from gitreg.forges.protection import State, Step, Wanted

LIMITS = (
    "GitLab has no required status by name: the whole pipeline, where that of gitreg/check is one job, must pass; its"
    " free plan demands no approvals, so that gitreg/check alone counts them"
)
_NOBODY, _DEVELOPERS = 0, 30
_RULE = "gitreg"


def steps(wanted: Wanted) -> Sequence[Step]:
    return list(_steps(wanted))


def _steps(wanted: Wanted) -> Iterator[Step]:
    yield Step(
        "protected branch", f"{wanted.branch} changes by merge request alone", "POST", "protected_branches",
        {"name": wanted.branch, "push_access_level": _NOBODY, "merge_access_level": _DEVELOPERS,
         "allow_force_push": False},
    )  # fmt: skip
    yield Step(
        "merge requests", "merge commits only, and only when the pipeline has passed", "PUT", "",
        {"merge_method": "merge", "squash_option": "never", "only_allow_merge_if_pipeline_succeeds": True},
    )  # fmt: skip
    for pattern in wanted.tags:
        yield Step(
            f"protected tag {pattern}", "made once, never moved or deleted by a push", "POST", "protected_tags",
            {"name": pattern, "create_access_level": _DEVELOPERS},
        )  # fmt: skip
    yield Step(
        "approvals", "a new head takes approvals back; authors do not approve their own", "POST", "approvals",
        {"reset_approvals_on_push": True, "merge_requests_author_approval": False,
         "merge_requests_disable_committers_approval": True},
    )  # fmt: skip
    yield Step(
        "approval rule", f"{wanted.approvals} approvals", "POST", "approval_rules",
        {"name": _RULE, "approvals_required": wanted.approvals, "rule_type": "any_approver"},
    )  # fmt: skip


def apply(api: Api, path: str, wanted: Wanted) -> Sequence[Step]:
    at = f"projects/{quote(path, safe='')}"
    return [_set(api, at, step) for step in steps(wanted)]


def _set(api: Api, at: str, step: Step) -> Step:
    where = f"{at}/{step.path}".rstrip("/")
    if step.path == "protected_branches":
        return replace(step, state=_set_branch(api, where, step.body))
    if step.path == "protected_tags":
        if any(text(one, "name") == step.body["name"] for one in api.pages(where)):
            return replace(step, state="there")
        api.call("POST", where, dict(step.body))
        return replace(step, state="set")
    try:
        if step.path == "approval_rules":
            return _set_rule(api, where, step)
        api.call(step.method, where, dict(step.body))
    except (NotFound, Refused) as error:
        if step.path not in {"approvals", "approval_rules"}:
            raise
        return replace(step, state="impossible", why=f"this plan of GitLab has it not ({error.message})")
    return replace(step, state="set")


def _set_rule(api: Api, where: str, step: Step) -> Step:
    found = [one for one in api.pages(where) if text(one, "name") == _RULE or text(one, "rule_type") == "any_approver"]
    if not found:
        api.call("POST", where, dict(step.body))
        return replace(step, state="set")
    wanted = step.body["approvals_required"]
    if text(found[0], "approvals_required") == str(wanted):
        return replace(step, state="there")
    api.call("PUT", f"{where}/{text(found[0], 'id')}", {"approvals_required": wanted})
    return replace(step, method="PUT", state="set")


def _set_branch(api: Api, where: str, body: Mapping[str, object]) -> State:
    """A protection cannot be changed in every plan, so another takes its place; the old one comes back if it fails."""
    name = str(body["name"])
    old = next((one for one in api.pages(where) if text(one, "name") == name), None)
    if old is not None and _levels(old) == (body["push_access_level"], body["merge_access_level"], False):
        return "there"
    if old is not None:
        api.call("DELETE", f"{where}/{quote(name, safe='')}")
    try:
        api.call("POST", where, dict(body))
    except GitregError:
        if old is not None:
            push, merge, force = _levels(old)
            before: Json = {
                "name": name, "push_access_level": push, "merge_access_level": merge, "allow_force_push": force,
            }  # fmt: skip
            api.call("POST", where, before)
        raise
    return "set"


def _levels(found: Mapping[str, object]) -> tuple[int, int, bool]:
    """Who may push, who may merge (the least of several), and whether by force."""
    push, merge = (
        min((int(text(one, "access_level") or 40) for one in objects(found, key)), default=_NOBODY)
        for key in ("push_access_levels", "merge_access_levels")
    )
    return push, merge, found.get("allow_force_push") is True
