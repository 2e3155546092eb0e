"""What changed between two schemas, entry by entry, and how large that is for a caller (docs/format.md 1.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gitreg.format.schema import Array, Column, Map, Object, Property, Schema, Tensor, Type
from gitreg.format.semver import Bump
from gitreg.format.signature_spelling import spell_name, spell_type

Part = Literal["inputs", "outputs", "params", "flavors", "signature"]

_WIDENINGS = frozenset({("integer", "long"), ("integer", "double"), ("float", "double")})
_Side = Literal["inputs", "outputs"]
_Name = str | int | None


@dataclass(frozen=True)
class Change:
    """One difference: `name` is the column, tensor or param as its key in a stage file, or the flavor.

    The name is empty where the change is of the whole part, or of the only tensor. `what` says what happened and
    `effect` what that means for a caller, both in a few words.
    """

    part: Part
    name: str
    what: str
    bump: Bump
    effect: str


def input_changes(old: Schema | None, new: Schema | None) -> Iterator[Change]:
    """What a caller has to know about sending data."""
    if not old or not new:
        if new:
            yield Change("inputs", "", "were declared", "major", "data that does not fit them is refused from now on")
        elif old:
            yield Change("inputs", "", "were dropped", "major", "data is no longer checked, ordered or converted")
    elif _kind(old) != _kind(new):
        yield Change("inputs", "", f"{_kind(old)} became {_kind(new)}", "major", "data has to be sent in another form")
    elif isinstance(old[0], Tensor):
        yield from _input_tensors(_tensors(old), _tensors(new))
    elif old[0].name is None:
        yield from _unnamed_columns("inputs", _columns(old), _columns(new))
    else:
        yield from _input_columns(_columns(old), _columns(new))


def _input_columns(old: Sequence[Column], new: Sequence[Column]) -> Iterator[Change]:
    before, after, renamed = _paired(old, new)
    new_names = {column.name for column in renamed.values()}
    for name, column in before.items():
        if name in renamed:
            what = f"was renamed to {_key(renamed[name].name)}"
            yield Change("inputs", _key(name), what, "major", "what callers send under the old name is not used")
            yield from _input_column(column, renamed[name])
        elif name in after:
            yield from _input_column(column, after[name])
        else:
            yield Change("inputs", _key(name), "was removed", "minor", "callers may go on sending it; it is not used")
    for name, column in after.items():
        if name in before or name in new_names:
            continue
        if column.required:
            yield Change("inputs", _key(name), "was added", "major", "callers that do not send it are refused")
        else:
            yield Change("inputs", _key(name), "was added as optional", "minor", "callers may send it")
    if reordered(before, after):
        yield Change("inputs", "", "were reordered", "patch", "none: columns are found by name")


def _input_column(old: Column, new: Column) -> Iterator[Change]:
    name = _key(new.name)
    if old.required and not new.required:
        yield Change("inputs", name, "became optional", "minor", "callers may leave it out")
    elif new.required and not old.required:
        yield Change("inputs", name, "became required", "major", "callers that leave it out are refused")
    if (old.type, new.type) in _WIDENINGS:
        yield Change("inputs", name, became(old.type, new.type), "minor", "callers may send either")
    else:
        for what, bump, effect in _nested(old.type, new.type):
            yield Change("inputs", name, what, bump, effect)


def _nested(old: Type, new: Type, path: str = "") -> Iterator[tuple[str, Bump, str]]:
    """Changes inside a type; `path` leads to it through the properties of objects."""
    if isinstance(old, Array) and isinstance(new, Array):
        yield from _nested(old.items, new.items, path)
    elif isinstance(old, Map) and isinstance(new, Map):
        yield from _nested(old.values, new.values, path)
    elif isinstance(old, Object) and isinstance(new, Object):
        before = {member.name: member for member in old.properties}
        after = {member.name: member for member in new.properties}
        for name in sorted(before.keys() | after.keys()):
            yield from _member(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif old != new:
        where = f" in property {path!r}" if path else ""
        yield became(old, new) + where, "major", "what callers send is refused"


def _member(old: Property | None, new: Property | None, path: str) -> Iterator[tuple[str, Bump, str]]:
    if new is None:
        yield f"property {path!r} was removed", "major", "callers that still send it are refused"
    elif old is None:
        if new.required:
            yield f"property {path!r} was added", "major", "callers that do not send it are refused"
        else:
            yield f"property {path!r} was added as optional", "minor", "callers may send it"
    else:
        if old.required and not new.required:
            yield f"property {path!r} became optional", "minor", "callers may leave it out"
        elif new.required and not old.required:
            yield f"property {path!r} became required", "major", "callers that leave it out are refused"
        yield from _nested(old.type, new.type, path)


def _input_tensors(old: Sequence[Tensor], new: Sequence[Tensor]) -> Iterator[Change]:
    before, after = {one.name: one for one in old}, {one.name: one for one in new}
    for name, tensor in before.items():
        if name in after:
            yield from _tensor("inputs", tensor, after[name])
        else:
            yield Change("inputs", _key(name), "was removed", "minor", "callers may go on sending it; it is not used")
    for name in after:
        if name not in before:
            yield Change("inputs", _key(name), "was added", "major", "callers that do not send it are refused")
    if reordered(before, after):
        yield Change("inputs", "", "were reordered", "patch", "none: tensors are found by name")


def _tensor(part: _Side, old: Tensor, new: Tensor) -> Iterator[Change]:
    name = _key(new.name)
    failing = "what callers send is refused" if part == "inputs" else "callers get what they do not expect"
    if old.dtype != new.dtype:
        yield Change(part, name, f"{old.dtype} became {new.dtype}", "major", failing)
    if old.shape == new.shape:
        return
    what = f"the shape {list(old.shape)} became {list(new.shape)}"
    if len(old.shape) == len(new.shape):
        sizes = [pair for pair in zip(old.shape, new.shape, strict=True) if pair[0] != pair[1]]
        if part == "inputs" and all(size == -1 for _, size in sizes):
            yield Change(part, name, what, "minor", "callers may send more sizes than before")
            return
        if part == "outputs" and all(size == -1 for size, _ in sizes):
            yield Change(part, name, what, "minor", "callers can rely on the size")
            return
    yield Change(part, name, what, "major", failing)


def output_changes(old: Schema | None, new: Schema | None) -> Iterator[Change]:
    """What a caller has to know about reading predictions."""
    if not old or not new:
        if new:
            yield Change("outputs", "", "were declared", "minor", "callers can rely on what they get")
        elif old:
            yield Change("outputs", "", "were dropped", "major", "callers can no longer rely on what they get")
    elif _kind(old) != _kind(new):
        yield Change("outputs", "", f"{_kind(old)} became {_kind(new)}", "major", "callers get another form of data")
    elif isinstance(old[0], Tensor):
        yield from _output_tensors(_tensors(old), _tensors(new))
    elif old[0].name is None:
        yield from _unnamed_columns("outputs", _columns(old), _columns(new))
    else:
        yield from _output_columns(_columns(old), _columns(new))


def _output_columns(old: Sequence[Column], new: Sequence[Column]) -> Iterator[Change]:
    before, after, renamed = _paired(old, new)
    new_names = {column.name for column in renamed.values()}
    for name, column in before.items():
        if name in renamed:
            what = f"was renamed to {_key(renamed[name].name)}"
            yield Change("outputs", _key(name), what, "major", "callers do not find it under the old name")
        if name in renamed or name in after:
            yield from _output_column(column, renamed.get(name) or after[name])
        else:
            yield Change("outputs", _key(name), "was removed", "major", "callers that read it fail")
    for name in after:
        if name not in before and name not in new_names:
            yield Change("outputs", _key(name), "was added", "minor", "callers may read it")
    if reordered(before, after):
        yield Change("outputs", "", "were reordered", "minor", "callers have to read columns by name")


def _output_column(old: Column, new: Column) -> Iterator[Change]:
    name = _key(new.name)
    if new.required and not old.required:
        yield Change("outputs", name, "became required", "minor", "callers get it always")
    elif old.required and not new.required:
        yield Change("outputs", name, "became optional", "major", "callers may not get it")
    if (new.type, old.type) in _WIDENINGS:
        yield Change("outputs", name, became(old.type, new.type), "minor", "it fits where the old type did")
    elif old.type != new.type:
        yield Change("outputs", name, became(old.type, new.type), "major", "callers get what they do not expect")


def _output_tensors(old: Sequence[Tensor], new: Sequence[Tensor]) -> Iterator[Change]:
    before, after = {one.name: one for one in old}, {one.name: one for one in new}
    for name, tensor in before.items():
        if name in after:
            yield from _tensor("outputs", tensor, after[name])
        else:
            yield Change("outputs", _key(name), "was removed", "major", "callers that read it fail")
    for name in after:
        if name not in before:
            yield Change("outputs", _key(name), "was added", "major", "callers get what they do not expect")
    if reordered(before, after):
        yield Change("outputs", "", "were reordered", "major", "callers get what they do not expect")


def _unnamed_columns(part: _Side, old: Sequence[Column], new: Sequence[Column]) -> Iterator[Change]:
    failing = "what callers send is refused" if part == "inputs" else "callers get what they do not expect"
    if len(old) != len(new):
        yield Change(part, "", f"{len(old)} columns became {len(new)}", "major", failing)
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        if before != after:
            yield Change(part, str(index), became(before.type, after.type), "major", failing)


def _kind(schema: Schema) -> str:
    named = "" if schema[0].name is not None else "unnamed "
    return named + ("tensors" if isinstance(schema[0], Tensor) else "columns")


def _columns(schema: Schema) -> list[Column]:
    return [entry for entry in schema if isinstance(entry, Column)]


def _tensors(schema: Schema) -> list[Tensor]:
    return [entry for entry in schema if isinstance(entry, Tensor)]


def _paired(
    old: Sequence[Column], new: Sequence[Column]
) -> tuple[dict[_Name, Column], dict[_Name, Column], dict[_Name, Column]]:
    """Old columns by name, new ones by name, and by old name the new column that an old one was renamed to.

    Renamed are columns that differ in the case of their names only, and those that have the same place and are the
    same in all but the name.
    """
    before, after = {column.name: column for column in old}, {column.name: column for column in new}
    gone = [(place, column) for place, column in enumerate(old) if column.name not in after]
    come = [(place, column) for place, column in enumerate(new) if column.name not in before]
    folded = {str(column.name).casefold(): column for _, column in come}
    placed = {(place, column.type, column.required): column for place, column in come}
    renamed: dict[_Name, Column] = {}
    taken: set[_Name] = set()
    for place, column in gone:
        found = folded.get(str(column.name).casefold()) or placed.get((place, column.type, column.required))
        if found is not None and found.name not in taken:
            renamed[column.name] = found
            taken.add(found.name)
    return before, after, renamed


def _key(name: _Name) -> str:
    return "" if name is None else spell_name(name)


def reordered(old: Collection[object], new: Collection[object]) -> bool:
    """Whether the names that both hold come in another order."""
    return [name for name in old if name in new] != [name for name in new if name in old]


def became(old: Type, new: Type) -> str:
    """`long became double`."""
    return f"{spell_type(old)} became {spell_type(new)}"
