"""The stage files on main, against the versions that they name."""

from __future__ import annotations

from collections.abc import Iterator

from gitreg.errors import GitregError
from gitreg.format.objects import CommitObject
from gitreg.format.semver import parse_semver
from gitreg.format.stage_file import StageFile, format_stage_file, parse_stage_file, stage_file_path
from gitreg.format.tags import retire_ref, version_ref
from gitreg.format.versions import ModelVersion
from gitreg.registry.care.fsck.fault import REPAIR, Fault
from gitreg.registry.care.fsck.scene import Scene
from gitreg.registry.promotion.stage_of import made_from

_FACTS = ("number", "run", "commit", "digest")


def check(scene: Scene) -> Iterator[Fault]:
    """Each file below stages/."""
    for path, entry in sorted(scene.files(scene.stages_tree).items()):
        if not path.endswith(".yaml") or path.count("/") != 1:
            if not scene.models:
                yield Fault(
                    "stages", f"stages/{path}", "it is no stages/<stage>/<model>.yaml", _log(scene, path), remark=True
                )
            continue
        stage, model = path.removesuffix(".yaml").split("/")
        if not scene.wants(model) or entry.oid in scene.bad:
            continue
        if entry.mode not in {"100644", "100755"}:
            yield Fault("stages", f"stages/{path}", "it is no plain file", _log(scene, path))
            continue
        yield from _file(scene, stage, model, scene.texts[entry.oid])


def _log(scene: Scene, path: str) -> str:
    return f"git log {scene.place.main_ref} -- 'stages/{path}'; revert the change that made it so"


def _file(scene: Scene, stage: str, model: str, content: bytes) -> Iterator[Fault]:
    thing, hint = f"stages/{stage}/{model}.yaml", _log(scene, f"{stage}/{model}.yaml")
    try:
        found = parse_stage_file(content, thing)
        stage_file_path(stage, model)
        ref = version_ref(model, parse_semver(found.version))
    except GitregError as error:
        yield Fault("stages", thing, error.message, error.hint or hint)
        return
    if (found.stage, found.model) != (stage, model):
        yield Fault("stages", thing, f"it speaks of {found.model} in {found.stage}", hint)
        return
    if ref not in scene.refs:
        missing = REPAIR if scene.place.remote else hint
        yield Fault("stages", thing, f"it runs {scene.short(ref)}, which is not here", missing)
        return
    if retire_ref(model, parse_semver(found.version)) in scene.refs:
        yield Fault("stages", thing, f"it runs {scene.short(ref)}, which is retired", hint)
    version = scene.versions.get(scene.refs[ref])
    if version is None or version.number is None:
        return  # GTO's, which states no digest; or told of with the tags
    if version.tombstone:
        yield Fault("stages", thing, f"it runs {version}, which was purged", hint)
        return
    yield from _against(scene, thing, hint, found, version, content)


def _against(
    scene: Scene, thing: str, hint: str, found: StageFile, version: ModelVersion, content: bytes
) -> Iterator[Fault]:
    own = {"number": version.number, "run": version.run_id, "commit": version.commit, "digest": version.digest}
    for name in _FACTS:
        if getattr(found, name) != own[name]:
            yield Fault(
                "stages", thing, f"its {name} is {getattr(found, name)}, and that of {version} {own[name]}", hint
            )
    if any(getattr(found, name) != own[name] for name in _FACTS):
        return
    written = _written(scene, found, version)
    if written and content.decode("utf-8", "replace") not in written:
        lines = written[0].splitlines()
        line = next((line for line in content.decode("utf-8", "replace").splitlines() if line not in lines), "")
        shown = f" at {line.strip()[:60]!r}" if line else ""
        yield Fault("stages", thing, f"it is not what gitreg writes for {version}{shown}", hint)


def _written(scene: Scene, found: StageFile, version: ModelVersion) -> list[str]:
    """What the file may be: with the metrics that the tag tells, or with those of the run."""
    commit = scene.objects.get(version.commit)
    if not isinstance(commit, CommitObject) or not scene.whole(commit.tree):
        return []
    files = {entry.name: entry.oid for entry in scene.trees.get(scene.subtree(commit.tree, version.path), ())}
    texts = {name: scene.texts[oid].decode("utf-8", "replace") for name, oid in files.items() if oid in scene.texts}
    try:
        return [format_stage_file(made) for made in made_from(version, found.stage, commit.message, texts)]
    except GitregError:
        return []  # told of with the files
