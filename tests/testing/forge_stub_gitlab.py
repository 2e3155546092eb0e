"""GitLab's dialect of the stub forge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from testing.forge_stub import Account, Change, Exchange, Refusal, Repo, Said, StubForge, Told

NAME = "gitlab"
PREFIX = "/api/v4"
STATES = {"open": "opened", "merged": "merged", "closed": "closed"}
SETTABLE = {"pending", "running", "success", "failed", "canceled", "skipped"}


def token_of(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("private-token", "") or (token if kind == "Bearer" else "")


def refusal(status: int, message: str) -> Any:
    return {"message": f"{status} {message}" if status in {401, 403, 404, 405} else [message]}


def answer(forge: StubForge, asked: Exchange) -> tuple[int, Any]:
    path, who = asked.path.removeprefix(PREFIX), asked.who
    if who is None:
        raise Refusal(401, "Unauthorized")
    if (asked.method, path) == ("GET", "/user"):
        return 200, {"id": 1, "username": who.login}
    if (asked.method, path) == ("GET", "/version"):
        return 200, {"version": "19.0.0", "revision": "abcdef"}
    found = re.match(r"/projects/([^/]+)", path)
    if not found:
        raise Refusal(404, "Not Found")
    named = unquote(found[1])
    repo = forge.repo(next(iter(forge.repos)) if named == "1" else named, who)
    words = path[found.end() :].strip("/").split("/")
    match (asked.method, *words):
        case ("GET", "merge_requests"):
            return 200, _list(forge, repo, asked.query)
        case ("POST", "merge_requests"):
            return 201, _open(forge, repo, who, asked.body)
        case ("GET", "merge_requests", number):
            return 200, _pull(forge, repo, forge.change(repo, number))
        case ("PUT", "merge_requests", number):
            return 200, _edit(forge, repo, forge.change(repo, number), asked.body)
        case ("PUT", "merge_requests", number, "merge"):
            return 200, _merge(forge, repo, who, forge.change(repo, number), asked.body)
        case ("GET", "merge_requests", number, "versions"):
            return 200, [
                {"id": at, "head_commit_sha": commit, "base_commit_sha": "", "start_commit_sha": "",
                 "created_at": _told(since), "merge_request_id": int(number), "state": "collected", "real_size": "1"}
                for at, (since, commit) in reversed(list(enumerate(forge.change(repo, number).heads, 1)))
            ]  # fmt: skip
        case ("GET", "merge_requests", number, "approvals"):
            return 200, _approvals(forge, repo, forge.change(repo, number))
        case ("POST", "merge_requests", number, "approve"):
            return 201, _approve(forge, repo, who, forge.change(repo, number), asked.body or {})
        case ("GET", "merge_requests", number, "notes"):
            return 200, [_note(forge, said) for said in forge.change(repo, number).comments]
        case ("POST", "merge_requests", number, "notes"):
            return 201, _note(forge, forge.say(forge.change(repo, number), who, "comment", asked.body["body"]))
        case ("POST", "statuses", commit):
            return 201, _tell(forge, repo, who, commit, asked.body)
        case ("GET", "repository", "commits", commit, "statuses"):
            return 200, [_status(forge, told) for told in forge.newest(repo, commit)]
        case (_, "protected_branches" | "protected_tags" | "approvals" | "approval_rules" | "", *_):
            from testing.forge_stub_rules import gitlab_rules

            return gitlab_rules(forge, repo, who, asked, words)
    raise Refusal(404, "Not Found")


def _list(forge: StubForge, repo: Repo, query: Mapping[str, str]) -> Any:
    state = query.get("state", "all")
    return [
        _pull(forge, repo, change) for change in reversed(repo.changes)
        if state in ("all", STATES[change.state])
        and query.get("source_branch", change.head) == change.head
        and query.get("target_branch", change.base) == change.base
    ]  # fmt: skip


def _open(forge: StubForge, repo: Repo, who: Account, body: Mapping[str, Any]) -> Any:
    head, base = body["source_branch"], body["target_branch"]
    for change in repo.changes:
        if (change.head, change.base, change.state) == (head, base, "open"):
            raise Refusal(409, f"Another open merge request already exists for this source branch: !{change.number}")
    return _pull(forge, repo, forge.propose(repo, who, head, base, body["title"], body.get("description", "")))


def _edit(forge: StubForge, repo: Repo, change: Change, body: Mapping[str, Any]) -> Any:
    change.title, change.body = body.get("title", change.title), body.get("description", change.body)
    if body.get("state_event") == "close" and change.state == "open":
        change.state = "closed"
    return _pull(forge, repo, change)


def _approvals(forge: StubForge, repo: Repo, change: Change) -> Any:
    given = [said for said in change.reviews if not said.dismissed]
    left = max(0, repo.approvals - len(given))
    by = [{"user": _user(forge, said.by), "approved_at": _told(said.at)} for said in given]
    if repo.settings.get("old"):  # GitLab before 18.10 tells no time here
        by = [{"user": one["user"]} for one in by]
    return {"id": change.number, "iid": change.number, "approvals_required": repo.approvals, "approvals_left": left,
            "approved": not left, "approved_by": by, "state": STATES[change.state]}  # fmt: skip


def _approve(forge: StubForge, repo: Repo, who: Account, change: Change, body: Mapping[str, Any]) -> Any:
    if body.get("sha") not in (None, change.commit):
        raise Refusal(409, "SHA does not match HEAD of source branch")
    if who is change.author or any(said.by is who and not said.dismissed for said in change.reviews):
        raise Refusal(401, "Unauthorized")
    forge.say(change, who, "approve", "", change.commit)
    note = forge.say(change, who, "system", "approved this merge request")
    note.at = change.reviews[-1].at
    return _approvals(forge, repo, change)


def _merge(forge: StubForge, repo: Repo, who: Account, change: Change, body: Mapping[str, Any]) -> Any:
    if who.role == "read":
        raise Refusal(401, "Unauthorized")
    if body.get("squash"):
        raise Refusal(405, "Method Not Allowed")
    try:
        forge.merge(repo, change, who, body.get("sha", ""), body["merge_commit_message"])
    except Refusal as refused:
        if refused.status == 409:
            raise Refusal(409, "SHA does not match HEAD of source branch") from None
        raise Refusal(405, "Method Not Allowed") from None
    return _pull(forge, repo, change)


def _tell(forge: StubForge, repo: Repo, who: Account, commit: str, body: Mapping[str, Any]) -> Any:
    name, state = body.get("name") or body.get("context", "default"), body["state"]
    if state not in SETTABLE:
        raise Refusal(400, "state does not have a valid value")
    last = next((told for told in forge.newest(repo, commit) if told.context == name), None)
    said = {"failed": "failure"}.get(state, state)
    if last and last.state == said:
        raise Refusal(400, f"Cannot transition status via :{state} from :{state}")
    return _status(
        forge, forge.tell(repo, who, commit, name, said, body.get("description", ""), body.get("target_url", ""))
    )


def _told(moment: str) -> str:
    return f"{moment[:19]}.000Z"


def _user(forge: StubForge, who: Account) -> dict[str, Any]:
    return {"id": who.id, "username": who.login, "name": who.login, "state": "active", "avatar_url": None,
            "web_url": f"{forge.address}/{who.login}"}  # fmt: skip


def _pull(forge: StubForge, repo: Repo, change: Change) -> dict[str, Any]:
    return {
        "id": 5000 + change.number, "iid": change.number, "project_id": 1, "title": change.title,
        "description": change.body, "state": STATES[change.state], "created_at": _told(change.at),
        "updated_at": _told(change.at), "target_branch": change.base, "source_branch": change.head,
        "author": _user(forge, change.author), "source_project_id": 1, "target_project_id": 1, "draft": False,
        "merge_status": "can_be_merged", "detailed_merge_status": repo.settings.get("merge_status", "mergeable"),
        "sha": change.commit, "merge_commit_sha": change.merged or None, "squash_commit_sha": None,
        "merged_at": _told(change.merged_at) if change.merged_at else None, "squash": False, "has_conflicts": False,
        "merged_by": _user(forge, change.merged_by) if change.merged_by else None,
        "web_url": f"{forge.address}/{repo.path}/-/merge_requests/{change.number}",
    }  # fmt: skip


def _note(forge: StubForge, said: Said) -> dict[str, Any]:
    return {"id": said.id, "type": None, "body": said.text, "author": _user(forge, said.by),
            "system": said.verdict == "system", "noteable_type": "MergeRequest",
            "created_at": _told(said.at), "updated_at": _told(said.at)}  # fmt: skip


def _status(forge: StubForge, told: Told) -> dict[str, Any]:
    state = "failed" if told.state == "failure" else told.state
    return {"id": told.id, "sha": told.commit, "ref": "main", "status": state, "name": told.context,
            "target_url": told.url or None, "description": told.text, "created_at": _told(told.at),
            "author": _user(forge, told.by), "allow_failure": False}  # fmt: skip
