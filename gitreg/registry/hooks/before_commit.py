"""`gitreg hooks run pre-commit`: what is about to be committed holds no payload, and what gitreg reads can be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitreg.checks._base import Problem
from gitreg.errors import Damaged, GitregError
from gitreg.format.config import Config, parse_config
from gitreg.format.mlmodel import NAME, parse_mlmodel
from gitreg.format.names import is_payload_name
from gitreg.format.pointer import SUFFIX, parse_pointer
from gitreg.format.policy import parse_policy
from gitreg.format.stage_file import parse_stage_file, stage_file_path
from gitreg.registry.hooks.objects import too_large
from gitreg.registry.place import CONFIG_FILE, open_registry
from gitreg.stores.git import environment
from gitreg.stores.git.program import Answer, guarded, read_git

_OUT = "git rm --cached {path}, then gitreg commit the model directory, or dvc add {path}"
_KEPT = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
)  # set by git for its hooks; `git commit FILE` has an index of its own


class _File(NamedTuple):
    mode: str
    path: str
    oid: str


def check_index() -> list[Problem]:
    """What is wrong with the files of the index that differ from HEAD; the work tree is not looked at."""
    index = _Index()
    files = index.changed()
    sizes = index.sizes(files)
    limit = index.limit()
    found: list[Problem] = []
    for file in files:
        found += _as_file(index, file, sizes.get(file.oid, 0), limit)
    return found


def _as_file(index: _Index, file: _File, size: int, limit: int) -> Iterator[Problem]:
    hint = _OUT.format(path=file.path)
    name = file.path.rsplit("/", 1)[-1]
    in_model = index.in_model(file.path)
    if in_model and file.mode not in ("100644", "100755"):
        yield Problem(
            f"{file.path} is a symlink or submodule in a model directory", "commit the file itself", file.path
        )
    elif in_model and name != NAME and is_payload_name(file.path):
        yield Problem(f"{file.path} is a payload in a model directory", hint, file.path)
    elif size > limit:
        yield Problem(too_large(file.path, size, limit), hint, file.path)
    try:
        if name == NAME:
            parse_mlmodel(index.content(file.oid), file.path)
        elif in_model and name.endswith(SUFFIX):
            parse_pointer(index.content(file.oid), file.path)
        elif file.path == CONFIG_FILE:
            yield from _config(index.content(file.oid))
        elif file.path.startswith("stages/") and index.registry:
            _stage_file(index.content(file.oid), file.path)
    except GitregError as error:
        yield Problem(error.message, error.hint, file.path)


def _config(content: bytes) -> Iterator[Problem]:
    for parse in (parse_config, parse_policy):
        try:
            parse(content)
        except GitregError as error:
            yield Problem(error.message, error.hint or "docs/format.md 1.1 tells its keys", CONFIG_FILE)
            return


def _stage_file(content: bytes, path: str) -> None:
    found = parse_stage_file(content, path)
    if stage_file_path(found.stage, found.model) != path:
        raise Damaged(f"{path} speaks of {found.model} in {found.stage}", f"gitreg promote {found.model}@VERSION STAGE")


class _Index:
    """The index that is about to be committed, read with plumbing."""

    def __init__(self) -> None:
        self.env = environment(**{name: os.environ[name] for name in _KEPT if name in os.environ})
        listed = self._git("ls-files", "-s", "-z").out.decode("utf-8", "surrogateescape").split("\0")
        self.files = [_File(facts.split()[0], path, facts.split()[1])
                      for facts, _, path in (line.partition("\t") for line in listed if line)]  # fmt: skip
        self.models = {path.removesuffix(NAME) for _, path, _ in self.files if path.rsplit("/", 1)[-1] == NAME}
        self.registry = any(file.path == CONFIG_FILE for file in self.files)

    def _git(self, *args: str, data: bytes = b"") -> Answer:
        return read_git(guarded(args), data, env=self.env)

    def changed(self) -> list[_File]:
        """The files that differ from HEAD; before the first commit all of them."""
        head = self._git("rev-parse", "--verify", "--quiet", "HEAD").code == 0
        if not head:
            return self.files
        out = self._git("diff-index", "--cached", "--name-only", "--no-renames", "--diff-filter=d", "-z", "HEAD").out
        changed = set(out.decode("utf-8", "surrogateescape").split("\0"))
        return [file for file in self.files if file.path in changed]

    def sizes(self, files: list[_File]) -> dict[str, int]:
        """Blob -> its bytes."""
        asked = "".join(f"{file.oid}\n" for file in files if file.mode != "160000")
        out = self._git("cat-file", "--batch-check", data=asked.encode()).out.decode() if asked else ""
        return {line.split()[0]: int(line.split()[2]) for line in out.splitlines() if line.count(" ") == 2}

    def content(self, oid: str) -> bytes:
        """The content of a blob."""
        return self._git("cat-file", "blob", oid).out

    def in_model(self, path: str) -> bool:
        """Whether a file lies in a directory that has an MLmodel, at any depth."""
        return any(path.startswith(model) for model in self.models if model) or ("" in self.models and "/" not in path)

    def limit(self) -> int:
        """The bytes that a file in Git may have: as gitreg.yaml says in the index, else on the registry's branch."""
        for file in self.files:
            if file.path == CONFIG_FILE:
                with suppress(GitregError):
                    return parse_config(self.content(file.oid)).git_limit
        with suppress(GitregError):
            return open_registry(Path.cwd(), offline=True).config.git_limit
        return Config.git_limit
