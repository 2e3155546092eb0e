"""What changed between two versions for those who call `predict`, and how large that is (docs/format.md 1.3).

A promise is made through pyfunc and serving: extra input columns are dropped, columns are put in order by name,
integer is taken for long and double, float for double. What such a caller does not notice is a patch, what it
may use but need not is minor, what it fails on is major. Native objects are not part of the promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitreg.format.mlmodel import PREDICT_ALONE
from gitreg.format.schema import Param, Signature
from gitreg.format.schema_changes import Change, Part, became, input_changes, output_changes, reordered
from gitreg.format.semver import Bump, larger
from gitreg.format.signature_spelling import spell_name

__all__ = ["Change", "Part", "Promise", "compare", "needed"]

_PARAM_WIDENINGS = frozenset({("integer", "long"), ("integer", "double"), ("long", "double"), ("float", "double")})
_PREDICTING = frozenset({"python_function", *PREDICT_ALONE})


@dataclass(frozen=True)
class Promise:
    """What a version promises to callers; `flavors` are the keys of MLmodel's `flavors:`, in any order."""

    signature: Signature | None
    flavors: tuple[str, ...]

    @property
    def signed(self) -> bool:
        """Whether there is a signature that declares something; without one nothing is promised."""
        return self.signature is not None and self.signature.declared


def compare(old: Promise, new: Promise) -> tuple[Change, ...]:
    """Every change from `old` to `new`; empty where a caller sees none.

    Between two promises without a signature no change is more than minor.
    """
    return (*_signature_changes(old, new), *_flavor_changes(old, new))


def needed(changes: Iterable[Change]) -> Bump:
    """The largest bump among `changes`; patch where there is none."""
    found: Bump = "patch"
    for change in changes:
        found = larger(found, change.bump)
    return found


def _signature_changes(old: Promise, new: Promise) -> Iterator[Change]:
    before, after = old.signature, new.signature
    if before is None or not before.declared:
        if new.signed:
            yield Change("signature", "", "was declared", "major", "data that does not fit it is refused from now on")
        return
    if after is None or not after.declared:
        yield Change("signature", "", "was dropped", "major", "nothing is promised to callers any more")
        return
    yield from input_changes(before.inputs, after.inputs)
    yield from output_changes(before.outputs, after.outputs)
    yield from _param_changes(before.params or (), after.params or ())


def _param_changes(old: Sequence[Param], new: Sequence[Param]) -> Iterator[Change]:
    before, after = {param.name: param for param in old}, {param.name: param for param in new}
    for name, param in before.items():
        if name in after:
            yield from _one_param(param, after[name])
        else:
            yield Change("params", spell_name(name), "was removed", "major", "what callers set is no longer used")
    for name in after:
        if name not in before:
            yield Change("params", spell_name(name), "was added", "minor", "callers may set it")
    if reordered(before, after):
        yield Change("params", "", "were reordered", "patch", "none: params are found by name")


def _one_param(old: Param, new: Param) -> Iterator[Change]:
    name, failing = spell_name(new.name), "what callers set is refused"
    if old.shape != new.shape:
        what = "one value became a list" if new.shape else "a list became one value"
        yield Change("params", name, what, "major", failing)
    if old.type == new.type or (old.type, new.type) in _PARAM_WIDENINGS:
        if old.type != new.type:
            yield Change("params", name, became(old.type, new.type), "minor", "callers may set either")
        if old.shape == new.shape and not _same(old.default, new.default):
            yield Change("params", name, "has another default", "minor", "callers that do not set it get another")
    else:
        yield Change("params", name, became(old.type, new.type), "major", failing)


def _flavor_changes(old: Promise, new: Promise) -> Iterator[Change]:
    before, after = set(old.flavors), set(new.flavors)
    had, has = before & _PREDICTING, after & _PREDICTING
    if had and not has:
        bump: Bump = "major" if old.signed or new.signed else "minor"
        yield Change("flavors", max(had), "was removed", bump, "there is no predict any more")
    elif has and not had:
        yield Change("flavors", max(has), "was added", "minor", "there is predict from now on")
    told = {"python_function"} if had and has else _PREDICTING
    gone, come = sorted(before - after - told), sorted(after - before - told)
    if gone or come:
        if gone and come:
            what = f"{', '.join(gone)} became {', '.join(come)}"
        else:
            what = f"{', '.join(gone or come)} {'was removed' if gone else 'was added'}"
        yield Change("flavors", "", what, "minor", "load_model gives another object; predict is as before")


def _same(old: object, new: object) -> bool:
    """Whether two defaults are one value; 1 and 1.0 are, true and 1 are not."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, int | float) and isinstance(new, int | float):
        return old == new or (old != old and new != new)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(_same(*pair) for pair in zip(old, new, strict=True))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    return old == new
