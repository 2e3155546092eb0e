"""YAML, read with the caution that files from a stranger's repository ask for, and written one way.

Reading takes what PyYAML's safe loader takes (YAML 1.1, as MLflow reads MLmodel) with these limits: at most 1 MiB and
50 levels; one document; no anchors, aliases or merge keys, because a few hundred bytes of them unfold to gigabytes; no
key twice; no tag but those of plain data; times stay text. PyYAML is imported on first use only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from gitreg.errors import Damaged, Refused

if TYPE_CHECKING:
    import yaml

LIMIT = 1 << 20
"""Bytes of the largest YAML text that is read or written."""

Lines = dict[tuple[object, ...], int]
"""From the keys and positions that lead to a value, to the line (from 1) where it is named."""

_DEEPEST = 50
_LONGEST_NUMBER = 100  # beyond it, reading a number takes more than linear time
_LONGEST_KEY = 1000  # YAML's limit for a key before its colon is 1,024 characters
_CORE = "tag:yaml.org,2002:"
_NUMBERS = {_CORE + "int", _CORE + "float"}
_SCALAR_TAGS = {_CORE + name for name in ("str", "int", "float", "bool", "null")}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def load_yaml(text: str | bytes, what: str, *, strings: Collection[str] = ()) -> object:
    """The value that `text` holds: dict, list, str, int, float, bool or None.

    `strings` names keys of the top level under which plain scalars stay text, so that `run_id: 0123` is "0123".
    Damaged, naming `what` and the line, where the text is no YAML or breaks a limit.
    """
    return load_yaml_with_lines(text, what, strings=strings)[0]


def load_yaml_with_lines(text: str | bytes, what: str, *, strings: Collection[str] = ()) -> tuple[object, Lines]:
    """As `load_yaml`, and the line of every key and list item: `{("limits", "file"): 3, ("metrics", 0): 7}`."""
    import yaml

    reader = _Reader(_checked(text, what), what, strings)
    try:
        return reader.document(), reader.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise Damaged(f"{what}{where}: not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise Damaged(f"{what}: not valid YAML: {str(error).splitlines()[0]}") from None


def load_mapping(text: str | bytes, what: str, *, strings: Collection[str] = ()) -> dict[str, object]:
    """As `load_yaml`, for a text that must hold a mapping with text as keys."""
    return as_mapping(load_yaml(text, what, strings=strings), what)


def as_mapping(value: object, what: str) -> dict[str, object]:
    """`value`, if it is a mapping whose keys are text; otherwise Damaged, naming `what`."""
    if not isinstance(value, dict):
        raise Damaged(f"{what} is {kind(value)}, not a mapping")
    for key in value:
        if not isinstance(key, str):
            raise Damaged(f"{what}: the key {key!r} is {kind(key)}, not text", "put it in quotes")
    return value


def as_strings(value: object, what: str) -> tuple[str, ...]:
    """`value`, if it is a list of text; otherwise Damaged, naming `what`."""
    if not isinstance(value, list):
        raise Damaged(f"{what} is {kind(value)}, not a list")
    for item in value:
        if not isinstance(item, str):
            raise Damaged(f"{what} holds {kind(item)} where text should stand")
    return tuple(value)


def kind(value: object) -> str:
    """What `value` is, in the words of an error: "a number", "nothing", ..."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "a number"
    for known, name in ((str, "text"), (list, "a list"), (dict, "a mapping")):
        if isinstance(value, known):
            return name
    return type(value).__name__


def _checked(text: str | bytes, what: str) -> str:
    if isinstance(text, bytes):
        _check_size(len(text), what)
        try:
            text = text.decode()
        except UnicodeDecodeError as error:
            raise Damaged(f"{what} is not UTF-8: {error.reason} at byte {error.start}") from None
    else:
        try:
            _check_size(len(text.encode()), what)
        except UnicodeEncodeError:
            raise Damaged(f"{what} holds half a surrogate pair") from None
    return text.removeprefix("\ufeff")


def _check_size(size: int, what: str) -> None:
    if size > LIMIT:
        raise Damaged(f"{what} has {size} bytes; at most {LIMIT} are read as YAML")


class _Reader:
    """Makes one value from the parser's events, and refuses on the way, so nothing is ever unfolded."""

    def __init__(self, text: str, what: str, strings: Collection[str]) -> None:
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self.events: Iterator[yaml.Event] = yaml.parse(text, Loader=loader)
        self.what = what
        self.strings = frozenset(strings)
        self.lines: Lines = {}

    def document(self) -> object:
        import yaml

        value: object = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.damaged(event, "a second document begins")
                value = self.node(next(self.events), (), False)
        return value

    def damaged(self, event: yaml.Event, problem: str, hint: str = "") -> Damaged:
        return Damaged(f"{self.what}, line {_line(event)}: {problem}", hint)

    def node(self, event: yaml.Event, path: tuple[object, ...], as_text: bool) -> object:
        import yaml

        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self.damaged(event, "anchors and aliases are not accepted", "write the value out")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, as_text)
        if len(path) >= _DEEPEST:
            raise self.damaged(event, f"more than {_DEEPEST} levels")
        if isinstance(event, yaml.SequenceStartEvent):
            self.check_tag(event, "seq")
            return self.sequence(path, as_text)
        if isinstance(event, yaml.MappingStartEvent):
            self.check_tag(event, "map")
            return self.mapping(path, as_text)
        raise self.damaged(event, "a value is missing")

    def check_tag(self, event: yaml.CollectionStartEvent, expected: str) -> None:
        if event.tag not in (None, "!", _CORE + expected):
            raise self.damaged(event, f"the tag {event.tag} is not accepted", "only plain data is")

    def sequence(self, path: tuple[object, ...], as_text: bool) -> list[object]:
        import yaml

        found: list[object] = []
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            here = (*path, len(found))
            self.lines[here] = _line(event)
            found.append(self.node(event, here, as_text))
        return found

    def mapping(self, path: tuple[object, ...], as_text: bool) -> dict[object, object]:
        import yaml

        found: dict[object, object] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise self.damaged(event, "a key is not a plain value")
            key = self.node(event, path, as_text)
            if key == "<<" and event.implicit[0]:
                raise self.damaged(event, "merge keys are not accepted", "write the keys out")
            if key in found:
                raise self.damaged(event, f"the key {key!r} stands twice", "remove one of them")
            here = (*path, key)
            self.lines[here] = _line(event)
            found[key] = self.node(next(self.events), here, as_text or (not path and event.value in self.strings))
        return found

    def scalar(self, event: yaml.ScalarEvent, as_text: bool) -> object:
        text: str = event.value
        tag = event.tag
        if tag in (None, "!"):
            if tag == "!" or not event.implicit[0]:
                return text
            if as_text:
                return None if text in _NULLS else text
            tag = _plain_tag(text)
        elif tag not in _SCALAR_TAGS:
            raise self.damaged(event, f"the tag {tag} is not accepted", "only plain data is")
        if tag == _CORE + "str":
            return text
        if tag in _NUMBERS and len(text) > _LONGEST_NUMBER:
            raise self.damaged(event, f"a number of {len(text)} characters", "put it in quotes if it is text")
        try:
            return _construct(tag, text)
        except (ValueError, KeyError, IndexError):
            raise self.damaged(event, f"{text[:80]!r} is not of the type {tag.removeprefix(_CORE)}") from None


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _plain_tag(text: str) -> str:
    import yaml

    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return tag if tag in _SCALAR_TAGS else _CORE + "str"
    return _CORE + "str"


def _construct(tag: str, text: str) -> object:
    import yaml

    node = yaml.ScalarNode(tag, text)
    constructor = yaml.constructor.SafeConstructor()
    if tag == _CORE + "int":
        return constructor.construct_yaml_int(node)
    if tag == _CORE + "float":
        return constructor.construct_yaml_float(node)
    return constructor.construct_yaml_bool(node) if tag == _CORE + "bool" else None


def format_yaml(value: object, what: str, *, sort_keys: bool = True, allow_unicode: bool = False) -> str:
    """`value` as PyYAML's safe dumper writes it in block style, without aliases: what MLflow writes too.

    Refused, naming `what`, where a value is no plain data, or is more than `load_yaml` reads.
    """
    import yaml

    try:
        text: str = yaml.dump(
            value, Dumper=_dumper(), default_flow_style=False, sort_keys=sort_keys, allow_unicode=allow_unicode
        )
    except yaml.representer.RepresenterError as error:
        culprit = error.args[1] if len(error.args) > 1 else value
        hint = "hand over plain numbers, text, lists and dicts"
        raise Refused(f"{what} holds {type(culprit).__qualname__}, which YAML has no form for", hint) from None
    except RecursionError:
        raise Refused(f"{what} is nested too deep") from None
    except UnicodeEncodeError:
        raise Refused(f"{what} holds half a surrogate pair") from None
    if len(text.encode()) > LIMIT:
        raise Refused(f"{what} would have more than {LIMIT} bytes", "log what is large as a file of its own")
    return text


@cache
def _dumper() -> type[Any]:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Repeats a value that stands twice, as the reader takes no aliases."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def text_node(dumper: Dumper, text: str) -> yaml.ScalarNode:
        text.encode()  # a lone surrogate could be written, but never read
        if _BREAKS.search(text):  # PyYAML leaves these in single quotes, where reading folds them to spaces
            return dumper.represent_scalar(_CORE + "str", text, style='"')
        return dumper.represent_str(text)

    Dumper.add_representer(str, text_node)
    for tagged in (bytes, set):  # they have a form, with a tag that is not read
        Dumper.add_representer(tagged, Dumper.represent_undefined)
    return Dumper


# What may stand without quotes: text that no reader of YAML 1.1 or 1.2 takes for anything but itself.
_PLAIN = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./=<>+~!@()^%?$;*&|,{}\[\]'-]|:(?=[A-Za-z0-9/.])| (?=[^\s:#-]))*")
_READ_AS_OTHER = re.compile(
    r"(?i:null|true|false|yes|no|on|off|y|n|\.inf|\.nan)|[0-9.][0-9_,.:]*(?:[eE][-+]?[0-9_]*)?"
    r"|0(?:[xX][0-9a-fA-F_]*|[oO][0-7_]*|[bB][01_]*)|[0-9]{4}-.*"
)
_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def quote(text: str) -> str:
    """`text` in double quotes, as YAML and (but for rare characters) JSON read it: one line, whatever it holds."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(f"{text!r} holds half a surrogate pair") from None
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def scalar(text: str) -> str:
    """`text` as one YAML scalar in block style: plain where every reader takes it for this text, else quoted."""
    if _PLAIN.fullmatch(text) and not _READ_AS_OTHER.fullmatch(text):
        return text
    return quote(text)


def number(value: int | float) -> str:
    """A number as YAML 1.1 reads it (1e-07 is text there); NaN and infinities are text: "NaN", "-Infinity"."""
    if isinstance(value, int):
        return str(value)
    if value != value:
        return '"NaN"'
    if value in (float("inf"), float("-inf")):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def entry(indent: int, key: str, value: str) -> str:
    """One line of a block mapping; `value` is YAML already. A very long key takes YAML's longer form of two lines."""
    name, space = scalar(key), " " * indent
    if len(name) > _LONGEST_KEY:
        return f"{space}? {name}\n{space}: {value}\n"
    return f"{space}{name}: {value}\n"
