"""Gitea's and Forgejo's protected branches. Their protected tags are no use here: see LIMITS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from gitreg.forges._http import Api
from gitreg.forges._json import text
from gitreg.forges.protection import Step, Wanted

LIMITS = (
    "a protected tag of Gitea may be moved and deleted by whoever may make it, so that none is set: gitreg fsck and"
    " every fetch tell of a tag that moved"
)


def steps(wanted: Wanted) -> Sequence[Step]:
    rule = {
        "rule_name": wanted.branch, "enable_push": False,
        "required_approvals": wanted.approvals, "dismiss_stale_approvals": True, "block_on_rejected_reviews": True,
        "enable_status_check": True, "status_check_contexts": [wanted.status],
    }  # fmt: skip
    merging = {
        "has_pull_requests": True, "allow_merge_commits": True, "allow_squash_merge": False, "allow_rebase": False,
        "allow_rebase_explicit": False, "allow_fast_forward_only_merge": False, "default_merge_style": "merge",
    }  # fmt: skip
    about = f"{wanted.branch} changes by pull request, {wanted.approvals} approvals, {wanted.status}"
    return [
        Step("protected branch", about, "POST", "branch_protections", rule),
        Step("pull requests", "merge commits only", "PATCH", "", merging),
    ]


def apply(api: Api, path: str, wanted: Wanted) -> Sequence[Step]:
    at = f"repos/{path}"
    branch, merging = steps(wanted)
    there = {text(one, "rule_name") or text(one, "branch_name") for one in api.listed(f"{at}/branch_protections")}
    if wanted.branch in there:
        body = {key: value for key, value in branch.body.items() if key != "rule_name"}
        where = f"branch_protections/{quote(wanted.branch, safe='')}"
        api.call("PATCH", f"{at}/{where}", body)
        branch = replace(branch, method="PATCH", path=where, body=body, state="set")
    else:
        api.call("POST", f"{at}/branch_protections", dict(branch.body))
        branch = replace(branch, state="set")
    api.call("PATCH", at, dict(merging.body))
    return [branch, replace(merging, state="set")]
