"""What a store's plug-in raised, told apart: who you are, what is missing, what passes by itself.

Each plug-in has exceptions of its own, and none is imported here: the HTTP status, where there is one anywhere in the
chain of causes, says more than their names.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from gitreg.errors import GitregError, NotFound, Unreachable

_T = TypeVar("_T")

_WAITS = (0.5, 1.0, 2.0, 4.0)
"""Seconds to wait at most before each further try: full jitter, about 4 s on average and never more than 7.5 s."""

_SLOWEST = 64 << 10
"""Bytes a second that a transfer may fall to before it counts as dead."""

_DENIED = {401, 402, 403, 407}
_PASSING = {408, 421, 425, 429, 500, 502, 503, 504, 509, 520, 522, 524}
_WHO = re.compile(
    "Credential|PermissionDenied|KeyNotVerifiable|HostKey|TokenRetrieval|Unauthorized|Forbidden"
    "|AuthError|KeyImport|KeyEncryption|Passphrase"
)
_CUT = re.compile("Timeout|TimedOut|Disconnected|ConnectionLost|IncompleteRead|IncompleteBody|Payload|ConnectionClosed"
                  "|RemoteProtocol|ReadError|WriteError|ServiceRe|ConnectionReset|ChannelOpen|ResponseParser|BrokenPipe"
                  "|ContentLength|ChunkedEncoding|ProxyError|NoConnection|BadGateway|EndpointConnection")  # fmt: skip
_NOT_UP = re.compile("ConnectionRefused|gaierror|DNSError|ConnectorError|ConnectError|NewConnection")
_NO_STATUS = re.compile("ContentLength|PayloadEncoding|TransferEncoding|IncompleteRead")
"""What a plug-in raises when a reply ends early; some give it the status 400 themselves."""

_SECRET = re.compile(r"(?i)\b(sig|signature|token|password|secret|accountkey|sharedaccesssignature)=[^&;\s'\"]+")
_USER_INFO = re.compile(r"//[^/@\s]*@")


class Missing(Exception):
    """What was asked for is not there: an object, or all it lies in."""


class NoRanges(Exception):
    """The server sends whole objects only."""


class Ended(Exception):
    """The object ends before the bytes that were asked for."""


@dataclass(frozen=True)
class Answer:
    """`status` is HTTP's, 0 without one; `cut` means that it may pass by itself, `denied` that it asks who you are."""

    reason: str
    status: int = 0
    denied: bool = False
    missing: bool = False
    cut: bool = False
    late: bool = False


def read_answer(error: BaseException) -> Answer:
    """What an exception of a plug-in means."""
    chain = list(_causes(error))
    names = " ".join(cls.__name__ for each in chain for cls in type(each).__mro__[:-1])
    status = next((found for each in chain if (found := _status(each))), 0)
    reason = _reason(chain)
    late = "Timeout" in names or "TimedOut" in names
    if status:
        return Answer(reason, status, status in _DENIED, status in {404, 410}, status in _PASSING, late)
    if any(isinstance(each, PermissionError) for each in chain) or _WHO.search(names) or reason.startswith("Forbidden"):
        return Answer(reason, denied=True)
    if any(isinstance(each, FileNotFoundError) for each in chain) or "NotFound" in names or "NoSuchFile" in names:
        return Answer(reason, missing=True)
    if _NOT_UP.search(names):
        return Answer(reason)
    cut = bool(_CUT.search(names)) or any(isinstance(each, ConnectionError | TimeoutError | EOFError) for each in chain)
    return Answer(reason, cut=cut, late=late)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _status(error: BaseException) -> int:
    if type(error).__module__ == "aiohttp.http_exceptions":
        return 0  # the reply was cut or no HTTP: the number is the client's own word for that
    if _NO_STATUS.search(type(error).__name__):
        return 0
    response: object = getattr(error, "response", None)
    # `code` is looked at last: aiohttp warns of it.
    names = [name for name in ("status", "status_code") if getattr(error, name, None) is not None] or ["code"]
    found: list[object] = [getattr(error, name, None) for name in names]
    if isinstance(response, dict):
        found.append(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    elif response is not None:
        found += [getattr(response, "status_code", None), getattr(response, "status", None)]
    for value in found:
        with contextlib.suppress(TypeError, ValueError):
            status = int(str(value))
            if 400 <= status < 600:
                return status
    return 0


def _reason(chain: list[BaseException]) -> str:
    text = next((line.strip() for each in chain for line in str(each).splitlines() if line.strip()), "")
    text = text if text and text != "None" else type(chain[0]).__name__
    text = re.sub(r"^(\[Errno -?\d+\] )?(An error occurred .*? operation(?: \(.*?\))?: )?", "", text)
    return _USER_INFO.sub("//", _SECRET.sub(r"\1=...", text))[:300]


@dataclass(frozen=True)
class Asking:
    """Asks a store, `tries` times where what goes wrong may pass. `who` says whose credentials are used, for hints."""

    url: str
    who: str
    seconds: float
    tries: int = 1 + len(_WAITS)

    async def ask(self, verb: str, made: Callable[[], Awaitable[_T]], size: int = 0) -> _T:
        """What `made` gives, `size` bytes being moved.

        Missing where it is not there, Ended where it is shorter than asked for. Unreachable where the store refuses,
        or does not answer again and again.
        """
        left = list(_WAITS)[: self.tries - 1]
        while True:
            try:
                async with asyncio.timeout(self.seconds + size / _SLOWEST):
                    return await made()
            except (GitregError, Missing, NoRanges):
                raise
            except Exception as error:  # each plug-in raises kinds of its own
                answer = read_answer(error)
                if answer.missing:
                    raise Missing(answer.reason) from error
                if answer.status == 416:
                    raise Ended(answer.reason) from error
                if answer.late:
                    left = left[-1:]  # a time-out was wait enough
                if not answer.cut or not left:
                    raise self.named(answer, verb) from error
                await asyncio.sleep(random.uniform(0, left.pop(0)))

    def named(self, answer: Answer, verb: str) -> GitregError:
        """The error that a user reads."""
        if answer.denied:
            said = f" ({answer.status})" if answer.status else ""
            return Unreachable(f"{self.url} refused who you are{said}: {answer.reason}", f"used were {self.who}")
        hint = "check that it is up, then give the same command again"
        if answer.late:
            return Unreachable(f"cannot {verb} {self.url}: it took longer than {self.seconds:g} s", hint)
        return Unreachable(f"cannot {verb} {self.url}: {answer.reason}", hint)

    def no_container(self, container: str) -> GitregError:
        """The error where the bucket, container or folder that all lies in is not there."""
        return NotFound(f"there is no {container} for {self.url}", "make it there, or correct the address")
