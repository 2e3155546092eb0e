"""A version of a registered model: the annotated tag that is its record (docs/format.md 1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitreg.errors import Damaged
from gitreg.format.jsontext import format_metrics, number_to_json, parse_metrics
from gitreg.format.names import check_model_name, check_path, check_run_id
from gitreg.format.runs import FORMAT, check_format
from gitreg.format.semver import Semver, format_semver, parse_semver
from gitreg.format.sums import check_digest
from gitreg.format.trailers import Message, clean_prose, cut_signature, format_message, parse_trailers

METRICS_LIMIT = 1024
"""Bytes of the metrics that a tag may tell; metrics.json has all of them."""


@dataclass(frozen=True)
class ModelVersion:
    """One version. `size` is in bytes with payloads; `number` is None for a version that GTO alone tagged.

    What the tag tells comes first; from `tag` on it is what was learned by reading the repository:
    `stages` run it now, `labels` are the notes on it, `tombstone` means it was purged. `as_of` is when what it was
    found by was fetched ("" never), `stale` means that the origin was not asked and may have told another one.
    """

    model: str
    version: str
    number: int | None
    run_id: str
    path: str
    digest: str
    signature: str
    size: int
    flavors: tuple[str, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)
    description: str = ""
    previous: str = ""
    tombstone: bool = False
    tag: str = ""
    commit: str = ""
    author: str = ""
    created: str = ""
    retired: bool = False
    stages: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stale: bool = field(default=False, compare=False)
    as_of: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"

    @property
    def semver(self) -> Semver:
        """The version as a value that orders."""
        return parse_semver(self.version)

    def to_dict(self) -> dict[str, object]:
        """As JSON, every key present."""
        return {
            "ref": str(self),
            "model": self.model,
            "version": self.version,
            "number": self.number,
            "run": self.run_id or None,
            "path": self.path or None,
            "digest": self.digest or None,
            "signature": self.signature,
            "size": self.size,
            "flavors": list(self.flavors),
            "metrics": {key: number_to_json(value) for key, value in sorted(self.metrics.items())},
            "description": self.description,
            "tag": self.tag,
            "commit": self.commit,
            "author": self.author,
            "created": self.created,
            "retired": self.retired,
            "tombstone": self.tombstone,
            "stages": list(self.stages),
            "labels": dict(sorted(self.labels.items())),
        }


def format_version_message(version: ModelVersion) -> str:
    """The message of the version's tag."""
    trailers = {
        "Gitreg-Format": str(FORMAT),
        "Gitreg-Number": str(version.number),
        "Gitreg-Previous": version.previous or "none",
        "Gitreg-Run": version.run_id,
        "Gitreg-Path": version.path,
        "Gitreg-Digest": version.digest,
        "Gitreg-Signature": version.signature,
        "Gitreg-Size": str(version.size),
        "Gitreg-Flavors": " ".join(version.flavors),
        "Gitreg-Metrics": format_metrics(version.metrics),
    }
    return format_message(Message(f"{version.model} {version.version}", clean_prose(version.description), trailers))


def parse_version_message(text: str, model: str, version: str) -> ModelVersion:
    """The version that the tag `<model>@<version>` tells.

    A tag without Gitreg-Format is GTO's: listed and resolvable, with no number. Damaged where the record is
    broken, Unsupported where its format is newer.
    """
    name = f"{model}@{version}"
    trailers = parse_trailers(text)
    if trailers is None or "Gitreg-Format" not in trailers:
        prose = cut_signature(text).strip("\n")
        return ModelVersion(model, version, None, "", "", "", "none", 0, (), description=prose)
    check_format(trailers["Gitreg-Format"], f"version {name}")
    try:
        number = _number(trailers["Gitreg-Number"], f"version {name}: Gitreg-Number", least=1)
        previous = trailers["Gitreg-Previous"]
        if "Gitreg-Replaces" in trailers:
            return ModelVersion(
                model,
                version,
                number,
                "",
                "",
                "",
                "none",
                0,
                (),
                previous="" if previous == "none" else previous,
                tombstone=True,
            )
        subject, _, rest = text.partition("\n\n")
        if subject != f"{model} {version}":
            raise Damaged(f"the tag {name} says that it is {subject!r}")
        body = cut_signature(rest).rstrip("\n") if "-----BEGIN " in rest else rest.rstrip("\n")
        cut = body.rfind("\n\n")
        return ModelVersion(
            model=check_model_name(model),
            version=version,
            number=number,
            run_id=check_run_id(trailers["Gitreg-Run"]),
            path=check_path(trailers["Gitreg-Path"]),
            digest=check_digest(trailers["Gitreg-Digest"], f"version {name}: Gitreg-Digest"),
            signature=trailers["Gitreg-Signature"],
            size=_number(trailers["Gitreg-Size"], f"version {name}: Gitreg-Size"),
            flavors=tuple(trailers["Gitreg-Flavors"].split()),
            metrics=parse_metrics(trailers.get("Gitreg-Metrics", "{}"), f"version {name}: Gitreg-Metrics"),
            description=body[:cut] if cut >= 0 else "",
            previous="" if previous == "none" else previous,
        )
    except KeyError as error:
        raise Damaged(f"version {name} has no trailer {error.args[0]}") from None


def _number(text: str, what: str, least: int = 0) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 18 or int(text) < least:
        raise Damaged(f"{what} is {text!r}, not a number")
    return int(text)


def metrics_for_tag(metrics: Mapping[str, float], wanted: tuple[str, ...] = ()) -> dict[str, float]:
    """The metrics a tag tells: those `wanted`, or as many as fit into METRICS_LIMIT bytes, in order of name."""
    chosen: dict[str, float] = {}
    for key in sorted(wanted or metrics):
        if key in metrics:
            tried = {**chosen, key: metrics[key]}
            if len(format_metrics(tried)) > METRICS_LIMIT:
                break
            chosen = tried
    return chosen


def version_text(version: Semver) -> str:
    """`v1.3.0`: how a version is written in a `ModelVersion`."""
    return format_semver(version)
