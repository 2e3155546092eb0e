"""The digest: the tag, the stage file and SHA256SUMS tell the same, and SHA256SUMS tells of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from gitreg.checks._base import Contents, Problem, Proposal
from gitreg.checks._words import problem_at, promote_again, stage_file_proposed
from gitreg.format.pointer import SUFFIX
from gitreg.format.sums import NAME, parse_sums

ABOUT = "SHA256SUMS lists every file of the model, and its own hash is what the tag and the stage file state"


def applies(proposal: Proposal) -> bool:
    """Where there is a version."""
    return proposal.candidate is not None


def problems(proposal: Proposal) -> Iterator[Problem]:
    """Where the three disagree, then files."""
    assert proposal.candidate
    contents, version = proposal.candidate, proposal.candidate.version
    proposed = stage_file_proposed(proposal)
    if proposed and proposed.digest != version.digest:
        said = f"it states the digest {proposed.digest}, and {version} has {version.digest or 'none'}"
        yield problem_at(proposal, said, "digest", hint=promote_again(proposal))
    text = contents.texts.get(NAME)
    if text is None:
        yield problem_at(proposal, f"{version} has no {NAME}", "digest", hint="gitreg fsck")
        return
    own = "sha256:" + hashlib.sha256(text).hexdigest()
    if own != version.digest:
        said = f"{NAME} of {version} has the digest {own}, and its tag states {version.digest or 'none'}"
        yield problem_at(proposal, said, "digest", hint="gitreg fsck")
    for problem in _files(contents, text):
        yield problem_at(proposal, problem, "digest", hint="gitreg fsck")


def found(proposal: Proposal) -> str:
    """How many files."""
    assert proposal.candidate
    sums = parse_sums(proposal.candidate.texts.get(NAME, b""))
    return f"{len(sums.entries)} files, {proposal.candidate.version.digest[:19]}..."


def _files(contents: Contents, text: bytes) -> Iterator[str]:
    sums = parse_sums(text, f"{NAME} of {contents.version}")
    left = set(contents.sizes) - {NAME}
    for path, sha256 in sums.entries:
        if path in left:
            left.discard(path)
            if contents.hashes.get(path, sha256) != sha256:
                yield f"{path} of {contents.version} is not what {NAME} lists: its sha256 is {contents.hashes[path]}"
        elif path + SUFFIX in left:
            left.discard(path + SUFFIX)
        else:
            yield f"{path} is listed in {NAME} of {contents.version} and is not there"
    for path in sorted(left):
        yield f"{path} of {contents.version} is not listed in {NAME}"
