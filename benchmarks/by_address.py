"""A model of 200 MiB loaded by address on a machine that never saw the registry, of 10 and of 10,000 versions.

Git travels by smart HTTP (nginx), payloads by plain HTTP. What the servers sent is counted: bytes in nginx's log,
objects by git itself on the server's side. Beside gitreg: `dvc get` of the same version from the same servers, and
`git clone` of a repository of as many versions of the same files kept by git-lfs, whose payload is copied from a
folder and not counted. Each contestant has a home of its own that is empty when it begins.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import many_versions
from measure import FASTER, Goal, Row, gitreg_command, in_turns, timed, tool

import gitreg
from gitreg.format.stage_file import StageFile, format_stage_file, stage_file_path
from testing import serving
from testing.models import write_model
from testing.smart_http import HttpServer, introduce, serving_http

_MIB = 1 << 20
_BIG = "big"
_FEWER = Goal("fewer", lambda ours, theirs: ours < theirs)
_SAME = Goal("within 5 %", lambda ours, theirs: abs(ours - theirs) <= 0.05 * theirs)
_STATIC = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; {user}
events {{ worker_connections 64; }}
http {{
    log_format counted '$bytes_sent'; access_log {folder}/access.log counted; sendfile on;
    server {{ listen 127.0.0.1:{port}; location /payloads/ {{ alias {payloads}/; }} }}
}}
"""


@dataclass(frozen=True)
class Sent:
    """What a server sent for one load: bytes and objects of Git, and bytes of payloads."""

    git_bytes: int
    objects: int
    payload_bytes: int


@dataclass(frozen=True)
class Side:
    """A registry and its twin of git-lfs, and the servers they lie on."""

    versions: int
    origin: Path
    lfs: Path
    http: HttpServer
    traces: Path
    payload_log: Path

    def count(self, command: list[str], home: Path) -> Sent:
        """Run a command in an empty home and count what it was sent."""
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        introduce(self.http, home)
        before, payloads = len(self.http.requests()), _total(self.payload_log)
        shutil.rmtree(self.traces, ignore_errors=True)
        self.traces.mkdir()
        with _at_home(home):
            _run(command, home)
        sent = sum(asked.sent for asked in self.http.requests()[before:])
        return Sent(sent, _objects(self.traces), _total(self.payload_log) - payloads)


def measure(place: Path, quick: bool) -> list[Row]:
    """Two registries, three contestants; what each was sent, with and without filters, and how long it took."""
    many, size = (200, 4 * _MIB) if quick else (10_000, 200 * _MIB)
    rows: list[Row] = []
    counted: dict[tuple[int, bool, str], Sent] = {}
    with _servers(place) as (http, traces, payloads, static, log):
        sides = [_make(place, n, size, http, traces, payloads, static, log) for n in (10, many)]
        for side, filters in itertools.product(sides, (True, False)):
            http.allow_filter(filters)
            _trace(http, traces)
            for name, command in _contestants(place, side).items():
                counted[side.versions, filters, name] = side.count(command, place / "home")
        for side, filters in itertools.product(sides, (True, False)):
            rows += _rows(counted, side.versions, filters)
        for filters in (True, False):
            rows += _growth(counted, 10, many, filters)
        for side in sides:
            http.allow_filter(True)
            rows += _times(place, side, 2 if quick else 5, size)
    return rows


def _rows(counted: dict[tuple[int, bool, str], Sent], versions: int, filters: bool) -> list[Row]:
    ours, where = counted[versions, filters, "gitreg"], f"{versions:,} versions{'' if filters else ', no filters'}"
    rows = []
    for peer in ("dvc get", "git clone, git-lfs"):
        theirs = counted[versions, filters, peer]
        rows.append(Row(f"load by address, {where}", ours.git_bytes, peer, theirs.git_bytes, _FEWER, "bytes of Git"))
        rows.append(Row(f"load by address, {where}", ours.objects, peer, theirs.objects, _FEWER, "objects"))
    return rows


def _growth(counted: dict[tuple[int, bool, str], Sent], few: int, many: int, filters: bool) -> list[Row]:
    what = f"load by address, {many:,} versions{'' if filters else ', no filters'}"
    rows = []
    for name, label in (("gitreg", f"{_BIG}@v1.0.0"), ("gitreg stage", f"{_BIG}@production")):
        ours, theirs = counted[many, filters, name], counted[few, filters, name]
        own = f"{label} of {few}"
        rows.append(Row(f"{label}: {what}", ours.git_bytes, own, theirs.git_bytes, _SAME, "bytes of Git"))
        rows.append(Row(f"{label}: {what}", ours.objects, own, theirs.objects, _SAME, "objects"))
    return rows


def _times(place: Path, side: Side, rounds: int, size: int) -> list[Row]:
    def cold(command: list[str]) -> Callable[[], float]:
        def load() -> float:
            home = place / "home"
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            introduce(side.http, home)
            os.sync()
            with _at_home(home):
                return timed(command, home)

        return load

    peers = {name: cold(command) for name, command in _contestants(place, side).items() if name != "gitreg stage"}
    taken = in_turns(peers, rounds)
    what = f"load {size // _MIB} MiB by address, {side.versions:,} versions"
    return [Row(what, taken["gitreg"], peer, taken[peer], FASTER) for peer in taken if peer != "gitreg"]


def _contestants(place: Path, side: Side) -> dict[str, list[str]]:
    address, twin = side.http.url(side.origin), side.http.url(side.lfs)
    return {
        "gitreg": [*gitreg_command(), "pull", f"{_BIG}@v1.0.0", "out", "-R", address],
        "gitreg stage": [*gitreg_command(), "pull", f"{_BIG}@production", "out", "-R", address],
        "dvc get": [tool("DVC"), "get", "-q", address, "model", "--rev", f"{_BIG}@v1.0.0", "-o", "out"],
        "git clone, git-lfs": ["git", "clone", "-q", "-b", f"{_BIG}@v1.0.0", twin, "out"],
    }


def _make(
    place: Path, versions: int, size: int, http: HttpServer, traces: Path, payloads: Path, static: str, log: Path
) -> Side:
    """A registry of so many versions whose last is of the big model, at its origin; and its twin."""
    folder = place / f"registry-{versions}"
    _run([*gitreg_command(), "init", str(folder), "--payloads", str(payloads)], place)
    models = 1 if versions <= 10 else 100
    many_versions.build(folder, models, (versions - 1) // models)
    source = place / "source"
    if not source.exists():
        write_model(source, weights=os.urandom(size))
    gitreg.commit(source, register_as=_BIG, registry=folder)
    _promote(folder)
    _read_over_http(folder, static)
    origin = place / f"origin-{versions}.git"
    _run(["git", "clone", "-q", "--mirror", str(folder), str(origin)], place)
    _run(["git", "--git-dir", str(origin), "repack", "-a", "-d", "-q", "-b"], place)
    return Side(versions, origin, _twin(place, versions, source), http, traces, log)


def _promote(folder: Path) -> None:
    """Let production run the big model, as a merged pull request does."""
    version = gitreg.resolve(f"{_BIG}@v1.0.0", registry=folder)
    path = folder / stage_file_path("production", _BIG)
    path.parent.mkdir(parents=True)
    number, run = version.number or 0, version.run_id
    staged = StageFile(_BIG, "production", version.version, number, run, version.commit, version.digest)
    path.write_text(format_stage_file(staged))
    _run(["git", "add", "."], folder)
    _run(["git", "commit", "-q", "-m", "production runs big"], folder)


def _read_over_http(folder: Path, static: str) -> None:
    config = folder / ".dvc" / "config"
    text = config.read_text()
    url = next(line.partition("=")[2].strip() for line in text.splitlines() if line.strip().startswith("url"))
    config.write_text(text.replace(url, static))
    _run(["git", "commit", "-q", "-a", "-m", "payloads are read by HTTP"], folder)


def _twin(place: Path, versions: int, source: Path) -> Path:
    """As many versions of the same files in git with git-lfs, one commit and one tag each, as a team would keep it."""
    twin, bare = place / f"lfs-{versions}", place / f"lfs-{versions}.git"
    _run(["git", "init", "-q", str(twin)], place)
    _run(["git", "lfs", "install", "--local"], twin)
    _run(["git", "config", "-f", ".lfsconfig", "lfs.url", f"file://{bare}"], twin)
    _run(["git", "lfs", "track", "*.pkl"], twin)
    texts = {p.name: p.read_bytes() for p in source.iterdir() if p.suffix != ".pkl"}
    lines = [b"feature done\n"]
    attributes = {name: (twin / name).read_bytes() for name in (".gitattributes", ".lfsconfig")}
    for n in range(1, versions):
        lines.append(b"commit refs/heads/main\nauthor a <a@example.org> %d +0000\n" % (n * 60))
        lines.append(b"committer a <a@example.org> %d +0000\ndata 1\nv\n" % (n * 60))
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{n:064x}\nsize {size_of(n)}\n".encode()
        files = {
            **attributes,
            **{f"model/{k}": v + b"# %d\n" % n for k, v in texts.items()},
            "model/model.pkl": pointer,
        }
        lines += [b"M 644 inline %s\ndata %d\n%s\n" % (k.encode(), len(v), v) for k, v in files.items()]
        lines.append(b"reset refs/tags/m@v1.0.%d\nfrom refs/heads/main\n\n" % n)
    lines.append(b"done\n")
    subprocess.run(["git", "fast-import", "--quiet"], cwd=twin, input=b"".join(lines), check=True)
    _run(["git", "checkout", "-q", "-f", "main"], twin, GIT_LFS_SKIP_SMUDGE="1")
    shutil.rmtree(twin / "model")
    shutil.copytree(source, twin / "model")
    _run(["git", "add", "."], twin)
    _run(["git", "commit", "-q", "-m", _BIG], twin)
    _run(["git", "tag", f"{_BIG}@v1.0.0"], twin)
    _run(["git", "clone", "-q", "--mirror", str(twin), str(bare)], place)
    shutil.copytree(twin / ".git" / "lfs", bare / "lfs", dirs_exist_ok=True)
    return bare


def size_of(n: int) -> int:
    """The size that the n-th version's pointer tells; nobody asks for its bytes."""
    return 2000 + n


@contextmanager
def _servers(place: Path) -> Iterator[tuple[HttpServer, Path, Path, str, Path]]:
    payloads, traces, folder = place / "payloads", place / "traces", place / "static"
    for path in (payloads, traces, folder, place / "http"):
        path.mkdir()
    (folder / "access.log").touch()

    def command(port: int) -> list[str]:
        user = "user root;" if os.geteuid() == 0 else ""
        text = _STATIC.format(folder=folder, port=port, payloads=payloads, user=user)
        (folder / "nginx.conf").write_text(text)
        program = serving.program("nginx", "nginx-light")
        return [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")]

    with serving_http(place / "http") as http, serving.listening("nginx", command, folder / "nginx.log") as port:
        yield http, traces, payloads, f"http://127.0.0.1:{port}/payloads", folder / "access.log"


def _trace(http: HttpServer, traces: Path) -> None:
    """Let git on the server's side tell how many objects it sent."""
    with (http.folder / "gitconfig").open("a") as config:
        config.write(f"[trace2]\n\teventTarget = {traces}\n")


def _objects(traces: Path) -> int:
    found = 0
    for path in traces.iterdir():
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if event.get("key") == "write_pack_file/wrote":
                found += int(event["value"])
    return found


def _total(log: Path) -> int:
    return sum(int(line) for line in log.read_text().splitlines())


@contextmanager
def _at_home(home: Path) -> Iterator[None]:
    changed = {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"), "XDG_CACHE_HOME": str(home / ".cache"),
               "XDG_STATE_HOME": str(home / ".state"), "DVC_SITE_CACHE_DIR": str(home / ".dvc-site")}  # fmt: skip
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    _run(["git", "lfs", "install"], home)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _run(command: list[str], cwd: Path, **env: str) -> None:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")
