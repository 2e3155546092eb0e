"""A registered model's card, `models/<model>.md`: YAML between two lines of dashes, then prose (docs/format.md 1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitreg.errors import Damaged, Refused
from gitreg.format.names import check_model_name
from gitreg.format.yamltext import as_mapping, as_strings, format_yaml, kind, load_yaml

_FENCE = "---"
_STRINGS = ("title", "description", "tags", "owners")


@dataclass(frozen=True)
class Card:
    """What people write about a model. `title` is any name for people; `extra` keeps keys that are not known here.

    `prose` is Markdown with LF line ends.
    """

    title: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    prose: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)


def card_path(model: str) -> str:
    """Where the card of `model` lies on main."""
    return f"models/{check_model_name(model)}.md"


def parse_card(text: str, what: str = "card") -> Card:
    """The card in `text`; without a first line of dashes all of it is prose. Damaged, naming `what`, where it is wrong.

    Tags may also be a list of words.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if text != _FENCE and not text.startswith(_FENCE + "\n"):
        return Card(prose=text)
    lines = text.split("\n")
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise Damaged(f"{what}: the line of dashes that ends its facts is missing", "add a line --- before the prose")
    # The first fence stays, as the start of a YAML document, so that the lines of errors are the file's.
    value = load_yaml("\n".join(lines[:end]) + "\n", what, strings=_STRINGS)
    facts = as_mapping({} if value is None else value, what)
    prose = "\n".join(lines[end + 1 :]).removeprefix("\n")
    return Card(
        title=_text(facts, "title", what),
        description=_text(facts, "description", what),
        tags=_tags(facts.get("tags"), f"{what}: tags"),
        owners=as_strings(facts.get("owners") or [], f"{what}: owners"),
        prose=prose,
        extra={key: item for key, item in facts.items() if key not in _STRINGS},
    )


def format_card(card: Card, what: str = "card") -> str:
    """The text of `card`; empty facts are left out. Refused where the facts are no plain data."""
    facts: dict[str, object] = {}
    if card.title:
        facts["title"] = card.title
    if card.description:
        facts["description"] = card.description
    if card.tags:
        facts["tags"] = dict(card.tags)
    if card.owners:
        facts["owners"] = list(card.owners)
    known = facts.keys() & card.extra.keys()
    if known:
        raise Refused(f"{what}: {min(known)} is given twice")
    facts |= card.extra
    prose = card.prose.replace("\r\n", "\n").replace("\r", "\n")
    front = format_yaml(facts, what, sort_keys=False, allow_unicode=True) if facts else ""
    if not front and prose != _FENCE and not prose.startswith((_FENCE + "\n", "\ufeff")):
        return prose
    return f"{_FENCE}\n{front}{_FENCE}\n" + (f"\n{prose}" if prose else "")


def _text(facts: Mapping[str, object], key: str, what: str) -> str:
    value = facts.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Damaged(f"{what}: {key} is {kind(value)}, not text")
    return value


def _tags(value: object, what: str) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, list):
        return dict.fromkeys(as_strings(value, what), "")
    found: dict[str, str] = {}
    for key, item in as_mapping(value, what).items():
        if item is not None and not isinstance(item, str):
            raise Damaged(f"{what}: {key} is {kind(item)}, not text")
        found[key] = item or ""
    return found
