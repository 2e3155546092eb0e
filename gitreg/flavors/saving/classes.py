"""A cloudpickle pickler that gives the same bytes in every process.

cloudpickle writes classes of a script by value, each with a random id by which a process that loads several
pickles recognises the class. Here the id is a hash of the class itself: a script that is run again writes the same
pickle, and classes that differ never share an id.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from gitreg.flavors._base import framework
from gitreg.flavors.saving.opcodes import Buffer, Writable

if TYPE_CHECKING:
    from collections.abc import Callable


class Pickler(Protocol):
    """The part of a pickler that is used here."""

    def dump(self, obj: object, /) -> None: ...


class _Hash:
    """A file that keeps nothing but a hash of what is written to it."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: Buffer, /) -> int:
        self.sha256.update(data)
        return memoryview(data).nbytes


def stable_pickler(file: Writable, protocol: int) -> Pickler:
    """A pickler that writes to `file` what cloudpickle's would, but for the ids of classes."""
    return stable_pickler_class()(file, protocol)


@functools.cache
def stable_pickler_class() -> Callable[..., Pickler]:
    """The class of that pickler, for those who pickle some objects in a way of their own."""
    cloudpickle = framework("cloudpickle", "cloudpickle")
    internals: Any = cloudpickle.cloudpickle
    by_value = (internals._make_skeleton_class, internals._make_skeleton_enum)

    class StablePickler(cloudpickle.Pickler):  # type: ignore[misc, name-defined]  # imported when used
        def __init__(self, file: Writable, protocol: int, *, counting: bool = False) -> None:
            super().__init__(file, protocol=protocol)
            self._protocol = protocol
            self._counting = counting  # ids are 0, 1, 2 ...: for the hash, all that a class refers to is in the pickle
            self._ids: dict[type, str] = {}

        def reducer_override(self, obj: Any) -> Any:
            reduced = super().reducer_override(obj)
            if not isinstance(reduced, tuple) or reduced[0] not in by_value:
                return reduced
            random = internals._get_or_create_tracker_id(obj)
            if obj not in self._ids:
                self._ids[obj] = self._id_of(obj, len(random))
            stable = self._ids[obj]
            if not self._counting:
                # A pickle loaded in this process gives back this class, as one of cloudpickle's would.
                internals._DYNAMIC_CLASS_TRACKER_BY_ID[stable] = obj
            arguments = tuple(stable if argument == random else argument for argument in reduced[1])
            return (reduced[0], arguments, *reduced[2:])

        def hashing(self, file: Writable) -> Pickler:
            """The pickler that a class is hashed with."""
            return StablePickler(file, self._protocol, counting=True)

        def _id_of(self, kind: type, length: int) -> str:
            if self._counting:
                return str(len(self._ids)).zfill(length)
            content = _Hash()
            self.hashing(content).dump(kind)
            return content.sha256.hexdigest()[:length]

    return cast("Callable[..., Pickler]", StablePickler)
