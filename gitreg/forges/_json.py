"""Reading a forge's JSON: what is of another kind than it should be is the forge's fault, and is told as such."""

from __future__ import annotations

from collections.abc import Mapping

from gitreg.errors import Refused, Unreachable
from gitreg.format.times import format_time, parse_time


def text(value: object, *path: str) -> str:
    """The text (or number) at a path of keys; "" where it is null or not there."""
    found = _at(value, path)
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise _strange(path)
    return str(found)


def needed(value: object, *path: str) -> str:
    """The text at a path of keys, which must be there."""
    found = text(value, *path)
    if not found:
        raise _strange(path)
    return found


def truth(value: object, *path: str) -> bool:
    """Whether true stands at a path of keys."""
    return _at(value, path) is True


def moment(value: object, *path: str) -> str:
    """The time at a path of keys as gitreg writes times (UTC, RFC 3339); "" where it is null or not there."""
    found = text(value, *path)
    try:
        return format_time(parse_time(found)) if found else ""
    except Refused:
        raise _strange(path) from None


def mapping(value: object, *path: str) -> Mapping[str, object]:
    """The object at a path of keys; an empty one where it is null or not there."""
    found = _at(value, path)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _strange(path)
    return found


def objects(value: object, *path: str) -> list[Mapping[str, object]]:
    """The list of objects at a path of keys; an empty one where it is null or not there."""
    found = _at(value, path)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise _strange(path)
    return found


def strings(value: object, *path: str) -> list[str]:
    """The list of texts at a path of keys; an empty one where it is null or not there."""
    found = _at(value, path)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise _strange(path)
    return found


def _at(value: object, path: tuple[str, ...]) -> object:
    for key in path:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _strange(path)
        value = value.get(key)
    return value


def _strange(path: tuple[str, ...]) -> Unreachable:
    where = ".".join(path) or "its top"
    return Unreachable(
        f"the forge's answer has something else at {where} than it should",
        "is this its address? git config gitreg.forgeUrl",
    )
