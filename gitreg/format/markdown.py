"""Markdown in which what others wrote stays text: it makes no table, heading, link, mention or HTML.

Names and values are code, which no forge looks for mentions, links or numbers of issues in. Prose is escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_NOT_PLAIN = re.compile(r"[`|\\]")
_ESCAPED = {"&": "&amp;", "<": "&lt;", "|": "&#124;", "$": "&#36;"} | {c: f"\\{c}" for c in "\\`*[]~"}
_UNDERSCORES = re.compile(r"_+")
_LINKING = re.compile(
    r"(?:\S*(?:://|\bwww\.|\bmailto:)\S*|[\w.+-]*[@#~%]\w(?:[\w./-]*\w)?|[!&$]\d+)+", re.IGNORECASE | re.ASCII
)
"""What forges make links of, or tell people by: it is shown as code, in which they do not look."""
_BEGINS = re.compile(r"([-+=#:>]|\d+(?=[.)]))")
_LONGEST = 300  # characters of a name or value
_LONGEST_TEXT = 4000


def clean(text: str) -> str:
    """`text` in one line, without characters that cannot be seen or that turn the order of others."""
    shown = ("�" if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} else c for c in " ".join(text.split()))
    return "".join(shown)


def code(text: str, longest: int = _LONGEST) -> str:
    """`text` as it stands, in the type of code; "" for an empty one."""
    one = _cut(clean(text), longest)
    if not one:
        return ""
    if not _NOT_PLAIN.search(one):
        return f"`{one}`"
    return f"<code>{''.join(_entity(c) for c in one)}</code>"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _entity(character: str) -> str:
    return character if character.isalnum() or character in " .,;+-/…" else f"&#{ord(character)};"


def prose(text: str) -> str:
    """One line of what somebody wrote, as text; what a forge would make a link of is code."""
    one, parts, at = _cut(clean(text), _LONGEST_TEXT), list[str](), 0
    for found in _LINKING.finditer(one):
        parts += [_escaped(one[at : found.start()]), code(found[0])]
        at = found.end()
    line = "".join([*parts, _escaped(one[at:])])
    begins = _BEGINS.match(line)
    if begins is None:
        return line
    return f"{begins[1]}\\{line[begins.end() :]}" if begins[1].isdigit() else f"\\{line}"


def _escaped(text: str) -> str:
    return _UNDERSCORES.sub(_outside_words, "".join(_ESCAPED.get(c, c) for c in text))


def _outside_words(run: re.Match[str]) -> str:
    """Underscores make emphasis, but not inside a word."""
    around = run.string[run.start() - 1 : run.start()], run.string[run.end() : run.end() + 1]
    return run[0] if all(c.isalnum() for c in around) else "\\_" * len(run[0])


def quoted(text: str) -> list[str]:
    """Lines of a quotation of several lines of prose."""
    lines = [prose(line) for line in _cut(text.strip(), _LONGEST_TEXT).splitlines()]
    return [f"> {line}  " if line else ">" for line in lines]


def row(cells: Iterable[str]) -> str:
    """One row of a table; the cells are Markdown of one line."""
    return f"| {' | '.join(cells)} |"


def head(names: Sequence[str]) -> list[str]:
    """The first two rows of a table."""
    return [row(names), row("---" for _ in names)]


def fenced(text: str, language: str = "") -> str:
    """`text` as a block of code that nothing in it can end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
