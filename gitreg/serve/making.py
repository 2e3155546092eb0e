"""The application of one process: what is served is fetched and loaded before anything listens."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import uvicorn

from gitreg.format.versions import ModelVersion
from gitreg.registry.place import Registry
from gitreg.registry.progress import Progress, silent
from gitreg.serve._base import Predictor, Served, Slot
from gitreg.serve.app import Server
from gitreg.serve.current import Current
from gitreg.serve.follow import first_version, follow
from gitreg.serve.loading import fetch_model, load_served, read_folder, warm_up
from gitreg.serve.local import Fixed
from gitreg.serve.protocol import Limits
from gitreg.serve.settings import Settings, What

THREADS = min(32, (os.cpu_count() or 1) + 4)


def find(what: What, progress: Progress = silent) -> Served:
    """What is to be served now, fetched and verified."""
    if what.folder is not None:
        return read_folder(what.folder, what.digest, what.name, progress)
    assert what.ref
    place = what.place()
    if what.every is None:
        return fetch_model(place, what.ref, progress)
    return _fetch_version(place, first_version(what.ref, place, what.max_stale), progress)


def _fetch_version(place: Registry, version: ModelVersion, progress: Progress = silent) -> Served:
    """A version, fetched and verified, with what was known of it when it was looked up: its stage, and how stale."""
    return replace(fetch_model(place, version, progress), version=version)


def make_slot(what: What, served: Served) -> Slot:
    """`served`, loaded and warmed up, in a slot that follows the reference if that is wished."""
    predictor = load_served(served, what.how)
    warm_up(predictor)
    if what.every is None:
        return Fixed(predictor)
    assert what.ref
    place = what.place()

    def make(version: ModelVersion) -> Predictor:
        return load_served(_fetch_version(what.place(), version), what.how)

    current = Current(predictor)
    follow(current, what.ref, place, what.every, what.max_stale, make)
    return current


def make_app(settings: Settings, served: Served) -> Server:
    """The application, its model loaded."""
    slot = make_slot(settings.what, served)
    return Server(slot, ThreadPoolExecutor(THREADS, "gitreg-predict"), Limits(settings.max_body, settings.timeout))


def configure(settings: Settings, app: Any) -> uvicorn.Config:
    """uvicorn's settings. Without `verbose` only what is wrong is logged, with it a line for each request, too."""
    level = {"level": "INFO" if settings.verbose else "WARNING", "handlers": ["stderr"], "propagate": False}
    log = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(message)s"}, "named": {"format": "%(levelname)s: %(message)s"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "named"},
            "access": {"class": "logging.StreamHandler", "formatter": "plain"},
        },
        "loggers": {
            "gitreg": {**level, "level": "INFO"},
            "uvicorn": {**level, "level": "WARNING"},
            "uvicorn.access": {**level, "handlers": ["access"]},
        },
    }
    return uvicorn.Config(
        app, log_config=log, access_log=settings.verbose, ws="none", lifespan="on", proxy_headers=False,
        server_header=False, workers=settings.workers, factory=settings.workers > 1,
    )  # fmt: skip
