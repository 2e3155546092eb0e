"""A predictor in the model's own environment: another Python, with what the model asks for installed."""

from __future__ import annotations

import logging

from gitreg.errors import GitregError
from gitreg.format.versions import ModelVersion
from gitreg.registry.environments.apart import open_worker
from gitreg.registry.environments.create import environment_in
from gitreg.registry.use.answering import Answer, failure
from gitreg.serve._base import Served
from gitreg.serve.settings import How

_log = logging.getLogger("gitreg.serve")


class OwnPredictor:
    """A model that was loaded by a worker in its own environment, which is built where it is not there."""

    def __init__(self, served: Served, how: How) -> None:
        environment = environment_in(served.folder, served.name, how.env)
        version = str(served.version) if served.version else None
        self._worker = open_worker(
            served.folder, environment.path, tuple(how.trust), name=served.name, version=version
        )  # fmt: skip
        self.served = served

    @property
    def version(self) -> ModelVersion | None:
        """The version that answers."""
        return self.served.version

    def answer(self, content_type: str, body: bytes) -> Answer:
        """The model's answer to one request. A worker that ended is started again with the next one."""
        try:
            return self._worker.answer(content_type, body)
        except GitregError as error:
            _log.error("%s", error.message)
            return failure(500, error.message)
        except (ValueError, LookupError, TypeError, RecursionError) as error:  # frames that the model's code has spoilt
            _log.error("the worker of %s said what is no answer: %r", self.served.name, error)
            return failure(500, f"{self.served.name} failed to predict")

    def close(self) -> None:
        """End the worker."""
        self._worker.close()
