"""An environment in which nothing of the machine's or the user's settings is seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NAME = "Ana Analyst"
EMAIL = "ana@example.org"

# Everything git, gitreg, the tools beside it and continuous integration take from the environment.
SCRUBBED_PREFIXES = ("AWS_", "CI_", "DVC_", "GIT_", "GITHUB_", "GITLAB_", "GITREG_", "GPG_", "MLFLOW_", "XDG_")
SCRUBBED = (
    *("CI", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "EDITOR", "EMAIL", "FORCE_COLOR", "GNUPGHOME", "LESS", "LINES"),
    *("MANPATH", "NO_COLOR", "PAGER", "SSH_AGENT_PID", "SSH_ASKPASS", "SSH_AUTH_SOCK", "VISUAL"),
)
KEPT_PREFIX = "GITREG_TEST_"

GITCONFIG = f"""\
[user]
\tname = {NAME}
\temail = {EMAIL}
[init]
\tdefaultBranch = main
[gc]
\tautoDetach = false
"""


def seal(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Make `home` the home folder of this process and those it starts, with an identity for git and nothing else."""
    for name in os.environ:
        if (name.startswith(SCRUBBED_PREFIXES) or name in SCRUBBED) and not name.startswith(KEPT_PREFIX):
            patch.delenv(name)
    gitconfig = home / ".gitconfig"
    gitconfig.write_text(GITCONFIG)
    for name, value in {
        "HOME": home,
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "GIT_CONFIG_GLOBAL": gitconfig,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": home / ".dvc-site-cache",
        "DVC_GLOBAL_CONFIG_DIR": home / ".config" / "dvc",
        "DVC_SYSTEM_CONFIG_DIR": home / ".no-system-dvc",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }.items():
        patch.setenv(name, str(value))
