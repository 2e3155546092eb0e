"""GitHub's dialect of the stub forge: what GitHub Enterprise answers below /api/v3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from testing.forge_stub import Account, Change, Exchange, Refusal, Repo, Said, StubForge, Told

NAME = "github"
PREFIX = "/api/v3"
REPO = r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)"
VERDICTS = {"APPROVE": "approve", "REQUEST_CHANGES": "request-changes", "COMMENT": "comment"}
STATES = {"approve": "APPROVED", "request-changes": "CHANGES_REQUESTED", "comment": "COMMENTED"}
OF_USER = [
    "events",
    "followers",
    "following",
    "gists",
    "organizations",
    "received_events",
    "repos",
    "starred",
    "subscriptions",
]
OF_REPO = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
    "git",
    "ssh",
    "svn",
    "clone",
    "html",
]


def token_of(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else ""


def refusal(status: int, message: str) -> Any:
    return {"message": message, "documentation_url": "https://docs.example.org/rest", "status": str(status)}


def answer(forge: StubForge, asked: Exchange) -> tuple[int, Any]:
    path, who = asked.path.removeprefix(PREFIX), asked.who
    if (asked.method, path) == ("GET", "/meta"):
        return 200, {"verifiable_password_authentication": True, "installed_version": "3.19.0"}
    if who is None:
        raise Refusal(401, "Requires authentication")
    if (asked.method, path) == ("GET", "/user"):
        return 200, me(forge, who)
    found = re.match(REPO, path)
    if not found:
        raise Refusal(404, "Not Found")
    repo = forge.repo(f"{found['owner']}/{found['name']}", who)
    words = path[found.end() :].strip("/").split("/")
    match (asked.method, *words):
        case ("GET", "pulls"):
            return 200, _list(forge, repo, asked.query)
        case ("POST", "pulls"):
            return 201, _open(forge, repo, who, asked.body)
        case ("GET", "pulls", number):
            return 200, _pull(forge, repo, forge.change(repo, number))
        case ("PATCH", "pulls", number):
            return 200, _edit(forge, repo, forge.change(repo, number), asked.body)
        case ("PUT", "pulls", number, "merge"):
            return 200, _merge(forge, repo, who, forge.change(repo, number), asked.body)
        case ("GET", "pulls", number, "reviews"):
            return 200, [
                _review(forge, repo, forge.change(repo, number), said) for said in forge.change(repo, number).reviews
            ]
        case ("POST", "pulls", number, "reviews"):
            change = forge.change(repo, number)
            return 200, _review(forge, repo, change, _judge(forge, who, change, asked.body))
        case ("GET", "issues", number, "comments"):
            return 200, [
                _comment(forge, repo, forge.change(repo, number), said) for said in forge.change(repo, number).comments
            ]
        case ("POST", "issues", number, "comments"):
            change = forge.change(repo, number)
            return 201, _comment(forge, repo, change, forge.say(change, who, "comment", asked.body["body"]))
        case ("POST", "statuses", commit):
            body = asked.body
            if len(body.get("description") or "") > 140:
                raise Refusal(422, "Validation Failed")
            told = forge.tell(repo, who, commit, body.get("context", "default"), body["state"],
                              body.get("description"), body.get("target_url"))  # fmt: skip
            return 201, _status(forge, repo, told)
        case ("GET", "commits", commit, "statuses"):
            return 200, [_status(forge, repo, told) for told in reversed(repo.statuses) if told.commit == commit]
        case (_, "rulesets", *rest):
            from testing.forge_stub_rules import github_rulesets

            return github_rulesets(forge, repo, who, asked, rest)
        case ("PATCH", ""):
            return 200, _edit_repo(forge, repo, who, asked.body)
    raise Refusal(404, "Not Found")


def _open(forge: StubForge, repo: Repo, who: Account, body: Mapping[str, Any]) -> Any:
    if any((c.head, c.base, c.state) == (body["head"], body["base"], "open") for c in repo.changes):
        raise Refusal(422, f"A pull request already exists for {repo.path.split('/')[0]}:{body['head']}.")
    if len(body.get("body") or "") > 65536:
        raise Refusal(422, "body is too long (maximum is 65536 characters)")
    return _pull(
        forge, repo, forge.propose(repo, who, body["head"], body["base"], body["title"], body.get("body") or "")
    )


def _list(forge: StubForge, repo: Repo, query: Mapping[str, str]) -> Any:
    state = query.get("state", "open")
    head, base = query.get("head", "").partition(":")[2], query.get("base", "")
    chosen = [
        change for change in reversed(repo.changes)
        if (state == "all" or (change.state == "open") == (state == "open"))
        and head in ("", change.head) and base in ("", change.base)
    ]  # fmt: skip
    return [_pull(forge, repo, change, simple=True) for change in chosen]


def _edit(forge: StubForge, repo: Repo, change: Change, body: Mapping[str, Any]) -> Any:
    change.title, change.body = body.get("title", change.title), body.get("body", change.body)
    if body.get("state") == "closed" and change.state == "open":
        change.state = "closed"
    return _pull(forge, repo, change)


def _judge(forge: StubForge, who: Account, change: Change, body: Mapping[str, Any]) -> Said:
    verdict = VERDICTS[body["event"]]
    if who is change.author and verdict != "comment":
        raise Refusal(422, "Can not approve your own pull request")
    return forge.say(change, who, verdict, body.get("body") or "", body.get("commit_id") or change.commit)


def _merge(forge: StubForge, repo: Repo, who: Account, change: Change, body: Mapping[str, Any]) -> Any:
    if body.get("merge_method", "merge") != "merge":
        raise Refusal(405, "This branch must not be merged so")
    message = f"{body['commit_title']}\n\n{body.get('commit_message', '')}".strip() + "\n"
    new = forge.merge(repo, change, who, body.get("sha", ""), message)
    return {"sha": new, "merged": True, "message": "Pull Request successfully merged"}


def _edit_repo(forge: StubForge, repo: Repo, who: Account, body: Mapping[str, Any]) -> Any:
    if who.role != "admin":
        raise Refusal(403, "Must have admin rights to Repository.")
    repo.settings["repository"] = dict(body)
    more = {"network_count": 0, "subscribers_count": 0}
    return {**_repo(forge, repo), **more, **body}


def _at(forge: StubForge, repo: Repo) -> str:
    return f"{forge.address}{PREFIX}/repos/{repo.path}"


def user(forge: StubForge, who: Account) -> dict[str, Any]:
    at = f"{forge.address}{PREFIX}/users/{who.login}"
    return {
        "login": who.login, "id": who.id, "node_id": f"U_{who.id}", "avatar_url": f"{forge.address}/a/{who.id}",
        "gravatar_id": "", "url": at, "html_url": f"{forge.address}/{who.login}", "type": "User", "site_admin": False,
        **{f"{name}_url": f"{at}/{name}" for name in OF_USER},
    }  # fmt: skip


def me(forge: StubForge, who: Account) -> dict[str, Any]:
    return {
        **user(forge, who), "user_view_type": "public", "name": None, "company": None, "blog": "", "location": None,
        "email": None, "hireable": None, "bio": None, "public_repos": 1, "public_gists": 0, "followers": 0,
        "following": 0, "created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-01T10:00:00Z",
    }  # fmt: skip


def _repo(forge: StubForge, repo: Repo) -> dict[str, Any]:
    at, (owner, name) = _at(forge, repo), repo.path.split("/")
    counts = {f"{key}{more}": 0 for key in ("forks", "open_issues", "watchers") for more in ("", "_count")}
    return {
        "id": 1, "node_id": "R_1", "name": name, "full_name": repo.path, "private": True, "fork": False,
        "owner": user(forge, Account(owner, 1, "")), "description": None, "url": at, "default_branch": "main",
        **{f"{key}_url": f"{at}/{key}" for key in OF_REPO}, **counts, "stargazers_count": 0, "mirror_url": None,
        "homepage": None, "language": None, "archived": False, "disabled": False, "license": None, "size": 1,
        "has_downloads": True, "has_issues": True, "has_projects": False, "has_wiki": False, "has_pages": False,
        "has_discussions": False, "pushed_at": "2026-03-01T10:00:00Z", "created_at": "2026-03-01T10:00:00Z",
        "updated_at": "2026-03-01T10:00:00Z",
    }  # fmt: skip


def _pull(forge: StubForge, repo: Repo, change: Change, *, simple: bool = False) -> dict[str, Any]:
    at, owner = _at(forge, repo), repo.path.split("/")[0]
    one, page = f"{at}/pulls/{change.number}", f"{forge.address}/{repo.path}/pull/{change.number}"
    closed = None if change.state == "open" else change.merged_at or change.at

    def side(ref: str, sha: str) -> dict[str, Any]:
        whose = user(forge, Account(owner, 1, ""))
        return {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "user": whose, "repo": _repo(forge, repo)}

    links = {
        "self": one, "html": page, "issue": f"{at}/issues/{change.number}", "commits": f"{one}/commits",
        "comments": f"{at}/issues/{change.number}/comments", "review_comments": f"{one}/comments",
        "review_comment": f"{at}/pulls/comments{{/number}}", "statuses": f"{at}/statuses/{change.commit}",
    }  # fmt: skip
    found = {
        "id": 5000 + change.number, "node_id": f"PR_{change.number}", "number": change.number, "title": change.title,
        "body": change.body or None, "state": "open" if change.state == "open" else "closed", "locked": False,
        "url": one, "html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch",
        "issue_url": links["issue"], "commits_url": links["commits"], "comments_url": links["comments"],
        "review_comments_url": links["review_comments"], "review_comment_url": links["review_comment"],
        "statuses_url": links["statuses"], "user": user(forge, change.author), "author_association": "MEMBER",
        "head": side(change.head, change.commit), "base": side(change.base, repo.commit_of(change.base)),
        "_links": {key: {"href": value} for key, value in links.items()}, "labels": [], "assignee": None,
        "milestone": None, "auto_merge": None, "created_at": change.at, "updated_at": change.at, "closed_at": closed,
        "merged_at": change.merged_at or None, "merge_commit_sha": change.merged or None, "draft": False,
    }  # fmt: skip
    if simple:
        return found
    merged_by = user(forge, change.merged_by) if change.merged_by else None
    return found | {
        "merged": bool(change.merged), "merged_by": merged_by, "mergeable": None if closed else True,
        "mergeable_state": "blocked", "maintainer_can_modify": False, "comments": len(change.comments),
        "review_comments": 0, "commits": 1, "additions": 1, "deletions": 1, "changed_files": 1,
    }  # fmt: skip


def _review(forge: StubForge, repo: Repo, change: Change, said: Said) -> dict[str, Any]:
    page, pull = f"{forge.address}/{repo.path}/pull/{change.number}", f"{_at(forge, repo)}/pulls/{change.number}"
    html = f"{page}#review-{said.id}"
    return {
        "id": said.id, "node_id": f"R_{said.id}", "user": user(forge, said.by), "body": said.text,
        "state": "DISMISSED" if said.dismissed else STATES[said.verdict], "commit_id": said.commit, "html_url": html,
        "pull_request_url": pull, "submitted_at": said.at,
        "author_association": "NONE" if said.by.role == "read" else "MEMBER",
        "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
    }  # fmt: skip


def _comment(forge: StubForge, repo: Repo, change: Change, said: Said) -> dict[str, Any]:
    issue = f"{_at(forge, repo)}/issues/{change.number}"
    return {
        "id": said.id, "node_id": f"C_{said.id}", "user": user(forge, said.by), "body": said.text,
        "url": f"{issue}/comments/{said.id}", "html_url": f"{forge.address}/{repo.path}/pull/{change.number}#{said.id}",
        "issue_url": issue, "created_at": said.at, "updated_at": said.at, "author_association": "MEMBER",
    }  # fmt: skip


def _status(forge: StubForge, repo: Repo, told: Told) -> dict[str, Any]:
    return {
        "id": told.id, "node_id": f"S_{told.id}", "url": f"{_at(forge, repo)}/statuses/{told.commit}",
        "avatar_url": None, "state": told.state, "description": told.text, "target_url": told.url,
        "context": told.context, "created_at": told.at, "updated_at": told.at, "creator": user(forge, told.by),
    }  # fmt: skip
