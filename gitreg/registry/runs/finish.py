"""The end of a run: one commit, one tag, then what was asked for its end."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

from gitreg.errors import Conflict, GitregError, Unreachable, warn
from gitreg.format.dvc_files import DvcConfig, Pipeline, format_dvc_config, format_dvc_yaml
from gitreg.format.jsontext import format_file, number_to_json
from gitreg.format.names import check_paths, encode_metric_key
from gitreg.format.runs import Run, format_run_file, format_run_message, format_series, parse_run_message
from gitreg.format.sums import format_sums
from gitreg.format.tags import run_ref
from gitreg.format.times import parse_time
from gitreg.registry.contents import StoredFile, git_files, in_git_file, sums_of
from gitreg.registry.journal import Journal, OpenRun
from gitreg.registry.place import Registry
from gitreg.registry.progress import Progress, silent
from gitreg.registry.publish import push_runs
from gitreg.registry.register import register_wished, wish_for
from gitreg.registry.settle import release_payloads, renew_mirror, settle
from gitreg.stores.git import NewCommit, RefChange


def finish(registry: Registry, journal: Journal, ended: Run | None, progress: Progress = silent) -> Run:
    """Commit and tag a run that is ending, then do what was asked for its end; safe to repeat after a kill."""
    made = published = False
    try:
        run = ended or make_run(registry, journal)
        made = True
        run, published = _afterwards(registry, journal.run, run, progress)
        return run
    finally:
        waits = made and registry.mirror and bool(journal.run.author) and not published
        if waits and not isinstance(sys.exc_info()[1], KeyboardInterrupt):
            journal.append({"event": "done"})
        if made and not waits:
            release_payloads(registry, journal)
        journal.close(remove=made and not waits)
        if published:
            settle(registry, journal.run.id, done=True)


def make_run(registry: Registry, journal: Journal) -> Run:
    """The commit and the tag of an ended run, from its journal alone: made again, they are the same."""
    if registry.mirror:
        renew_mirror(registry)
        if not journal.run.author:
            facts = {"author": registry.git.identity(), "remote": _dvc_config(registry)}
            journal.append({"event": "commit", **facts})
    author = journal.run.author or registry.git.identity()
    run = journal.run.to_run("finished", author)
    when = int(parse_time(run.ended).timestamp())
    message = format_run_message(run)
    commit = NewCommit(message, author, when, _run_files(registry, journal, run))
    oid = registry.git.write_commits([commit])[0]
    ref = run_ref(run.id)
    try:
        registry.git.change_refs([RefChange(ref, oid)])
    except Conflict:
        if registry.git.find_ref(ref) != oid:
            raise
    return parse_run_message(message, commit=oid, author=author)


def _run_files(registry: Registry, journal: Journal, run: Run) -> dict[str, bytes]:
    state = journal.run
    series = {
        f".gitreg/metrics/{encode_metric_key(key)}.tsv": format_series(points)
        for key, points in state.series.items()
        if len(points) > 1 or points[0].step
    }
    own = {
        ".gitreg/run.json": format_run_file(run),
        ".gitreg/params.json": format_file(dict(run.params)),
        ".gitreg/metrics.json": format_file({key: number_to_json(value) for key, value in run.metrics.items()}),
        **series,
    }
    artifacts = [_with_content(journal, file, file.path) for file in state.files.values()]
    check_paths([*state.files, *(f"{path}/{f.path}" for path, files in state.model_files.items() for f in files)])
    outside = sorted(
        [*(in_git_file(p, text.encode()) for p, text in own.items()), *artifacts], key=lambda f: f.path.encode()
    )
    committed = git_files(outside, sums="")
    committed[".gitreg/SHA256SUMS"] = format_sums(sums_of(outside)).encode()
    for path, files in state.model_files.items():
        committed |= git_files([_with_content(journal, file, f"{path}/{file.path}") for file in files], path)
    committed["dvc.yaml"] = format_dvc_yaml(run_pipeline(series)).encode()
    committed[".dvc/config"] = (state.remote or _dvc_config(registry)).encode()
    return committed


def _dvc_config(registry: Registry) -> str:
    remote = registry.stated_remote
    return format_dvc_config(DvcConfig((remote,), remote.name))


def run_pipeline(plots: Mapping[str, object]) -> Pipeline:
    """What a run's dvc.yaml tells DVC's own commands."""
    return Pipeline(metrics=(".gitreg/metrics.json",), params=(".gitreg/params.json",), plots=tuple(sorted(plots)))


def _with_content(journal: Journal, file: StoredFile, kept_at: str) -> StoredFile:
    return file if file.payload else in_git_file(file.path, journal.content(kept_at))


def _afterwards(registry: Registry, state: OpenRun, run: Run, progress: Progress) -> tuple[Run, bool]:
    """The run with the versions it became, and whether the origin has it now."""
    versions: dict[str, str] = {}
    waiting: list[GitregError] = []
    # A run that failed is kept, and nothing of it is published by itself.
    wishes = state.wishes if run.status == "finished" else {}
    for path, wished in wishes.items():
        wish = wish_for(run.id, path, wished)
        try:
            versions[path] = str(register_wished(registry, wish, progress, run))
        except Unreachable as away:
            waiting.append(away)
    published = bool(versions)
    if state.push and registry.remote and not versions:
        try:
            push_runs(registry, [run], progress)
            published = True
        except Unreachable as away:
            waiting.append(away)
    for error in waiting:
        warn(f"{error.message} ({error.hint})")
    models = tuple(replace(m, version=versions.get(m.path, m.version)) for m in run.models)
    return replace(run, models=models), published
