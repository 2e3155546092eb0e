"""Tables: columns as wide as what is in them; on a terminal no wider than it."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import click

from gitreg.cli._words import on_terminal

_GAP = "  "
_NARROWEST = 6
_READABLE = 16
_ELLIPSIS = "…"


@dataclass(frozen=True)
class Column:
    """A column: its head, `right` where it holds numbers, and the colours that its cells have on a terminal.

    `colours` maps what stands in a cell to a colour; "" is the colour of any other. On a narrow terminal a `whole`
    column is never cut, and the `spare` ones are left out, the last one first, before others are cut short.
    """

    head: str
    right: bool = False
    colours: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    spare: bool = False


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print the table; columns without any content are left out. Cut to the terminal's width, and only there."""
    width = shutil.get_terminal_size().columns if on_terminal() else None
    for line in format_table(columns, rows, width):
        click.echo(line, color=False if os.environ.get("NO_COLOR") else None)


def format_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None = None) -> list[str]:
    """The lines of the table, heads first. Where `width` is given, columns go or are cut until a line fits."""
    cells = [[_one_line(cell) for cell in row] for row in rows]
    kept = [at for at in range(len(columns)) if any(row[at] for row in cells)]
    sizes = {at: max(display_width(columns[at].head), *(display_width(row[at]) for row in cells)) for at in kept}
    if width is not None:
        kept = _without_spare(columns, sizes, width)
        _cut(columns, kept, sizes, width)
    widths = [sizes[at] for at in kept]
    table = [[columns[at].head for at in kept], *([row[at] for at in kept] for row in cells)]
    lines = []
    for number, row in enumerate(table):
        parts = [
            _cell(text, size, columns[at], head=number == 0, last=place == len(kept) - 1)
            for place, (text, size, at) in enumerate(zip(row, widths, kept, strict=True))
        ]
        lines.append(_GAP.join(parts).rstrip(" "))
    return lines


def _without_spare(columns: Sequence[Column], sizes: Mapping[int, int], width: int) -> list[int]:
    """The columns that stay: the last spare one goes while the others could not be read in `width`."""
    kept = list(sizes)
    spare = [at for at in kept if columns[at].spare]
    while spare and _over([sizes[at] if columns[at].whole else min(sizes[at], _READABLE) for at in kept], width) > 0:
        kept.remove(spare.pop())
    return kept


def _cut(columns: Sequence[Column], kept: Sequence[int], sizes: dict[int, int], width: int) -> None:
    """Take from the widest column that may be cut, one by one, until all of them fit into `width`."""
    over = _over([sizes[at] for at in kept], width)
    while over > 0:
        widest = max((at for at in kept if not columns[at].whole), key=lambda at: sizes[at], default=None)
        if widest is None or sizes[widest] <= _NARROWEST:
            return
        sizes[widest] -= 1
        over -= 1


def _over(widths: Sequence[int], width: int) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1) - width


def _cell(text: str, size: int, column: Column, *, head: bool, last: bool) -> str:
    whole, text = text, cut(text, size)
    padding = " " * (size - display_width(text))
    if head:
        text = click.style(text, bold=True)
    elif colour := column.colours.get(whole) or column.colours.get(""):
        text = click.style(text, fg=colour)
    if column.right:
        return padding + text
    return text if last else text + padding


def cut(text: str, size: int) -> str:
    """`text`, ended with an ellipsis where it is wider than `size`."""
    if display_width(text) <= size:
        return text
    while text and display_width(text) > size - 1:
        text = text[:-1]
    return text.rstrip(" ") + _ELLIPSIS


def display_width(text: str) -> int:
    """How many places of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_places(character) for character in text)


def _places(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _one_line(text: str) -> str:
    """Text of others as one line without control characters, which a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else ("�" if c not in "\n\t\r" else " ") for c in text)


def printable(text: str) -> str:
    """Text of others as it may be shown: line ends stay, other control characters do not."""
    return "\n".join(map(_one_line, text.split("\n")))
