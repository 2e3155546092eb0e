"""Whose credentials a payload store is asked with, in words: never what they are."""

from __future__ import annotations

from collections.abc import Mapping

_REMOTE = "remote payloads in DVC's settings"


ONE_CLONE = "dvc remote modify --local payloads"


def whose(scheme: str, config: Mapping[str, object], environ: Mapping[str, str], command: str = ONE_CLONE) -> str:
    """Where the credentials come from, and how `command`, which sets one, sets others."""
    where, change = _KINDS.get(scheme, _unknown)(config, environ)
    return f"{where}; others: {command} {change}"


def for_all(url: str) -> str:
    """The command that sets a credential where there is no clone: DVC wants to know the remote first."""
    return f"dvc remote add --global payloads {url}; dvc remote modify --global payloads"


def _s3(config: Mapping[str, object], environ: Mapping[str, str]) -> tuple[str, str]:
    change = "access_key_id ..."
    if config.get("allow_anonymous_login"):
        return "no credentials (allow_anonymous_login)", change
    if config.get("access_key_id"):
        return f"access_key_id of the {_REMOTE}", change
    if config.get("profile"):
        return f"the AWS profile {config['profile']} of the {_REMOTE}", change
    if environ.get("AWS_ACCESS_KEY_ID"):
        return "AWS_ACCESS_KEY_ID", change
    if environ.get("AWS_PROFILE"):
        return "the AWS profile of AWS_PROFILE", change
    return "what AWS's library finds (~/.aws/credentials, or this machine's role)", change


def _ssh(config: Mapping[str, object], environ: Mapping[str, str]) -> tuple[str, str]:
    change = "keyfile ~/.ssh/..."
    if config.get("keyfile"):
        return f"the key {config['keyfile']} of the {_REMOTE}", change
    if config.get("password"):
        return f"the password of the {_REMOTE}", change
    agent = "ssh's agent and " if environ.get("SSH_AUTH_SOCK") else ""
    return f"{agent}the keys of ~/.ssh, with known_hosts there", change


def _web(config: Mapping[str, object], _: Mapping[str, str]) -> tuple[str, str]:
    for name in ("token", "bearer_token_command", "custom_auth_header", "user", "cert_path"):
        if config.get(name):
            return f"{name} of the {_REMOTE}", f"{name} ..."
    return "no credentials", "user ..."


def _azure(config: Mapping[str, object], environ: Mapping[str, str]) -> tuple[str, str]:
    change = "connection_string ..."
    for name in ("connection_string", "sas_token", "account_key", "client_secret"):
        if config.get(name):
            return f"{name} of the {_REMOTE}", change
    if config.get("allow_anonymous_login"):
        return "no credentials (allow_anonymous_login)", change
    found = next((name for name in environ if name.startswith(("AZURE_STORAGE_", "AZURE_CLIENT_"))), "")
    return found or "what Azure's library finds (az login, or this machine's identity)", change


def _gs(config: Mapping[str, object], environ: Mapping[str, str]) -> tuple[str, str]:
    change = "credentialpath ..."
    if config.get("allow_anonymous_login"):
        return "no credentials (allow_anonymous_login)", change
    if config.get("credentialpath"):
        return f"credentialpath of the {_REMOTE}", change
    if environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return "GOOGLE_APPLICATION_CREDENTIALS", change
    return "what Google's library finds (gcloud auth application-default login)", change


def _unknown(config: Mapping[str, object], environ: Mapping[str, str]) -> tuple[str, str]:
    return f"the {_REMOTE}", "..."


_KINDS = {
    "s3": _s3,
    "ssh": _ssh,
    "azure": _azure,
    "gs": _gs,
    "webdav": _web,
    "webdavs": _web,
    "http": _web,
    "https": _web,
}
