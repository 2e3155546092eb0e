"""The team's own commands: evaluations and checks, with the scripts that main has, never those of the change.

Each runs in a copy of main, beside a verified copy of the model, in an environment without tokens.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO

from gitreg.checks._base import Contents, Proposal
from gitreg.errors import Damaged, GitregError, NotFound, Refused
from gitreg.format.jsontext import number_from_json, parse_object
from gitreg.format.names import check_metric_key
from gitreg.registry.notes import note
from gitreg.registry.place import Registry
from gitreg.registry.promotion.said import bring_commit
from gitreg.registry.use.pull import pull
from gitreg.stores.disk import remove_folder
from gitreg.stores.scratch import scratch

EVALUATE = "evaluate"
TIMEOUT = "GITREG_CHECK_TIMEOUT"
_LONGEST = 256 << 10  # bytes of what a command prints
_SECONDS = 3600
_TIMED_OUT = 124  # as timeout(1) has it
_CANNOT_RUN = 126  # as a shell has it
_WORDS = re.compile(r"\{(model_dir|version|stage)\}")
_SECRET = re.compile(r".*_TOKEN|.*_PASSWORD|GIT_.*|CI_REPOSITORY_URL|SSH_AUTH_SOCK")


@dataclass(frozen=True)
class Answer:
    """How a command ended: exit code, what it printed, and what it said beside that."""

    code: int
    out: str
    err: str


def with_commands(place: Registry, proposal: Proposal, base: str) -> Proposal:
    """The proposal with what the commands of its stage's policy said, and what was measured, which is noted, too.

    The scripts are those of the commit `base`. What a stage runs is evaluated where nobody did yet, to compare with.
    """
    rules = proposal.rules
    if proposal.candidate is None or not (rules.evaluate or rules.checks):
        return proposal
    said = dict(proposal.said)
    candidate, current = proposal.candidate, proposal.current
    try:
        with _copy_of(place, base) as folder:
            if rules.evaluate:
                candidate, said[EVALUATE] = _evaluated(place, candidate, proposal, folder)
                if current is not None and not current.measured:
                    current, _ = _evaluated(place, current, proposal, folder)
            for name, command in rules.checks.items():
                answer = _run(place, command, proposal.candidate, proposal.stage, folder)
                said[name] = answer.code, f"{answer.out}{answer.err}"
    except GitregError as error:  # the model cannot be brought, or the scripts
        said = {name: (_CANNOT_RUN, f"{error.message}\n") for name in _names(proposal)} | said
    return replace(proposal, candidate=candidate, current=current, said=said)


def _names(proposal: Proposal) -> list[str]:
    return [*([EVALUATE] if proposal.rules.evaluate else []), *proposal.rules.checks]


def _evaluated(
    place: Registry, contents: Contents, proposal: Proposal, folder: Path
) -> tuple[Contents, tuple[int, str]]:
    """The version with the metrics that the stage's evaluation printed, and what is to be told of it."""
    answer = _run(place, proposal.rules.evaluate, contents, proposal.stage, folder)
    if answer.code:
        return replace(contents, measured={}), (answer.code, f"{answer.out}{answer.err}")
    try:
        metrics = parse_measured(answer.out)
    except GitregError as error:
        return replace(contents, measured={}), (1, f"{error.message}\n{answer.err}")
    told = ", ".join(f"{name} {value:g}" for name, value in sorted(metrics.items()))
    try:
        note(contents.version, metrics=metrics, dataset=proposal.stage, registry=place)
    except GitregError as error:  # who may not write can look all the same
        told += f"; not recorded: {error.message}"
    return replace(contents, measured=metrics), (0, told)


def parse_measured(text: str) -> dict[str, float]:
    """The metrics that an evaluation printed: a JSON object, alone or as its last line. Damaged where it is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise Damaged("the evaluation printed nothing; it has to print its metrics as a JSON object")
    try:
        found = parse_object(text, "what the evaluation printed")
    except Damaged:
        found = parse_object(lines[-1], "the last line that the evaluation printed")
    if not found:
        raise Damaged("the evaluation printed no metric")
    return {check_metric_key(name): number_from_json(value, f"metric {name}") for name, value in found.items()}


def _run(place: Registry, command: str, contents: Contents, stage: str, folder: Path) -> Answer:
    holding = Path(tempfile.mkdtemp(prefix="model-", dir=folder))
    try:
        model = pull(contents.version, holding / "model", registry=place)
        words = {"model_dir": str(model), "version": str(contents.version), "stage": stage}
        return run_command(filled(command, words), folder / "base", timeout())
    finally:
        remove_folder(holding)


def filled(command: str, words: Mapping[str, str]) -> str:
    """The command with `{model_dir}`, `{version}` and `{stage}` as single words of a shell."""
    return _WORDS.sub(lambda found: shlex.quote(words[found[1]]), command)


def timeout() -> float:
    """How many seconds a command may take. Refused where GITREG_CHECK_TIMEOUT is no number."""
    text = os.environ.get(TIMEOUT, "")
    if not text:
        return _SECONDS
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or not float(text):
        raise Refused(f"{TIMEOUT} is {text!r}, not a number of seconds", f"export {TIMEOUT}=600")
    return float(text)


def run_command(command: str, folder: Path, seconds: float) -> Answer:
    """Run a command line in a folder; it and all that it started is ended after `seconds`."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET.fullmatch(name)}
    running = subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=folder, env=kept, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert running.stdout and running.stderr
    out, err = _Reader(running.stdout), _Reader(running.stderr)
    late = False
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        late = True
    finally:
        with suppress(ProcessLookupError):  # also what it left running behind it
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    said = Answer(running.returncode, out.text(), err.text())
    if late:
        return Answer(_TIMED_OUT, said.out, f"{said.err}it took longer than {seconds:g} seconds ({TIMEOUT})\n")
    return said


class _Reader:
    """Reads a stream to its end, in a thread, and keeps the beginning."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._kept = bytearray()
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:
            while piece := self._stream.read1(64 << 10):  # type: ignore[attr-defined]  # a pipe is buffered
                self._kept += piece[: max(_LONGEST - len(self._kept), 0)]

    def text(self) -> str:
        self._thread.join(10)  # whoever left the group may hold the pipe open
        return bytes(self._kept).decode("utf-8", "replace")


@contextmanager
def _copy_of(place: Registry, commit: str) -> Iterator[Path]:
    """A folder with the files of a commit in its `base`. Damaged where git cannot write them."""
    bring_commit(place, commit)
    with scratch(place.state / "checks") as folder:
        target = folder / "base"
        target.mkdir()
        answer = place.git.read("archive", "--format=tar", commit)
        if answer.code:
            raise NotFound(f"git cannot copy the files of {commit[:12]}: {answer.err}", "gitreg fetch")
        with tarfile.open(fileobj=BytesIO(answer.out)) as archive:
            try:
                archive.extractall(target, filter="data")
            except (tarfile.TarError, OSError) as error:
                raise Damaged(f"the files of {commit[:12]} cannot be copied: {error}") from None
        yield folder
