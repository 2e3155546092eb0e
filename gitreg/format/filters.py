"""The grammar of filters and orders: MLflow's search language, and what gitreg adds to it.

    metrics.accuracy >= 0.9 AND params.max_depth = '8' AND labels.`approved by` IS NOT NULL
    stage IN ('staging', 'production') AND created > '2026-11-01'

A filter is comparisons joined with AND; MLflow reads a missing or a doubled AND as one, and so does this. Text stands
in single or double quotes and is taken as it stands: as in MLflow, `''` is two characters. Keys with other characters
than letters, digits, `_` and `.` stand in backquotes or quotes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gitreg.errors import Refused
from gitreg.format.filter_keys import ATTRIBUTES, ENTITIES, Entity, Searched, kind_of, operators_of
from gitreg.format.filter_match import Comparison, Order, Record, Value, matches, needs, sort
from gitreg.format.semver import parse_semver
from gitreg.format.times import to_milliseconds

__all__ = [
    "Comparison",
    "Order",
    "Record",
    "format_filter",
    "format_order",
    "matches",
    "needs",
    "parse_filter",
    "parse_order_by",
    "sort",
]

# Inside quotes a doubled quote and a backslash before a quote do not end the text.
_INSIDE = {
    "`": r"(?:``|[^`])*+",
    '"': r'(?:""|\\"|\\(?!")|[^"\\])*+',
    "'": r"(?:''|\\'|\\(?!')|[^'\\])*+",
}
_BACKQUOTED, _DOUBLE, _SINGLE = (f"{quote}{inside}{quote}" for quote, inside in _INSIDE.items())
_PLAIN = r"\w+(?:\.\w+)*"
_NAME = re.compile(
    rf"(?P<word>\w+|{_BACKQUOTED})\.(?P<key>{_PLAIN}|{_BACKQUOTED}|{_DOUBLE}|{_SINGLE})|(?P<bare>\w+|{_BACKQUOTED}|{_DOUBLE})"
)
_OPERATOR = re.compile(r"[<>=!~]+|IS\s+NOT\s+NULL\b|IS\s+NULL\b|(?:NOT\s+)?[A-Z]+\b", re.IGNORECASE)
_TEXT = re.compile(f"{_DOUBLE}|{_SINGLE}")
_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])")
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_OPENING, _COMMA, _CLOSING = re.compile(r"\("), re.compile(","), re.compile(r"\)")
_AND = re.compile(r"AND\b", re.IGNORECASE)
_DIRECTION = re.compile(r"(?:ASC|DESC)\b", re.IGNORECASE)
_BLANK = re.compile(r"\s*")
_REST = re.compile(r"\S*")

# MLflow hides its prompts behind this tag and lets whatever lacks it pass for "false".
_PROMPT_TAG = "mlflow.prompt.is_prompt"
_NOT_A_PROMPT = frozenset({("=", "false"), ("!=", "true")})


@dataclass
class _Reader:
    """The text and how far it is read."""

    what: str
    text: str
    at: int = 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What `pattern` matches after any blanks, and move behind it; None, and only behind the blanks, otherwise."""
        self.at = _end(_BLANK, self.text, self.at)
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def done(self) -> bool:
        self.at = _end(_BLANK, self.text, self.at)
        return self.at == len(self.text)

    def rest(self) -> str:
        """The next piece of the text as a message shows it."""
        piece = self.text[self.at : _end(_REST, self.text, self.at)]
        return f"{piece[:40]!r}" if piece else "the end"

    def refused(self, message: str, hint: str = "", at: int | None = None) -> Refused:
        """The error to raise; characters count from 1."""
        return Refused(f"{self.what}, character {(self.at if at is None else at) + 1}: {message}", hint)


def parse_filter(text: str, entity: Searched) -> tuple[Comparison, ...]:
    """The comparisons that `text` joins, in their order; none where it is blank.

    `entity` is what will be searched: it decides which attributes there are. Raises Refused with the character, what
    is wrong there and what is allowed.
    """
    reader = _Reader("filter", text)
    found = []
    while not reader.done():
        if not reader.take(_AND):
            found.append(_parse_comparison(reader, entity))
    return tuple(found)


def parse_order_by(texts: Iterable[str], entity: Searched) -> tuple[Order, ...]:
    """One order for each of `texts`: a name as in a filter, then ASC (as without) or DESC. Refused otherwise."""
    orders = []
    for text in (texts,) if isinstance(texts, str) else texts:
        reader = _Reader("order", text)
        asked, key = _parse_name(reader, entity)
        direction = reader.take(_DIRECTION)
        if not reader.done():
            hint = "write one name in each order, as in metrics.accuracy DESC"
            raise reader.refused(f"expected ASC, DESC or the end, found {reader.rest()}", hint)
        orders.append(Order(asked, key, direction is not None and direction[0].upper() == "DESC"))
    return tuple(orders)


def format_filter(comparisons: Iterable[Comparison]) -> str:
    """The text that `parse_filter` reads back as `comparisons`. Refused for a value that no text can stand for."""
    return " AND ".join(map(_format_comparison, comparisons))


def format_order(order: Order) -> str:
    """The text that `parse_order_by` reads back as `order`."""
    return _format_name(order.entity, order.key) + (" DESC" if order.descending else "")


_NAME_HINTS = {
    "filter": "comparisons are NAME OPERATOR VALUE, joined with AND, without parentheses",
    "order": "an order is a NAME, then ASC or DESC or nothing",
}
_QUOTE_HINT = "a key with other characters than letters, digits, '_' and '.' stands in backquotes: params.`a-b`"


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _parse_comparison(reader: _Reader, searched: Searched) -> Comparison:
    entity, key = _parse_name(reader, searched)
    name = _format_name(entity, key)
    allowed = operators_of(entity, key)
    found = reader.take(_OPERATOR)
    if not found:
        hint = _QUOTE_HINT if not reader.done() else f"it takes {_listed(allowed)}"
        raise reader.refused(f"expected an operator after {name}, found {reader.rest()}", hint)
    operator = " ".join(found[0].upper().split())
    if operator not in allowed:
        raise reader.refused(f"{name} takes no {operator}", f"it takes {_listed(allowed)}", found.start())
    value = _parse_value(reader, entity, key, operator)
    prompt = searched != "runs" and (entity, key) == ("tags", _PROMPT_TAG) and (operator, value) in _NOT_A_PROMPT
    return Comparison(entity, key, operator, value, absent=prompt)


def _parse_name(reader: _Reader, searched: Searched) -> tuple[Entity, str]:
    found = reader.take(_NAME)
    if not found:
        raise reader.refused(
            f"expected a name such as metrics.accuracy, found {reader.rest()}",
            _NAME_HINTS[reader.what],
        )
    bare = found["bare"]
    if bare is not None and bare.upper() in ("OR", "NOT"):
        raise reader.refused(f"there is no {bare.upper()}", "comparisons can only be joined with AND", found.start())
    if bare is None:
        word = found["word"].strip("`")
        if word not in ENTITIES:
            hint = "it is one of metrics, params, tags, labels, attributes"
            raise reader.refused(f"there is no {word!r} to search", hint, found.start())
        entity = ENTITIES[word]
        key = _unquoted(found["key"])
    elif bare in ENTITIES and bare not in ATTRIBUTES[searched]:
        entity, key = ENTITIES[bare], ""
    else:
        entity, key = "attributes", _unquoted(bare)
    if not key:
        hint = f"write {entity}.KEY, without blanks around the dot"
        raise reader.refused(f"{entity} without a key", hint, found.start())
    if entity != "attributes":
        return entity, key
    if key not in ATTRIBUTES[searched]:
        known = ", ".join(sorted(set(ATTRIBUTES[searched].values())))
        raise reader.refused(
            f"{searched} have no attribute {key!r}",
            f"they have {known}; anything else is metrics.KEY, params.KEY, tags.KEY or labels.KEY",
            found.start(),
        )
    return entity, ATTRIBUTES[searched][key]


def _parse_value(reader: _Reader, entity: Entity, key: str, operator: str) -> Value:
    if operator in ("IS NULL", "IS NOT NULL"):
        return None
    if operator in ("IN", "NOT IN"):
        return _parse_list(reader, entity, key, operator)
    if kind_of(entity, key) in ("number", "time") and (found := reader.take(_NUMBER)):
        whole = entity != "metrics" and _WHOLE.fullmatch(found[0])
        return int(found[0]) if whole else float(found[0])
    if entity == "metrics":
        name = _format_name(entity, key)
        raise reader.refused(f"{name} is compared with a number, not with {reader.rest()}", "write 0.93 or -1e-3")
    return _parse_text(reader, entity, key, operator)


def _parse_text(reader: _Reader, entity: Entity, key: str, operator: str) -> str | int:
    """A quoted text as what `key` is compared with."""
    found = reader.take(_TEXT)
    if not found:
        if reader.text.startswith(("'", '"'), reader.at):
            raise reader.refused("a quote that is not closed", "close it; a quote after a backslash closes nothing")
        raise reader.refused(f"expected a text in quotes, found {reader.rest()}", "write 'text' or \"text\"")
    text, kind = found[0][1:-1], kind_of(entity, key)
    try:
        if kind == "time":
            return to_milliseconds(text)
        if kind == "version" and operator not in ("LIKE", "ILIKE"):
            parse_semver(text)
    except Refused as error:
        raise reader.refused(error.message, error.hint, found.start()) from None
    if kind == "number":
        if not _WHOLE.fullmatch(text):
            raise reader.refused(f"{key} is a number, not {text!r}", "write 7", found.start())
        return int(text)
    return text.upper() if kind == "status" else text


def _parse_list(reader: _Reader, entity: Entity, key: str, operator: str) -> tuple[str, ...]:
    texts: list[str] = []
    if not reader.take(_OPENING):
        raise reader.refused(f"expected a list after {operator}, found {reader.rest()}", "write ('a', 'b')")
    while not (texts and reader.take(_CLOSING)):
        texts.append(str(_parse_text(reader, entity, key, operator)))
        if not reader.take(_COMMA) and not _CLOSING.match(reader.text, reader.at):
            raise reader.refused(f"expected ',' or ')', found {reader.rest()}", "write ('a', 'b')")
    return tuple(texts)


def _format_comparison(comparison: Comparison) -> str:
    name, value = _format_name(comparison.entity, comparison.key), comparison.value
    if value is None:
        return f"{name} {comparison.operator}"
    if isinstance(value, tuple):
        return f"{name} {comparison.operator} ({', '.join(_quoted(text) for text in value)})"
    text = _quoted(value) if isinstance(value, str) else _format_number(value)
    return f"{name} {comparison.operator} {text}"


def _format_name(entity: Entity, key: str) -> str:
    return f"{entity}.{key if re.fullmatch(_PLAIN, key) else _quoted(key, '`' + chr(34) + chr(39))}"


def _format_number(value: float) -> str:
    if math.isnan(value):
        raise Refused("a filter cannot compare with NaN")
    if math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return repr(value).replace("e+", "e")


def _quoted(text: str, quotes: str = "'\"") -> str:
    for quote in quotes:
        quoted = quote + text + quote
        if re.fullmatch(quote + _INSIDE[quote] + quote, quoted):
            return quoted
    raise Refused(f"{text!r} cannot be written in a filter", "it holds both kinds of quotes, or ends in a backslash")


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in ("`", '"', "'") else text


def _listed(names: tuple[str, ...]) -> str:
    return " ".join(names[:-1]) + f" or {names[-1]}" if len(names) > 1 else names[0]
