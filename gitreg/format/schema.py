"""What a signature is made of: columns, tensors, parameters and their types.

The values mirror MLflow's `Schema` and `ParamSchema`; the texts they are written as are in signature and
signature_spelling.
"""

from __future__ import annotations

from dataclasses import dataclass

SCALARS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
VECTOR = "sparkml_vector"
"""MLflow's name for a column of Spark ML vectors."""


@dataclass(frozen=True)
class Array:
    """A list whose elements are all of one type."""

    items: Type


@dataclass(frozen=True)
class Property:
    """One named member of an `Object`."""

    name: str
    type: Type
    required: bool = True


@dataclass(frozen=True)
class Object:
    """A record with named properties, kept sorted by name."""

    properties: tuple[Property, ...]


@dataclass(frozen=True)
class Map:
    """String keys, values of one type."""

    values: Type


@dataclass(frozen=True)
class AnyType:
    """MLflow's `any`: a value whose type was not known (all None in the example)."""


Type = str | Array | Object | Map | AnyType  # str: one of SCALARS, or VECTOR


@dataclass(frozen=True)
class Column:
    """One column of a table; `name` is None where the table has no names.

    An int is the label of a pandas column that was a number: MLflow keeps 0 and "0" apart.
    """

    name: str | int | None
    type: Type
    required: bool = True


@dataclass(frozen=True)
class Tensor:
    """An n-dimensional array; -1 in `shape` is a dimension of any size."""

    name: str | None
    dtype: str
    shape: tuple[int, ...]


Schema = tuple[Column, ...] | tuple[Tensor, ...]


@dataclass(frozen=True)
class Param:
    """A parameter of `predict`; `shape` is None for a scalar and (-1,) for a list.

    `default` is a value that JSON can hold; the default of a datetime is ISO 8601 text.
    """

    name: str
    type: Type
    default: object
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Signature:
    """What `predict` takes and gives; a part that is None was never declared."""

    inputs: Schema | None
    outputs: Schema | None = None
    params: tuple[Param, ...] | None = None

    @property
    def declared(self) -> bool:
        """Whether anything is declared at all."""
        return bool(self.inputs or self.outputs or self.params)
