"""What `docker build` and `docker run` do with a Dockerfile, done in a folder: there is no daemon where tests run.

The folder stands for the image's root, a fresh virtual environment for its Python. The packages of the environment
that runs the tests stand for the package index: pip finds them installed, and installs what is not there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import stat
import subprocess
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from dockerfile_parse import DockerfileParser

_NOT_INSTALLED = ("gitreg", "_gitreg", "__editable__", "_editable", "pip", "__pycache__")
_STUB = '#!/bin/sh\necho "$(basename "$0") $*" >> "{log}"\n'


@dataclass
class Built:
    """The image's root, and what it runs with."""

    root: Path
    stubs: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def path(self, name: str) -> Path:
        """Where a path of the image is."""
        return self.root / os.path.join(self.workdir, name).lstrip("/")

    def inside(self, text: str) -> str:
        """`text` with the image's /opt where it is here."""
        return re.sub(r"(?<![\w.])/opt/", f"{self.root}/opt/", text)

    def variables(self, path: str = "") -> dict[str, str]:
        """The environment of a program in the image."""
        kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LC_ALL", "TZ")}
        return {**kept, **self.env, "PATH": path or f"{self.env.get('PATH', '')}:{self.stubs}:{os.environ['PATH']}"}

    @property
    def installed_by_apt(self) -> str:
        """What the stubs of Debian's programs were asked."""
        log = self.stubs / "log"
        return log.read_text() if log.exists() else ""


def build(context: Path, root: Path) -> Built:
    """Carry out the Dockerfile of a context; each instruction that is not known here is an error."""
    built = Built(root / "image", root / "stubs")
    built.root.mkdir(parents=True)
    built.stubs.mkdir()
    for name in ("apt-get", "useradd"):
        (built.stubs / name).write_text(_STUB.format(log=built.stubs / "log"))
        (built.stubs / name).chmod(0o755)
    parser = DockerfileParser(str(context))
    built.labels = dict(parser.labels)
    for step in parser.structure:
        instruction, value = step["instruction"], step["value"]
        match instruction:
            case "COMMENT" | "FROM" | "LABEL" | "EXPOSE":
                pass
            case "ENV":
                for name, text in re.findall(r'(\w+)=("[^"]*"|\S+)', value):
                    built.env[name] = built.inside(text.strip('"')).removesuffix(":$PATH")
            case "WORKDIR":
                built.workdir = value
                built.path(".").mkdir(parents=True)
            case "COPY":
                _copy(context, built, *value.split())
            case "RUN":
                subprocess.run(["sh", "-c", value], cwd=built.path("."), env=built.variables(), check=True)
                _lend(built)
            case "USER":
                built.user = value
            case "HEALTHCHECK":
                built.health = json.loads(value.partition("CMD ")[2])
            case "CMD":
                built.command = [built.inside(word) for word in json.loads(value)]
            case _:
                raise AssertionError(instruction)
    return built


def _copy(context: Path, built: Built, source: str, target: str) -> None:
    ignored = (context / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*" and any(fnmatch(source, line.removeprefix("!")) for line in ignored[1:]), source
    if (context / source).is_dir():
        shutil.copytree(context / source, built.path(target))
    else:
        shutil.copy(context / source, built.path(target))
    for path in (found for found in [built.path(target), *built.path(target).rglob("*")] if found.is_file()):
        assert path.stat().st_mode & stat.S_IROTH, path


def _lend(built: Built) -> None:
    """Let the image's Python find the packages of this one, but for gitreg."""
    lent = built.root / "lent"
    if lent.exists():
        return
    lent.mkdir()
    for folder in site.getsitepackages():
        for path in Path(folder).iterdir():
            if not path.name.startswith(_NOT_INSTALLED) and path.suffix != ".pth":
                (lent / path.name).symlink_to(path)
    (packages,) = built.path("venv").glob("lib/python*/site-packages")
    (packages / "lent.pth").write_text(f"{lent}\n")
