"""Registries made with plumbing, for tests of what reads them: runs, versions, stages and cards as the format has them.

A model's payload is a pointer only; nothing here logs, registers or knows a framework.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from gitreg.format.card import Card, card_path, format_card
from gitreg.format.dvc_files import DvcConfig, Pipeline, Remote, format_dvc_config, format_dvc_yaml
from gitreg.format.environment import format_requirements
from gitreg.format.mlmodel import MLModel, format_mlmodel
from gitreg.format.pointer import Pointer, format_pointer
from gitreg.format.runs import LoggedModel, Run, Source, format_run_message, run_trailers
from gitreg.format.schema import Signature
from gitreg.format.signature import signature_digest
from gitreg.format.stage_file import StageFile, format_stage_file, stage_file_path
from gitreg.format.sums import format_sums, make_sums
from gitreg.format.tags import RetireTag, format_tag_name, number_ref, retire_ref, run_ref, version_ref
from gitreg.format.times import format_time, parse_time
from gitreg.format.trailers import Message, format_message
from gitreg.format.versions import ModelVersion, format_version_message, metrics_for_tag
from gitreg.registry.place import Registry, open_registry
from gitreg.stores.cache import Cache
from gitreg.stores.git import NewCommit, RefChange, create_repository
from gitreg.stores.git.partial import clone_partially
from testing.gitcli import git

AUTHOR = "Ana Analyst <ana@example.org>"
START = "2026-03-02T09:30:00.000Z"
SOURCE = Source("1" * 40, "https://example.org/code.git", False, "train.py")
FLAVORS: Mapping[str, Mapping[str, object]] = {
    "python_function": {"loader_module": "mlflow.sklearn", "model_path": "model.pkl"},
    "sklearn": {"pickled_model": "model.pkl", "sklearn_version": "1.9.1", "serialization_format": "cloudpickle"},
}


def later(seconds: float) -> str:
    """The moment `seconds` after START."""
    return format_time(parse_time(START) + timedelta(seconds=seconds))


def seconds_of(moment: str) -> int:
    """Seconds since 1970."""
    return int(parse_time(moment).timestamp())


@dataclass(frozen=True)
class ModelFiles:
    """A model directory: `texts` stay in Git, `payloads` (size in bytes by path) are pointers."""

    signature: Signature | None = None
    flavors: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: FLAVORS)
    requirements: str = "scikit-learn==1.9.1\n"
    texts: Mapping[str, str] = field(default_factory=dict)
    payloads: Mapping[str, int] = field(default_factory=lambda: {"model.pkl": 1000})

    def committed(self) -> dict[str, bytes]:
        """What Git has of it, by path inside it."""
        mlmodel = format_mlmodel(MLModel(dict(self.flavors), signature=self.signature))
        texts = {"MLmodel": mlmodel, "requirements.txt": self.requirements, **self.texts}
        files = dict(texts)
        sums = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in texts.items()}
        for path, size in self.payloads.items():
            invented = f"{path} of {size}".encode()
            sums[path] = hashlib.sha256(invented).hexdigest()
            pointer = Pointer(path.rsplit("/", 1)[-1], hashlib.md5(invented).hexdigest(), size)
            files[f"{path}.dvc"] = format_pointer(pointer)
        files["SHA256SUMS"] = format_sums(make_sums(sums))
        return {path: text.encode() for path, text in files.items()}

    def logged(self, run_id: str, path: str = "model") -> LoggedModel:
        """How the run tells of it."""
        digest = "sha256:" + hashlib.sha256(self.committed()["SHA256SUMS"]).hexdigest()
        size, flavors = sum(self.payloads.values()), tuple(sorted(self.flavors))
        return LoggedModel(run_id, path, digest, signature_digest(self.signature), size, flavors)


@dataclass
class Builder:
    """A registry under construction: a repository without an origin, with a clock of its own."""

    path: Path
    registry: Registry
    seconds: float = 0

    def tick(self) -> str:
        """The next moment: a minute later."""
        self.seconds += 60
        return later(self.seconds)

    def put(self, files: Mapping[str, str | None]) -> str:
        """Change files of main; None takes one away. The new commit."""
        at = self.registry.git
        old = at.find_ref("refs/heads/main")
        content: dict[str, bytes | None] = {entry.path: at.content(entry.oid, entry.path) for entry in at.tree(old)}
        content |= {path: None if text is None else text.encode() for path, text in files.items()}
        commit = NewCommit("change main\n", AUTHOR, seconds_of(self.tick()), content, parents=(old,))
        oid = at.write_commits([commit])[0]
        at.change_refs([RefChange("refs/heads/main", oid, old)])
        return oid

    def run(
        self,
        run_id: str,
        *,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        models: Mapping[str, ModelFiles] | None = None,
        name: str = "",
        status: str = "finished",
        source: Source = SOURCE,
    ) -> Run:
        """A run, committed and tagged; with one model at `model` unless others are given."""
        held = {"model": ModelFiles()} if models is None else models
        logged = tuple(model.logged(run_id, path) for path, model in sorted(held.items()))
        run = Run(
            run_id, name, status, self.tick(), self.tick(), source, params or {}, metrics or {}, tags or {}, logged,
            author=AUTHOR,
        )  # fmt: skip
        files = {
            "dvc.yaml": format_dvc_yaml(Pipeline(metrics=(".gitreg/metrics.json",))).encode(),
            ".gitreg/metrics.json": json.dumps(dict(run.metrics)).encode(),
        }
        for path, model in held.items():
            files |= {f"{path}/{file}": content for file, content in model.committed().items()}
        commit = NewCommit(format_run_message(run), AUTHOR, seconds_of(run.ended), files)
        oid = self.registry.git.write_commits([commit])[0]
        self.registry.git.change_refs([RefChange(run_ref(run_id), oid)])
        return replace(run, commit=oid)

    def version(
        self, run: Run, model: str, version: str, number: int, *, description: str = "", metrics: Sequence[str] = ()
    ) -> ModelVersion:
        """The run's first model as a version, committed and tagged twice; `metrics` are those the tag tells."""
        at, logged = self.registry.git, run.models[0]
        when = seconds_of(self.tick())
        tree = at.text("rev-parse", f"{run.commit}^{{tree}}")
        pipeline = format_dvc_yaml(Pipeline(metrics=(".gitreg/metrics.json",), artifacts={model: logged.path}))
        message = format_message(Message(f"{model} {version} of run {run.id}", "", run_trailers(run)))
        commit = at.write_commits([NewCommit(message, AUTHOR, when, {"dvc.yaml": pipeline.encode()}, tree)])[0]
        before = at.find_ref(number_ref(model, number - 1)) if number > 1 else ""
        made = ModelVersion(
            model, version, number, run.id, logged.path, logged.digest, logged.signature, logged.size, logged.flavors,
            metrics_for_tag(run.metrics, tuple(metrics)), description, before, commit=commit, author=AUTHOR,
        )  # fmt: skip
        tag = at.write_tag(str(made), commit, format_version_message(made), AUTHOR, when)
        at.change_refs([RefChange(version_ref(model, made.semver), tag), RefChange(number_ref(model, number), tag)])
        return replace(made, tag=tag, created=later(self.seconds))

    def retire(self, version: ModelVersion, why: str) -> None:
        """Retire a version."""
        when = self.tick()
        trailers = {"Gitreg-Format": "1", "Gitreg-Retired": when}
        message = format_message(Message(f"{version.model} {version.version} retired", why, trailers))
        name = format_tag_name(RetireTag(version.model, version.semver))
        tag = self.registry.git.write_tag(name, version.commit, message, AUTHOR, seconds_of(when))
        self.registry.git.change_refs([RefChange(retire_ref(version.model, version.semver), tag)])

    def purge(self, version: ModelVersion) -> None:
        """Replace a version's tags by a tombstone."""
        at, number = self.registry.git, version.number or 0
        trailers = {
            "Gitreg-Format": "1",
            "Gitreg-Number": str(number),
            "Gitreg-Previous": version.previous or "none",
            "Gitreg-Replaces": version.tag,
        }
        message = format_message(Message(f"{version.model} {version.version} purged", "", trailers))
        main = at.find_ref("refs/heads/main")
        tag = at.write_tag(str(version), main, message, AUTHOR, seconds_of(self.tick()))
        for ref in (version_ref(version.model, version.semver), number_ref(version.model, number)):
            at.change_refs([RefChange(ref, tag, version.tag)])

    def plain_tag(self, name: str, message: str = "made by hand\n", target: str = "") -> str:
        """An annotated tag as GTO or a person makes it, on main unless another commit is given. The tag object."""
        at = self.registry.git
        commit = target or at.find_ref("refs/heads/main")
        tag = at.write_tag(name, commit, message, AUTHOR, seconds_of(self.tick()))
        at.change_refs([RefChange(f"refs/tags/{name}", tag)])
        return tag

    def stage(self, stage: str, version: ModelVersion) -> None:
        """Let a stage run a version."""
        self.put({stage_file_path(stage, version.model): format_stage_file(stage_file(stage, version))})

    def card(self, model: str, card: Card) -> None:
        """Write a model's card."""
        self.put({card_path(model): format_card(card)})

    def lose_blobs(self, *, but: Sequence[str] = ()) -> int:
        """Delete the blobs, all loose, but gitreg.yaml and those at these paths of main. How many are gone."""
        listed = git(self.path, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
        kept = {git(self.path, "rev-parse", f"main:{path}") for path in ("gitreg.yaml", *but)}
        gone = [line.split()[0] for line in listed if line.split()[1] == "blob" and line.split()[0] not in kept]
        for blob in gone:
            (self.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        return len(gone)


def stage_file(stage: str, version: ModelVersion) -> StageFile:
    """What a stage's file says of a version."""
    return StageFile(
        version.model, stage, version.version, version.number or 0, version.run_id, version.commit, version.digest,
        dict(version.metrics), {"max_depth": "8"}, None, (format_requirements(["scikit-learn==1.9.1"]).strip(),),
    )  # fmt: skip


def make_registry(path: Path) -> Builder:
    """An empty registry at `path`, with a work tree and no origin."""
    repository = create_repository(path, bare=False)
    config = format_dvc_config(DvcConfig((Remote("payloads", "/nowhere"),), "payloads"))
    files = {"gitreg.yaml": b"format: 1\n", ".dvc/config": config.encode()}
    commit = repository.write_commits([NewCommit("begin\n", AUTHOR, seconds_of(START), files)])[0]
    repository.change_refs([RefChange("refs/heads/main", commit)])
    return Builder(path, open_registry(path))


def mirror_of(builder: Builder, path: Path) -> Registry:
    """What `open_registry` makes of an address, made of a folder."""
    git(builder.path, "config", "uploadpack.allowFilter", "true")
    repository = clone_partially(path, f"file://{builder.path}")
    return Registry(repository, "origin", "main", path / "gitreg", Cache(path / "cache"), "here", mirror=True)
