"""What a forge answered, and what its refusals mean."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gitreg.errors import Conflict, GitregError, NotFound, Refused, Unreachable

_USUAL = {"https": 443, "http": 80}
_TOLD = 300  # characters of what a forge says


@dataclass(frozen=True)
class Token:
    """A secret, and where it was found: a variable's name, or git's credential helper."""

    secret: str = field(repr=False)
    source: str


class NotAllowed(Conflict):
    """The forge's own rules do not allow it now (405): a review or a check that it wants is missing."""


class MovedOn(Conflict):
    """The thing has changed meanwhile (409)."""


@dataclass(frozen=True)
class Answer:
    """One answer; the names of its headers are in lower case."""

    code: int
    headers: Mapping[str, str]
    content: bytes
    location: str = ""
    next_page: str = ""

    @property
    def retry_after(self) -> float:
        """How many seconds the server wants to be left alone."""
        given = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"\d{1,6}", given):
            return float(given)
        reset = self.headers.get("x-ratelimit-reset", "").strip()
        if self.headers.get("x-ratelimit-remaining") == "0" and re.fullmatch(r"\d{1,12}", reset):
            return max(0.0, float(reset) - time.time())
        return 0.0

    @property
    def limited(self) -> bool:
        """Whether it was asked too often; GitHub says 403 of that too."""
        told = "retry-after" in self.headers or self.headers.get("x-ratelimit-remaining") == "0"
        return self.code == 429 or (self.code == 403 and told)

    def value(self, host: str, forge: str) -> object:
        """The JSON in it, None of an empty one; Unreachable where it is something else, such as a page for people."""
        if not self.content.strip():
            return None
        try:
            found: object = json.loads(self.content)
        except (ValueError, RecursionError):
            raise self._strange(host, forge) from None
        return found

    def listed(self, host: str, forge: str) -> list[dict[str, object]]:
        """The list of objects in it."""
        found = self.value(host, forge)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise self._strange(host, forge)
        return found

    def _strange(self, host: str, forge: str) -> Unreachable:
        kind = self.headers.get("content-type", "").partition(";")[0].strip()
        sent = "a page for people" if kind == "text/html" else "something else" if kind.endswith("json") else kind
        return Unreachable(
            f"{host} does not answer as {forge} does: it sent {sent or 'something without a type'}",
            "is this its address? git config gitreg.forgeUrl",
        )


def error_of(answer: Answer, host: str, token: Token | None) -> GitregError:
    """What an answer of 400 or more means to whoever sent `token`; what it repeats of that is left out."""
    said, code, source = _message(answer), answer.code, token.source if token else ""
    said = said.replace(token.secret, "...") if token else said
    told = f"{host} answers {code}" + (f": {said}" if said else "")
    if answer.limited:
        wait = answer.retry_after
        return Unreachable(
            f"{told} (too many requests)", f"try again in {wait:.0f} seconds" if wait else "try again later"
        )
    if code in {401, 407}:
        used = f"{source} was used: is it valid there?" if source else "no token was found: docs/forges.md tells where"
        return Refused(f"{told} (it does not know who you are)", used)
    if code == 403:
        hint = f"see which scopes {source} has: docs/forges.md lists them" if source else "set a token: docs/forges.md"
        return Refused(f"{told} (you may not)", hint)
    if code in {404, 410}:
        hint = "" if source else "a private repository looks like this without a token that may see it"
        return NotFound(told, hint or f"does {source} see this repository, and is this its address?")
    if code == 405:
        return NotAllowed(f"{told} (its rules do not allow it now)", "gitreg pr show tells what is missing")
    if code == 409:
        return MovedOn(
            f"{told} (something has changed meanwhile)", "look at it again, then give the same command again"
        )
    if code < 500 and code != 408:
        return Conflict(told)
    return Unreachable(told, "it is not well: try again later")


def root_of(error: BaseException) -> BaseException:
    """The error of the operating system that requests wraps several times, where there is one."""
    found, seen = error, 0
    while seen < 12 and not (isinstance(found, OSError) and found.strerror):
        inner = [getattr(found, "reason", None), *found.args, found.__cause__, found.__context__]
        found = next((one for one in inner if isinstance(one, BaseException)), found)
        seen += 1
    return found


def reason_of(error: BaseException) -> str:
    """Why nobody answers: the operating system's words, else the kind of error."""
    root = root_of(error)
    return root.strerror if isinstance(root, OSError) and root.strerror else type(root).__name__


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or _USUAL.get(parts.scheme)
    except ValueError:
        return "", "", None


def _message(answer: Answer) -> str:
    """What the forge says is wrong, in one line; "" where it says it in HTML."""
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    parts = [_flat(found.get(key)) for key in ("message", "error", "errors", "error_description")]
    return re.sub(r"[\x00-\x1f\x7f]", " ", " ".join(filter(None, parts)))[:_TOLD]


def _flat(value: object) -> str:
    if isinstance(value, dict):
        told = [f"{key}: {_flat(item)}" if isinstance(item, list) else _flat(item) for key, item in value.items()]
        return ", ".join(filter(None, told))
    if isinstance(value, list):
        return "; ".join(filter(None, map(_flat, value)))
    return " ".join(str(value).split()) if value not in (None, "") else ""
