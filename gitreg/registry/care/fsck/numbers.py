"""The numbers of each model: dense from 1, each chained to the one before; names that differ in more than case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitreg.format.tags import NumberTag, RunTag, VersionTag, number_ref
from gitreg.format.versions import ModelVersion, version_text
from gitreg.registry.care.fsck.fault import FETCH, REPAIR, Fault
from gitreg.registry.care.fsck.scene import Scene


def check(scene: Scene) -> Iterator[Fault]:
    """Gaps, forks and duplicates, model by model."""
    numbers: dict[str, dict[int, str]] = {}
    semvers: dict[str, list[str]] = {}
    for ref, tag in scene.tags.items():
        if isinstance(tag, NumberTag):
            numbers.setdefault(tag.model, {})[tag.number] = scene.refs[ref]
        elif isinstance(tag, VersionTag):
            semvers.setdefault(tag.model, []).append(version_text(tag.version))
    for model in sorted(numbers):
        yield from _chain(scene, model, numbers[model])
        yield from _twice(model, numbers[model])
    yield from _claimed(scene)
    for model in sorted(semvers):
        for one, other in _differ_in_case(semvers[model]):
            yield Fault(
                "numbers", f"{model}@{other}", f"it differs from {model}@{one} in case only", f"gitreg ls {model}"
            )
    for one, other in _differ_in_case(set(numbers) | set(semvers)):
        yield Fault("numbers", other, f"the model's name differs from {one} in case only", "gitreg ls")
    runs = (tag.run_id for tag in scene.tags.values() if isinstance(tag, RunTag))
    for one, other in _differ_in_case(runs):
        message = f"its id differs from run {one} in case only: some file systems keep one of the two"
        yield Fault("numbers", f"run {other}", message, "gitreg runs", remark=True)


def _chain(scene: Scene, model: str, numbers: dict[int, str]) -> Iterator[Fault]:
    before = 0
    for number in sorted(numbers):
        if number > before + 1:
            yield _gap(scene, model, before + 1, number - 1)
        version = scene.versions.get(numbers[number])
        if version is not None and (version.model, version.number) == (model, number):
            yield from _previous(scene, version, numbers)
        before = number


def _gap(scene: Scene, model: str, first: int, last: int) -> Fault:
    missing = f"{model}@{first}" if first == last else f"{model}@{first} to {model}@{last}"
    if scene.place.remote:
        return Fault("numbers", model, f"{missing} is not here: numbers count without gaps", REPAIR)
    # A bundle brings a version without those before it, and this repository is nobody's copy.
    return Fault("numbers", model, f"{missing} is not here: those after it were brought alone", FETCH, remark=True)


def _previous(scene: Scene, version: ModelVersion, numbers: dict[int, str]) -> Iterator[Fault]:
    assert version.number is not None
    thing, hint = number_ref(version.model, version.number).removeprefix("refs/tags/"), f"git cat-file -p {version.tag}"
    if version.number == 1:
        if version.previous:
            yield Fault(
                "numbers", thing, f"Gitreg-Previous is {version.previous[:12]}, and 1 is the first number", hint
            )
        return
    before = numbers.get(version.number - 1)
    if before is None:
        return  # a gap, told already
    stone = scene.tombstones.get(before)
    if version.previous not in {before, stone.replaces if stone else before}:
        said = f"Gitreg-Previous is {version.previous[:12] or 'none'}, and {version.model}@{version.number - 1}"
        yield Fault("numbers", thing, f"{said} is {before[:12]}: the chain of versions forks here", hint)


def _twice(model: str, numbers: dict[int, str]) -> Iterator[Fault]:
    by_tag: dict[str, int] = {}
    for number, oid in sorted(numbers.items()):
        first = by_tag.setdefault(oid, number)
        if first != number:
            hint = f"git cat-file -p {oid}"
            yield Fault("numbers", f"{model}@{number}", f"it is the same tag as {model}@{first}", hint)


def _claimed(scene: Scene) -> Iterator[Fault]:
    """Two versions that both say that they are one number."""
    stated: dict[tuple[str, int], str] = {}
    for ref, tag in scene.tags.items():
        version = scene.versions.get(scene.refs[ref]) if isinstance(tag, VersionTag) else None
        if version is not None and version.number:
            other = stated.setdefault((version.model, version.number), scene.short(ref))
            if other != scene.short(ref):
                message = f"it says that it is number {version.number}, and so does {other}"
                yield Fault("numbers", scene.short(ref), message, f"git cat-file -p {version.tag}")


def _differ_in_case(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    folded: dict[str, str] = {}
    for name in sorted(names):
        one = folded.setdefault(name.lower(), name)
        if one != name:
            yield one, name
