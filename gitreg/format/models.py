"""A registered model as it stands, and what the stages run: made from tags, cards and stage files, kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitreg.errors import Damaged
from gitreg.format.names import check_model_name, check_stage_name
from gitreg.format.versions import ModelVersion

# A stage file as gitreg writes it. A list of versions needs its first lines only, and no YAML.
_WRITTEN = re.compile(
    r"format: 1\nmodel: ([A-Za-z0-9_-]+)\nstage: ([A-Za-z0-9_-]+)\nversion: (v[0-9A-Za-z.-]+)\n"
    r"number: ([1-9][0-9]{0,8})\nrun: ([A-Za-z0-9_-]+)\n"
    r"commit: ([0-9a-f]{40}|[0-9a-f]{64})\ndigest: (sha256:[0-9a-f]{64})\n"
    r"(?:(?: {2}.*|(?:metrics|params):(?: \{\})?|signature:(?: none)?|requirements:(?: \[\])?)\n)*+"
)


@dataclass(frozen=True)
class RegisteredModel:
    """One registered model. `title`, `description`, `tags` and `owners` are those of its card on main.

    `latest` is the version that `<model>@latest` names, None where all are retired, purged or pre-releases. `versions`
    counts all versions and `retired` those of them that are retired; `stages` maps each stage that runs one to the
    version; `updated` is when the newest was registered, RFC 3339, or empty where there is none yet.
    """

    name: str
    title: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    latest: ModelVersion | None = None
    versions: int = 0
    retired: int = 0
    stages: Mapping[str, str] = field(default_factory=dict)
    updated: str = ""

    def __str__(self) -> str:
        return self.name

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "tags": dict(sorted(self.tags.items())),
            "owners": list(self.owners),
            "latest": self.latest.to_dict() if self.latest else None,
            "versions": self.versions,
            "retired": self.retired,
            "stages": dict(sorted(self.stages.items())),
            "updated": self.updated or None,
        }


@dataclass(frozen=True)
class StagedVersion:
    """What a stage runs of a model, as its file on main says."""

    stage: str
    model: str
    version: str
    number: int
    run_id: str
    commit: str
    digest: str

    def __str__(self) -> str:
        return f"{self.model}@{self.stage}"

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "ref": str(self),
            "stage": self.stage,
            "model": self.model,
            "version": self.version,
            "number": self.number,
            "run": self.run_id,
            "commit": self.commit,
            "digest": self.digest,
        }


def parse_staged(text: str, stage: str, model: str) -> StagedVersion:
    """What `stages/<stage>/<model>.yaml` with this text says; Damaged where it is no such file or speaks of another."""
    what = f"stages/{stage}/{model}.yaml"
    if found := _WRITTEN.fullmatch(text):
        model_, stage_, version, number, run_id, commit, digest = found.groups()
        check_stage_name(stage_)
        check_model_name(model_)
        staged = StagedVersion(stage_, model_, version, int(number), run_id, commit, digest)
    else:
        from gitreg.format.stage_file import parse_stage_file

        file = parse_stage_file(text, what)
        staged = StagedVersion(
            file.stage, file.model, file.version, file.number, file.run, file.commit, file.digest,
        )  # fmt: skip
    if (staged.stage, staged.model) != (stage, model):
        raise Damaged(f"{what} speaks of {staged.model} in {staged.stage}", f"revert the change of {what}")
    return staged
