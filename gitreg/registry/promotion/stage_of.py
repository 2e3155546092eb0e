"""What `stages/<stage>/<model>.yaml` has to be for a version: the file that gitreg writes, and those it accepts."""

from __future__ import annotations

from collections.abc import Mapping

from gitreg.errors import Damaged, Refused
from gitreg.format.environment import CONDA, REQUIREMENTS, model_requirements
from gitreg.format.mlmodel import NAME, parse_mlmodel
from gitreg.format.objects import parse_commit_object
from gitreg.format.runs import parse_run_message
from gitreg.format.stage_file import StageFile, format_stage_file
from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry

TEXTS = (NAME, REQUIREMENTS, CONDA)
"""The files of a model directory that a stage file is made from, as far as they are there."""


def stage_file_of(place: Registry, version: ModelVersion, stage: str) -> StageFile:
    """The file that lets `stage` run the version; its metrics are those that the version's tag tells.

    Refused for a version that no run stands behind. Damaged where its files cannot be read, or name a requirement
    that pip would not take.
    """
    message, texts = _read(place, version)
    try:
        return made_from(version, stage, message, texts)[0]
    except Damaged as error:
        raise Damaged(f"no stage can run {version}: {error.message}", error.hint or "gitreg fsck") from None


def written_for(place: Registry, version: ModelVersion, stage: str) -> tuple[str, ...]:
    """Every text that the file may have: with the metrics of the version's tag, or with all those of its run.

    Empty where the version's files do not tell.
    """
    try:
        message, texts = _read(place, version)
        return tuple(dict.fromkeys(format_stage_file(found) for found in made_from(version, stage, message, texts)))
    except (Damaged, Refused):  # told of with the files
        return ()


def made_from(version: ModelVersion, stage: str, message: str, texts: Mapping[str, str]) -> tuple[StageFile, StageFile]:
    """The file with the metrics of the version's tag, and with those of its run.

    `message` is that of the version's commit, `texts` are those of TEXTS that its model directory has. Damaged where
    they cannot be read.
    """
    if NAME not in texts:
        raise Damaged(f"{version} has no {NAME}", "gitreg fsck")
    run = parse_run_message(message)
    signature = parse_mlmodel(texts[NAME], f"{NAME} of {version}").signature
    lines = model_requirements(texts.get(REQUIREMENTS), texts.get(CONDA)).lines

    def with_metrics(metrics: Mapping[str, float]) -> StageFile:
        return StageFile(
            version.model, stage, version.version, version.number or 0, version.run_id, version.commit, version.digest,
            metrics, run.params, signature, lines,
        )  # fmt: skip

    return with_metrics(version.metrics), with_metrics(run.metrics)


def _read(place: Registry, version: ModelVersion) -> tuple[str, dict[str, str]]:
    """The message of the version's commit, and the texts of its model directory."""
    if version.tombstone:
        raise Refused(f"{version} was purged", f"gitreg ls {version.model}")
    if version.number is None:
        raise Refused(
            f"{version} was tagged without gitreg: it states no digest, and no run stands behind it",
            f"gitreg commit its model directory --as {version.model}",
        )
    asked = [version.commit, *(f"{version.commit}:{version.path}/{name}" for name in TEXTS)]
    (_, kind, content), *files = place.git.objects(asked)
    if kind != "commit":
        raise Damaged(f"git does not have the commit {version.commit[:12]} of {version}", "git fsck")
    texts = {
        name: text.decode("utf-8", "replace")
        for name, (_, kind, text) in zip(TEXTS, files, strict=True)
        if kind == "blob"
    }
    return parse_commit_object(content, str(version)).message, texts
