"""The type that two values of one list have in common."""

from __future__ import annotations

from gitreg.format.schema import AnyType, Array, Map, Object, Property, Type


class Mixed(Exception):
    """Two types without a common one."""


def merge(a: Type, b: Type) -> Type:
    """The type of values that are of type `a` or `b`; properties that one of them lacks become optional.

    Raises `Mixed`. Numbers are not widened: a list of 1 and 2.5 has no type.
    """
    if isinstance(a, AnyType):
        return b if isinstance(b, str | AnyType) else merge(b, a)
    if isinstance(a, Object):
        if isinstance(b, AnyType):
            return Object(tuple(Property(p.name, p.type, False) for p in a.properties))
        return _merge_objects(a, b)
    if isinstance(b, AnyType) or a == b:
        return a
    if isinstance(a, Array) and isinstance(b, Array):
        return Array(merge(a.items, b.items))
    if isinstance(a, Map) and isinstance(b, Map):
        return Map(merge(a.values, b.values))
    raise Mixed


def _merge_objects(a: Object, b: Type) -> Object:
    if not isinstance(b, Object):
        raise Mixed
    if a == b:
        return a
    left = {p.name: p for p in a.properties}
    right = {p.name: p for p in b.properties}
    merged = []
    for name in sorted(left.keys() | right.keys()):
        one, other = left.get(name), right.get(name)
        if one is not None and other is not None:
            merged.append(Property(name, merge(one.type, other.type), one.required and other.required))
        else:
            only = one or other
            assert only is not None
            merged.append(Property(name, only.type, False))
    return Object(tuple(merged))
