"""The block of `Key: value` lines that ends a commit's or tag's message.

gitreg parses it without git's help: git finds no trailers behind a signature, and lets a value forge a line.
The rules (docs/format.md 1.6): cut at the last signature header, the last paragraph is the block, every line of it
is a trailer, each key stands once, no control characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gitreg.errors import Damaged, Refused

_SIGNATURES = (
    "-----BEGIN PGP SIGNATURE-----",
    "-----BEGIN SSH SIGNATURE-----",
    "-----BEGIN PGP MESSAGE-----",
    "-----BEGIN SIGNED MESSAGE-----",
)
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Message:
    """A message: its first line, prose (may be empty) and trailers in the order they stand."""

    subject: str
    body: str
    trailers: Mapping[str, str]


def cut_signature(text: str) -> str:
    """`text` up to the last signature header that begins a line, or all of it."""
    cut = max((at for at in (_last_line_start(text, header) for header in _SIGNATURES)), default=-1)
    return text[:cut] if cut >= 0 else text


def _last_line_start(text: str, header: str) -> int:
    at = text.rfind("\n" + header)
    if at >= 0:
        return at + 1
    return 0 if text.startswith(header) else -1


def parse_trailers(text: str) -> dict[str, str] | None:
    """The trailers that end `text`, or None where its last paragraph is no such block.

    Damaged where a key stands twice or a value holds a control character.
    """
    if "-----BEGIN " in text:
        text = cut_signature(text)
    text = text.rstrip("\n")
    block = text[text.rfind("\n\n") + 2 :] if "\n\n" in text else text
    found: dict[str, str] = {}
    for line in block.split("\n"):
        key, colon, value = line.partition(": ")
        if not colon:
            key, colon, value = line.partition(":")
        if not colon or not _KEY.fullmatch(key):
            return None
        if key in found:
            raise Damaged(f"trailer {key} stands twice")
        found[key] = value
    if _CONTROL.search(block) or "\t" in block:
        raise Damaged("a trailer holds a control character")
    return found


def parse_message(text: str) -> Message:
    """`text` apart: subject, prose, trailers. Damaged where the trailers are invalid or missing."""
    trailers = parse_trailers(text)
    if trailers is None:
        raise Damaged("the message does not end with trailers")
    text = cut_signature(text).rstrip("\n")
    head = text[: text.rfind("\n\n")] if "\n\n" in text else ""
    subject, _, body = head.partition("\n\n")
    return Message(subject, body, trailers)


def format_message(message: Message) -> str:
    """The text of `message`. Refused where it would not be read back the same."""
    for key, value in message.trailers.items():
        if not _KEY.fullmatch(key):
            raise Refused(f"bad trailer key {key!r}")
        if "\n" in value or "\t" in value or _CONTROL.search(value):
            raise Refused(f"the value of {key} holds a line break or a control character", "remove it")
    if not message.trailers:
        raise Refused("a message needs at least one trailer")
    if "\n" in message.subject or not message.subject.strip() or _CONTROL.search(message.subject):
        raise Refused(f"bad subject {message.subject!r}", "write it in one line")
    check_prose(message.body)
    block = "\n".join(f"{key}: {value}" for key, value in message.trailers.items())
    return "\n\n".join(part for part in (message.subject, message.body, block) if part) + "\n"


def check_prose(text: str) -> str:
    """`text`, if it may stand as a description; Refused for signature headers and control characters."""
    if any(_last_line_start(text, header) >= 0 for header in _SIGNATURES):
        raise Refused("the description holds the header of a signature", "indent that line")
    if _CONTROL.search(text):
        raise Refused("the description holds a control character", "remove it")
    if text != text.strip("\n"):
        raise Refused("the description begins or ends with an empty line", "remove it")
    return text


def clean_prose(text: str) -> str:
    """`text` as a description is kept: LF line ends, no trailing white space, no empty line at either end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return check_prose("\n".join(lines).strip("\n"))
