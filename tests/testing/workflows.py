"""The shell steps of a workflow, run as the runner of a forge runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from testing.commandline import Said
from testing.gitcli import git

_EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")
INSTALL = "pip install"


def triggers(text: str) -> dict[str, Any]:
    """What starts a workflow of GitHub's; YAML 1.1 reads its `on` as true."""
    found = yaml.safe_load(text)
    told: dict[str, Any] = found[True]
    return told


def github_job(
    text: str, job: str, folder: Path, origin: str, facts: Mapping[str, str], env: Mapping[str, str], private: str = ""
) -> Said:
    """Run the steps of a job of GitHub's or Gitea's (of an action, where `job` is ""); pip is left out.

    They run in a checkout as actions/checkout makes it, which comes from the address `private` where that holds the
    token that the origin wants. `facts` are the values of expressions such as github.token.
    """

    def filled(value: str) -> str:
        return _EXPRESSION.sub(lambda found: facts[found[1]], value)

    checkout = folder / f"runner-{len(list(folder.iterdir()))}"
    out, err = "", ""
    read = yaml.safe_load(text)
    for step in read["jobs"][job]["steps"] if job else read["runs"]["steps"]:
        if "checkout" in step.get("uses", ""):
            assert (step["with"]["fetch-depth"], step["with"]["persist-credentials"]) == (0, False)
            _check_out(checkout, origin, private or origin, filled(step["with"]["ref"]))
        if "run" not in step or INSTALL in step["run"]:
            continue
        own = {name: filled(value) for name, value in step.get("env", {}).items()}
        assert "${{" not in step["run"]  # what others write is never part of a script
        done = _run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], checkout, {**env, **own})
        out, err = out + done.out, err + done.err
        if done.code:
            return Said(done.code, out, err)
    return Said(0, out, err)


def gitlab_job(text: str, job: str, folder: Path, env: Mapping[str, str]) -> Said:
    """Run the script of a job of GitLab's in an empty build folder; pip is left out."""
    found = yaml.safe_load(text)
    lines = [*found[".gitreg"]["before_script"], *found[job]["script"]]
    assert found[".gitreg"]["variables"]["GIT_STRATEGY"] == "none"
    build = folder / f"build-{len(list(folder.iterdir()))}"
    build.mkdir()
    script = "\n".join(line for line in lines if INSTALL not in line)
    return _run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], build, env)


def _check_out(folder: Path, origin: str, private: str, branch: str) -> None:
    """All branches and tags fetched, one branch checked out; no refs/remotes/origin/HEAD, no identity."""
    git(folder.parent, "init", "-q", folder)
    git(folder, "remote", "add", "origin", origin)
    git(folder, "fetch", "-q", private, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    git(folder, "checkout", "-q", "-B", branch, f"refs/remotes/origin/{branch}")


def _run(command: list[str], folder: Path, env: Mapping[str, str]) -> Said:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path, "CI": "true", **env}, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)
