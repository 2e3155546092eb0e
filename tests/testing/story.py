"""What a registry goes through whose payloads are on a server. A test module inherits it beside StoreContract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import gitreg
from testing.commandline import program
from testing.gitcli import git
from testing.registries import log
from testing.shops import tell
from testing.store_contract import At

# What stands in a setting and is no secret.
OPEN = {"ana", "true", "us-east-1"}
ROWS = np.array([1.0, 2.0])


def _answer(reference: str, registry: Path) -> Any:
    model = gitreg.load_model(reference, registry=registry)
    assert callable(model)
    return model(4)


class Story:
    def test_a_registry_is_begun_filled_and_read_from_everywhere(self, at: At, home: Path, tmp_path: Path) -> None:
        tell({**at.settings, "url": at.url}, home / ".config/dvc/config")
        url = f"{at.url}/models"  # a folder that is not there yet
        origin, here, there = tmp_path / "o.git", tmp_path / "here", tmp_path / "there"
        assert gitreg.init(here, origin=origin, payloads=url).payloads == url
        versions = [log(factor, "churn", input_example=ROWS, registry=here).version for factor in (2, 3)]
        assert versions == ["churn@v1.0.0", "churn@v1.0.1"]

        git(tmp_path, "clone", "-q", origin, there)
        assert _answer("churn@v1.0.0", there) == 8
        assert _answer("churn", origin) == 12
        assert log(5, "churn", input_example=ROWS, registry=there).version == "churn@v1.0.2"
        assert _answer("churn", here) == 20

        # Plain DVC gets the same files.
        pulled, served = gitreg.pull("churn@2", tmp_path / "pulled", registry=origin), tmp_path / "served"
        get = [sys.executable, "-m", "dvc", "get", "-q", str(origin), "model", "--rev", "churn@2", "-o", str(served)]
        done = subprocess.run(get, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=served, check=True)
        assert (served / "SHA256SUMS").read_bytes() == (pulled / "SHA256SUMS").read_bytes()

        # Nothing that others see tells how to come in.
        kept = [path.read_bytes() for place in (origin, here, there) for path in place.rglob("*") if path.is_file()]
        for secret in {value for value in at.settings.values() if "://" not in value[:7]} - OPEN:
            assert not [content for content in kept if secret.encode() in content]

    def test_settings_of_one_clone_are_enough_and_without_them_nobody_comes_in(self, at: At, tmp_path: Path) -> None:
        origin, here = tmp_path / "o.git", tmp_path / "here"
        gitreg.init(here, origin=origin, payloads=at.url)
        tell(at.settings, here / ".dvc/config.local")
        log(2, "churn", input_example=ROWS, registry=here)
        git(tmp_path, "clone", "-q", origin, "there")
        if not at.wrong:
            return  # a server that asks nobody
        tell(at.wrong, tmp_path / "there/.dvc/config.local")
        said = program("-R", tmp_path / "there", "pull", "churn@1", tmp_path / "served")
        assert said.code == 75 and "refused who you are" in said.err
        assert "dvc remote modify --local payloads" in said.err
        assert not (tmp_path / "served").exists()
        tell(at.settings, tmp_path / "there/.dvc/config.local")
        said = program("-R", tmp_path / "there", "pull", "churn@1", tmp_path / "served")
        assert said.code == 0, said.err
