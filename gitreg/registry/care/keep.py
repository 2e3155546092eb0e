"""What is needed by what: the payloads that commits, open runs and wishes name, whoever wrote the pointers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gitreg.errors import Damaged, Refused
from gitreg.format.objects import parse_tag_object
from gitreg.format.tags import RunTag, VersionTag, parse_tag_name
from gitreg.format.versions import ModelVersion
from gitreg.registry.catalog import read_tags, read_versions, version_from_object
from gitreg.registry.place import Registry
from gitreg.registry.resolve import read_stages
from gitreg.registry.wishes import read_wishes
from gitreg.stores.git import Repository

_TAGS = "refs/tags/"
# Read as loosely as can be: a pointer that only DVC understands keeps its payload, too.
_MD5 = re.compile(rb"\bmd5['\"]?\s*:\s*['\"]?([0-9a-f]{32}(?:\.dir)?)\b")


def named_in(git: Repository, tips: Iterable[str], *, partial: bool = False) -> dict[str, str]:
    """md5 -> a commit that names it, of every pointer in the history of `tips` (refs or object ids).

    Names of directories end in `.dir`. Damaged where git lacks objects of that history, unless it is a `partial` copy.
    """
    asked = "".join(f"{tip}\n" for tip in dict.fromkeys(tips))
    if not asked:
        return {}
    argv = ["rev-list", "--objects", "--in-commit-order", "--missing=print", "--stdin"]
    answer = git.read(*argv, data=asked.encode())
    if answer.code:
        raise Damaged(f"git cannot tell what the refs of {git.common_dir} hold: {answer.err}", "git fsck")
    commit, pointers = "", dict[str, str]()
    for line in answer.out.decode("utf-8", "surrogateescape").splitlines():
        oid, space, path = line.partition(" ")
        if oid.startswith("?") and not partial:
            raise Damaged(f"{git.common_dir} lacks {oid[1:]}, which its history holds", "git fsck; clone it anew")
        if not space and not oid.startswith("?"):
            commit = oid
        elif path.endswith(".dvc") or path.rsplit("/", 1)[-1] == "dvc.lock":
            pointers.setdefault(oid, commit)
    named: dict[str, str] = {}
    for (oid, at), (_, kind, content) in zip(pointers.items(), git.objects(pointers), strict=True):
        if kind == "missing" and not partial:
            raise Damaged(f"{git.common_dir} lacks the pointer {oid}", "git fsck; clone it anew")
        for found in _MD5.finditer(content if kind == "blob" else b""):
            named.setdefault(found[1].decode(), at)
    return named


def named_by_journals(state: Path) -> set[str]:
    """The md5 of every payload that an open run of this machine, or what was set aside of one, names."""
    found: set[str] = set()
    for path in _journals(state):
        try:
            found |= {match[1].decode() for match in _MD5.finditer(path.read_bytes())}
        except FileNotFoundError:
            continue  # its run has just ended: it is a tag now
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error.strerror}", f"look at {path.parent}") from None
    return found


def _journals(state: Path) -> Iterator[Path]:
    yield from sorted((state / "runs").glob("[!.]*/journal*.jsonl"))


def runs_in_use(registry: Registry) -> dict[str, str]:
    """Run id -> what needs the run: a version, a stage, a wish, or a program that logs to it.

    A version that cannot be read is an error: it might be of any run.
    """
    # Before the versions: what comes true meanwhile is tagged first, and then its wish and its journal go.
    wishes, journals = list(read_wishes(registry.state)), list(_journals(registry.state))
    found: dict[str, str] = {}
    for version in (*all_versions(registry), *_without_version_tag(registry)):
        if version.run_id:
            found.setdefault(version.run_id, str(version))
    for wish in wishes:
        found.setdefault(wish.run_id, f"the wish {wish}")
    for path in journals:
        found.setdefault(path.parent.name, "a program that logs to it")
    for text, where in _stage_files(registry):
        for run in re.findall(r"^run:[ \t]*[\"']?([A-Za-z0-9_-]+)", text, re.MULTILINE):
            found.setdefault(run, where)
    return found


def all_versions(registry: Registry) -> tuple[ModelVersion, ...]:
    """Every version here; Damaged where one cannot be read."""
    found = read_versions(registry, read_tags(registry).values())
    if found.damaged:
        raise found.damaged[0]
    return found.versions


def _without_version_tag(registry: Registry) -> Iterator[ModelVersion]:
    """Versions whose number was published and whose version tag is still on its way."""
    for tags in read_tags(registry).values():
        for oid, kind, content in registry.git.objects(set(tags.numbers.values()) - set(tags.versions.values())):
            name = parse_tag_name(parse_tag_object(content, oid).name) if kind == "tag" else None
            if isinstance(name, VersionTag):
                yield version_from_object(name.model, name.version, oid, kind, content)


def _stage_files(registry: Registry) -> Iterator[tuple[str, str]]:
    """Text and path of every stage file of main, those too that nobody can parse."""
    entries = [e for e in registry.git.tree(registry.main_ref) if e.path.startswith("stages/")]
    for entry, (_, _, content) in zip(entries, registry.git.objects(e.oid for e in entries), strict=True):
        yield content.decode("utf-8", "replace"), entry.path


def stages_of(registry: Registry, model: str, version: str) -> list[str]:
    """The stages that run a version."""
    return sorted(stage for stage, models in read_stages(registry).items() if models.get(model) == version)


def owner_of(ref: str) -> str:
    """Whose a ref is: "versions", "runs" or "others", for those who ask what the bytes are for."""
    name = parse_tag_name(ref.removeprefix(_TAGS)) if ref.startswith(_TAGS) else None
    if isinstance(name, RunTag):
        return "runs"
    return "versions" if name is not None else "others"


def check_whole(registry: Registry) -> None:
    """Refuse a copy that does not hold the whole history: what it lacks might be needed."""
    if registry.git.text("rev-parse", "--is-shallow-repository") == "true":
        raise Refused(f"{registry.where} holds a part of the history only", "git fetch --unshallow, or another clone")
