"""A model in its own environment: fetched and verified here, loaded by a worker there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gitreg.format.versions import ModelVersion
from gitreg.registry.environments.apart import Worker, open_worker
from gitreg.registry.environments.create import environment_of
from gitreg.registry.place import Registry, open_registry
from gitreg.registry.progress import Progress, Steps, silent, unseen
from gitreg.registry.use.load import names_of, with_snapshot
from gitreg.registry.use.locate import Named, locate


@contextmanager
def own_worker(
    ref: Named,
    manager: str,
    *,
    parquet: bool = False,
    trust: Sequence[str] | None = None,
    registry: str | os.PathLike[str] | Registry | None = None,
    offline: bool | None = None,
    progress: Progress = silent,
    steps: Steps = unseen,
) -> Iterator[tuple[Worker, ModelVersion | None]]:
    """The model that `ref` names, loaded by a worker in its own environment, and its version (None for a run's model).

    The environment is built by `manager` where it is not there; with `parquet` it reads that, too. Raises as
    `create_environment` and `load_pyfunc` do.
    """
    trusted = names_of(trust)
    place = open_registry(registry, offline=offline)
    found = locate(place, ref)
    environment = environment_of(place, found, manager, parquet=parquet, steps=steps)
    version = str(found.version) if found.version else None
    worker = with_snapshot(
        place,
        found,
        progress,
        lambda folder, mlmodel: open_worker(folder, environment.path, trusted, name=found.name, version=version),
    )
    try:
        yield worker, found.version
    finally:
        worker.close()
