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
_ELLIPSIS = "…"


@dataclass(frozen=True)
class Column:
    """A column: its head, `right` where it holds numbers, and the colours that its cells have on a terminal.

    `colours` maps what stands in a cell to a colour; "" is the colour of any other.
    """

    head: str
    right: bool = False
    colours: Mapping[str, str] = field(default_factory=dict)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print the table; columns without any content are left out. Cut to the terminal's width, and only there."""
    width = shutil.get_terminal_size().columns if on_terminal() else None
    for line in format_table(columns, rows, width):
        click.echo(line, color=False if os.environ.get("NO_COLOR") else None)


def format_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None = None) -> list[str]:
    """The lines of the table, heads first. Where `width` is given, the widest columns are cut until a line fits."""
    cells = [[_one_line(cell) for cell in row] for row in rows]
    kept = [at for at in range(len(columns)) if any(row[at] for row in cells)]
    heads = [columns[at].head for at in kept]
    table = [heads, *([row[at] for at in kept] for row in cells)]
    widths = [max(map(display_width, column)) for column in zip(*table, strict=True)]
    if width is not None:
        _fit(widths, width)
    lines = []
    for number, row in enumerate(table):
        parts = [
            _cell(text, size, columns[at], head=number == 0, last=place == len(kept) - 1)
            for place, (text, size, at) in enumerate(zip(row, widths, kept, strict=True))
        ]
        lines.append(_GAP.join(parts).rstrip(" "))
    return lines


def _fit(widths: list[int], width: int) -> None:
    """Take from the widest column, one by one, until all of them fit into `width`."""
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while over > 0 and widths and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
        over -= 1


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
