"""The text of a Dockerfile that serves one model. A function of its facts alone: no clock, nothing of this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gitreg.errors import Refused

Manager = Literal["pip", "uv"]

MODEL = "model"
WHEELS = "wheels"
REQUIREMENTS = "requirements.txt"
IGNORE = "*\n!requirements.txt\n!model\n!wheels\n"
"""The .dockerignore: what is copied, and nothing that lies there by chance."""

_HOME = "/opt/gitreg"
_BASE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/:-]*[A-Za-z0-9])?(?:@sha256:[0-9a-f]{64})?")
_SYSTEM: Mapping[str, tuple[str, ...]] = {
    "h2o": ("default-jre-headless",),
    "spark": ("default-jre-headless",),
    "pyspark": ("default-jre-headless",),
    "crate": ("r-base-core",),
    "lightgbm": ("libgomp1",),  # its wheel brings no OpenMP, unlike those of other frameworks
}
_HEALTH = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/ping', timeout=4)"


@dataclass(frozen=True)
class Image:
    """What an image is made of.

    `needs` are the flavors and packages of the model; `wheel` is the file name of gitreg's own wheel in wheels/, "" to
    take gitreg from the index; with `offline` everything is in wheels/. `labels` are the image's.
    """

    name: str
    digest: str
    base: str
    port: int
    manager: Manager
    needs: frozenset[str]
    labels: Mapping[str, str]
    wheel: str = ""
    offline: bool = False

    @property
    def system_packages(self) -> list[str]:
        """Debian's packages that pip does not bring."""
        return sorted({package for name in self.needs for package in _SYSTEM.get(name, ())})


def check_base(base: str) -> str:
    """`base`, if it is the name of an image; otherwise Refused."""
    if not _BASE.fullmatch(base):
        raise Refused(f"{base!r} is no name of an image", "it is written as python:3.11-slim")
    return base


def format_dockerfile(image: Image) -> str:
    """The Dockerfile. Refused where a label cannot be written down."""
    blocks: list[str | None] = [
        f"# {image.name}, made by gitreg dockerfile. The folder {MODEL} is verified against the digest at each start.",
        f"FROM {image.base}",
        "LABEL " + " \\\n      ".join(f"{name}={_quoted(value)}" for name, value in image.labels.items()),
        _install_system(image.system_packages) if image.system_packages else None,
        "ENV PYTHONUNBUFFERED=1 \\\n    PYTHONDONTWRITEBYTECODE=1 \\\n"
        f'    VIRTUAL_ENV={_HOME}/venv \\\n    PATH="{_HOME}/venv/bin:$PATH"',
        f"WORKDIR {_HOME}",
        "RUN useradd --create-home --uid 10001 gitreg && python -m venv venv",
        "\n".join([f"COPY {REQUIREMENTS} ./", *([f"COPY {WHEELS} ./{WHEELS}"] if _has_wheels(image) else [])]),
        _install(image),
        f"COPY {MODEL} ./{MODEL}",
        "USER 10001:10001",
        f"EXPOSE {image.port}",
        "HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \\\n"
        f"    CMD {json.dumps(['python', '-c', _HEALTH.format(port=image.port)])}",
        f"CMD {json.dumps(_command(image))}",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _has_wheels(image: Image) -> bool:
    return bool(image.wheel) or image.offline


def _install_system(packages: Iterable[str]) -> str:
    return (
        f"RUN apt-get update && apt-get install --yes --no-install-recommends {' '.join(packages)} "
        "&& rm -rf /var/lib/apt/lists/*"
    )


def _install(image: Image) -> str:
    source = f"--no-index --find-links {WHEELS} " if image.offline else ""
    own = f' "./{WHEELS}/{image.wheel}[serve]"' if image.wheel else ""
    what = f"{source}--requirement {REQUIREMENTS}{own}"
    if image.manager == "pip":
        return f"RUN pip install --no-cache-dir --disable-pip-version-check {what}"
    uv = "--no-index --find-links wheels uv" if image.offline else "uv"
    return (
        f"RUN pip install --no-cache-dir --disable-pip-version-check {uv} && \\\n    uv pip install --no-cache {what}"
    )


def _command(image: Image) -> list[str]:
    serve = ["gitreg", "serve", "--model-dir", f"{_HOME}/{MODEL}", "--digest", image.digest, "--name", image.name]
    return [*serve, "--host", "0.0.0.0", "--port", str(image.port)]


def _quoted(value: str) -> str:
    if not value.isprintable():
        raise Refused(f"{value!r} cannot be a label of an image", "it has control characters")
    return '"' + re.sub(r'([\\"$])', r"\\\1", value) + '"'
