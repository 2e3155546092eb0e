"""The model as callers see it: data in, predictions out, whatever framework it is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitreg.errors import Refused
from gitreg.flavors._base import Predict
from gitreg.flavors.enforcing import enforce, enforce_params
from gitreg.format.mlmodel import MLModel
from gitreg.format.schema import Signature


@dataclass(frozen=True, repr=False)
class PyFunc:
    """A loaded model with one method, `predict`.

    `metadata` is its MLmodel; `version` is the registered version it was loaded as, None where it was loaded from
    a folder; `path` is that folder, which must stay where it is while the model is used. `name` is what the model is
    called in errors.
    """

    native: object
    metadata: MLModel
    path: Path
    call: Predict
    version: object = None
    name: str = ""

    def __repr__(self) -> str:
        return f"<gitreg.PyFunc {self.name or self.path}>"

    @property
    def signature(self) -> Signature | None:
        """What `predict` takes and gives, if the model says so."""
        return self.metadata.signature

    def predict(self, data: object, params: Mapping[str, object] | None = None) -> object:
        """The model's predictions for `data`.

        Data and params are first brought into the form that the signature declares. Raises `Refused` where that
        would lose something, naming the column and the first row.
        """
        return self.call(*self.prepare(data, params))

    def prepare(
        self, data: object, params: Mapping[str, object] | None = None, *, typed: bool = False
    ) -> tuple[object, dict[str, object] | None]:
        """Data and params in the form that the signature declares; `typed` data is in it already.

        Raises `Refused` as `predict` does.
        """
        try:
            if typed:
                return data, enforce_params(params, self.signature.params if self.signature else None)
            return enforce(data, self.signature, params)
        except Refused as error:
            tells = f"gitreg show {self.version}" if self.version else "the model's .signature"
            error.hint = error.hint or f"{tells} tells what it takes"
            raise

    def unwrap(self) -> object:
        """The native object."""
        return self.native
