"""The short spelling of a signature in stage files: one line a column (docs/format.md 1.4).

    plan: string                            tenure: long?  (optional)
    tags: array<string>                     scores: map<any>
    home: object{city: string, zip: string?}
    image: tensor(float32, [-1, 28, 28])
    temperature: double = 0.7               stop: array<string> = ["."]  (params, with their defaults)

The key of a column without a name is its index. A name of digits, one that is empty or cannot be printed, and one
that begins with a quote or a bracket is a JSON string; the label of a pandas column that was a number is [0].
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from gitreg.errors import Damaged
from gitreg.format.schema import (
    SCALARS,
    VECTOR,
    AnyType,
    Array,
    Column,
    Map,
    Object,
    Param,
    Property,
    Schema,
    Signature,
    Tensor,
    Type,
)
from gitreg.format.signature import DEEPEST, format_signature, parse_signature

_Entry = TypeVar("_Entry")

_LABEL = re.compile(r"\[(-?[0-9]{1,19})\]")
_PLAIN = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_TENSOR = re.compile(r"tensor\(([^, ]+), \[((?:(?:-1|[0-9]{1,19})(?:, |(?=\])))*)\]\)")


def spell_signature(signature: Signature) -> dict[str, dict[str, str]]:
    """`inputs`, `outputs` and `params`, as far as they are declared: key and spelling of each entry, in order."""
    spelled: dict[str, dict[str, str]] = {}
    if signature.inputs:
        spelled["inputs"] = spell_schema(signature.inputs)
    if signature.outputs:
        spelled["outputs"] = spell_schema(signature.outputs)
    if signature.params:
        spelled["params"] = {spell_name(param.name): spell_param(param) for param in signature.params}
    return spelled


def parse_spelling(parts: Mapping[str, object]) -> Signature:
    """The signature that `spell_signature` gave as `parts`; Damaged, naming the line, for anything else.

    Parts of other names are ignored.
    """
    lines = {part: _lines(parts[part], part) for part in ("inputs", "outputs", "params") if part in parts}
    params = [_named(parse_param, key, text, "params") for key, text in lines.get("params", {}).items()]
    signature = Signature(
        inputs=parse_schema(lines["inputs"], "inputs") if "inputs" in lines else None,
        outputs=parse_schema(lines["outputs"], "outputs") if "outputs" in lines else None,
        params=tuple(params) or None,
    )
    signature = parse_signature(format_signature(signature))
    if spell_signature(signature) != lines:
        raise Damaged("the signature is not spelled as gitreg spells it")
    return signature


def _lines(value: object, part: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise Damaged(f"{part} of the signature are not a mapping of names to types")
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise Damaged(f"{part} of the signature: {key!a} is not text with a type as text")
    return dict(value)


def spell_schema(schema: Schema) -> dict[str, str]:
    """Key and spelling of each column or tensor, in the order of the schema."""
    entries: Sequence[Column | Tensor] = schema
    return {
        str(index) if entry.name is None else spell_name(entry.name): spell_column(entry)
        for index, entry in enumerate(entries)
    }


def parse_schema(lines: Mapping[str, str], part: str) -> Schema:
    """The schema that `spell_schema` gave as `lines`; Damaged, naming `part` and the line, for anything else."""
    entries = [
        parse_column(None, text) if key == str(index) else _named(parse_column, key, text, part)
        for index, (key, text) in enumerate(lines.items())
    ]
    columns = tuple(entry for entry in entries if isinstance(entry, Column))
    tensors = tuple(entry for entry in entries if isinstance(entry, Tensor))
    if not entries or (columns and tensors):
        raise Damaged(f"{part} of the signature are neither columns nor tensors")
    found: Schema = columns or tensors
    if spell_schema(found) != dict(lines):
        raise Damaged(f"{part} of the signature are not spelled as gitreg spells them")
    return found


def _named(parse: Callable[[str | int, str], _Entry], key: str, text: str, part: str) -> _Entry:
    try:
        return parse(_parse_name(key), text)
    except Damaged as error:
        raise Damaged(f"{part} of the signature: {key!a}: {error.message}") from None


def spell_column(entry: Column | Tensor) -> str:
    """A column's type, such as `long`, `long?` where it is optional, or `tensor(float32, [-1, 4])`."""
    if isinstance(entry, Tensor):
        return spell_tensor(entry)
    return spell_type(entry.type) + ("" if entry.required else "?")


def parse_column(name: str | int | None, text: str) -> Column | Tensor:
    """The column or tensor called `name` that `text` spells; Damaged where it spells none."""
    entry: Column | Tensor
    tensor = _TENSOR.fullmatch(text)
    if tensor and not isinstance(name, int):
        entry = Tensor(name, tensor[1], tuple(int(size) for size in tensor[2].split(", ") if size))
    else:
        column_type, at = _read_type(text, 0)
        entry = Column(name, column_type, required=not text.startswith("?", at))
    if spell_column(entry) != text:
        raise Damaged(f"{_shown(text)} is not how gitreg spells a column")
    return entry


def spell_tensor(tensor: Tensor) -> str:
    """`tensor(<dtype>, [<sizes>])`, -1 for a dimension of any size."""
    return f"tensor({tensor.dtype}, {list(tensor.shape)})"


def spell_param(param: Param) -> str:
    """Type and default of a param, such as `double = 0.7`; a list of values is `array<...>`."""
    kind = spell_type(param.type) if param.shape is None else f"array<{spell_type(param.type)}>"
    return f"{kind} = {json.dumps(param.default, sort_keys=True)}"


def parse_param(name: str | int, text: str) -> Param:
    """The param called `name` that `text` spells; Damaged where it spells none."""
    param_type, at = _read_type(text, 0)
    if isinstance(name, int) or not text.startswith(" = ", at):
        raise Damaged(f"{_shown(text)} is not how gitreg spells a param")
    try:
        default = json.loads(text[at + 3 :])
    except (ValueError, RecursionError):
        raise Damaged(f"{_shown(text)} has no default that JSON can read") from None
    if isinstance(param_type, Array):
        return Param(name, param_type.items, default, (-1,))
    return Param(name, param_type, default)


def spell_name(name: str | int) -> str:
    """The key that stands for a name; never one that stands for an index."""
    if isinstance(name, int):
        return f"[{name}]"
    plain = name.isprintable() and name and name[0] not in '["' and not (name.isascii() and name.isdecimal())
    return name if plain else _quote(name)


def _parse_name(key: str) -> str | int:
    label = _LABEL.fullmatch(key)
    if label:
        return int(label[1])
    return _unquote(key) if key.startswith('"') else key


def spell_type(value: Type) -> str:
    """`long`, `array<long>`, `map<long>`, `object{a: long, b: string?}`, `any`."""
    if isinstance(value, str):
        return value
    if isinstance(value, AnyType):
        return "any"
    if isinstance(value, Array):
        return f"array<{spell_type(value.items)}>"
    if isinstance(value, Map):
        return f"map<{spell_type(value.values)}>"
    members = sorted(value.properties, key=lambda member: member.name)
    return "object{" + ", ".join(_spell_member(member) for member in members) + "}"


def _spell_member(member: Property) -> str:
    name = member.name if _PLAIN.fullmatch(member.name) else _quote(member.name)
    return f"{name}: {spell_type(member.type)}" + ("" if member.required else "?")


def _read_type(text: str, at: int, depth: int = 1) -> tuple[Type, int]:
    """The type that begins at `at`, and where it ends."""
    if depth > DEEPEST:
        raise Damaged(f"a type in a signature is nested more than {DEEPEST} deep")
    if text.startswith("array<", at):
        inner, at = _read_type(text, at + 6, depth + 1)
        return Array(inner), _expect(text, at, ">")
    if text.startswith("map<", at):
        inner, at = _read_type(text, at + 4, depth + 1)
        return Map(inner), _expect(text, at, ">")
    if text.startswith("object{", at):
        return _read_object(text, at + 7, depth)
    word = _PLAIN.match(text, at)
    if word and word[0] == "any":
        return AnyType(), word.end()
    if word and (word[0] in SCALARS or word[0] == VECTOR):
        return word[0], word.end()
    raise Damaged(f"{_shown(text)} has no type at character {at + 1}")


def _read_object(text: str, at: int, depth: int) -> tuple[Object, int]:
    members = []
    while True:
        name = _QUOTED.match(text, at) or _PLAIN.match(text, at)
        if name is None:
            raise Damaged(f"{_shown(text)} has no property's name at character {at + 1}")
        member_type, at = _read_type(text, _expect(text, name.end(), ": "), depth + 1)
        required = not text.startswith("?", at)
        at += not required
        members.append(Property(_unquote(name[0]) if name[0][0] == '"' else name[0], member_type, required))
        if not text.startswith(", ", at):
            break
        at += 2
    at = _expect(text, at, "}")
    if len({member.name for member in members}) != len(members):
        raise Damaged(f"{_shown(text)} names a property twice")
    return Object(tuple(sorted(members, key=lambda member: member.name))), at


def _expect(text: str, at: int, mark: str) -> int:
    if not text.startswith(mark, at):
        raise Damaged(f"{_shown(text)} lacks {mark!r} at character {at + 1}")
    return at + len(mark)


def _quote(name: str) -> str:
    return json.dumps(name, ensure_ascii=not name.isprintable())


def _unquote(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        raise Damaged(f"{_shown(text)} is not valid JSON") from None
    if not isinstance(found, str):
        raise Damaged(f"{_shown(text)} is not a JSON string")
    return found


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else text[:80] + "...")
