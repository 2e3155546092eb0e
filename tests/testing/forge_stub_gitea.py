"""Gitea's dialect of the stub forge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from testing.forge_stub import Account, Change, Exchange, Refusal, Repo, Said, StubForge, Told

NAME = "gitea"
PREFIX = "/api/v1"
REPO = r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)"
VERDICTS = {"APPROVED": "approve", "REQUEST_CHANGES": "request-changes", "COMMENT": "comment"}
STATES = {verdict: state for state, verdict in VERDICTS.items()}
SECONDS = "+01:00"  # it tells times in its own zone


def token_of(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token if kind in {"token", "Bearer"} else ""


def refusal(status: int, message: str) -> Any:
    return {"message": message, "url": "https://forge.example.org/api/swagger"}


def answer(forge: StubForge, asked: Exchange) -> tuple[int, Any]:
    path, who = asked.path.removeprefix(PREFIX), asked.who
    if (asked.method, path) == ("GET", "/version"):
        return 200, {"version": "1.26.1"}
    if who is None:
        raise Refusal(401, "token is required")
    if (asked.method, path) == ("GET", "/user"):
        return 200, {"id": 1, "login": who.login}
    found = re.match(REPO, path)
    if not found:
        raise Refusal(404, "Not Found")
    repo = forge.repo(f"{found['owner']}/{found['name']}", who)
    words = path[found.end() :].strip("/").split("/")
    match (asked.method, *words):
        case ("GET", "pulls"):
            state = asked.query.get("state", "open")
            chosen = [c for c in reversed(repo.changes) if state == "all" or (c.state == "open") == (state == "open")]
            return 200, [_pull(forge, repo, change) for change in chosen]
        case ("POST", "pulls"):
            return 201, _open(forge, repo, who, asked.body)
        case ("GET", "pulls", number):
            return 200, _pull(forge, repo, forge.change(repo, number))
        case ("PATCH", "pulls", number):
            return 201, _edit(forge, repo, forge.change(repo, number), asked.body)
        case ("POST", "pulls", number, "merge"):
            body = asked.body
            message = f"{body['MergeTitleField']}\n\n{body.get('MergeMessageField', '')}".strip() + "\n"
            if body["Do"] != "merge":
                raise Refusal(405, f"{body['Do']} is not an allowed merge style for this repository")
            forge.merge(repo, forge.change(repo, number), who, body.get("head_commit_id", ""), message)
            return 200, None
        case ("GET", "pulls", number, "reviews"):
            change = forge.change(repo, number)
            return 200, [_review(forge, repo, change, said) for said in change.reviews]
        case ("POST", "pulls", number, "reviews"):
            change = forge.change(repo, number)
            return 200, _review(forge, repo, change, _judge(forge, who, change, asked.body))
        case ("GET", "issues", number, "comments"):
            return 200, [_comment(forge, repo, said) for said in forge.change(repo, number).comments]
        case ("POST", "issues", number, "comments"):
            said = forge.say(forge.change(repo, number), who, "comment", asked.body["body"])
            return 201, _comment(forge, repo, said)
        case ("POST", "statuses", commit):
            body = asked.body
            told = forge.tell(repo, who, commit, body.get("context", "default"), body["state"],
                              body.get("description", ""), body.get("target_url", ""))  # fmt: skip
            return 201, _status(forge, repo, told)
        case ("GET", "commits", commit, "statuses"):
            return 200, [_status(forge, repo, told) for told in reversed(repo.statuses) if told.commit == commit]
        case (_, "branch_protections" | "tag_protections", *_) | ("PATCH", ""):
            from testing.forge_stub_rules import gitea_rules

            return gitea_rules(forge, repo, who, asked, words)
    raise Refusal(404, "Not Found")


def _open(forge: StubForge, repo: Repo, who: Account, body: Mapping[str, Any]) -> Any:
    if any((c.head, c.base, c.state) == (body["head"], body["base"], "open") for c in repo.changes):
        raise Refusal(409, "pull request already exists for these targets")
    return _pull(forge, repo, forge.propose(repo, who, body["head"], body["base"], body["title"], body.get("body", "")))


def _edit(forge: StubForge, repo: Repo, change: Change, body: Mapping[str, Any]) -> Any:
    change.title, change.body = body.get("title", change.title), body.get("body", change.body)
    if body.get("state") == "closed" and change.state == "open":
        change.state = "closed"
    return _pull(forge, repo, change)


def _judge(forge: StubForge, who: Account, change: Change, body: Mapping[str, Any]) -> Said:
    verdict = VERDICTS[body["event"]]
    if who is change.author and verdict != "comment":
        raise Refusal(422, "approve your own pull is not allowed")
    if verdict != "approve" and not body.get("body"):
        raise Refusal(422, "body is required")
    return forge.say(change, who, verdict, body.get("body", ""), body.get("commit_id") or change.commit)


def _zoned(moment: str) -> str | None:
    """The same moment, as a server east of Greenwich tells it."""
    if not moment:
        return None
    return f"{moment[:11]}{int(moment[11:13]) + 1:02}{moment[13:19]}{SECONDS}"


def user(forge: StubForge, who: Account) -> dict[str, Any]:
    return {
        "id": who.id, "login": who.login, "login_name": "", "full_name": "", "email": f"{who.login}@example.org",
        "avatar_url": f"{forge.address}/avatars/{who.id}", "html_url": f"{forge.address}/{who.login}", "language": "",
        "is_admin": False, "created": "2026-03-01T11:00:00+01:00", "active": True, "visibility": "public",
    }  # fmt: skip


def _pull(forge: StubForge, repo: Repo, change: Change) -> dict[str, Any]:
    owner, name = repo.path.split("/")
    whose = user(forge, Account(owner, 1, ""))
    page = f"{forge.address}/{repo.path}/pulls/{change.number}"
    within = {"id": 1, "name": name, "full_name": repo.path, "owner": whose, "default_branch": "main"}

    def side(ref: str, sha: str) -> dict[str, Any]:
        return {"label": ref, "ref": ref, "sha": sha, "repo_id": 1, "repo": within}

    return {
        "id": 5000 + change.number, "number": change.number, "url": page, "html_url": page, "title": change.title,
        "body": change.body, "user": user(forge, change.author),
        "state": "open" if change.state == "open" else "closed",
        "head": side(change.head, change.commit), "base": side(change.base, repo.commit_of(change.base)),
        "draft": False, "is_locked": False, "mergeable": change.state == "open", "merged": bool(change.merged),
        "merged_at": _zoned(change.merged_at), "merge_commit_sha": change.merged or None, "labels": [],
        "merged_by": user(forge, change.merged_by) if change.merged_by else None, "milestone": None, "assignee": None,
        "created_at": _zoned(change.at), "updated_at": _zoned(change.at), "comments": len(change.comments),
        "closed_at": None if change.state == "open" else _zoned(change.merged_at or change.at),
        "diff_url": f"{page}.diff", "patch_url": f"{page}.patch", "merge_base": "", "due_date": None,
    }  # fmt: skip


def _review(forge: StubForge, repo: Repo, change: Change, said: Said) -> dict[str, Any]:
    page = f"{forge.address}/{repo.path}/pulls/{change.number}"
    return {
        "id": said.id, "user": user(forge, said.by), "team": None, "state": STATES[said.verdict], "body": said.text,
        "commit_id": said.commit, "stale": said.commit != change.commit, "official": said.by.role != "read",
        "dismissed": said.dismissed, "comments_count": 0,
        "submitted_at": _zoned(said.at), "updated_at": _zoned(said.at),
        "html_url": f"{page}#issuecomment-{said.id}", "pull_request_url": page,
    }  # fmt: skip


def _comment(forge: StubForge, repo: Repo, said: Said) -> dict[str, Any]:
    return {
        "id": said.id, "user": user(forge, said.by), "body": said.text, "created_at": _zoned(said.at),
        "updated_at": _zoned(said.at), "html_url": f"{forge.address}/{repo.path}/issues#{said.id}",
    }  # fmt: skip


def _status(forge: StubForge, repo: Repo, told: Told) -> dict[str, Any]:
    return {
        "id": told.id, "status": told.state, "context": told.context, "description": told.text,
        "target_url": told.url, "url": f"{forge.address}{PREFIX}/repos/{repo.path}/statuses/{told.commit}",
        "creator": user(forge, told.by), "created_at": _zoned(told.at), "updated_at": _zoned(told.at),
    }  # fmt: skip
