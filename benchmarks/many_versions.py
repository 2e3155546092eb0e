"""A registry with many versions, made of the objects and refs that gitreg's own commands make.

Ten thousand registrations of 0.1 s each would take longer than all benchmarks together. So the first run is logged
and registered by gitreg itself, and all others are made after its pattern through the same calls to git, fifty to a
process and without waiting for the disk: loose objects and loose refs, which gitreg packs where it would have packed
them (`Repository.tidy`, called after every fifty registrations and not after each). The payloads are pointers only.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

import gitreg
from gitreg.format.dvc_files import format_dvc_yaml, parse_dvc_yaml
from gitreg.format.jsontext import format_file
from gitreg.format.pointer import Pointer, format_pointer
from gitreg.format.runs import Run, format_run_file, format_run_message, run_trailers
from gitreg.format.sums import format_sums, make_sums, parse_sums
from gitreg.format.tags import number_ref, run_ref, version_ref
from gitreg.format.times import format_time, parse_time
from gitreg.format.trailers import Message, format_message
from gitreg.format.versions import ModelVersion, format_version_message
from gitreg.registry.place import Registry, open_registry
from gitreg.stores.git import NewCommit, RefChange
from gitreg.stores.git import program as git_program

_AT_ONCE = 50


def model_name(i: int) -> str:
    """The name of the i-th model, from 0."""
    return f"model-{i:03d}"


@dataclass(frozen=True)
class Pattern:
    """A run and a version as gitreg made them, and the files of the run's commit."""

    run: Run
    version: ModelVersion
    files: dict[str, bytes]


def build(path: Path, models: int, versions: int) -> None:
    """Give each of `models` models `versions` versions, one after the other as if they were trained in turns."""
    pattern = _log_one(path)
    registry = open_registry(path)
    guards, git_program._GUARDS = git_program._GUARDS, (*git_program._GUARDS, "core.fsync=none")
    os.environ |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "fastimport.unpackLimit", "GIT_CONFIG_VALUE_0": "99999"}
    try:
        newest = {model_name(0): pattern.version.tag}
        wanted = [(i, n) for n in range(1, versions + 1) for i in range(models) if (i, n) != (0, 1)]
        for at in range(0, len(wanted), _AT_ONCE):
            _register(registry, pattern, wanted[at : at + _AT_ONCE], newest)
            registry.git.tidy()
            if (at // _AT_ONCE + 1) % 40 == 0:
                print(f"made {at + _AT_ONCE:,} of {len(wanted):,} versions", file=sys.stderr, flush=True)
    finally:
        git_program._GUARDS = guards
        del os.environ["GIT_CONFIG_COUNT"]


def _log_one(path: Path) -> Pattern:
    X, y = load_iris(return_X_y=True, as_frame=True)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, y)
    with gitreg.start_run("depth 4", tags={"team": "risk"}, registry=path) as run:
        gitreg.log_params({"max_depth": 4, "criterion": "gini"})
        gitreg.log_metrics({"accuracy": 0.5, "loss": 0.5})
        gitreg.log_model(tree, input_example=X[:3], register_as=model_name(0))
    registry = open_registry(path)
    logged = gitreg.get_run(run.id, registry=registry)
    entries = registry.git.tree(logged.commit)
    contents = registry.git.objects(entry.oid for entry in entries)
    files = {entry.path: content for entry, (_, _, content) in zip(entries, contents, strict=True)}
    return Pattern(logged, gitreg.resolve(f"{model_name(0)}@1", registry=registry), files)


def _register(registry: Registry, pattern: Pattern, wanted: list[tuple[int, int]], newest: dict[str, str]) -> None:
    git, author = registry.git, pattern.run.author
    runs, commits = [], []
    for i, n in wanted:
        run, files = _new_run(pattern, i, n)
        runs.append(run)
        commits.append(NewCommit(format_run_message(run), author, _seconds(run.ended), files))
    oids = git.write_commits(commits)
    trees = [tree for tree, _, _ in git.objects(f"{oid}^{{tree}}" for oid in oids)]
    pipeline = parse_dvc_yaml(pattern.files["dvc.yaml"])
    commits = []
    for (i, n), run, tree in zip(wanted, runs, trees, strict=True):
        dvc_yaml = format_dvc_yaml(replace(pipeline, artifacts={model_name(i): "model"})).encode()
        message = format_message(Message(f"{model_name(i)} v1.0.{n - 1} of run {run.id}", "", run_trailers(run)))
        commits.append(NewCommit(message, author, _seconds(run.ended) + 1, {"dvc.yaml": dvc_yaml}, tree))
    tagged = [
        replace(
            pattern.version, model=model_name(i), version=f"v1.0.{n - 1}", number=n, run_id=run.id, commit=commit,
            digest=run.models[0].digest, metrics=run.metrics, previous=newest.get(model_name(i), ""),
        )
        for (i, n), run, commit in zip(wanted, runs, git.write_commits(commits), strict=True)
    ]  # fmt: skip
    changes = [RefChange(run_ref(run.id), oid) for run, oid in zip(runs, oids, strict=True)]
    for version, oid in zip(tagged, _write_tags(registry, tagged, author, runs), strict=True):
        newest[version.model] = oid
        changes.append(RefChange(number_ref(version.model, version.number or 0), oid))
        changes.append(RefChange(version_ref(version.model, version.semver), oid))
    git.change_refs(changes)


def _new_run(pattern: Pattern, i: int, n: int) -> tuple[Run, dict[str, bytes]]:
    run_id = uuid.UUID(int=(i << 64) + n).hex
    begun = parse_time(pattern.run.started) + timedelta(minutes=i + n * 60)
    accuracy = ((i * 7 + n * 13) % 1000) / 1000
    payload = hashlib.sha256(run_id.encode()).hexdigest()
    files = dict(pattern.files)
    files["model/MLmodel"] = files["model/MLmodel"].replace(pattern.run.id.encode(), run_id.encode())
    files["model/model.pkl.dvc"] = format_pointer(Pointer("model.pkl", payload[:32], 2000 + n)).encode()
    sums = dict(parse_sums(files["model/SHA256SUMS"], "the pattern").entries)
    sums |= {"model.pkl": payload, "MLmodel": hashlib.sha256(files["model/MLmodel"]).hexdigest()}
    written = make_sums(sums)
    files["model/SHA256SUMS"] = format_sums(written).encode()
    run = replace(
        pattern.run, id=run_id, started=format_time(begun), ended=format_time(begun + timedelta(seconds=30)),
        params={**pattern.run.params, "max_depth": str(n % 10)}, metrics={"accuracy": accuracy, "loss": 1 - accuracy},
        models=(replace(pattern.run.models[0], run_id=run_id, digest=written.digest()),),
    )  # fmt: skip
    own = {
        ".gitreg/run.json": format_run_file(run),
        ".gitreg/params.json": format_file(dict(run.params)),
        ".gitreg/metrics.json": format_file(dict(run.metrics)),
    }
    files |= {name: text.encode() for name, text in own.items()}
    own_sums = make_sums({name: hashlib.sha256(text.encode()).hexdigest() for name, text in own.items()})
    files[".gitreg/SHA256SUMS"] = format_sums(own_sums).encode()
    return run, files


def _write_tags(registry: Registry, versions: list[ModelVersion], author: str, runs: list[Run]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for version, run in zip(versions, runs, strict=True):
            by = f"{author} {_seconds(run.ended) + 1} +0000"
            head = f"object {version.commit}\ntype commit\ntag {version}\ntagger {by}\n\n"
            path = Path(folder) / str(version)
            path.write_text(head + format_version_message(version))
            paths.append(f"{path}\n")
        asked = ["hash-object", "-t", "tag", "-w", "--no-filters", "--stdin-paths"]
        yield from registry.git.write(*asked, data="".join(paths).encode(), what="cannot write tags").decode().split()


def _seconds(moment: str) -> int:
    return int(parse_time(moment).timestamp())
