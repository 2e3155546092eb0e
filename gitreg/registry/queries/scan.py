"""All runs, or all versions, of a registry as records to search: names of refs, tag and commit objects, stage files.

No other blob is read, but for notes where labels are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from gitreg.errors import Damaged, GitregError, NotFound, Unreachable, warn
from gitreg.format.models import StagedVersion, parse_staged
from gitreg.format.runs import Run, format_run_message
from gitreg.registry.freshness import ALL, MAIN, MODELS, Asked, answer_from_here, ask_origin
from gitreg.registry.notes import NOTES, read_labels, restore_notes
from gitreg.registry.place import Registry
from gitreg.registry.queries.records import RUN, RunRecord, Told, VersionRecord
from gitreg.stores.git import Ref

_TAGS = "refs/tags/"
_RUNS = "refs/tags/run/"

Damage = list[GitregError]
"""What could not be read, collected on the way."""


def bring(registry: Registry, models: Sequence[str] | None = None, *, runs: bool = False) -> Asked:
    """In a mirror, fetch what will be read: main, `models` (None: all) or `runs`. Elsewhere what is here counts."""
    if not registry.mirror:
        return answer_from_here(registry, ALL)
    if models is not None and not models and not runs:
        return ask_origin(registry, MAIN, registry.fetch_main)
    single = models is not None and len(models) == 1
    thing = ALL if runs else f"{models[0]}@" if models and single else MODELS
    asked = ask_origin(registry, thing, lambda: _bring(registry, None if runs else models, runs=runs))
    if models and not single and asked.now:
        for model in models:
            registry.remember_fetch(f"{model}@")
    return asked


def _bring(registry: Registry, models: Sequence[str] | None, *, runs: bool) -> None:
    registry.fetch_main()
    if runs:
        registry.fetch(f"{_TAGS}*")
    elif models is None:
        registry.fetch(f"{_TAGS}*", f"^{_RUNS}*")
    else:
        registry.fetch(*(f"{_TAGS}{model}@*" for model in models))
    # The tree of the notes is what is asked for, so that this one is not partial.
    registry.git.fetch(registry.remote, [f"+{NOTES}*:{NOTES}*"], extra=["--no-filter"])
    restore_notes(registry)


def version_records(registry: Registry, models: Sequence[str] | None = None) -> list[VersionRecord]:
    """The versions of `models` (None: of all), sorted by the names of their tags."""
    patterns = [f"{_TAGS}{model}@v*" for model in (["*"] if models is None else models)]
    return _versions(registry, registry.git.refs(*patterns) if patterns else [])


def _versions(registry: Registry, refs: Iterable[Ref]) -> list[VersionRecord]:
    names = {ref.name[len(_TAGS) :]: ref.oid for ref in refs}
    standing = [(name, oid) for name, oid in names.items() if not name.endswith("!")]
    records = []
    for (name, _), (oid, kind, content) in zip(standing, registry.git.objects(oid for _, oid in standing), strict=True):
        model, _, version = name.partition("@")
        records.append(VersionRecord(model, version, oid, kind, content, f"{name}!" in names))
    return records


def run_records(registry: Registry, damage: Damage) -> list[RunRecord]:
    """The ended runs there are here, and those that are open on this machine; each with the versions made of it."""
    refs = registry.git.refs(_RUNS, f"{_TAGS}*@v*")
    ended = [ref for ref in refs if ref.name.startswith(_RUNS)]
    contents = registry.git.objects(ref.oid for ref in ended)
    records = [RunRecord(ref.name[len(_RUNS) :], *found) for ref, found in zip(ended, contents, strict=True)]
    of_run: dict[str, list[VersionRecord]] = defaultdict(list)
    for version in _versions(registry, (ref for ref in refs if not ref.name.startswith(_RUNS))):
        try:
            of_run[version.text(RUN) or ""].append(version)
        except GitregError:
            continue  # a damaged version is told of where versions are listed
    for record in records:
        record.versions = of_run.get(record.id, ())
    known = {record.id for record in records}
    return [*records, *(record for record in _open_records(registry, damage) if record.id not in known)]


def _open_records(registry: Registry, damage: Damage) -> list[RunRecord]:
    if not (registry.state / "runs").is_dir():
        return []
    from gitreg.registry.journal import open_runs

    return [_open_record(run) for run in open_runs(registry.state, damage)]


def _open_record(run: Run) -> RunRecord:
    # An open run is searched as the commit it would be if it ended now.
    return RunRecord(run.id, "", "commit", b"\n\n" + format_run_message(run).encode(), run)


def tell_runs(registry: Registry, versions: Iterable[VersionRecord], metrics: Iterable[str] | None = None) -> None:
    """Read the commits that tell of the runs of `versions`; with `metrics` only where a tag does not tell those."""
    asked = {version.commit: version for version in versions if metrics is None or _lacks(version, metrics)}
    asked.pop("", None)
    commits = {oid: Told(content) for oid, kind, content in registry.git.objects(asked) if kind == "commit"}
    for version in versions:
        version.run = commits.get(version.commit)


def _lacks(version: VersionRecord, metrics: Iterable[str]) -> bool:
    try:
        return any(version.metric(key) is None for key in metrics)
    except GitregError:
        return True


def add_labels(registry: Registry, versions: Sequence[VersionRecord]) -> None:
    """Read the labels of `versions`."""
    labels = read_labels(registry, [version.oid for version in versions])
    for version in versions:
        version.labels = labels.get(version.oid, {})


def staged_versions(registry: Registry, damage: Damage, model: str = "") -> list[StagedVersion]:
    """What the stages run (of one `model` if named), sorted by stage and model, as main is here."""
    try:
        paths = registry.git.paths(registry.main_ref, "stages")
    except NotFound:
        return []
    except GitregError as error:
        damage.append(error)
        return []
    files = [(path.removesuffix(".yaml").split("/"), blob) for path, blob in paths.items() if path.endswith(".yaml")]
    files = [(names, blob) for names, blob in files if len(names) == 2 and model in ("", names[1])]
    found: list[StagedVersion] = []
    try:
        for (names, _), (_, kind, content) in zip(files, registry.git.objects(blob for _, blob in files), strict=True):
            try:
                if kind != "blob":
                    raise Damaged(f"git does not have the content of {'/'.join(names)}.yaml", "git fsck")
                found.append(parse_staged(content.decode("utf-8", "replace"), *names))
            except GitregError as error:
                damage.append(error)
    except Unreachable as away:  # a mirror has them not all
        damage.append(away)
    return sorted(found, key=lambda staged: (staged.stage, staged.model))


def add_stages(versions: Iterable[VersionRecord], staged: Iterable[StagedVersion]) -> None:
    """Tell `versions` which stages run them."""
    stages: dict[tuple[str, str], tuple[str, ...]] = {}
    for one in staged:
        stages[one.model, one.version] = (*stages.get((one.model, one.version), ()), one.stage)
    if stages:
        for version in versions:
            version.stages = stages.get((version.model, version.version), ())


def warn_of(damage: Damage) -> None:
    """Say once what was left out; for the verb that a user called."""
    if damage:
        more = f" (and {len(damage) - 1} more)" if len(damage) > 1 else ""
        hint = f": {damage[0].hint}" if damage[0].hint else ""
        warn(f"left out: {damage[0].message}{more}{hint}")
