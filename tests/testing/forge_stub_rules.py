"""The rules of stub forges, as their APIs set them; administrators alone may."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from testing.forge_stub import Account, Exchange, Refusal, Repo, StubForge


def _admin(who: Account) -> None:
    if who.role != "admin":
        raise Refusal(403, "Must have admin rights to Repository.")


def github_rulesets(forge: StubForge, repo: Repo, who: Account, asked: Exchange, rest: list[str]) -> tuple[int, Any]:
    _admin(who)
    kept: list[dict[str, Any]] = repo.settings.setdefault("rulesets", [])
    match (asked.method, *rest):
        case ("GET",):
            return 200, [{key: one[key] for key in one if key not in ("rules", "conditions")} for one in kept]
        case ("POST",):
            if any(one["name"] == asked.body["name"] for one in kept):
                raise Refusal(422, "Name must be unique")
            made = {"id": forge.id(), "source": repo.path, "source_type": "Repository", **asked.body}
            kept.append(made)
            _obey_github(repo, made)
            return 201, made
        case ("PUT", number):
            found = next((one for one in kept if str(one["id"]) == number), None)
            if found is None:
                raise Refusal(404, "Not Found")
            found.update(asked.body)
            _obey_github(repo, found)
            return 200, found
    raise Refusal(404, "Not Found")


def _obey_github(repo: Repo, ruleset: dict[str, Any]) -> None:
    for rule in ruleset["rules"]:
        given = rule.get("parameters", {})
        if rule["type"] == "pull_request":
            repo.approvals = given["required_approving_review_count"]
        if rule["type"] == "required_status_checks":
            repo.contexts = tuple(one["context"] for one in given["required_status_checks"])


def gitea_rules(forge: StubForge, repo: Repo, who: Account, asked: Exchange, words: list[str]) -> tuple[int, Any]:
    _admin(who)
    kept: dict[str, dict[str, Any]] = repo.settings.setdefault("branches", {})
    match (asked.method, *words):
        case ("GET", "branch_protections"):
            return 200, list(kept.values())
        case ("POST", "branch_protections"):
            name = asked.body["rule_name"]
            if name in kept:
                raise Refusal(403, "Branch protection already exist")
            kept[name] = dict(asked.body)
        case ("PATCH", "branch_protections", quoted):
            name = unquote(quoted)
            if name not in kept:
                raise Refusal(404, "Not Found")
            kept[name].update(asked.body)
        case ("PATCH", ""):
            repo.settings["repository"] = dict(asked.body)
            return 200, {"id": 1, "full_name": repo.path, **asked.body}
        case _:
            raise Refusal(404, "Not Found")
    repo.approvals = kept[name]["required_approvals"]
    repo.contexts = tuple(kept[name]["status_check_contexts"])
    return 201 if asked.method == "POST" else 200, kept[name]


def gitlab_rules(forge: StubForge, repo: Repo, who: Account, asked: Exchange, words: list[str]) -> tuple[int, Any]:
    _admin(who)
    if words[0] in ("approvals", "approval_rules") and not repo.settings.get("premium"):
        raise Refusal(404, "Not Found")
    branches = repo.settings.setdefault(
        "protected_branches", {"main": {"name": "main", **_levels(40, 40), "allow_force_push": False}}
    )
    tags = repo.settings.setdefault("protected_tags", {})
    rules: list[dict[str, Any]] = repo.settings.setdefault("approval_rules", [])
    body = asked.body or {}
    match (asked.method, *words):
        case ("GET", "protected_branches"):
            return 200, list(branches.values())
        case ("DELETE", "protected_branches", name):
            del branches[unquote(name)]
            return 204, None
        case ("POST", "protected_branches"):
            if body["name"] in branches:
                raise Refusal(409, f"Protected branch '{body['name']}' already exists")
            levels = _levels(body["push_access_level"], body["merge_access_level"])
            branches[body["name"]] = {"name": body["name"], **levels, "allow_force_push": body["allow_force_push"]}
            return 201, branches[body["name"]]
        case ("GET", "protected_tags"):
            return 200, list(tags.values())
        case ("POST", "protected_tags"):
            tags[body["name"]] = {
                "name": body["name"],
                "create_access_levels": [{"access_level": body["create_access_level"]}],
            }
            return 201, tags[body["name"]]
        case ("PUT", ""):
            repo.settings["project"] = body
            return 200, {"id": 1, "path_with_namespace": repo.path, **body}
        case ("POST", "approvals"):
            repo.settings["approvals"] = body
            return 201, body
        case ("GET", "approval_rules"):
            return 200, rules
        case ("POST", "approval_rules"):
            rules.append({"id": forge.id(), **body})
            repo.approvals = body["approvals_required"]
            return 201, rules[-1]
        case ("PUT", "approval_rules", number):
            found = next(one for one in rules if str(one["id"]) == number)
            found.update(body)
            repo.approvals = body["approvals_required"]
            return 200, found
    raise Refusal(404, "Not Found")


def _levels(push: int, merge: int) -> dict[str, Any]:
    return {"push_access_levels": [{"access_level": push}], "merge_access_levels": [{"access_level": merge}]}
