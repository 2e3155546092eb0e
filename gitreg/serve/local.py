"""A predictor in this process, and a slot that holds one for good."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from gitreg.flavors.pyfunc import PyFunc
from gitreg.flavors.saving.code import leave_code
from gitreg.format.times import format_time
from gitreg.format.versions import ModelVersion
from gitreg.registry.use.answering import Answer, answer
from gitreg.serve._base import Predictor, Served, State
from gitreg.stores.clock import now


class LocalPredictor:
    """A model that was loaded into this process."""

    def __init__(self, model: PyFunc, served: Served) -> None:
        self._model = model
        self.served = served
        self._closed = False

    @property
    def version(self) -> ModelVersion | None:
        """The version that answers."""
        return self.served.version

    def answer(self, content_type: str, body: bytes) -> Answer:
        """The model's answer to one request."""
        return answer(self._model, content_type, body)

    def close(self) -> None:
        """Take the model's code/ back, so that what is served next imports its own; the rest goes with the object."""
        pyfunc = self.served.mlmodel.pyfunc
        if pyfunc and pyfunc.code and not self._closed:
            leave_code(self.served.folder / pyfunc.code)
        self._closed = True


class Fixed:
    """A slot whose predictor never changes."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._state = State(since=format_time(now()))

    def use(self) -> AbstractContextManager[Predictor]:
        """The predictor."""
        return nullcontext(self._predictor)

    def state(self) -> State:
        """Always well."""
        return self._state

    def close(self) -> None:
        """Close the predictor."""
        self._predictor.close()
