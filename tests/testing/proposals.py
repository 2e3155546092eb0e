"""Proposals as the checks are given them, without any repository: a good one, to be spoilt by each test."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitreg.checks._base import Contents, PayloadFact, Proposal, Pull
from gitreg.errors import GitregError
from gitreg.format.environment import REQUIREMENTS, parse_requirements
from gitreg.format.pointer import SUFFIX, parse_pointer
from gitreg.format.policy import Gate, Person, Policy, StagePolicy
from gitreg.format.pulls import Review, Verdict, content_of
from gitreg.format.runs import Run
from gitreg.format.stage_file import StageFile, format_stage_file, stage_file_path
from gitreg.format.sums import NAME as SUMS
from gitreg.format.sums import parse_sums
from gitreg.format.versions import ModelVersion
from testing.models import CHURN
from testing.plumbed import AUTHOR, ModelFiles

MODEL, STAGE = "churn", "production"
PATH = stage_file_path(STAGE, MODEL)
REQUESTER = "Rita Requester <rita@example.org>"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f bo"
FINGERPRINT = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"
PEOPLE = {
    "ana": Person("ana", ("ana@example.org",), {"github": "ana-a"}),
    "rita": Person("rita", ("rita@example.org", "rita@home.example.org"), {"github": "rita-r"}),
    "bo": Person("bo", ("bo@example.org",), {"github": "bo-b"}, (KEY,)),
    "cy": Person("cy", ("cy@example.org",), {"github": "cy-c"}),
}
"""ana logged every run; rita requests; bo and cy approve."""

RULES = StagePolicy(
    STAGE, after="staging", approvals=1, approvers=("@leads",), gates=(Gate("accuracy", 0.9, None, 0.005),)
)
POLICY = Policy(PEOPLE, {"leads": ("bo", "cy", "rita")}, {"staging": StagePolicy("staging"), STAGE: RULES})


def contents(
    version: str = "v1.3.0", files: ModelFiles | None = None, *, measured: Mapping[str, float] | None = None, **own: Any
) -> Contents:
    """A version that holds `files`; `own` are facts of the version."""
    model = files or ModelFiles(CHURN)
    committed, number = model.committed(), int("".join(filter(str.isdecimal, version)))
    logged = model.logged(f"run-{number}")
    held = ModelVersion(
        MODEL, version, number, logged.run_id, logged.path, logged.digest, logged.signature, logged.size,
        logged.flavors, {"accuracy": 0.93}, tag="1" * 40, commit=f"{number:040x}", author=AUTHOR,
    )  # fmt: skip
    return Contents(
        replace(held, **own),
        Run(logged.run_id, status="finished", metrics=held.metrics, author=AUTHOR),
        {path: len(content) for path, content in committed.items()},
        {path: content for path, content in committed.items() if path.endswith(SUFFIX) or path in _READ},
        dict(held.metrics) if measured is None else measured,
        model.signature,
        payloads(committed),
        {path: hashlib.sha256(content).hexdigest() for path, content in committed.items()},
    )


_READ = {"MLmodel", "requirements.txt", "conda.yaml", SUMS}


def payloads(committed: Mapping[str, bytes]) -> tuple[PayloadFact, ...]:
    """What a store says that has all of them."""
    sums = parse_sums(committed[SUMS]).by_path
    found = {path.removesuffix(SUFFIX): parse_pointer(text) for path, text in committed.items() if path[-4:] == SUFFIX}
    return tuple(PayloadFact(path, p.size, sums[path], p.md5, "there") for path, p in sorted(found.items()))


def stage_text(held: Contents, stage: str = STAGE) -> bytes:
    """The file that lets a stage run it."""
    version = held.version
    lines: tuple[str, ...] = ()
    with contextlib.suppress(GitregError):  # nobody can write such a file; the checks say why
        lines = parse_requirements(held.texts.get(REQUIREMENTS, b"").decode()).lines
    found = StageFile(
        version.model, stage, version.version, version.number or 0, version.run_id, version.commit, version.digest,
        version.metrics, held.run.params, held.signature, lines,
    )  # fmt: skip
    return format_stage_file(found).encode()


def before_of(held: Contents, stage: str = "staging") -> StageFile:
    """What a stage says that runs it."""
    version = held.version
    return StageFile(
        version.model, stage, version.version, version.number or 0, version.run_id, version.commit, version.digest
    )  # fmt: skip


def proposal(held: Contents | None = None, /, **own: Any) -> Proposal:
    """Nothing is wrong with it: churn v1.3.0 to production, which runs v1.2.0; `own` are facts of the proposal.

    `held` is another version that it lets production run.
    """
    held = held or contents()
    current = contents("v1.2.0", ModelFiles(CHURN, texts={"notes.txt": "older"}))
    new = stage_text(held)
    good = Proposal(
        MODEL, STAGE, PATH, stage_text(current), new, (new.decode(),), held, current, before_of(held), POLICY, RULES,
        pull=pull(approve("Bo <bo@example.org>", new), new=new),
    )  # fmt: skip
    return replace(good, **own)


def pull(*reviews: Review, new: bytes = b"", forge: str = "local", author: str = REQUESTER, **own: Any) -> Pull:
    """A pull request that proposes `new`."""
    return Pull(forge, "12", author, content_of({PATH: new}), reviews, (PATH,), (REQUESTER,), **own)


def approve(by: str, new: bytes = b"", **own: Any) -> Review:
    """An approval of the content `new`."""
    return said(by, "approve", new, **own)


def said(by: str, verdict: Verdict, new: bytes = b"", **own: Any) -> Review:
    """A review of the content `new`."""
    return Review(by, verdict, "c" * 40, "2026-11-20T10:00:00Z", **{"content": content_of({PATH: new}), **own})


def texts(held: Contents, **changed: bytes | None) -> Contents:
    """The version with other texts (`MLmodel=b"..."`, None takes one away), SHA256SUMS left as it was."""
    kept = {**held.texts, **{name.replace("__", "."): text for name, text in changed.items()}}
    return replace(held, texts={name: text for name, text in kept.items() if text is not None})
